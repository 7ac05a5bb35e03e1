"""The open connections to one server: openai's HTTP client (httpx over aiohttp), with the headers that `openai` sends.

Requests are made once and handed to that client. `openai`'s own `post` would make each of them again, out of options,
models and a joined URL, which took more than a third of the time that a call costs this process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from ovt.curate.endpoints.bodies import LONGEST_ERROR, moved, read_up_to, same_server
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.families import BEARER
from ovt.curate.endpoints.section import LOOPBACK

CONNECT_S = 10.0
ENCODED = {b"content-encoding", b"content-length", b"transfer-encoding"}  # headers of a body that was decoded


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


class Connection:
    """The client, and the headers of each request; it belongs to the event loop that it is first used in."""

    def __init__(self, url: str, key: str | None, way: Way) -> None:
        import httpx2

        # Shorter than the 5 s after which uvicorn hangs up, so that no call meets a connection that is being closed.
        limits = httpx2.Limits(max_connections=way.connections, max_keepalive_connections=None, keepalive_expiry=4)
        # Never use a proxy from the environment to reach this machine.
        direct = urlsplit(url).hostname in LOOPBACK
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        self._client = careful_client()(limits=limits, timeout=timeout, trust_env=not direct, follow_redirects=False)
        self._headers = headers_of(url, key, way, self._client)
        self._json_headers = httpx2.Headers({**self._headers, "Content-Type": "application/json"})

    async def send(self, method: str, address: str, **carried: Any) -> Any:
        """The response, its body still to be read if it is a success. A redirect is followed once, and only within the
        same server: the key, the prompt and the images go nowhere else. carried: `content` (JSON), or `data` and
        `files`."""
        response = await self._once(method, address, carried)
        elsewhere = moved(response, address)
        if elsewhere is None or response.status_code not in (307, 308) or not same_server(elsewhere, address):
            return response
        return await self._once(method, elsewhere, carried)

    async def _once(self, method: str, address: str, carried: dict[str, Any]) -> Any:
        import httpx2

        headers = self._json_headers if "content" in carried else self._headers
        made = httpx2.Request(method, parsed(address), headers=headers, **carried)
        return await self._client.send(made, stream=True)

    async def close(self) -> None:
        await self._client.aclose()


@lru_cache(64)
def parsed(address: str) -> Any:
    """A URL, which takes a tenth as long to use again as to parse again."""
    import httpx2

    return httpx2.URL(address)


def headers_of(url: str, key: str | None, way: Way, http: Any) -> Any:
    """The headers of each request: `openai`'s own, the endpoint's, and the key."""
    import httpx2
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key=key or "none", http_client=http)
    if not (urlsplit(url).hostname or "").endswith("api.openai.com"):
        # From $OPENAI_ORG_ID, $OPENAI_PROJECT_ID and $OPENAI_CUSTOM_HEADERS: for OpenAI alone.
        client.organization = client.project = None
        client._custom_headers = {}
    own = {name: value for name, value in client.default_headers.items() if isinstance(value, str)}
    headers = httpx2.Headers({**own, BEARER: f"Bearer {key or 'none'}"})
    headers.pop("Content-Type", None)
    headers.update(way.headers)
    if way.key_header != BEARER:
        del headers[BEARER]
        headers[way.key_header] = key or ""
    return headers


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
