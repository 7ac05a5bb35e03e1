"""`fill`: every model call of a build goes through it.

requests → jobs (missing in the store) → workers: budget, limits, a URL, the call, retries → store
"""

import asyncio
import math
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ovt.core.errors import BudgetReached, CallError, EndpointError, OvtError
from ovt.curate.endpoints.budget import Budget, Spending
from ovt.curate.endpoints.chat import ChatRequest, Reply, kind_of
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.failures import ALIKE, ALIKE_LATER
from ovt.curate.endpoints.jobs import Job, Work, at_most, missing_jobs
from ovt.curate.endpoints.meanings import MODEL_GONE
from ovt.curate.endpoints.replies import Heard, Usage, read_replies, read_usage
from ovt.curate.endpoints.transport import HttpTransport
from ovt.curate.endpoints.urls import FEW_STRIKES, LONGEST_WAIT_S, Url

FIRST_BACKOFF_S = 0.5
LEAST_WAIT_S = 0.1  # whatever a server asks for
LONGEST_BACKOFF_S = 30.0
HOPELESS = 50  # consecutive failed requests
RESUME = "every reply so far is kept, and the same command resumes from here"


async def fill(requests: Iterable[ChatRequest | None], work: Work) -> None:
    """Fetches a reply, or records a failure, for every (request, index) that the store lacks.

    `requests` is consumed as capacity allows; None stands for one that is not known yet. Raises BudgetReached when the
    next request could overspend, OvtError if no further call can succeed (wrong URL, missing key, unknown model, full
    disk). All replies so far are kept.
    """
    work = replace(work, locks=work.store.locks)
    jobs = missing_jobs(requests, work)
    workers = [asyncio.create_task(work_off(jobs, work)) for _ in range(work.endpoint.urls.slots)]
    try:
        finished, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        work.give_all_back()
    for worker in finished:
        worker.result()
    stop_if_all_failed(work)


async def work_off(jobs: Iterator[Job | float], work: Work) -> None:
    """One of many workers: takes jobs until none are left."""
    for job in jobs:
        if isinstance(job, Job):
            async with work.turns:
                await answer(job, work)
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
    keep([pair for pair in answered if pair not in empty] if empty else answered, work)
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


def added(one: float | None, other: float | None) -> float | None:
    """The sum of two costs; None if either is unknown."""
    return None if one is None or other is None else one + other


def keep(answered: list[tuple[Job, Reply]], work: Work) -> None:
    """Stores the replies to jobs of one sample each, together, and counts them; an answer without a text has failed."""
    work.store.put_many({job.keys[0]: reply for job, reply in answered})
    for job, reply in answered:
        work.give_back(job.number, job.keys)
        count(reply, work)


def count(reply: Reply, work: Work) -> None:
    """Counts a reply, or a failure that came as one."""
    tally, endpoint = work.tally, work.endpoint
    tally.prompt_tokens += reply.prompt_tokens
    tally.completion_tokens += reply.completion_tokens
    tally.cost_usd = added(tally.cost_usd, reply.cost_usd)
    if reply.error is None:
        tally.done += 1
        endpoint.answered += 1
        endpoint.failed.end()
    else:
        tally.failed += 1
        count_failure(CallError("broken", reply.error), work)


def give_up(job: Job, error: CallError, work: Work) -> None:
    """Records a failure for each sample of `job`; OvtError if only failures come any more."""
    work.store.put_many(dict.fromkeys(job.keys, Reply(None, model=work.endpoint.model, error=error.reason)))
    work.give_back(job.number, job.keys)
    work.tally.failed += len(job.keys)
    count_failure(error, work)


def count_failure(error: CallError, work: Work) -> None:
    """OvtError if only failures come any more."""
    work.endpoint.failed.add(error)
    stop_if_hopeless(error, work.endpoint)


async def call(job: Job, work: Work) -> list[Reply]:
    """The replies to `job`, one or more, with retries; CallError when the retries are used up.

    Tries are for what may be the request's own fault. Waiting for a server that is away or takes no more costs none,
    unless others were answered meanwhile; the endpoint's patience decides when to stop.
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
            work.tally.retries += 1
            await asyncio.sleep(backoff_s(error, waits if waiting else tries))


def is_about_n(error: CallError, job: Job, tries: int, endpoint: Endpoint) -> bool:
    """Whether a server that fails may do so because several choices were asked for: some answer that with 500."""
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
        work.tally.in_flight += 1
        began = time.monotonic()
        try:
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
        seconds = getattr(response, "seconds", time.monotonic() - began)
        heard = Heard(url.name, seconds, job.request.keep_thinking, endpoint.secrets)
        replies = read_replies(response, len(job.keys), endpoint.section, heard)
    except CallError as error:
        endpoint.urls.failed(url, error, began)
        raise await own_failure(error, url, endpoint) or stopped(error, url, endpoint) from None
    endpoint.urls.succeeded(url)
    endpoint.measured = True
    endpoint.proved_n = endpoint.proved_n or len(replies) > 1
    usage = read_usage(response)
    if usage is None:
        return replies, worst
    learn_scale(job, usage, work)
    cost = endpoint.section.cost_usd(usage.prompt_tokens, usage.completion_tokens)
    return replies, Spending(cost or 0.0, usage.prompt_tokens + usage.completion_tokens)


def worst_case(job: Job, work: Work) -> Spending:
    """The most that one try of `job` may cost; not computed if nothing is limited.

    OvtError if a budget is set and the request has no bound, or its price is unknown.
    """
    section, limited = work.endpoint.section, work.budget.limited
    if not limited and section.tokens_per_minute is None:
        return Spending()
    guess, bound = at_most(job, work)
    if limited:
        stop_if_unbounded(bound, work.budget, work.endpoint)
    prompt = math.ceil(guess * work.endpoint.prompt_scale)
    completion = math.ceil((bound or 0) * work.endpoint.completion_scale) * len(job.keys)
    return Spending(section.cost_usd(prompt, completion) or 0.0, prompt + completion)


def learn_scale(job: Job, usage: Usage, work: Work) -> None:
    """Raises later estimates if the server counted more tokens than estimated."""
    if work.budget.limited:
        guess, bound = at_most(job, work)
        endpoint, most = work.endpoint, (bound or 0) * len(job.keys)
        endpoint.prompt_scale = max(endpoint.prompt_scale, usage.prompt_tokens / max(guess, 1))
        endpoint.completion_scale = max(endpoint.completion_scale, usage.completion_tokens / max(most, 1))


# When to stop the build: what a failure means for all further calls, and how to fix it.


async def own_failure(error: CallError, url: Url, endpoint: Endpoint) -> CallError | None:
    """The failure of a request that gets a gateway's error for as long as anybody waits, though its server still lists
    its models: a chain too long for the gateway's time-out, say. Without it the last such question of a build would
    end that build whenever it is run."""
    if error.kind != "away" or not isinstance(url.transport, HttpTransport) or not endpoint.urls.out_of_reach():
        return None
    try:
        await url.transport.models()
    except CallError:
        return None
    return CallError("refused", error.reason, error.status)


def stopped(error: CallError, url: Url, endpoint: Endpoint) -> OvtError:
    """What to raise for a failed call: EndpointError if no call can succeed, else a CallError. A URL that needs
    somebody to act is set aside while others work, and the call goes to one of those."""
    what_now = no_way_on(error, url, endpoint)
    if what_now is not None:
        again = isinstance(what_now, EndpointError) and error.kind in ("denied", "misplaced", "limited", "broken")
        if again and endpoint.urls.set_aside(url, error.reason):
            return CallError("unreachable", error.reason, error.status)
        return what_now
    if error.kind != "misplaced":
        return error
    if url.strikes >= FEW_STRIKES and endpoint.urls.set_aside(url, error.reason):
        return CallError("unreachable", error.reason, error.status)
    return CallError("refused" if error.status else "broken", error.reason, error.status, billed=error.billed)


def no_way_on(error: CallError, url: Url, endpoint: Endpoint) -> EndpointError | None:
    """Why no call to this URL can succeed before somebody acts; None if one may."""
    table, said = f"[endpoints.{endpoint.name}]", f"{url.name} refuses: {error.reason}"

    def ended(what: str, fix: str) -> EndpointError:
        return EndpointError(endpoint.name, error.kind, what, fix)

    if error.kind in ("unreachable", "away") and endpoint.urls.out_of_reach():
        fix = f"start the server, or correct base_url in {table}; {RESUME}"
        return ended(f"no server answers at {url.name} ({error.reason})", fix)
    if (error.retry_after or 0.0) > LONGEST_WAIT_S:
        said = f"{url.name} asks clients to wait {error.retry_after:.0f} s ({error.reason})"
        return EndpointError(endpoint.name, "limited", said, f"wait that long; {RESUME}")
    if error.kind == "limited" and endpoint.urls.out_of_patience():
        said = f"{url.name} has refused every request for {LONGEST_WAIT_S / 60:.0f} minutes: {error.reason}"
        return ended(said, f"check the account's limits; {RESUME}")
    if error.kind == "denied" and error.status == 401:
        return ended(said, f"put a valid key into an environment variable and name it as api_key_env in {table}")
    if error.kind == "denied":
        return ended(said, f"check the account's balance; {RESUME}")
    if error.kind == "misplaced" and not url.answered:
        said = f"{url.name} does not look like a chat-completions API with this model: {error.reason}"
        return ended(said, f'check base_url (usually it ends in /v1) and model = "{endpoint.model}" in {table}')
    if error.kind == "misplaced" and url.strikes >= FEW_STRIKES and MODEL_GONE.search(error.reason):
        return ended(f"{url.name} has lost its model: {error.reason}", f"load it again; {RESUME}")
    return None


def stop_if_hopeless(error: CallError, endpoint: Endpoint) -> None:
    """EndpointError after a long run of failures, or a short one of refusals in the same words.

    After the first success a refusal may be the request's own fault, unless access or model are gone (403, 404).
    """
    gone = error.status in (403, 404) or not endpoint.answered
    alike = endpoint.failed.alike >= (ALIKE if gone else ALIKE_LATER)
    if alike or (endpoint.failed.length >= HOPELESS and (error.kind != "refused" or not endpoint.answered)):
        how_many = endpoint.failed.alike if alike else endpoint.failed.length
        what = f"the last {how_many} requests failed, the latest with: {error.reason}"
        raise EndpointError(endpoint.name, error.kind, what, f"check the server and the request; {RESUME}")


def stop_if_all_failed(work: Work) -> None:
    """EndpointError where every request of a fill was refused with the same words, however few there were."""
    failed, tally = work.endpoint.failed, work.tally
    if failed.alike and failed.alike == failed.length and not (work.endpoint.answered or tally.cached):
        what = f"all {failed.length} requests failed with: {failed.latest}"
        raise EndpointError(work.endpoint.name, "refused", what, f"check the server and the request; {RESUME}")


def stop_if_unbounded(bound: int | None, budget: Budget, endpoint: Endpoint) -> None:
    """OvtError if a budget is set but a request's worst case is unknown."""
    section = endpoint.section
    if bound is None:
        raise OvtError(
            "a budget needs to know how long a reply may get", "set max_tokens in the sampling of the stage that asks"
        )
    unpriced = section.usd_per_million_prompt_tokens is None or section.usd_per_million_completion_tokens is None
    if budget.max_usd is not None and unpriced and not endpoint.own_machine:
        prices = "usd_per_million_prompt_tokens and usd_per_million_completion_tokens"
        raise OvtError(
            "--max-usd needs prices", f"set {prices} in [endpoints.{endpoint.name}] (0 for your own servers)"
        )
