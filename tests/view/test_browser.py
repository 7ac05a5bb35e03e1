"""Every screen in a real browser: filters, labels and what-if, the address, narrow and dark."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from browser import DESK, NEEDED, PHONE, SCREENS, SMALL, expect

from ovt.core.home import Home
from ovt.view import answers
from ovt.view.answers import View

pytestmark = NEEDED


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


def test_a_label_that_is_slow_to_arrive_is_taken_back(watch, served, old_home, tmp_path, monkeypatch):
    def slow(view: View, asked: Any, at_once: Any = answers.give_label) -> Any:
        time.sleep(0 if asked.get("undo") else 0.5)
        return at_once(view, asked)

    monkeypatch.setattr(answers, "give_label", slow)
    home = Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))
    with served(View(home)) as site:
        seen = watch()
        first = site.get("rows", version="small@v2")["rows"][0]
        page = seen.show(site.url, "question", SMALL | {"id": first["question_id"]})
        page.keyboard.press("2")
        seen.press("u")
        page.wait_for_selector("text=bad taken back")
        assert site.get("labels", version="small@v2")["labels"] == []


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


def test_what_an_address_names_is_no_part_of_the_program(watch, site):
    seen = watch()
    page = seen.page
    page.goto(f"{site.url}#/constructor")
    expect(page.get_by_text("There is no screen constructor")).to_be_visible()
    seen.show(site.url, "what-if", {"version": "a; rm b"})
    assert page.locator(".command code").text_content() == "ovt data what-if 'a; rm b'"
