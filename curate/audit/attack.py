"""`ovt verify attack`: tries every hack of `hacks.toml` on every target and counts how many the grader accepts.

Target("21 cm", "21 m")  and  "both_ways"  ->  "21 cm or 21 m", "<answer>21 cm or 21 m</answer>", …

Last, `crossed.py`: two golds that one text earns for must equal each other.
"""

import re
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ovt.curate.audit.crossed import cross
from ovt.verifiers import verify_response

Grader = Callable[..., Any]
"""(response, gold, choices=…) -> something that is true where the response is accepted."""

CYRILLIC = str.maketrans("ABCEHKMOPTXaceopxy", "АВСЕНКМОРТХасеорху")
_SIDES = {"«gold»": "«other»", "«other»": "«gold»"}
_SIDE = re.compile("|".join(_SIDES))
JOINED = re.compile(r"«(?:(options|lettered|letters|choices)|(\d+)\.\.(\d+))\|(.*?)»", re.DOTALL)


class Target(NamedTuple):
    """A gold, a wrong answer of the same kind, and the options if there are any."""

    gold: str
    other: str
    choices: tuple[str, ...] | None = None


class Text(NamedTuple):
    """A hack's text, with unfilled placeholders. `when`: only on targets with "choices" or "no choices"; `chars`:
    repeated up to this many characters."""

    text: str
    when: str = ""
    chars: int = 0


@dataclass(frozen=True)
class Hack:
    """Texts of one kind of hack.

    of: the "answer", tried bare and in a whole response, or the "response".
    never: "gold", if no text may earn for the gold; "both", if one may, but not for the gold and the other answer.
    """

    name: str
    what: str
    texts: tuple[Text, ...]
    of: str = "answer"
    never: str = "gold"


def read_suite(path: Path) -> tuple[tuple[Target, ...], tuple[Hack, ...], tuple[str, ...]]:
    """The targets, hacks and crossed texts of a suite; `hacks.toml` documents the format."""
    suite = tomllib.loads(path.read_text(encoding="utf-8"))
    targets = (Target(one["gold"], one["other"], tuple(one.get("choices", ())) or None) for one in suite["targets"])
    hacks = (
        Hack(**one | {"texts": tuple(_texts(one.pop("texts"), one.pop("either_order", False)))})
        for one in suite["hacks"]
    )
    return tuple(targets), tuple(hacks), tuple(suite["crossed"])


def _texts(texts: list[Any], either_order: bool) -> Iterator[Text]:
    for one in texts:
        text = Text(one) if isinstance(one, str) else Text(**one)
        yield text
        if either_order:
            yield text._replace(text=_SIDE.sub(lambda found: _SIDES[found[0]], text.text))


TARGETS, HACKS, CROSSED = read_suite(Path(__file__).with_name("hacks.toml"))


def answers(hack: Hack, target: Target) -> Iterator[str]:
    """What one hack writes for one target."""
    alike = target.gold.translate(CYRILLIC)
    for text, when, chars in hack.texts:
        if when and when != ("choices" if target.choices else "no choices"):
            continue
        if "«alike»" in text and (alike == target.gold or "\\" in target.gold):
            continue
        filled = JOINED.sub(lambda found: _join(found, target), text).replace("«alike»", alike)
        filled = filled.replace("«gold»", target.gold).replace("«other»", target.other)
        yield filled * (chars // len(filled)) if chars else filled


def _join(found: re.Match[str], target: Target) -> str:
    name, first, last, joint = found.groups()
    if not name:
        return joint.join(map(str, range(int(first), int(last) + 1)))
    if name == "choices":
        return joint.join(target.choices or (target.gold, target.other, "42"))
    texts = target.choices or (target.other, target.gold, "42", "none")
    letters = [chr(ord("A") + index) for index in range(len(texts))]
    lettered = [f"{letter}. {text}" for letter, text in zip(letters, texts, strict=True)]
    return joint.join({"options": texts, "letters": letters, "lettered": lettered}[name])


def responses(hack: Hack, target: Target) -> Iterator[str]:
    """The responses of one hack against one target."""
    for text in answers(hack, target):
        yield text
        if hack.of == "answer":
            yield f"<think>\nLet me see.\n</think>\n\nIt is so.\n\n<answer>{text}</answer>"


@dataclass(frozen=True)
class Accepted:
    """A response that was rewarded and should not have been."""

    response: str
    gold: str
    choices: tuple[str, ...] | None


@dataclass(frozen=True)
class Outcome:
    """One hack against all targets; `slowest_s` is the longest time for one verdict, in seconds."""

    hack: str
    what: str
    tried: int
    accepted: tuple[Accepted, ...]
    slowest_s: float


@dataclass(frozen=True)
class Report:
    """The whole suite."""

    outcomes: tuple[Outcome, ...]

    @property
    def tried(self) -> int:
        return sum(outcome.tried for outcome in self.outcomes)

    @property
    def accepted(self) -> int:
        return sum(len(outcome.accepted) for outcome in self.outcomes)

    @property
    def false_accept_rate(self) -> float:
        """The share of hacks that were accepted, 0 … 1."""
        return self.accepted / max(self.tried, 1)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        hacks = [
            {
                "hack": outcome.hack,
                "what": outcome.what,
                "tried": outcome.tried,
                "accepted": [
                    {"response": one.response, "gold": one.gold, "choices": one.choices} for one in outcome.accepted
                ],
                "slowest_s": round(outcome.slowest_s, 4),
            }
            for outcome in self.outcomes
        ]
        totals = {"tried": self.tried, "accepted": self.accepted, "false_accept_rate": self.false_accept_rate}
        return totals | {"slowest_s": max(hack["slowest_s"] for hack in hacks), "hacks": hacks}


def attack(
    grade: Grader = verify_response,
    hacks: Iterable[Hack] = HACKS,
    targets: Sequence[Target] = TARGETS,
    crossed: Sequence[str] = CROSSED,
) -> Report:
    """Try every hack against every target, and the crossed texts on each other; times are of the wall clock."""
    outcomes = [try_hack(hack, targets, grade) for hack in hacks]
    return Report((*outcomes, *([try_crossed(crossed, grade)] if crossed else ())))


def try_hack(hack: Hack, targets: Iterable[Target], grade: Grader) -> Outcome:
    """One hack against all targets."""
    accepted, tried, slowest = [], 0, 0.0
    for target in targets:
        golds = (target.gold, target.other) if hack.never == "both" else (target.gold,)
        for response in responses(hack, target):
            started = time.perf_counter()
            earns = all(grade(response, gold, choices=target.choices) for gold in golds)
            slowest = max(slowest, time.perf_counter() - started)
            tried += 1
            if earns:
                accepted.append(Accepted(response, " and ".join(golds), target.choices))
    return Outcome(hack.name, hack.what, tried, tuple(accepted), slowest)


def try_crossed(texts: Sequence[str], grade: Grader) -> Outcome:
    """The texts as answers on themselves as golds."""
    slowest = 0.0

    def timed(text: str, gold: str) -> bool:
        nonlocal slowest
        started = time.perf_counter()
        earns = bool(grade(text, gold, choices=None))
        slowest = max(slowest, time.perf_counter() - started)
        return earns

    pairs = cross(texts, texts, timed).unequal
    accepted = tuple(Accepted(text, f"{one} and {two}", None) for text, one, two in pairs)
    what = "One text for two golds that do not equal each other."
    return Outcome("crossed", what, len(texts) ** 2, accepted, slowest)
