"""Devices and processes: how the global batch is divided among them, and how one process per device is started.

On many devices, training is the same command run once per device by `accelerate launch`. Importing this
is cheap; torch is loaded when needed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import OvtError, RecipeError, Terminated
from ovt.core.text import did_you_mean
from ovt.train.chips import CHIPS

if TYPE_CHECKING:
    from accelerate import PartialState

SHIPPED = ("fsdp", "zero3")
WITH_VALUE = ("--accelerate", "--processes")
_planned: ContextVar[bool] = ContextVar("planned", default=False)  # whether a plan assumes an accelerator
ROWS_AT_ONCE = 8  # rows of a micro-batch, unless per_device_train_batch_size says otherwise


@dataclass(frozen=True)
class Share:
    """How a global batch is split: `devices` processes, each of `accumulation` micro-batches of `rows` rows."""

    devices: int
    rows: int
    accumulation: int


def world_size() -> int:
    """The number of processes that train together; a launcher sets it in WORLD_SIZE."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def are_sharing() -> bool:
    """Whether each process holds only a part of the model, as accelerate's launcher says."""
    return any(os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true" for name in ("FSDP", "DEEPSPEED"))


def are_loading_once() -> bool:
    """Whether only one process of each machine loads weights, and the others get theirs from it when they share."""
    return os.environ.get("FSDP_CPU_RAM_EFFICIENT_LOADING", "").lower() == "true"


def is_main() -> bool:
    """Whether this is the main process, which writes."""
    return int(os.environ.get("RANK", "0")) == 0


def tell(line: str) -> None:
    """Prints a message for people, apart from a command's output, once for all processes."""
    if is_main():
        print(f"ovt: {line}", file=sys.stderr)


@contextmanager
def main_first() -> Generator[None]:
    """Lets the main process run the block before the others do."""
    if world_size() == 1:
        yield
        return
    with processes().main_process_first():
        yield


def said_by_main(value: str) -> str:
    """The main process's value, in every process; not inside `main_first`, where the others wait."""
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
    """OvtError if one process sees several GPUs: the trainer would fail with a traceback."""
    import torch

    if world_size() == 1 and torch.cuda.device_count() > 1:
        raise OvtError(
            f"{torch.cuda.device_count()} GPUs are visible to one process: give --accelerate fsdp (or zero3), or make "
            "one visible with CUDA_VISIBLE_DEVICES=0"
        )


def on_accelerator() -> bool:
    """Whether there is a GPU or another accelerator."""
    if _planned.get():
        return True
    import torch

    return torch.accelerator.is_available()


def has_bf16() -> bool:
    """Whether the accelerator supports bfloat16."""
    if _planned.get():
        return True
    from transformers.utils import is_torch_bf16_gpu_available

    return on_accelerator() and is_torch_bf16_gpu_available()


@contextmanager
def planned_for(device: str | None) -> Generator[None]:
    """Makes the block see an accelerator of that name, for plans alone; None: the machine as it is.

    RecipeError for a name that is not in CHIPS.
    """
    if device is not None and device not in CHIPS:
        hint = did_you_mean(device, CHIPS, f"choose one of {', '.join(CHIPS)}")
        raise RecipeError(f"--device {device} is not known; {hint}")
    before = _planned.set(device is not None or _planned.get())
    try:
        yield
    finally:
        _planned.reset(before)


def only_planned() -> bool:
    """Whether the accelerator is one that a plan assumes."""
    return _planned.get()


def split_batch(global_batch: int, per_device: int | None, devices: int) -> Share:
    """The division of a global batch: the same rows per step on any number of devices. RecipeError if uneven.

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


@contextmanager
def on_signals(numbers: Collection[signal.Signals], handler: Callable[[int, Any], None]) -> Generator[None]:
    """Handles these signals with the handler for the duration of a block, in the main thread.

    Signals ignored when the process started stay ignored: that is how `nohup` and background jobs of scripts ask
    not to be stopped by a hang-up or by a Ctrl-C meant for others. SIGTERM still stops them.
    """
    caught = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in caught}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@dataclass(frozen=True)
class Launch:
    """How to start a training on many devices.

    config      "fsdp", "zero3" or the path of an accelerate configuration
    processes   None: one per GPU, or as the configuration says
    """

    config: str
    processes: int | None = None

    @property
    def count(self) -> int:
        """The number of processes to start."""
        if self.processes:
            return self.processes
        import torch

        said = read_config(self.config).get("num_processes")
        if said is not None and not isinstance(said, int):
            raise RecipeError(f"--accelerate {self.config}: num_processes is {said!r}: give a number, or leave it out")
        return said if said and said > 0 else torch.accelerator.device_count() or 1

    @property
    def shares(self) -> bool:
        """Whether the devices shard weights, gradients and optimizer states."""
        return read_config(self.config).get("distributed_type") in ("FSDP", "DEEPSPEED")

    def run(self, arguments: list[str]) -> int:
        """Runs `ovt ARGUMENTS` (this command's) once per device; returns the launcher's exit code."""
        if read_config(self.config).get("distributed_type") == "DEEPSPEED" and not find_spec("deepspeed"):
            raise RecipeError(
                f"--accelerate {self.config} needs deepspeed, which is not installed: pip install deepspeed"
            )
        with as_file(config_file(self.config)) as path:
            count = str(self.count)  # the launcher does not count devices if given a file
            command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(path)]
            command += ["--num_processes", count, sys.argv[0], *without_launcher(arguments)]
            # In its own process group: otherwise the terminal's signal would end it before its processes have saved.
            child = subprocess.Popen(command, process_group=0)  # noqa: S603 - this very command again
            return wait(child)


def wait(child: subprocess.Popen) -> int:
    """The exit code of a launcher. Forwards stop signals to it and waits: its processes save a
    checkpoint, for which the launcher gives them 30 s. Then raises KeyboardInterrupt, or Terminated.
    """
    stops: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        if not stops:
            child.send_signal(signal.SIGTERM)
        stops.append(number)

    with on_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), pass_on):
        code = child.wait()
    if stops:
        raise Terminated if signal.SIGTERM in stops else KeyboardInterrupt
    return code


def without_launcher(arguments: list[str]) -> list[str]:
    """The arguments of a command without --accelerate and --processes, and their values."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            skip = False
        elif argument in WITH_VALUE:
            skip = True
        else:
            kept.append(argument)
    return kept


def read_config(config: str) -> dict[str, Any]:
    """An accelerate configuration's content; RecipeError if it is unreadable."""
    import yaml

    try:
        said = yaml.safe_load(config_file(config).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # ValueError: bytes that are no text
        raise RecipeError(f"cannot read --accelerate {config}: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise RecipeError(
            f"--accelerate {config} is not an accelerate configuration: expected YAML with distributed_type"
        )
    check_config(config)
    return said


def check_config(config: str) -> None:
    """RecipeError for anything that `accelerate launch` would refuse with a traceback."""
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        with as_file(config_file(config)) as path:
            load_config_from_file(str(path))
    except (ValueError, TypeError, KeyError) as error:
        raise RecipeError(f"--accelerate {config}: {' '.join(str(error).split())[:300]}") from error


def config_file(config: str) -> Traversable:
    """The shipped configuration of that name, or the file at that path; RecipeError if there is neither."""
    source = files("ovt.train").joinpath("accelerate", f"{config}.yaml") if config in SHIPPED else Path(config)
    if not source.is_file():
        raise RecipeError(f"--accelerate {config} is neither {' nor '.join(SHIPPED)}, nor a file: give one of these")
    return source
