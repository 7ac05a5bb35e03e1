"""From a trainer's checkpoint to a model that others can load, and back into the trainer.

Both go around the trainer's own loading of weights, which for Qwen2.5-VL and its like loads nothing and says so only in
a warning: checkpoints are saved under the names that the Hub's files have, and read back without translating them
(transformers issues 43701 and 40187).
"""

import json
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ovt.core.files import replacing
from ovt.train.models import ADAPTER, adapter_base, copy_processor, load_model
from ovt.train.runs import Run, new_model

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, Trainer

WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", ADAPTER)


def load_checkpoint(checkpoint: Path, attn_implementation: str | None = None) -> "PreTrainedModel":
    """The model as a checkpoint has it, in float32, for the trainer to go on with: it restores all but the weights."""
    import torch

    logging.getLogger("transformers.trainer").addFilter(about_names)
    return load_model(str(checkpoint), dtype=torch.float32, attn_implementation=attn_implementation)


def about_names(record: logging.LogRecord) -> bool:
    """Whether a line of the trainer's is worth reading: not so its lists of names, as the weights are there already."""
    return not record.getMessage().startswith(("There were missing keys", "There were unexpected keys"))


def chosen_checkpoint(trainer: "Trainer", best: bool) -> Path:
    """The checkpoint that becomes the model: the best by evaluation where asked for and known, or the last."""
    last = Path(str(trainer.args.output_dir)) / f"checkpoint-{trainer.state.global_step}"
    found = trainer.state.best_model_checkpoint if best else None
    return Path(found) if found else last


def take_model(run: Run, checkpoint: Path, where: str) -> None:
    """Makes a checkpoint the run's model: its weights in the base model's type, and the base model's own files.

    where   the base model; run.model appears whole, or stays as it was
    """
    with new_model(run) as folder:
        for pattern in WEIGHTS:
            for path in checkpoint.glob(pattern):
                shutil.copyfile(path, folder / path.name)
        cast_weights(folder, weights_dtype(where))
        copy_processor(where, folder)


def weights_dtype(where: str) -> "torch.dtype":
    """The type that a model's weights are stored in."""
    import torch
    from transformers import AutoConfig

    stored = AutoConfig.from_pretrained(adapter_base(where) or where).dtype
    return getattr(torch, stored) if isinstance(stored, str) else stored or torch.float32


def cast_weights(folder: Path, dtype: "torch.dtype") -> None:
    """Stores the weights of a folder in this type, file by file; adapters stay as they are."""
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
