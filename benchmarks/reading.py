"""What pocket reads off the figures in the miniature study: does a wrong answer come from misreading or from bad
reasoning?

    python benchmarks/reading.py --out study [--seeds 1 2 3]

The chains on held-out bars, lines and tables state what they see ("The teal bar is 3."). The figures are drawn again,
and each stated value is compared with the figure's own. Needs the output of `study.py --out`.
"""

import argparse
import random
import re
from functools import cache
from pathlib import Path

import polars as pl

from ovt.core.home import Home
from ovt.pocket.figures import FAMILIES

VALUES = {
    "bars": re.compile(r"\bthe (\w+) bar is (\d+)", re.IGNORECASE),
    "lines": re.compile(r"\b([A-Z][a-z]{2}) is (\d+)"),
    "tables": re.compile(r"\b([A-Z][a-z]+) has (\d+)"),
}
STEPS = (
    ("base", "iterations", "base"),
    ("SFT-Iter1", "iterations", "sft-1"),
    ("RL-Iter1", "iterations", "rl-1"),
    ("SFT-Iter1 once more", "longer", "sft-1"),
    ("RL-Iter1 from it, eight times as long", "longer", "rl-1"),
)


@cache
def shown(source_id: str) -> dict[str, str]:
    """The values in the figure of a question ("bars-900-7": family, seed, number), by what they are of."""
    family, seed, number = source_id.split("-")
    figure = FAMILIES[family](random.Random(f"{seed}-{number}"))
    return dict(VALUES[family].findall(figure.caption))


def read_answers(home: Home, name: str) -> pl.DataFrame:
    """source, source_id, text and outcome of each answer of an evaluation."""
    tables = {table: pl.read_parquet(home.evals / name / f"{table}.parquet") for table in ("samples", "verdicts")}
    questions = pl.read_parquet(home.evals / name / "questions.parquet")
    told = tables["samples"].join(tables["verdicts"], on="sample_id").join(questions, on="question_id")
    return told.select("source", "source_id", "text", "outcome").filter(pl.col("source").is_in(list(VALUES)))


def check(answers: pl.DataFrame) -> pl.DataFrame:
    """One row per answer that states a value: stated, right (how many of them the figure has), is_correct."""
    rows = []
    for source, source_id, text, outcome in answers.iter_rows():
        said = VALUES[source].findall(text)
        right = sum(shown(source_id).get(name) == value for name, value in said)
        rows.append({"stated": len(said), "right": right, "is_correct": outcome == "correct"})
    return pl.DataFrame(rows).filter(pl.col("stated") > 0)


def report(label: str, checked: pl.DataFrame) -> str:
    """The line of a step: values right, accuracy where all were, and the share of wrong answers that misread."""
    whole = pl.col("stated") == pl.col("right")
    found = checked.select(
        values=pl.col("right").sum() / pl.col("stated").sum(),
        accuracy=pl.col("is_correct").filter(whole).mean(),
        misread=1 - whole.filter(~pl.col("is_correct")).mean(),
    )
    values, accuracy, misread = found.row(0)
    return f"| {label} | {len(checked):,} | {values:.1%} | {accuracy:.1%} | {misread:.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of study.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    home = Home.locate(args.out / "home")
    print("|  | answers | values right | accuracy where all are | of wrong answers, misread |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for label, condition, step in STEPS:
        names = [f"study-{condition}-{seed}-eval-{step}" for seed in args.seeds]
        print(report(label, check(pl.concat([read_answers(home, name) for name in names]))))


if __name__ == "__main__":
    main()
