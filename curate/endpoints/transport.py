"""One HTTP round trip to one URL, and what its failures mean. Retries, limits and choice of URL are the caller's."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from ovt.core.errors import CallError
from ovt.core.untrusted import parse_json
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.families import BEARER
from ovt.curate.endpoints.meanings import TIMED_OUT, connection_error, error_message, status_error
from ovt.curate.endpoints.secrets import is_secret, scrub, without_key
from ovt.curate.endpoints.streams import Stream

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CONNECT_S = 10.0
LISTING_S = 30.0  # for the list of models, which some routers take seconds to send
STALL_S = 100.0  # between two pieces of a stream; gateways cut silent connections after that time
# What servers answer, with status 200, to a path that they do not know: LM Studio without /v1.
UNKNOWN_PATH = re.compile(
    r"unexpected endpoint|unknown (?:endpoint|path|url)|no such (?:endpoint|route)", re.IGNORECASE
)

# Bytes of a reply after decompression. What it may hold follows from what was asked: a token is rarely more than 8
# bytes of JSON, thinking may be in it twice, and escapes take six bytes for one.
REPLY_BYTES, TOKEN_BYTES = 1 << 20, 256
LONGEST_REPLY = 16 << 20  # where the tokens have no bound
LONGEST_LOGPROBS = 64 << 20  # ovt does not read them, but a request may ask for them
STREAM_OVERHEAD = 4  # times as many bytes come as a stream: names around every few letters
LONGEST_LIST = 8 << 20  # of models
LONGEST_ERROR = 1 << 18  # the rest of an error is not read
ENCODED = {b"content-encoding", b"content-length", b"transfer-encoding"}  # headers of a body that was decoded


class Transport(Protocol):
    """Sends the body of an OpenAI chat-completions request to a model and returns the response body.

    `revision` identifies the weights if known (a hash, for an embedded model). `send` raises CallError for
    a failure of the model. `close` releases what belongs to the running event loop; a later `send` reopens it.
    """

    @property
    def revision(self) -> str | None: ...

    async def send(self, body: dict[str, Any]) -> dict[str, Any]: ...

    async def close(self) -> None: ...


class Answer(dict[str, Any]):
    """The body of a response; `seconds`: how long its server took to begin answering, our own work left out."""

    def __init__(self, body: Mapping[str, Any], seconds: float) -> None:
        super().__init__(body)
        self.seconds = seconds


@dataclass(frozen=True)
class Way:
    """How requests travel.

    timeout      seconds for a whole round trip; of a stream, for its first bytes (STALL_S after that)
    connections  open at once
    headers, query   sent with each request; key_header: where the key goes, as a bearer token in Authorization
    dialect      how requests are spelt, as far as it is known before the first one
    secrets      further values that must not come back, such as those of headers
    """

    timeout: float
    connections: int
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    key_header: str = BEARER
    dialect: Dialect = field(default_factory=Dialect)
    secrets: tuple[str, ...] = ()


class HttpTransport:
    """An OpenAI-compatible server, through a minimal use of the `openai` client.

    The body goes out as bytes through the client's own `post` and comes back as a raw response: no request or response
    models, which would take most of the client's time. No retries here, so that each try can be counted and paid; only
    a spelling that the server refuses is put right, once (`dialect.py`).
    """

    revision = None

    def __init__(self, url: str, key: str | None, way: Way) -> None:
        self.url = url
        self._key = key
        self._way = way
        self._secrets = tuple(secret for secret in (key or "", *way.secrets) if is_secret(secret))
        self._dialect = way.dialect
        self._query = f"?{urlencode(way.query)}" if way.query else ""
        self._client: Any = None

    async def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """One chat completion; CallError within `timeout` seconds if there is none."""
        while True:
            dialect = self._dialect
            try:
                return await self._send(dialect.spell(body))
            except CallError as error:
                # Several calls may be refused for one reason: each is sent again, in what was learned from the first.
                if error.kind != "refused" or (learned := dialect.learn(error.reason)) == dialect:
                    raise
                self._dialect = learned if self._dialect == dialect else self._dialect

    async def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(body).encode()
        async with self._deadline(self._way.timeout) as limit:
            return await self._round_trip("post", "/chat/completions", Reading(longest_reply(body), limit), content)

    async def models(self) -> list[str]:
        """The names of the models that the server lists; CallError if it lists none."""
        async with self._deadline(min(LISTING_S, self._way.timeout)) as limit:
            listed = (await self._round_trip("get", "/models", Reading(LONGEST_LIST, limit))).get("data")
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @asynccontextmanager
    async def _deadline(self, seconds: float) -> AsyncGenerator[asyncio.Timeout]:
        """The longest that a round trip may take, from the first byte sent to the last one read."""
        try:
            async with asyncio.timeout(seconds) as limit:
                yield limit
        except TimeoutError:
            raise CallError("broken", f"{TIMED_OUT} {seconds:g} s", billed=True) from None

    async def _round_trip(
        self, method: str, path: str, reading: "Reading", content: bytes | None = None
    ) -> dict[str, Any]:
        import aiohttp
        import httpx2
        import openai

        # The whole address: joining a path to base_url costs the client 5% of its time, on every call.
        address = self.url.rstrip("/") + path + self._query
        began = time.monotonic()
        try:
            response = await self._request(method, address, {} if content is None else {"content": content})
            seconds = time.monotonic() - began
            return Answer(await self._read(response, reading), seconds)
        except openai.APIStatusError as error:
            raise self._refusal(error.response) from None
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            # The layers in between pass some of aiohttp's errors through, such as that of a non-HTTP response.
            raise connection_error(error, self._scrubbed) from None
        except httpx2.HTTPError as error:
            raise CallError("broken", self._scrubbed(f"connection dropped: {error}"), billed=True) from None

    async def _request(self, method: str, address: str, carried: dict[str, bytes]) -> Any:
        """The response, its body still to be read. A redirect is followed once, and only within the same server: the
        key, the prompt and the images go nowhere else."""
        import httpx2
        import openai

        ask = getattr(self._client or self._open(), method)
        try:
            return await ask(address, cast_to=httpx2.Response, stream=True, **carried)
        except openai.APIStatusError as error:
            elsewhere = moved(error.response, address)
            if elsewhere is None or error.status_code not in (307, 308) or not same_server(elsewhere, address):
                raise
        return await ask(elsewhere, cast_to=httpx2.Response, stream=True, **carried)

    def _open(self) -> Any:
        import httpx2
        import openai

        # Shorter than the 5 s after which uvicorn hangs up, so that no call meets a connection that is being closed.
        limits = httpx2.Limits(
            max_connections=self._way.connections, max_keepalive_connections=None, keepalive_expiry=4
        )
        # Never use a proxy from the environment to reach this machine.
        direct = urlsplit(self.url).hostname in LOOPBACK
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        http = careful_client()(limits=limits, timeout=timeout, trust_env=not direct, follow_redirects=False)
        http.key = (self._way.key_header, self._key) if self._way.key_header != BEARER else None
        key = self._key or "none"
        client = openai.AsyncOpenAI(base_url=self.url, api_key=key, max_retries=0, timeout=timeout, http_client=http)
        if not (urlsplit(self.url).hostname or "").endswith("api.openai.com"):
            # From $OPENAI_ORG_ID, $OPENAI_PROJECT_ID, $OPENAI_ADMIN_KEY and $OPENAI_CUSTOM_HEADERS: for OpenAI alone.
            client.organization = client.project = client.admin_api_key = None
            client._custom_headers = {}
        client._custom_headers = {**client._custom_headers, **self._way.headers}
        self._client = client
        return client

    async def _read(self, response: Any, reading: "Reading") -> dict[str, Any]:
        """The body of a success, whether it came as a stream or at once."""
        if "event-stream" in response.headers.get("content-type", ""):
            answer, said = await self._read_stream(response, reading)
        else:
            content, whole = await read_up_to(response, reading.longest)
            if not whole:
                raise too_long(reading.longest)
            answer, said = read_body(content), content[:LONGEST_ERROR]
        answer = without_key(answer, self._secrets)
        if isinstance(answer, dict) and not answer.get("error"):
            return answer
        text = said.decode(errors="replace")
        if isinstance(answer, dict):
            raise self._routed(answer["error"], text, response.headers)
        if "json" not in response.headers.get("content-type", ""):
            raise CallError("misplaced", f"not an answer in JSON: {self._scrubbed(text)}", billed=True)
        raise CallError("broken", f"unreadable JSON of {len(said)} bytes", billed=True)

    async def _read_stream(self, response: Any, reading: "Reading") -> tuple[Any, bytes]:
        stream, length = Stream(), 0
        try:
            async with aclosing(response.aiter_bytes()) as pieces:
                async for piece in pieces:
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
            await response.aclose()
        return answer, json.dumps(answer).encode() if answer.get("error") else b""

    def _routed(self, error: Any, text: str, headers: Mapping[str, str]) -> CallError:
        """Routers answer 200 and report the failure of the server behind them in the body, with its status as code;
        without one it may be about this request alone, and is not waited for as a server that is away."""
        code = error.get("code") if isinstance(error, dict) else None
        status = int(str(code)) if re.fullmatch(r"[45]\d\d", str(code)) else 500
        said = self._said(text)
        if status == 500 and UNKNOWN_PATH.search(said):
            return CallError("misplaced", said)
        return status_error(status, said, headers, time.time())

    def _refusal(self, response: Any) -> CallError:
        """What a response that is no success means."""
        status, address = response.status_code, str(response.request.url)
        if elsewhere := moved(response, address):
            said = self._scrubbed(f"HTTP {status}: redirects to {elsewhere}, and redirects are not followed")
            return CallError("misplaced", said, status)
        return status_error(status, self._said(response.text), response.headers, time.time())

    def _said(self, text: str) -> str:
        """An error response's message, as one line without secrets."""
        return self._scrubbed(error_message(text))

    def _scrubbed(self, text: str) -> str:
        return scrub(text, *filter(None, (self._key, *self._way.secrets)))


@dataclass(frozen=True)
class Reading:
    """The limits of reading a body: its bytes, and the deadline, which each piece of a stream puts off."""

    longest: int
    deadline: asyncio.Timeout

    def go_on(self) -> None:
        self.deadline.reschedule(asyncio.get_running_loop().time() + STALL_S)


def read_body(content: bytes) -> Any:
    """The JSON in a body, after comments that keep the connection open, or the stream that it holds although it says
    JSON; None if it is neither."""
    content = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        while content.startswith(b":"):
            content = content.partition(b"\n")[2].lstrip()
        if content.startswith((b"data:", b"event:")):
            stream = Stream()
            stream.feed(content)
            return stream.completion()
        return parse_json(content)
    except ValueError:
        return None


def too_long(longest: int) -> CallError:
    return CallError("refused", f"its reply is longer than {longest >> 20} MiB", billed=True)


@cache
def careful_client() -> Any:
    """The class of HTTP client: openai's over aiohttp, which reads no more of an error than can be shown."""
    import httpx2
    import openai

    class CarefulClient(openai.DefaultAioHttpClient):
        key: tuple[str, str | None] | None = None  # a header of its own for the key, and the key

        async def send(self, request: Any, **options: Any) -> Any:
            if self.key is not None:
                del request.headers[BEARER]
                request.headers[self.key[0]] = self.key[1] or ""
            response = await super().send(request, **options)
            if response.is_success:
                return response
            content, _ = await read_up_to(response, LONGEST_ERROR)
            headers = [(name, value) for name, value in response.headers.raw if name.lower() not in ENCODED]
            return httpx2.Response(response.status_code, headers=headers, content=content, request=request)

    return CarefulClient


async def read_up_to(response: Any, longest: int) -> tuple[bytes, bool]:
    """The first bytes of a body, decompressed, and whether they are all of it; the response is closed."""
    parts, length = [], 0
    try:
        async with aclosing(response.aiter_bytes()) as stream:
            async for part in stream:
                parts.append(part)
                length += len(part)
                if length > longest:
                    break
    finally:
        await response.aclose()
    return b"".join(parts)[:longest], length <= longest


def longest_reply(body: Mapping[str, Any]) -> int:
    """The most bytes that the reply to a request may have."""
    if body.get("logprobs"):
        return LONGEST_LOGPROBS
    tokens = body.get("max_tokens") or body.get("max_completion_tokens")
    if not isinstance(tokens, int):
        return LONGEST_REPLY
    return min(LONGEST_REPLY, REPLY_BYTES + TOKEN_BYTES * tokens * body.get("n", 1))


def moved(response: Any, address: str) -> str | None:
    """The address that a redirect names; None if the response is none."""
    location = response.headers.get("location")
    if not location or not 300 <= response.status_code < 400:
        return None
    try:
        return urljoin(address, location)
    except ValueError:
        return location


def same_server(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    try:
        first, second = urlsplit(one), urlsplit(other)
        return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)
    except ValueError:
        return False
