"""`ovt eval`: answer held-out questions with a model, and compare the scores."""

from typing import Annotated

import typer

from ovt.commands.options import EvalRefs, HomePath, Json, Limit, MaxTokens, MaxUsd, examples
from ovt.commands.terminal import live, report, resumable

commands = typer.Typer(no_args_is_help=True, help="Answer held-out questions with a model, and compare the scores.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="pocket, a run, a folder, or a server's URL (…/v1).")]
Questions = Annotated[
    str,
    typer.Argument(metavar="QUESTIONS", help="A question set or recipe (TOML), a loop's recipe, or a source's path."),
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
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the question set, such as k. Repeatable."),
]


@commands.command(
    epilog=examples(
        "ovt eval run charts-sft held-out.toml",
        "ovt eval run http://127.0.0.1:8000/v1 held-out.toml --served-as qwen2.5-vl-7b --limit 500",
    )
)
def run(
    model: Model,
    questions: Questions,
    overrides: Settings = None,
    served_as: Served = None,
    revision: Revision = None,
    name: Name = None,
    limit: Limit = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Answer a question set with a model, greedily by default; run the same command again to resume."""
    from ovt import api
    from ovt.commands.views.tables import told
    from ovt.core.progress import Progress

    progress = Progress()
    with resumable(), live(progress):
        done = api.evaluate(
            model,
            questions,
            name=name,
            set=overrides or (),
            limit=limit,
            served_as=served_as,
            revision=revision,
            max_usd=max_usd,
            max_tokens=max_tokens,
            home=home,
            progress=progress,
        )
    report(done.model_dump(mode="json") if json else done.report(), json, told)


@commands.command("list", epilog=examples("ovt eval list"))
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the evaluations of this home."""
    from ovt import api
    from ovt.commands.views.tables import view
    from ovt.evaluation.results import evaluation_table

    done = api.evaluations(home)
    report([one.model_dump(mode="json") for one in done] if json else evaluation_table(done), json, view)


@commands.command(epilog=examples("ovt eval compare base-held-out charts-sft-held-out"))
def compare(names: EvalRefs, home: HomePath = None, json: Json = False) -> None:
    """Compare evaluations with the first one, paired by question."""
    from ovt import api
    from ovt.commands.views.tables import told

    found = api.compare(*names, home=home)
    report(found.data if json else found, json, told)
