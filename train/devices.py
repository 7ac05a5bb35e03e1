"""What a process trains on: devices, processes, and the share of the global batch that each takes.

Importing this stays light; torch is loaded where it is asked.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ovt.core.errors import OvtError, RecipeError

if TYPE_CHECKING:
    from accelerate import PartialState

ROWS_AT_ONCE = 8  # rows of a micro-batch, unless per_device_train_batch_size says otherwise


@dataclass(frozen=True)
class Share:
    """How a global batch is split: `devices` processes, each of `accumulation` micro-batches of `rows` rows."""

    devices: int
    rows: int
    accumulation: int


def world_size() -> int:
    """The processes that train together; a launcher says it in WORLD_SIZE."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this is the process that writes."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def main_first() -> Generator[None]:
    """Lets the writing process go through the block before the others do."""
    if world_size() == 1:
        yield
        return
    with processes().main_process_first():
        yield


def said_by_main(value: str) -> str:
    """The value that the writing process has, in every process; not inside `main_first`, where the others wait."""
    if world_size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    processes()
    return str(broadcast_object_list([value])[0])


def processes() -> "PartialState":
    """The processes that train together, connected."""
    from accelerate import PartialState

    return PartialState(cpu=not on_accelerator())


def check_devices() -> None:
    """OvtError where several GPUs are visible to one process: the trainer would fail with a traceback."""
    import torch

    if world_size() == 1 and torch.cuda.device_count() > 1:
        raise OvtError(
            f"{torch.cuda.device_count()} GPUs are visible to one process: give --accelerate fsdp (or zero3), or make "
            "one visible with CUDA_VISIBLE_DEVICES=0"
        )


def on_accelerator() -> bool:
    """Whether there is a GPU, or the like, to train on."""
    import torch

    return torch.accelerator.is_available()


def has_bf16() -> bool:
    """Whether that device computes in bfloat16."""
    from transformers.utils import is_torch_bf16_gpu_available

    return on_accelerator() and is_torch_bf16_gpu_available()


def split_batch(global_batch: int, per_device: int | None, devices: int) -> Share:
    """The split of a global batch, the same rows per step whatever the devices. RecipeError where it does not divide.

    per_device   rows of a micro-batch; None: the most that divide the device's share, ROWS_AT_ONCE at most
    """
    if global_batch % devices:
        raise RecipeError(
            f"a global batch of {global_batch} rows does not divide among {devices} devices: "
            f"set global_batch_size to a multiple of {devices}"
        )
    share = global_batch // devices
    rows = per_device or max(n for n in range(1, min(share, ROWS_AT_ONCE) + 1) if share % n == 0)
    if share % rows:
        fitting = [str(n) for n in range(1, share + 1) if share % n == 0]
        raise RecipeError(
            f"micro-batches of {rows} rows, {devices} at once, do not divide a global batch of {global_batch} rows: "
            f"set per_device_train_batch_size to one of {', '.join(fitting[:12])}"
        )
    return Share(devices, rows, share // rows)
