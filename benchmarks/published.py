"""The tables of docs/evaluate.md: published outputs of real models, each scored from its file, and where this ovt's
verifier differs from the official rules.

    python benchmarks/published.py FOLDER                            # prints both tables
    python benchmarks/published.py FOLDER --write docs/evaluate.md   # puts them between the marks of that page
    python benchmarks/published.py FOLDER --read mathvision          # every answer on which the two differ, to be read

FOLDER holds the published files under the names below. No model is asked.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.evaluation.score_file import Scored, score_file
from ovt.verifiers import VERSION


@dataclass(frozen=True)
class Published:
    """A file of outputs. runs: a title and the published score of each."""

    file: str
    bench: str
    questions: str
    runs: tuple[tuple[str, str], ...]
    rule: str = "official"


FILES = (
    Published("mathvista_outputs", "mathvista", "mathvista", (
        ("MathVista, bard", "348 = 34.8"), ("MathVista, GPT-4 with OCR, 2 shots", "321 = 32.1"))),
    Published("mathvista_openvlthinker_eval_qwen25vl7b", "mathvista", "mathvista", (
        ("MathVista, Qwen2.5-VL-7B, OpenVLThinker's rule", "682 = 68.2"),), "openvlthinker-base"),
    Published("mathvista_openvlthinker_eval_qwen25vl3b", "mathvista", "mathvista", (
        ("MathVista, Qwen2.5-VL-3B, OpenVLThinker's rule", "578 = 57.8"),), "openvlthinker-base"),
    Published("mathvision_outputs", "mathvision", "mathvision", (
        ("MathVision, InternLM-XComposer2-VL", "437 = 14.38"), ("MathVision, Qwen-VL-Max", "474 = 15.59"),
        ("MathVision, Gemini-Pro", "537 = 17.66"))),
    Published("mmmupro_outputs", "mmmu-pro:vision", "mmmupro", (
        ("MMMU-Pro vision, direct, GPT-4o", "734 = 42.43"),
        ("MMMU-Pro standard (10), direct, GPT-4o", "694 = 40.12"),
        ("MMMU-Pro vision, CoT, GPT-4o", "866 = 50.06"))),
    Published("emma_mini_outputs", "emma:mini", "emma_mini", (
        ("EMMA-mini, Gemini 2.0 Flash Thinking", "167 = 41.75"), ("EMMA-mini, InternVL2.5", "115 = 28.75"),
        ("EMMA-mini, ChatGPT-4o", "138 = 34.5"))),
    Published("hallusionbench_gpt4v_human", "hallusionbench", "", (
        ("HallusionBench, GPT-4V, human verdicts", "760 = 67.56"),)),
)  # fmt: skip
UNREAD = "the reply says neither yes nor no, but the judge chose one, or *unclear* counts as right"
LEAVES_OPEN = '"it cannot be determined", from which GPT-4 extracted an option, or a value that is not one'
IN_THE_MIDDLE = "GPT-4 found the answer in the middle of the reply; ours reads what is stated or comes last"
REFUSAL = '"I\'m sorry" is read as option I, or a letter is found in a reply that names no option'
# What the answers of a class are, by benchmark, who finds them right, and the reason of our verdict.
MEANS = {
    **dict.fromkeys((("HallusionBench", "official", why) for why in
                     ("unparseable", "different_length", "different", "hedged", "several_answers")), UNREAD),
    **dict.fromkeys((("HallusionBench", "ours", why) for why in ("identical", "equal")),
                    "yes or no is right, but the judge rejected the explanation"),
    **dict.fromkeys((("MathVista", "official", why) for why in ("no_such_option", "hedged")), LEAVES_OPEN),
    **dict.fromkeys((("MathVista", "official", why) for why in ("unparseable", "different_length", "different")),
                    IN_THE_MIDDLE),
    ("MathVista", "official", "answer_withdrawn"): "a letter and another option's text: `B (no)`, `(B). No`",
    ("MathVista", "official", "several_answers"): "two values are stated, and GPT-4 chose one",
    ("MathVista", "official", "other_choice"): "`D` for the option `(b)`, whose letter is D; a letter with "
    "another option's text",
    ("MathVista", "ours", "same_choice"): "the option's text, or a letter outside a box (the paper's rule reads boxes)",
    ("MathVista", "ours", "equal"): "`10^8` for 100000000",
    ("MathVision", "ours", "same_choice"): "the option's value with its unit, `°`, `%` or `π`, or its letter with "
    "formatting or a word (`\\textbf{A}`, `Arc D`)",
    ("MathVision", "ours", "equal"): "a number in words, or with its unit",
    ("MathVision", "ours", "identical"): "the gold itself; the rule strips a unit or an equals sign from it",
    ("MathVision", "official", "different"): "equal only after rounding: 1/3 for (3¹⁰⁰⁸−1)/3¹⁰⁰⁹",
    ("MathVision", "official", "no_such_option"): "a ratio as a fraction: 5/19 for 5:19",
    ("MathVision", "official", "other_choice"): "equal only after rounding: 2018 for √(2018²+2), though 2018 is "
    "an option",
    ("MMMU-Pro", "ours", "same_choice"): "an option is named, but the rule finds another letter in its text or in a "
    "word (`D. RB`)",
    ("MMMU-Pro", "official", "no_such_option"): REFUSAL,
    ("MMMU-Pro", "official", "hedged"): REFUSAL,
    ("MMMU-Pro", "official", "other_choice"): "another option is named, but the gold's letter occurs in its text "
    "(`E. C`)",
    ("MMMU-Pro", "official", "several_choices"): "the option's text contains other options' values or letters",
    ("MMMU-Pro", "official", "timeout"): "two seconds are not enough for one long calculation",
    ("EMMA", "ours", "same_choice"): "a letter with its option (`\\boxed{B: 6.84}`) or in bold, or the option's text",
    ("EMMA", "ours", "equal"): "numbers in words: `Three` for 3",
    ("EMMA", "official", "several_answers"): "the reply boxes two answers",
}  # fmt: skip


def score(folder: Path, one: Published) -> Scored:
    questions = str(folder / f"{one.questions}_questions.jsonl") if one.questions else None
    return score_file(folder / f"{one.file}.jsonl", one.bench, questions, one.rule)


def right(table: pl.DataFrame, reading: str) -> int:
    return int(table[reading].fill_null(False).sum())


def scores(one: Published, found: Scored) -> Iterator[str]:
    """A line of the first table for each run."""
    for (title, published), run in zip(one.runs, found.scores, strict=True):
        table = found.table.filter(pl.col("run") == run.run)
        official, ours, strict = (right(table, reading) for reading in ("official", "ours", "strict"))
        drawn = int(published.split()[0]) - official  # what the official code had from guessing
        guesses = f"{drawn} of {run.guessed}" if run.guessed else ""
        yield f"| {title} | {published} | {official} | {guesses} | {ours} | {strict} |"


def differing(found: Scored) -> pl.DataFrame:
    """The answers that ours and the official rule see differently: benchmark, side (who finds it right), reason."""
    official = pl.col("official").fill_null(False)
    return found.table.filter(pl.col("ours") != official).with_columns(
        benchmark=pl.lit(found.benchmark.title), side=pl.when("ours").then(pl.lit("ours")).otherwise(pl.lit("official"))
    )


def classes(differ: pl.DataFrame) -> list[str]:
    """The second table: how many of each benchmark, side and reason."""
    counted = differ.group_by("benchmark", "side", "reason").len().sort(
        "benchmark", "side", "len", "reason", descending=[False, False, True, False]
    )  # fmt: skip
    return [
        f"| {count} | {side} | {benchmark} | {MEANS.get((benchmark, side, reason), 'not read yet')} (`{reason}`) |"
        for benchmark, side, reason, count in counted.iter_rows()
    ]


def tables(folder: Path) -> dict[str, list[str]]:
    """Both tables in Markdown, by the names of their marks."""
    lines, differ = [], []
    for one in FILES:
        found = score(folder, one)
        lines += scores(one, found)
        differ.append(differing(found))
    head = [
        "| outputs | published | official rule | guesses | ours | strict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    every = pl.concat(differ)
    told = [f"Verifier {VERSION}: {len(every)} answers.", "", "| answers | right | benchmark | what it is |"]
    return {"published": [*head, *lines], "differences": [*told, "| --- | --- | --- | --- |", *classes(every)]}


def put(page: str, name: str, lines: Sequence[str]) -> str:
    """The page with these lines between the marks of that name."""
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not mark or not end:
        raise SystemExit(f"the page has no <!-- {name} --> … <!-- end -->")
    return "".join([before, mark, *(line + "\n" for line in lines), end, after])


def read(folder: Path, bench: str) -> None:
    """Prints every answer of a benchmark on which the two differ, by class."""
    for one in FILES:
        if one.bench.partition(":")[0] != bench:
            continue
        found = score(folder, one)
        items = found.items
        replies = dict(found.replies.select("sample_id", "response").iter_rows())
        for row in differing(found).sort("side", "reason", "run", "id").iter_rows(named=True):
            item, reply = items[row["question_id"]], replies[row["sample_id"]] or ""
            print(f"{row['side']} {row['reason']} | {row['run']} {row['id']} | gold {item.gold!r} {item.choices}")
            print(f"    ours {row['answer']!r}, official {row['official_answer']!r} | …{reply[-240:]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Published outputs, scored; and where readings differ.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--read", metavar="BENCHMARK")
    options = parser.parse_args()
    if options.read:
        read(options.folder, options.read)
        return
    found = tables(options.folder)
    if not options.write:
        print("\n\n".join("\n".join(lines) for lines in found.values()))
        return
    page = options.write.read_text(encoding="utf-8")
    for name, lines in found.items():
        page = put(page, name, lines)
    options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
