"""What a fill would do, for `--dry-run`."""

from collections.abc import Iterable
from dataclasses import dataclass

from ovt.curate.endpoints import estimate
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.jobs import Work, missing_jobs


@dataclass(frozen=True)
class Expected:
    """Replies `wanted`, how many of them are `answered`, `calls` to send for the others, and what those may cost.

    Tokens and US dollars are upper estimates: each reply as long as max_tokens allows, which `bounded` says is known;
    None where no price is.
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
    endpoint = work.endpoint
    asked = calls = prompt_tokens = completion_tokens = 0
    bounded = True
    for job in missing_jobs(requests, work):
        if job is None:
            continue
        calls += 1
        asked += len(job.keys)
        bound = estimate.completion_bound(endpoint.sampling(job.request))
        bounded = bounded and bound is not None
        prompt_tokens += estimate.prompt_tokens(job.request.messages, work.images, work.image_sizes)
        completion_tokens += (bound or 0) * len(job.keys)
    cost = endpoint.section.cost_usd(prompt_tokens, completion_tokens) if calls else 0.0
    answered = work.tally.cached
    return Expected(answered + asked, answered, calls, prompt_tokens, completion_tokens, cost, bounded)
