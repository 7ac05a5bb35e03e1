"""A training run: a folder under the home's runs/ that records its inputs, and resumes after a stop.

runs/NAME/run.json                     the inputs (RunRecord); written first, and again when the run is done
runs/NAME/checkpoints/checkpoint-40/   the trainer's own checkpoints; one without trainer_state.json is incomplete
runs/NAME/model/                       the trained model; renamed into place when complete
runs/NAME/log.jsonl                    a JSON object per logged step: {"step", "epoch", "time_s", …the trainer's names}
runs/NAME/rollouts/                    what the model wrote during training (rl only)

Importing this is cheap: callbacks.py writes the log.
"""

import errno
import importlib.metadata
import json
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from ovt.core.errors import OvtError
from ovt.core.files import as_open_as, is_locked, locked, make_folder, write_file
from ovt.core.home import Home, check_name
from ovt.core.records import MadeOf
from ovt.core.section import Section, with_defaults
from ovt.core.text import did_you_mean
from ovt.core.untrusted import read_bytes, read_json
from ovt.train import devices
from ovt.train.settings import DpoSection, RlSection, SftSection

if TYPE_CHECKING:
    import polars as pl

RECORD = "run.json"
CARD = "README.md"  # beside the weights
STATE = "trainer_state.json"  # the last file of a checkpoint that the trainer writes
RESUMING = ("checkpoints", "start")  # folders that a finished run no longer needs
COMPARED = ("kind", "model_revision", "data_hash", "seed")
SECTIONS: dict[str, type[Section]] = {"sft": SftSection, "dpo": DpoSection, "rl": RlSection}
# Settings that may change between a stop and the resumption: they affect how and where, not what is learned.
MACHINE = {
    *("activation_checkpointing", "attn_implementation", "bf16", "dataloader_num_workers", "logging_steps"),
    *("per_device_train_batch_size", "report_to", "save_steps", "save_total_limit", "keep_checkpoints"),
}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# torch.save and safetensors raise errors of their own, identifiable only by their text.
FULL_TEXT = re.compile(r"os error (28|27|122)\b|No space left|File too large|PytorchStreamWriter|inline_container")
LIBRARIES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets")


class RunRecord(Section):
    """`run.json`: a run's inputs and its progress.

    model          as given ("pocket", a run, a folder, a Hub id); model_revision identifies the weights
    data           the version as given; data_hash its content
    parents        the runs and versions that it came from, as refs
    settings       the resolved section, without paths and machine settings: what must be equal to resume a run
    result         of a finished run: steps, the trainer's final metrics, train_s
    """

    name: str
    kind: Literal["sft", "dpo", "rl", "merge"]
    model: str
    model_revision: str | None = None
    data: str | None = None
    data_hash: str | None = None
    parents: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    verifier_version: str | None = None
    ovt_version: str
    git_commit: str | None = None
    libraries: dict[str, str] = Field(default_factory=dict)
    status: Literal["running", "done"] = "running"
    result: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run's folder and its record at the time the run was opened.

    model: the folder of the trained model, loadable by transformers and vLLM.
    """

    name: str
    path: Path
    record: RunRecord

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log_path(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def log(self) -> "pl.DataFrame":
        """The trainer's log: a row per line, a column per name, in order of first appearance."""
        import polars as pl

        return pl.DataFrame(read_log(self.log_path), infer_schema_length=None, strict=False)

    @property
    def result(self) -> dict[str, Any]:
        """Steps, losses or rewards, seconds; empty before the run is done."""
        return self.record.result

    @property
    def card(self) -> str:
        """The model card, as Markdown; OvtError before the run is done."""
        try:
            return (self.model / CARD).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise OvtError(f"run {self.name} has no model card yet: see `ovt train card`") from None

    @property
    def rollouts(self) -> Path:
        return self.path / "rollouts"

    @property
    def done(self) -> bool:
        return self.record.status == "done"

    @property
    def state(self) -> Literal["running", "interrupted", "done"]:
        """Running while a process trains it; interrupted, to be resumed, if none does and it is not done."""
        return "done" if self.done else "running" if is_locked(self.path) else "interrupted"


def start(record: RunRecord, home: Home, resume: bool = True) -> Run:
    """The run of this record: new, unfinished (it resumes at its last checkpoint) or finished, as found.

    With resume=False an existing run of that name is removed. Raises DriftError if the name belongs to a run that was
    made from different inputs.
    """
    check_name(record.name)
    path = home.make().runs / record.name
    if not resume and path.exists():
        with locked(path, busy(record.name)):
            shutil.rmtree(path.resolve())
    if not (path / RECORD).exists():
        make_folder(path.resolve())  # where it is a link to another disk, it stays one
        write_record(path, record)
        return Run(record.name, path, record)
    there = read_record(path)
    made_of(record).require(made_of(there).parts)
    return Run(record.name, path, there)


def begin(record: RunRecord, home: Home, name: str | None, resume: bool) -> Run:
    """Like `start`, under `name` or a free one, in each process of a training: the main one chooses and goes first."""
    chosen = name or devices.said_by_main(free_name(record, home, resume))
    with devices.main_first():
        return start(record.model_copy(update={"name": chosen}), home, resume or not devices.is_main())


def finish(run: Run, result: dict[str, Any]) -> Run:
    """Marks the run as done; call it when `run.model` is in place."""
    record = run.record.model_copy(update={"status": "done", "result": result})
    write_record(run.path, record)
    return Run(run.name, run.path, record)


def forget_checkpoints(run: Run) -> None:
    """Removes what is only needed to resume a run."""
    for name in RESUMING:
        with suppress(OSError):  # the run is done all the same
            remove_folder(run.path / name)


def remove_folder(path: Path) -> None:
    """Removes a folder; of a link to one, which may be on another disk, both."""
    shutil.rmtree(path.resolve())
    if path.is_symlink():
        path.unlink()


def open_run(ref: str, home: Home | Path | str | None = None) -> Run:
    """The run of this name. OvtError (with the nearest name) if there is none."""
    home = Home.locate(home)
    if (home.runs / check_name(ref) / RECORD).exists():
        path = home.runs / ref
        return Run(ref, path, read_record(path))
    names = run_names(home)
    hint = did_you_mean(ref, names, f"there are: {', '.join(names[-10:]) or 'none yet'}")
    raise OvtError(f"no run is named {ref!r} under {home.runs}; {hint}")


def open_finished(ref: str, home: Home) -> Run:
    """Like `open_run`, for a finished run with a model; OvtError otherwise."""
    run = open_run(ref, home)
    if not run.done:
        raise OvtError(f"run {ref} is not finished, so it has no model yet: resume it first")
    return run


def list_runs(home: Home | Path | str | None = None) -> list[Run]:
    """All runs, by name; folders without a readable record are skipped."""
    home = Home.locate(home)
    runs = []
    for name in run_names(home):
        try:
            runs.append(Run(name, home.runs / name, read_record(home.runs / name)))
        except OvtError:
            continue
    return runs


def run_names(home: Home) -> list[str]:
    """The names of the folders that hold a record."""
    return sorted(path.parent.name for path in home.runs.glob(f"*/{RECORD}"))


def last_checkpoint(run: Run) -> Path | None:
    """The newest complete checkpoint; removes incomplete ones left by a killed process or a full disk."""
    steps = {}
    for path in run.checkpoints.glob("checkpoint-*"):
        if not (step := re.fullmatch(r"checkpoint-(\d+)", path.name)):
            continue
        if is_complete(path):
            steps[int(step[1])] = path
        else:
            shutil.rmtree(path, ignore_errors=True)
    return steps[max(steps)] if steps else None


def is_complete(checkpoint: Path) -> bool:
    """Whether the file that is written last exists and is complete."""
    try:
        return isinstance(read_json(checkpoint / STATE), dict)
    except (OSError, ValueError):
        return False


@contextmanager
def held(run: Run, main: bool = True) -> Generator[None]:
    """Locks a run for this process (of several, for the main one); OvtError if another process is training it.

    A run that is refused in the block before anything was logged is removed, so that its name is free again.
    """
    if not main:
        with as_open_as(run.path):
            yield
        return
    with locked(run.path, busy(run.name)), as_open_as(run.path):
        try:
            yield
        except OvtError:
            if not run.log_path.exists():
                remove_folder(run.path)
            raise


def busy(name: str) -> str:
    """The message when another process holds a run."""
    return f"run {name} is being trained by another process: wait for it, or choose another --name"


def free_name(record: RunRecord, home: Home, resume: bool = True) -> str:
    """The record's name, or with -2, -3, … the first that is free or, with resume, belongs to a run with the same
    provenance.
    """
    for number in range(1, 10_000):
        name = record.name if number == 1 else f"{record.name}-{number}"
        path = home.runs / check_name(name)
        if not (path / RECORD).exists():
            return name
        if resume and not made_of(record).differences(made_of(read_record(path)).parts):
            return name
    raise OvtError(f"there are too many runs named {record.name}-N under {home.runs}: choose a name with --name")


@contextmanager
def disk_trouble(run: Run) -> Generator[None]:
    """A full disk or quota during training as a one-line error; libraries report it in exceptions of their own."""
    try:
        yield
    except Exception as error:
        if not (isinstance(error, OSError) and error.errno in FULL) and not FULL_TEXT.search(str(error)):
            raise
        last = last_checkpoint(run)
        kept = f"{last.name} is complete and kept" if last else "no checkpoint was written before"
        reason = next(iter(str(error).strip().splitlines()), "no space left")[:120]
        raise OvtError(
            f"cannot write to {run.path} ({reason}); {kept}: make room, then run the same command again to resume"
        ) from error


def made_of(record: RunRecord) -> MadeOf:
    """What must be equal for a run to be resumed or found finished."""
    compared = COMPARED + (("verifier_version",) if record.kind == "rl" else ())
    settings = with_defaults(SECTIONS.get(record.kind, Section), record.settings)
    settings = {key: value for key, value in settings.items() if key not in MACHINE}
    parts = settings | {field: getattr(record, field) for field in compared}
    return MadeOf(f"run {record.name}", parts, "choose another --name, or --no-resume to replace it")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, without a truncated last line."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def libraries() -> dict[str, str]:
    """The versions of the training libraries."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def read_record(path: Path) -> RunRecord:
    """The record in a run's folder; OvtError if it is unreadable."""
    try:
        return RunRecord.model_validate_json(read_bytes(path / RECORD))
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise OvtError(f"{path / RECORD} cannot be read ({first}): restore it, or train under another --name") from None


def write_record(path: Path, record: RunRecord) -> None:
    """Writes the record into a run's folder."""
    write_file(path / RECORD, record.model_dump_json(indent=2) + "\n")
