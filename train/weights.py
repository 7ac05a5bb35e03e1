"""Loads weights into a trainer, and turns its checkpoints into models that others can load.

This bypasses the trainer's own loading of weights, which for Qwen2.5-VL and its like loads nothing and only warns
about it: checkpoints are saved under the names of the Hub's files, and read back without translating them
(transformers issues 43701 and 40187).
"""

import json
import logging
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.files import new_folder, replacing
from ovt.core.home import Home
from ovt.train import devices, runs
from ovt.train.adapters import ADAPTER, adapter_base
from ovt.train.arguments import check_targets
from ovt.train.models import copy_processor, load_config, load_model, weights_revision
from ovt.train.publish import wrap_up
from ovt.train.runs import Run, open_finished
from ovt.train.settings import LoraSection, TrainerSection

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, Trainer

CARRIED = "model-carried-over.safetensors"
IN_VISION = re.compile(r"\b(visual|vision_tower|vision_model|vision_encoder|image_tower)\b")  # names of its layers
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", ADAPTER)


def prepare_model(where: str, settings: TrainerSection, checkpoint: Path | None) -> "PreTrainedModel":
    """The model to train, from the checkpoint or its original location; float32, for steps far smaller than bfloat16
    can resolve; a frozen base in its own type.
    """
    import warnings

    import torch

    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)  # TRL and peft use it
    if settings.lora and adapter_base(where):
        raise OvtError(
            f"{where} is a LoRA adapter itself: merge it first (`ovt train merge`), then train on the result"
        )
    if checkpoint and not settings.lora:
        model = load_checkpoint(checkpoint, settings.attn_implementation)
    else:
        dtype = "auto" if settings.lora and devices.on_accelerator() else torch.float32
        model = load_model(
            where,
            dtype=dtype,
            attn_implementation=settings.attn_implementation,
            quantization=settings.quantization,
        )
    if settings.lora:
        check_targets(settings.lora, model)
    if settings.freeze_vision_tower:
        model.get_encoder(modality="image").requires_grad_(False)
    return model


def prepare_policy(run: Run, where: str, settings: TrainerSection, checkpoint: Path | None) -> "PreTrainedModel":
    """The model to train; a LoRA adapter is first merged into a copy.

    TRL loads the reference from the location in the model's configuration: the run's starting point, on disk.
    OvtError if it would need one that only the first process has (1.16 sends it to no other; no report found).
    """
    if devices.are_loading_once() and settings.lora is None and getattr(settings, "beta", 0.0) > 0:
        raise OvtError(
            "fsdp_cpu_ram_efficient_loading leaves the reference model of every process but the first without weights: "
            "set it to false in --accelerate's file, or train adapters ([lora]), or set beta = 0 in RL"
        )
    start = merged_start(run, where) if adapter_base(where) and not settings.lora else where
    model = prepare_model(start, settings, checkpoint)
    model.config._name_or_path = start
    return model


def merged_start(run: Run, where: str) -> str:
    """A folder of the run with the adapter of `where` merged into its base: TRL's reference would lack the adapter."""
    start = run.path / "start"
    with devices.main_first():
        if not start.is_dir():
            with new_folder(start) as folder:
                load_model(where).save_pretrained(folder)
                copy_processor(where, folder)
    return str(start)


def make_lora(lora: LoraSection | None, frozen_vision: bool) -> Any:
    """peft's configuration, None without adapters; a frozen vision tower gets no adapters."""
    if lora is None:
        return None
    from peft import LoraConfig

    frozen = f".*{IN_VISION.pattern}.*" if frozen_vision else None
    return LoraConfig(task_type="CAUSAL_LM", exclude_modules=frozen, **lora.model_dump())


def load_checkpoint(checkpoint: Path, attn_implementation: str | None = None) -> "PreTrainedModel":
    """A checkpoint's model, in float32, for the trainer to resume with: it restores everything but the weights."""
    import torch

    logging.getLogger("transformers.trainer").addFilter(about_names)
    return load_model(str(checkpoint), dtype=torch.float32, attn_implementation=attn_implementation)


def about_names(record: logging.LogRecord) -> bool:
    """Filters the trainer's log: its lists of missing names are noise, since the weights are already loaded."""
    return not record.getMessage().startswith(("There were missing keys", "There were unexpected keys"))


def chosen_checkpoint(trainer: "Trainer", best: bool) -> Path:
    """The checkpoint that becomes the model: the best by evaluation if requested and known, or the last."""
    found = trainer.state.best_model_checkpoint if best else None
    name = Path(found).name if found else f"checkpoint-{trainer.state.global_step}"
    return Path(str(trainer.args.output_dir)) / name  # and not where it was before the home was moved


def take_model(run: Run, checkpoint: Path, where: str) -> None:
    """Turns a checkpoint into the run's model: its weights in the base model's type, and the base model's own files.

    where   the base model; run.model appears complete, or stays as it was
    """
    with new_folder(run.model) as folder:
        for pattern in WEIGHTS:
            for path in checkpoint.glob(pattern):
                shutil.copyfile(path, folder / path.name)
        if not any(folder.glob("*.safetensors")):
            raise OvtError(f"{checkpoint} has no *.safetensors: restore it, or train again with --no-resume")
        check_finite(folder)
        cast_weights(folder, weights_dtype(where))
        carry_over(where, folder)
        copy_processor(where, folder)


def check_finite(folder: Path) -> None:
    """OvtError for weights that are not numbers: no loss shows those of the last step."""
    import torch
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            if lost := next((name for name in file.keys() if not torch.isfinite(file.get_tensor(name)).all()), None):  # noqa: SIM118
                raise OvtError(
                    f"the trained weights are not numbers ({lost}): lower learning_rate, and start under another name"
                )


def weights_dtype(where: str) -> "torch.dtype":
    """The type that a model's weights are stored in."""
    import torch

    stored = load_config(where).dtype
    return getattr(torch, stored) if isinstance(stored, str) else stored or torch.float32


def cast_weights(folder: Path, dtype: "torch.dtype") -> None:
    """Converts a folder's weights to this type, file by file; adapters stay unchanged."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    if (folder / ADAPTER).is_file() or dtype == torch.float32:
        return
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file, replacing(path) as made:
            save_file({name: file.get_tensor(name).to(dtype) for name in file.keys()}, made, file.metadata())  # noqa: SIM118
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        if "dtype" in part:
            part["dtype"] = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def carry_over(where: str, folder: Path) -> None:
    """Adds the base's tensors that transformers leaves out by design, as they are: Qwen3.5's `mtp.`, without which
    vLLM's speculative decoding does not start (ms-swift#6221). A folder of adapters stays unchanged."""
    from safetensors import safe_open
    from safetensors.torch import save_file
    from transformers.utils import cached_file

    base = adapter_base(where) or where
    patterns = unread_names(base)
    if not patterns or (folder / ADAPTER).is_file():
        return
    unread = re.compile("|".join(patterns))
    held = str(cached_file(base, "config.json", local_files_only=True))  # the base was loaded from beside it
    saved, tensors = stored_in(folder), {}
    for name, path in stored_in(Path(held).parent).items():
        if unread.search(name) and name not in saved:
            with safe_open(path, "pt") as file:
                tensors[name] = file.get_tensor(name)
    if tensors:
        save_file(tensors, folder / CARRIED, {"format": "pt"})
        files = {name: path.name for name, path in stored_in(folder).items()}
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        index = {"metadata": {"total_size": size}, "weight_map": files}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def unread_names(where: str) -> list[str]:
    """The regular expressions of tensors that transformers expects in this family's files, and does not load."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    family: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(load_config(where))]
    return list(family._keys_to_ignore_on_load_unexpected or ())


def stored_in(folder: Path) -> dict[str, Path]:
    """The tensors of a model's safetensors files, each with its file."""
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            found |= dict.fromkeys(file.keys(), path)
    return found


def merge(ref: str, home: Home, *, name: str | None = None, git_commit: str | None = None) -> Run:
    """A run's LoRA adapters merged into its base model: the run NAME-merged, with a whole
    model. OvtError for an unfinished run or one without adapters.
    """
    source = open_finished(ref, home)
    where = str(source.model)
    base = adapter_base(where)
    if base is None:
        raise OvtError(f"run {ref} already has whole weights (no {ADAPTER}): use {source.model} as it is")
    record = source.record.model_copy(
        update={
            "name": name or f"{ref}-merged",
            "kind": "merge",
            "model": ref,
            "model_revision": weights_revision(where),
            "parents": [ref],
            "ovt_version": __version__,
            "git_commit": git_commit,
            "libraries": runs.libraries(),
            "status": "running",
            "result": {},
        }
    )
    run = runs.start(record, home)
    if run.done:
        return wrap_up(run, home)
    with runs.held(run), runs.disk_trouble(run):
        write_merged(run, where, base)
        if source.log_path.is_file():  # how the adapters were trained: for the card and the curves
            shutil.copyfile(source.log_path, run.log_path)
        return wrap_up(runs.finish(run, source.record.result), home)


def write_merged(run: Run, where: str, base: str) -> None:
    """Merges in float32 and stores in the base's type, so that the weights are rounded only once."""
    import torch

    with new_folder(run.model) as folder:
        load_model(where, dtype=torch.float32).save_pretrained(folder)
        cast_weights(folder, weights_dtype(base))
        carry_over(base, folder)
        copy_processor(where, folder)
