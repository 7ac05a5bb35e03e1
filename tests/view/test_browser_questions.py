"""A question in a real browser: its keys, its pictures enlarged, another question beside it."""

import re
from typing import Any

from browser import NEEDED, SCREENS, SMALL, expect

pytestmark = NEEDED


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
    expect(page.locator(".zoom .stage")).not_to_have_attribute("style", before)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    seen.press("?")
    keys = page.locator("dialog.help kbd").all_text_contents()
    assert {"j", "k", "h", "l", "v", "d", "z", "b", "/", "u", "?", "1"} <= set(keys)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.help", state="detached")  # it gives the focus back when it closes
    seen.press("/")
    page.wait_for_url("**#/rows?**")
    seen.settle()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"


STAGES = "panels => panels.map((one) => one.style.transform)"


def beside(seen, site) -> tuple[Any, str, str]:
    """The page with two questions beside each other, and their ids."""
    first, other, *_ = site.get("rows", version="small@v2", each="question")["rows"]
    page = seen.show(site.url, "question", SMALL | {"id": first["question_id"]})
    seen.press("b", "j")
    page.wait_for_url(f"**id={other['question_id']}**")
    seen.settle()
    pictures = page.get_by_label("side by side").locator("img")
    expect(pictures).to_have_count(2)
    shown = [one.split("/")[-1] for one in pictures.evaluate_all("all => all.map((one) => one.src)")]
    assert shown == [*other["images"], *first["images"]]
    return page, first["question_id"], other["question_id"]


def test_two_questions_side_by_side_are_enlarged_in_step(watch, site):
    seen = watch()
    page, _, other = beside(seen, site)
    stages = page.locator(".zoom .stage")
    seen.press("z")
    expect(page.locator("dialog.zoom[open] img")).to_have_count(2)
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    expect(stages.last).to_have_attribute("style", re.compile(r"translate\(40px.*1\.25"))
    assert len(set(stages.evaluate_all(STAGES))) == 1
    box = page.locator(".zoom .panel").last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (x - 40, y), (x, y + 30))
    expect(stages.first).to_have_attribute("style", re.compile(r"translate\(80px, 30px"))
    assert len(set(stages.evaluate_all(STAGES))) == 1
    page.keyboard.down("Shift")  # one of them alone
    drag(page, (x, y + 30), (x + 10, y + 30))
    page.keyboard.up("Shift")
    expect(stages.last).to_have_attribute("style", re.compile(r"translate\(90px, 30px"))
    seen.press("j")  # the next question, at the same place
    expect(page.locator(".path")).not_to_contain_text(other)
    expect(page.locator("dialog.zoom[open]")).to_have_count(1)
    expect(stages.first).to_have_attribute("style", re.compile(r"translate\(80px, 30px"))
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    assert seen.complaints == []


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end)
    page.mouse.up()


def test_the_question_beside_stays_while_another_is_chosen(watch, site):
    seen = watch()
    page, first, _ = beside(seen, site)
    page.locator(".path a").click()  # the rows, where another one can be chosen
    seen.settle()
    assert page.get_by_role("button", name=f"beside small@v2 {first} ×").is_visible()
    page.go_back()
    seen.settle()
    seen.press("b")
    expect(page.get_by_label("side by side")).to_have_count(0)
    assert "beside" not in page.url
    assert seen.complaints == []


def test_a_question_beside_itself_in_another_version(watch, site):
    seen = watch()
    page = seen.show(site.url, "compare", SCREENS["compare"][1])
    seen.press("j")
    page.locator(".sides").wait_for()
    seen.press("z")
    expect(page.locator("dialog.zoom[open] img")).to_have_count(1)  # both have the same picture
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.zoom", state="detached")
    page.locator(".sides a", has_text="small@v2").click()
    seen.settle()
    elsewhere = page.get_by_label("elsewhere").locator("tr", has_text="small@v1")
    elsewhere.get_by_role("link", name="beside", exact=True).click()
    seen.settle()
    expect(page.get_by_label("side by side").locator("a")).to_have_text(["small@v2", "small@v1"])
    assert seen.complaints == []


def test_a_version_with_fewer_chains_starts_at_its_first(watch, site):
    seen = watch()
    first = site.get("rows", version="small@v2", each="question")["rows"][0]["question_id"]
    page = seen.show(site.url, "question", SMALL | {"id": first})
    seen.press("l", "l", "d")
    assert page.get_by_text("Chain 3 against").is_visible()
    page.get_by_label("elsewhere").get_by_role("link", name="small@v1", exact=True).click()
    expect(page.locator(".chain")).to_have_count(2)
    seen.settle()
    assert page.locator(".chain[aria-current=true]").get_attribute("id") == "chain-0"
    assert seen.complaints == []


def test_c_hides_and_shows_the_cues(watch, site):
    seen = watch()
    found = site.get("rows", version="small@v2", behaviour=list(site.get("settings")["cues"]))["rows"][0]
    page = seen.show(site.url, "question", SMALL | {"id": found["question_id"]})
    cues = page.locator(".chain .cue")
    expect(cues).not_to_have_count(0)
    seen.press("c")
    expect(cues).to_have_count(0)
    seen.press("c")
    expect(cues).not_to_have_count(0)


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
