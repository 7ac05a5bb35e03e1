"""A figure: a small picture, the facts it shows, and questions whose golds follow from those facts."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from PIL import Image

LETTERS = "ABCDEFGH"

Table = Mapping[Any, Any]
Solve = Callable[[Table], tuple[str, Sequence[str]]]
Misread = Callable[[Table, random.Random], Table]


@dataclass(frozen=True)
class FigureQuestion:
    """A question about a figure; `steps` lead from the caption's facts to `gold`, one short sentence each.

    With `choices` the gold is the letter of the right option. `slip` is the same question solved from a misread
    fact (another gold, other steps), or None if no misreading changes the answer.
    """

    question: str
    gold: str
    choices: tuple[str, ...] | None
    steps: tuple[str, ...]
    slip: "FigureQuestion | None" = None


@dataclass(frozen=True)
class Figure:
    """A picture (RGB, 112×112 px) and every known fact about it."""

    family: str
    image: Image.Image
    facts: tuple[str, ...]
    questions: tuple[FigureQuestion, ...]

    @property
    def caption(self) -> str:
        """The gold caption: the facts, joined."""
        return " ".join(self.facts)


class Asked(NamedTuple):
    """A question before it is solved; with `choices` its answer is one of these."""

    text: str
    solve: Solve
    choices: Sequence[str] | None = None


def misread_number(table: Table, rng: random.Random) -> Table:
    """The table with two values swapped, or with one number off by one: the errors of a hasty reader."""
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
    asked: Iterable[tuple[Any, ...]], table: Table, rng: random.Random, misread: Misread = misread_number
) -> tuple[FigureQuestion, ...]:
    """A question for each (text, solve) or (text, solve, choices), with the gold and steps that `solve` returns for
    `table`, and the slip of a misread table."""
    return tuple(_pose_one(Asked(*one), table, rng, misread) for one in asked)


def _pose_one(asked: Asked, table: Table, rng: random.Random, misread: Misread) -> FigureQuestion:
    right = _solved(asked, table)
    if right is None:
        raise ValueError(f"the answer to {asked.text!r} is not among {asked.choices}")
    for _ in range(6):
        wrong = _solved(asked, misread(table, rng))
        if wrong is not None and wrong.gold != right.gold:
            return replace(right, slip=wrong)
    return right


def _solved(asked: Asked, table: Table) -> FigureQuestion | None:
    answer, steps = asked.solve(table)
    if asked.choices is None:
        return FigureQuestion(asked.text, answer, None, tuple(steps))
    if answer not in asked.choices:
        return None
    letter = LETTERS[list(asked.choices).index(answer)]
    return FigureQuestion(asked.text, letter, tuple(asked.choices), (*steps, f"Option {letter} is {answer}."))


def options(answer: str, others: Sequence[str], rng: random.Random, n: int = 4) -> tuple[str, ...]:
    """`n` options in random order: the answer and distinct others."""
    rest = sorted(set(others) - {answer})
    picked = [answer, *rng.sample(rest, min(n - 1, len(rest)))]
    rng.shuffle(picked)
    return tuple(picked)


def number_options(answer: int, rng: random.Random, n: int = 4) -> tuple[str, ...]:
    """`n` options in ascending order: the answer and its neighbours, none below zero."""
    start = max(0, answer - rng.randrange(n))
    return tuple(str(start + i) for i in range(n))


def yes_no(truth: bool) -> str:
    """ "yes" or "no"."""
    return "yes" if truth else "no"
