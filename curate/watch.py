"""Sources of which no answer is right, told while the build still runs: their golds may be what no answer can match.

source figureqa: 0 of 20 right; golds '0', '1'; answers 'No', 'Yes'; gold_map = {0 = "No", 1 = "Yes"}
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from ovt.curate.decide import Tables
from ovt.curate.run import Run, answered
from ovt.curate.sources.matchable import advice, rule_of
from ovt.curate.stages import verify

ENOUGH = 20  # questions: one in a hundred right would still be seen with a chance of a fifth
LOOK_S = 0.05


@dataclass(eq=False)
class Watch:
    """Follows the reasoners as a stage does (`flow.Lane`): rows arrive as they are answered.

    rows: those of each source so far. due: (source, rows) to be verified. known: sources that were decided.
    """

    run: Run
    before: int = 0
    ended: int = 0
    late: bool = False
    rows: dict[str, dict[int, None]] = field(default_factory=lambda: defaultdict(dict))
    due: deque[tuple[str, list[int]]] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)

    def arrive(self, row: int) -> None:
        """A reasoner has answered a question."""
        source = self.run.questions["source"][row]
        if source in self.known or row in self.rows[source]:
            return
        self.rows[source][row] = None
        if len(self.rows[source]) % ENOUGH == 0:
            self.due.append((source, sorted(self.rows[source])))


async def look(watch: Watch) -> None:
    """Verifies the first questions of each source, beside the rest of the build."""
    while watch.due or watch.ended < watch.before:
        if not watch.due:
            await asyncio.sleep(LOOK_S)
            continue
        source, rows = watch.due.popleft()
        if source in watch.known:
            continue
        judged = await asyncio.to_thread(judge, watch.run, watch.run.questions[rows])
        if len(judged) >= ENOUGH:
            watch.known.add(source)
            watch.run.session.progress.alarms += never_right(judged)


def judge(run: Run, questions: pl.DataFrame) -> pl.DataFrame:
    """The questions that have answers: source, question, gold, choices, right (any of its answers) and extracted."""
    asked, texts = answered(run, questions)
    verdicts = verify.judge(texts, asked, run.recipe.verify)
    return by_question(asked, verdicts)


def by_question(questions: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    decided = verdicts.filter(pl.col("outcome") != "abstain").group_by("question_id", maintain_order=True)
    found = decided.agg((pl.col("outcome") == "correct").any().alias("right"), pl.col("extracted").first())
    columns = ("question_id", "source", "question", "gold", "choices")
    return questions.select(columns).join(found, on="question_id", maintain_order="left")


def never_right(judged: pl.DataFrame) -> list[str]:
    """A line for each source with ENOUGH judged questions and no right answer."""
    lines = []
    for (source,), rows in judged.group_by("source", maintain_order=True):
        if len(rows) >= ENOUGH and not rows["right"].any():
            lines.append(_line(str(source), len(rows), rows.head(ENOUGH)))
    return lines


def _line(source: str, count: int, rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    rule = rule_of(first["question"], first["gold"], bool(first["choices"]))
    hint = advice(rule, first["gold"]) if rule else "see gold_map, gold_pattern and gold_is in docs/sources.md"
    said, golds = _some(rows["extracted"]), _some(rows["gold"])
    return f"source {source}: 0 of {count:,} right; golds {golds}; answers {said}; {hint}"


def _some(texts: Iterable[str | None]) -> str:
    counted = Counter(text for text in texts if text)
    first = sorted(counted, key=lambda text: (-counted[text], text))[:3]
    return ", ".join(repr(text[:40]) for text in first) or "none"


@dataclass
class Score:
    """Questions judged, right and left for RL, by source, as a version is written."""

    judged: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    rl: Counter[str] = field(default_factory=Counter)

    def add(self, made: Tables) -> None:
        """Counts a chunk."""
        rows = by_question(made.questions, made.verdicts)
        self.judged.update(rows["source"].to_list())
        self.right.update(rows.filter("right")["source"].to_list())
        self.rl.update(made.rows.filter(pl.col("split") == "rl")["source"].to_list())

    def lines(self) -> list[str]:
        """A line for each source of which nothing is right, though its questions are now for RL."""
        return [
            f"source {source}: none of {count:,} answered questions is right, and {self.rl[source]:,} are now for RL: "
            "if its golds cannot be matched (ovt data lint), no reward can be had from them"
            for source, count in self.judged.items()
            if count >= ENOUGH and not self.right[source]
        ]
