"""The rows that can be viewed: a version's, an evaluation's answers ("eval:NAME"), or what a model wrote while it was
trained ("run:NAME"). All three have a version's tables, so that every screen shows any of them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.core.errors import OvtError, first_line
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, SAMPLES, SPLITS, VERDICTS
from ovt.curate.versions import read
from ovt.curate.versions.read import Version, open_version
from ovt.evaluation.results import open_evaluation
from ovt.train.runs import open_run

# For an evaluation and for rollouts: every sample ends where it is judged.
JUDGED = {
    "level": pl.lit("sample"),
    "stage": pl.lit("verify"),
    "decision": pl.lit("kept"),
    "detail": pl.lit(None, pl.String),
}


@dataclass(frozen=True)
class Shelf:
    """Its tables ("questions", "samples", "verdicts", "decisions", "sft", "rl") by name, lazily.

    version: the version, if it is one; stamp: changes whenever the tables do
    """

    ref: str
    stamp: str
    scan: Callable[[str], pl.LazyFrame]
    version: Version | None = None

    @contextmanager
    def reading(self) -> Generator[None]:
        """Turns missing, damaged or changed files into a one-line OvtError."""
        if self.version:
            with read.reading(self.version):
                yield
            return
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            raise OvtError(f"the rows of {self.ref} cannot be read ({first_line(error)}): restore its files") from error


def open_shelf(ref: str, home: Home) -> Shelf:
    """What `ref` names. OvtError if there is no such thing."""
    kind, colon, name = ref.partition(":")
    if not colon:
        version = open_version(ref, home)
        return Shelf(version.ref, version.manifest.content_hash, lambda table: read.scan(version, table), version)
    if kind == "eval":
        open_evaluation(name, home)
        folder = home.evals / name
        return Shelf(ref, _stamp([folder / "result.json"]), _evaluated(folder))
    if kind == "run":
        files = sorted(open_run(name, home).rollouts.glob("step-*.parquet"))
        if not files:
            raise OvtError(f"run {name} has no rollouts: only an RL run writes them")
        return Shelf(ref, _stamp(files), _rolled_out(files, home, name))
    raise OvtError(f"{ref[:80]!a} is not a version, eval:NAME or run:NAME")


def _stamp(files: list[Path]) -> str:
    return f"{len(files)} {max(path.stat().st_mtime_ns for path in files)}"


def _evaluated(folder: Path) -> Callable[[str], pl.LazyFrame]:
    """An evaluation's tables; its answers are the data, in one split."""

    def scan(table: str) -> pl.LazyFrame:
        if table == "decisions":
            return _decisions(scan("samples"), scan("verdicts"))
        if table in SPLITS:
            answers = pl.scan_parquet(folder / "answers.parquet", glob=False)
            return answers if table == SPLITS[0] else answers.head(0)
        return pl.scan_parquet(folder / f"{table}.parquet", glob=False)

    return scan


def _rolled_out(files: list[Path], home: Home, name: str) -> Callable[[str], pl.LazyFrame]:
    """A run's rollouts; their questions are those of the version that it was trained on."""
    data = open_run(name, home).record.data
    rows = pl.scan_parquet(files, glob=False)

    def scan(table: str) -> pl.LazyFrame:
        if table == "samples":
            return rows.select(pl.exclude(set(VERDICTS) - set(SAMPLES)))  # with the step and the reward
        if table == "verdicts":
            return rows.select(VERDICTS.names())
        if table == "decisions":
            return _decisions(scan("samples"), scan("verdicts"))
        if table == "questions":
            asked = rows.select("question_id").unique()
            known = read.scan(open_version(data, home), "questions") if data else QUESTIONS.to_frame().lazy()
            return known.join(asked, on="question_id", how="semi", maintain_order="left")
        return pl.LazyFrame(schema={"sample_id": pl.String, "question_id": pl.String})

    return scan


def _decisions(samples: pl.LazyFrame, verdicts: pl.LazyFrame) -> pl.LazyFrame:
    """One per sample; its reason is the outcome, or "failed"."""
    judged = verdicts.select("sample_id", reason="outcome")
    ends = samples.select("sample_id", "question_id").join(judged, on="sample_id", how="left", maintain_order="left")
    reason = pl.col("reason").fill_null("failed")
    return ends.rename({"sample_id": "id"}).with_columns(**JUDGED, reason=reason).select(DECISIONS.names())
