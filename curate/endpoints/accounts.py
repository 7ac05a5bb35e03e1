"""Accounts of each call: its replies or failures are stored and counted; its cost is bounded beforehand, and later
estimates learn from it."""

import math

from ovt.core.errors import CallError, OvtError
from ovt.curate.endpoints.budget import Budget, Spending
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.jobs import Job, Work, estimated_tokens
from ovt.curate.endpoints.replies import Usage
from ovt.curate.endpoints.stopping import stop_if_hopeless


def keep(answered: list[tuple[Job, Reply]], work: Work) -> None:
    """Stores the replies to one request's single-sample jobs, together, and counts them; an answer without a text has
    failed."""
    replies = {job.keys[0]: reply for job, reply in answered}
    work.store.put_many(replies)
    work.give_back(answered[0][0].number, replies)
    for reply in replies.values():
        count(reply, work)


def count(reply: Reply, work: Work) -> None:
    """Counts a reply, or a failure that came as one; OvtError if nothing but failures comes back."""
    tally_reply(reply, work)
    if reply.error is not None:
        stop_if_hopeless(CallError("broken", reply.error), work.endpoint)


def tally_reply(reply: Reply, work: Work) -> None:
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
        endpoint.failed.add(CallError("broken", reply.error))


def give_up(job: Job, error: CallError, work: Work) -> None:
    """Records a failure for each sample of `job`; OvtError if nothing but failures comes back."""
    work.store.put_many(dict.fromkeys(job.keys, Reply(None, model=work.endpoint.model, error=error.reason)))
    work.give_back(job.number, job.keys)
    work.tally.failed += len(job.keys)
    work.endpoint.failed.add(error)
    stop_if_hopeless(error, work.endpoint)


def added(one: float | None, other: float | None) -> float | None:
    """The sum of two costs; None if either is unknown."""
    return None if one is None or other is None else one + other


def worst_case(job: Job, work: Work) -> Spending:
    """The most that one try of `job` may cost; not computed if nothing is limited.

    OvtError if a budget is set and the request has no bound, or its price is unknown.
    """
    section, limited = work.endpoint.section, work.budget.limited
    if not limited and section.tokens_per_minute is None:
        return Spending()
    guess, bound = estimated_tokens(job, work)
    if limited:
        stop_if_unbounded(bound, work.budget, work.endpoint)
    prompt = math.ceil(guess * work.endpoint.prompt_scale)
    completion = math.ceil((bound or 0) * work.endpoint.completion_scale) * len(job.keys)
    return Spending(section.cost_usd(prompt, completion) or 0.0, prompt + completion)


def learn_scale(job: Job, usage: Usage, work: Work) -> None:
    """Raises later estimates if the server counted more tokens than estimated."""
    if work.budget.limited:
        guess, bound = estimated_tokens(job, work)
        endpoint, most = work.endpoint, (bound or 0) * len(job.keys)
        endpoint.prompt_scale = max(endpoint.prompt_scale, usage.prompt_tokens / max(guess, 1))
        endpoint.completion_scale = max(endpoint.completion_scale, usage.completion_tokens / max(most, 1))


def stop_if_unbounded(bound: int | None, budget: Budget, endpoint: Endpoint) -> None:
    """OvtError if a budget is set but a request's worst case is unknown."""
    section = endpoint.section
    if bound is None:
        raise OvtError(
            "a budget needs a limit on the length of replies", "set max_tokens in the sampling of that stage"
        )
    unpriced = section.usd_per_million_prompt_tokens is None or section.usd_per_million_completion_tokens is None
    if budget.max_usd is not None and unpriced and not endpoint.own_machine:
        prices = "usd_per_million_prompt_tokens and usd_per_million_completion_tokens"
        raise OvtError(
            "--max-usd needs prices", f"set {prices} in [endpoints.{endpoint.name}] (0 for your own servers)"
        )
