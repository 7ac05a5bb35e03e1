"""Our verdicts beside math-verify's (and MathRuler's, where it is installed) on the same cases: by kind, and by speed.

    python benchmarks/verifiers.py [--ours-only] [--crossed [N]]

The cases are those of tests/verifiers/labelled.py: our own, and the shared ones where their folder is present. One
process, one core; speeds leave the hostile kinds out, are taken after a warm-up, and count each case once.

`--crossed` tries every answer on every gold (a sample of N answers if given), and lists the pairs of golds that the
same text is right for though they do not equal each other.
"""

import argparse
import importlib
import importlib.util
import logging
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ovt.curate.audit.crossed import cross
from ovt.verifiers import VERSION, verify, verify_response

sys.path.append(str(Path(__file__).parents[1] / "tests" / "verifiers"))
from labelled import SHARED, read_own, read_shared

Judge = Callable[[dict], bool]


def ours(row: dict) -> bool:
    if "response" in row:
        return bool(verify_response(row["response"], row["gold"], choices=row["choices"]))
    return bool(verify(row["pred"], row["gold"], choices=row["choices"]))


def math_verify_judge(wrap_gold: bool) -> Judge:
    import math_verify

    logging.disable(logging.CRITICAL)

    def judge(row: dict) -> bool:
        gold = row["gold"]
        if wrap_gold and "$" not in gold and "\\(" not in gold:
            gold = f"${gold}$"
        text = row["response"] if "response" in row else row["pred"]
        return bool(math_verify.verify(math_verify.parse(gold), math_verify.parse(text)))

    return judge


def mathruler_judge() -> Judge:
    # Optional: not among our dependencies.
    grader = importlib.import_module("mathruler.grader")

    def judge(row: dict) -> bool:
        text = grader.extract_boxed_content(row["response"]) if "response" in row else row["pred"]
        return bool(grader.grade_answer(text, row["gold"]))

    return judge


def judges(ours_only: bool) -> dict[str, Judge]:
    """The judges available here, ours first."""
    found: dict[str, Judge] = {f"ovt {VERSION}": ours}
    if not ours_only:
        found["math-verify"] = math_verify_judge(False)
        found["math-verify, $gold$"] = math_verify_judge(True)
        if importlib.util.find_spec("mathruler"):
            found["MathRuler"] = mathruler_judge()
    return found


def suites() -> dict[str, list[dict]]:
    """The labelled cases by name; those that a careful person could judge either way are left out."""
    shared = ("answers", "responses", "field_answers", "field_responses") if SHARED.is_dir() else ()
    found = {name: read_shared(name) for name in shared}
    found |= {f"own {table}": read_own(table) for table in ("answers", "responses")}
    return {name: [row for row in rows if row["expected"] is not None] for name, rows in found.items()}


def score(judge: Judge, rows: list[dict]) -> tuple[list[bool], float]:
    """(verdicts, answers per second over the rows that are not hostile)."""
    for row in rows[:20]:
        judge(row)
    verdicts, seconds, timed = [], 0.0, 0
    for row in rows:
        started = time.perf_counter()
        verdicts.append(judge(row))
        if "hostile" not in row["kind"]:
            seconds += time.perf_counter() - started
            timed += 1
    return verdicts, timed / seconds


def cell(verdicts: list[bool], rows: list[dict], indexes: list[int]) -> str:
    """The accuracy on some rows, and how many of them were accepted though wrong."""
    right = sum(verdicts[i] == rows[i]["expected"] for i in indexes) / len(indexes)
    accepted = sum(verdicts[i] and not rows[i]["expected"] for i in indexes)
    return f"{right:.1%} ({accepted})" if accepted else f"{right:.1%}"


def print_table(name: str, rows: list[dict], results: dict[str, tuple[list[bool], float]]) -> None:
    """Accuracy by kind, then in all, with false accepts in brackets, and speed; one column for each judge."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        kinds[row["kind"]].append(index)
    core = [index for index, row in enumerate(rows) if row["tier"] == "core"]
    print(f"\n| {name} | cases |" + "".join(f" {judge} |" for judge in results))
    print("| --- | ---: |" + " ---: |" * len(results))
    for kind, indexes in [*sorted(kinds.items()), ("**core**", core), ("**all**", list(range(len(rows))))]:
        cells = "".join(f" {cell(verdicts, rows, indexes)} |" for verdicts, _ in results.values())
        print(f"| {kind} | {len(indexes)} |{cells}")
    print("| per second | |" + "".join(f" {speed:,.0f} |" for _, speed in results.values()))


def print_crossed(sample: int) -> None:
    """The pairs of golds, of all answers without options, that are not equal though the same text is right for both."""
    rows = [row for rows in suites().values() for row in rows if "pred" in row and not row["choices"]]
    texts = list(dict.fromkeys(row["pred"] for row in rows))
    golds = list(dict.fromkeys(row["gold"] for row in rows))
    if sample:
        texts = random.Random(15).sample(texts, min(sample, len(texts)))
    crossed = cross(texts, golds, lambda text, gold: bool(verify(text, gold)))
    for text, one, two in crossed.unequal:
        print(f"{text!r} earns for {one!r} and for {two!r}")
    tried = f"{len(texts):,} texts × {len(golds):,} golds, {crossed.accepted:,} accepted"
    excused = f"{crossed.excused:,} pairs that differ in a unit, a percent sign or a name"
    print(f"{tried}; {excused}; {len(crossed.unequal):,} that nothing excuses")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--crossed", type=int, nargs="?", const=0)
    options = parser.parse_args()
    if options.crossed is not None:
        print_crossed(options.crossed)
        return
    for name, rows in suites().items():
        print_table(name, rows, {judge: score(ask, rows) for judge, ask in judges(options.ours_only).items()})


if __name__ == "__main__":
    main()
