"""The view in a real browser: every screen and key, hostile texts, the address, narrow and dark, and from disk.

Needs Chromium of the system and Playwright; skipped with a reason elsewhere.
"""

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest

from ovt.core.home import Home
from ovt.view.answers import View
from ovt.view.static import write_view

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser")
playwright.expect.set_options(timeout=60_000)  # milliseconds, on a busy machine
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def watch(chromium) -> Iterator[Callable[..., Watched]]:
    opened = []

    def open_page(**options: Any) -> Watched:
        context = chromium.new_context(**({"viewport": DESK} | options))
        context.set_default_timeout(60_000)
        opened.append(context)
        return Watched(context.new_page())

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def question(site) -> dict[str, Any]:
    return site.get("rows", version="small@v2", outcome="wrong")["rows"][0]


def test_every_screen_shows_also_on_a_phone_and_asks_nobody_else(watch, site, question):
    seen = watch()
    for name, (screen, params) in (
        SCREENS | {"question": ("question", SMALL | {"id": question["question_id"]})}
    ).items():
        page = seen.show(site.url, screen, params)
        assert page.locator("[role=alert]").all_text_contents() == [], name
        assert seen.complaints == [], name
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name  # no sideways scrolling
        page.set_viewport_size(DESK)
    assert {url.split("/")[2] for url in seen.asked if url.startswith("http")} == {site.url.split("/")[2]}


def test_what_is_serious_to_axe_is_nowhere(watch, site, question):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe checks accessibility").Axe()
    screens = SCREENS | {"question": ("question", SMALL | {"id": question["question_id"]})}
    seen = watch(bypass_csp=True)
    for name, (screen, params) in screens.items():
        page = seen.show(site.url, screen, params)
        # The dark scheme has other colours, and nothing else.
        for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], (scheme, name)


def test_filters_are_in_the_address(watch, site):
    seen = watch()
    page = seen.show(site.url, "rows", SMALL)
    page.get_by_label("wrong").first.check()
    page.wait_for_url("**outcome=wrong**") if "outcome=wrong" in page.url else page.wait_for_url("**=wrong**")
    seen.settle()
    line = page.locator(".listing [role=status]").text_content()
    page.fill("#search", "colour")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=colour**")
    seen.settle()
    address, shown = page.url, page.locator(".listing").text_content()
    other = watch()
    other.page.goto(address)
    other.settle()
    assert other.page.locator(".listing").text_content() == shown
    page.go_back()
    seen.settle()
    assert page.locator(".listing [role=status]").text_content() == line
    assert seen.complaints == []


def test_on_a_phone_filters_open_above_the_rows(watch, site):
    seen = watch(viewport=PHONE)
    page = seen.show(site.url, "rows", SMALL)
    assert not page.get_by_label("wrong").first.is_visible()
    page.get_by_role("button", name="filters").click()
    page.get_by_label("wrong").first.check()
    page.wait_for_url("**=wrong**")
    seen.settle()
    assert page.locator("aside").bounding_box()["y"] < page.locator(".rows").bounding_box()["y"]


def test_rollouts_have_a_filter_by_step(watch, site):
    seen = watch()
    page = seen.show(site.url, "rows", {"version": "run:reinforced", "own.step": "2..2"})
    assert page.locator("legend", has_text="step").is_visible()
    count = site.get("rows", version="run:reinforced", limit=0, **{"own.step": "2..2"})["total"]
    assert page.locator(".listing [role=status]").text_content().split()[0] == str(count)
    page.get_by_label("order").select_option("-own.reward")
    page.wait_for_url("**sort=-own.reward**")
    seen.settle()
    page.get_by_role("button", name="step: 2..2 ×").click()
    page.wait_for_url(lambda url: "own.step" not in url)


def test_a_number_of_the_funnel_leads_to_its_rows(watch, site):
    seen = watch()
    page = seen.show(site.url, "version", SMALL)
    link = page.locator("a.reason.bad", has_text="wrong").first
    number = link.locator("b").text_content()
    link.click()
    seen.settle()
    assert page.locator(".listing [role=status]").text_content().split()[0] == number
    assert page.locator(".rows > li").count() == int(number)


def test_keys_walk_through_questions_and_chains(watch, site):
    seen = watch()
    order = [one["question_id"] for one in site.get("rows", version="small@v2", each="question", limit=500)["rows"]]
    page = seen.show(site.url, "question", SMALL | {"id": order[0]})
    seen.press("j")
    page.wait_for_url(f"**id={order[1]}**")
    seen.press("k")
    page.wait_for_url(f"**id={order[0]}**")
    seen.settle()
    assert page.locator(".chain[aria-current=true]").get_attribute("id") == "chain-0"
    seen.press("l", "l", "h")
    assert page.locator(".chain[aria-current=true]").get_attribute("id") == "chain-1"
    seen.press("d")
    assert page.get_by_text("Chain 2 against").is_visible()
    seen.press("z")
    assert page.locator("dialog.zoom img").is_visible()
    before = page.locator(".zoom .stage").get_attribute("style")
    page.keyboard.press("+")
    playwright.expect(page.locator(".zoom .stage")).not_to_have_attribute("style", before)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    seen.press("?")
    keys = page.locator("dialog.help kbd").all_text_contents()
    assert {"j", "k", "h", "l", "v", "d", "z", "b", "/", "u", "?", "1"} <= set(keys)
    page.keyboard.press("Escape")
    seen.press("/")
    page.wait_for_url("**#/rows?**")
    seen.settle()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"


STAGES = "panels => panels.map((one) => one.style.transform)"


def test_two_questions_side_by_side_are_enlarged_in_step(watch, site):
    seen = watch()
    first, other, *_ = site.get("rows", version="small@v2", each="question")["rows"]
    page = seen.show(site.url, "question", SMALL | {"id": first["question_id"]})
    seen.press("b", "j")
    page.wait_for_url(f"**id={other['question_id']}**")
    seen.settle()
    pictures = page.get_by_label("side by side").locator("img")
    playwright.expect(pictures).to_have_count(2)
    assert [one.split("/")[-1] for one in pictures.evaluate_all("all => all.map((one) => one.src)")] == [
        *other["images"],
        *first["images"],
    ]
    seen.press("z")
    playwright.expect(page.locator("dialog.zoom[open] img")).to_have_count(2)
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    playwright.expect(page.locator(".zoom .stage").last).to_have_attribute(
        "style", re.compile(r"translate\(40px.*1\.25")
    )
    assert len(set(page.locator(".zoom .stage").evaluate_all(STAGES))) == 1
    box = page.locator(".zoom .panel").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 - 40, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 30)
    page.mouse.up()
    playwright.expect(page.locator(".zoom .stage").first).to_have_attribute(
        "style", re.compile(r"translate\(80px, 30px")
    )
    assert len(set(page.locator(".zoom .stage").evaluate_all(STAGES))) == 1
    page.keyboard.down("Shift")  # one of them alone
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 10, box["y"] + box["height"] / 2 + 30)
    page.mouse.up()
    page.keyboard.up("Shift")
    playwright.expect(page.locator(".zoom .stage").last).to_have_attribute(
        "style", re.compile(r"translate\(90px, 30px")
    )
    seen.press("j")  # the next question, at the same place
    playwright.expect(page.locator(".path")).not_to_contain_text(other["question_id"])
    playwright.expect(page.locator("dialog.zoom[open]")).to_have_count(1)
    playwright.expect(page.locator(".zoom .stage").first).to_have_attribute(
        "style", re.compile(r"translate\(80px, 30px")
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    page.locator(".path a").click()  # the rows, where another one can be chosen
    seen.settle()
    assert page.get_by_role("button", name=f"beside small@v2 {first['question_id']} ×").is_visible()
    page.go_back()
    seen.settle()
    seen.press("b")
    playwright.expect(page.get_by_label("side by side")).to_have_count(0)
    assert "beside" not in page.url
    assert seen.complaints == []


def test_a_question_beside_itself_in_another_version(watch, site):
    seen = watch()
    page = seen.show(site.url, "compare", SCREENS["compare"][1])
    seen.press("j")
    page.locator(".sides").wait_for()
    seen.press("z")
    playwright.expect(page.locator("dialog.zoom[open] img")).to_have_count(1)  # both have the same picture
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    page.locator(".sides a", has_text="small@v2").click()
    seen.settle()
    elsewhere = page.get_by_label("elsewhere").locator("tr", has_text="small@v1")
    elsewhere.get_by_role("link", name="beside", exact=True).click()
    seen.settle()
    playwright.expect(page.get_by_label("side by side").locator("a")).to_have_text(["small@v2", "small@v1"])
    assert seen.complaints == []


def test_v_goes_to_the_next_wrong_chain(watch, site):
    seen = watch()
    rows = site.get("rows", version="small@v2", limit=500)["rows"]
    wrong = [one["id"] for one in rows if one["outcome"] == "wrong"]
    page = seen.show(site.url, "question", SMALL | {"id": rows[0]["question_id"]})
    met = []
    for _ in range(4):
        seen.press("v")
        place = page.locator(".chain[aria-current=true]").get_attribute("id").removeprefix("chain-")
        met.append(f"{page.url.split('id=')[1].split('&')[0]}-reason-{place}")
    assert met == [one for one in wrong if one != f"{rows[0]['question_id']}-reason-0"][:4]


def test_labels_are_given_shown_filtered_and_taken_back(watch, served, old_home, tmp_path):
    home = Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))
    with served(View(home, who="ann")) as site:
        seen = watch()
        first = site.get("rows", version="small@v2")["rows"][0]
        page = seen.show(site.url, "question", SMALL | {"id": first["question_id"]})
        page.fill("input[placeholder='note for the next label']", "not red <b>")
        page.keyboard.press("Escape")
        seen.press("4")
        page.wait_for_selector("button[aria-pressed=true]:has-text('wrong verdict')")
        page.wait_for_selector("text=labelled wrong_verdict")
        (held,) = site.get("labels", version="small@v2")["labels"]
        assert (held["id"], held["label"], held["who"]) == (first["id"], "wrong_verdict", "ann")
        seen.press("2", "u")
        page.wait_for_selector("text=bad taken back")
        rows = site.get("rows", version="small@v2", label="wrong_verdict")["rows"]
        assert [one["id"] for one in rows] == [first["id"]]
        assert site.get("rows", version="small@v2", label="bad")["total"] == 0


def test_what_if_follows_its_controls(watch, site):
    seen = watch()
    page = seen.show(site.url, "what-if", SMALL)
    page.fill("#set-filter\\.length\\.max_words", "8")
    page.wait_for_url("**max_words**")
    seen.settle()
    about = site.get("what-if", version="small@v2", set="filter.length.max_words=8")
    assert f"{about['rows']['a']['sft']} → {about['rows']['b']['sft']}" in page.locator(".tiles").text_content()
    assert (
        "ovt data what-if small@v2 --set filter.length.max_words=8 --save-as NAME"
        in page.locator(".command code").text_content()
    )


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
