"""Pictures by URL: over real HTTP, from a server on this machine that passes for a public one."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from ovt.curate.sources import remote
from ovt.curate.sources.faults import MAX_CELL, Unfit
from ovt.curate.sources.remote import fetch, is_public


class Server(ThreadingHTTPServer):
    """`content` is what it sends, `asked` what for; `slow` ends what it never sends."""

    content = b""
    asked: ClassVar[list[str]] = []
    slow = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        Server.asked.append(self.path)
        place = self.path.split("?")[0]
        if place == "/slow.png":
            Server.slow.wait(30)
            return
        if place.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200 if place != "/gone.png" else 404)
        self.end_headers()
        if place == "/huge.png":
            with_nothing = b"\0" * 2**20
            try:
                for _ in range(2 * MAX_CELL // 2**20):
                    self.wfile.write(with_nothing)
            except OSError:
                return
        else:
            self.wfile.write(Server.content)

    def log_message(self, format: str, *told: object) -> None:
        pass


@pytest.fixture
def port(picture) -> Iterator[int]:
    with Server(("127.0.0.1", 0), Handler) as server:
        Server.content = picture(5)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        Server.slow = threading.Event()
        yield server.server_port
        Server.slow.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def as_if_public(monkeypatch) -> None:
    """127.0.0.1 passes for an address of the internet; others of this machine do not."""
    monkeypatch.setattr(remote, "is_public", lambda address: address == "127.0.0.1" or is_public(address))


def refused(url: str) -> str:
    with pytest.raises(Unfit) as unfit:
        fetch(url)
    assert unfit.value.reason == "remote_image"
    return unfit.value.detail


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        *((one, False) for one in (
            "127.0.0.1", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
            "224.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::",
            "64:ff9b::a9fe:a9fe", "::7f00:1", "fec0::1",
        )),
        ("64:ff9b::5db8:d822", True),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.png", "http://localhost:9/x.png", "http://[::1]/x.png", "http://2130706433/x.png",
        "http://169.254.169.254/latest/meta-data/", "http://0/x.png", "http://0x7f.1/x.png",
    ],
)  # fmt: skip
def test_this_machine_and_its_network_are_not_asked(url: str) -> None:
    assert "is not a public address" in refused(url) or "gaierror" in refused(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/b", "gopher://a/", "http:///x", "http://u:p@h/x", "http://a:b/"]
)
def test_other_urls_are_refused(url: str) -> None:
    assert "cannot be fetched" in refused(url)


def test_a_picture_is_fetched(port: int, as_if_public, picture) -> None:
    assert fetch(f"http://127.0.0.1:{port}/a%20b.png?x=1") == picture(5)
    assert fetch(f"http://127.0.0.1:{port}/é b.png?x=ü") == picture(5)
    assert Server.asked[-2:] == ["/a%20b.png?x=1", "/%C3%A9%20b.png?x=%C3%BC"]
    assert fetch(f"http://127.0.0.1:{port}/to//1.png") == picture(5)


def test_what_is_not_there_not_the_same_or_too_large(port: int, as_if_public) -> None:
    here = f"http://127.0.0.1:{port}"
    assert "status 404" in refused(f"{here}/gone.png")
    assert "more than 67,108,864 bytes" in refused(f"{here}/huge.png")
    assert "redirected more than 4 times" in refused(f"{here}{'/to/' * 9}/1.png")
    assert "is not a public address" in refused(f"{here}/to/http://[::1]/x.png")
    assert "expected http://" in refused(f"{here}/to/file:///etc/passwd")


def test_a_server_that_does_not_come_to_an_end(port: int, as_if_public, monkeypatch) -> None:
    monkeypatch.setattr(remote, "WHOLE_S", 0.2)
    assert "cannot be fetched" in refused(f"http://127.0.0.1:{port}/slow.png")


def test_rows_with_urls(port: int, as_if_public, load, jsonl, picture) -> None:
    path = jsonl([{"question": f"{n}?", "answer": "1", "image": f"http://127.0.0.1:{port}/{n}.png"} for n in range(2)])
    with pytest.raises(Exception, match="remote_image 2"):
        load(path)
    made = load(path, fetch_images=True)
    assert made.rows_in == {"rows": 2}
    assert made.questions["images"].list.first().n_unique() == 1
