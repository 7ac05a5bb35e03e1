"""Scores existing outputs: a file in, a line for each run in it. No model (except a judge, if one is given), no images,
no network.

scored = score_file("outputs.jsonl", "mathvista", questions="questions.jsonl")
scored.scores[0].readings["official"].accuracy
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt import __version__
from ovt.core.errors import OvtError, RecipeError
from ovt.core.hashing import hash_bytes
from ovt.core.home import Home, check_name
from ovt.core.report import Report
from ovt.core.schema import QUESTIONS
from ovt.core.text import did_you_mean
from ovt.curate.stages import verify
from ovt.curate.stages.verify import VerifySection
from ovt.evaluation.benchmark import Benchmark, Item, find_benchmark
from ovt.evaluation.benchmark_scores import BenchmarkScores, report
from ovt.evaluation.evaluate import find_evaluation, questions_hash, write
from ovt.evaluation.judging import Judge
from ovt.evaluation.outputs import items_of, join, read_outputs
from ovt.evaluation.question_set import EvaluateSection, default_name
from ovt.evaluation.readings import readings
from ovt.evaluation.results import Asked, AskedBenchmark, Evaluation
from ovt.evaluation.rows import check_items, load_items, to_table
from ovt.evaluation.scored import samples_of, scores_of
from ovt.evaluation.scores import answers_table
from ovt.evaluation.scores import score as summed
from ovt.verifiers import VERSION as VERIFIER_VERSION


@dataclass(frozen=True, repr=False)
class Scored:
    """The scores of a file by run, and what they were made of. items: by question id; replies: REPLIES; table:
    READINGS, in the order of `replies`."""

    benchmark: Benchmark
    scores: list[BenchmarkScores]
    items: Mapping[str, Item]
    replies: pl.DataFrame
    table: pl.DataFrame
    notes: tuple[str, ...]
    asked: AskedBenchmark

    def report(self, by: str | None = None) -> Report:
        """The readings of every run side by side; by: also by the values of a group."""
        if by is not None and by not in self.benchmark.groups:
            hint = did_you_mean(by, self.benchmark.groups, f"choose one of {', '.join(self.benchmark.groups)}")
            raise RecipeError(f"{by[:40]!r} is not a group of {self.benchmark.name}; {hint}")
        return report(self.scores, by)

    def __str__(self) -> str:
        return str(self.report())

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()


def score_file(
    file: Path | str, name: str, questions: str | None = None, rule: str = "official", judge: Judge | None = None
) -> Scored:
    """The scores of every run in a file of outputs.

    questions: the benchmark's rows, as a file or folder; without them they are read from the file itself if its rows
    have golds, else from the Hub. judge: asked about every reply. OvtError if no row is about the benchmark.
    """
    path = Path(file)
    benchmark, variant = find_benchmark(name)
    chosen, part = benchmark.rule(rule), benchmark.variants[variant].parts[0]
    found = read_outputs(path)
    own = [] if questions else items_of(found, benchmark, part)
    items = check_items(own, benchmark, path.name) if own else load_items(benchmark, variant, questions).items
    joined = join(found, items, benchmark, part)
    if joined.replies.is_empty():
        raise OvtError(
            f"no row of {path.name} is about {benchmark.title}: none of its ids and questions is among "
            f"{len(items):,} known ones; give the benchmark's rows with --questions FILE"
        )
    by_id = {item.question_id(benchmark.name): item for item in items}
    table, failed = readings(by_id, joined.replies, chosen), pl.Series([], dtype=pl.String)
    if judge:
        said = joined.replies.select("sample_id", "question_id", text="response")
        table, failed = judge.read(table, said, _questions(by_id, benchmark.name))
    asked = AskedBenchmark(
        name=benchmark.name, variant=variant, prompt="", prompt_hash="", rule=rule, images="real", max_pixels=0,
        data=hash_bytes(path)[:12],
    )  # fmt: skip
    scores = []
    for (run,), rows in table.partition_by("run", as_dict=True, maintain_order=True).items():
        unjudged = int(rows["sample_id"].is_in(failed.to_list()).sum())
        further = {"doubled": joined.doubled.get(run, 0), "unknown": joined.unknown.get(run, 0), "unjudged": unjudged}
        scores.append(scores_of(run, asked, by_id, rows, further | {"judge": judge.name if judge else ""}))
    notes = _notes(bool(own), len(items), benchmark.variants[variant].rows, benchmark, variant)
    return Scored(benchmark, scores, by_id, joined.replies, table, notes, asked)


def _notes(own: bool, count: int, rows: int, benchmark: Benchmark, variant: str) -> tuple[str, ...]:
    notes = ("the golds are those of the file itself",) if own else ()
    if count != rows:
        known = ", ".join(f"{benchmark.name}:{name} {one.rows:,}" for name, one in benchmark.variants.items())
        notes += (f"{count:,} questions are none of its subsets ({known}): this is not a score of any",)
    return notes


def keep_runs(scored: Scored, name: str, home: Home) -> list[str]:
    """Keeps each run as an evaluation, and returns their names: NAME for a single run, else NAME-RUN. OvtError if two
    runs would have the same, or one is another evaluation's."""
    runs: dict[str, BenchmarkScores] = {}
    for one in scored.scores:
        kept = check_name(name if len(scored.scores) == 1 else default_name(name, one.run), "an evaluation")
        if kept in runs:
            raise OvtError(f"runs {runs[kept].run!r} and {one.run!r} would both be kept as {kept}: rename one of them")
        runs[kept] = one
    made = [_kept(kept, one, scored) for kept, one in runs.items()]
    there = [find_evaluation(done.name, done.asked, home) for done, _ in made]
    for (kept, one), (done, tables), found in zip(runs.items(), made, there, strict=True):
        if found is None or one.judge:
            write(home.evals / kept, tables, done)
    return list(runs)


def _questions(items: Mapping[str, Item], benchmark: str) -> pl.DataFrame:
    """QUESTIONS with the benchmark's own texts, and without images."""
    rows = [
        (key, [], item.question, item.gold, item.choices and list(item.choices), benchmark, item.id)
        for key, item in items.items()
    ]
    return pl.DataFrame(rows, QUESTIONS, orient="row")


def _kept(name: str, one: BenchmarkScores, scored: Scored) -> tuple[Evaluation, dict[str, pl.DataFrame]]:
    """A run as an evaluation, and its tables."""
    items = list(scored.items.values())
    questions = _questions(scored.items, one.benchmark)
    replies = scored.replies.filter(pl.col("run") == one.run)
    samples = samples_of(replies)
    answered = samples.filter(pl.col("text").is_not_null())
    verdicts = verify.judge(answered, questions, VerifySection())
    answers = answers_table(questions, answered, verdicts)
    table = scored.table.filter(pl.col("run") == one.run).with_columns(sample_id=samples["sample_id"])
    asked = Asked(
        model=one.run,
        revision=None,
        questions_hash=questions_hash(questions),
        settings=EvaluateSection(prompt="{question}"),
        verifier_version=VERIFIER_VERSION,
        ovt_version=__version__,
        benchmark=scored.asked,
    )
    done = Evaluation(name=name, asked=asked, failed=0, scores=summed(answers), benchmark=one)
    tables = {"questions": questions, "samples": samples, "verdicts": verdicts, "answers": answers, "readings": table}
    tables |= {"items": to_table(items, one.benchmark), "replies": replies.with_columns(table["sample_id"])}
    return done, tables
