"""What the client costs on top of `openai`: requests per second against a loopback server, as ratios within one run.

    python benchmarks/client.py [--requests 2000] [--concurrency 128] [--repeats 5]

One server, in a process of its own, answers every request after 100 ms. Four clients take turns, `--repeats` times, and
rounds are compared: bare aiohttp (the limit of what is possible), `AsyncOpenAI` at its leanest (aiohttp transport,
raw responses), `AsyncOpenAI` as it comes, and `ovt`, which also stores every reply.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

LATENCY_S = 0.1
CHOICES = 4
PROMPT = "Caption: a bar chart of five bars, blue 12, red 30, green 7, teal 18, pink 25. Which is the tallest? " * 8
REPLY = "<think> The caption lists five bars. The tallest is the red one, with 30. </think> " * 12
Ask = Callable[[int], Awaitable[Any]]


def serve(ready: Connection, n: int) -> None:
    """The server process: one fixed answer of `n` choices, after LATENCY_S."""
    from aiohttp import web

    message = {"role": "assistant", "content": REPLY}
    choices = [{"index": index, "message": message, "finish_reason": "stop"} for index in range(n)]
    usage = {"prompt_tokens": 200, "completion_tokens": 200 * n, "total_tokens": 200 + 200 * n}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "m"}
    answer = json.dumps({**head, "choices": choices, "usage": usage}).encode()

    async def chat(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(LATENCY_S)
        return web.Response(body=answer, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        ready.send(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        await asyncio.Event().wait()

    asyncio.run(main())


def messages(number: int) -> list[dict[str, str]]:
    """The prompt of request `number`."""
    return [{"role": "user", "content": f"{number}: {PROMPT}"}]


async def ask_all(ask: Ask, requests: int, concurrency: int) -> None:
    """All requests, `concurrency` at once."""
    numbers: Iterator[int] = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def with_aiohttp(url: str, requests: int, concurrency: int, n: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def ask(number: int) -> None:
            body = {"model": "m", "messages": messages(number), "n": n, "temperature": 0.7}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                await response.json()

        await ask_all(ask, requests, concurrency)


async def with_openai(url: str, requests: int, concurrency: int, n: int) -> None:
    import openai

    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def ask(number: int) -> None:
            body: Any = {"model": "m", "messages": messages(number), "n": n, "temperature": 0.7}
            await client.chat.completions.create(**body)

        await ask_all(ask, requests, concurrency)


async def with_lean_openai(url: str, requests: int, concurrency: int, n: int) -> None:
    import openai

    http = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:

        async def ask(number: int) -> None:
            body: Any = {"model": "m", "messages": messages(number), "n": n, "temperature": 0.7}
            response = await client.chat.completions.with_raw_response.create(**body)
            json.loads(response.content)

        await ask_all(ask, requests, concurrency)


async def with_ovt(url: str, requests: int, concurrency: int, n: int) -> None:
    from ovt.core.progress import Tally
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.endpoints.chat import ChatRequest
    from ovt.curate.endpoints.client import fill
    from ovt.curate.endpoints.endpoint import open_endpoint
    from ovt.curate.endpoints.jobs import Work
    from ovt.curate.endpoints.section import EndpointSection
    from ovt.curate.endpoints.store import ReplyStore

    section = EndpointSection(base_url=url, model="m", max_concurrency=concurrency)
    asked = (ChatRequest(tuple(messages(number)), {"temperature": 0.7}, n) for number in range(requests))
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, ReplyStore(Path(folder) / "replies.sqlite") as store:
        async with open_endpoint("bench", section) as endpoint:
            await fill(asked, Work(endpoint, store, Budget(), tally, lambda image: b""))
    if tally.done != requests * n:
        raise RuntimeError(f"expected {requests * n} replies, got {tally}")


LEAN, DEFAULT = "AsyncOpenAI, lean", "AsyncOpenAI, default"
CLIENTS = {
    "bare aiohttp": with_aiohttp,
    LEAN: with_lean_openai,
    DEFAULT: with_openai,
    "ovt, every reply stored": with_ovt,
}


def measure(client: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    began, used = time.perf_counter(), cpu_seconds()
    asyncio.run(client(*arguments))
    return time.perf_counter() - began, cpu_seconds() - used


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
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, options.n), daemon=True)
    server.start()
    url = here.recv()
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    for client in CLIENTS.values():  # imports and the server's warm-up are not what is measured
        measure(client, url, options.concurrency, options.concurrency, options.n)
    for _ in range(options.repeats):
        for name, client in CLIENTS.items():
            runs[name].append(measure(client, url, options.requests, options.concurrency, options.n))
    server.terminate()
    report(runs, options.requests)


def report(runs: dict[str, list[tuple[float, float]]], requests: int) -> None:
    """Prints the table; a ratio is the median over the rounds of what two clients did in the same round."""
    print(f"{'':24} {'requests/s':>10} {'CPU ms each':>12} {'to lean':>8} {'to default':>11}")
    for name, taken in runs.items():
        rate = requests / statistics.median(wall for wall, _ in taken)
        cpu = statistics.median(used for _, used in taken) / requests * 1e3
        to_lean, to_default = (speed_ratio(taken, runs[other]) for other in (LEAN, DEFAULT))
        print(f"{name:24} {rate:10.0f} {cpu:12.2f} {to_lean:8.2f} {to_default:11.2f}")


def speed_ratio(taken: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    """How many times as fast as `other`, round by round."""
    return statistics.median(theirs / ours for (ours, _), (theirs, _) in zip(taken, other, strict=True))


if __name__ == "__main__":
    main()
