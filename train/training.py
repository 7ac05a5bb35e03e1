"""The steps shared by every training; SFT, DPO and RL are kinds of it (sft_trainer.py, dpo_trainer.py, rl_trainer.py).

an order → the model's location and the version's rows → the run's folder: new, resumed, found finished, or refused
         → TRL's trainer from the last checkpoint to the end → the model in its place → its card
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train import devices, mixture, runs
from ovt.train.chips import share_of_peak
from ovt.train.data import Rows, Split, load_splits
from ovt.train.models import resolve_model, weights_revision
from ovt.train.publish import wrap_up
from ovt.train.runs import Run, RunRecord
from ovt.train.settings import TrainerSection
from ovt.verifiers import VERSION

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import Trainer

Say = Callable[[str], None]
Settings = TypeVar("Settings", bound=TrainerSection)


class Options(TypedDict, total=False):
    """Options of `sft`, `dpo` and `rl`. name: the run's (else from the version's); resume: False trains again under it;
    git_commit: stored in the record; again: the command that resumes it, for messages; say: receives messages.
    """

    name: str | None
    resume: bool
    git_commit: str | None
    again: str
    say: Say


@dataclass(frozen=True)
class Order(Generic[Settings]):
    """What to train, and how. data: a version by name, folder or Hub id; model: see `resolve_model`; the rest
    as in `Options`.
    """

    data: str
    model: str
    settings: Settings
    home: Home
    name: str | None = None
    resume: bool = True
    git_commit: str | None = None
    again: str = "the same call"
    say: Say = devices.tell


@dataclass(frozen=True)
class Training(Generic[Settings]):
    """An order with its model and data resolved. where: the model's folder or Hub id; splits: at least one."""

    order: Order[Settings]
    where: str
    splits: Sequence[Rows]

    @property
    def settings(self) -> Settings:
        return self.order.settings

    @property
    def home(self) -> Home:
        return self.order.home

    @property
    def rows(self) -> Rows:
        return self.splits[0]


@dataclass(frozen=True)
class Fed:
    """The training rows.

    train      rows to learn from, or questions to ask; held_out: rows for evaluation
    left_out   how many of the version's rows are not used, by reason; note: the same for people, "" if none
    longest    (tokens of the longest row or prompt, image tokens of the one with most)
    pictured   whether every row has an image
    """

    train: "Dataset"
    held_out: "Dataset | None"
    left_out: dict[str, int]
    note: str
    longest: tuple[int, int]
    pictured: bool = True


@dataclass(frozen=True)
class Kind(Generic[Settings]):
    """The parts that differ between kinds of training.

    splits      the version's splits that it reads
    choose      the rows to use; OvtError if there are none
    arguments   TRL's arguments on a number of devices; RecipeError for invalid ones
    batches     the batch division for a number of devices; RecipeError if it is uneven
    trainer     TRL's trainer, from a checkpoint or the beginning, for the duration of a block
    result      a finished run's result
    stops       (every how many steps, the unit's name): where a training can be stopped and resumed
    verifier    the version of the verifier that gave the verdicts
    """

    name: Literal["sft", "dpo", "rl"]
    splits: Callable[[Settings], Sequence[Split]]
    choose: Callable[[Training[Settings]], Fed]
    arguments: Callable[[Settings, Fed, int], dict[str, Any]]
    batches: Callable[[Settings, int], Any]
    trainer: Callable[[Training[Settings], Fed, Run, Path | None], AbstractContextManager["Trainer"]]
    result: Callable[[Training[Settings], Fed, Run, "Trainer"], dict[str, Any]]
    stops: Callable[[Settings], tuple[int, str]] = field(default=lambda settings: (1, "step"))
    verifier: Callable[[Rows], str | None] = field(default=lambda rows: rows.verifier_version)


def make_order(
    section: type[Settings],
    what: tuple[Any, Any],
    settings: Settings | Mapping[str, Any] | None,
    home: Home | Path | str | None,
    options: Options,
) -> Order[Settings]:
    """The order for a call from Python. what: (version, model), each an object or a name.

    RecipeError for settings that do not belong to this section.
    """
    from ovt.core.section import read_section

    version, model = what
    chosen: Any = settings
    if not isinstance(settings, section):
        chosen = read_section(section, dict(chosen or {}), "settings")
    ref = getattr(version, "ref", str(version))
    start = model.name if isinstance(model, Run) else str(model)
    return Order(ref, start, chosen, Home.locate(home), **options)


def train(kind: Kind[Settings], order: Order[Settings]) -> Run:
    """The finished run of an order; resumes an unfinished run with the same inputs, or returns the finished one.

    Ctrl-C and SIGTERM end it with a checkpoint and raise KeyboardInterrupt or Terminated. OvtError for anything that
    cannot be trained on, and for a full disk, which leaves the last complete checkpoint.
    """
    devices.check_devices()
    training = prepare(kind, order)
    record = make_record(kind, training)
    if not order.resume:  # a refused order replaces nothing
        kind.arguments(order.settings, kind.choose(training), devices.world_size())
    run = runs.begin(record, order.home, order.name, order.resume)
    if run.done:
        order.say(f"run {run.name} is already done: {run.model}")
        return wrap_up(run, order.home, order.settings.keep_checkpoints) if devices.is_main() else run
    with runs.held(run, devices.is_main()):
        fed = kind.choose(training)
        check_pictured(fed)
        if fed.note:
            order.say(fed.note)
        return run_trainer(kind, training, fed, run)


def check_pictured(fed: Fed) -> None:
    """OvtError for rows without images where devices share the vision tower: they would wait for each other."""
    if not fed.pictured and devices.are_sharing():
        raise OvtError(
            "some rows have no image, and devices that share a vision tower (FSDP, ZeRO-3) must all use it in each "
            "step: train on one device or by plain data parallelism, or give versions whose rows have images"
        )


def train_stages(kind: Kind[Settings], order: Order[Settings], stages: Sequence[Settings]) -> list[Run]:
    """A run for each stage, each from the previous one's model; with several, the name becomes name-1, name-2, …"""
    done: list[Run] = []
    for number, settings in enumerate(stages, 1):
        name = f"{order.name}-{number}" if order.name and len(stages) > 1 else order.name
        model = done[-1].name if done else order.model
        done.append(train(kind, replace(order, settings=settings, name=name, model=model)))
    return done


def prepare(kind: Kind[Settings], order: Order[Settings]) -> Training[Settings]:
    """The model and the rows of an order; a Hub version is pulled first."""
    where = resolve_model(order.model, order.home)
    with devices.main_first():
        splits = load_splits(order.data, kind.splits(order.settings), order.home)
    verified = splits[0].verifier_version
    if verified not in (None, VERSION):
        ref = splits[0].ref
        order.say(
            f"{ref} was verified by verifier {verified}, this is {VERSION}: see `ovt data what-if {ref} --reverify`"
        )
    return Training(order, where, splits)


def make_record(kind: Kind[Settings], training: Training[Settings]) -> RunRecord:
    """The inputs of the run, named after its data and kind."""
    order, rows = training.order, training.rows
    return RunRecord(
        name=f"{mixture.names(rows.ref)}-{kind.name}",
        kind=kind.name,
        model=order.model,
        model_revision=weights_revision(training.where),
        data=rows.ref,
        data_hash=rows.content_hash,
        parents=[*(part.ref for part in rows.parts), order.model],
        settings=order.settings.model_dump(mode="json"),
        seed=order.settings.seed,
        verifier_version=kind.verifier(rows),
        ovt_version=__version__,
        git_commit=order.git_commit,
        libraries=runs.libraries(),
    )


def run_trainer(kind: Kind[Settings], training: Training[Settings], fed: Fed, run: Run) -> Run:
    """Trains from the last checkpoint, if any, to the end, and moves the model into place."""
    import transformers

    from ovt.train.callbacks import CompleteCheckpoints, LogLines, ShowSteps, StopOnSignal
    from ovt.train.weights import chosen_checkpoint, take_model

    with StopOnSignal(*kind.stops(training.settings)) as stop, runs.disk_trouble(run):
        checkpoint = runs.last_checkpoint(run)
        with kind.trainer(training, fed, run, checkpoint) as trainer:
            trainer.remove_callback(transformers.PrinterCallback)
            share = None if kind.name == "rl" else share_of_peak(trainer.model, devices.world_size())  # RL also samples
            for callback in (LogLines(run.log_path, share), ShowSteps(), CompleteCheckpoints(training.where), stop):
                trainer.add_callback(callback)
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            if stop.asked and trainer.state.global_step < trainer.state.max_steps:
                raise stop.by
            if not devices.is_main():
                return run
            best = getattr(training.settings, "load_best_model_at_end", False)
            take_model(run, chosen_checkpoint(trainer, best), training.where)
            done = runs.finish(run, kind.result(training, fed, run, trainer))
            return wrap_up(done, training.home, training.settings.keep_checkpoints)
