"""`ovt train`: train a model on a dataset version; look at what it will read before, and at runs after."""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from ovt.commands.options import HomePath, Json, Overrides
from ovt.commands.terminal import INTERRUPTED, console, git_commit, print_json
from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.core.section import Section

    Kind = TypeVar("Kind", bound=Section)

commands = typer.Typer(no_args_is_help=True, help="Train a model on a dataset version.")

Version = Annotated[str, typer.Argument(metavar="REF", help="name, name@v3, a version's folder or a Hub id.")]
Model = Annotated[str, typer.Option("--model", "-m", help="pocket, a run's name, a folder or a Hub id.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.")]
RunName = Annotated[str | None, typer.Option("--name", help="The run's name [default: from the version's].")]
Resume = Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with the run of that name, or start anew.")]
Launch = Annotated[
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
    accelerate: Launch = None,
    processes: Processes = None,
    dry_run: DryRun = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Fine-tune a model on the verified responses of a version; run the same line again to go on."""
    with training():
        from ovt.train.devices import split_batch
        from ovt.train.plan import plan
        from ovt.train.sft import SftSection
        from ovt.train.sft import sft as run_sft

        settings, place = load_settings(SftSection, "sft", config, overrides), Home.locate(home)
        count, shared = spread(accelerate, processes)
        if dry_run:
            return show_plans(plan(ref, model, settings, place, count, shared), json)
        if accelerate:
            split_batch(settings.global_batch_size, settings.per_device_train_batch_size, count)
            launch_again(accelerate, processes)
        run = run_sft(ref, model, settings, place, name=name, resume=resume, git_commit=git_commit())
    return show_finished(run.name, place, json)


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
        from ovt.train.sft import SftSection

        settings = load_settings(SftSection, "sft", config, overrides)
        found = run_preview(ref, model, settings, Home.locate(home), rows).as_dict()
    print_json(found) if json else console().print(preview_shown(found))


@commands.command()
def merge(ref: RunRef, name: RunName = None, home: HomePath = None, json: Json = False) -> None:
    """Add a run's LoRA adapters into its base model, as a run of its own."""
    with training():
        from ovt.train.merge import merge as run_merge

        run = run_merge(ref, Home.locate(home), name=name, git_commit=git_commit())
    show_finished(run.name, Home.locate(home), json)


@commands.command()
def card(ref: RunRef, home: HomePath = None) -> None:
    """Write a run's model card anew, with its curves and the evaluations that are there by now."""
    with training():
        from ovt.train.card import CARD, renew_card
        from ovt.train.runs import open_finished

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


def load_settings(kind: "type[Kind]", table: str, config: Path | None, overrides: list[str] | None) -> "Kind":
    """The settings of a TOML file (its [sft] or [rl] table where it has one), or the defaults, with --set applied."""
    from ovt.core.section import read_section, set_key

    where, tree = load_tables(table, config)
    if isinstance(tree, list):
        raise RecipeError(f"{where}: [[{table}]] is a list of stages; {table} is one training: write [{table}]")
    for override in overrides or ():
        set_key(tree, override)
    return read_section(kind, tree, where)


def load_tables(table: str, config: Path | None) -> tuple[str, Any]:
    """(where, settings) of a TOML file: its table, or list of tables, of that name, or the file as a whole.

    RecipeError for a file that is not there, and for a key beside the table, which would be read by nobody.
    """
    from ovt.curate.recipe import load_tree

    if config is None:
        return "--set", {}
    if not config.is_file():
        raise RecipeError(f"no settings at {config}: give --config a TOML file")
    where, tree = load_tree(config)
    if table not in tree:
        return where, tree
    if beside := sorted(key for key in tree if key not in ("sft", "rl")):
        raise RecipeError(f"{where}: {beside[0]} stands outside [{table}]: put it there, or leave [{table}] out")
    return where, tree[table]


def spread(config: str | None, processes: int | None) -> tuple[int, bool]:
    """How many devices --accelerate trains on, and whether they share what they hold.

    RecipeError for --processes alone.
    """
    if processes and not config:
        raise RecipeError("--processes says how many --accelerate starts: give --accelerate, too")
    from ovt.train.launch import device_count, shares

    return (device_count(config, processes), shares(config)) if config else (1, False)


def show_plans(plans: dict[str, Any] | list[dict[str, Any]], as_json: bool) -> None:
    """The plan of a training, or of each of its stages."""
    from ovt.commands.views.train import plan_shown

    if as_json:
        return print_json(plans)
    for plan in plans if isinstance(plans, list) else [plans]:
        console().print(plan_shown(plan))
    return None


def launch_again(config: str, processes: int | None) -> NoReturn:
    """Starts this command once per device, and ends with the launcher's exit code."""
    from ovt.train.launch import launch

    raise typer.Exit(launch(config, processes, sys.argv[1:]))


def show_finished(name: str, home: Home, as_json: bool) -> None:
    """The closing summary, by the process that writes."""
    from ovt.commands.views.train import run_finished
    from ovt.train.devices import is_main
    from ovt.train.runs import open_run

    if not is_main():
        return
    run = open_run(name, home)
    if as_json:
        print_json(run.record.model_dump(mode="json") | {"path": str(run.path)})
        return
    console().print(run_finished(run))


@contextmanager
def training() -> Generator[None]:
    """Where the block is stopped, say how to go on; where the trainer is not installed, how to install it."""
    try:
        yield
    except KeyboardInterrupt:
        again = shlex.join(["ovt", *sys.argv[1:]])
        print(f"ovt: interrupted; the last checkpoint is kept; go on with: {again}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("torch", "transformers", "trl", "peft", "accelerate"):
            raise
        raise OvtError(f"training needs {error.name}, which is not installed: pip install 'ovt[train]'") from error
