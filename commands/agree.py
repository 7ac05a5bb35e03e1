"""Asks the user, once, about what a recipe does that needs agreement (`curate/claims.py`), before any of it is done."""

import os
import sys
from collections.abc import Sequence

import typer

from ovt.commands.terminal import note
from ovt.curate.claims import Claim, agree_to, listed, open_claims


def tell_claims(found: Sequence[Claim]) -> None:
    """Says on stderr what a recipe does beyond its folder and the home; nothing if there is nothing."""
    if lines := listed(found):
        note(lines, "dim")


def settle(found: Sequence[Claim], yes_send_key: bool = False, yes_recipe: bool = False) -> None:
    """Agrees to what the options say, and asks about the rest if somebody can answer.

    What is still open then is refused by the code that would do it.
    """
    agree_to(claim for claim in found if (yes_send_key if claim.does == "send" else yes_recipe))
    if (left := open_claims(found)) and somebody_answers():
        note("This recipe would:")
        for claim in left:
            note(f"  {claim}")
        if typer.confirm("Agree, once and for all?", err=True):
            agree_to(left)


def somebody_answers() -> bool:
    """Whether a person sits at this terminal; CI may have a terminal and nobody at it."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")
