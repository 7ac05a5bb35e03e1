"""A judge's opinion of kept answers: a reading of its own. Off unless an endpoint is given; its replies are stored.

The judge is that of curation's `[verify.judge]`, with its prompt. It is asked about every reply, and shown the end of
it, without its thinking. Anything but a last line CORRECT or WRONG leaves the answer open, which counts as wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import polars as pl

from ovt.core.coroutines import run_to_end
from ovt.core.errors import OvtError
from ovt.core.text import without_secrets
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.section import EndpointSection, server_section
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.run import Session
from ovt.curate.sources.images import image_bytes
from ovt.curate.stages.judge import JudgeSection, read_judgement, request
from ovt.verifiers import split_response

LAST_CHARS = 4_000  # of a reply
SECTION = JudgeSection(endpoint="judge")
JUDGEMENTS = pl.Schema({"sample_id": pl.String, "judge": pl.Boolean})


class Judged(NamedTuple):
    """READINGS with a judge's opinions; failed: the ids of the samples that it was asked about in vain."""

    table: pl.DataFrame
    failed: pl.Series


@dataclass(frozen=True)
class Judge:
    """A model that is asked, and what it may spend."""

    endpoint: EndpointSection
    session: Session

    @property
    def name(self) -> str:
        """ "judge gpt-x (prompt 5e4d3c2b1a09)": what a score by it is called."""
        return f"judge {self.endpoint.model} (prompt {SECTION.prompt_hash[:12]})"

    def read(self, table: pl.DataFrame, samples: pl.DataFrame, questions: pl.DataFrame) -> Judged:
        """The opinion of each answered sample; null where the judge says neither, or its request failed.

        samples: sample_id, question_id, text. BudgetReached as in builds.
        """
        answered = samples.filter(pl.col("text").is_not_null())
        found = self._judgements(answered, questions)
        joined = table.drop("judge").join(found, on="sample_id", how="left", maintain_order="left")
        return Judged(joined.select(table.columns), answered.join(found, on="sample_id", how="anti")["sample_id"])

    def _judgements(self, samples: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
        """JUDGEMENTS of the samples whose request was answered."""
        opened, session = open_endpoint("judge", self.endpoint), self.session
        asked = list(_requests(samples, questions))
        tally = session.progress.begin("judge", len(asked))
        with ReplyStore(session.home.make().replies) as store:
            work = Work(opened, store, session.budget, tally, partial(image_bytes, session.home))
            run_to_end(_ask(opened, asked, work))
            keys = [opened.keys(one)[0] for one in asked]
            replies = store.get_many(keys)
        found = [
            (sample_id, None if (said := read_judgement(replies[key])) is None else said == "correct")
            for sample_id, key in zip(samples["sample_id"], keys, strict=True)
            if key in replies
        ]
        return pl.DataFrame(found, JUDGEMENTS, orient="row")


def judge_at(text: str) -> EndpointSection:
    """The endpoint of "qwen3@http://127.0.0.1:8000/v1". OvtError for anything else."""
    model, at, rest = text.partition("@http")
    if not model or not at:
        shown = without_secrets(text)[:80]
        raise OvtError(f"the judge is {shown!a}: expected MODEL@URL, such as qwen3@http://127.0.0.1:8000/v1")
    return server_section("the judge's server", f"http{rest}", model)


async def _ask(endpoint: Endpoint, asked: list[ChatRequest], work: Work) -> None:
    async with endpoint:
        await fill(asked, work)


def _requests(samples: pl.DataFrame, questions: pl.DataFrame) -> Iterator[ChatRequest]:
    about = {row["question_id"]: row for row in questions.iter_rows(named=True)}
    for question_id, text in samples.select("question_id", "text").iter_rows():
        asked, parts = about[question_id], split_response(text)
        shown = "\n".join(part for part in (parts.solution, parts.answer) if part) or text
        yield request(asked["question"], asked["choices"], asked["gold"], shown[-LAST_CHARS:], SECTION)
