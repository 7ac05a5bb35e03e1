"""`ovt eval`: answer benchmarks and held-out questions with a model, and compare the scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import EvalRefs, HomePath, Json, Limit, MaxTokens, MaxUsd, examples
from ovt.commands.terminal import live, print_json, report, resumable
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.core.report import Report
    from ovt.evaluation.results import Evaluation
    from ovt.evaluation.suite import Suite

commands = typer.Typer(
    no_args_is_help=True, help="Answer benchmarks and held-out questions with a model, and compare the scores."
)

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
        help="Which weights the server has, in any words; without it, stored replies of that name count.",
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
    typer.Option("--prompt", metavar="NAME", help="Of a benchmark: official, openvlthinker, lmms-eval, … [official]"),
]
Images = Annotated[
    str | None,
    typer.Option("--images", metavar="MODES", help="Of a benchmark: real, blank, shuffled, noised, or several."),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="PATH", help="A benchmark's rows: a file, a folder, or @REVISION of the Hub's [pinned]."
    ),
]
Stratify = Annotated[bool, typer.Option("--stratify", help="With --limit: as large a share of each type or subject.")]
Judge = Annotated[
    str | None,
    typer.Option("--judge", metavar="MODEL@URL", help="Of a benchmark: also ask a model's opinion of each answer."),
]
Least = Annotated[
    list[str] | None,
    typer.Option("--min", metavar="[NAME=]POINTS", help="Exit with code 4 if a benchmark's accuracy is below."),
]


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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be asked and its price.")] = False,
    least: Least = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Answer benchmarks or a question set with a model, greedily by default; run the same command again to resume."""
    from functools import partial

    from ovt import api
    from ovt.core.progress import Progress
    from ovt.evaluation.benchmark_scores import require
    from ovt.evaluation.suite import suite_of

    suite = suite_of(questions, prompt, images, data, stratify)
    weights = {"served_as": served_as, "revision": revision}
    if dry_run:
        plan = partial(api.plan_evaluation, model, set=overrides or (), limit=limit, home=home, **weights)
        with resumable():
            show_plans([plan(one.questions, how=one.how) for one in suite.members], json)
        return
    ask = partial(api.evaluate, model, set=overrides or (), limit=limit, home=home, **weights)
    done = []
    for one in suite.members:
        progress = Progress()
        with resumable(), live(progress):
            named = suite.name_of(one, name)
            spent = {"max_usd": max_usd, "max_tokens": max_tokens, "judge": judge}
            done.append(ask(one.questions, how=one.how, name=named, progress=progress, **spent))
    show_evaluations(suite, done, home, json)
    require([one.benchmark for one in done if one.benchmark], least or ())


@commands.command("list", epilog=examples("ovt eval list"))
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the evaluations of this home."""
    from ovt import api
    from ovt.commands.views.tables import view
    from ovt.evaluation.results import evaluation_table

    done = api.evaluations(home)
    report([one.model_dump(mode="json") for one in done] if json else evaluation_table(done), json, view)


Reading = Annotated[str, typer.Option("--reading", help="Of benchmarks: ours, strict, official, judge or filed.")]


@commands.command(epilog=examples("ovt eval compare base-held-out charts-sft-held-out"))
def compare(names: EvalRefs, reading: Reading = "ours", home: HomePath = None, json: Json = False) -> None:
    """Compare evaluations with the first one, paired by question: intervals, flips, and what else differs."""
    from ovt import api
    from ovt.commands.views.tables import told

    found = api.compare(*names, home=home, reading=reading)
    report(found.data if json else found, json, told)


def show_evaluations(suite: "Suite", done: "Sequence[Evaluation]", home: Path | None, json: bool) -> None:
    """Each evaluation; of several also a table, of several kinds of pictures what changes, and the paper's table."""
    from ovt.commands.views.tables import told, view
    from ovt.evaluation.results import evaluation_table

    if json:
        found = [one.model_dump(mode="json") for one in done]
        print_json(found if len(found) > 1 else found[0])
        return
    for one in done:
        report(one.report(), False, told)
    if len(done) > 1:
        report(evaluation_table(done), False, view)
    for extra in suite.reports(done, Home.locate(home)):
        report(extra, False, told)


def show_plans(plans: "Sequence[Report]", json: bool) -> None:
    """The plan of each evaluation."""
    from ovt.commands.views.tables import told

    if json:
        print_json([plan.data for plan in plans])
    for plan in () if json else plans:
        report(plan, False, told)
