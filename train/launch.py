"""Training on many devices: the same command again, once per device, started by `accelerate launch`."""

import signal
import subprocess
import sys
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ovt.core.errors import RecipeError

SHIPPED = ("fsdp", "zero3")
WITH_VALUE = ("--accelerate", "--processes")


def launch(config: str, processes: int | None, arguments: list[str]) -> int:
    """Runs `ovt ARGUMENTS` (those of this command) once per device; the exit code of the launcher.

    config      "fsdp", "zero3" or the path of an accelerate configuration
    processes   None: one per GPU, or what the configuration says
    """
    if read_config(config).get("distributed_type") == "DEEPSPEED" and not find_spec("deepspeed"):
        raise RecipeError(f"--accelerate {config} needs deepspeed, which is not installed: pip install deepspeed")
    with as_file(config_file(config)) as path:
        count = str(device_count(config, processes))  # the launcher counts no devices where a file is given
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(path)]
        command += ["--num_processes", count, sys.argv[0], *without_launcher(arguments)]
        # In a group of its own: the terminal's signal beside ours would end it before its processes have saved.
        child = subprocess.Popen(command, process_group=0)  # noqa: S603 - this very command again
        return wait(child)


def wait(child: subprocess.Popen) -> int:
    """The exit code of a launcher. What stops us is passed on to it, and it is waited for: its processes save a
    checkpoint, for which the launcher gives them 30 s. Then raises KeyboardInterrupt.
    """
    stopped = False

    def pass_on(number: int, frame: object) -> None:
        nonlocal stopped
        if not stopped:
            child.send_signal(signal.SIGTERM)
        stopped = True

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped:
        raise KeyboardInterrupt
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


def device_count(config: str, processes: int | None) -> int:
    """The processes that `launch` will start: as asked, as the configuration says, or one per GPU."""
    if processes:
        return processes
    import torch

    said = read_config(config).get("num_processes")
    if said is not None and not isinstance(said, int):
        raise RecipeError(f"--accelerate {config}: num_processes is {said!r}: give a number, or leave it out")
    return said if said and said > 0 else torch.accelerator.device_count() or 1


def shares(config: str) -> bool:
    """Whether the devices of a configuration split weights, gradients and optimizer states among them."""
    return read_config(config).get("distributed_type") in ("FSDP", "DEEPSPEED")


def read_config(config: str) -> dict[str, Any]:
    """What an accelerate configuration says; RecipeError where it cannot be read."""
    import yaml

    try:
        said = yaml.safe_load(config_file(config).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f"cannot read --accelerate {config}: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise RecipeError(
            f"--accelerate {config} is not an accelerate configuration: expected YAML with distributed_type"
        )
    check_config(config)
    return said


def check_config(config: str) -> None:
    """RecipeError for what `accelerate launch` would refuse with a traceback."""
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        with as_file(config_file(config)) as path:
            load_config_from_file(str(path))
    except (ValueError, TypeError, KeyError) as error:
        raise RecipeError(f"--accelerate {config}: {' '.join(str(error).split())[:300]}") from error


def config_file(config: str) -> Traversable:
    """The shipped configuration of that name, or the file at that path; RecipeError for neither."""
    source = files("ovt.train.accelerate").joinpath(f"{config}.yaml") if config in SHIPPED else Path(config)
    if not source.is_file():
        raise RecipeError(f"--accelerate {config} is neither {' nor '.join(SHIPPED)}, nor a file: give one of these")
    return source
