"""`ovt eval`: answer benchmarks and held-out questions with a model, and compare the scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import EvalRefs, HomePath, Json, Judge, Least, Limit, MaxTokens, MaxUsd, examples
from ovt.commands.terminal import live, note, print_json, report, resumable, tell
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.core.report import Report
    from ovt.evaluation.results import Evaluation
    from ovt.evaluation.suite import Suite

commands = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="pocket, a run, a folder, or a server's URL (…/v1).")]
Questions = Annotated[
    str,
    typer.Argument(
        metavar="QUESTIONS",
        help="Benchmarks (mathvista,emma:mini), a question set or recipe (TOML), or a source's path.",
    ),
]
Name = Annotated[str | None, typer.Option("--name", help="The evaluation's name [default: MODEL-QUESTIONS].")]
Served = Annotated[str | None, typer.Option("--served-as", help="The model's name on the server at the URL.")]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision",
        help="Which weights the server has, in any words; without it, stored replies of that name are reused.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the question set, such as k, or of the server: endpoint.batch=true. Repeatable.",
    ),
]


Prompt = Annotated[
    str | None,
    typer.Option("--prompt", metavar="NAME", help="For benchmarks: official, openvlthinker, lmms-eval, … [official]"),
]
Images = Annotated[
    str | None,
    typer.Option("--images", metavar="MODES", help="For benchmarks: real, blank, shuffled, noised, or several."),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="PATH", help="A benchmark's rows: a file, a folder, or @REVISION of the Hub's [pinned]."
    ),
]
Stratify = Annotated[bool, typer.Option("--stratify", help="With --limit: the same share of each type or subject.")]


@commands.command(
    epilog=examples(
        "ovt eval run charts-sft held-out.toml",
        "ovt eval run http://127.0.0.1:8000/v1 mathvista,emma --served-as qwen2.5-vl-7b --limit 200 --stratify",
        "ovt eval run charts-sft mathvista --images real,blank",
        "ovt eval run charts-sft mathverse --judge qwen3@http://127.0.0.1:8000/v1",
    )
)
def run(
    model: Model,
    questions: Questions,
    overrides: Settings = None,
    prompt: Prompt = None,
    images: Images = None,
    data: Data = None,
    served_as: Served = None,
    revision: Revision = None,
    name: Name = None,
    limit: Limit = None,
    stratify: Stratify = False,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    judge: Judge = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be asked and its cost.")] = False,
    least: Least = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Answer benchmarks or a question set with a model, greedily by default; run the same command again to resume."""
    from functools import partial

    from ovt import api
    from ovt.curate.endpoints.budget import Budget
    from ovt.evaluation.benchmark_scores import check_least, require
    from ovt.evaluation.suite import suite_of

    suite = suite_of(questions, prompt, images, data, stratify)
    check_least(least or (), suite.titles)
    asked = {"set": overrides or (), "served_as": served_as, "revision": revision}
    if dry_run:
        plan = partial(api.plan_evaluation, model, limit=limit, judge=judge, home=home, **asked)
        with resumable():
            show_plans([plan(one.questions, how=one.how) for one in suite.members], json)
        if judge:
            note("The judge's requests, one per answer, are not in this plan.", "dim")
        return
    done, budget = [], Budget(max_usd, max_tokens)
    for one in suite.members:
        session = api.open_session(home, limit, budget)
        order = api.Order(model, one.questions, suite.name_of(one, name), how=one.how, judge=judge, **asked)
        with resumable(), live(session.progress):
            done.append(api.carry_out(order, session))
    show_evaluations(suite, done, home, json)
    require([one.benchmark for one in done if one.benchmark], least or ())


@commands.command("list", epilog=examples("ovt eval list"))
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the evaluations of this home."""
    from ovt.commands.views.tables import view
    from ovt.evaluation.results import evaluation_table, list_evaluations

    done, broken = list_evaluations(Home.locate(home))
    report([one.model_dump(mode="json") for one in done] if json else evaluation_table(done), json, view)
    for line in broken:
        note(line, "red")


Reading = Annotated[str, typer.Option("--reading", help="For benchmarks: ours, strict, official, judge or filed.")]


@commands.command(epilog=examples("ovt eval compare base-held-out charts-sft-held-out"))
def compare(names: EvalRefs, reading: Reading = "ours", home: HomePath = None, json: Json = False) -> None:
    """Compare evaluations with the first one, paired by question: intervals, flips, and what else differs."""
    from ovt import api

    tell(api.compare(*names, home=home, reading=reading), json)


def show_evaluations(suite: "Suite", done: "Sequence[Evaluation]", home: Path | None, json: bool) -> None:
    """Each evaluation; for several also a table, for several kinds of pictures what changes, and the paper's table."""
    from ovt.commands.views.tables import view
    from ovt.evaluation.results import evaluation_table

    if json:
        found = [one.model_dump(mode="json") for one in done]
        print_json(found if len(found) > 1 else found[0])
        return
    for one in done:
        tell(one.report(), False)
    if len(done) > 1:
        report(evaluation_table(done), False, view)
    for extra in suite.reports(done, Home.locate(home)):
        tell(extra, False)


def show_plans(plans: "Sequence[Report]", json: bool) -> None:
    """The plan of each evaluation."""
    if json:
        print_json([plan.data for plan in plans])
    for plan in () if json else plans:
        tell(plan, False)
