"""Removing runs, or only what resuming them would need: their checkpoints, three to six times the size of a model.

A run that something else came from stays: other runs start from its model, a loop has it as a step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.files import is_locked, locked
from ovt.core.home import Home
from ovt.core.untrusted import read_json
from ovt.train.runs import RESUMING, Run, busy, list_runs, open_run, remove_folder


@dataclass(frozen=True)
class Removal:
    """What would be removed of a run: its folder, or folders in it."""

    run: Run
    folders: tuple[Path, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"run": self.run.name, "folders": [str(path) for path in self.folders], "bytes": self.bytes}

    @property
    def bytes(self) -> int:
        files = (path for folder in self.folders for path in folder.rglob("*"))
        return sum(path.stat().st_size for path in files if path.is_file() and not path.is_symlink())


def to_remove(ref: str, home: Home, only_checkpoints: bool = False) -> Removal:
    """What removing a run takes away. OvtError for a run that is being trained, or that others came from; with
    only_checkpoints for one that is not done, as it could not be resumed.
    """
    run = open_run(ref, home)
    if is_locked(run.path):
        raise OvtError(busy(ref))
    if only_checkpoints:
        if not run.done:
            raise OvtError(
                f"run {ref} is not done and resumes from its checkpoints: finish it, or remove the whole run"
            )
        return Removal(run, tuple(path for name in RESUMING if (path := run.path / name).is_dir()))
    if users := [*started_from(ref, home), *loops_with(ref, home)]:
        raise OvtError(f"run {ref} is used by {', '.join(users[:3])}: remove that first, or only --checkpoints")
    return Removal(run, (run.path,))


def started_from(ref: str, home: Home) -> list[str]:
    """The runs that began with a run's model, or with its adapters."""
    others = [run for run in list_runs(home) if run.name != ref]
    return [f"run {run.name}" for run in others if ref in {run.record.model, *run.record.parents}]


def loops_with(ref: str, home: Home) -> list[str]:
    """The loops that have a run as a step."""
    found = {path.parents[1].name for path in sorted(home.loops.glob("*/steps/*.json")) if names(path, ref)}
    return [f"loop {name}" for name in sorted(found)]


def names(record: Path, ref: str) -> bool:
    """Whether a step's record names a run as what it made."""
    try:
        told = read_json(record)
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("ref") == ref


def remove(found: Iterable[Removal]) -> None:
    """Removes what was found."""
    for one in found:
        if there := [folder for folder in one.folders if folder.is_dir()]:  # unless the run was named twice
            with locked(one.run.path, busy(one.run.name)):
                for folder in there:
                    remove_folder(folder)
