"""Evaluations as people see them on a terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ovt.commands.views.tables import Table, names, numbers
from ovt.evaluation.evaluate import Evaluation


def evaluations_shown(done: list[Evaluation], further: dict[str, list[str]] | None = None) -> Table:
    """One line per evaluation; further: cells by the name of their column."""
    columns = [
        *names("evaluation", "model"),
        *numbers("questions", "accuracy", "95% interval", "words", "valid", "cut off", *(further or {})),
    ]
    rows = []
    for row, one in enumerate(done):
        scores = one.scores
        share = (f"{scores.accuracy:.1%}", f"{scores.low:.1%} to {scores.high:.1%}")
        written = (f"{scores.words:.0f}", f"{scores.format_valid:.0%}", f"{scores.truncated:.0%}")
        more = [cells[row] for cells in (further or {}).values()]
        rows.append((one.name, one.asked.model, scores.questions, *share, *written, *more))
    return Table(columns, rows)


def scores_shown(done: Evaluation) -> RenderableType:
    """The scores of one evaluation: in all, by source, and how the answers are written."""
    scores = done.scores
    found: list[tuple[str, Any]] = [*scores.by_source.items(), ("all", scores)]
    rows = [
        (source, one.questions, f"{one.accuracy:.1%}", f"{one.low:.1%} to {one.high:.1%}")
        for source, one in (found if len(found) > 2 else found[-1:])
    ]
    cues = ", ".join(f"{name} {rate:.1f}" for name, rate in scores.behaviours.items())
    lines = [
        "",
        f"{scores.words:.0f} words per answer, {scores.format_valid:.1%} well formed, {scores.truncated:.1%} cut off",
        f"behaviours per 1,000 words: {cues}",
        f"verifier {done.asked.verifier_version}; evaluation {done.name}",
    ]
    if done.failed:
        lines.append(f"{done.failed:,} requests failed and are not counted; run the same line again to repeat them")
    return Group(Table([*names("source"), *numbers("questions", "accuracy", "95% interval")], rows), *map(Text, lines))
