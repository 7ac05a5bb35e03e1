"""Pictures by URL, for a source that allows it (`fetch_images`): from public addresses only, within limits of size and
time. The address that was checked is the one that is connected to, for each redirect too: a name that leads to this
machine or its network is not fetched, whatever it resolves to the second time.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from string import punctuation
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from ovt.curate.sources.faults import MAX_CELL, Unfit

TIMEOUT_S = 10.0  # of a connection, and of each wait for bytes
WHOLE_S = 60.0  # for a whole picture
REDIRECTS = 4
CHUNK = 2**16

# What `is_global` takes for the internet: IPv4 behind a gateway, which may be any, and deprecated ranges.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_DEPRECATED = (ipaddress.ip_network("::/96"), ipaddress.ip_network("fec0::/10"))

Resolve = Callable[[str, int], list[str]]


def fetch(url: str, resolve: "Resolve | None" = None) -> bytes:
    """The content at a URL. Raises Unfit("remote_image") saying why there is none."""
    deadline = time.monotonic() + WHOLE_S
    try:
        for _ in range(REDIRECTS + 1):
            found = _get(urlsplit(url), resolve or addresses, deadline)
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _refused(url, f"{type(error).__name__}: {error}") from None
    raise _refused(url, f"redirected more than {REDIRECTS} times")


def addresses(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_public(address: str) -> bool:
    """Whether an address is on the internet, and not on this machine, its network or a cloud's own services."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if found in _NAT64:
        inner = ipaddress.IPv4Address(found.packed[-4:])
    here = found.is_multicast or any(found in network for network in _DEPRECATED)
    return found.is_global and not here and (inner is None or is_public(str(inner)))


def _get(url: SplitResult, resolve: Resolve, deadline: float) -> bytes | str:
    """The body, or where it is redirected to."""
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if url.scheme not in ("http", "https") or not host or url.username is not None:
        raise ValueError("expected http:// or https:// and a host")
    known = resolve(host, port)
    if not known or not all(map(is_public, known)):
        raise ValueError(f"{host} is not a public address")
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    connection.sock = _connected(host, port, known[0], url.scheme == "https")
    # A server that sends a byte now and then would never time out.
    late = threading.Timer(max(deadline - time.monotonic(), 0), _cut, [connection.sock])
    late.start()
    try:
        where = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", quote(where, safe=punctuation), headers={"User-Agent": "ovt", "Accept": "image/*"})
        reply = connection.getresponse()
        if reply.status in (301, 302, 303, 307, 308):
            return reply.getheader("Location") or ""
        if reply.status != 200:
            raise ValueError(f"status {reply.status}")
        return _body(reply, deadline)
    finally:
        late.cancel()
        connection.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int, address: str, secure: bool) -> socket.socket:
    plain = socket.create_connection((address, port), TIMEOUT_S)
    if not secure:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def _body(reply: http.client.HTTPResponse, deadline: float) -> bytes:
    """The bytes of a reply, as they are: nothing is decompressed."""
    found = bytearray()
    while part := reply.read1(CHUNK):
        found += part
        if len(found) > MAX_CELL:
            raise ValueError(f"more than {MAX_CELL:,} bytes")
    # Only a body of unknown length may have been ended by our own cut; any other counts however late it is read.
    unknown = reply.length is None and not reply.chunked
    if reply.length or (unknown and time.monotonic() > deadline):
        raise ValueError(f"not whole after {WHOLE_S:g} s, or cut off")
    return bytes(found)


def _refused(url: str, why: str) -> Unfit:
    return Unfit("remote_image", f"{url[:200]} cannot be fetched ({why[:200]})")
