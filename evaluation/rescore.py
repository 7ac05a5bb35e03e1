"""Kept replies read again: by this ovt's verifier, another rule or another kind of answer; or by a judge."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.home import Home, check_name
from ovt.core.report import Report, Table, names, numbers
from ovt.curate.stages import verify
from ovt.curate.stages.verify import VerifySection
from ovt.evaluation.evaluate import find_evaluation, write
from ovt.evaluation.judging import Judge
from ovt.evaluation.results import (
    Asked,
    Evaluation,
    headline,
    kept_replies,
    open_evaluation,
    read_answers,
    read_readings,
    read_table,
)
from ovt.evaluation.rows import from_table
from ovt.evaluation.scored import read, replies_of, scores_of
from ovt.evaluation.scores import answers_table, percent, score
from ovt.verifiers import VERSION as VERIFIER_VERSION

SHOWN = ("ours", "strict", "official", "judge")


@dataclass(frozen=True, repr=False)
class Rescored:
    """An evaluation as it was, and read again; flips: the answers that are right in one alone."""

    was: Evaluation
    now: Evaluation
    flips: pl.DataFrame

    def report(self) -> Report:
        rows = [(one.name, one.asked.verifier_version, *_readings(one)) for one in (self.was, self.now)]
        gained = self.flips.filter("now").height
        line = f"{len(self.flips):,} answers change: {gained:,} become right, {len(self.flips) - gained:,} wrong"
        columns = [*names("evaluation", "verifier"), *numbers(*SHOWN)]
        shown = [(row["sample_id"], "right" if row["now"] else "wrong") for row in self.flips.head(20).rows(named=True)]
        parts: list[Table | str] = [Table(columns, rows), line]
        parts += [Table(names("answer", "is now"), shown)] if shown else []
        data: dict[str, Any] = {"was": self.was.model_dump(mode="json"), "now": self.now.model_dump(mode="json")}
        return Report(self.was.name, data | {"flips": self.flips.rows(named=True)}, parts)

    def __str__(self) -> str:
        return str(self.report())

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()


@dataclass(frozen=True)
class Again:
    """How replies are read again: rule, of the official reading; kind, as in [verify]; judge: a model that is asked for
    its opinion of each; keep: another name to keep the result under; without it nothing is written."""

    rule: str | None = None
    kind: str | None = None
    judge: Judge | None = None
    keep: str | None = None


def with_judge(done: Evaluation, judge: Judge) -> Evaluation:
    """A benchmark's evaluation with a judge's reading, kept under its own name; unchanged if it has all of it."""
    refuse_judge(done.name, done.benchmark)
    if done.benchmark and done.benchmark.judge == judge.name and not done.benchmark.unjudged:
        return done
    return rescore(done.name, Again(judge=judge, keep=done.name), judge.session.home).now


def refuse_judge(name: str, benchmark: object) -> None:
    """OvtError unless there is a benchmark."""
    if benchmark is None:
        raise OvtError(f"{name} is not a benchmark's evaluation: only those have rules and judges")


def rescore(name: str, again: Again, home: Home) -> Rescored:
    """Read an evaluation's replies again, by this ovt's verifier. Only a judge costs anything: BudgetReached as in
    builds. OvtError for a rule or a judge where there is no benchmark, or if `keep` is another evaluation's name."""
    was = open_evaluation(name, home)
    if again.rule or again.judge:
        refuse_judge(name, was.asked.benchmark)
    asked = _asked(was.asked, again)
    there = find_evaluation(check_name(again.keep, "an evaluation"), asked, home, "--keep") if again.keep else None
    tables = {table: read_table(name, table, home) for table in ("questions", "samples")}
    answered = tables["samples"].filter(pl.col("text").is_not_null())
    tables["verdicts"] = verify.judge(answered, tables["questions"], VerifySection(kind=asked.settings.kind))
    tables["answers"] = answers_table(tables["questions"], answered, tables["verdicts"])
    now = was.model_copy(update={"name": again.keep or name, "scores": score(tables["answers"]), "asked": asked})
    before, after = read_answers(name, home), tables["answers"]
    if asked.benchmark:
        now, tables = _read_again(now, name, again, tables, home)
        before, after = (one.with_columns(right="ours") for one in (read_readings(name, home), tables["readings"]))
    if again.keep and (there is None or again.judge):
        write(home.evals / again.keep, tables, now)
    return Rescored(was, now, _flips(before, after))


def _asked(was: Asked, again: Again) -> Asked:
    """What the new readings depend on."""
    kind, benchmark = again.kind or was.settings.kind, was.benchmark
    if benchmark and again.rule:
        benchmark = benchmark.model_copy(update={"rule": again.rule})
    made = {"settings": was.settings.model_copy(update={"kind": kind}), "benchmark": benchmark}
    return was.model_copy(update=made | {"verifier_version": VERIFIER_VERSION, "ovt_version": __version__})


def _read_again(
    now: Evaluation, name: str, again: Again, tables: dict[str, pl.DataFrame], home: Home
) -> tuple[Evaluation, dict[str, pl.DataFrame]]:
    """A benchmark's evaluation with new readings, and all its tables. name: of the kept one."""
    asked = now.asked.benchmark
    if asked is None or now.benchmark is None:
        raise OvtError(f"{name} has no readings: evaluate again")
    tables = tables | {"items": read_table(name, "items", home)}
    items = dict(zip(tables["items"]["question_id"], from_table(tables["items"]), strict=True))
    replies = kept_replies(name, home)
    if replies is None:
        replies = replies_of(tables["samples"])
    else:
        tables["replies"] = replies
    table = read(now.name, asked, items, replies, now.asked.settings.kind).table
    about = {"judge": now.benchmark.judge, "unjudged": now.benchmark.unjudged}
    if again.judge:
        table, failed = again.judge.read(table, tables["samples"], tables["questions"])
        about = {"judge": again.judge.name, "unjudged": len(failed)}
    else:
        judged = read_readings(name, home).select("sample_id", "judge")
        joined = table.drop("judge").join(judged, on="sample_id", how="left", maintain_order="left")
        table = joined.select(table.columns)
    scores = scores_of(now.name, asked, items, table, about)
    return now.model_copy(update={"benchmark": scores}), tables | {"readings": table}


def _flips(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """sample_id, now: the answers whose verdict changes."""
    both = after.select("sample_id", now="right").join(before.select("sample_id", was="right"), on="sample_id")
    return both.filter(pl.col("now") != pl.col("was")).select("sample_id", "now")


def _readings(one: Evaluation) -> list[str]:
    if not one.benchmark:
        return [percent(headline(one).accuracy), "", "", ""]
    found = one.benchmark.readings
    return [percent(found[name].accuracy) if name in found else "" for name in SHOWN]
