"""`ovt train rl` and `ovt train rollouts`: reinforce a model on a version's questions; read what it wrote meanwhile."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ovt.commands.options import HomePath, Json, Overrides
from ovt.commands.terminal import console, git_commit, print_built, print_json
from ovt.commands.train import (
    Config,
    DryRun,
    Launch,
    Model,
    Processes,
    Resume,
    RunName,
    RunRef,
    Version,
    launch_again,
    load_tables,
    show_finished,
    show_plans,
    spread,
    training,
)
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.train.rl_section import RlSection
    from ovt.train.runs import Run

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def rl(
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
    """Reinforce a model on a version's questions, rewarded by the verifier; run the same line again to go on.

    A configuration with several [[rl]] tables is a curriculum: a run for each, from the model of the one before.
    """
    with training():
        from ovt.train.grpo import plan_batches
        from ovt.train.rl import rl_stages
        from ovt.train.rl_plan import plan_rl

        stages, place = load_stages(config, overrides), Home.locate(home)
        count, shared = spread(accelerate, processes)
        if dry_run:
            planned = plannable(stages)
            return show_plans([plan_rl(ref, model, settings, place, count, shared) for settings in planned], json)
        if accelerate:
            for settings in stages:
                plan_batches(settings, count)
            launch_again(accelerate, processes)
        done = rl_stages(ref, model, stages, place, name=name, resume=resume, git_commit=git_commit())
    for run in done:
        show_finished(run.name, place, json)
    return None


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
    from ovt.commands.views.rollouts import rollouts_shown, steps_shown
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


def save_version(run: "Run", name: str, home: Home, as_json: bool) -> None:
    """The rollouts as a version, and its closing summary."""
    import shlex

    from ovt.train.rollouts_version import save_rollouts

    rebuild = shlex.join(["ovt", "train", "rollouts", run.name, "--save-as", name])
    print_built(save_rollouts(run, name, home, rebuild, git_commit()), as_json)


def plannable(stages: "list[RlSection]") -> "list[RlSection]":
    """The stages as a plan can know them: all begin from the first one's model, as those between are not there yet, and
    no question is known to be sure by rollouts that are still to come.
    """
    planned = stages[:1]
    for stage in stages[1:]:
        sure = "keep" if stage.questions.sure == "rollouts" else stage.questions.sure
        planned.append(stage.model_copy(update={"questions": stage.questions.model_copy(update={"sure": sure})}))
    return planned


def load_stages(config: Path | None, overrides: list[str] | None) -> "list[RlSection]":
    """The stages of a TOML file: its [rl] table or [[rl]] tables, or the file as a whole; --set goes for each."""
    from ovt.core.section import read_section, set_key
    from ovt.train.rl_section import RlSection

    where, tables = load_tables("rl", config)
    stages = []
    for table in tables if isinstance(tables, list) else [tables]:
        for override in overrides or ():
            set_key(table, override)
        stages.append(read_section(RlSection, table, where))
    return stages
