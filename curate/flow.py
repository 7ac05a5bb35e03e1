"""The stages that call models, all at once: a question moves on as soon as the stage before has settled it.

    caption  ──settled──▶  reason  ──settled──▶  judge
       │                      │                    │
     fill                   fill                 fill        one per stage, into the reply store

If a recipe has `[vision]`, it asks about all questions first: it decides which ones get this far.

Several reasoners are asked side by side, and the judge about a question once all of them have settled it. Stages that
ask the same endpoint take turns. What is asked does not depend on the order in which replies arrive, so a version has
the same bytes as if the stages had run one after the other.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from ovt.core.progress import Tally
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.client import fill, only_new_garbage
from ovt.curate.endpoints.locks import request_number
from ovt.curate.recipe import AskingSection
from ovt.curate.run import AskingStage, Run, asking_stage, stage_title, unseen
from ovt.curate.watch import Watch, look

LOOK_S = 0.02  # how often a stage looks for questions that are ready
AHEAD = 256  # requests made before the client asks for them, for this many questions at a time


@dataclass(eq=False)
class Lane:
    """A stage at work. Questions are numbered by their rows in `run.questions`.

    name     as the panel shows it
    ready    rows whose requests are to be made; over: whether no more will come
    before   how many lanes settle a row before it is ready here; ended: how many of them are done; passed: how many
             have settled a row, where there are several
    made     requests that wait for the client; closed: whether no more will come
    waiting  the rows that wait for each request under way, by its number; left: how many each row waits for
    asked    a flag per row: whether it had requests; late: whether rows without any may get some after all
    """

    run: Run
    stage: AskingStage
    section: AskingSection
    name: str
    tally: Tally
    ready: deque[int] = field(default_factory=deque)
    before: int = 0
    ended: int = 0
    passed: Counter[int] = field(default_factory=Counter)
    made: deque[ChatRequest] = field(default_factory=deque)
    closed: bool = False
    waiting: dict[int, list[int]] = field(default_factory=dict)
    left: Counter[int] = field(default_factory=Counter)
    asked: bytearray = field(default_factory=bytearray)
    late: bool = False
    following: "tuple[Lane | Watch, ...]" = ()

    @property
    def over(self) -> bool:
        """Whether no more rows will be ready."""
        return self.ended == self.before

    def arrive(self, row: int) -> None:
        """A row was settled by one of the lanes before."""
        self.passed[row] += 1
        if self.passed[row] == self.before:
            del self.passed[row]
            self.ready.append(row)

    def __iter__(self) -> Iterator[ChatRequest | None]:
        """The stage's requests; None while the next one is not known yet."""
        while self.made or not self.closed:
            yield self.made.popleft() if self.made else None

    def settled(self, number: int) -> None:
        """A request has its replies, or failed for good."""
        for row in self.waiting.pop(number, ()):
            self.left[row] -= 1
            if not self.left[row]:
                del self.left[row]
                self.pass_on(row)

    def pass_on(self, row: int) -> None:
        for lane in self.following:
            lane.arrive(row)


async def ask(run: Run, stages: Mapping[str, AskingStage] | None = None) -> None:
    """The expensive part: stores every reply that the stages need, or records its failure."""
    async with AsyncExitStack() as stack:
        stack.enter_context(only_new_garbage())
        for endpoint in run.endpoints.values():
            await stack.enter_async_context(endpoint)
        turns = {name: asyncio.Semaphore(endpoint.urls.slots) for name, endpoint in run.endpoints.items()}
        if run.recipe.vision:
            await through(run, ["vision"], stages, turns)
            run, _ = await asyncio.to_thread(unseen, run)
        await through(run, [key for key in run.recipe.asking if key != "vision"], stages, turns)
        run.session.progress.notes += [line for endpoint in run.endpoints.values() for line in endpoint.urls.told]


async def through(
    run: Run, keys: Sequence[str], stages: Mapping[str, AskingStage] | None, turns: Mapping[str, asyncio.Semaphore]
) -> None:
    """All questions through the stages of these keys."""
    lanes = in_order(run, [lane(run, key, asking_stage(key, stages)) for key in keys])
    # Replies to other requests than a build's are read by whoever makes them.
    looking = [look(watched(run, lanes))] if stages is None and "vision" not in keys else []
    await together([*looking, *(work for one in lanes for work in (make(one), send(one, turns)))])


def lane(run: Run, key: str, stage: AskingStage) -> Lane:
    """A stage, shown as under way; one of several reasoners by its number."""
    section, name = run.recipe.asking[key], stage_title(key, stage)
    tally = run.session.progress.begin(name, len(run.questions) * stage.foreseen(section), beside=True)
    tally.rows = len(run.questions)
    return Lane(run, stage, section, name, tally, asked=bytearray(len(run.questions)))


def in_order(run: Run, lanes: list[Lane]) -> list[Lane]:
    """The lanes, each followed by those of the next stage; all questions are ready for the first."""
    stages = [tuple(group) for _, group in groupby(lanes, key=lambda one: one.stage)]
    for first, following in pairwise(stages):
        for one in first:
            one.following = following
        for one in following:
            one.before = len(first)
    for one in stages[0]:
        one.ready.extend(range(len(run.questions)))
    return lanes


def watched(run: Run, lanes: Sequence[Lane]) -> Watch:
    """A watch on the first answers of each source."""
    reasoners = [one for one in lanes if one.stage.name == "reason"]
    watch = Watch(run, before=len(reasoners))
    for one in reasoners:
        one.following = (*one.following, watch)
    return watch


async def send(lane: Lane, turns: Mapping[str, asyncio.Semaphore]) -> None:
    """Sends the stage's requests as they are made."""
    work = lane.run.work(lane.section, lane.tally)
    await fill(lane, replace(work, settled=lane.settled, turns=turns[lane.section.endpoint]))
    lane.run.session.progress.end(lane.name)
    for following in lane.following:
        following.late = following.late or lane.tally.failed > 0
        following.ended += 1


async def make(lane: Lane) -> None:
    """Makes the requests of questions that are ready, a little ahead of the client."""
    while lane.ready or not lane.over:
        if lane.ready and len(lane.made) < AHEAD:
            await make_some(lane, [lane.ready.popleft() for _ in range(min(len(lane.ready), AHEAD))])
        else:
            await asyncio.sleep(LOOK_S)
    # If two questions had the same request, the second may have got an answer after the first had failed.
    missed = [row for row, asked in enumerate(lane.asked) if not asked] if lane.late else []
    for start in range(0, len(missed), AHEAD):
        await make_some(lane, missed[start : start + AHEAD], again=True)
    lane.closed = True


async def make_some(lane: Lane, rows: Sequence[int], again: bool = False) -> None:
    """The requests about some questions; the tally's total is corrected as they become known."""
    chunk = lane.run.questions[rows]
    row_of = dict(zip(chunk["question_id"], rows, strict=True))
    made = await asyncio.to_thread(lambda: [*lane.stage.requests(lane.run, lane.section, chunk)])
    if made and not lane.tally.done + lane.tally.cached:
        lane.run.session.progress.began[lane.name] = time.monotonic()
    endpoint = lane.run.endpoints[lane.section.endpoint]
    for question_id, request in made:
        row = row_of[question_id]
        lane.asked[row] = True
        lane.left[row] += 1
        lane.waiting.setdefault(request_number(endpoint.keys(request)[0]), []).append(row)
        lane.made.append(request)
    for row in () if lane.before else rows:  # a question without a picture needs no caption
        if not lane.left[row]:
            lane.pass_on(row)
    foreseen = 0 if again else len(rows) * lane.stage.foreseen(lane.section)
    lane.tally.total += sum(request.n for _, request in made) - foreseen


async def together(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Runs all of it; the first error cancels the rest and is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in finished:
        task.result()
