"""From a stage's requests to the calls still to be made, and their worst-case cost."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget, completion_bound, prompt_tokens
from ovt.curate.endpoints.chat import ChatRequest, ImageBytes
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.store import ReplyStore

LOOKAHEAD = 256  # requests whose keys are looked up together


@dataclass(frozen=True)
class Work:
    """The context of a fill; `claimed` are the keys in flight, so that equal requests are sent once."""

    endpoint: Endpoint
    store: ReplyStore
    budget: Budget
    tally: Tally
    images: ImageBytes
    claimed: set[str] = field(default_factory=set)
    image_sizes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One call to make: samples `first` … of `request`, one per entry of `keys`."""

    request: ChatRequest
    first: int
    keys: tuple[str, ...]

    def singles(self) -> list["Job"]:
        """The same samples, one call each."""
        return [Job(self.request, self.first + i, (key,)) for i, key in enumerate(self.keys)]


def missing_jobs(requests: Iterable[ChatRequest], work: Work) -> Iterator[Job | None]:
    """The calls for everything the store lacks, in request order.

    Yields None after each batch of look-ups to let the event loop run, since everything may be cached.
    """
    left = iter(requests)
    while batch := list(islice(left, LOOKAHEAD)):
        for request, indexes, keys in lacking(batch, work):
            for job in calls_for(request, indexes, keys, work.endpoint):
                yield from [job] if work.endpoint.honours_n else job.singles()
        yield None


def lacking(batch: list[ChatRequest], work: Work) -> Iterator[tuple[ChatRequest, list[int], list[str]]]:
    """Each request's indexes, with their keys, that are neither stored nor in flight."""
    keyed = [(request, work.endpoint.keys(request)) for request in batch]
    new = {key for _, keys in keyed for key in keys} - work.claimed
    # Claimed before the look-up: a reply that arrives in between is then found in the store.
    work.claimed.update(new)
    found = work.store.known(new)
    work.claimed.difference_update(found)
    new -= found
    for request, keys in keyed:
        indexes = [index for index, key in enumerate(keys) if key in new]
        new.difference_update(keys)
        work.tally.cached += len(keys) - len(indexes)
        if indexes:
            yield request, indexes, [keys[index] for index in indexes]


def calls_for(request: ChatRequest, indexes: list[int], keys: list[str], endpoint: Endpoint) -> Iterator[Job]:
    """The jobs for `indexes`: one or, with a seed, one per contiguous run.

    Without a seed, samples are interchangeable, so any missing ones can be requested together.
    """
    if endpoint.sampling(request).get("seed") is None:
        yield Job(request, indexes[0], tuple(keys))
        return
    start = 0
    for end in range(1, len(indexes) + 1):
        if end == len(indexes) or indexes[end] != indexes[end - 1] + 1:
            yield Job(request, indexes[start], tuple(keys[start:end]))
            start = end


def at_most(job: Job, work: Work) -> tuple[int, int | None]:
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


def expected(requests: Iterable[ChatRequest], work: Work) -> Expected:
    """What `fill` would send, without sending it; equal requests are counted once."""
    asked = calls = prompts = completions = 0
    bounded = True
    for job in missing_jobs(requests, work):
        if job is None:
            continue
        prompt, bound = at_most(job, work)
        calls += 1
        asked += len(job.keys)
        prompts += prompt
        completions += (bound or 0) * len(job.keys)
        bounded = bounded and bound is not None
    cost = work.endpoint.section.cost_usd(prompts, completions) if calls else 0.0
    answered = work.tally.cached
    return Expected(answered + asked, answered, calls, prompts, completions, cost, bounded)
