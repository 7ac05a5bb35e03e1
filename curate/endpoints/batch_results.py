"""The results of a batch: each line of its output is stored as replies or noted as a failure; requests without a reply
are given up or sent again.

    {"custom_id": KEY, "response": {"status_code": 200, "body": …}}
    {"custom_id": KEY, "response": null, "error": {"code": "batch_expired", "message": …}}
"""

import json
import time
from dataclasses import replace
from typing import Any

from ovt.core.errors import CallError, CallKind
from ovt.core.untrusted import parse_json
from ovt.curate.endpoints.accounts import give_up, tally_reply
from ovt.curate.endpoints.batch_records import Batch, BatchFill
from ovt.curate.endpoints.budget import Spending
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.meanings import error_message, status_error
from ovt.curate.endpoints.replies import Heard, read_replies, read_usage
from ovt.curate.endpoints.secrets import scrub, without_key

TRIES = 3  # batches that a request may be part of
AWAY: tuple[CallKind, ...] = ("unreachable", "away", "limited", "broken")  # failures that may not recur


def read_result(line: bytes, fill: BatchFill) -> dict[str, Any]:
    """The object in a line, with keys removed; empty if there is none, and then its request is sent again."""
    try:
        found = without_key(parse_json(line), fill.work.endpoint.secrets) if line.strip() else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def take(name: str, line: dict[str, Any], batch: Batch, fill: BatchFill) -> None:
    """Stores the replies of one request, or notes why it has none."""
    endpoint, budget, keys = fill.work.endpoint, fill.work.budget, batch.asked[name]
    given, real = line.get("response"), Spending()
    response: dict[str, Any] = given if isinstance(given, dict) else {}
    body = response.get("body")
    try:
        if response.get("status_code") != 200 or not isinstance(body, dict):
            raise line_error(response, line.get("error"))
        if usage := read_usage(body):
            cost = endpoint.section.cost_usd(usage.prompt_tokens, usage.completion_tokens)
            real = Spending(cost or 0.0, usage.prompt_tokens + usage.completion_tokens)
        heard = Heard(batch.server, 0.0, batch.thinking, endpoint.secrets)
        put(dict(zip(keys, read_replies(body, len(keys), endpoint.section, heard), strict=False)), fill)
    except CallError as error:
        again = error.kind == "refused" and fill.transport.learn(error.reason, fill.spoken)
        fill.failed |= dict.fromkeys(keys, replace(error, kind="broken") if again else error)
    if name in fill.held:
        budget.settle(fill.held.pop(name), real)
    else:
        budget.spend(real)


def line_error(response: dict[str, Any], error: Any) -> CallError:
    """Why a request of a batch has no reply: the server's answer, or that the batch ended first."""
    status, body = response.get("status_code"), response.get("body")
    said = scrub(error_message(json.dumps(body if body else {"error": error})))
    if isinstance(status, int) and status >= 400:
        return status_error(status, said, {}, time.time())
    return CallError("broken", f"the batch ended without it: {said}")


def put(replies: dict[str, Reply], fill: BatchFill) -> None:
    """Stores replies, and counts those that this fill waits for."""
    fill.work.store.put_many(replies)
    for key, reply in replies.items():
        if job := fill.own.get(key):
            fill.work.give_back(job.number, job.keys)
            tally_reply(reply, fill.work)
            fill.done.add(key)


def settle_rest(batch: Batch, fill: BatchFill) -> None:
    """Gives up requests that were refused or tried too often; the rest of a batch become jobs again, one per sample."""
    left, refused = [], []
    for job in fill.left:
        if batch.keys.isdisjoint(job.keys):
            left.append(job)
            continue
        for single in job.singles():
            (key,) = single.keys
            error = fill.failed.pop(key, None) or CallError("broken", "the batch ended without its reply")
            if key not in fill.done and error.kind in AWAY and fill.tries[key] < TRIES:
                left.append(single)
            elif key not in fill.done:
                refused.append((single, error))
    fill.left = left
    for single, error in refused:
        give_up(single, error, fill.work)


def refusal(seen: dict[str, Any]) -> str:
    """Why a whole batch was refused: "refuses a batch: Enqueued token limit reached"."""
    errors = seen.get("errors")
    found = errors.get("data") if isinstance(errors, dict) else errors
    first = found[0] if isinstance(found, list) and found else found
    return scrub(f"refuses a batch: {error_message(json.dumps(first))}")
