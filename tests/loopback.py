"""A real OpenAI-compatible server on 127.0.0.1, for tests: replies computed from the request, and failures on demand.

In a test, the fixture `loopback` is a started Loopback: change its attributes at any time, as in
`loopback.chaos = replace(loopback.chaos, share=0.2)`; for more of them, `with type(loopback)() as other:`.
As a process of its own: `python tests/loopback.py` prints its URL.
"""

import argparse
import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Chaos:
    """How often requests go wrong: `share` of them, each in one of `kinds`, decided by the request and `seed` alone.

    A request that is sent again is decided anew, by how many times it was seen. Kinds: "429" and "503" (with
    Retry-After), "500", "drop" (the connection), "cut" (it, in mid-body), "truncated" (JSON), "empty", "null",
    "no_choices", "html", "slow".
    """

    share: float = 0.0
    kinds: tuple[str, ...] = ("429", "500", "drop", "truncated", "empty", "slow")
    seed: int = 0
    slow_s: float = 0.3
    retry_after: str = "0.05"

    def strikes(self, digest: str, times_seen: int) -> str | None:
        """The kind of failure that this request meets, None for none."""
        dice = hashlib.sha256(f"{self.seed} {digest} {times_seen}".encode()).digest()
        if int.from_bytes(dice[:4], "big") / 2**32 >= self.share:
            return None
        return self.kinds[dice[4] % len(self.kinds)]


@dataclass(frozen=True)
class Seen:
    """One request: what became of it ("answered", or the kind of its failure), and what was in it."""

    outcome: str
    digest: str
    body: Body
    n: int
    authorization: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


def request_digest(body: Body) -> str:
    """What identifies a request."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def prompt_text(body: Body) -> str:
    """All the text of a request's messages, without the images."""
    parts = [message["content"] for message in body["messages"]]
    flat = [part for content in parts for part in ([{"text": content}] if isinstance(content, str) else content)]
    return "\n".join(part["text"] for part in flat if "text" in part)


def prompt_images(body: Body) -> list[str]:
    """The data URLs in a request, in order."""
    contents = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
    return [part["image_url"]["url"] for content in contents for part in content if part["type"] == "image_url"]


def echo(body: Body, choice: int) -> str:
    """The default reply: differs for each prompt, image and seed + choice, and for nothing else."""
    seed = body.get("seed", 0) + choice
    digest = hashlib.sha256(f"{prompt_text(body)} {prompt_images(body)} {seed}".encode()).hexdigest()
    return f"<think> about {digest[:8]} </think> <answer> {digest[8:12]} </answer>"


@dataclass
class Loopback:
    """The server; `with Loopback() as server:` starts and stops it.

    reply         (request body, choice) -> the text, or the whole message as a dict
    status        (request body) -> (status, body) to answer a request with an error of its own; None: none
    honours_n     false: answers one choice whatever n is
    max_n         more than this is refused with 400
    reasoning     the name of the field into which what is in <think>…</think> is moved
    api_key       the key that requests must carry; None: none
    models        what it lists, and answers for
    seen          every request, in the order of completion
    """

    reply: Callable[[Body, int], str | dict[str, Any]] = echo
    status: Callable[[Body], tuple[int, Any] | None] = lambda body: None
    chaos: Chaos = field(default_factory=Chaos)
    latency_s: float = 0.0
    honours_n: bool = True
    max_n: int = 128
    reasoning: str | None = None
    api_key: str | None = None
    models: tuple[str, ...] = ("test-model",)
    usage: bool = True
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _times: Counter[str] = field(default_factory=Counter)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def answered(self) -> list[Seen]:
        """The requests that got a proper answer (an empty one is none)."""
        return [seen for seen in self.seen if seen.outcome in ("answered", "slow")]

    def __enter__(self) -> "Loopback":
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the loopback server did not start")
        return self

    def __exit__(self, *raised: object) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = None

    def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        runner = self._loop.run_until_complete(self._serve())
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _serve(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._list)
        self.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    def add_routes(self, app: web.Application) -> None:
        """For servers that answer more (tests/batch_server.py)."""

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        finally:
            self._at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        digest = request_digest(body)
        self._times[digest] += 1
        await asyncio.sleep(self.latency_s)
        authorization = request.headers.get("Authorization", "")
        if refusal := self._refusal(body, authorization):
            return self._refuse(refusal, digest, body, authorization)
        kind = self.chaos.strikes(digest, self._times[digest])
        if kind == "slow":
            await asyncio.sleep(self.chaos.slow_s)
        answer = self._completion(body, kind)
        usage = answer.get("usage", {"prompt_tokens": 0, "completion_tokens": 0})
        tokens = (usage["prompt_tokens"], usage["completion_tokens"])
        self.seen.append(Seen(kind or "answered", digest, body, body.get("n", 1), authorization, *tokens))
        return await self._spoil(kind, answer, request)

    def _refusal(self, body: Body, authorization: str) -> tuple[int, Any] | None:
        if self.api_key is not None and authorization != f"Bearer {self.api_key}":
            return 401, {
                "error": {"message": f"Incorrect API key provided: {authorization}", "code": "invalid_api_key"}
            }
        if body["model"] not in self.models:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}}
        if body.get("n", 1) > self.max_n:
            return 400, {"error": {"message": f"n must be at most {self.max_n}"}}
        return self.status(body)

    def _refuse(self, refusal: tuple[int, Any], digest: str, body: Body, authorization: str) -> web.Response:
        status, said = refusal
        self.seen.append(Seen(str(status), digest, body, body.get("n", 1), authorization))
        return web.json_response(said, status=status)

    def _completion(self, body: Body, kind: str | None) -> dict[str, Any]:
        """The whole answer, usage counted: a token per word, 4 bytes of prompt or image."""
        n = body.get("n", 1) if self.honours_n else 1
        choices = [self._choice(body, index, kind) for index in range(0 if kind == "no_choices" else n)]
        answer: dict[str, Any] = {"id": "chat-1", "object": "chat.completion", "created": 0, "model": body["model"]}
        answer["choices"] = choices
        completion = sum(choice.pop("words") for choice in choices)
        if self.usage:
            prompt = len(prompt_text(body).encode()) // 4 + len(prompt_images(body))
            total = prompt + completion
            answer["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
        return answer

    def _choice(self, body: Body, index: int, kind: str | None) -> dict[str, Any]:
        said = self.reply(body, index)
        message = {"role": "assistant", **(said if isinstance(said, dict) else {"content": said})}
        finish = "stop"
        if kind in ("empty", "null"):
            message["content"] = "" if kind == "empty" else None
        words = (message["content"] or "").split(" ")
        if len(words) > body.get("max_tokens", len(words)):
            finish, words = "length", words[: body["max_tokens"]]
            message["content"] = " ".join(words)
        if self.reasoning and message["content"] and "<think>" in message["content"]:
            thinking, _, rest = message["content"].removeprefix("<think>").partition("</think>")
            message[self.reasoning], message["content"] = thinking, rest
        return {"index": index, "message": message, "finish_reason": finish, "words": len(words)}

    async def _spoil(self, kind: str | None, answer: dict[str, Any], request: web.Request) -> web.StreamResponse:
        """The answer as it goes out, after chaos has had its way with it."""
        text = json.dumps(answer)
        if kind in ("429", "503"):
            wait = {"Retry-After": self.chaos.retry_after}
            return web.json_response({"error": {"message": "too much"}}, status=int(kind), headers=wait)
        if kind == "500":
            return web.json_response({"error": {"message": "out of luck"}}, status=500)
        if kind == "html":
            return web.Response(text="<html>a login page</html>", content_type="text/html")
        if kind == "truncated":
            return web.Response(text=text[: len(text) // 2], content_type="application/json")
        if kind in ("drop", "cut"):
            await self._hang_up(request, text if kind == "cut" else "")
        return web.Response(text=text, content_type="application/json")

    async def _hang_up(self, request: web.Request, text: str) -> None:
        if text:
            half = web.StreamResponse(headers={"Content-Length": str(len(text)), "Content-Type": "application/json"})
            await half.prepare(request)
            await half.write(text[: len(text) // 2].encode())
        if request.transport is not None:
            request.transport.abort()


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--share", type=float, default=0.0, help="share of the requests that go wrong")
    parser.add_argument("--kinds", nargs="+", default=Chaos.kinds, help="in which ways")
    options = parser.parse_args()
    chaos = Chaos(options.share, tuple(options.kinds))
    with Loopback(port=options.port, latency_s=options.latency, chaos=chaos) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
