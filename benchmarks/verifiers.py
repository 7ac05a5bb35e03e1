"""Our verdicts beside math-verify's (and MathRuler's, where it is installed) on the same cases: accuracy and speed.

    python benchmarks/verifiers.py [--cases FOLDER]

The folder holds answers.jsonl (gold, pred, choices, expected, kind) and responses.jsonl (response in place of pred).
One process, one core; speeds leave the hostile kinds out, are taken after a warm-up, and count each case once.
"""

import argparse
import importlib
import importlib.util
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ovt.verifiers import VERSION, verify, verify_response

Judge = Callable[[dict], bool]
CASES = Path(__file__).parents[2] / "shared" / "verifier_cases"


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


def judges() -> dict[str, Judge]:
    """Whoever can be asked here, ourselves first."""
    found: dict[str, Judge] = {f"ovt {VERSION}": ours, "math-verify": math_verify_judge(False)}
    found["math-verify, $gold$"] = math_verify_judge(True)
    if importlib.util.find_spec("mathruler"):
        found["MathRuler"] = mathruler_judge()
    return found


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


def print_table(name: str, rows: list[dict], results: dict[str, tuple[list[bool], float]]) -> None:
    """Accuracy by kind, then in all, false positives, and speed; one column for each judge."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        kinds[row["kind"]].append(index)
    core = [index for index, row in enumerate(rows) if row["tier"] == "core"]
    print(f"\n| {name} | cases |" + "".join(f" {judge} |" for judge in results))
    print("| --- | ---: |" + " ---: |" * len(results))
    for kind, indexes in [*sorted(kinds.items()), ("**core**", core), ("**all**", list(range(len(rows))))]:
        shares = [
            sum(verdicts[i] == rows[i]["expected"] for i in indexes) / len(indexes) for verdicts, _ in results.values()
        ]
        print(f"| {kind} | {len(indexes)} |" + "".join(f" {share:.1%} |" for share in shares))
    wrong = [sum(verdicts[i] and not row["expected"] for i, row in enumerate(rows)) for verdicts, _ in results.values()]
    print("| false positives | |" + "".join(f" {count} |" for count in wrong))
    print("| answers/s | |" + "".join(f" {speed:,.0f} |" for _, speed in results.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=CASES)
    folder = parser.parse_args().cases
    for name in ("answers", "responses"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        print_table(name, rows, {judge: score(ask, rows) for judge, ask in judges().items()})


if __name__ == "__main__":
    main()
