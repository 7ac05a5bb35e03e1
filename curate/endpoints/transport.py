"""One HTTP round trip to one URL, and what its failures mean. Retries, limits and choice of URL are the caller's."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from ovt.core.errors import CallError
from ovt.core.text import plain

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CONNECT_S = 10.0
SHORTEST_KEY = 16  # characters; shorter keys are not scrubbed from replies
# Patterns of keys, in case a server echoes one that is not ours.
KEY_LOOK = re.compile(r"\b(?:sk|hf|gsk|xai)[-_][\w*.\-]{6,}|(?<=Bearer )\S+")


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
        return await self._round_trip("post", "/chat/completions", json.dumps(body).encode())

    async def models(self) -> list[str]:
        """The names of the models that the server lists; CallError if it lists none."""
        listed = (await self._round_trip("get", "/models")).get("data")
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _round_trip(self, method: str, path: str, content: bytes | None = None) -> dict[str, Any]:
        import aiohttp
        import httpx2
        import openai

        client = self._client or self._open()
        carried = {} if content is None else {"content": content}
        # The whole address: joining a path to base_url costs the client 5% of its time, on every call.
        address = self.url.rstrip("/") + path
        try:
            async with asyncio.timeout(self.timeout):
                response = await getattr(client, method)(address, cast_to=httpx2.Response, **carried)
        except TimeoutError:
            raise CallError("broken", f"no answer within {self.timeout:g} s", billed=True) from None
        except openai.APIStatusError as error:
            headers = error.response.headers
            raise status_error(error.status_code, self._said(error.response.text), headers, time.time()) from None
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            # The layers in between pass some of aiohttp's errors through, such as that of a non-HTTP response.
            raise connection_error(error, self._scrubbed) from None
        except httpx2.HTTPError as error:
            raise CallError("broken", self._scrubbed(f"connection dropped: {error}"), billed=True) from None
        return self._read(response)

    def _open(self) -> Any:
        import httpx2
        import openai

        # Shorter than the 5 s after which uvicorn hangs up, so that no call meets a connection that is being closed.
        limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=None, keepalive_expiry=4)
        # Never use a proxy from the environment to reach this machine.
        direct = urlsplit(self.url).hostname in LOOPBACK
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        http = openai.DefaultAioHttpClient(limits=limits, timeout=timeout, trust_env=not direct)
        key = self._key or "none"
        self._client = openai.AsyncOpenAI(
            base_url=self.url, api_key=key, max_retries=0, timeout=timeout, http_client=http
        )
        return self._client

    def _read(self, response: Any) -> dict[str, Any]:
        try:
            answer = json.loads(self._without_key(response.content))
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and not answer.get("error"):
            return answer
        if isinstance(answer, dict):
            # Routers answer 200 and report the failure of the server behind them in the body.
            code = answer["error"].get("code") if isinstance(answer["error"], dict) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 502
            raise status_error(status, self._said(response.text), response.headers, time.time())
        if "json" not in response.headers.get("content-type", ""):
            raise CallError("misplaced", f"not an answer in JSON: {self._scrubbed(response.text)}", billed=True)
        raise CallError("broken", f"unreadable JSON of {len(response.content)} bytes", billed=True)

    def _without_key(self, content: bytes) -> bytes:
        """A reply that echoes the key would put it into the store, and from there into published data.

        Short keys stay ("EMPTY", as for local servers): they protect nothing, and may be ordinary words.
        """
        if self._key is None or len(self._key) < SHORTEST_KEY:
            return content
        return content.replace(self._key.encode(), b"[key]")

    def _said(self, text: str) -> str:
        """An error response's message, as one line without secrets."""
        return self._scrubbed(error_message(text))

    def _scrubbed(self, text: str) -> str:
        return scrub(text, self._key)


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
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            code = found.get("code")
            found = found[name]
            if isinstance(code, str) and isinstance(found, str):
                found = f"{found} ({code})"
    return found if isinstance(found, str) else json.dumps(found)


def scrub(text: str, key: str | None) -> str:
    """`text` as one safe line of at most 300 characters, without the key or anything
    that looks like one."""
    if key:
        text = text.replace(key, "[key]")
    line = plain(" ".join(KEY_LOOK.sub("[key]", text).split()))
    return line if len(line) <= 300 else f"{line[:299]}…"
