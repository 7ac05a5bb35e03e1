"""Finished evaluations: found by name, read, shown and compared."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from pydantic import ValidationError

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.report import Report, Table, names, numbers
from ovt.core.section import Section
from ovt.evaluation.question_set import EvaluateSection
from ovt.evaluation.scores import Accuracy, Scores, difference

RESULT = "result.json"


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


class Evaluation(Section):
    """`result.json`. failed: requests without a reply, which count in no number and are retried the next time."""

    name: str
    asked: Asked
    failed: int
    scores: Scores

    def report(self) -> Report:
        """The scores: in all, by source, and how the answers are written."""
        scores = self.scores
        found: list[tuple[str, Any]] = [*scores.by_source.items(), ("all", scores)]
        rows = [(source, one.questions, *shares(one)) for source, one in (found if len(found) > 2 else found[-1:])]
        cues = ", ".join(f"{name} {rate:.1f}" for name, rate in scores.behaviours.items())
        lines = [
            f"{scores.words:.0f} words per answer, {scores.format_valid:.1%} well formed, "
            f"{scores.truncated:.1%} cut off",
            f"behaviours per 1,000 words: {cues}",
            f"verifier {self.asked.verifier_version}; evaluation {self.name}",
        ]
        if self.failed:
            lines.append(f"{self.failed:,} requests failed and are not counted; run it again to repeat them")
        table = Table([*names("source"), *numbers("questions", "accuracy", "95% interval")], rows)
        return Report(self.name, self.model_dump(mode="json"), [table, "\n".join(lines)])

    def __str__(self) -> str:
        return str(self.report())

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()


def shares(one: Accuracy) -> tuple[str, str]:
    """An accuracy and its interval as cells."""
    return f"{one.accuracy:.1%}", f"{one.low:.1%} to {one.high:.1%}"


def open_evaluation(name: str, home: Home) -> Evaluation:
    """The evaluation of this name. OvtError if it is missing or unreadable."""
    path = home.evals / name / RESULT
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        there = ", ".join(evaluation_names(home)[-10:]) or "none yet"
        raise OvtError(f"no evaluation is named {name!r} under {home.evals}; there are: {there}") from None
    except (OSError, ValidationError) as error:
        raise OvtError(f"{path} cannot be read ({str(error).splitlines()[0]}): remove it, and evaluate again") from None


def evaluation_names(home: Home) -> Sequence[str]:
    """The names of the evaluations of this home, in order."""
    return sorted(path.parent.name for path in home.evals.glob(f"[!.]*/{RESULT}"))


def read_answers(name: str, home: Home) -> pl.DataFrame:
    """The ANSWERS rows of an evaluation."""
    return pl.read_parquet(home.evals / name / "answers.parquet")


def compare(evaluations: Sequence[str], home: Home) -> Report:
    """Evaluations beside the first of them, paired by question. data: each, with `against_first` (value, low, high)."""
    done = [open_evaluation(name, home) for name in evaluations]
    first = read_answers(evaluations[0], home)
    gains = [difference(read_answers(name, home), first) for name in evaluations]
    rows = [
        one.model_dump(mode="json") | {"against_first": gain._asdict()} for one, gain in zip(done, gains, strict=True)
    ]
    cells = [f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]" for gain in gains[1:]]
    parts: list[Table | str] = [evaluation_table(done, {f"against {evaluations[0]}": ["", *cells]})]
    if len({one.asked.questions_hash for one in done}) > 1:
        parts.append("Not all were asked the same questions: each is compared on those that it and the first answered.")
    return Report(", ".join(evaluations), rows, parts)


def evaluation_table(done: Sequence[Evaluation], further: Mapping[str, Sequence[str]] | None = None) -> Table:
    """One line per evaluation; further: extra cells by column name."""
    more = further or {}
    titles = ("questions", "accuracy", "95% interval", "words", "valid", "cut off", *more)
    rows = []
    for row, one in enumerate(done):
        scores = one.scores
        written = (f"{scores.words:.0f}", f"{scores.format_valid:.0%}", f"{scores.truncated:.0%}")
        cells = [one.name, one.asked.model, scores.questions, *shares(scores), *written]
        rows.append([*cells, *(column[row] for column in more.values())])
    return Table([*names("evaluation", "model"), *numbers(*titles)], rows)
