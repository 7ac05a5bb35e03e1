"""`ovt verify`: compare two answers, or look after the verifier."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ovt.commands.options import HomePath, Json, MaxSamples, MaxTokens, MaxUsd, Overrides, Ref
from ovt.commands.terminal import console, print_json, print_pairs, resumable
from ovt.core.errors import GateFailed
from ovt.core.home import Home


class AnswerGroup(TyperGroup):
    """`ovt verify PREDICTION GOLD` is `ovt verify answer PREDICTION GOLD`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] == "--help"
        return super().parse_args(ctx, args if named else ["answer", *args])


def _known(kind: str) -> str:
    from ovt.verifiers import known_kind

    try:
        return known_kind(kind)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


commands = typer.Typer(
    cls=AnswerGroup,
    no_args_is_help=True,
    subcommand_metavar="PREDICTION GOLD | COMMAND [ARGS]...",
    help="Compare PREDICTION with GOLD (after -- if one begins with a dash), or look after the verifier.",
)


@commands.command()
def answer(
    prediction: Annotated[str, typer.Argument(help="A bare answer, or with --response a whole response.")],
    gold: Annotated[str, typer.Argument(help="The known answer.")],
    choices: Annotated[list[str] | None, typer.Option("--choices", help="An option; give it once per option.")] = None,
    response: Annotated[bool, typer.Option("--response", help="Take the answer out of a response first.")] = False,
    kind: Annotated[
        str, typer.Option(help="The kind of answer, if it is known: number, text, …", callback=_known)
    ] = "auto",
    json: Json = False,
) -> None:
    """Compare an answer with a gold, and say why it is correct or not (exit code 0 only for correct)."""
    import dataclasses

    from ovt.verifiers import verify as verify_answer
    from ovt.verifiers import verify_response

    verdict = (verify_response if response else verify_answer)(prediction, gold, choices=choices, kind=kind)
    if json:
        print_json(dataclasses.asdict(verdict))
    else:
        print_pairs(dataclasses.asdict(verdict))
    raise typer.Exit(0 if verdict else 1)


@commands.command()
def attack(json: Json = False) -> None:
    """Try a suite of reward hacks on the verifier (exit code 4 where one is accepted)."""
    from ovt.commands.views.verify import attack_report
    from ovt.curate.audit.attack import attack as run_attack

    report = run_attack()
    print_json(report.as_dict()) if json else console().print(attack_report(report))
    if report.accepted:
        raise GateFailed(f"{report.accepted} of {report.tried} hacks were accepted, and none may be")


@commands.command()
def audit(
    ref: Ref,
    limit: MaxSamples = None,
    out: Annotated[Path | None, typer.Option(help="Write the disagreements to this JSONL file, to label.")] = None,
    judge_recipe: Annotated[Path | None, typer.Option(metavar="RECIPE", help="Ask its [verify.judge] as well.")] = None,
    overrides: Overrides = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Compare the verdicts on a version's answers with other graders', and show where they disagree."""
    from ovt.commands.views.verify import audit_report
    from ovt.curate.audit.audit import as_dict, run
    from ovt.curate.audit.labels import write_disputed
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.recipe import load_recipe

    recipe = load_recipe(judge_recipe, overrides or ()) if judge_recipe else None
    with resumable():
        audited = run(ref, Home.locate(home), limit, recipe, Budget(max_usd, max_tokens))
    about = as_dict(audited)
    print_json(about) if json else console().print(audit_report(about))
    if out:
        print(f"{write_disputed(audited, out)} to label: {out}, then `ovt verify labels {out}`", file=sys.stderr)


@commands.command()
def labels(
    file: Annotated[Path, typer.Argument(help="What `ovt verify audit --out` wrote, with labels in it.")],
    cases: Annotated[Path, typer.Option(help="The regression cases to add them to.")] = Path("regressions.jsonl"),
    json: Json = False,
) -> None:
    """Turn labelled disagreements into regression cases, and say which of them the rules get wrong."""
    from ovt.commands.views.verify import labels_report
    from ovt.curate.audit.labels import adopt

    adopted = adopt(file, cases)
    print_json(adopted.as_dict()) if json else console().print(labels_report(adopted))
