"""A home with versions, runs, evaluations and a loop, and a view of it that answers on this machine."""

import asyncio
import http.client
import json
import tarfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ovt.core.home import Home
from ovt.view.answers import View
from ovt.view.server import make_app, serve

FIXTURE = Path(__file__).parents[1] / "fixtures" / "home-0.1.tar.xz"


@dataclass(frozen=True)
class Site:
    """A running view."""

    url: str
    view: View

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
        """The response as (status, headers, content); the path is sent as it is."""
        link = http.client.HTTPConnection(self.url.removeprefix("http://").split("/")[0], timeout=30)
        link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = link.getresponse()
        found = response.status, dict(response.getheaders()), response.read()
        link.close()
        return found

    def get(self, name: str, /, **params: Any) -> Any:
        """The JSON answer to NAME, whatever its status."""
        return json.loads(self.ask(f"/api/{name}?{urlencode(params, doseq=True)}")[2])


@contextmanager
def serving(view: View, token: str | None = None) -> Generator[Site]:
    ready: list[str] = []
    started, loop = threading.Event(), asyncio.new_event_loop()

    def begin(address: str) -> None:
        ready.append(address)
        started.set()

    task = loop.create_task(serve(make_app(view, token), "127.0.0.1", 0, begin))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield Site(ready[0], view)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def old_home(tmp_path_factory) -> Home:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(FIXTURE) as file:
        file.extractall(folder, filter="data")
    return Home(folder / "home-0.1" / "ovt-home")


@pytest.fixture(scope="session")
def site(old_home) -> Iterator[Site]:
    with serving(View(old_home)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser (tests/browser.py)."""
    from browser import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def watch(chromium) -> Iterator[Callable[..., Any]]:
    """Opens pages that are watched."""
    from browser import pages

    with pages(chromium) as open_page:
        yield open_page
