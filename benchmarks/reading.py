"""What the models of the miniature study read off the figures: does a wrong answer come from misreading or from bad
reasoning, and what do an iteration's data teach?

    python benchmarks/reading.py --out study [--seeds 1 2 3]

The chains on bars, lines and tables state what they see ("The teal bar is 3."). The figures are drawn again, and each
stated value is compared with the figure's own: in the answers to held-out questions, and in the chains that each
iteration's SFT learns from, with the teacher's coverage (the questions with a right chain among all of theirs). Needs
the output of `study.py --out`.
"""

import argparse
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import polars as pl

from ovt.core.home import Home
from ovt.curate.versions.read import Version, list_versions, scan
from ovt.evaluation.results import evaluation_names
from ovt.pocket.figures import FAMILIES

VALUES = {
    "bars": re.compile(r"\bthe (\w+) bar is (\d+)", re.IGNORECASE),
    "lines": re.compile(r"\b([A-Z][a-z]{2}) is (\d+)"),
    "tables": re.compile(r"\b([A-Z][a-z]+) has (\d+)"),
}
STEPS = (
    ("base", "iterations", "base"),
    *((f"{kind.upper()}-Iter{i}", "iterations", f"{kind}-{i}") for i in (1, 2, 3) for kind in ("sft", "rl")),
    ("RL only", "rl-only", "rl-1"),
    ("SFT-Iter1 once more", "longer", "sft-1"),
    ("RL-Iter1 from it, longer", "longer", "rl-1"),
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
    """One row per answer that states a value: its Values, and is_correct."""
    rows = []
    for source, source_id, text, outcome in answers.iter_rows():
        rows.append({**values_in(text, source, source_id)._asdict(), "is_correct": outcome == "correct"})
    return pl.DataFrame(rows).filter(pl.col("stated") > 0)


class Values(NamedTuple):
    """How many values a text states, how many of them the question's figure has, and the share of the figure's values
    that are among them."""

    stated: int
    right: int
    seen: float


def values_in(text: str, family: str, source_id: str) -> Values:
    said, figure = VALUES[family].findall(text), shown(source_id)
    right = [name for name, value in said if figure.get(name) == value]
    return Values(len(said), len(right), len(set(right)) / len(figure))


def taught(version: Version) -> dict[str, Any]:
    """What a version teaches: the questions by family, the share of chains that are right, coverage by family, and of
    the chains learned from on bars, lines and tables the share that state a wrong value, and how much of their figure
    they state."""
    family = pl.col("source_id").str.split("-").list.first().alias("family")
    asked = scan(version, "questions").select("question_id", "source_id", family)
    right = pl.col("outcome") == "correct"
    told = scan(version, "verdicts").group_by("question_id").agg(chains=right.mean(), covered=right.any())
    table = asked.join(told, on="question_id").collect()
    learned = scan(version, "sft").select("question_id", "completion").collect()
    chains = [
        values_in(text, family, source_id)
        for text, source_id, family in learned.join(table, on="question_id").select(
            pl.col("completion").list.last().struct.field("content"), "source_id", "family").iter_rows()
        if family in VALUES
    ]  # fmt: skip
    return {
        "questions": len(table),
        "chains": table["chains"].mean(),
        "covered": table["covered"].mean(),
        "families": dict(table.group_by("family").agg(pl.col("covered").mean()).sort("family").iter_rows()),
        "misread": sum(one.stated > one.right for one in chains) / max(1, len(chains)),
        "seen": sum(one.seen for one in chains) / max(1, len(chains)),
    }


def teachers(home: Home, seeds: list[int]) -> Iterator[str]:
    """A line for the data of each iteration, its seeds' means."""
    for number in (1, 2, 3):
        versions = [one for seed in seeds for one in list_versions(home, f"study-iterations-{seed}-{number}")[0]]
        if not versions:
            continue
        found = [taught(one) for one in versions]
        families = ", ".join(f"{name} {mean([one['families'][name] for one in found]):.0%}"
                             for name in found[0]["families"])  # fmt: skip
        numbers = [f"{mean([one[name] for one in found]):.1%}" for name in ("chains", "covered", "misread", "seen")]
        yield f"| data {number} | {len(found)} | {' | '.join(numbers)} | {families} |"


def report(label: str, checked: pl.DataFrame) -> str:
    """The line of a step: values right, the share of the figures' values that are stated, accuracy where all stated
    ones are right, and the share of wrong answers that misread."""
    whole = pl.col("stated") == pl.col("right")
    found = checked.select(
        values=pl.col("right").sum() / pl.col("stated").sum(),
        seen=pl.col("seen").mean(),
        accuracy=pl.col("is_correct").filter(whole).mean(),
        misread=1 - whole.filter(~pl.col("is_correct")).mean(),
    )
    return f"| {label} | {len(checked):,} | " + " | ".join(f"{share:.1%}" for share in found.row(0)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of study.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    home = Home.locate(args.out / "home")
    print("|  | answers | values right | of the figure's values | accuracy where all are right | of wrong, misread |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    there = evaluation_names(home)
    for label, condition, step in STEPS:
        names = [f"study-{condition}-{seed}-eval-{step}" for seed in args.seeds]
        if known := [name for name in names if name in there]:
            print(report(label, check(pl.concat([read_answers(home, name) for name in known]))))
    print(
        "\n|  | seeds | chains right | covered | learned, a value wrong | of the figure's values | covered, by family |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    print(*teachers(home, args.seeds), sep="\n")


if __name__ == "__main__":
    main()
