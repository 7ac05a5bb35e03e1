"""Speed and memory of `ovt data diff` on two versions of a million rows, beside a pandas merge of the same files.

    python benchmarks/diff.py                       # a million rows each, in a temporary folder
    python benchmarks/diff.py --rows 100000 --folder /tmp/diff

The versions are real ones, written by the writer that builds use: four samples per question, responses of about 250
words (the paper's mean is 323), one small image per row. The second version drops some rows, asks new questions, takes
other samples, edits texts, corrects golds and flips verdicts. pandas reads the ids, the completions and the numbers of
both, merges them, and counts what was added, removed and changed: less than a diff does, without intervals or reasons.
Each runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import io
import random
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from measuring import measure
from PIL import Image

from ovt.core.decisions import dropped, kept
from ovt.core.home import Home
from ovt.core.schema import QUESTIONS, ROWS, SAMPLES, VERDICTS
from ovt.core.text import count_words
from ovt.curate.sources.images import keep_image
from ovt.curate.stages import behaviours
from ovt.curate.versions.manifest import Input, ModelUse, Provenance
from ovt.curate.versions.write import VersionWriter

CHUNK = 20_000  # questions written at once
K = 4
MOVED = 0.05  # the share of questions that only one of the versions asks
TEXT = """the bar chart shows that red blue green tallest value is of and so we need angle side equal sum total count
two three four twelve objects compare larger smaller because triangle table row column price given first then each
label axis reaches about half difference between answer therefore follows left right image maybe check identify"""
WORDS = TEXT.split()


def paragraphs(count: int) -> np.ndarray:
    """About 110 words each."""
    rng = random.Random(0)
    made = [
        " ".join(" ".join(rng.choices(WORDS, k=rng.randint(6, 18))).capitalize() + "." for _ in range(9))
        for _ in range(count)
    ]
    return np.array(made, dtype=object)


def store_image(home: Home) -> str:
    out = io.BytesIO()
    Image.new("RGB", (28, 28), (200, 60, 60)).save(out, "PNG")
    return keep_image(home, out.getvalue())


def lots(numbers: np.ndarray, salt: int) -> np.ndarray:
    """A number from 0 to 1 for each question: the same in both versions."""
    mixed = (numbers.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(11)).astype(np.float64) / 2.0**53


def questions_of(numbers: np.ndarray, second: bool, image: str) -> pl.DataFrame:
    """QUESTIONS; one in 200 has another gold, and so another id, in the second version."""
    corrected = (lots(numbers, 7) < 0.005) & second
    ids = [f"{number:015x}{'c' if other else '0'}" for number, other in zip(numbers.tolist(), corrected, strict=True)]
    table = pl.DataFrame({"question_id": ids, "number": numbers})
    return table.select(
        "question_id",
        pl.lit([image]).alias("images"),
        pl.format("How many objects are left in figure {}?", "number").alias("question"),
        (pl.col("number") % 17 + pl.Series(corrected).cast(pl.Int64)).cast(pl.String).alias("gold"),
        pl.lit(None, pl.List(pl.String)).alias("choices"),
        pl.format("source-{}", pl.col("number") % 5).alias("source"),
        pl.col("number").cast(pl.String).alias("source_id"),
        "number",
    )


def samples_of(questions: pl.DataFrame, second: bool, pool: np.ndarray) -> pl.DataFrame:
    """SAMPLES and their outcomes: K per question."""
    numbers = np.repeat(questions["number"].to_numpy(), K)
    index = np.tile(np.arange(K, dtype=np.int32), len(questions))
    solved = lots(numbers, 3)
    right = lots(numbers * K + index, 11) < np.where(solved < 0.06, 0.0, 0.35 + 0.6 * solved)
    flipped = (lots(numbers * K + index, 13) < 0.001) & second
    picks = (lots(numbers * K + index, 17) * len(pool)).astype(np.int64)
    return (
        questions.select(pl.col("question_id").repeat_by(K).explode(empty_as_null=True))
        .with_columns(
            index=pl.Series(index),
            right=pl.Series(right ^ flipped),
            text=pl.Series(pool[picks], dtype=pl.String),
            completion_tokens=pl.Series(300 + (picks % 200)),
            cut=pl.Series(lots(numbers * K + index, 19) < 0.02),
        )
        .with_columns(sample_id=pl.format("{}-reason-{}", "question_id", "index"))
        .with_columns(reply_key=pl.format("{}{}", "sample_id", pl.lit("0" * 30)))
    )


def chunk(numbers: np.ndarray, second: bool, pool: np.ndarray, image: str) -> dict[str, pl.DataFrame]:
    questions = questions_of(numbers, second, image)
    samples = samples_of(questions, second, pool)
    longest = second & (lots(numbers, 23) < 0.05)  # another sample is chosen
    cut = second & (lots(numbers, 29) < 0.03)  # the text is edited
    gone = lots(numbers, 37 if second else 31) < 0.04  # dropped by the filter
    of_question = pl.DataFrame(
        {"question_id": questions["question_id"], "longest": longest, "edit": cut, "gone": gone, "number": numbers}
    )
    right = samples.filter("right").join(of_question, on="question_id", maintain_order="left")
    last, first = pl.col("index").max().over("question_id"), pl.col("index").min().over("question_id")
    chosen = right.filter(pl.col("index") == pl.when("longest").then(last).otherwise(first))
    counts = samples.group_by("question_id", maintain_order=True).agg(pl.col("right").sum().cast(pl.Int32))
    solved = chosen.filter(~pl.col("gone"))
    unsolved = counts.filter(pl.col("right") == 0)
    return {
        "questions": questions.select(QUESTIONS.names()),
        "samples": fill(samples.with_columns(stage=pl.lit("reason"), finish_reason=finish()), SAMPLES),
        "verdicts": fill(samples.with_columns(outcome=outcome(), kind=pl.lit("number"), reason=outcome()), VERDICTS),
        "decisions": decide(samples, chosen, solved, unsolved),
        "rows": rows_of(questions, solved, unsolved, counts, pool),
    }


def finish() -> pl.Expr:
    return pl.when("cut").then(pl.lit("length")).otherwise(pl.lit("stop"))


def outcome() -> pl.Expr:
    return pl.when("right").then(pl.lit("correct")).otherwise(pl.lit("wrong"))


def decide(samples: pl.DataFrame, chosen: pl.DataFrame, solved: pl.DataFrame, unsolved: pl.DataFrame) -> pl.DataFrame:
    fallen = chosen.filter("gone")
    others = samples.filter("right").join(chosen, on="sample_id", how="anti", maintain_order="left")
    return pl.concat(
        [
            dropped(samples.filter(~pl.col("right")), "sample", "verify", "wrong"),
            dropped(others, "sample", "select", "not_selected"),
            dropped(fallen, "sample", "filter", "too_long"),
            kept(solved, "sample", "kept", pl.when("edit").then(pl.lit("reflection cut after 99 words"))),
            kept(solved, "question", "sft"),
            kept(unsolved, "question", "rl"),
            dropped(fallen, "question", "filter", "too_long"),
        ]
    )


def rows_of(
    questions: pl.DataFrame, solved: pl.DataFrame, unsolved: pl.DataFrame, counts: pl.DataFrame, pool: np.ndarray
) -> pl.DataFrame:
    """ROWS: a response of two paragraphs, or of one where it was edited."""
    more = pl.Series(pool[(lots(solved["number"].to_numpy(), 41) * len(pool)).astype(np.int64)], dtype=pl.String)
    response = pl.format(
        "<think>\n{}{}\n</think>\n\nSo it is so.\n<answer>{}</answer>",
        pl.col("text"),
        pl.when("edit").then(pl.lit("")).otherwise(pl.concat_str(pl.lit("\n\n"), more)),
        pl.col("number") % 17,
    )
    answered = solved.with_columns(completion=response).with_columns(response_words=count_words("completion"))
    answered = behaviours.run(answered, "completion").with_columns(split=pl.lit("sft"))
    both = pl.concat([answered, unsolved.select("question_id", split=pl.lit("rl"))], how="diagonal_relaxed")
    known = questions.with_columns(prompt=pl.format("{}\nThink step by step.", "question"), answer="gold")
    rate = pl.col("n_correct") / K
    name = pl.when(rate == 0).then(pl.lit("unsolved")).when(rate >= 0.75).then(pl.lit("easy"))
    rows = (
        known.drop("number")
        .join(both.drop("right"), on="question_id", maintain_order="left")
        .join(counts.select("question_id", n_correct="right"), on="question_id", maintain_order="left")
        .with_columns(n_samples=pl.lit(K), pass_rate=rate)
        .with_columns(difficulty=name.when(rate <= 0.25).then(pl.lit("hard")).otherwise(pl.lit("medium")))
    )
    return fill(rows, ROWS)


def fill(table: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """`table` in a schema; what it lacks is null."""
    return table.select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def provenance(second: bool) -> Provenance:
    words = 400 if second else 500
    return Provenance(
        recipe={"name": "big", "filter": {"length": {"max_words": words}}, "reason": {"prompt": "{question}", "k": K}},
        inputs=(Input(source="source-0", location="synthetic", fingerprint="0" * 64, rows=1),),
        models=(ModelUse(stage="reason", endpoint="none", model="none", prompt="{question}"),),
        ovt_version="0",
        verifier_version="0",
        rebuild="python benchmarks/diff.py",
    )


def generate(folder: Path, rows: int, second: bool) -> None:
    """Writes big@v1 or, as `second`, big@v2 with about `rows` rows."""
    home, pool = Home(folder), paragraphs(4_000)
    image = store_image(home)
    asked = int(rows * 1.04)
    start = int(asked * MOVED) if second else 0
    with VersionWriter(home, "big") as writer:
        for first in range(start, start + asked, CHUNK):
            numbers = np.arange(first, min(first + CHUNK, start + asked))
            writer.append(**chunk(numbers, second, pool, image))
        writer.finish(provenance(second))


def ours(folder: Path) -> dict[str, int]:
    """All of a diff: files hashed, rows joined and explained, drift with its intervals."""
    from ovt.curate.reports.diff.diff import compare, open_side

    rows = compare(*(open_side(ref, Home(folder)) for ref in ("big@1", "big@2"))).about["rows"]
    return {status: rows[status] for status in ("same", "changed", "removed", "added")}


def with_pandas(folder: Path) -> dict[str, int]:
    """What a merge by id tells: a row whose id changed with its gold is added and removed, and nothing says why."""
    import pandas as pd

    numbers = ["pass_rate", "difficulty", "response_words", *behaviours.COLUMNS]
    columns = ["question_id", "sample_id", "answer", "source", "completion", *numbers]
    sides = []
    for ordinal in (1, 2):
        files = sorted((folder / "versions" / "big" / f"v{ordinal}" / "data").glob("*.parquet"))
        table = pd.concat([pd.read_parquet(file, columns=columns) for file in files], ignore_index=True)
        table["completion"] = [turns[0]["content"] if len(turns) else None for turns in table["completion"]]
        sides.append(table)
    merged = sides[0].merge(sides[1], on="question_id", how="outer", suffixes=("_a", "_b"), indicator=True)
    both = merged[merged["_merge"] == "both"]
    changed = (both["sample_id_a"].fillna("") != both["sample_id_b"].fillna("")) | (
        both["completion_a"].fillna("") != both["completion_b"].fillna("")
    )
    for side in ("a", "b"):
        merged.groupby(f"source_{side}")[[f"{name}_{side}" for name in numbers if name != "difficulty"]].mean()
        merged.groupby(f"difficulty_{side}").size()
    counts = merged["_merge"].value_counts()
    return {
        "same": int((~changed).sum()),
        "changed": int(changed.sum()),
        "removed": int(counts["left_only"]),
        "added": int(counts["right_only"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of a diff.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the versions are kept for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for ordinal, second in ((1, False), (2, True)):
            if not (folder / "versions" / "big" / f"v{ordinal}").exists():
                measure(generate, folder, options.rows, second)
        ovt, pandas = measure(ours, folder), measure(with_pandas, folder)
    for name, one in (("ovt data diff", ovt), ("pandas merge", pandas)):
        counts = ", ".join(f"{count:,} {status}" for status, count in one.result.items())
        print(f"{name}: {one.seconds:.1f} s, CPU {one.cpu:.1f} s, peak {one.peak:.2f} GB ({counts})")
    print(
        f"pandas takes {pandas.seconds / ovt.seconds:.1f} × the time, {pandas.cpu / ovt.cpu:.1f} × the CPU, "
        f"{pandas.peak / ovt.peak:.1f} × the memory"
    )


if __name__ == "__main__":
    main()
