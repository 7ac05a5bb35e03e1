"""`ovt verify`: compare two answers, or check the verifier."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ovt.commands.options import HomePath, Json, MaxSamples, MaxTokens, MaxUsd, Overrides, Ref, YesSendKey, examples
from ovt.commands.terminal import note, print_json, report, resumable, say
from ovt.core.errors import GateFailed, RecipeError
from ovt.core.home import Home


class AnswerGroup(TyperGroup):
    """`ovt verify PREDICTION GOLD` is `ovt verify answer PREDICTION GOLD`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] == "--help"
        if not named and (near := difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.75)):
            note(f"{args[0]!r} is read as a prediction; did you mean `ovt verify {near[0]}`?")
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
    epilog=examples("ovt verify 'x = 1/2' 0.5", "ovt verify audit charts"),
)


@commands.command(
    epilog=examples("ovt verify 'x = 1/2' 0.5", "ovt verify B '12 cm' --choices '10 cm' --choices '12 cm'")
)
def answer(
    prediction: Annotated[str, typer.Argument(help="An answer, or with --response a whole response.")],
    gold: Annotated[str, typer.Argument(help="The known answer.")],
    choices: Annotated[list[str] | None, typer.Option("--choices", help="One of the options. Repeatable.")] = None,
    response: Annotated[
        bool, typer.Option("--response", help="PREDICTION is a whole response: extract its answer first.")
    ] = False,
    kind: Annotated[str, typer.Option(help="The kind of answer, if known: number, text, …", callback=_known)] = "auto",
    json: Json = False,
) -> None:
    """Compare an answer with a gold and say why it is correct or not (exit code 1 unless correct)."""
    import dataclasses

    from ovt.verifiers import verify as verify_answer
    from ovt.verifiers import verify_response

    verdict = (verify_response if response else verify_answer)(prediction, gold, choices=choices, kind=kind)
    told = dataclasses.asdict(verdict)
    if json:
        print_json(told)
    else:
        width = max(map(len, told))
        say(*(f"{name:<{width}}  {value}" for name, value in told.items() if value not in (None, "")))
    raise typer.Exit(0 if verdict else 1)


@commands.command(epilog=examples("ovt verify attack"))
def attack(json: Json = False) -> None:
    """Try a suite of reward hacks on the verifier (exit code 4 if one is accepted)."""
    from ovt.commands.views.verify import attack_report
    from ovt.curate.audit.attack import attack as run_attack

    attacked = run_attack()
    report(attacked.as_dict() if json else attacked, json, attack_report)
    if attacked.accepted:
        raise GateFailed(f"{attacked.accepted} of {attacked.tried} hacks were accepted; none should be")


@commands.command(epilog=examples("ovt verify audit charts --out disputed.jsonl"))
def audit(
    ref: Ref,
    limit: MaxSamples = None,
    out: Annotated[Path | None, typer.Option(help="Write the disagreements to this JSONL file, for labelling.")] = None,
    judge_recipe: Annotated[
        Path | None, typer.Option(metavar="RECIPE", help="Also ask this recipe's [verify.judge].")
    ] = None,
    overrides: Overrides = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    yes_send_key: YesSendKey = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Compare the verdicts on a version's answers with other graders' and show where they disagree."""
    from ovt.commands.agree import settle
    from ovt.commands.views.verify import audit_report
    from ovt.curate.audit.audit import as_dict, run
    from ovt.curate.audit.labels import write_disputed
    from ovt.curate.claims import server_claims
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.recipe import load_recipe

    if overrides and not judge_recipe:
        raise RecipeError("--set changes the recipe of --judge-recipe: give both")
    recipe = load_recipe(judge_recipe, overrides or ()) if judge_recipe else None
    if recipe and recipe.verify.judge:
        asked = recipe.verify.judge.endpoint
        settle(list(server_claims({asked: recipe.endpoints[asked]})), yes_send_key)
    with resumable():
        audited = run(ref, Home.locate(home), limit, recipe, Budget(max_usd, max_tokens))
    report(as_dict(audited), json, audit_report)
    if out:
        note(f"{write_disputed(audited, out)} to label: {out}, then `ovt verify labels {out}`")


@commands.command(epilog=examples("ovt verify labels disputed.jsonl"))
def labels(
    file: Annotated[Path, typer.Argument(help="The file of `ovt verify audit --out`, with labels filled in.")],
    cases: Annotated[Path, typer.Option(help="The file of regression cases to add them to.")] = Path(
        "regressions.jsonl"
    ),
    json: Json = False,
) -> None:
    """Turn labelled disagreements into regression cases and report which of them the rules get wrong."""
    from ovt.commands.views.verify import labels_report
    from ovt.curate.audit.labels import adopt

    adopted = adopt(file, cases)
    report(adopted.as_dict() if json else adopted, json, labels_report)
