"""Training steps of a loop: in this process, or as a process of its own under accelerate."""

import gc
import json
from dataclasses import dataclass
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train.launch import launch as run_launcher
from ovt.train.rl_section import RlSection
from ovt.train.runs import Run, open_run
from ovt.train.sft import SftSection


@dataclass(frozen=True)
class Launch:
    """An accelerate configuration (a shipped name or a file), and how many processes (None: one per device)."""

    config: str
    processes: int | None = None


def train(
    name: str,
    data: str,
    model: str,
    settings: SftSection | RlSection,
    home: Home,
    git_commit: str | None,
    launch: Launch | None,
) -> Run:
    """The finished run `name` of `model` on a version: supervised or reinforced, as the settings are."""
    if launch is None:
        return train_here(name, data, model, settings, home, git_commit)
    kind = "sft" if isinstance(settings, SftSection) else "rl"
    arguments = ["train", kind, data, "--model", model, "--name", name, "--home", str(home.path)]
    for key, value in flat(settings.model_dump(mode="json", exclude_defaults=True)):
        arguments += ["--set", f"{key}={json.dumps(value)}"]
    if code := run_launcher(launch.config, launch.processes, arguments):
        raise OvtError(f"run {name} ended with exit code {code}; what it said stands above")
    return open_run(name, home)


def train_here(
    name: str, data: str, model: str, settings: SftSection | RlSection, home: Home, git_commit: str | None
) -> Run:
    """Trains in this process, and gives the memory back."""
    from ovt.train.rl import rl
    from ovt.train.sft import sft

    try:
        if isinstance(settings, SftSection):
            return sft(data, model, settings, home, name=name, git_commit=git_commit)
        return rl(data, model, settings, home, name=name, git_commit=git_commit)
    finally:
        release_memory()


def release_memory() -> None:
    """What a trainer held, on the GPU too: the next step may need all of it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def flat(tree: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """The leaves of a tree of settings as (dotted key, value); null ones have no TOML, and are defaults. An empty table
    is a leaf: `lora = {}` is LoRA at its defaults."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found += flat(value, f"{path}{key}.")
        elif value is not None:
            found.append((path + key, value))
    return found
