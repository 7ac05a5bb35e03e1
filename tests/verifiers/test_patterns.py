"""Every pattern in the package takes linear time: each is tried on texts that are made to be hard for it.

Such a text is a piece that leads up to a repeat in the pattern, then what is repeated, thousands of times, then an end
that may not fit: `(a+)+$` would be tried on `aaaa…!`. Patterns, and how they are used, are read from the modules.
"""

import ast
import importlib
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ovt.verifiers

sre: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")

LONG = 4_000
"""Characters; twice as many may take little more than twice the time."""

NOTHING_S, MUCH_S = 0.002, 0.05
SEARCHING = frozenset(["search", "sub", "findall", "finditer", "split"])
ENDS = ("", "\x00", "!?aZ~")
CATEGORIES = {
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_NOT_WORD: " ",
}
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)


def patterns() -> dict[str, tuple[re.Pattern[str], bool]]:
    """Every pattern of the package by where it stands, and whether it searches (else it only matches)."""
    found: dict[str, tuple[re.Pattern[str], bool]] = {}
    for info in pkgutil.walk_packages(ovt.verifiers.__path__, "ovt.verifiers."):
        module = importlib.import_module(info.name)
        calls = list(uses(ast.parse(Path(str(module.__file__)).read_text())))
        searched = {name for name, method, _ in calls if method in SEARCHING}
        used = {name for name, _, _ in calls}
        for name, value in vars(module).items():
            for number, pattern in enumerate(inside(value)):
                found[f"{info.name}.{name}.{number}"] = (pattern, name in searched or name not in used)
        for name, method, call in calls:
            if name == "re" and isinstance(call.args[0], ast.Constant):
                found[f"{info.name}:{call.lineno}"] = (re.compile(str(call.args[0].value)), method in SEARCHING)
    return found


def uses(tree: ast.Module) -> Iterator[tuple[str, str, ast.Call]]:
    """(name, method, call) of each `NAME.search(…)` and its like."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in SEARCHING | {
                "match",
                "fullmatch",
            }:
                yield name, method, node


def inside(value: Any) -> Iterator[re.Pattern[str]]:
    """The patterns that a module's variable holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from inside(item)


@cache
def ascii_of(category: Any) -> frozenset[str]:
    letter = {sre.CATEGORY_SPACE: "s", sre.CATEGORY_DIGIT: "d", sre.CATEGORY_WORD: "w"}
    letter |= {sre.CATEGORY_NOT_SPACE: "S", sre.CATEGORY_NOT_DIGIT: "D", sre.CATEGORY_NOT_WORD: "W"}
    return frozenset(char for char in map(chr, range(128)) if re.match("\\" + letter[category], char))


def members(op: Any, argument: Any) -> set[str]:
    if op is sre.LITERAL:
        return {chr(argument)}
    if op is sre.RANGE:
        return set(map(chr, range(argument[0], min(argument[1], argument[0] + 300) + 1)))
    return set(ascii_of(argument)) if op is sre.CATEGORY else set()


def characters(items: list[Any]) -> list[str]:
    """Some characters of a class."""
    if items[0][0] is sre.NEGATE:
        banned = set().union(*(members(*item) for item in items[1:]))
        return [char for char in "a1 ,({$\\" if char not in banned][:3] or ["é"]
    return [CATEGORIES[item[1]] if item[0] is sre.CATEGORY else min(members(*item)) for item in items][:6]


def samples(tree: Any, limit: int = 4) -> list[str]:
    """Some texts that a part of a pattern matches."""
    texts = [""]
    for op, argument in tree:
        texts = [text + piece for text in texts for piece in pieces(op, argument, limit)][: 3 * limit]
    return list(dict.fromkeys(texts))[:limit]


def pieces(op: Any, argument: Any, limit: int) -> list[str]:
    if op is sre.IN:
        return characters(argument)[:limit]
    if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY):
        return [chr(argument)] if op is sre.LITERAL else ["a"]
    if op is sre.BRANCH:
        return [text for branch in argument[1] for text in samples(branch, 2)][: 2 * limit] or [""]
    if op in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
        return samples(argument[3] if op is sre.SUBPATTERN else argument, limit)
    if op in REPEATS:
        least, _, inner = argument
        return [text * max(least, 1) for text in samples(inner, limit)] + ([] if least else [""])
    return [""]


def pumps(tree: Any, before: tuple[str, ...] = ("",)) -> Iterator[tuple[str, str]]:
    """(what leads up to it, what is repeated) for each repeat of a pattern, in several spellings."""
    for op, argument in tree:
        inner = argument[2] if op in REPEATS else argument[3] if op is sre.SUBPATTERN else argument
        if op in REPEATS and argument[1] >= 20:
            repeated = [text for text in samples(inner, 6) if text]
            repeated += [
                text.replace(" ", "\n") for text in repeated if " " in text
            ]  # the ends of lines are starts, too
            for start in before[:3]:
                yield from ((start, text) for text in [*repeated, "".join(repeated[:4])] if text)
        if op in (*REPEATS, sre.SUBPATTERN, sre.ATOMIC_GROUP):
            yield from pumps(inner, before)
        for branch in argument[1] if op is sre.BRANCH else [argument[1]] if op in (sre.ASSERT, sre.ASSERT_NOT) else []:
            yield from pumps(branch, before)
        before = tuple(start + piece for start in before for piece in pieces(op, argument, 3))[:4] or before


class Hanging(Exception):
    pass


def ring(signum: int, frame: Any) -> None:
    raise Hanging


def seconds(pattern: re.Pattern[str], text: str, searches: bool) -> float:
    """CPU time that the pattern takes over a text, at most one second."""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 1)
    try:
        if searches:
            sum(1 for _ in pattern.finditer(text))
        else:
            pattern.match(text)
    except Hanging:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.process_time() - started


@cache
def hardest(pattern: re.Pattern[str], searches: bool) -> str:
    """The first text on which a pattern takes more than linear time, as words; "" where none was found."""
    for start, unit in dict.fromkeys(pumps(parser.parse(pattern.pattern, pattern.flags))):
        for end in ENDS:
            if reason := more_than_linear(pattern, searches, lambda n: start + unit * (n // len(unit)) + end):  # noqa: B023
                return f"{start!r} + {unit!r} repeated + {end!r}: {reason}"
    return ""


def more_than_linear(pattern: re.Pattern[str], searches: bool, text: Callable[[int], str]) -> str:
    if (spent := seconds(pattern, text(60), searches)) > 10 * NOTHING_S:
        return f"{spent:.2f} s for 60 characters"
    if (short := seconds(pattern, text(LONG), searches)) < NOTHING_S:
        return ""
    if short > MUCH_S:
        return f"{short:.2f} s for {LONG} characters"
    limit = max(2.8 * short, MUCH_S / 2)
    long = seconds(pattern, text(2 * LONG), searches)
    if long > limit:  # more than once before it is blamed: the machine may be busy
        long = min(long, *(seconds(pattern, text(2 * LONG), searches) for _ in range(4)))
    hard = long > limit
    return f"{short:.3f} s for {LONG} characters, {long:.3f} s for twice as many" if hard else ""


@pytest.fixture(autouse=True)
def timer() -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, ring)
    yield
    signal.signal(signal.SIGPROF, before)


@pytest.mark.timeout(400)  # twenty seconds of work, on a machine with twenty busy processes
def test_every_pattern_takes_linear_time() -> None:
    found = {one: where for where, one in patterns().items()}  # once each, wherever it is imported
    searched = {pattern for pattern, searches in found if searches}
    assert len(found) > 80
    slow = {
        where: words
        for (pattern, searches), where in found.items()
        if (searches or pattern not in searched) and (words := hardest(pattern, searches))
    }
    assert not slow, "\n" + "\n".join(f"{where}: {words}" for where, words in slow.items())


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?:a|a)*b", r"\s*,?\s*x", r"(\w+\s?)*:", r"\s+$", r"a.*b.*c"])
def test_a_careless_pattern_is_found(pattern: str) -> None:
    assert hardest(re.compile(pattern), searches=True)
