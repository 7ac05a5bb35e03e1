"""A real browser on the view: what a page complained about and asked for.

Needs Chromium of the system and Playwright; tests that import this are skipped with a reason elsewhere.
"""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser")
playwright.expect.set_options(timeout=60_000)  # milliseconds, on a busy machine
expect = playwright.expect
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDED = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
    pytest.mark.timeout(400),  # of screens on a busy machine
]

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SETTLED = """() => document.querySelector("main h1, main .path") && document.body.dataset.shown === location.hash
  && document.body.dataset.asking === "0" """
SMALL = {"version": "small@v2"}
SCREENS = {
    "home": ("home", {}),
    "funnel": ("version", SMALL),
    "rows": ("rows", SMALL | {"outcome": "wrong"}),
    "pictures": ("rows", SMALL | {"look": "grid", "each": "question"}),
    "compare": ("compare", {"a": "small@v1", "b": "small@v2"}),
    "evaluations": ("compare", {"a": "eval:done-test", "b": "eval:reinforced-test"}),
    "what-if": ("what-if", SMALL | {"set": "select.strategy=longest_correct"}),
    "run": ("run", {"name": "reinforced"}),
    "rollouts": ("rows", {"version": "run:reinforced"}),
    "evaluation": ("evaluation", {"name": "done-test"}),
}


def at(screen: str, params: dict[str, Any]) -> str:
    return f"#/{screen}?{urlencode(params, doseq=True)}"


class Watched:
    """A page, what it complained about, and what it asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def show(self, url: str, screen: str, params: dict[str, Any]) -> Any:
        """Opens a screen, in the page that is there as a link does, and waits until nothing is loading."""
        self.page.goto(url + at(screen, params))
        self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until the screen of the address is shown and no answer is on its way."""
        self.page.wait_for_function(SETTLED, timeout=60_000)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.settle()


@contextmanager
def launched() -> Generator[Any]:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def pages(browser: Any) -> Generator[Callable[..., Watched]]:
    """A function that opens a page in a context of its own; all are closed at the end."""
    opened = []

    def open_page(**options: Any) -> Watched:
        context = browser.new_context(**({"viewport": DESK} | options))
        context.set_default_timeout(60_000)
        opened.append(context)
        return Watched(context.new_page())

    yield open_page
    for context in opened:
        context.close()
