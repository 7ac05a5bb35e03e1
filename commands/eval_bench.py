"""`ovt eval bench` and `ovt eval score`: the public benchmarks, and outputs that you already have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ovt.commands.options import EvalRef, HomePath, Json, Judge, Least, MaxUsd, examples
from ovt.commands.terminal import live, note, resumable, tell

commands = typer.Typer()
bench = typer.Typer(no_args_is_help=True, help="The public benchmarks: sources, prompts, rules.")
commands.add_typer(bench, name="bench")

Bench = Annotated[
    str, typer.Option("--bench", metavar="NAME", help="The benchmark, such as mathvista or mmmu-pro:vision.")
]


@bench.command("list", epilog=examples("ovt eval bench list"))
def list_(json: Json = False) -> None:
    """List the benchmarks: subsets, rows, licences, prompts."""
    from ovt.evaluation.catalogue import listed

    tell(listed(), json)


@bench.command(epilog=examples("ovt eval bench show mathvista"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark, such as mathvista.")], json: Json = False
) -> None:
    """Show a benchmark: its source, every prompt with an example, its rules, and golds known to be bad."""
    from ovt.evaluation.catalogue import shown

    tell(shown(name), json)


@commands.command(
    epilog=examples(
        "ovt eval score samples.jsonl --bench mathvista",
        "ovt eval score outputs.jsonl --bench mathvision --questions test.jsonl --by level",
    )
)
def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Outputs: JSON, JSONL, CSV, TSV, XLSX or Parquet.")],
    bench: Bench,
    questions: Annotated[
        str | None,
        typer.Option("--questions", metavar="PATH", help="The benchmark's rows [the file's own, else the Hub's]."),
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="The rule of the official reading.")] = "official",
    by: Annotated[str | None, typer.Option("--by", metavar="GROUP", help="Also show a group, such as subject.")] = None,
    least: Least = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Keep each run as an evaluation: NAME, or NAME-RUN.")
    ] = None,
    judge: Judge = None,
    max_usd: MaxUsd = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Score outputs that you already have: its readings side by side; no model is asked except a judge."""
    from ovt import api
    from ovt.core.progress import Progress
    from ovt.evaluation.benchmark import benchmark_title
    from ovt.evaluation.benchmark_scores import check_least, require

    check_least(least or (), [benchmark_title(bench)])
    progress = Progress()
    asked: dict[str, Any] = {"judge": judge, "max_usd": max_usd, "home": home, "progress": progress}
    with resumable(), live(progress):
        scored = api.score(file, bench, questions=questions, rule=rule, name=name, **asked)
    tell(scored.report(by), json)
    for line in scored.notes:
        note(line, "dim")
    require(scored.scores, least or ())


@commands.command(epilog=examples("ovt eval why charts-sft-mathvista 17"))
def why(
    name: EvalRef,
    what: Annotated[str, typer.Argument(metavar="ID", help="A question's id in the benchmark, or its own.")],
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show one answer: the reply with the extracted answer marked, every reading's verdict, and its reason."""
    from ovt.core.home import Home
    from ovt.evaluation.why import why as explain

    tell(explain(name, what, Home.locate(home)), json)


@commands.command(
    epilog=examples(
        "ovt eval rescore charts-sft-mathvista",
        "ovt eval rescore base-mathverse --judge qwen3@http://127.0.0.1:8000/v1 --keep judged",
    )
)
def rescore(
    name: EvalRef,
    rule: Annotated[str | None, typer.Option("--rule", help="Another rule for the official reading.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="How answers are compared, as in [verify].")] = None,
    judge: Judge = None,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="NAME", help="Keep the result under another name.")
    ] = None,
    max_usd: MaxUsd = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Read an evaluation's kept replies again, with this ovt's verifier; no model is asked except a judge."""
    from ovt import api
    from ovt.core.progress import Progress

    progress = Progress()
    with resumable(), live(progress):
        again = api.rescore(
            name, rule=rule, kind=kind, judge=judge, keep=keep, max_usd=max_usd, home=home, progress=progress
        )
    tell(again.report(), json)


@commands.command(epilog=examples("ovt eval power", "ovt eval power base-mathvista charts-sft-mathvista --gain 1.5"))
def power(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME NAME]", help="Two evaluations to measure on.")
    ] = None,
    gain: Annotated[float, typer.Option("--gain", min=0.1, max=50, help="A gain, in points of accuracy.")] = 2.0,
    flips: Annotated[
        float | None, typer.Option("--flips", min=0.001, max=1, help="The share of questions that differ [0.2].")
    ] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """How many questions it takes to show a given gain in points between two models."""
    from ovt.core.home import Home
    from ovt.evaluation.compare import power as needed

    tell(needed(names or [], Home.locate(home), gain / 100, flips), json)
