"""What a figure is: a small picture, the facts it shows, and questions whose golds follow from those facts."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

LETTERS = "ABCDEFGH"

Table = Mapping[Any, Any]
Solve = Callable[[Table], tuple[str, Sequence[str]]]
Misread = Callable[[Table, random.Random], Table]


@dataclass(frozen=True)
class FigureQuestion:
    """A question about a figure; `steps` lead from the caption's facts to `gold`, one short sentence each.

    With `choices` the gold is the letter of the right option. `slip` is the same question solved from a fact that was
    read wrongly (another gold, other steps), or None where no misreading changes the answer.
    """

    question: str
    gold: str
    choices: tuple[str, ...] | None
    steps: tuple[str, ...]
    slip: "FigureQuestion | None" = None


@dataclass(frozen=True)
class Figure:
    """A picture (RGB, 112×112 px) with everything that can be known about it."""

    family: str
    image: Image.Image
    facts: tuple[str, ...]
    questions: tuple[FigureQuestion, ...]

    @property
    def caption(self) -> str:
        """The gold caption: the facts, joined."""
        return " ".join(self.facts)


def misread_number(table: Table, rng: random.Random) -> Table:
    """The table with two values swapped, or with one number off by one: how a hasty reader errs."""
    wrong = dict(table)
    keys = sorted(wrong, key=str)
    if len(keys) > 1 and rng.random() < 0.6:
        first, second = rng.sample(keys, 2)
        wrong[first], wrong[second] = wrong[second], wrong[first]
    else:
        key = rng.choice(keys)
        wrong[key] = wrong[key] + (1 if wrong[key] < 2 else rng.choice((-1, 1)))
    return wrong


def misread_swap(table: Table, rng: random.Random) -> Table:
    """The table with two of its values swapped."""
    wrong = dict(table)
    first, second = rng.sample(sorted(wrong, key=str), 2)
    wrong[first], wrong[second] = wrong[second], wrong[first]
    return wrong


def pose(
    text: str,
    solve: Solve,
    table: Table,
    rng: random.Random,
    choices: Sequence[str] | None = None,
    misread: Misread = misread_number,
) -> FigureQuestion:
    """The question `text` with the gold and steps that `solve` finds in `table`, and the slip of a misread table."""
    right = _solved(text, solve, table, choices)
    if right is None:
        raise ValueError(f"the answer to {text!r} is not among {choices}")
    for _ in range(6):
        wrong = _solved(text, solve, misread(table, rng), choices)
        if wrong is not None and wrong.gold != right.gold:
            return FigureQuestion(text, right.gold, right.choices, right.steps, wrong)
    return right


def _solved(text: str, solve: Solve, table: Table, choices: Sequence[str] | None) -> FigureQuestion | None:
    answer, steps = solve(table)
    if choices is None:
        return FigureQuestion(text, answer, None, tuple(steps))
    if answer not in choices:
        return None
    letter = LETTERS[list(choices).index(answer)]
    return FigureQuestion(text, letter, tuple(choices), (*steps, f"Option {letter} is {answer}."))


def options(answer: str, others: Sequence[str], rng: random.Random, n: int = 4) -> tuple[str, ...]:
    """`n` options in random order: the answer and distinct others."""
    rest = sorted(set(others) - {answer})
    picked = [answer, *rng.sample(rest, min(n - 1, len(rest)))]
    rng.shuffle(picked)
    return tuple(picked)


def number_options(answer: int, rng: random.Random, n: int = 4) -> tuple[str, ...]:
    """`n` options in rising order: the answer and its neighbours, none below zero."""
    start = max(0, answer - rng.randrange(n))
    return tuple(str(start + i) for i in range(n))


def yes_no(truth: bool) -> str:
    """ "yes" or "no"."""
    return "yes" if truth else "no"
