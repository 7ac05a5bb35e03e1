"""Hostile texts and mathematics in a real browser, and the same view from disk."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browser import NEEDED, SCREENS, SMALL

from ovt.core.home import Home
from ovt.view.answers import View
from ovt.view.pages import script
from ovt.view.static import write_view

pytestmark = NEEDED


HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'>",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \x00\x1b[31m \U000e0041",
    "$\\href{javascript:window.hacked=1}{x}$ $\\includegraphics{http://evil.example/x.png}$ $\\htmlData{a=b}{x}$",
    "$\\frac{1}{$ $\\def\\a{\\a\\a}\\a$ \\[ \\begin{array} \\] $$ $ {{7*7}} ${window.hacked=1} `${1}`",
    "<answer></answer>" + "<think>" * 2_000 + "wait, " * 16_000,
    "It costs $5-$10, \\$7 or \\$8, US$9 and A$10; not $y^2$.",
    "$x^2$ and \\(\\sqrt{2}\\) and <!-- --> &lt;script&gt; ]]> </div></main></body>",
)


TEXTS = (("samples", "text"), ("questions", "question"), ("questions", "gold"), ("verdicts", "extracted"),
         ("verdicts", "explanation"), ("decisions", "detail"))  # fmt: skip


@pytest.fixture
def hostile(old_home, tmp_path) -> Home:
    """A home whose texts are an attacker's."""
    home = Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))
    ledger = home.versions / "small" / "v2" / "ledger"
    for table, column in TEXTS:
        path = ledger / f"{table}.parquet"
        path.chmod(0o644)
        found = pl.read_parquet(path)
        texts = pl.Series(column, [HOSTILE[place % len(HOSTILE)] for place in range(len(found))])
        found.with_columns(texts).write_parquet(path)
    return home


def test_hostile_texts_do_nothing(watch, served, hostile):
    with served(View(hostile)) as site:
        seen = watch()
        rows = site.get("rows", version="small@v2", each="question", limit=50)["rows"]
        screens = [
            ("rows", SMALL),
            ("rows", SMALL | {"text": "<script"}),
            ("version", SMALL),
            ("compare", SCREENS["compare"][1]),
        ]
        screens += [("question", SMALL | {"id": one["question_id"]}) for one in rows]
        for screen, params in screens:
            page = seen.show(site.url, screen, params)
            assert page.evaluate("window.hacked") is None
            assert page.locator("main script, main iframe, main object, main a[href^=javascript]").count() == 0
            assert not set(page.locator("main").text_content()) & set("\u202e\u2066\x00\x1b\U000e0041")
            assert page.locator("main img[src^='http:'], main [onerror], main [onload]").count() == 0
        assert {url.split("/")[2] for url in seen.asked if url.startswith("http")} == {site.url.split("/")[2]}
        assert seen.complaints == []
        whole = page.locator(".chain").all_text_contents()
        assert any("<" in text for text in whole)  # shown as text


def test_mathematics_is_rendered(watch, served, hostile):
    with served(View(hostile)) as site:
        seen = watch()
        found = site.get("rows", version="small@v2", text="sqrt{2}")["rows"][0]
        page = seen.show(site.url, "question", SMALL | {"id": found["question_id"]})
        page.wait_for_selector(".chain .katex")
        seen.press("m")
        assert page.locator(".chain .katex").count() == 0


def test_money_is_no_mathematics(watch, served, hostile):
    with served(View(hostile)) as site:
        seen = watch()
        found = next(one for one in site.get("rows", version="small@v2", text="It costs")["rows"] if one["found"])
        page = seen.show(site.url, "question", SMALL | {"id": found["question_id"]})
        formulas = page.locator(f"#chain-{found['id'].rpartition('-')[2]} .formula")
        assert formulas.count() == 1
        assert "2" in formulas.text_content()


def test_a_formula_ends_within_its_bound(chromium):
    """So that a text of many unclosed ones takes linear time."""
    source = script().content.decode()
    (pattern,) = re.findall(r"^const MATHS = (/.+/g);$", source, re.MULTILINE)
    texts = ["\\[ x \\] and \\(y\\)", "\\[" + "x" * 3_000 + "\\]", "\\(" + "x" * 3_000 + "\\)"]
    page = chromium.new_page()
    assert page.evaluate(f"texts => texts.map((text) => [...text.matchAll({pattern})].length)", texts) == [2, 0, 0]
    page.close()


@contextmanager
def saved(old_home: Home, folder: Path) -> Generator[str]:
    told = write_view(
        View(old_home), ["small@1", "small@2", "eval:done-test", "eval:reinforced-test", "run:reinforced"], folder
    )
    assert told["bytes"] < 5_000_000
    yield (folder / "index.html").as_uri()


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rows", SMALL),
    ("rows", SMALL | {"outcome": ["wrong", "abstain"], "each": "question"}),
    ("rows", SMALL | {"tokens": "0..30", "sort": "-tokens"}),
    ("rows", SMALL | {"text": "COLOUR is", "limit": "5", "offset": "3"}),
    ("rows", SMALL | {"text": "wait", "behaviour": "reflection"}),
    ("rows", SMALL | {"level": "question", "difficulty": "–"}),
    ("rows", {"version": "run:reinforced", "own.step": "2..2", "sort": "-own.reward"}),
    ("version", SMALL),
    ("stats", SMALL),
    ("compare", {"a": "small@v1", "b": "small@v2"}),
    ("compare", {"a": "eval:done-test", "b": "eval:reinforced-test"}),
    ("drift", {"a": "small@v1", "b": "small@v2"}),
    ("evaluation", {"name": "done-test"}),
    ("run", {"name": "reinforced"}),
)


def test_from_disk_it_is_the_same_view(watch, site, old_home, tmp_path):
    seen = watch()
    with saved(old_home, tmp_path / "saved") as url:
        rows = site.get("rows", version="small@v2", each="question", limit=500)["rows"]
        walks = [
            ("rows", SMALL | {"each": "question", side: one["question_id"], "limit": "1"})
            for one in rows
            for side in ("after", "before")
        ]
        stories = [("question", SMALL | {"id": one["question_id"]}) for one in rows]
        page = seen.show(url, "home", {})
        asked = [*ASKED, *walks, *stories]
        told = page.evaluate("asked => Promise.all(asked.map((one) => window.ovt.get(...one)))", asked)
        for (name, params), there in zip(asked, told, strict=True):
            assert without(there) == without(site.get(name, **params)), (name, params)
        for screen, params in (*SCREENS.values(), ("question", SMALL | {"id": rows[0]["question_id"]})):
            if screen != "what-if":
                page = seen.show(url, screen, params)
                assert page.locator("[role=alert]").count() == 0, screen
        assert page.locator(".asked img").first.evaluate("one => one.naturalWidth") > 0
        assert seen.complaints == []
        assert not [one for one in seen.asked if one.startswith("http")]


def without(answer: Any) -> Any:
    """Without what a saved view leaves out."""
    if isinstance(answer, list):
        return [without(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    answer = {name: without(value) for name, value in answer.items() if name != "path"}
    rows = answer.get("rows")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("found"):
            row["found"] = True  # it begins a character earlier or later
    return answer
