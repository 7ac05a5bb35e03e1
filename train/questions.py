"""Which questions of a version an RL stage uses, and in which order.

    question_id       split  difficulty  pass_rate  left_out
    1f0c2d3e4a5b6c7d  sft    medium           0.5   null
    77aa01f0c2d3e4a5  rl     unsolved         0.0   difficulty

The paper's last recipe trains on the medium questions with the vision tower frozen, then on the hard ones: two stages,
each a run of its own (`[[rl]]` twice), the second from the model of the first.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import TYPE_CHECKING

import polars as pl

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.sources.where import columns_in, matches
from ovt.train import devices, rollouts, runs
from ovt.train.data import Rows, set_aside
from ovt.train.lengths import length_limit, measured
from ovt.train.models import load_processor
from ovt.train.runs import Run
from ovt.train.settings import QuestionsSection, RlSection
from ovt.train.training import Fed, Training

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ["images", "prompt", "answer", "choices", "question_id", "difficulty", "pass_rate", "n_samples"]
IMAGE_TOKENS = "_image_tokens"  # as measured; sources may keep a column image_tokens, and none that starts with _


def choose_questions(training: Training[RlSection]) -> Fed:
    """The questions to use, in the version's order (COLUMNS). OvtError if there are none."""
    import datasets

    settings, splits = training.settings, training.splits
    check_mixture(splits, settings)
    names = [*COLUMNS, *further_columns(settings.questions.where, splits[0].dataset.column_names)]
    dataset = datasets.concatenate_datasets([rows.dataset.select_columns(names) for rows in splits])
    questions = measured_questions(training, dataset)
    marked = mark(rated(questions, settings.questions.sure, training), settings.questions).with_row_index()
    asked = marked.filter(pl.col("left_out").is_null())
    left_out = describe_left_out(marked)
    told = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
    if asked.is_empty():
        raise OvtError(f"no question of {splits[0].ref} is left to ask ({told}): change the settings under questions")
    longest = asked.select(pl.max("prompt_tokens", IMAGE_TOKENS)).row(0)
    note = f"left out of {splits[0].ref}: {told}; {len(asked):,} questions are asked" if left_out else ""
    spread = variances(rated(questions, settings.questions.order, training))
    chosen = dataset.select_columns(COLUMNS).add_column("variance", spread)
    chosen = chosen.add_column("length", marked["prompt_tokens"].to_list()).select(asked["index"].to_list())
    train_on, aside = set_aside(chosen, settings.eval_size, settings.seed)
    held_out = chosen.select(aside) if aside else None
    pictured = bool((asked[IMAGE_TOKENS] > 0).all())
    return Fed(chosen.select(train_on) if aside else chosen, held_out, left_out, note, longest, pictured)


def check_mixture(splits: Sequence[Rows], settings: RlSection) -> None:
    """RecipeError for versions that cannot be asked together."""
    ref, kinds = splits[0].ref, {rows.verify_kind for rows in splits}
    if any(part.weight != 1 for rows in splits for part in rows.parts):
        raise RecipeError(f"{ref} has weights, which are for rows: RL asks each question once per pass; leave them out")
    if settings.reward.kind is None and (None in kinds or len(kinds) > 1):
        raise RecipeError(f"the versions of {ref} compare answers in several ways: choose one with reward.kind")


def rated(questions: pl.DataFrame, by: str, training: Training[RlSection]) -> pl.DataFrame:
    """The questions with the pass rates of the run that the model comes from, if `by` is "rollouts"."""
    if by != "rollouts":
        return questions
    return update_rates(questions, rollouts.pass_rates(parent_run(training.order.model, training.home)))


def further_columns(where: str | None, there: Collection[str]) -> list[str]:
    """The columns beyond COLUMNS that an expression needs."""
    return [name for name in columns_in(where) if name in there and name not in COLUMNS] if where else []


def measured_questions(training: Training[RlSection], dataset: "Dataset") -> pl.DataFrame:
    """The questions of all splits with their tokens, and the reason "too_long" if no room is left for a response."""
    room = prompt_limit(training.where, training.settings)
    processor = load_processor(training.where, training.settings.max_pixels)
    with devices.main_first():
        lengths = pl.concat([measured(rows, processor, None, training.home) for rows in training.splits])
    texts = ("images", "prompt", "choices")  # which no expression needs
    said = pl.DataFrame({name: dataset[name][:] for name in dataset.column_names if name not in texts})
    too_long = pl.when(pl.col("prompt_tokens") > room).then(pl.lit("too_long"))
    tokens = lengths.select("prompt_tokens", pl.col("image_tokens").alias(IMAGE_TOKENS), "reason")
    return said.hstack(tokens).with_columns(pl.coalesce("reason", too_long).alias("reason"))


def prompt_limit(where: str, settings: RlSection) -> int:
    """The maximum tokens of a prompt: max_prompt_length, and no more than the context leaves beside a response.

    RecipeError if a response alone fills the context.
    """
    context = length_limit(where, None)
    if context is None:
        return settings.questions.max_prompt_length
    if settings.max_completion_length >= context:
        raise RecipeError(
            f"max_completion_length = {settings.max_completion_length} leaves no room for a prompt in the {context} "
            f"tokens of {where}'s context: lower it"
        )
    return min(settings.questions.max_prompt_length, context - settings.max_completion_length)


def parent_run(model: str, home: Home) -> Run:
    """The run that a model comes from; OvtError if it is not one of this home."""
    if model not in runs.run_names(home):
        raise OvtError(f'"rollouts" under questions needs the model of an RL run, not {model}: use "stored"')
    return runs.open_run(model, home)


def mark(questions: pl.DataFrame, section: QuestionsSection) -> pl.DataFrame:
    """The table with `left_out`: why a question is not used, null if it is.

    questions   question_id, difficulty, pass_rate, and reason (why it cannot be fed to the model, or null)
    """
    check_buckets(questions, section.difficulty)
    elsewhere = pl.lit(bool(section.difficulty)) & ~pl.col("difficulty").is_in(section.difficulty).fill_null(False)
    sure = pl.lit(section.sure != "keep") & pl.col("pass_rate").is_in([0.0, 1.0]).fill_null(False)
    unwanted = ~wanted(questions, section.where)
    repeated = pl.int_range(pl.len()).over("question_id") > 0
    why = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.col("reason"))
        .when(repeated)
        .then(pl.lit("repeated"))
        .when(elsewhere)
        .then(pl.lit("difficulty"))
        .when(unwanted)
        .then(pl.lit("where"))
        .when(sure)
        .then(pl.lit("sure"))
    )
    return questions.with_columns(why.alias("left_out"))


def wanted(questions: pl.DataFrame, where: str | None) -> pl.Expr:
    """Which questions `where` chooses. RecipeError if it cannot be applied."""
    return pl.lit(value=True) if where is None else pl.lit(matches(questions, where, "questions"))


def check_buckets(questions: pl.DataFrame, wanted: Collection[str]) -> None:
    """OvtError for an empty bucket."""
    there = dict(questions.drop_nulls("difficulty")["difficulty"].value_counts(sort=True).iter_rows())
    if missing := [name for name in wanted if name not in there]:
        known = ", ".join(f"{name} {count:,}" for name, count in there.items()) or "none"
        raise OvtError(f"no question is {missing[0]!r}: the version has {known}; choose difficulty from these")


def update_rates(questions: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """The table with measured pass rates (question_id, pass_rate, n_samples) in place of stored ones."""
    joined = questions.join(rates, on="question_id", how="left", maintain_order="left", suffix="_newer")
    newer = [pl.coalesce(f"{name}_newer", name).alias(name) for name in ("pass_rate", "n_samples")]
    return joined.with_columns(newer).select(questions.columns)


def asked_in_order(count: int, places: int, seed: int, weights: Sequence[float] | None = None) -> list[int]:
    """`places` indexes into `count` questions: repeated passes, each in an order drawn from the seed (`shuffled`)."""
    drawn: list[int] = []
    for turn in range(ceil(places / count)):
        drawn += shuffled(count, f"{seed}-{turn}", weights)
    return drawn[:places]


def shuffled(count: int, seed: str, weights: Sequence[float] | None = None) -> list[int]:
    """The numbers below `count` in an order drawn from the seed; with weights, as if drawn one after the other, each
    with a chance in proportion to its own (Efraimidis and Spirakis, 2006).
    """
    order, rng = list(range(count)), random.Random(seed)
    if weights is None:
        rng.shuffle(order)
        return order
    keys = [log(1.0 - rng.random()) / weight for weight in weights]
    return sorted(order, key=lambda place: (-keys[place], place))


@dataclass(frozen=True)
class Spares:
    """The questions of a run's batches of rollouts, and what may be asked in their places.

    count     questions; weights: how likely each comes first, None: all alike
    batches   the places of each batch's questions, in training order; each is learned from in `steps` steps
    most      spare questions of a batch, at most
    """

    count: int
    weights: Sequence[float] | None
    batches: Sequence[Sequence[int]]
    steps: int
    most: int
    seed: int

    def of(self, batch: int, rank: int = 0, world: int = 1) -> list[int]:
        """The spare questions of a process for a batch, in the order of asking: none of the batch's own, none twice."""
        own = set(self.batches[batch])
        drawn = shuffled(self.count, f"{self.seed}-spare-{batch}", self.weights)
        left = [place for place in drawn if place not in own]
        each = min(len(left), self.most) // world
        return left[rank : each * world : world]


def variances(questions: pl.DataFrame) -> list[float]:
    """p (1 − p) of each question, estimated from its samples: by Laplace's estimate of p, which is never 0 or 1, and is
    ½ without samples."""
    known = pl.when(pl.col("pass_rate").is_not_null()).then(pl.col("n_samples").fill_null(0)).otherwise(0)
    p = (pl.col("pass_rate").fill_null(0.0) * known + 1) / (known + 2)
    return questions.select(p * (1 - p)).to_series().to_list()


def describe_left_out(marked: pl.DataFrame) -> dict[str, int]:
    """How many questions were left out, by reason."""
    return dict(marked["left_out"].drop_nulls().value_counts(sort=True).iter_rows())
