"""What a build would ask and what it may cost, without asking: `ovt curate build --dry-run`.

stage    endpoint   rows  wanted  answered  calls  prompt tokens  completion tokens   US$
caption  captioner   200     200       120     80         24,000             12,800  0.01
reason   reasoner    200     800         0    200         61,000            256,000  0.17
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import polars as pl

from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.curate.build import chunks, describe, import_questions, open_endpoints, reasoned, screen_questions
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.expect import Expected, expected
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.recipe import Recipe
from ovt.curate.sources.images import image_bytes
from ovt.curate.stages import caption, judge, reason, verify
from ovt.curate.stages.judge import JudgeSection
from ovt.verifiers import verify_many

CHARS_PER_TOKEN = 4  # of a caption that is not written yet, when it is as long as it may be


@dataclass(frozen=True)
class StagePlan:
    """One stage that asks a model: how many questions it has, and what it would send (upper estimates)."""

    stage: str
    endpoint: str
    rows: int
    expected: Expected

    def as_dict(self) -> dict[str, object]:
        """The plan as one flat row."""
        return {"stage": self.stage, "endpoint": self.endpoint, "rows": self.rows, **dataclasses.asdict(self.expected)}


def plan(recipe: Recipe, home: Home, limit: int | None) -> list[StagePlan]:
    """The plan of every stage that asks a model. Questions are imported (and kept) on the way; no model is asked."""
    imported = import_questions(recipe, home, Progress(), limit)
    questions = screen_questions(recipe, imported.questions, home, Progress()).questions
    images = partial(image_bytes, home)
    endpoints = open_endpoints(recipe)
    with ReplyStore(home.replies) as store:
        requests = {"reason": requests_to_reason(recipe, questions, endpoints, store)}
        if recipe.caption:
            requests = {"caption": caption.requests(questions, recipe.caption)} | requests
        names = {stage: getattr(recipe, stage).endpoint for stage in requests}
        if recipe.verify.judge:
            requests["judge"] = requests_to_judge(recipe, recipe.verify.judge, questions, endpoints, store)
            names["judge"] = recipe.verify.judge.endpoint
        plans = []
        for stage, wanted in requests.items():
            endpoint = endpoints[names[stage]]
            plans.append(StagePlan(stage, endpoint.name, len(questions), expected(wanted, endpoint, store, images)))
        return plans


def requests_to_reason(
    recipe: Recipe, questions: pl.DataFrame, endpoints: dict[str, Endpoint], store: ReplyStore
) -> Iterator[ChatRequest]:
    """The reason requests; where a caption is not written yet, one of the greatest length stands in for it."""
    for chunk in chunks(questions):
        captioned, captions, *_ = describe(recipe, chunk, endpoints, store)
        yield from reason.requests(captioned, captions, recipe.reason)
        if recipe.caption:
            longest = "x" * CHARS_PER_TOKEN * (recipe.caption.sampling.max_tokens or 1024)
            unwritten = chunk.join(captioned, on="question_id", how="anti", maintain_order="left")
            stand_ins = unwritten.select("question_id", caption=pl.lit(longest))
            yield from reason.requests(unwritten, stand_ins, recipe.reason)


def requests_to_judge(
    recipe: Recipe,
    section: JudgeSection,
    questions: pl.DataFrame,
    endpoints: dict[str, Endpoint],
    store: ReplyStore,
) -> Iterator[ChatRequest]:
    """The judge's requests: of samples that are there, those that the rules leave open; of the others, one each.

    A sample that is not there counts where its gold is of a kind that the judge is asked about.
    """
    for chunk in chunks(questions):
        captioned, captions, *_ = describe(recipe, chunk, endpoints, store)
        answered, _ = reason.run(captioned, reasoned(recipe, captioned, captions, endpoints, store))
        yield from judge.requests(captioned, verify.judge(answered, captioned, recipe.verify), section)
        golds = [(gold, gold, choices) for gold, choices in chunk.select("gold", "choices").iter_rows()]
        kinds = [verdict.kind for verdict in verify_many(golds, kind=recipe.verify.kind)]
        there = answered.group_by("question_id").agg(there=pl.len())
        counted = chunk.with_columns(kind=pl.Series(kinds, dtype=pl.String)).join(
            there, on="question_id", how="left", maintain_order="left"
        )
        missing = counted.filter(pl.col("kind").is_in(section.kinds)).with_columns(
            missing=recipe.reason.k - pl.col("there").fill_null(0)
        )
        yield from judge.stand_ins(missing, recipe.reason.k, section)
