"""A question's whole life: its story on one shelf, and where else it was answered."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.reports import why
from ovt.curate.reports.diff.changes import normalised
from ovt.curate.versions.read import list_versions, rows_where
from ovt.evaluation.results import evaluation_names
from ovt.train.runs import run_names
from ovt.view.shelf import Shelf, open_shelf

ENDED = ("stage", "decision", "reason", "detail")


def story(shelf: Shelf, question_id: str) -> dict[str, Any]:
    """As `ovt data why`: question, prompts, captions, samples (each with verdict and decision), rows of the data."""
    with shelf.reading():
        if shelf.version:
            return why.story(shelf.version, question_id)
        of_question = pl.col("question_id") == question_id
        asked, said, judged, ended = (
            rows_where(shelf.scan(name), of_question).to_dicts()
            for name in ("questions", "samples", "verdicts", "decisions")
        )
    if not ended:
        raise OvtError(f"{shelf.ref} has no question {question_id[:80]!r}")
    verdicts = {one["sample_id"]: one for one in judged}
    ends = {one["id"]: {name: one[name] for name in ENDED} for one in ended}
    samples = [one | {"verdict": verdicts.get(one["sample_id"]), "decision": ends[one["sample_id"]]} for one in said]
    own = {"version": shelf.ref, "id": question_id, "level": "question", "decision": None}
    told: dict[str, Any] = {"prompts": {}, "captions": [], "samples": samples, "rows": [], "own": {}, "notes": []}
    return own | {"question": next(iter(asked), None)} | told


def life(question: dict[str, Any], home: Home) -> list[dict[str, Any]]:
    """Everywhere the question was asked: ref, question_id (differs after an edit), ended (of versions), and how
    many of its samples are right. question: its row of QUESTIONS."""
    refs = [version.ref for version in list_versions(home)[0]]
    refs += [f"eval:{name}" for name in evaluation_names(home)] + [f"run:{name}" for name in run_names(home)]
    found = []
    for ref in refs:
        with suppress(OvtError, OSError, pl.exceptions.PolarsError):  # damaged, or a run without rollouts or its data
            found += list(_appearance(open_shelf(ref, home), question))
    return found


def _appearance(shelf: Shelf, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
    same = (pl.col("images").list.join(" ") == " ".join(question["images"] or ())) & (
        normalised(pl.col("question")) == normalised(pl.lit(question["question"]))
    )
    asked = shelf.scan("questions").select("question_id", "gold", "images", "question")
    found = rows_where(asked, pl.col("question_id") == question["question_id"])
    for one in (found if len(found) else asked.filter(same).head(1).collect()).select("question_id", "gold").to_dicts():
        of_it = pl.col("question_id") == one["question_id"]
        outcomes = rows_where(shelf.scan("verdicts"), of_it)["outcome"]
        ends = rows_where(shelf.scan("decisions"), of_it & (pl.col("level") == "question")).select(ENDED).to_dicts()
        right = int((outcomes == "correct").sum())
        yield {"ref": shelf.ref, **one, "right": right, "judged": len(outcomes), "ended": next(iter(ends), None)}
