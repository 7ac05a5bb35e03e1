"""A build's requests and their maximum cost (`ovt curate build --dry-run`), and a preview of its results.

stage    endpoint   rows  wanted  answered  calls  prompt tokens  completion tokens   US$
caption  captioner   200     200       120     80         24,000             12,800  0.01
reason   reasoner    200     800         0    200         61,000            256,000  0.17
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.progress import Tally
from ovt.core.report import Report, Table, names, numbers
from ovt.curate.build import build
from ovt.curate.claims import Claim, listed
from ovt.curate.endpoints.jobs import Expected, expected
from ovt.curate.recipe import Recipe
from ovt.curate.reports.why import story
from ovt.curate.run import Session, asking_stage, planned, prepare, stages_of
from ovt.curate.versions.read import scan


@dataclass(frozen=True)
class StagePlan:
    """One stage that calls a model: its number of questions, and what it would send (upper estimates)."""

    stage: str
    endpoint: str
    rows: int
    expected: Expected

    def as_dict(self) -> dict[str, object]:
        """The plan as one flat row."""
        return {"stage": self.stage, "endpoint": self.endpoint, "rows": self.rows, **dataclasses.asdict(self.expected)}


def plan(recipe: Recipe, session: Session) -> list[StagePlan]:
    """The plan of every stage that calls a model. Questions are imported (and kept) on the way; no model is called."""
    run = prepare(recipe, session)
    plans = []
    with run.store:
        for key, section, about in stages_of(run):
            stage = asking_stage(key)
            told = expected(planned(about, stage, section), run.work(section, Tally()))
            plans.append(StagePlan(stage.name, section.endpoint, len(about.questions), told))
    return plans


def report(
    name: str, plans: Sequence[StagePlan], found: Sequence[Claim] = (), target_rows: int | None = None
) -> Report:
    """The plans as a table, with a note on its numbers, and what else the recipe would do."""
    rows = [stage.as_dict() for stage in plans]
    stops = f"It stops asking at target_rows = {target_rows or 0:,}; these are the figures of all questions."
    notes = [listed(found), stops * bool(target_rows), "Tokens and prices are upper estimates. Nothing was asked."]
    return Report(name, rows, [plan_table(rows), *filter(None, notes)])


def plan_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line per stage; tokens without max_tokens, and costs without a price, are unknown."""
    titles = ("rows", "wanted", "answered", "calls", "prompt tokens", "completion tokens", "US$")
    return Table([*names("stage", "endpoint"), *numbers(*titles)], [cells(row) for row in rows])


def cells(row: Mapping[str, Any]) -> list[Any]:
    counts = [row[name] for name in ("rows", "wanted", "answered", "calls", "prompt_tokens")]
    reply = row["completion_tokens"] if row["bounded"] else "unknown"
    priced = row["bounded"] and row["cost_usd"] is not None
    return [row["stage"], row["endpoint"], *counts, reply, f"{row['cost_usd']:,.2f}" if priced else "unknown"]


def preview(recipe: Recipe, session: Session) -> list[dict[str, Any]]:
    """The stories (`why.story`) of the session's questions, with every prompt and reply.

    Builds only these; the version is discarded, but its replies are kept, so nothing is paid for twice.
    """
    with tempfile.TemporaryDirectory(prefix="ovt-preview-") as scratch:
        home = dataclasses.replace(session.home, versions=Path(scratch))
        tried = recipe.model_copy(update={"limits": recipe.limits.model_copy(update={"max_failed": 1.0})})
        version = build(tried, dataclasses.replace(session, home=home))  # failures are among what it shows
        ends = scan(version, "decisions").filter(pl.col("level") == "question").collect()
        return [story(version, question_id) for question_id in ends["id"]]
