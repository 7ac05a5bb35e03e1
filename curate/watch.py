"""Sources without any right answer, reported while the build still runs: perhaps no answer can match their golds.

source figureqa: 0 of 20 right; golds '0', '1'; answers 'No', 'Yes'; gold_map = {0 = "No", 1 = "Yes"}
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from ovt.curate.decide import Tables
from ovt.curate.run import Run, answered
from ovt.curate.sources.matchable import advice, rule_of
from ovt.curate.stages import verify

ENOUGH = 20  # questions; with one in a hundred right, the chance of seeing one is still a fifth
LOOK_S = 0.05


@dataclass(eq=False)
class Watch:
    """Follows the reasoners as a stage does (`flow.Lane`): rows arrive as they are answered.

    rows: those of each source so far. due: (source, its next ENOUGH rows), to be verified. judged: the verified ones
    of sources that are not decided yet. known: sources already decided.
    """

    run: Run
    before: int = 0
    ended: int = 0
    late: bool = False
    rows: dict[str, dict[int, None]] = field(default_factory=lambda: defaultdict(dict))
    due: deque[tuple[str, list[int]]] = field(default_factory=deque)
    judged: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    known: set[str] = field(default_factory=set)

    def arrive(self, row: int) -> None:
        """A reasoner has answered a question."""
        source = self.run.questions["source"][row]
        if source in self.known or row in self.rows[source]:
            return
        self.rows[source][row] = None
        if len(self.rows[source]) % ENOUGH == 0:
            self.due.append((source, sorted(islice(reversed(self.rows[source]), ENOUGH))))


async def look(watch: Watch) -> None:
    """Verifies the first questions of each source, alongside the rest of the build."""
    while watch.due or watch.ended < watch.before:
        if not watch.due:
            await asyncio.sleep(LOOK_S)
            continue
        source, rows = watch.due.popleft()
        if source in watch.known:
            continue
        watch.judged[source].append(await asyncio.to_thread(judge, watch.run, watch.run.questions[rows]))
        if sum(map(len, watch.judged[source])) >= ENOUGH:
            watch.known.add(source)
            watch.run.session.progress.alarms += never_right(pl.concat(watch.judged.pop(source)))


def judge(run: Run, questions: pl.DataFrame) -> pl.DataFrame:
    """The questions with a decided answer: source, question, gold, choices, right (is any of them) and extracted."""
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
        """A line for each source that has no right answer although its questions are now for RL."""
        return [
            f"source {source}: none of {count:,} answered questions is right, and {self.rl[source]:,} are now for RL: "
            "if its golds cannot be matched (ovt data lint), no reward can be earned"
            for source, count in self.judged.items()
            if count >= ENOUGH and not self.right[source]
        ]
