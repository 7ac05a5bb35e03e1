"""The open connections to one server: aiohttp's client, with the headers that `openai` sends.

Requests are built once and handed to aiohttp. `openai`'s own `post`, or its HTTP client (httpx over aiohttp), would
build each again in other forms, which took more than half of the time that a call costs this process.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ovt.core.errors import OvtError
from ovt.curate.endpoints.bodies import moved, same_server
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.families import BEARER
from ovt.curate.endpoints.section import LOOPBACK

CONNECT_S = 10.0
PROXY = re.compile(r"https?://(?:[^/@\s]*@)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?/?")
KEPT_S = 4  # shorter than the 5 s after which uvicorn hangs up, so that no call meets a connection that is being closed


@dataclass(frozen=True)
class Way:
    """How requests travel.

    timeout      seconds for a whole round trip; for a stream, until its first bytes (STALL_S after that)
    connections  open at once
    headers, query   sent with each request; key_header: where the key goes (in Authorization as a bearer token)
    dialect      how requests are spelt, as far as that is known before the first one
    secrets      further values to remove from replies, such as those of headers
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
        import aiohttp

        self._proxy = proxy_of(url)
        tls = certificates() if url.startswith("https") else True
        connector = aiohttp.TCPConnector(limit=way.connections, keepalive_timeout=KEPT_S, ssl=tls)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout)
        # Not as the session's own headers: those would go to a proxy as well.
        self._headers = headers_of(url, key, way)
        self._json_headers = self._headers.copy()
        self._json_headers["Content-Type"] = "application/json"

    async def send(self, method: str, address: str, **carried: Any) -> Any:
        """The response, its body still to be read. A redirect is followed once, and only within the same server: the
        key, the prompt and the images go nowhere else. carried: `content` (pieces of JSON), or `fields` of a
        form."""
        response = await self._once(method, address, carried)
        elsewhere = moved(response, address)
        if elsewhere is None or response.status not in (307, 308) or not same_server(elsewhere, address):
            return response
        response.release()
        return await self._once(method, elsewhere, carried)

    async def _once(self, method: str, address: str, carried: dict[str, Any]) -> Any:
        headers = self._json_headers if "content" in carried else self._headers
        data = in_pieces()(carried["content"]) if "content" in carried else form(carried.get("fields", {}))
        return await self._client.request(
            method, address, data=data, headers=headers, proxy=self._proxy, allow_redirects=False
        )

    async def close(self) -> None:
        await self._client.close()


@cache
def in_pieces() -> Any:
    """The class of a body that is sent piece by piece: aiohttp copies a body of bytes to put the head before it."""
    from aiohttp.payload import Payload

    class Pieces(Payload):
        def __init__(self, pieces: Sequence[bytes]) -> None:
            super().__init__(pieces)
            self._size = sum(map(len, pieces))

        def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            return b"".join(self._value).decode(encoding, errors)

        async def write(self, writer: Any) -> None:
            for piece in self._value:
                await writer.write(memoryview(piece))

    return Pieces


def form(fields: Mapping[str, Any]) -> Any:
    """Fields as a form: texts, and files as (name, content, media type); None without any."""
    import aiohttp

    if not fields:
        return None
    made = aiohttp.FormData()
    for field_name, value in fields.items():
        name, content, kind = value if isinstance(value, tuple) else (None, value, None)
        made.add_field(field_name, content, filename=name, content_type=kind)
    return made


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for a URL; never one for this machine. OvtError if it is not an HTTP
    proxy."""
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    named = next((name for name in (parts.scheme, "all") if proxies.get(name)), None)
    if named is None:
        return None
    found = proxies[named] if "://" in proxies[named] else f"http://{proxies[named]}"
    if not PROXY.fullmatch(found):
        raise OvtError(
            f"${named}_proxy names {found.rpartition('@')[2][:60]!a} for {url}, expected http://HOST:PORT: correct it, "
            f"or add {parts.hostname} to $no_proxy"
        )
    return found


@cache
def certificates() -> Any:
    """The trusted authorities: certifi's, or those in $SSL_CERT_FILE and $SSL_CERT_DIR."""
    import httpx2

    return httpx2.create_ssl_context()


def headers_of(url: str, key: str | None, way: Way) -> Any:
    """The headers of each request: `openai`'s own, the endpoint's, and the key."""
    import openai
    from multidict import CIMultiDict

    # Never connects; a client that can would read all certificates, and the environment's proxies.
    unused = openai.DefaultAioHttpClient(verify=False, trust_env=False)
    client = openai.AsyncOpenAI(base_url=url, api_key=key or "none", http_client=unused)
    if not (urlsplit(url).hostname or "").endswith("api.openai.com"):
        # From $OPENAI_ORG_ID, $OPENAI_PROJECT_ID and $OPENAI_CUSTOM_HEADERS: for OpenAI only.
        client.organization = client.project = None
        client._custom_headers = {}
    own = {name: value for name, value in client.default_headers.items() if isinstance(value, str)}
    headers = CIMultiDict({**own, BEARER: f"Bearer {key or 'none'}"})
    headers.pop("Content-Type", None)
    headers.update(way.headers)
    if way.key_header != BEARER:
        del headers[BEARER]
        headers[way.key_header] = key or ""
    return headers
