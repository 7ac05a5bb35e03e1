"""One HTTP round trip to one URL, and what its failures mean. Retries, limits and choice of URL are the caller's."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlencode

from ovt.core.errors import CallError
from ovt.curate.endpoints.bodies import (
    LONGEST_ERROR,
    LONGEST_LIST,
    STREAM_OVERHEAD,
    Reading,
    lines_of,
    longest_reply,
    moved,
    read_body,
    read_up_to,
    too_long,
)
from ovt.curate.endpoints.chat import body_pieces
from ovt.curate.endpoints.connection import Connection, Way
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.meanings import TIMED_OUT, connection_error, error_message, status_error
from ovt.curate.endpoints.secrets import is_secret, scrub, without_key
from ovt.curate.endpoints.streams import Stream
from ovt.curate.endpoints.timing import Answer, Deadline, Stopwatch

LISTING_S = 30.0  # for the list of models, which some routers take seconds to send
# What servers answer, with status 200, to a path that they do not know: LM Studio without /v1.
UNKNOWN_PATH = re.compile(
    r"unexpected endpoint|unknown (?:endpoint|path|url)|no such (?:endpoint|route)", re.IGNORECASE
)


class Transport(Protocol):
    """Sends the body of an OpenAI chat-completions request to a model and returns the response body.

    `revision` identifies the weights if known (a hash, for an embedded model). `send` raises CallError for
    a failure of the model. `close` releases what belongs to the running event loop; a later `send` reopens it.
    """

    @property
    def revision(self) -> str | None: ...

    async def send(self, body: dict[str, Any]) -> dict[str, Any]: ...

    async def close(self) -> None: ...


class HttpTransport:
    """An OpenAI-compatible server over HTTP (connection.py).

    The body goes out as bytes and comes back as a raw response: no request or response models, which would take most of
    the time. No retries here, so that each try can be counted and paid for; only a spelling that the server refuses is
    corrected, once (`dialect.py`).
    """

    revision = None

    def __init__(self, url: str, key: str | None, way: Way) -> None:
        self.url = url
        self._key = key
        self._way = way
        self.dialect = way.dialect
        self._query = urlencode(way.query)
        self._connection: Connection | None = None
        self._left: list[Connection] = []

    def move(self, url: str, key: str | None) -> None:
        """Sends later calls to the same server at another address."""
        self.url, self._key = url, key
        self._left += filter(None, [self._connection])  # calls may be under way there
        self._connection = None

    async def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """One chat completion; CallError within `timeout` seconds if there is none."""
        while True:
            dialect = self.dialect
            try:
                return await self._send(dialect.spell(body))
            except CallError as error:
                # Several calls may be refused for one reason: each is sent again, as learned from the first.
                if error.kind != "refused" or not self.learn(error.reason, dialect):
                    raise

    def learn(self, refusal: str, dialect: Dialect) -> bool:
        """Whether a refusal of a request in `dialect` tells how this server wants requests spelt."""
        learned = dialect.learn(refusal)
        if self.dialect == dialect:
            self.dialect = learned
        return learned != dialect

    def spelt(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body in this server's spelling, for a file of requests."""
        return replace(self.dialect, stream=False).spell(body)

    async def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        carried = {"content": body_pieces(body)}
        async with self._deadline(self._way.timeout) as limit:
            return await self._round_trip("post", "/chat/completions", Reading(longest_reply(body), limit), carried)

    async def ask(self, path: str, content: bytes | None = None) -> dict[str, Any]:
        """The JSON object at another path of the server; CallError if there is none."""
        carried = {} if content is None else {"content": [content]}
        async with self._deadline(self._way.timeout) as limit:
            return await self._round_trip("post" if carried else "get", path, Reading(LONGEST_LIST, limit), carried)

    async def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """The server's answer to a file of requests; CallError if it does not accept it."""
        carried = {"fields": {"purpose": "batch", "file": (name, content, "application/jsonl")}}
        async with self._deadline(self._way.timeout) as limit:
            return await self._round_trip("post", "/files", Reading(LONGEST_LIST, limit), carried)

    async def lines(self, path: str, longest: int) -> AsyncGenerator[bytes]:
        """The lines of a file of any size, of up to `longest` bytes each; CallError if it cannot be read."""
        async with self._deadline(self._way.timeout) as limit:
            with self._told():
                response = await self._request("get", self._address(path), {})
                async with aclosing(lines_of(response, Reading(longest, limit))) as lines:
                    async for line in lines:
                        yield line

    async def models(self) -> list[str]:
        """The names of the models that the server lists; CallError if it does not answer."""
        async with self._deadline(min(LISTING_S, self._way.timeout)) as limit:
            listed = (await self._round_trip("get", "/models", Reading(LONGEST_LIST, limit), {})).get("data")
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]

    async def close(self) -> None:
        open_now = [*self._left, *filter(None, [self._connection])]
        self._left, self._connection = [], None
        for connection in open_now:
            await connection.close()

    @asynccontextmanager
    async def _deadline(self, seconds: float) -> AsyncGenerator[Deadline]:
        """The longest that a round trip may take, from the first byte sent to the last one read."""
        try:
            async with asyncio.timeout(None) as limit:
                deadline = Deadline(limit, seconds)
                try:
                    yield deadline
                finally:
                    deadline.close()
        except TimeoutError:
            raise CallError("broken", f"{TIMED_OUT} {seconds:g} s", billed=True) from None

    def _address(self, path: str) -> str:
        """The whole address: joining a path to base_url costs the client 5% of its time, on every call."""
        address = self.url.rstrip("/") + path
        return f"{address}{'&' if '?' in path else '?'}{self._query}" if self._query else address

    async def _round_trip(self, method: str, path: str, reading: Reading, carried: dict[str, Any]) -> dict[str, Any]:
        address = self._address(path)
        with self._told():
            watch = Stopwatch()
            response = await self._request(method, address, carried)
            watch.answered(response)
            return Answer(await self._read(response, reading), watch.seconds())

    @contextmanager
    def _told(self) -> Generator[None]:
        """Turns what aiohttp raises into a CallError."""
        import aiohttp

        try:
            yield
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise connection_error(error, self._scrubbed) from None

    async def _request(self, method: str, address: str, carried: dict[str, Any]) -> Any:
        """A successful response, its body still to be read; CallError for any other."""
        self._connection = self._connection or Connection(self.url, self._key, self._way)
        response = await self._connection.send(method, address, **carried)
        if not 200 <= response.status < 300:
            content, _ = await read_up_to(response, LONGEST_ERROR)
            raise self._refusal(response, content.decode(errors="replace"))
        return response

    async def _read(self, response: Any, reading: Reading) -> dict[str, Any]:
        """The body of a success, whether it came as a stream or at once."""
        if "event-stream" in response.headers.get("content-type", ""):
            answer, said = await self._read_stream(response, reading)
        else:
            content, whole = await read_up_to(response, reading.longest)
            if not whole:
                raise too_long(reading.longest)
            answer, said = read_body(content), content[:LONGEST_ERROR]
        answer = without_key(answer, self._secrets)
        text = said.decode(errors="replace")
        if isinstance(answer, dict):
            error = answer if answer.get("object") == "error" else answer.get("error")
            if not error:
                return answer
            raise self._routed(error, text, response.headers)
        if "json" not in response.headers.get("content-type", ""):
            raise CallError("misplaced", f"not an answer in JSON: {self._scrubbed(text)}", billed=True)
        raise CallError("broken", f"unreadable JSON of {len(said)} bytes", billed=True)

    async def _read_stream(self, response: Any, reading: Reading) -> tuple[Any, bytes]:
        stream, length = Stream(), 0
        try:
            async for piece in response.content.iter_any():
                reading.go_on()
                stream.feed(piece)
                length += len(piece)
                if length > reading.longest * STREAM_OVERHEAD:
                    raise too_long(reading.longest)
                if stream.done:
                    break
            answer = stream.completion()
        except ValueError as error:
            raise CallError("broken", self._scrubbed(f"a broken stream: {error}"), billed=True) from None
        finally:
            response.release()
        return answer, json.dumps(answer).encode() if answer.get("error") else b""

    def _routed(self, error: Any, text: str, headers: Mapping[str, str]) -> CallError:
        """Routers answer 200 and report the failure of the server behind them in the body, with its status as code;
        without one it may concern this request alone, and is not treated as a server that is away."""
        code = error.get("code") if isinstance(error, dict) else None
        status = int(str(code)) if re.fullmatch(r"[45]\d\d", str(code)) else 500
        said = self._said(text)
        if status == 500 and UNKNOWN_PATH.search(said):
            return CallError("misplaced", said)
        return status_error(status, said, headers, time.time())

    def _refusal(self, response: Any, text: str) -> CallError:
        """What an unsuccessful response means."""
        status, address = response.status, str(response.url)
        if elsewhere := moved(response, address):
            said = self._scrubbed(f"HTTP {status}: redirects to {elsewhere}, and redirects are not followed")
            return CallError("misplaced", said, status)
        return status_error(status, self._said(text), response.headers, time.time())

    def _said(self, text: str) -> str:
        """An error response's message, as one line without secrets."""
        return self._scrubbed(error_message(text))

    def _scrubbed(self, text: str) -> str:
        return scrub(text, *self._secrets)

    @property
    def _secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self._key or "", *self._way.secrets) if is_secret(secret))
