"""Finished evaluations: found by name, read, shown and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import ValidationError

from ovt.core.errors import OvtError, first_line
from ovt.core.home import Home, check_name
from ovt.core.report import Report, Table, names, numbers
from ovt.core.section import Section, added_later
from ovt.core.untrusted import read_bytes
from ovt.evaluation.benchmark import Item
from ovt.evaluation.benchmark_scores import BenchmarkScores
from ovt.evaluation.benchmark_scores import report as report_scores
from ovt.evaluation.question_set import EvaluateSection
from ovt.evaluation.scores import Accuracy, Scores, percent

RESULT = "result.json"


class AskedBenchmark(Section):
    """How a benchmark was asked, or where its replies come from.

    prompt      its name, and prompt_hash a hash over all prompts as they were sent; "" for replies from a file
    rule        of the official reading; images: the mode of `vision.py`; max_pixels: larger ones were scaled down
    data        a hash over the source of its rows, or over the file of replies
    """

    name: str
    variant: str
    prompt: str
    prompt_hash: str
    rule: str
    images: str
    max_pixels: int
    data: str

    @property
    def title(self) -> str:
        """ "emma:mini"."""
        return f"{self.name}:{self.variant}"


@dataclass(frozen=True)
class Posed:
    """QUESTIONS rows as a model gets them. Of a benchmark: how it is asked, and its items by question id."""

    questions: pl.DataFrame
    benchmark: AskedBenchmark | None = None
    items: Mapping[str, Item] = field(default_factory=dict)


class Asked(Section):
    """Everything the answers depend on: two evaluations with equal values are the same.

    revision: identifies the model's weights, if known. questions_hash: sha256 over the ids of the questions, in order.
    """

    model: str
    revision: str | None
    questions_hash: str
    settings: EvaluateSection
    verifier_version: str
    ovt_version: str
    benchmark: AskedBenchmark | None = added_later(None)


class Sizes(Section):
    """What was sent: pictures, their mean and largest number of pixels, and tokens of a prompt, pictures included."""

    pictures: int
    mean_pixels: float
    most_pixels: int
    mean_prompt_tokens: float
    most_prompt_tokens: int

    def __str__(self) -> str:
        return (
            f"{self.pictures:,} pictures of {self.mean_pixels:,.0f} pixels ({self.most_pixels:,} at most); prompts of "
            f"{self.mean_prompt_tokens:,.0f} tokens ({self.most_prompt_tokens:,} at most)"
        )


class Evaluation(Section):
    """`result.json`. failed: requests without a reply, which count in no number and are retried the next time."""

    name: str
    asked: Asked
    failed: int
    scores: Scores
    benchmark: BenchmarkScores | None = added_later(None)
    sizes: Sizes | None = added_later(None)

    def report(self, by: str | None = None) -> Report:
        """The scores: in all, by source or reading, and how the answers are written. by: a benchmark's group, too."""
        scores = self.scores
        found: list[tuple[str, Any]] = [*scores.by_source.items(), ("all", scores)]
        rows = [(source, one.questions, *shares(one)) for source, one in (found if len(found) > 2 else found[-1:])]
        cues = ", ".join(f"{name} {rate:.1f}" for name, rate in scores.behaviours.items())
        lines = [
            f"{scores.words:.0f} words per answer, {percent(scores.format_valid)} well formed, "
            f"{percent(scores.truncated)} cut off",
            f"behaviours per 1,000 words: {cues}",
            f"verifier {self.asked.verifier_version}; evaluation {self.name}",
        ]
        if self.failed:
            lines.append(f"{self.failed:,} requests failed and are not counted; run it again to retry them")
        table = Table([*names("source"), *numbers("questions", "accuracy", "95% interval")], rows)
        parts: list[Table | str] = [table]
        if self.benchmark and self.asked.benchmark:
            asked = self.asked.benchmark
            prompt = f"prompt {asked.prompt} ({asked.prompt_hash}), pictures {asked.images}; data {asked.data}"
            lines = [
                *lines[:-1],
                *([str(self.sizes)] if self.sizes else []),
                *([prompt] if asked.prompt else []),
                lines[-1],
            ]
            parts = list(report_scores([self.benchmark], by, self._again()).parts)
        return Report(self.name, self.model_dump(mode="json"), [*parts, "\n".join(lines)])

    def _again(self) -> str:
        """What to add to the command for four times as many tokens; the command itself is not known here."""
        asked, tokens = self.asked.benchmark, 4 * (self.asked.settings.sampling.max_tokens or 2048)
        return f"--set sampling.max_tokens={tokens} --name {self.name}-{tokens}" if asked and asked.prompt else ""

    def __str__(self) -> str:
        return str(self.report())

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()


def shares(one: Accuracy) -> tuple[str, str]:
    """An accuracy and its interval as cells."""
    return percent(one.accuracy), f"{percent(one.low)} to {percent(one.high)}"


def open_evaluation(name: str, home: Home) -> Evaluation:
    """The evaluation of this name. OvtError if it is missing or unreadable."""
    path = home.evals / check_name(name, "an evaluation") / RESULT
    try:
        return Evaluation.model_validate_json(read_bytes(path))
    except FileNotFoundError:
        there = ", ".join(evaluation_names(home)[-10:]) or "none yet"
        raise OvtError(f"no evaluation is named {name!r} under {home.evals}; there are: {there}") from None
    except (OSError, ValidationError) as error:
        raise OvtError(f"{path} cannot be read ({str(error).splitlines()[0]}): remove it, and evaluate again") from None


def evaluation_names(home: Home) -> Sequence[str]:
    """The names of the evaluations of this home, in order."""
    return sorted(path.parent.name for path in home.evals.glob(f"[!.]*/{RESULT}"))


def list_evaluations(home: Home) -> tuple[list[Evaluation], list[str]]:
    """The evaluations of this home by name, and a line on each that cannot be read."""
    found, broken = [], []
    for name in evaluation_names(home):
        try:
            found.append(open_evaluation(name, home))
        except OvtError as error:
            broken.append(str(error))
    return found, broken


def headline(one: Evaluation) -> Accuracy:
    """The accuracy that an evaluation is known by: for a benchmark, our reading's."""
    return one.benchmark.readings["ours"] if one.benchmark else one.scores


def read_answers(name: str, home: Home) -> pl.DataFrame:
    """The ANSWERS rows of an evaluation."""
    return read_table(name, "answers", home)


def read_readings(name: str, home: Home) -> pl.DataFrame:
    """The READINGS rows of a benchmark's evaluation."""
    return read_table(name, "readings", home)


def kept_replies(name: str, home: Home) -> pl.DataFrame | None:
    """The REPLIES of an evaluation of a file; None for one of a model, whose samples are all there is."""
    return read_table(name, "replies", home) if (home.evals / name / "replies.parquet").is_file() else None


def read_table(name: str, table: str, home: Home) -> pl.DataFrame:
    """A table of an evaluation, by its file's name without the suffix. OvtError if it is missing or damaged."""
    path = home.evals / name / f"{table}.parquet"
    try:
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise OvtError(
            f"{path} cannot be read ({first_line(error)}): remove {path.parent}, and evaluate again"
        ) from error


def evaluation_table(done: Sequence[Evaluation], further: Mapping[str, Sequence[str]] | None = None) -> Table:
    """One line per evaluation; further: extra cells by column name."""
    more = further or {}
    titles = ("questions", "accuracy", "95% interval", "words", "valid", "cut off", *more)
    rows = []
    for row, one in enumerate(done):
        scores = one.scores
        written = (f"{scores.words:.0f}", f"{scores.format_valid:.0%}", f"{scores.truncated:.0%}")
        accuracy = headline(one)
        cells = [one.name, one.asked.model, scores.questions, *shares(accuracy), *written]
        rows.append([*cells, *(column[row] for column in more.values())])
    return Table([*names("evaluation", "model"), *numbers(*titles)], rows)
