"""The `ovt` command: parses, calls one function, prints. Whatever is heavy is imported inside the commands."""

import errno
import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ovt.curate.errors import BudgetReached, GateFailed, OvtError
from ovt.curate.home import Home

if TYPE_CHECKING:
    from rich.console import Console

    from ovt.curate.endpoints.endpoint import Transport
    from ovt.curate.recipe import Recipe
    from ovt.curate.versions.read import Version

DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
INTERRUPTED = 130  # exit code of a stopped command that can be resumed


class AnswerGroup(TyperGroup):
    """`ovt verify PREDICTION GOLD` is `ovt verify answer PREDICTION GOLD`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] == "--help"
        return super().parse_args(ctx, args if named else ["answer", *args])


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
curate = typer.Typer(no_args_is_help=True, help="Turn questions with images into verified dataset versions.")
data = typer.Typer(no_args_is_help=True, help="Look into dataset versions.")
app.add_typer(curate, name="curate")
app.add_typer(data, name="data")
verify_help = "Compare PREDICTION with GOLD (after -- if one begins with a dash), or look after the verifier."
verify_usage = "PREDICTION GOLD | COMMAND [ARGS]..."
verify = typer.Typer(cls=AnswerGroup, no_args_is_help=True, subcommand_metavar=verify_usage, help=verify_help)
app.add_typer(verify, name="verify")

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's key.")]
HomePath = Annotated[
    Path | None, typer.Option("--home", help="Where replies, images and versions are [$OVT_HOME, else ./ovt-home].")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Take at most this many questions.")]
MaxSamples = Annotated[int | None, typer.Option("--limit", min=1, help="Look at this many samples at most.")]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Spend at most this in this run (then exit code 3).")]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Use at most this many tokens in this run.")]
Ref = Annotated[str, typer.Argument(metavar="NAME", help="name, name@v3, name@HASH or a folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.callback()
def ovt() -> None:
    """Turn image questions with known answers into verified reasoning data, and train on it."""


@curate.command()
def build(
    recipe: RecipePath,
    overrides: Overrides = None,
    limit: Limit = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked, and its price.")] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Build a dataset version; run the same line again to resume."""
    import asyncio

    from ovt.curate.build import build as run_build
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.panel import live_panel
    from ovt.curate.progress import Progress

    chosen = load(recipe, overrides)
    if dry_run:
        print_plan(chosen, Home.locate(home), limit, json)
        return
    progress = Progress()
    with resumable(), live_panel(progress, console(stderr=True)):
        version = asyncio.run(
            run_build(
                chosen,
                Home.locate(home),
                budget=Budget(max_usd, max_tokens),
                progress=progress,
                rebuild=rebuild_line(recipe, overrides, limit),
                limit=limit,
                git_commit=git_commit(),
                embedded=embedded,
            )
        )
    for note in progress.notes:
        console(stderr=True).print(note, markup=False, soft_wrap=True, style="dim")
    print_built(version, json)


@curate.command()
def preview(
    recipe: RecipePath,
    overrides: Overrides = None,
    n: Annotated[int, typer.Option("--questions", "-n", min=1, help="How many questions.")] = 3,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Take three questions all the way, and show every prompt and reply."""
    import asyncio

    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.preview import preview as run_preview
    from ovt.curate.versions.render import story_told

    with resumable():
        budget = Budget(max_usd, max_tokens)
        stories = asyncio.run(run_preview(load(recipe, overrides), Home.locate(home), n, budget, embedded))
    if json:
        print_json(stories)
        return
    for story in stories:
        console().rule()
        console().print(story_told(story))


@data.command("list")
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the versions of this home."""
    from ovt.curate.versions.read import list_versions
    from ovt.curate.versions.render import version_list
    from ovt.curate.versions.show import outline

    versions, broken = list_versions(Home.locate(home))
    outlines = [outline(version) for version in versions]
    print_json(outlines) if json else console().print(version_list(outlines, broken))


@data.command()
def show(ref: Ref, home: HomePath = None, json: Json = False) -> None:
    """Show what a version is, where it comes from and what it holds."""
    from ovt.curate.versions.read import open_version
    from ovt.curate.versions.render import description
    from ovt.curate.versions.show import describe

    about = describe(open_version(ref, Home.locate(home)))
    print_json(about) if json else console().print(description(about))


@data.command()
def head(
    ref: Ref,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 3,
    split: Annotated[str | None, typer.Option(help="sft or rl; default: both.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show the first rows of a version's data."""
    from ovt.curate.versions.read import open_version
    from ovt.curate.versions.render import rows_head
    from ovt.curate.versions.show import head as first_rows

    shown = first_rows(open_version(ref, Home.locate(home)), split, rows)
    print_json(shown) if json else console().print(rows_head(shown))


@data.command()
def why(
    ref: Ref,
    id_: Annotated[str, typer.Argument(metavar="ID", help="A question's or sample's id, or the start of one.")],
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Tell the story of a question or a sample, kept or dropped: prompts, replies, verdicts, decisions."""
    from ovt.curate.versions.read import open_version
    from ovt.curate.versions.render import story_told
    from ovt.curate.versions.why import story

    told = story(open_version(ref, Home.locate(home)), id_)
    print_json(told) if json else console().print(story_told(told))


@data.command()
def funnel(ref: Ref, home: HomePath = None, json: Json = False) -> None:
    """Show what each stage got, dropped and passed on, and why."""
    from ovt.curate.versions.read import open_version
    from ovt.curate.versions.render import funnel_table

    rows = [row.model_dump(mode="json") for row in open_version(ref, Home.locate(home)).manifest.funnel]
    print_json(rows) if json else console().print(funnel_table(rows))


@verify.command()
def answer(
    prediction: Annotated[str, typer.Argument(help="A bare answer, or with --response a whole response.")],
    gold: Annotated[str, typer.Argument(help="The known answer.")],
    choices: Annotated[list[str] | None, typer.Option("--choices", help="An option; give it once per option.")] = None,
    response: Annotated[bool, typer.Option("--response", help="Take the answer out of a response first.")] = False,
    json: Json = False,
) -> None:
    """Compare an answer with a gold, and say why it is correct or not (exit code 0 only for correct)."""
    import dataclasses

    from ovt.verifiers import verify as verify_answer
    from ovt.verifiers import verify_response

    verdict = (verify_response if response else verify_answer)(prediction, gold, choices=choices)
    if json:
        print_json(dataclasses.asdict(verdict))
    else:
        print_pairs(dataclasses.asdict(verdict))
    raise typer.Exit(0 if verdict else 1)


@verify.command()
def attack(json: Json = False) -> None:
    """Try a suite of reward hacks on the verifier (exit code 4 where one is accepted)."""
    from ovt.curate.grading.attack import attack as run_attack
    from ovt.curate.grading.render import attack_report

    report = run_attack()
    print_json(report.as_dict()) if json else console().print(attack_report(report))
    if report.accepted:
        raise GateFailed(f"{report.accepted} of {report.tried} hacks were accepted, and none may be")


@verify.command()
def audit(
    ref: Ref,
    limit: MaxSamples = None,
    out: Annotated[Path | None, typer.Option(help="Write the disagreements to this JSONL file, to label.")] = None,
    judge_recipe: Annotated[Path | None, typer.Option(metavar="RECIPE", help="Ask its [verify.judge], too.")] = None,
    overrides: Overrides = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Hold the verdicts on a version's answers against other graders', and show where they disagree."""
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.grading.audit import as_dict, run
    from ovt.curate.grading.labels import write_disputed
    from ovt.curate.grading.render import audit_report

    recipe = load(judge_recipe, overrides) if judge_recipe else None
    with resumable():
        audited = run(ref, Home.locate(home), limit, recipe, Budget(max_usd, max_tokens), embedded)
    about = as_dict(audited)
    print_json(about) if json else console().print(audit_report(about))
    if out:
        print(f"{write_disputed(audited, out)} to label: {out}, then `ovt verify labels {out}`", file=sys.stderr)


@verify.command()
def labels(
    file: Annotated[Path, typer.Argument(help="What `ovt verify audit --out` wrote, with labels in it.")],
    cases: Annotated[Path, typer.Option(help="The regression cases to add them to.")] = Path("regressions.jsonl"),
    json: Json = False,
) -> None:
    """Make regression cases of labelled disagreements, and say which of them the rules get wrong."""
    from ovt.curate.grading.labels import adopt
    from ovt.curate.grading.render import labels_report

    adopted = adopt(file, cases)
    print_json(adopted.as_dict()) if json else console().print(labels_report(adopted))


@verify.command()
def parity(
    ref: Ref,
    limit: MaxSamples = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Judge a version's samples as curation, the RL reward and evaluation do (exit code 4 where they differ)."""
    from ovt.curate.grading.parity import as_dict, check_parity
    from ovt.curate.grading.render import parity_report
    from ovt.curate.versions.read import open_version

    report = check_parity(open_version(ref, Home.locate(home)), limit)
    print_json(as_dict(report)) if json else console().print(parity_report(report))
    if report.differences:
        raise GateFailed(f"{len(report.differences)} verdicts differ between the paths, and none may")


@app.command()
def doctor(
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="Also try this recipe's endpoints.")] = None,
    overrides: Overrides = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Check versions, disk, GPU and token, and a recipe's endpoints by a round trip with an image."""
    import asyncio

    from ovt.curate.doctor import examine, examine_endpoints

    findings = list(examine(Home.locate(home)))
    if recipe:
        findings += asyncio.run(examine_endpoints(load(recipe, overrides), embedded))
    if json:
        print_json([vars(finding) for finding in findings])
    else:
        print_findings(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


def load(path: Path, overrides: list[str] | None) -> "Recipe":
    from ovt.curate.recipe import load_recipe

    return load_recipe(path, overrides or ())


def embedded(model: str) -> "Transport":
    """The model of an "embedded:…" endpoint; only this line lets torch into a build."""
    try:
        from ovt.train.pocket.engine import load as load_model
    except ModuleNotFoundError as error:
        raise OvtError(
            f"embedded:{model} needs {error.name}, which is not installed: pip install 'ovt[train]', "
            "or give the endpoint a server's base_url"
        ) from error
    return load_model(model)


@contextmanager
def resumable() -> Generator[None]:
    """Where the block is stopped by Ctrl-C or by the budget, say how to go on."""
    again = f"everything answered is kept; go on with: {shlex.join(['ovt', *sys.argv[1:]])}"
    try:
        yield
    except KeyboardInterrupt:
        print(f"ovt: interrupted; {again}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except BudgetReached as error:
        raise BudgetReached(f"{error}; {again}") from error


def rebuild_line(recipe: Path, overrides: list[str] | None, limit: int | None) -> str:
    """The command that makes the same version again, wherever it runs."""
    options = [part for override in overrides or () for part in ("--set", override)]
    options += ["--limit", str(limit)] if limit else []
    return shlex.join(["ovt", "curate", "build", str(recipe), *options])


def git_commit() -> str | None:
    """The commit of the repository that the command runs in, if it runs in one."""
    import subprocess

    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def print_json(value: Any) -> None:
    import json

    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_built(version: "Version", as_json: bool) -> None:
    """The closing summary: the funnel, the version, and the command to go on with."""
    from rich.padding import Padding

    from ovt.curate.versions.render import funnel_table
    from ovt.curate.versions.show import outline

    about = outline(version)
    if as_json:
        print_json(about)
        return
    screen = console()
    screen.print(Padding(funnel_table([row.model_dump() for row in version.manifest.funnel]), (1, 0)))
    screen.print(f"[bold]{version.ref}[/]  {about['sft']:,} rows to train on, {about['rl']:,} for RL", soft_wrap=True)
    screen.print(f"folder: {about['path']}", soft_wrap=True, markup=False)
    screen.print(f"next:   ovt data head {version.ref}", soft_wrap=True, markup=False)


def print_plan(recipe: "Recipe", home: Home, limit: int | None, as_json: bool) -> None:
    import asyncio

    from rich.table import Table

    from ovt.curate.plan import plan

    plans = [stage.as_dict() for stage in asyncio.run(plan(recipe, home, limit, embedded))]
    if as_json:
        print_json(plans)
        return
    view = Table(box=None, pad_edge=False, header_style="dim")
    for column in plans[0]:
        view.add_column(column.replace("_", " "), justify="left" if column in ("stage", "endpoint") else "right")
    for stage in plans:
        view.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in stage.values()))
    console().print(view)
    print("Tokens and prices are upper estimates. Nothing was asked.")


def print_pairs(pairs: dict[str, Any]) -> None:
    """One "name  value" line per pair that has a value."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        if value not in (None, ""):
            print(f"{name:<{width}}  {value}")


def print_findings(findings: list[Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    view = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "check", "found", "what to do"):
        view.add_column(column, overflow="fold")
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    for finding in findings:
        status = Text(finding.status, colours[finding.status])
        view.add_row(status, finding.check, Text(finding.found), Text(finding.advice))
    console().print(view)


def main() -> None:
    """The entry point: runs a command; what the user can mend becomes one line and an exit code."""
    try:
        app()
    except OvtError as error:
        print(f"ovt: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        print(f"ovt: cannot write {error.filename or ''}: {error.strerror}; make room or mend it, "
              "or choose another place with --home", file=sys.stderr)  # fmt: skip
        sys.exit(1)
