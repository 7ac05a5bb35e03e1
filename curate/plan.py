"""A build's requests and their maximum cost (`ovt curate build --dry-run`), and a preview of its results.

stage    endpoint   rows  wanted  answered  calls  prompt tokens  completion tokens   US$
caption  captioner   200     200       120     80         24,000             12,800  0.01
reason   reasoner    200     800         0    200         61,000            256,000  0.17

and, at the rates that a preview has measured (`--plan`):

stage    endpoint   replies  prompt tokens  completion tokens  US$  replies/s  hours  GPUs
reason   reasoner       800         58,400            140,100  0.10       12.5   0.02     8
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from ovt.core.progress import Tally
from ovt.core.report import Report, Table, names, numbers
from ovt.curate.build import build
from ovt.curate.claims import Claim, listed
from ovt.curate.endpoints.jobs import Expected, expected
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.rates import Rate, Rates, replies_of
from ovt.curate.recipe import Recipe
from ovt.curate.reports.why import story
from ovt.curate.run import Session, asking_stage, planned, prepare, stage_title, stages_of
from ovt.curate.versions.read import scan


@dataclass(frozen=True)
class Outlook:
    """What a stage will take at the rates measured: `replies` to ask for, their tokens and US dollars (None without a
    price), hours, and the GPUs that it keeps busy (None if the recipe does not say)."""

    replies: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    per_second: float
    hours: float
    gpus: int | None


@dataclass(frozen=True)
class StagePlan:
    """One stage that calls a model: its number of questions, what it would send (upper estimates), and its
    outlook, if one is asked for and measured."""

    stage: str
    endpoint: str
    rows: int
    expected: Expected
    outlook: Outlook | None = None

    def as_dict(self) -> dict[str, Any]:
        """The plan as one flat row, with the outlook inside if there is one."""
        flat = {"stage": self.stage, "endpoint": self.endpoint, "rows": self.rows, **asdict(self.expected)}
        return flat if self.outlook is None else flat | {"outlook": asdict(self.outlook)}


def plan(recipe: Recipe, session: Session, rates: Rates = MappingProxyType({})) -> list[StagePlan]:
    """The plan of every stage that calls a model. Questions are imported (and kept) on the way; no model is called.

    rates: those measured for the stages, for an outlook."""
    run = prepare(recipe, session)
    plans = []
    with run.store:
        for key, section, about in stages_of(run):
            stage = asking_stage(key)
            told = expected(planned(about, stage, section), run.work(section, Tally()))
            found = StagePlan(stage.name, section.endpoint, len(about.questions), told)
            rate, endpoint = rates.get(stage_title(key, stage)), recipe.endpoints[section.endpoint]
            plans.append(dataclasses.replace(found, outlook=outlook(found, rate, endpoint) if rate else None))
    return plans


def outlook(stage: StagePlan, rate: Rate, endpoint: EndpointSection) -> Outlook:
    """The outlook of a stage at a rate. A question needs as many replies as in that run: a judge is asked about few."""
    wanted = min(stage.expected.wanted, round(stage.rows * rate.wanted / max(rate.rows, 1)))
    replies = max(wanted - stage.expected.answered, 0)
    prompts, completions = (
        round(replies * tokens / rate.replies) for tokens in (rate.prompt_tokens, rate.completion_tokens)
    )
    cost = endpoint.cost_usd(prompts, completions)
    hours = replies / rate.per_second / 3600
    return Outlook(replies, prompts, completions, cost, rate.per_second, hours, endpoint.gpus)


def outlook_parts(plans: Sequence[StagePlan], rates: Rates) -> list[Any]:
    """The outlook as a table, and what it is based on."""
    if not rates:
        return ["No rates measured yet: `ovt curate preview RECIPE -n 200` measures them, and keeps the replies."]
    titles = ("replies", "prompt tokens", "completion tokens", "US$", "replies/s", "hours", "GPUs")
    table = Table([*names("stage", "endpoint"), *numbers(*titles)], [outlook_cells(stage) for stage in plans])
    known = [(stage.endpoint, stage.outlook) for stage in plans if stage.outlook]
    hours = max((found.hours for _, found in known), default=0.0)
    gpus = {endpoint: found.gpus for endpoint, found in known if found.gpus}
    of_gpus = f" {sum(gpus.values())} GPUs for that long: {hours * sum(gpus.values()):,.1f} GPU-hours." if gpus else ""
    rest = f"At the rates of a run with {replies_of(rates):,} replies, on the same servers."
    return [table, f"About {hours:,.2f} hours of asking, all stages side by side.{of_gpus} {rest}"]


def outlook_cells(stage: StagePlan) -> list[Any]:
    if (found := stage.outlook) is None:
        return [stage.stage, stage.endpoint, *["unknown"] * 6, None]
    counts = [found.replies, found.prompt_tokens, found.completion_tokens, money(found.cost_usd)]
    return [stage.stage, stage.endpoint, *counts, f"{found.per_second:,.1f}", f"{found.hours:,.2f}", found.gpus]


def report(
    name: str,
    plans: Sequence[StagePlan],
    found: Sequence[Claim] = (),
    target_rows: int | None = None,
    further: Sequence[Any] = (),
) -> Report:
    """The plans as a table, with a note on its numbers, and what else the recipe would do; `further` parts follow."""
    rows = [stage.as_dict() for stage in plans]
    stops = f"It stops asking at target_rows = {target_rows or 0:,}; these figures are for all questions."
    notes = [listed(found), stops * bool(target_rows), "Tokens and prices are upper estimates. Nothing was asked."]
    return Report(name, rows, [plan_table(rows), *filter(None, notes), *further])


def plan_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line per stage; tokens without max_tokens, and costs without a price, are unknown."""
    titles = ("rows", "wanted", "answered", "calls", "prompt tokens", "completion tokens", "US$")
    return Table([*names("stage", "endpoint"), *numbers(*titles)], [cells(row) for row in rows])


def cells(row: Mapping[str, Any]) -> list[Any]:
    counts = [row[name] for name in ("rows", "wanted", "answered", "calls", "prompt_tokens")]
    reply = row["completion_tokens"] if row["bounded"] else "unknown"
    return [row["stage"], row["endpoint"], *counts, reply, money(row["cost_usd"] if row["bounded"] else None)]


def money(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:,.2f}"


def preview(recipe: Recipe, session: Session) -> list[dict[str, Any]]:
    """The stories (`why.story`) of the session's questions, with every prompt and reply.

    Builds only these; the version is discarded, but its replies are kept, so nothing is paid for twice.
    """
    with tempfile.TemporaryDirectory(prefix="ovt-preview-") as scratch:
        home = dataclasses.replace(session.home, versions=Path(scratch))
        tried = recipe.model_copy(update={"limits": recipe.limits.model_copy(update={"max_failed": 1.0})})
        version = build(tried, dataclasses.replace(session, home=home))  # failures are part of what it shows
        ends = scan(version, "decisions").filter(pl.col("level") == "question").collect()
        return [story(version, question_id) for question_id in ends["id"]]
