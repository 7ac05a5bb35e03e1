"""A build in progress, and the stages that call models.

    vision        one request per question with a picture, sent without it; see `unseen`
    caption       one request per question
    reason        one per question that is ready for reasoning and reasoner, for k samples
    verify.judge  one per answer that the rules cannot decide

`flow.py` sends what is not stored yet, `plan` counts it, `ovt doctor` tests the endpoints behind it; an evaluation is
the same with only the reason stage. A stage's requests follow from the stored replies of the stages before it, so they
are known for a chunk of any size as soon as those replies exist.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, Literal

import polars as pl

from ovt.core.engine import Engine
from ovt.core.home import Home
from ovt.core.progress import Progress, Tally
from ovt.core.schema import DECISIONS, SAMPLES
from ovt.curate.decide import CHUNK, Tables, described, import_drops
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.recipe import AskingSection, Recipe
from ovt.curate.screen.screen import Screened, screen
from ovt.curate.sources.images import blank_image, image_bytes
from ovt.curate.sources.importing import Imported, import_sources
from ovt.curate.sources.section import SourceSection
from ovt.curate.stages import caption, judge, reason, samples, verify, vision
from ovt.curate.stages.caption import CaptionSection
from ovt.curate.stages.judge import JudgeSection
from ovt.curate.stages.reason import ReasonSection
from ovt.curate.stages.vision import VisionSection
from ovt.curate.versions.manifest import Input
from ovt.verifiers import verify_many

Asked = tuple[str, ChatRequest]  # the question's id, and what is asked about it
Posed = Iterable[ChatRequest]
CHARS_PER_TOKEN = 4  # in the stand-in for a caption that does not exist yet


@dataclass(frozen=True)
class Session:
    """The context and limits of a build or an evaluation.

    budget    what it may spend; progress: where it reports
    limit     maximum number of questions
    rebuild   the command that rebuilds the version, and git_commit the commit it ran in: for the version's card
    retry     kinds of replies to ask again: "empty", "filtered", "refusal", "tool_calls", "truncated"
    engine    where pictures are decoded and chunks are decided; None: this process
    """

    home: Home
    budget: Budget = field(default_factory=Budget)
    progress: Progress = field(default_factory=Progress)
    limit: int | None = None
    rebuild: str = ""
    git_commit: str | None = None
    retry: frozenset[str] = frozenset()
    engine: Engine | None = None


@dataclass(frozen=True)
class Run:
    """A build in progress. Stages that call models need `store` open, and open the endpoints' connections themselves.

    questions   QUESTIONS to answer; left_out: what import, dedup and decontam dropped, as a chunk of its own
    endpoints   those used by the recipe's stages, by name
    inputs      the sources as they were read; benchmarks: what decontam compared the questions with
    """

    recipe: Recipe
    session: Session
    questions: pl.DataFrame
    endpoints: Mapping[str, Endpoint]
    store: ReplyStore
    left_out: Tables = field(default_factory=lambda: import_drops(DECISIONS.to_frame()))
    inputs: tuple[Input, ...] = ()
    benchmarks: tuple[Input, ...] = ()

    def chunks(self) -> Iterator[pl.DataFrame]:
        """The questions in chunks that are decided together."""
        return self.questions.iter_slices(CHUNK)

    def work(self, section: AskingSection, tally: Tally) -> Work:
        """The arguments for filling the store with the replies to a stage's requests."""
        endpoint = self.endpoints[section.endpoint]
        images = partial(image_bytes, self.session.home)
        return Work(endpoint, self.store, self.session.budget, tally, images, retry=self.session.retry)


@dataclass(frozen=True)
class AskingStage:
    """How a stage's requests are derived.

    name        as in panels, plans and manifests
    foreseen    replies per question that are certain to be requested, judging by the section alone
    requests    from a run, the stage's section and a chunk of questions: (question_id, request) each, given the stored
                replies of the stages before
    stand_ins   for a plan: requests as large as any that may follow from replies that are not stored yet
    """

    name: str
    foreseen: Callable[[Any], int]
    requests: Callable[[Run, Any, pl.DataFrame], Iterator[Asked]]
    stand_ins: Callable[[Run, Any, pl.DataFrame], Iterator[ChatRequest]]


def prepare(recipe: Recipe, session: Session) -> Run:
    """Everything before the first request: imports and screens the questions, resolves the endpoints, sends nothing."""
    imported = import_questions(recipe.sources, session)
    session.progress.notes += imported.notes
    screened = screen_questions(recipe, imported.questions, session)
    inputs = (
        Input(
            source=source.name,
            location=source.path,
            fingerprint=imported.fingerprints[source.name],
            rows=imported.rows_in[source.name],
            license=source.license or None,
        )
        for source in recipe.sources
    )
    return Run(
        recipe=recipe,
        session=session,
        questions=screened.questions,
        endpoints=open_endpoints(recipe),
        store=ReplyStore(session.home.make().replies),
        left_out=import_drops(pl.concat([imported.decisions, screened.decisions]), screened.gone),
        inputs=tuple(inputs),
        benchmarks=screened.benchmarks,
    )


def import_questions(sources: Sequence[SourceSection], session: Session) -> Imported:
    """The questions of all sources (and why others were left out), with progress."""
    tally = session.progress.begin("import")

    def count(rows: int) -> None:
        tally.done = rows

    imported = import_sources(sources, session.home, session.limit, count, session.engine)
    tally.total = tally.done = sum(imported.rows_in.values())
    return imported


def screen_questions(recipe: Recipe, questions: pl.DataFrame, session: Session) -> Screened:
    """The questions that are new and in no benchmark; all of them unless the recipe enables screening."""
    if recipe.dedup or recipe.decontam:
        session.progress.begin("dedup, decontam", len(questions))
    screened = screen(questions, recipe.dedup, recipe.decontam, session.home, session.engine)
    session.progress.notes += screened.notes
    return screened


def open_endpoints(recipe: Recipe) -> dict[str, Endpoint]:
    """The endpoints used by the recipe's stages, by name; sends nothing and needs no key yet."""
    used = {section.endpoint for section in recipe.asking.values()}
    return {name: open_endpoint(name, recipe.endpoints[name]) for name in sorted(used)}


def planned(run: Run, stage: AskingStage, section: AskingSection) -> Iterator[ChatRequest]:
    """The stage's requests, and stand-ins for those that are not known yet."""
    for chunk in run.chunks():
        yield from (request for _, request in stage.requests(run, section, chunk))
        yield from stage.stand_ins(run, section, chunk)


def asking_stage(key: str, stages: Mapping[str, "AskingStage"] | None = None) -> "AskingStage":
    """The stage of a key of `Recipe.asking`: "reason.1" is one of several reasoners."""
    return (stages or ASKING)[key.rstrip(".0123456789")]


def stage_title(key: str, stage: "AskingStage") -> str:
    """The name of such a stage in panels; one of several reasoners with its number."""
    number = key.rpartition(".")[2]
    return f"{stage.name} {int(number) + 1}" if number.isdigit() else stage.name


def replies(
    run: Run,
    stage: Literal["vision", "caption", "reason"],
    questions: pl.DataFrame,
    asked: Sequence[tuple[AskingSection, Posed]],
) -> pl.DataFrame:
    """The stored replies and failures as SAMPLES rows. asked: the models that were asked, each with one request per
    question; a question's samples are numbered across all of them."""
    places = [(run.endpoints[section.endpoint], posed) for section, posed in asked]
    of_each = [[[(end.name, key) for key in end.keys(request)] for request in posed] for end, posed in places]
    keys = [[*chain(*of_question)] for of_question in zip(*of_each, strict=True)]
    wanted = [key for of_question in keys for _, key in of_question]
    found = run.store.get_many(wanted)
    failures = run.store.get_failures(key for key in wanted if key not in found)
    return samples.table(questions, stage, keys, failures | found)


def unseen(run: Run) -> tuple[Run, pl.DataFrame]:
    """(the run without the questions that are answered correctly without looking, or with a mark on them; the replies
    that show it, as SAMPLES)."""
    section = run.recipe.vision
    if section is None:
        return run, SAMPLES.to_frame()
    said, counted = [SAMPLES.to_frame()], []
    for chunk in run.chunks():
        asked = samples.pictured(chunk)
        said.append(replies(run, "vision", asked, [(section, blind(run, section, asked))]))
        answered = said[-1].filter(pl.col("text").is_not_null())
        counted.append(vision.count(chunk, verify.judge(answered, asked, run.recipe.verify)))
    if not counted:
        return run, SAMPLES.to_frame()
    rest, dropped = vision.run(pl.concat(counted), section)
    gone = run.questions.join(dropped, on="question_id", how="semi", maintain_order="left")
    before = run.left_out
    asked = pl.concat([before.questions, gone], how="diagonal").match_to_schema(rest.schema, missing_columns="insert")
    left_out = import_drops(pl.concat([before.decisions, dropped]), asked)
    return replace(run, questions=rest, left_out=left_out), pl.concat(said)


def stages_of(run: Run) -> Iterator[tuple[str, AskingSection, Run]]:
    """The stages that ask models, each with a run of the questions that it asks about, as far as they are known."""
    rest, _ = unseen(run)
    for key, section in run.recipe.asking.items():
        yield key, section, run if key == "vision" else rest


def captioned(run: Run, chunk: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]:
    """(questions ready for reasoning, their captions, caption samples); no captions if the model sees images."""
    said = SAMPLES.to_frame()
    if run.recipe.caption:
        shown = samples.pictured(chunk)
        said = replies(run, "caption", shown, [(run.recipe.caption, caption.requests(shown, run.recipe.caption))])
    questions, captions, _ = described(run.recipe, chunk, said)
    return questions, captions, said


def reasoned(run: Run, chunk: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(questions ready for reasoning, SAMPLES: the captions, then the chains)."""
    questions, captions, said = captioned(run, chunk)
    asked = [(reasoner, reason.requests(questions, captions, reasoner)) for reasoner in run.recipe.reasoners]
    return questions, pl.concat([said, replies(run, "reason", questions, asked)])


def answered(run: Run, chunk: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(questions ready for reasoning, their chains that have a text)."""
    questions, said = reasoned(run, chunk)
    return questions, reason.run(questions, said.filter(pl.col("stage") == "reason"))[0]


def blind(run: Run, section: VisionSection, asked: pl.DataFrame) -> Iterator[ChatRequest]:
    """The requests about questions with pictures, with a grey image in place of each."""
    images = asked["images"].explode().unique(maintain_order=True)
    blanks = {image: blank_image(run.session.home, image) for image in images}
    return vision.requests(asked, blanks, section)


def to_look(run: Run, section: VisionSection, chunk: pl.DataFrame) -> Iterator[Asked]:
    asked = samples.pictured(chunk)
    return zip(asked["question_id"], blind(run, section, asked), strict=True)


def to_caption(run: Run, section: CaptionSection, chunk: pl.DataFrame) -> Iterator[Asked]:
    asked = samples.pictured(chunk)
    return zip(asked["question_id"], caption.requests(asked, section), strict=True)


def to_reason(run: Run, section: ReasonSection, chunk: pl.DataFrame) -> Iterator[Asked]:
    questions, captions, _ = captioned(run, chunk)
    return zip(questions["question_id"], reason.requests(questions, captions, section), strict=True)


def to_judge(run: Run, section: JudgeSection, chunk: pl.DataFrame) -> Iterator[Asked]:
    """The requests about verdicts that the rules leave open."""
    questions, texts = answered(run, chunk)
    verdicts = verify.judge(texts, questions, run.recipe.verify)
    still_open = verdicts.filter(judge.is_open(section))["question_id"]
    return zip(still_open, judge.requests(questions, verdicts, section), strict=True)


def nothing_more(run: Run, section: AskingSection, chunk: pl.DataFrame) -> Iterator[ChatRequest]:
    """Captions and questions without their pictures depend on no reply: all requests are known."""
    return iter(())


def over_longest_captions(run: Run, section: ReasonSection, chunk: pl.DataFrame) -> Iterator[ChatRequest]:
    """A missing caption is represented by one of maximum length that no other question has."""
    if run.recipe.caption is None:
        return iter(())
    longest = "x" * CHARS_PER_TOKEN * (run.recipe.caption.sampling.max_tokens or 1024)
    unwritten = chunk.join(captioned(run, chunk)[0], on="question_id", how="anti", maintain_order="left")
    own = pl.concat_str("question_id", pl.lit(longest)).str.head(len(longest))
    stand_ins = unwritten.select("question_id", caption=own)
    return reason.requests(unwritten, stand_ins, section)


def about_longest_answers(run: Run, section: JudgeSection, chunk: pl.DataFrame) -> Iterator[ChatRequest]:
    """A long answer for each missing sample whose gold is of a kind that the judge is asked about."""
    k = sum(reasoner.k for reasoner in run.recipe.reasoners)
    golds = [(gold, gold, choices) for gold, choices in chunk.select("gold", "choices").iter_rows()]
    kinds = [verdict.kind for verdict in verify_many(golds, kind=run.recipe.verify.kind)]
    there = answered(run, chunk)[1].group_by("question_id").agg(there=pl.len())
    counted = chunk.with_columns(kind=pl.Series(kinds, dtype=pl.String)).join(
        there, on="question_id", how="left", maintain_order="left"
    )
    missing = counted.filter(pl.col("kind").is_in(section.kinds)).with_columns(missing=k - pl.col("there").fill_null(0))
    return judge.stand_ins(missing, k, section)


# The stages that call models, by section key (`Recipe.asking` lists a recipe's, in order).
ASKING: dict[str, AskingStage] = {
    "vision": AskingStage("vision", lambda section: section.k, to_look, nothing_more),
    "caption": AskingStage("caption", lambda section: 1, to_caption, nothing_more),
    "reason": AskingStage("reason", lambda section: section.k, to_reason, over_longest_captions),
    "verify.judge": AskingStage("judge", lambda section: 0, to_judge, about_longest_answers),
}
