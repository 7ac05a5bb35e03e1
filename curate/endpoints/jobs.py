"""From a stage's requests to the calls still to be made, and their worst-case cost."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget, completion_bound, prompt_tokens
from ovt.curate.endpoints.chat import ChatRequest, ImageBytes, kind_of
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.locks import Locks, request_number
from ovt.curate.endpoints.store import ReplyStore

TOGETHER = 32  # requests whose keys are looked up at once; more would hold up the replies that come in meanwhile
NOT_YET_S = 0.05
LOOK_AGAIN_S = 0.1  # after requests that another process is sending


@dataclass(frozen=True)
class Work:
    """The context of a fill.

    in_flight   the keys under way, so that equal requests are sent once
    retry       kinds of replies (chat.kind_of) to request again as if they were missing
    locks       keep other processes from sending the same; None for a plan, which sends nothing
    held        how many keys are under way for each claimed number
    settled     called with a request's number when all of its keys have a reply or a failure
    turns       shared by the fills that use one endpoint
    """

    endpoint: Endpoint
    store: ReplyStore
    budget: Budget
    tally: Tally
    images: ImageBytes
    in_flight: set[str] = field(default_factory=set)
    image_sizes: dict[str, int] = field(default_factory=dict)
    retry: frozenset[str] = frozenset()
    locks: Locks | None = None
    held: Counter[int] = field(default_factory=Counter)
    settled: Callable[[int], None] = field(default=lambda number: None)
    turns: AbstractAsyncContextManager[Any] = field(default_factory=nullcontext)

    def take(self, number: int, keys: int) -> bool:
        """Locks a request of this many keys; false if another process, or another stage, is sending it."""
        if self.locks is not None and number not in self.held and not self.locks.take(number):
            return False
        self.held[number] += keys
        return True

    def give_back(self, number: int, keys: Collection[str]) -> None:
        """Releases keys of a claimed request that are no longer under way."""
        if not keys:
            return
        self.in_flight.difference_update(keys)
        self.held[number] -= len(keys)
        if self.held[number] <= 0:
            self._release([number])
            self.settled(number)

    def give_all_back(self) -> None:
        """Releases everything: nothing is under way any longer."""
        self.in_flight.clear()
        self._release(list(self.held))

    def _release(self, numbers: list[int]) -> None:
        for number in numbers:
            del self.held[number]
        if self.locks is not None:
            self.locks.release(numbers)


@dataclass(frozen=True)
class Job:
    """One call to make: samples `first` … of `request`, one per entry of `keys`. number: the request's."""

    request: ChatRequest
    first: int
    keys: tuple[str, ...]
    number: int

    def singles(self) -> list["Job"]:
        """The same samples, one call each."""
        return [Job(self.request, self.first + i, (key,), self.number) for i, key in enumerate(self.keys)]


def missing_jobs(requests: Iterable[ChatRequest | None], work: Work) -> Iterator[Job | float]:
    """The calls for everything the store lacks, in request order; last, what another process was sending meanwhile.

    Between them, the seconds to wait before the next: 0 lets the event loop run, since everything may be cached. None
    among `requests` stands for one that is not known yet.
    """
    elsewhere: list[ChatRequest] = []
    for batch in batches(requests):
        yield from jobs_of(batch, work, elsewhere)
        yield 0.0 if batch else NOT_YET_S
    while elsewhere:
        work.tally.note = "the rest is being requested by another build"
        now = time.monotonic()
        while time.monotonic() < now + LOOK_AGAIN_S:
            yield LOOK_AGAIN_S
        batch, elsewhere = elsewhere, []
        yield from jobs_of(batch, work, elsewhere)


def batches(requests: Iterable[ChatRequest | None]) -> Iterator[list[ChatRequest]]:
    """The requests in batches to look up; a batch ends early where the next request is not known yet."""
    batch: list[ChatRequest] = []
    for request in requests:
        if request is not None:
            batch.append(request)
        if request is None or len(batch) == TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


def jobs_of(batch: list[ChatRequest], work: Work, elsewhere: list[ChatRequest]) -> Iterator[Job]:
    """The calls for what the store lacks of a batch; requests that another process is sending go to `elsewhere`."""
    for request, indexes, keys, number in lacking(batch, work, elsewhere):
        for job in calls_for(request, indexes, keys, number, work.endpoint):
            yield from [job] if work.endpoint.honours_n else job.singles()


def lacking(
    batch: list[ChatRequest], work: Work, elsewhere: list[ChatRequest]
) -> Iterator[tuple[ChatRequest, list[int], list[str], int]]:
    """Each request's indexes, with their keys, that are neither stored nor in flight."""
    keyed = []
    for request in batch:
        keys = work.endpoint.keys(request)
        new = [key for key in keys if key not in work.in_flight]
        # Claimed before the look-up: a reply that arrives in between is then found in the store.
        if not new or work.take(request_number(keys[0]), len(new)):
            work.in_flight.update(new)
            keyed.append((request, keys, new))
        else:
            elsewhere.append(request)
    found = usable(work, (key for _, _, new in keyed for key in new))
    for request, keys, new in keyed:
        indexes = [index for index, key in enumerate(keys) if key in new and key not in found]
        work.give_back(request_number(keys[0]), found.intersection(new))
        work.tally.cached += len(keys) - len(indexes)
        if indexes:
            yield request, indexes, [keys[index] for index in indexes], request_number(keys[0])


def usable(work: Work, keys: Iterable[str]) -> set[str]:
    """Those of `keys` whose reply is not to be requested again; a fill forgets the others' replies."""
    if not work.retry:
        return work.store.known(keys)
    found = work.store.get_many(keys)
    again = {key for key, reply in found.items() if kind_of(reply) in work.retry}
    if work.locks is not None and again:
        work.store.forget(again)
    return found.keys() - again


def calls_for(
    request: ChatRequest, indexes: list[int], keys: list[str], number: int, endpoint: Endpoint
) -> Iterator[Job]:
    """The jobs for `indexes`: one or, with a seed, one per contiguous run.

    Without a seed, samples are interchangeable, so any missing ones can be requested together.
    """
    if endpoint.sampling(request).get("seed") is None:
        yield Job(request, indexes[0], tuple(keys), number)
        return
    start = 0
    for end in range(1, len(indexes) + 1):
        if end == len(indexes) or indexes[end] != indexes[end - 1] + 1:
            yield Job(request, indexes[start], tuple(keys[start:end]), number)
            start = end


def estimated_tokens(job: Job, work: Work) -> tuple[int, int | None]:
    """The estimated tokens of one try of `job`: the prompt's, and each reply's (None: no bound)."""
    bound = completion_bound(work.endpoint.sampling(job.request))
    return prompt_tokens(job.request.messages, work.images, work.image_sizes), bound


@dataclass(frozen=True)
class Expected:
    """Replies `wanted`, how many are already `answered`, `calls` to send for the rest, and their cost.

    Tokens and US dollars are upper estimates: every reply as long as max_tokens (`bounded`: whether it is set);
    None without a price.
    """

    wanted: int
    answered: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    bounded: bool


def is_lacking(requests: Iterable[ChatRequest], work: Work) -> bool:
    """Whether `fill` would send anything; looks no further than the first call."""
    return any(isinstance(job, Job) for job in missing_jobs(requests, work))


def expected(requests: Iterable[ChatRequest], work: Work) -> Expected:
    """What `fill` would send, without sending it; equal requests are counted once."""
    asked = calls = prompts = completions = 0
    bounded = True
    for job in missing_jobs(requests, work):
        if not isinstance(job, Job):
            continue
        prompt, bound = estimated_tokens(job, work)
        calls += 1
        asked += len(job.keys)
        prompts += prompt
        completions += (bound or 0) * len(job.keys)
        bounded = bounded and bound is not None
    cost = work.endpoint.section.cost_usd(prompts, completions) if calls else 0.0
    answered = work.tally.cached
    return Expected(answered + asked, answered, calls, prompts, completions, cost, bounded)
