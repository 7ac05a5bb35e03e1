"""How requests travel: through a proxy of the environment, which learns no key."""

import asyncio
import socket
import threading

import pytest

from ovt.core.errors import CallError, OvtError
from ovt.curate.endpoints.connection import Way, proxy_of
from ovt.curate.endpoints.transport import HttpTransport

KEY = "k3y-of-the-user-1234"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://api.example.org/v1", None),
        ({"https_proxy": "http://proxy:3128"}, "https://api.example.org/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "http://api.example.org/v1", None),
        ({"all_proxy": "proxy:3128"}, "https://api.example.org/v1", "http://proxy:3128"),
        ({"https_proxy": "http://proxy:3128"}, "https://localhost:8000/v1", None),
        ({"http_proxy": "http://proxy:3128"}, "http://127.0.0.1:8000/v1", None),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "example.org"}, "https://api.example.org/v1", None),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "*"}, "https://api.example.org/v1", None),
    ],
)
def test_the_proxy_for_a_url(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], url: str, expected: str | None
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == expected


def test_a_proxy_is_asked_for_the_way_and_gets_its_own_password_but_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def serve() -> None:
        with listener.accept()[0] as caller:
            heard.append(caller.recv(65536))
            caller.sendall(b"HTTP/1.1 403 Not through here\r\nContent-Length: 0\r\n\r\n")

    async def send() -> None:
        way = Way(5.0, 2, headers={"X-Gateway-Key": KEY}, secrets=(KEY,))
        transport = HttpTransport("https://api.example.org/v1", KEY, way)
        try:
            await transport.send({"model": "m", "messages": []})
        finally:
            await transport.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(CallError):
            asyncio.run(send())
        thread.join(5)
    (request,) = heard
    assert request.startswith(b"CONNECT api.example.org:443 ")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in request
    assert KEY.encode() not in request


@pytest.mark.parametrize("proxy", ["socks5://me:secret@proxy:1080", "ftp://proxy", "http://[::1", "http://a b", "x:y"])
def test_a_proxy_that_is_none_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(OvtError, match=r"^\$all_proxy names '[^']+' for https://api.example.org/v1, expected") as said:
        proxy_of("https://api.example.org/v1")
    assert "secret" not in str(said.value)
