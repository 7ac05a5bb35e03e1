"""`fill`: every model call of a build goes through it.

requests → jobs (missing in the store) → workers: budget, limits, a URL, the call, retries → store
"""

import asyncio
import gc
import random
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ovt.core.errors import BudgetReached, CallError
from ovt.curate.endpoints.accounts import added, give_up, keep, learn_scale, worst_case
from ovt.curate.endpoints.batches import fill_in_batches
from ovt.curate.endpoints.budget import Spending
from ovt.curate.endpoints.chat import ChatRequest, Reply, kind_of
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.jobs import Job, Work, missing_jobs
from ovt.curate.endpoints.replies import Heard, read_replies, read_usage
from ovt.curate.endpoints.stopping import own_failure, stop_if_all_failed, stopped
from ovt.curate.endpoints.timing import seconds_of
from ovt.curate.endpoints.urls import Url

FIRST_BACKOFF_S = 0.5
LEAST_WAIT_S = 0.1  # whatever a server asks for
LONGEST_BACKOFF_S = 30.0


async def fill(requests: Iterable[ChatRequest | None], work: Work) -> None:
    """Fetches a reply, or records a failure, for every (request, index) that the store lacks.

    `requests` is consumed as capacity allows; None stands for one that is not known yet. Raises BudgetReached when the
    next request could overspend, OvtError if no further call can succeed (wrong URL, missing key, unknown model, full
    disk). All replies so far are kept.
    """
    work = replace(work, locks=work.store.locks)
    work.tally.waits = work.endpoint.waits_for
    jobs = missing_jobs(requests, work)
    if work.endpoint.section.batch:
        await fill_in_batches(jobs, work)
        return
    workers = [asyncio.create_task(work_off(jobs, work)) for _ in range(work.endpoint.urls.slots)]
    try:
        with only_new_garbage():
            finished, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        work.tally.note, work.tally.waits = "", str
        work.give_all_back()
    for worker in finished:
        worker.result()
    stop_if_all_failed(work.endpoint, work.tally)


@contextmanager
def only_new_garbage() -> Generator[None]:
    """Makes the garbage collector ignore what exists already: each pass over all the modules and tables of a build
    holds up its calls for 0.1 s."""
    if gc.get_freeze_count():  # by a fill around or beside this one, or by our caller
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def work_off(jobs: Iterator[Job | float], work: Work) -> None:
    """One of many workers: takes jobs until none are left."""
    for job in jobs:
        if isinstance(job, Job):
            async with work.turns:
                work.tally.begun += 1
                try:
                    await answer(job, work)
                finally:
                    work.tally.begun -= 1
        else:
            await asyncio.sleep(job)


async def answer(job: Job, work: Work) -> CallError | None:
    """Fetches the replies of `job`, or records and returns why it has none."""
    try:
        replies = await call(job, work)
    except CallError as error:
        if error.kind == "refused" and len(job.keys) > 1:
            return await answer_singly(job, work)
        give_up(job, error, work)
        return error
    singles = job.singles()
    answered = list(zip(singles, replies, strict=False))
    # Store every reply before sending the next request.
    empty = [(single, reply) for single, reply in answered if kind_of(reply) == "empty"]
    if full := [pair for pair in answered if pair not in empty] if empty else answered:
        keep(full, work)
    for single, reply in empty:
        keep([(single, await second_try(single, reply, work))], work)
    if len(answered) < len(singles):
        work.endpoint.honours_n = False
    for single in singles[len(answered) :]:
        await answer(single, work)
    return None


async def answer_singly(job: Job, work: Work) -> CallError | None:
    """After a refusal of n > 1: the first sample alone shows whether n was the problem."""
    first, *others = job.singles()
    if error := await answer(first, work):
        give_up(replace(job, first=job.first + 1, keys=job.keys[1:]), error, work)
        return error
    work.endpoint.honours_n = False
    for single in others:
        await answer(single, work)
    return None


async def second_try(job: Job, first: Reply, work: Work) -> Reply:
    """An empty reply may be a glitch: retries once, and adds the cost of the first try to the reply."""
    try:
        (reply,) = await call(job, work)
    except (CallError, BudgetReached):
        return first
    return replace(
        reply,
        prompt_tokens=reply.prompt_tokens + first.prompt_tokens,
        completion_tokens=reply.completion_tokens + first.completion_tokens,
        cost_usd=added(reply.cost_usd, first.cost_usd),
    )


async def call(job: Job, work: Work) -> list[Reply]:
    """The replies to `job`, one or more, with retries; CallError when the retries are used up.

    Only what may be the request's own fault counts as a try. Waiting for a server that is away or busy does not, unless
    others were answered meanwhile; the endpoint's patience decides when to stop.
    """
    tries = waits = 0
    endpoint = work.endpoint
    while True:
        answered = endpoint.answered
        try:
            return await attempt(job, work)
        except CallError as error:
            own_fault = error.kind == "away" and endpoint.answered > answered
            waiting = error.kind in ("unreachable", "limited", "away") and not own_fault
            tries, waits = tries + (not waiting), waits + waiting
            if error.kind == "refused" or tries > endpoint.section.max_retries:
                raise
            if is_about_n(error, job, tries, endpoint):
                raise CallError("refused", error.reason, error.status) from None
            work.tally.retries, work.tally.error = work.tally.retries + 1, error.reason
            await asyncio.sleep(backoff_s(error, waits if waiting else tries))


def is_about_n(error: CallError, job: Job, tries: int, endpoint: Endpoint) -> bool:
    """Whether a server may be failing because several choices were requested: some answer that with a 500."""
    return len(job.keys) > 1 and not endpoint.proved_n and tries == 2 and (error.status or 0) >= 500


def backoff_s(error: CallError, times: int) -> float:
    """Seconds before the next try after `times` failures: doubled each time, with jitter so that retries spread out,
    and at least what the server asks for; none if the URL rests, as the next try waits for it or goes elsewhere."""
    if error.kind == "unreachable":
        return 0.0
    longest = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(times - 1, 10))
    if error.retry_after:
        return max(LEAST_WAIT_S, error.retry_after) * random.uniform(1.0, 1.25)
    return longest * random.uniform(0.5, 1.0)


async def attempt(job: Job, work: Work) -> list[Reply]:
    """One try; with a budget, the first ones go one at a time, until an answer has shown what replies cost."""
    endpoint = work.endpoint
    if work.budget.limited and not endpoint.measured:
        async with endpoint.first_turn:
            if not endpoint.measured:
                return await try_once(job, work)
    return await try_once(job, work)


async def try_once(job: Job, work: Work) -> list[Reply]:
    """One try: reserves its worst case, waits for the limits and a URL, and settles the real cost."""
    endpoint, budget = work.endpoint, work.budget
    worst, real = worst_case(job, work), Spending()
    await budget.reserve(worst)
    try:
        await endpoint.requests_pace.admit()
        await endpoint.tokens_pace.admit(worst.tokens)
        url = await endpoint.urls.take(first_image(job.request))
        work.tally.in_flight, work.tally.width = work.tally.in_flight + 1, endpoint.urls.width
        began = time.monotonic()
        try:
            await endpoint.turnstile.go_through()
            replies, real = await exchange(job, url, worst, work)
        except CallError as error:
            real = worst if error.billed else real
            raise
        finally:
            work.tally.in_flight -= 1
            endpoint.urls.give_back(url, time.monotonic() - began)
    finally:
        budget.settle(worst, real)
        endpoint.tokens_pace.refund(worst.tokens - real.tokens)
    return replies


def first_image(request: ChatRequest) -> str:
    """The id of a request's first image; empty without one."""
    contents = (message["content"] for message in request.messages)
    parts = (part for content in contents if not isinstance(content, str) for part in content)
    return next((part["image"] for part in parts if part["type"] == "image"), "")


async def exchange(job: Job, url: Url, worst: Spending, work: Work) -> tuple[list[Reply], Spending]:
    """One call at `url`: its replies and real cost; CallError (recorded for the URL), or OvtError."""
    endpoint = work.endpoint
    body = endpoint.body(job.request, job.first, len(job.keys), work.images)
    began = time.monotonic()
    try:
        response = await url.transport.send(body)
        seconds = seconds_of(response, began)
        heard = Heard(url.name, seconds, job.request.keep_thinking, endpoint.secrets)
        replies = read_replies(response, len(job.keys), endpoint.section, heard)
    except CallError as error:
        endpoint.urls.failed(url, error, began)
        raise await own_failure(error, url, endpoint) or stopped(error, url, endpoint) from None
    endpoint.urls.succeeded(url)
    work.tally.heard = time.monotonic()
    endpoint.measured = True
    endpoint.proved_n = endpoint.proved_n or len(replies) > 1
    usage = read_usage(response)
    if usage is None:
        return replies, worst
    learn_scale(job, usage, work)
    cost = endpoint.section.cost_usd(usage.prompt_tokens, usage.completion_tokens)
    return replies, Spending(cost or 0.0, usage.prompt_tokens + usage.completion_tokens)
