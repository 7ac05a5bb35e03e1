"""What the client costs on top of `openai`: requests per second against a loopback server, as ratios within one run.

    python benchmarks/client.py [--requests 2000] [--concurrency 128] [--repeats 5] [--image-kb 250] [--processes 2]
    python benchmarks/client.py --servers 16 --latency 2 --processes 2 --image-kb 250 --concurrency 2600 --requests 5200

One server, in a process of its own, answers every request after `--latency` (100 ms) with the same bytes. The clients
take turns, `--repeats` times, and rounds are compared: the leanest loop possible in `openai` (`client.post` of
ready-made bytes, the answer's JSON parsed), `AsyncOpenAI` as it comes, bare aiohttp, and `ovt`, which also makes the
requests and stores every reply: how long that takes, from the server's sending to the row in its file, is printed
below. `--image-kb`: each request has an image, which `ovt` reads from its file and encodes; the others have it encoded.
`--servers`: `ovt` calls this many, all in that one process. `--processes`: this many fills at once into one store,
compared with one. Where others use the machine too, the CPU time is what counts.
"""

import argparse
import asyncio
import base64
import json
import math
import multiprocessing
import os
import random
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CHOICES = 4
PROMPT = "Caption: a bar chart of five bars, blue 12, red 30, green 7, teal 18, pink 25. Which is the tallest? " * 8
REPLY = "<think> The caption lists five bars. The tallest is the red one, with 30. </think> " * 12
SAMPLING = {"temperature": 0.7}
Ask = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True)
class Run:
    """What every client does: this many requests for `n` choices each, numbered from `first`, `concurrency` at once;
    for `ovt`, `per_image` requests in a row share an image."""

    urls: tuple[str, ...]
    requests: int
    concurrency: int
    n: int
    image: bytes
    per_image: int = 1
    first: int = 0


class Answering(asyncio.Protocol):
    """HTTP as far as these clients speak it, with little work of its own: a head with a length, a body that is not
    read, and one answer for all, with the time in place of the model."""

    def __init__(self, rest: str, latency: float) -> None:
        self.rest, self.latency = rest, latency
        self.head = b""
        self.left = 0  # of the body

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.left:
            self.left -= len(data)
        else:
            self.head, between, begun = (self.head + data).partition(b"\r\n\r\n")
            if not between:
                return
            length = re.search(rb"(?i)content-length: *(\d+)", self.head)
            self.left, self.head = int(length[1]) - len(begun) if length else 0, b""
        if not self.left:
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        text = f'{{"model": "{time.monotonic()}", {self.rest}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        self.transport.write((head + text).encode())


def serve(ready: Connection, n: int, count: int, latency: float) -> None:
    """The server process: answers of `n` choices after `latency` seconds, at `count` ports."""
    message = {"role": "assistant", "content": REPLY}
    choices = [{"index": index, "message": message, "finish_reason": "stop"} for index in range(n)]
    usage = {"prompt_tokens": 200, "completion_tokens": 200 * n, "total_tokens": 200 + 200 * n}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0}
    rest = json.dumps({**head, "choices": choices, "usage": usage})[1:]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        answering = partial(Answering, rest, latency)
        servers = [await loop.create_server(answering, "127.0.0.1", 0, backlog=1024) for _ in range(count)]
        ready.send(tuple(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1" for server in servers))
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(main())


async def ask_all(ask: Ask, run: Run) -> None:
    """All requests, `concurrency` at once."""
    numbers: Iterator[int] = iter(range(run.requests))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    await asyncio.gather(*(work() for _ in range(run.concurrency)))


def body(number: int, n: int, image: bytes) -> dict[str, Any]:
    """The body of request `number`."""
    content: Any = f"{number}: {PROMPT}"
    if image:
        url = "data:image/png;base64," + base64.b64encode(image).decode()
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": content}]
    return {"model": "m", "messages": [{"role": "user", "content": content}], "n": n, "temperature": 0.7}


async def with_aiohttp(run: Run) -> None:
    import aiohttp

    ready = json.dumps(body(0, run.n, run.image)).encode()
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=run.concurrency)) as session:

        async def ask(number: int) -> None:
            async with session.post(f"{run.urls[0]}/chat/completions", data=ready, headers=headers) as response:
                json.loads(await response.read())

        await ask_all(ask, run)


async def with_openai(run: Run) -> None:
    import openai

    async with openai.AsyncOpenAI(base_url=run.urls[0], api_key="none", max_retries=0, timeout=None) as client:

        async def ask(number: int) -> None:
            await client.chat.completions.create(**body(number, run.n, run.image))

        await ask_all(ask, run)


async def with_lean_openai(run: Run) -> None:
    import httpx2
    import openai

    ready = json.dumps(body(0, run.n, run.image)).encode()
    limits = httpx2.Limits(max_connections=run.concurrency, max_keepalive_connections=None)
    http = openai.DefaultAioHttpClient(limits=limits, timeout=None)
    address = f"{run.urls[0]}/chat/completions"
    async with openai.AsyncOpenAI(
        base_url=run.urls[0], api_key="none", max_retries=0, http_client=http, timeout=None
    ) as client:

        async def ask(number: int) -> None:
            response = await client.post(address, cast_to=httpx2.Response, content=ready)
            json.loads(response.content)

        await ask_all(ask, run)


WRITTEN_S: list[float] = []  # from the server's sending to the row in the store, of each reply


def watched_store(path: Path) -> Any:
    """A reply store that times its replies."""
    from ovt.curate.endpoints.store import ReplyStore

    class WatchedStore(ReplyStore):
        def put_many(self, replies: Any) -> None:
            super().put_many(replies)
            WRITTEN_S.extend(time.monotonic() - float(reply.model) for reply in replies.values())

    return WatchedStore(path)


async def with_ovt(run: Run, store: Path | None = None) -> None:
    from ovt.core.progress import Tally
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.endpoints.chat import ChatRequest
    from ovt.curate.endpoints.client import fill
    from ovt.curate.endpoints.endpoint import open_endpoint
    from ovt.curate.endpoints.jobs import Work
    from ovt.curate.endpoints.section import EndpointSection

    section = EndpointSection(base_url=[*run.urls], model="m", max_concurrency=-(-run.concurrency // len(run.urls)))
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        image.write_bytes(run.image)

        def request(number: int) -> ChatRequest:
            parts = [{"type": "image", "image": f"{number // run.per_image}"}] if run.image else []
            content = [*parts, {"type": "text", "text": f"{number}: {PROMPT}"}]
            return ChatRequest(({"role": "user", "content": content},), SAMPLING, run.n)

        asked = map(request, range(run.first, run.first + run.requests))
        with watched_store(store or Path(folder) / "replies.sqlite") as replies:
            async with open_endpoint("bench", section) as endpoint:
                await fill(asked, Work(endpoint, replies, Budget(), tally, lambda _: image.read_bytes()))
    if tally.done != run.requests * run.n:
        raise RuntimeError(f"expected {run.requests * run.n} replies, got {tally}")


LEAN, DEFAULT = "client.post, ready bytes", "AsyncOpenAI, default"
CLIENTS = {
    "bare aiohttp": with_aiohttp,
    LEAN: with_lean_openai,
    DEFAULT: with_openai,
    "ovt, every reply stored": with_ovt,
}


def measure(client: Callable[[Run], Any], run: Run) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    began, used = time.perf_counter(), cpu_seconds()
    asyncio.run(client(run))
    return time.perf_counter() - began, cpu_seconds() - used


def fill_a_part(run: Run, store: Path, begin: Any, used: Any) -> None:
    """One of several processes: warms up, waits for the others, and fills; tells its CPU seconds."""
    asyncio.run(with_ovt(replace(run, requests=run.concurrency, first=run.first + 10**8), store))
    begin.wait()
    used.put(measure(partial(with_ovt, store=store), run)[1])


def measure_processes(run: Run, count: int) -> tuple[float, float]:
    """Requests per second of this many processes that fill one store, each with all of `run`'s requests, and the CPU
    seconds of a request."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        store, begin, used = Path(folder) / "replies.sqlite", spawn.Barrier(count + 1), spawn.SimpleQueue()
        parts = [replace(run, first=place * 10**6) for place in range(count)]
        processes = [spawn.Process(target=fill_a_part, args=(part, store, begin, used)) for part in parts]
        for process in processes:
            process.start()
        begin.wait()
        began = time.perf_counter()
        for process in processes:
            process.join()
        rate = count * run.requests / (time.perf_counter() - began)
        return rate, sum(used.get() for _ in parts) / (count * run.requests)


def cpu_seconds() -> float:
    """CPU time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n", type=int, default=CHOICES, help="choices per request")
    parser.add_argument("--image-kb", type=int, default=0, help="the size of an image in each request")
    parser.add_argument("--per-image", type=int, default=1, help="requests about the same image")
    parser.add_argument("--without-default", action="store_true", help="leave AsyncOpenAI as it comes out")
    parser.add_argument("--servers", type=int, default=1, help="how many servers ovt calls")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until a server answers")
    parser.add_argument("--processes", type=int, default=0, help="compare this many processes with one")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(there, options.n, options.servers, options.latency), daemon=True
    )
    server.start()
    image = random.Random(0).randbytes(options.image_kb * 1000)
    run = Run(here.recv(), options.requests, options.concurrency, options.n, image, options.per_image)
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before")
    try:
        if options.processes:
            compare_processes(run, options.processes, options.repeats)
        else:
            clients = {name: ask for name, ask in CLIENTS.items() if name != DEFAULT or not options.without_default}
            compare_clients(clients, run, options.repeats)
    finally:
        server.terminate()


def compare_clients(clients: Mapping[str, Callable[[Run], Any]], run: Run, repeats: int) -> None:
    """The clients in turns, and the table of them."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    for client in clients.values():  # imports and the server's warm-up are not what is measured
        measure(client, replace(run, requests=run.concurrency))
    WRITTEN_S.clear()
    for _ in range(repeats):
        for name, client in clients.items():
            runs[name].append(measure(client, run))
    report(runs, run.requests)


def compare_processes(run: Run, count: int, repeats: int) -> None:
    """One process and several in turns."""
    rounds = [(measure_processes(run, 1), measure_processes(run, count)) for _ in range(repeats)]
    for what, place in (("requests/s", 0), ("CPU ms each", 1)):
        one, several = (statistics.median(round[side][place] for round in rounds) for side in (0, 1))
        ratio = statistics.median(many[place] / single[place] for single, many in rounds)
        scale = (1, 1000)[place]
        print(f"{what:12} one process {scale * one:.2f}, {count} processes {scale * several:.2f}: {ratio:.2f} times")


def report(runs: dict[str, list[tuple[float, float]]], requests: int) -> None:
    """Prints the table; a ratio is the median over the rounds of what two clients did in the same round."""
    print(f"{'':24} {'requests/s':>10} {'to lean':>8} {'to default':>11} {'CPU ms each':>12} {'of lean':>8}")
    for name, taken in runs.items():
        rate = requests / statistics.median(wall for wall, _ in taken)
        cpu = statistics.median(used for _, used in taken) / requests * 1e3
        to_lean, to_default = (ratio(runs.get(other, []), taken, 0) for other in (LEAN, DEFAULT))
        of_lean = ratio(taken, runs[LEAN], 1)
        print(f"{name:24} {rate:10.0f} {to_lean:8.2f} {to_default:11.2f} {cpu:12.2f} {of_lean:8.2f}")
    hundredths = statistics.quantiles(WRITTEN_S, n=100)
    print(f"from a reply's sending to its row: median {1e3 * hundredths[49]:.0f} ms, p99 {1e3 * hundredths[98]:.0f} ms")


def ratio(taken: list[tuple[float, float]], other: list[tuple[float, float]], place: int) -> float:
    """How many times as much wall time (0) or CPU time (1) as `other` took, round by round; nan if one was left out."""
    if not (taken and other):
        return math.nan
    return statistics.median(ours[place] / theirs[place] for ours, theirs in zip(taken, other, strict=True))


if __name__ == "__main__":
    main()
