"""Models by name: a shipped one ("pocket"), a training run, a folder or a Hub id; loaded with their processors."""

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.checkpoints import cannot_load, refuse_kernels, without_code
from ovt.core.errors import OvtError
from ovt.core.files import find_folder
from ovt.core.hashing import hash_weights
from ovt.core.home import Home
from ovt.core.registry import WEIGHTS
from ovt.core.text import did_you_mean, without_secrets
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.versions.read import HUB_PART
from ovt.evaluation.evaluate import embedded_endpoint, endpoint_at
from ovt.train.adapters import ADAPTER, adapter_base, merged, refuse_adapter
from ovt.train.pixels import limit_pixels
from ovt.train.runs import open_finished, run_names

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, ProcessorMixin

# What others load beside the weights: the base model's own files, copied to every checkpoint byte for byte.
PROCESSOR_FILES = (
    "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "chat_template.jinja",
    "chat_template.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "tokenizer.model", "generation_config.json",
)  # fmt: skip
HUB_ID = re.compile(rf"(?!.*(?:--|\.\.|\.git$)){HUB_PART}/{HUB_PART}")


def resolve_model(ref: str, home: Home) -> str:
    """The location of a model: shipped weights ("pocket", "pocket-vl"), a run's model folder, a folder or a Hub id.

    OvtError if `ref` is none of these, or a run without a model.
    """
    if ref in WEIGHTS:
        return str(WEIGHTS.get(ref))
    if ref in run_names(home):
        return str(open_finished(ref, home).model)
    if folder := find_folder(ref):
        if not ((folder / "config.json").is_file() or (folder / ADAPTER).is_file()):
            raise OvtError(f"no model in {ref}: expected a folder with config.json, or a LoRA adapter's")
        return str(folder)
    if HUB_ID.fullmatch(ref):
        return ref
    give = "give pocket, a run's name, a folder or a Hub id such as owner/name"
    hint = did_you_mean(ref, [*WEIGHTS.names(), *run_names(home)], give)
    raise OvtError(f"no model at {without_secrets(ref)!r}: {hint}")


def model_endpoint(model: str, served_as: str | None, revision: str | None, home: Home) -> EndpointSection:
    """Where a model answers: at a server's URL, or in this process (`resolve_model`), with known weights."""
    if model.startswith(("http://", "https://")):
        return endpoint_at(model, served_as, revision)
    return embedded_endpoint(resolve_model(model, home), Path(model).name)


def load_model(
    where: str,
    *,
    dtype: "torch.dtype | str" = "auto",
    attn_implementation: str | None = None,
    quantization: str | None = None,
) -> "PreTrainedModel":
    """The vision-language model at a location (`resolve_model`), on the CPU; a LoRA adapter is merged into its base.
    quantization: "nf4", on a GPU.

    OvtError if there is none, or it reads no images.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, BitsAndBytesConfig
    from transformers.utils import logging

    base = adapter_base(where)
    load_config(where)
    logging.disable_progress_bar()
    chosen: dict[str, Any] = {"attn_implementation": attn_implementation} if attn_implementation else {}
    if quantization:
        chosen["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type=quantization, bnb_4bit_compute_dtype="bfloat16"
        )
    try:
        refuse_adapter(base or where)
        model = AutoModelForImageTextToText.from_pretrained(
            base or where, dtype=dtype, trust_remote_code=False, **chosen
        )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise cannot_load(base or where, "as a vision-language model", error) from error
    return merged(model, where) if base else model


def load_processor(where: str, max_pixels: int | None = None) -> "ProcessorMixin":
    """The processor of a model, for images of at most `max_pixels` (`pixels.limit_pixels`).

    Without torchvision, which the parts for videos need, one for images only. OvtError if there is none, or no chat
    template, or a package is missing.
    """
    where = processor_home(where)
    try:
        processor = open_processor(where)
    except ImportError as error:
        raise OvtError(f"{where} cannot be read here: {needed(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise cannot_load(where, "as a processor", error) from error
    if not getattr(processor, "image_processor", None):
        raise OvtError(f"{where} has no image processor: ovt trains vision-language models; choose one")
    if not processor.chat_template:
        raise OvtError(
            f"{where} has no chat template: add chat_template.jinja to its folder, or choose an instruct model"
        )
    if max_pixels is not None:
        limit_pixels(processor, max_pixels)
    return processor


def open_processor(where: str) -> Any:
    """AutoProcessor's; where torchvision is missing, its family's without the part for videos."""
    from transformers import AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name
    from transformers.utils import is_torchvision_available

    if not is_torchvision_available():
        named = PROCESSOR_MAPPING_NAMES.get(load_config(where).model_type)
        family: Any = processor_class_from_name(named) if named else None
        if family and "video_processor" in getattr(family, "get_attributes", list)():
            return images_only(family).from_pretrained(where, trust_remote_code=False)
    return AutoProcessor.from_pretrained(where, trust_remote_code=False)


def images_only(family: Any) -> Any:
    """A family's processor class without its part for videos, which is its third argument."""

    class ImagesOnly(family):
        video_processor = None

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in super().get_attributes() if name != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args, processor_dict, **kwargs):
            told = {name: value for name, value in processor_dict.items() if name != "video_processor"}
            return super().from_args_and_dict([*args, None], told, **kwargs)

        def check_argument_for_proper_class(self, argument_name, argument):
            return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)

    return ImagesOnly


def needed(error: ImportError) -> str:
    """What to install for a transformers class that says what it requires."""
    said = str(error)
    if "torchvision" in said.lower():
        return "its processor needs torchvision: pip install 'ovt[torchvision]'"
    if package := re.search(r"pip install ([\w.-]+)", said):
        return f"its processor needs {package[1]}: pip install {package[1]}"
    return " ".join(said.split())[:300]


def load_config(where: str) -> "PreTrainedConfig":
    """The configuration of the model at this location, or of an adapter's base.

    OvtError if there is none, or one that only the model's own code can read.
    """
    from transformers import AutoConfig

    base = adapter_base(where) or where
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    except (OSError, ValueError, ImportError, RecursionError) as error:
        raise cannot_load(base, "as a model", error) from error
    refuse_kernels(base, config)
    return config


def generation_settings(where: str) -> Any:
    """A model's own settings for generation, or those that its configuration implies."""
    from transformers import GenerationConfig

    base = adapter_base(where) or where
    try:
        return GenerationConfig.from_pretrained(base)
    except OSError:
        return GenerationConfig.from_model_config(load_config(base))


def ending_tokens(generation: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a response: those of a model's generation settings, and the tokenizer's."""
    ends = generation.eos_token_id if generation else None
    several = ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in (*several, tokenizer.eos_token_id) if end is not None)


def weights_revision(where: str) -> str | None:
    """Identifies the weights: a hash over a folder's files, or the commit of a Hub repository (None offline)."""
    if Path(where).is_dir():
        return hash_weights(Path(where))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    try:
        return HfApi().model_info(where).sha
    except (HTTPError, OSError):  # the Hub's answers, a connection that fails, HF_HUB_OFFLINE
        return None


def copy_processor(where: str, folder: Path) -> None:
    """Copy the base model's own processor, tokenizer and generation files beside weights, byte for byte, except for
    the Python that they may name.

    Files written by the trainer are removed: they carry this run's image limit, and class names and keys that older
    releases of transformers (vLLM's) do not know.
    """
    for name in PROCESSOR_FILES:
        (folder / name).unlink(missing_ok=True)
    for path in processor_paths(where):
        shutil.copyfile(path, folder / path.name)
    for path in folder.glob("*config.json"):
        text = path.read_text(encoding="utf-8")
        if "auto_map" in text:
            kept = without_code(json.loads(text))
            path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def processor_home(where: str) -> str:
    """Where a model's processor is: with the model, or with the base of an adapter that came without one."""
    base = adapter_base(where)
    beside = any((Path(where) / name).is_file() for name in PROCESSOR_FILES)
    return base if base and not beside else where


def processor_paths(where: str) -> list[Path]:
    """The processor files of a model, in its folder or in the Hub's cache."""
    from transformers.utils import cached_file

    where = processor_home(where)
    if Path(where).is_dir():
        return [path for name in PROCESSOR_FILES if (path := Path(where) / name).is_file()]
    found = [cached_file(where, name, _raise_exceptions_for_missing_entries=False) for name in PROCESSOR_FILES]
    return [Path(path) for path in found if path]
