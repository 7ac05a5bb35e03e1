"""`ovt train`: train a model on a dataset version; look at what it will read before, and at runs after."""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ovt.commands.data_hub import CreatePr, NotSecret, Private, Repo, Tag, send
from ovt.commands.data_hub import DryRun as DryPush
from ovt.commands.options import HomePath, Json, Overrides
from ovt.commands.terminal import INTERRUPTED, console, git_commit, print_built, print_json
from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.core.section import Section
    from ovt.train.devices import Launch
    from ovt.train.runs import Run
    from ovt.train.training import Kind, Order

    Chosen = TypeVar("Chosen", bound=Section)

commands = typer.Typer(no_args_is_help=True, help="Train a model on a dataset version.")

Version = Annotated[str, typer.Argument(metavar="REF", help="name, name@v3, a version's folder or a Hub id.")]
Model = Annotated[str, typer.Option("--model", "-m", help="pocket, a run's name, a folder or a Hub id.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")]
RunName = Annotated[str | None, typer.Option("--name", help="The run's name [default: from the version's].")]
Resume = Annotated[bool, typer.Option("--resume/--no-resume", help="Resume the run of that name, or start anew.")]
Accelerate = Annotated[
    str | None, typer.Option("--accelerate", metavar="CONFIG", help="Many devices: fsdp, zero3 or an accelerate file.")
]
Processes = Annotated[int | None, typer.Option(min=1, help="With --accelerate: processes [one per device].")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the trainer's arguments and the memory it takes.")]
RunRef = Annotated[str, typer.Argument(metavar="RUN", help="A run's name.")]


@commands.command()
def sft(
    ref: Version,
    model: Model,
    config: Config = None,
    overrides: Overrides = None,
    name: RunName = None,
    resume: Resume = True,
    accelerate: Accelerate = None,
    processes: Processes = None,
    dry_run: DryRun = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Fine-tune a model on the verified responses of a version; run the same line again to resume."""
    with training():
        from ovt.train.settings import SftSection, load_settings
        from ovt.train.sft_trainer import SFT
        from ovt.train.training import Order

        settings = load_settings(SftSection, "sft", config, overrides)
        order = Order(ref, model, settings, Home.locate(home), name, resume, git_commit(), this_command())
        launch = on_devices(accelerate, processes)
        do = show_plans if dry_run else carry_out
        do(SFT, order, [settings], launch, json)


@commands.command()
def rl(
    ref: Version,
    model: Model,
    config: Config = None,
    overrides: Overrides = None,
    name: RunName = None,
    resume: Resume = True,
    accelerate: Accelerate = None,
    processes: Processes = None,
    dry_run: DryRun = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Reinforce a model on a version's questions, rewarded by the verifier; run the same line again to resume.

    A configuration with several [[rl]] tables is a curriculum: a run for each, from the model of the one before.
    """
    with training():
        from ovt.train.rl_trainer import RL
        from ovt.train.settings import load_stages
        from ovt.train.training import Order

        stages = load_stages(config, overrides)
        order = Order(ref, model, stages[0], Home.locate(home), name, resume, git_commit(), this_command())
        launch = on_devices(accelerate, processes)
        do = show_plans if dry_run else carry_out
        do(RL, order, stages, launch, json)


@commands.command()
def preview(
    ref: Version,
    model: Model,
    config: Config = None,
    overrides: Overrides = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many rows to show token by token.")] = 3,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what would be trained on: tokens and loss mask, image tokens, lengths, and every row that is left out."""
    with training():
        from ovt.commands.views.train import preview_shown
        from ovt.train.preview import preview as run_preview
        from ovt.train.settings import SftSection, load_settings

        settings = load_settings(SftSection, "sft", config, overrides)
        found = run_preview(ref, model, settings, Home.locate(home), rows).as_dict()
    print_json(found) if json else console().print(preview_shown(found))


@commands.command()
def merge(ref: RunRef, name: RunName = None, home: HomePath = None, json: Json = False) -> None:
    """Add a run's LoRA adapters into its base model, as a run of its own."""
    with training():
        from ovt.train.weights import merge as run_merge

        run = run_merge(ref, Home.locate(home), name=name, git_commit=git_commit())
    show_finished(run, json)


@commands.command()
def card(ref: RunRef, home: HomePath = None) -> None:
    """Write a run's model card anew, with its curves and the evaluations that are there by now."""
    with training():
        from ovt.train.card import renew_card
        from ovt.train.runs import CARD, open_finished

        run = open_finished(ref, Home.locate(home))
        renew_card(run, Home.locate(home))
    print(run.model / CARD)


@commands.command("list")
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the training runs of this home."""
    from ovt.commands.views.train import run_list
    from ovt.train.runs import list_runs

    records = [run.record.model_dump(mode="json") for run in list_runs(Home.locate(home))]
    print_json(records) if json else console().print(run_list(records))


@commands.command()
def show(ref: RunRef, home: HomePath = None, json: Json = False) -> None:
    """Show what a run was made of, and how it went."""
    from ovt.commands.views.train import run_shown
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    record = run.record.model_dump(mode="json") | {"path": str(run.path)}
    print_json(record) if json else console().print(run_shown(record))


@commands.command()
def plot(ref: RunRef, home: HomePath = None) -> None:
    """Draw a run's curves, as PNG and SVG."""
    from ovt.train.plots import curves, plot_run
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    for path in plot_run(run.name, curves(run), run.path / "plots"):
        print(path)


@commands.command()
def rollouts(
    ref: RunRef,
    step: Annotated[int | None, typer.Option(min=1, help="The step that learned from them [default: last].")] = None,
    outcome: Annotated[
        Literal["correct", "wrong", "abstain"] | None, typer.Option(help="Only those with this verdict.")
    ] = None,
    question: Annotated[str | None, typer.Option(metavar="ID", help="A question's id, or its start.")] = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many.")] = 3,
    stats: Annotated[bool, typer.Option("--stats", help="A line per step instead.")] = False,
    save_as: Annotated[str | None, typer.Option(metavar="NAME", help="Make a version of all of them.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what a model wrote while it was reinforced, and the verdicts on it."""
    from ovt.commands.views.train import rollouts_shown, steps_shown
    from ovt.train.rollouts import by_step, pick
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    if save_as:
        save_version(run, save_as, Home.locate(home), json)
        return
    found = by_step(run).to_dicts() if stats else pick(run, rows, step, outcome, question)
    if json:
        print_json(found)
    else:
        console().print(steps_shown(found) if stats else rollouts_shown(found))


@commands.command()
def push(
    run: RunRef,
    repo: Repo,
    tag: Tag = None,
    private: Private = False,
    create_pr: CreatePr = False,
    dry_run: DryPush = False,
    not_secret: NotSecret = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Publish a run's model as a tagged revision of a Hub model; run the same line again after a break."""
    import os

    from ovt.curate.hub.client import split_address
    from ovt.train.push import prepare_run
    from ovt.train.runs import open_run

    name, at = split_address(repo)
    revision = prepare_run(open_run(run, Home.locate(home)), name, tag or at, os.environ, not_secret or ())
    send(revision, private, create_pr, dry_run, json)


def on_devices(config: str | None, processes: int | None) -> "Launch | None":
    """What --accelerate and --processes say; None for neither. RecipeError for --processes alone."""
    if processes and not config:
        raise RecipeError("--processes says how many --accelerate starts: give --accelerate, too")
    from ovt.train.devices import Launch

    return Launch(config, processes) if config else None


def carry_out(kind: "Kind", order: "Order", stages: "list[Any]", launch: "Launch | None", as_json: bool) -> None:
    """Trains in this process, or starts this command again once per device and ends with the launcher's exit code."""
    from ovt.train.training import train_stages

    if launch:
        for settings in stages:
            kind.batches(settings, launch.count)
        raise typer.Exit(launch.run(sys.argv[1:]))
    for run in train_stages(kind, order, stages):
        show_finished(run, as_json)


def show_plans(kind: "Kind", order: "Order", stages: "list[Any]", launch: "Launch | None", as_json: bool) -> None:
    """The plan of a training, or of each stage of RL."""
    from dataclasses import replace

    from ovt.commands.views.train import plan_shown
    from ovt.train.plan import plan

    count, shared = (launch.count, launch.shares) if launch else (1, False)
    plans = [plan(kind, replace(order, settings=settings), count, shared) for settings in plannable(stages)]
    if as_json:
        return print_json(plans if kind.name == "rl" else plans[0])
    for found in plans:
        console().print(plan_shown(found))
    return None


def plannable(stages: "list[Any]") -> "list[Any]":
    """The stages as a plan can know them: all begin from the first one's model, as those between are not there yet, and
    no question is known to be sure by rollouts that are still to come.
    """
    planned = stages[:1]
    for stage in stages[1:]:
        sure = "keep" if stage.questions.sure == "rollouts" else stage.questions.sure
        planned.append(stage.model_copy(update={"questions": stage.questions.model_copy(update={"sure": sure})}))
    return planned


def show_finished(run: "Run", as_json: bool) -> None:
    """The closing summary, by the process that writes."""
    from ovt.commands.views.train import run_finished
    from ovt.train.devices import is_main

    if is_main():
        told = run.record.model_dump(mode="json") | {"path": str(run.path)}
        print_json(told) if as_json else console().print(run_finished(run))


def save_version(run: "Run", name: str, home: Home, as_json: bool) -> None:
    """The rollouts as a version, and its closing summary."""
    from ovt.train.rollouts import save_rollouts

    rebuild = shlex.join(["ovt", "train", "rollouts", run.name, "--save-as", name])
    print_built(save_rollouts(run, name, home, rebuild, git_commit()), as_json)


def this_command() -> str:
    """The line that was typed."""
    return shlex.join(["ovt", *sys.argv[1:]])


@contextmanager
def training() -> Generator[None]:
    """Where the block is stopped, says how to resume; where the trainer is not installed, how to install it."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"ovt: interrupted; the last checkpoint is kept; resume with: {this_command()}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("torch", "transformers", "trl", "peft", "accelerate"):
            raise
        raise OvtError(f"training needs {error.name}, which is not installed: pip install 'ovt[train]'") from error
