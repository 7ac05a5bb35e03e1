"""One HTTP round trip to one URL, and what its failures mean. Retries, limits and choice of URL are the caller's."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from ovt.core.errors import CallError
from ovt.core.untrusted import parse_json
from ovt.curate.endpoints.secrets import scrub, without_key

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CONNECT_S = 10.0
LISTING_S = 30.0  # for the list of models, which some routers take seconds to send

# Bytes of a reply after decompression. What it may hold follows from what was asked: a token is rarely more than 8
# bytes of JSON, thinking may be in it twice, and escapes take six bytes for one.
REPLY_BYTES, TOKEN_BYTES = 1 << 20, 256
LONGEST_REPLY = 16 << 20  # where the tokens have no bound
LONGEST_LOGPROBS = 64 << 20  # ovt does not read them, but a request may ask for them
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


class HttpTransport:
    """An OpenAI-compatible server, through a minimal use of the `openai` client.

    The body goes out as bytes through the client's own `post` and comes back as a raw response: no request or response
    models, which would take most of the client's time. No retries here, so that each try can be counted and paid.
    """

    revision = None

    def __init__(self, url: str, key: str | None, timeout: float, connections: int) -> None:
        self.url = url
        self.timeout = timeout
        self._key = key
        self._connections = connections
        self._client: Any = None

    async def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """One chat completion; CallError within `timeout` seconds if there is none."""
        async with self._deadline(self.timeout):
            content = json.dumps(body).encode()
            return await self._round_trip("post", "/chat/completions", longest_reply(body), content=content)

    async def models(self) -> list[str]:
        """The names of the models that the server lists; CallError if it lists none."""
        async with self._deadline(min(LISTING_S, self.timeout)):
            listed = (await self._round_trip("get", "/models", LONGEST_LIST)).get("data")
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @asynccontextmanager
    async def _deadline(self, seconds: float) -> AsyncGenerator[None]:
        """The longest that a round trip may take, from the first byte sent to the last one read."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise CallError("broken", f"no answer within {seconds:g} s", billed=True) from None

    async def _round_trip(self, method: str, path: str, longest: int, **carried: bytes) -> dict[str, Any]:
        import aiohttp
        import httpx2
        import openai

        # The whole address: joining a path to base_url costs the client 5% of its time, on every call.
        address = self.url.rstrip("/") + path
        try:
            response = await self._request(method, address, **carried)
            return self._read(response, await self._content(response, longest))
        except openai.APIStatusError as error:
            raise self._refusal(error.response) from None
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            # The layers in between pass some of aiohttp's errors through, such as that of a non-HTTP response.
            raise connection_error(error, self._scrubbed) from None
        except httpx2.HTTPError as error:
            raise CallError("broken", self._scrubbed(f"connection dropped: {error}"), billed=True) from None

    async def _request(self, method: str, address: str, **carried: bytes) -> Any:
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
        limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=None, keepalive_expiry=4)
        # Never use a proxy from the environment to reach this machine.
        direct = urlsplit(self.url).hostname in LOOPBACK
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        http = careful_client()(limits=limits, timeout=timeout, trust_env=not direct, follow_redirects=False)
        key = self._key or "none"
        client = openai.AsyncOpenAI(base_url=self.url, api_key=key, max_retries=0, timeout=timeout, http_client=http)
        if not (urlsplit(self.url).hostname or "").endswith("api.openai.com"):
            # From $OPENAI_ORG_ID, $OPENAI_PROJECT_ID, $OPENAI_ADMIN_KEY and $OPENAI_CUSTOM_HEADERS: for OpenAI alone.
            client.organization = client.project = client.admin_api_key = None
            client._custom_headers = {}
        self._client = client
        return client

    async def _content(self, response: Any, longest: int) -> bytes:
        """The body, decompressed piece by piece; CallError as soon as it is longer than `longest` bytes."""
        content, whole = await read_up_to(response, longest)
        if not whole:
            raise CallError("refused", f"its reply is longer than {longest >> 20} MiB", billed=True)
        return content

    def _read(self, response: Any, content: bytes) -> dict[str, Any]:
        try:
            answer = without_key(parse_json(content), self._key)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and not answer.get("error"):
            return answer
        said = content[:LONGEST_ERROR].decode(errors="replace")
        if isinstance(answer, dict):
            # Routers answer 200 and report the failure of the server behind them in the body.
            code = answer["error"].get("code") if isinstance(answer["error"], dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 502
            raise status_error(status, self._said(said), response.headers, time.time())
        if "json" not in response.headers.get("content-type", ""):
            raise CallError("misplaced", f"not an answer in JSON: {self._scrubbed(said)}", billed=True)
        raise CallError("broken", f"unreadable JSON of {len(content)} bytes", billed=True)

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
        return scrub(text, self._key)


@cache
def careful_client() -> Any:
    """The class of HTTP client: openai's over aiohttp, which reads no more of an error than can be shown."""
    import httpx2
    import openai

    class CarefulClient(openai.DefaultAioHttpClient):
        async def send(self, request: Any, **options: Any) -> Any:
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


def status_error(status: int, said: str, headers: Mapping[str, str], now: float) -> CallError:
    """What an error status means; `now` is a Unix timestamp, for a Retry-After given as a date."""
    wait = retry_after(headers, now)
    reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (401, 402) or "insufficient_quota" in said:
        return CallError("denied", reason, status)
    if status in (403, 404):
        return CallError("misplaced", reason, status)
    if status == 429 or (status == 503 and wait is not None):
        return CallError("limited", reason, status, wait)
    if status in (408, 409, 425) or status >= 500:
        return CallError("broken", reason, status, wait)
    return CallError("refused", reason, status)


def connection_error(error: BaseException, scrubbed: Any) -> CallError:
    """What a failed connection means, according to the underlying aiohttp exception."""
    import aiohttp

    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    said = scrubbed(str(causes[-1]) or type(causes[-1]).__name__)
    opening = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    if any(isinstance(cause, opening) for cause in causes):
        return CallError("unreachable", said)
    return CallError("broken", f"connection dropped: {said}", billed=True)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by the headers retry-after-ms and Retry-After (seconds, or a date); None without either."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    except KeyError:
        return None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - now)
    except (KeyError, ValueError):
        return None


def error_message(text: str) -> str:
    """The message within an error body, in the formats that servers use; else the body itself."""
    try:
        found: Any = parse_json(text)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            code = found.get("code")
            found = found[name]
            if isinstance(code, str) and isinstance(found, str):
                found = f"{found} ({code})"
    return found if isinstance(found, str) else json.dumps(found)
