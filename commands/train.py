"""`ovt train`: train a model on a dataset version; preview its input, inspect finished runs."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ovt.commands.data_share import send
from ovt.commands.options import (
    CreatePr,
    DataRef,
    DryPush,
    HomePath,
    Json,
    NotSecret,
    Overrides,
    Private,
    Repo,
    RunRef,
    Tag,
    Yes,
    examples,
)
from ovt.commands.terminal import print_built, report, resumable, say, say_freed, this_command
from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.records import git_commit, rebuild_line

if TYPE_CHECKING:
    from ovt.train.devices import Launch
    from ovt.train.runs import Run
    from ovt.train.training import Kind, Order

commands = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Option("--model", "-m", help="pocket, a run's name, a folder or a Hub id.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")]
RunName = Annotated[str | None, typer.Option("--name", help="The run's name [default: from the version's].")]
Resume = Annotated[bool, typer.Option("--resume/--no-resume", help="Resume the run of that name, or start over.")]
Accelerate = Annotated[
    str | None, typer.Option("--accelerate", metavar="CONFIG", help="Many devices: fsdp, zero3 or an accelerate file.")
]
Processes = Annotated[int | None, typer.Option(min=1, help="With --accelerate: processes [one per device].")]
Device = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="With --dry-run: plan for h100, a100, rtx4090, …")
]
Devices = Annotated[int | None, typer.Option("--devices", min=1, help="With --dry-run: how many share the model.")]
Measure = Annotated[bool, typer.Option("--measure", help="Train two steps on the longest rows, and show their cost.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the trainer's arguments and the memory needed.")]


def add_training(name: Literal["sft", "dpo", "rl"], does: str, *lines: str) -> None:
    """Adds the command that trains in one of these ways. does: its help; lines: examples."""

    @commands.command(name, help=does, epilog=examples(*lines))
    def command(
        ref: DataRef,
        model: Model,
        config: Config = None,
        overrides: Overrides = None,
        run_name: RunName = None,
        resume: Resume = True,
        accelerate: Accelerate = None,
        processes: Processes = None,
        dry_run: DryRun = False,
        measure: Measure = False,
        device: Device = None,
        devices: Devices = None,
        home: HomePath = None,
        json: Json = False,
    ) -> None:
        with training():
            from ovt.train.training import Order

            kind, stages = chosen(name, config, overrides)
            order = Order(ref, model, stages[0], Home.locate(home), run_name, resume, git_commit(), this_command())
            launch = on_devices(accelerate, processes)
            if dry_run:
                show_plans(plans(kind, order, stages, launch, (device, devices)), name, json)
            else:
                refuse_assumed(device, devices)
                carry_out(kind, order, stages, launch, (measure, json))


add_training(
    "sft",
    "Fine-tune a model on the verified responses of a version; run the same command again to resume.",
    "ovt train sft charts --model Qwen/Qwen2.5-VL-7B-Instruct --accelerate fsdp",
    "ovt train sft charts --model pocket --dry-run",
)
add_training(
    "dpo",
    "Train a model to prefer right responses to wrong ones; run the same command again to resume.",
    "ovt train dpo charts --model charts-sft",
    "ovt train dpo charts --model charts-sft --set pairs.length_ratio=1.5",
)
add_training(
    "rl",
    "Train a model by GRPO on a version's questions, rewarded by the verifier; run the same command again to resume."
    "\n\nA configuration with several [[rl]] tables is a curriculum: one run per table, each from the previous one's "
    "model.",
    "ovt train rl charts --model charts-sft --config rl.toml",
    "ovt train rl charts --model charts-sft --set learning_rate=1e-6",
)


@commands.command(epilog=examples("ovt train preview charts --model Qwen/Qwen2.5-VL-7B-Instruct -n 1"))
def preview(
    ref: DataRef,
    model: Model,
    config: Config = None,
    overrides: Overrides = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many rows to show token by token.")] = 3,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what would be trained on: tokens and loss mask, image tokens, lengths, and every skipped row."""
    with training():
        from ovt.commands.views.train import preview_shown
        from ovt.train.preview import preview as run_preview
        from ovt.train.settings import SftSection, load_settings

        settings = load_settings(SftSection, "sft", config, overrides)
        found = run_preview(ref, model, settings, Home.locate(home), rows).as_dict()
    report(found, json, preview_shown)


@commands.command(epilog=examples("ovt train merge charts-sft --name charts-sft-merged"))
def merge(ref: RunRef, name: RunName = None, home: HomePath = None, json: Json = False) -> None:
    """Merge a run's LoRA adapters into its base model, as a run of its own."""
    with training():
        from ovt.train.weights import merge as run_merge

        run = run_merge(ref, Home.locate(home), name=name, git_commit=git_commit())
    show_finished(run, json)


@commands.command(epilog=examples("ovt train card charts-sft"))
def card(ref: RunRef, home: HomePath = None) -> None:
    """Rewrite a run's model card, with its curves and the evaluations made since."""
    with training():
        from ovt.train.publish import renew_card
        from ovt.train.runs import CARD, open_finished

        run = open_finished(ref, Home.locate(home))
        renew_card(run, Home.locate(home))
    say(run.model / CARD)


@commands.command("list", epilog=examples("ovt train list"))
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the training runs of this home."""
    from ovt.commands.views.train import run_list
    from ovt.train.runs import list_runs

    records = [run.record.model_dump(mode="json") | {"status": run.state} for run in list_runs(Home.locate(home))]
    report(records, json, run_list)


@commands.command(epilog=examples("ovt train show charts-sft"))
def show(ref: RunRef, home: HomePath = None, json: Json = False) -> None:
    """Show what went into a run and how it went."""
    from ovt.commands.views.train import run_shown
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    report(run.record.model_dump(mode="json") | {"status": run.state, "path": str(run.path)}, json, run_shown)


@commands.command(epilog=examples("ovt train rm charts-sft --checkpoints --yes", "ovt train rm charts-sft --yes"))
def rm(
    refs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Runs, by name.")],
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Only their checkpoints; the models stay.")
    ] = False,
    yes: Yes = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Remove runs that no other run and no loop came from, or the checkpoints of runs that are done."""
    from ovt.commands.views.train import removed_shown
    from ovt.train.tidy import remove, to_remove

    found = [to_remove(ref, Home.locate(home), checkpoints) for ref in dict.fromkeys(refs)]
    told = [one.as_dict() | {"removed": yes} for one in found]
    if yes:
        remove(found)
    report(told, json, removed_shown)
    if not json:
        say_freed(sum(one["bytes"] for one in told), yes)


@commands.command(epilog=examples("ovt train plot charts-sft"))
def plot(ref: RunRef, home: HomePath = None) -> None:
    """Draw a run's curves, as PNG and SVG."""
    from ovt.train.plots import curves, plot_run
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    say(*plot_run(run.name, curves(run), run.path / "plots"))


@commands.command(
    epilog=examples("ovt train rollouts charts-rl --outcome wrong", "ovt train rollouts charts-rl --stats")
)
def rollouts(
    ref: RunRef,
    step: Annotated[int | None, typer.Option(min=1, help="The training step [default: the last].")] = None,
    outcome: Annotated[
        Literal["correct", "wrong", "abstain"] | None, typer.Option(help="Only rollouts with this verdict.")
    ] = None,
    question: Annotated[str | None, typer.Option(metavar="ID", help="A question's id or the start of one.")] = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rollouts.")] = 3,
    stats: Annotated[bool, typer.Option("--stats", help="Show a line per batch of rollouts instead.")] = False,
    save_as: Annotated[str | None, typer.Option(metavar="NAME", help="Save all of them as a version.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what a model wrote during RL, and the verdicts."""
    from ovt.commands.views.train import rollouts_shown, steps_shown
    from ovt.train.rollouts import by_step, pick
    from ovt.train.runs import open_run

    run = open_run(ref, Home.locate(home))
    if save_as:
        save_version(run, save_as, Home.locate(home), json)
        return
    if stats:
        report(by_step(run).to_dicts(), json, steps_shown)
    else:
        report(pick(run, rows, step, outcome, question), json, rollouts_shown)


@commands.command(epilog=examples("ovt train push charts-sft you/charts-sft --dry-run"))
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
    """Publish a run's model as a tagged revision of a Hub model; run the same command again to resume."""
    import os

    from ovt.curate.hub.client import split_address
    from ovt.train.publish import prepare_run
    from ovt.train.runs import open_run

    name, at = split_address(repo)
    revision = prepare_run(open_run(run, Home.locate(home)), name, tag or at, os.environ, not_secret or ())
    send(revision, private, create_pr, dry_run, json)


def chosen(name: str, config: Path | None, overrides: list[str] | None) -> "tuple[Kind, list[Any]]":
    """A kind of training, and the settings of its stages; only RL has several."""
    from ovt.train.settings import DpoSection, SftSection, load_settings, load_stages

    if name == "rl":
        from ovt.train.rl_trainer import RL

        return RL, load_stages(config, overrides)
    if name == "dpo":
        from ovt.train.dpo_trainer import DPO

        return DPO, [load_settings(DpoSection, name, config, overrides)]
    from ovt.train.sft_trainer import SFT

    return SFT, [load_settings(SftSection, name, config, overrides)]


def on_devices(config: str | None, processes: int | None) -> "Launch | None":
    """The launch that --accelerate and --processes describe; None without them. RecipeError for --processes alone."""
    if processes and not config:
        raise RecipeError("--processes needs --accelerate: give both")
    from ovt.train.devices import Launch

    return Launch(config, processes) if config else None


def carry_out(
    kind: "Kind", order: "Order", stages: "list[Any]", launch: "Launch | None", how: tuple[bool, bool]
) -> None:
    """Trains in this process, or relaunches this command once per device and exits with the launcher's code.

    how   whether two steps of the first stage are only measured; whether it reports in JSON
    """
    from ovt.train.training import train_stages

    only_measured, as_json = how
    if launch:
        for settings in stages:
            kind.batches(settings, launch.count)
        raise typer.Exit(launch.run(sys.argv[1:]))
    if only_measured:
        show_measured(kind, order, as_json)
        return
    for run in train_stages(kind, order, stages):
        show_finished(run, as_json)


def show_measured(kind: "Kind", order: "Order", as_json: bool) -> None:
    """What two steps took, printed by the main process."""
    from ovt.commands.views.train import measured_shown
    from ovt.train.devices import is_main
    from ovt.train.measure import measure

    found = measure(kind, order)
    if is_main():
        report(found, as_json, measured_shown)


def refuse_assumed(device: str | None, devices: int | None) -> None:
    """RecipeError for devices that only a plan may assume."""
    if device or devices:
        raise RecipeError("--device and --devices need --dry-run: add it, or use --accelerate and --processes")


def plans(
    kind: "Kind", order: "Order", stages: "list[Any]", launch: "Launch | None", assumed: tuple[str | None, int | None]
) -> list[dict[str, Any]]:
    """The plan of each stage. assumed: a device's name, and how many of them share the model as FSDP and ZeRO-3 do."""
    from dataclasses import replace

    from ovt.train.plan import plan

    device, many = assumed
    count, shared = (launch.count, launch.shares) if launch else (1, False)
    count, shared = (many, many > 1) if many else (count, shared)
    return [plan(kind, replace(order, settings=settings), count, shared, device) for settings in plannable(stages)]


def show_plans(found: list[dict[str, Any]], name: str, as_json: bool) -> None:
    """Plans; with --json those of RL are a list, since it may have stages."""
    from ovt.commands.views.train import plans_shown

    report((found if name == "rl" else found[0]) if as_json else found, as_json, plans_shown)


def plannable(stages: "list[Any]") -> "list[Any]":
    """The stages as a plan can know them: all start from the first one's model, as the later models do not exist yet,
    and no question is known to be sure from rollouts that do not exist yet.
    """
    planned = stages[:1]
    for stage in stages[1:]:
        sure = "keep" if stage.questions.sure == "rollouts" else stage.questions.sure
        planned.append(stage.model_copy(update={"questions": stage.questions.model_copy(update={"sure": sure})}))
    return planned


def show_finished(run: "Run", as_json: bool) -> None:
    """The closing summary, printed by the main process."""
    from ovt.commands.views.train import run_finished
    from ovt.train.devices import is_main

    if is_main():
        told = run.record.model_dump(mode="json") | {"path": str(run.path)}
        report(told if as_json else run, as_json, run_finished)


def save_version(run: "Run", name: str, home: Home, as_json: bool) -> None:
    """Saves the rollouts as a version and prints its closing summary."""
    from ovt.train.rollouts import save_rollouts

    rebuild = rebuild_line("train", "rollouts", run.name, save_as=name)
    print_built(save_rollouts(run, name, home, rebuild, git_commit()), as_json)


@contextmanager
def training() -> Generator[None]:
    """If the block is stopped, prints how to resume; if the trainer is not installed, how to install it."""
    try:
        with resumable("the last checkpoint is kept"):
            yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("torch", "transformers", "trl", "peft", "accelerate"):
            raise
        raise OvtError(f"training needs {error.name}, which is not installed: pip install 'ovt[train]'") from error
