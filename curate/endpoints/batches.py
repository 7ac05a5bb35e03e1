"""Endpoints with `batch = true`: requests go to the provider's batch API in files, at half the price, and are answered
within a day.

    gather    the requests that the store lacks       {"custom_id": KEY, "method": "POST", "url": …, "body": …}
    submit    POST /files, POST /batches              replies/batches/TAG.json says which replies it will bring
    collect   GET /batches/ID, /files/ID/content      the reply store; what is missing goes into the next batch

A build waits for its batches. It may be stopped meanwhile: the same command finds them by their records, and requests
nothing twice. A record is written before its batch is created, under a tag that the batch carries, so not even a kill
between the two loses one. `custom_id` is the address of the request's first reply.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar
from urllib.parse import quote

from ovt.core.errors import CallError, CallKind, EndpointError
from ovt.core.hashing import canonical_json
from ovt.curate.endpoints.accounts import worst_case
from ovt.curate.endpoints.batch_records import Batch, BatchFill, forget, record, record_of, recorded
from ovt.curate.endpoints.batch_results import AWAY, read_result, refusal, settle_rest, take
from ovt.curate.endpoints.bodies import LONGEST_REPLY
from ovt.curate.endpoints.budget import Spending
from ovt.curate.endpoints.jobs import LOOK_AGAIN_S, Job, Work
from ovt.curate.endpoints.secrets import scrub
from ovt.curate.endpoints.stopping import RESUME, stop_if_all_failed
from ovt.curate.endpoints.transport import HttpTransport

MOST_LINES = 50_000  # per batch, at OpenAI
MOST_BYTES = 90 << 20  # per file; OpenAI takes 200 MB
WINDOW = "24h"
TAG = "ovt"  # in a batch's metadata
OVER = {"completed", "expired", "cancelled", "failed"}
FIRST_LOOK_S, LONGEST_LOOK_S = 2.0, 60.0  # between two looks at running batches
PATIENCE = 12  # tries in a row that may fail
MOST_PAGES = 20  # of the server's list of batches

Given = TypeVar("Given")


async def fill_in_batches(jobs: Iterator[Job | float], work: Work) -> None:
    """Fetches the replies to all jobs through the server's batch API, as `client.fill` does; may take a day."""
    transport = work.endpoint.urls.all[0].transport
    assert isinstance(transport, HttpTransport)  # the section refuses others
    fill = BatchFill(work, transport, spoken=transport.dialect)
    try:
        while await gather(jobs, fill):
            await submit(fill)
            await collect(fill)
    finally:
        work.tally.in_flight, work.tally.note = 0, ""
        work.give_all_back()
    stop_if_all_failed(work.endpoint, work.tally)


async def gather(jobs: Iterator[Job | float], fill: BatchFill) -> bool:
    """Takes jobs until there are no more, or enough for a batch; returns whether there are any.

    What another build is sending is not waited for while there are jobs: that build may be waiting for these.
    """
    while len(fill.left) < MOST_LINES and (job := next(jobs, None)) is not None:
        if isinstance(job, Job):
            fill.left.append(job)
        elif job == LOOK_AGAIN_S and fill.left:
            break
        else:
            await asyncio.sleep(job)
    return bool(fill.left)


async def known(fill: BatchFill) -> list[Batch]:
    """The batches that hold a request of this fill. One whose creation was cut short is looked for on the server."""
    wanted = {key for job in fill.left for key in job.keys}
    found = []
    for batch in recorded(fill):
        if batch.server != fill.transport.url or batch.keys.isdisjoint(wanted):
            continue
        if not batch.id and (there := await patiently(lambda batch=batch: find(batch, fill), fill)):
            batch.id = there
            record(batch, fill)
        if batch.id:
            found.append(batch)
        else:
            forget(batch, fill)
    return found


async def patiently(ask: Callable[[], Awaitable[Given]], fill: BatchFill, again: Collection[CallKind] = AWAY) -> Given:
    """The server's answer, if need be after several tries; EndpointError if it refuses, or answers none. again: the
    kinds of failure that are worth another try."""
    endpoint = fill.work.endpoint
    for left in reversed(range(PATIENCE)):
        try:
            return await ask()
        except CallError as error:
            if error.kind not in again or not left:
                said = f"the batch API of {fill.transport.url} fails: {error.reason}"
                raise EndpointError(
                    endpoint.name, error.kind, said, f"check the server and the key; {RESUME}"
                ) from None
            pause = min(LONGEST_LOOK_S, FIRST_LOOK_S * 2.0 ** (PATIENCE - 1 - left))
            await asyncio.sleep(error.retry_after or pause)
    raise AssertionError("the last try returns or raises")


def text_of(found: dict[str, Any], name: str) -> str:
    """A text field of a server's answer; "" if it is missing. CallError for a missing id."""
    value = found.get(name)
    if name == "id" and not (isinstance(value, str) and value):
        raise CallError("refused", "an answer without an id")
    return value if isinstance(value, str) else ""


# Submitting.


async def submit(fill: BatchFill) -> None:
    """Puts jobs that are in no batch yet into new ones, as far as the budget allows."""
    there = {key for batch in await known(fill) for key in batch.keys}
    new = [job for job in fill.left if there.isdisjoint(job.keys)]
    fill.spoken = fill.transport.dialect if new else fill.spoken
    for lines, jobs in in_files(await affordable(new, fill, waits=len(new) < len(fill.left)), fill):
        await create(lines, jobs, fill)


async def affordable(new: Iterable[Job], fill: BatchFill, waits: bool) -> list[Job]:
    """The jobs that the budget covers even if each costs the most it may. BudgetReached if it covers none, unless
    batches are under way (`waits`) that may cost less than was reserved."""
    budget, found = fill.work.budget, []
    for job in new:
        worst = worst_case(job, fill.work)
        if not budget.fits(worst) and (found or waits):
            break
        await budget.reserve(worst)
        fill.held[job.keys[0]] = worst
        found.append(job)
    return found


def in_files(jobs: Iterable[Job], fill: BatchFill) -> Iterator[tuple[list[bytes], list[Job]]]:
    """The lines of the jobs, in files of at most MOST_LINES and about MOST_BYTES."""
    endpoint, lines, asked, size = fill.work.endpoint, [], [], 0
    for job in jobs:
        body = fill.transport.spelt(endpoint.body(job.request, job.first, len(job.keys), fill.work.images))
        line = {"custom_id": job.keys[0], "method": "POST", "url": path_of(fill), "body": body}
        lines.append(canonical_json(line) + b"\n")
        asked.append(job)
        size += len(lines[-1])
        if len(lines) >= MOST_LINES or size >= MOST_BYTES:
            yield lines, asked
            lines, asked, size = [], [], 0
    if lines:
        yield lines, asked


def path_of(fill: BatchFill) -> str:
    """The path of chat completions, as the server's batch API names it."""
    return "/chat/completions" if fill.work.endpoint.section.family == "azure" else "/v1/chat/completions"


async def create(lines: list[bytes], jobs: list[Job], fill: BatchFill) -> None:
    """Uploads a file of requests and creates a batch from it; its record is written first."""
    asked = {job.keys[0]: list(job.keys) for job in jobs}
    batch = Batch(uuid.uuid4().hex, fill.transport.url, asked, jobs[0].request.keep_thinking)
    content = b"".join(lines)
    file = await patiently(lambda: fill.transport.upload(f"{batch.tag}.jsonl", content), fill)
    record(batch, fill)
    try:
        batch.id = await patiently(lambda: begin(batch, text_of(file, "id"), fill), fill)
    except EndpointError as error:
        if error.kind not in AWAY:  # else it may exist although the answer was lost
            forget(batch, fill)
        raise
    fill.tries.update(batch.keys)
    record(batch, fill)


async def begin(batch: Batch, file: str, fill: BatchFill) -> str:
    """The id of the batch for an uploaded file, created unless an earlier try did so and its answer was lost."""
    if batch.begun and (found := await find(batch, fill)):
        return found
    batch.begun = True
    wanted = {
        "input_file_id": file,
        "endpoint": path_of(fill),
        "completion_window": WINDOW,
        "metadata": {TAG: batch.tag},
    }
    return text_of(await fill.transport.ask("/batches", canonical_json(wanted)), "id")


async def find(batch: Batch, fill: BatchFill) -> str:
    """The id of the server's batch with the same tag; "" if there is none."""
    after = ""
    for _ in range(MOST_PAGES):
        page = await fill.transport.ask("/batches?limit=100" + (f"&after={quote(after)}" if after else ""))
        data = page.get("data")
        listed = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
        for one in listed:
            if isinstance(one.get("metadata"), dict) and one["metadata"].get(TAG) == batch.tag:
                return text_of(one, "id")
        if not page.get("has_more") or not listed:
            break
        after = text_of(listed[-1], "id")
    return ""


# Collecting.


async def collect(fill: BatchFill) -> None:
    """Waits until a batch has ended, and stores its results; the rest of its requests become jobs again."""
    pause = FIRST_LOOK_S
    while batches := await known(fill):
        looks = [(batch, await look(batch, fill)) for batch in batches]
        over = [(batch, seen) for batch, seen in looks if text_of(seen, "status") in OVER]
        for batch, seen in over:
            await land(batch, seen, fill)
        fill.work.tally.in_flight = sum(len(batch.keys) for batch in batches)
        fill.work.tally.note = " ".join(progress_of(batch, seen) for batch, seen in looks)
        if over:
            return
        await asyncio.sleep(pause)
        pause = min(LONGEST_LOOK_S, 1.5 * pause)


def progress_of(batch: Batch, seen: dict[str, Any]) -> str:
    """A batch in a few words, for the panel."""
    counts = seen.get("request_counts")
    done = counts.get("completed") if isinstance(counts, dict) else None
    return scrub(
        f"batch {batch.id}: {seen.get('status')}, {done or 0} of {len(batch.asked)} done (Ctrl-C leaves it running)"
    )


async def look(batch: Batch, fill: BatchFill) -> dict[str, Any]:
    """The state of a batch, as the server reports it."""
    try:
        # A batch may be unknown for a moment after it was created.
        again = (*AWAY, "misplaced")
        return await patiently(lambda: fill.transport.ask(f"/batches/{quote(batch.id, safe='')}"), fill, again)
    except EndpointError as error:
        if error.kind != "misplaced":
            raise
        fix = f"to send its requests again, remove {record_of(batch, fill)}"
        raise EndpointError(error.endpoint, error.kind, f"batch {batch.id}: {error.what}", fix) from None


async def land(batch: Batch, seen: dict[str, Any], fill: BatchFill) -> None:
    """Stores the replies of a batch that has ended; gives up what was refused, and keeps the rest as jobs."""
    if seen["status"] == "failed":
        forget(batch, fill)
        raise EndpointError(fill.work.endpoint.name, "refused", f"{batch.server} {refusal(seen)}", RESUME)
    fill.own = {single.keys[0]: single for job in fill.left for single in job.singles()}
    taken: set[str] = set()
    for name in ("output_file_id", "error_file_id"):
        if file := text_of(seen, name):
            await patiently(lambda file=file: read_file(file, batch, taken, fill), fill)
    for name in batch.asked.keys() & fill.held.keys():  # requests without a line
        fill.work.budget.settle(fill.held.pop(name), Spending())
    settle_rest(batch, fill)
    forget(batch, fill)


async def read_file(file: str, batch: Batch, taken: set[str], fill: BatchFill) -> None:
    """Takes each line of a batch's output once, and only lines of its own requests."""
    async with aclosing(fill.transport.lines(f"/files/{quote(file, safe='')}/content", LONGEST_REPLY)) as lines:
        async for line in lines:
            found = read_result(line, fill)
            name = found.get("custom_id")
            if isinstance(name, str) and name in batch.asked and name not in taken:
                taken.add(name)
                take(name, found, batch, fill)
