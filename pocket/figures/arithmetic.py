"""Solvers shared by charts, tables, patterns and figures: from a table of numbers to a gold and its steps.

Each takes `fact(key, table)`, the caption's sentence that states a value, so that the steps quote the caption.
"""

from collections.abc import Callable, Sequence

from ovt.pocket.figures.figure import Solve, Table, yes_no

Fact = Callable[[str, Table], str]


def value(fact: Fact, key: str) -> Solve:
    """The number at `key`."""
    return lambda t: (str(t[key]), [fact(key, t)])


def difference(fact: Fact, one: str, two: str) -> Solve:
    """The larger minus the smaller of two numbers."""

    def solve(t: Table):
        least, most = sorted((t[one], t[two]))
        return str(most - least), [fact(one, t), fact(two, t), f"{most} - {least} = {most - least}."]

    return solve


def total(fact: Fact, keys: Sequence[str]) -> Solve:
    """The sum of two or more numbers, added one at a time."""

    def solve(t: Table):
        steps = [fact(key, t) for key in keys]
        running = t[keys[0]]
        for key in keys[1:]:
            steps.append(f"{running} + {t[key]} = {running + t[key]}.")
            running += t[key]
        return str(running), steps

    return solve


def is_more(fact: Fact, one: str, two: str) -> Solve:
    """Whether the first number is the larger one."""

    def solve(t: Table):
        more = t[one] > t[two]
        return yes_no(more), [fact(one, t), fact(two, t), f"{t[one]} is {'' if more else 'not '}more than {t[two]}."]

    return solve


def extreme(fact: Fact, end: str) -> Solve:
    """The key of the largest ("highest", "most") or smallest ("lowest", "fewest") number."""
    best = max if end in ("highest", "most") else min

    def solve(t: Table):
        key = best(t, key=lambda k: t[k])
        return key, [*(fact(k, t) for k in t), f"The {end} is {key} with {t[key]}."]

    return solve
