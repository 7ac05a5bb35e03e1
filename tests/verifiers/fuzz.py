"""A fuzzing run, by hand and not in CI: random and repetitive texts against golds of every kind.

    python tests/verifiers/fuzz.py [--minutes 10] [--seed 1]

Looks for an exception, for a check that takes more than two seconds or is stopped without mathematics in it, and for a
text accepted though nothing in it looks like the gold. Prints what it finds, then one line of totals; exits 1 on any.
"""

import argparse
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from ovt.verifiers import lint_gold, split_response, verify, verify_response

STOPPED = ("timeout", "gold_takes_too_long")
MAY_BE_HARD = re.compile(r"[\^!√]|\\(?:sum|prod|int|lim|sqrt|binom|log|sin)|½|²")
"""Texts with such pieces may rightly be stopped: their values can take any time."""

_PIECES = """
A B a 1 7 0 , . : ; - + * / ^ _ ! = < > | ( ) [ ] { } \\{ \\} $ $$ \\( \\) \\[ \\] % ° ± ∪ ∞ ≤ √ \\ \\\\ \\frac \\sqrt
\\sqrt[3] \\text{ \\boxed{ \\left \\right \\pi \\pm \\sum_{k=1}^{9} \\int_0^1 \\lim_{x\\to0} \\binom \\log_2 \\sin &
\\begin{pmatrix} \\end{pmatrix} and or to is not the answer option yes no cm m km/h hours one hundred million x x= x< 1/
½ ² " ' ` # é А 😀 <answer> </answer> <think> </think> per square of because 1,000 10:30 am January AD $5 5% 3.5 9^9^9
1e999 2010-2011 0.333
"""
PIECES = _PIECES.split()
SPACES = ["", "", " ", " ", "  ", "\n", "\t", "\u200b"]
_GOLDS = """
41|\\sqrt{2}|D|Yes|Paris|(3, 4)|x > 8|21 cm|3:4|\\{6, 8\\}|[0,6)|11:45|1914-1918|x=6|May 6, 1968
\\begin{pmatrix}6&8\\end{pmatrix}
"""
GOLDS = _GOLDS.strip().replace("\n", "|").split("|")
OPTIONS = ["red", "21 cm", "\\sqrt2", "green"]
MAY_BE_RIGHT = ["yes", "√", "\\sqrt"]
"""Pieces that rightly make one of the golds: texts with one of them are not counted as false accepts."""


def texts(rng: random.Random) -> Iterator[str]:
    """Short texts of a few pieces, and long ones that repeat a few."""
    while True:
        unit = "".join(rng.choice(PIECES) + rng.choice(SPACES) for _ in range(rng.choice([1, 1, 2, 2, 3, 5, 9])))
        repeats = rng.choice([1, 1, 1, 2, 7, 1_900 // max(1, len(unit))])
        ends = ["".join(rng.choice(PIECES) for _ in range(rng.choice([0, 0, 1, 2]))) for _ in range(2)]
        yield ends[0] + unit * repeats + ends[1]


def stretch(text: str) -> str:
    """The text with its middle character repeated: long runs are what makes a careless pattern quadratic."""
    middle = len(text) // 2
    return text[:middle] + text[middle : middle + 1] * 60_000 + text[middle:]


def probe(find: Callable[[str], None], check: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Run one check; report an exception, a slow one, a verdict that the rules failed on or were stopped in."""
    name = getattr(check, "__name__", "check")
    started = time.monotonic()
    try:
        result = check(*args, **options)
    except Exception as error:  # noqa: BLE001 (an exception is what is looked for)
        find(f"{name}{args!r} raised {error!r}")
        return None
    if (spent := time.monotonic() - started) > patience():
        find(f"{name}{args!r} took {spent:.2f} s")
    reason = getattr(result, "reason", result)
    if reason in ("error", "worker_lost") or (reason in STOPPED and not any(map(MAY_BE_HARD.search, args))):
        find(f"{name}{args!r} came to {result}")
    return result


def patience() -> float:
    """Two seconds, and more where other work keeps the machine busy."""
    return 2 * max(1.0, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1))


def attack(find: Callable[[str], None], text: str) -> int:
    """Every check of one text; how many there were."""
    verdicts = [probe(find, verify, text, gold) for gold in GOLDS]
    verdicts.append(probe(find, verify, text, "D", choices=OPTIONS))
    for verdict in verdicts:
        if verdict and not any(piece in text for piece in MAY_BE_RIGHT):
            find(f"{text!r} was accepted: {verdict}")
    probe(find, verify, "41", text)
    probe(find, lint_gold, text)
    for response in (text * 20, stretch(text)):
        probe(find, verify_response, response, "41")
        probe(find, split_response, response)
    return len(verdicts) + 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    finds: list[str] = []

    def find(message: str) -> None:
        finds.append(message)
        print(message[:300], flush=True)

    verify("\\int_0^1 x dx", "\\int_0^1 y dy")  # The start of a worker and its imports are no part of any check.
    checks, started = 0, time.monotonic()
    for text in texts(random.Random(args.seed)):
        if time.monotonic() - started > 60 * args.minutes:
            break
        checks += attack(find, text)
    print(f"seed {args.seed}: {checks:,} checks in {time.monotonic() - started:.0f} s, {len(finds)} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    raise SystemExit(main())
