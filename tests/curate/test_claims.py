"""What a recipe does beyond its folder and the home: all of it is listed, and what helps a stranger is asked about."""

from pathlib import Path
from typing import Any

import pytest

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.section import read_section
from ovt.curate.claims import Claim, agree_to, check_agreed, claims, is_near, lies_in, listed, open_claims
from ovt.curate.doctor import examine_claims
from ovt.curate.recipe import Recipe, load_recipe

FAR, NEAR, KNOWN = "https://llm.example.org/v1", "http://gpu7:8000/v1", "https://api.openai.com/v1"


def recipe(path: str, url: str, **endpoint: Any) -> Recipe:
    tree = {
        "name": "a",
        "sources": [{"path": path}],
        "endpoints": {"far": {"base_url": url, "model": "m", **endpoint}, "unused": {"base_url": FAR, "model": "m"}},
        "reason": {"endpoint": "far", "see": "image", "prompt": "{question}"},
    }
    return read_section(Recipe, tree, "a")


def told(path: str, url: str, home: Home, **endpoint: Any) -> list[str]:
    found = claims(recipe(path, url, **endpoint), home)
    return [f"{claim}{' ?' if claim.asked else ''}" for claim in found]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a secret beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret.jsonl").write_text("{}")
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("path", ["data/*.jsonl", "q.jsonl", "hf://a/b", "package:easy_vqa/x.json", "pocket:figures"])
def test_what_lies_in_the_folder_is_no_claim(home: Home, path: str) -> None:
    assert told(path, "embedded:pocket", home) == []
    assert told(path, FAR, home) == [f"ask {FAR}"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret.jsonl", "~/x.csv", "link.jsonl", "data/*/../../x", "/*", "file:///etc/passwd"]
)
def test_files_from_elsewhere_are_asked_about_if_a_stranger_would_get_them(home: Home, path: str) -> None:
    assert told(path, FAR, home) == [f"ask {FAR}", f"read {path} and send it to https://llm.example.org ?"]
    assert told(path, NEAR, home) == [f"ask {NEAR}", f"read {path}"]
    assert told(path, KNOWN, home) == [f"ask {KNOWN}", "send $OPENAI_API_KEY to https://api.openai.com", f"read {path}"]
    assert told(path, "embedded:pocket", home) == [f"read {path}"]


@pytest.mark.parametrize("path", ["q/*.jsonl", "q", "all/*/*.jsonl", "linked/q", "saved", "hf", "files:x.jsonl"])
def test_links_to_elsewhere_are_found_where_a_path_stands_for_them(home: Home, here: Path, path: str) -> None:
    for folder in ("q", "all", "linked/q", "saved/train"):
        (here / folder).mkdir(parents=True)
    (here / "saved/dataset_dict.json").write_text('{"splits": ["train"]}')
    (here / "all/links").symlink_to(here / "q")
    for link in ("q/a[1].jsonl", "linked/q/a.jsonl", "saved/train/a.arrow", "hf", "files:x.jsonl"):
        (here / link).symlink_to(here.parent / "secret.jsonl")
    assert told(path, FAR, home)[1:] == [f"read {path} and send it to https://llm.example.org ?"]


def test_files_and_links_within_the_folder_are_no_claim(home: Home, here: Path) -> None:
    (here / "q").mkdir()
    (here / "q/a.jsonl").write_text("{}")
    (here / "q/b.jsonl").symlink_to(here / "q/a.jsonl")
    (here / "q/c.jsonl").symlink_to(here / "q/c.jsonl")
    for path in ("q", "q/*.jsonl", "~no-such-user/q.jsonl", "a\0b", "x" * 300 + "/q.jsonl"):
        assert told(path, FAR, home) == [f"ask {FAR}"]


def test_the_home_and_the_recipes_folder_are_its_own(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "theirs" / "r.toml"
    file.parent.mkdir()
    file.write_text("")
    wanted = recipe(str(file.parent / "q.jsonl"), FAR)
    assert len(claims(wanted, home)) == 2
    assert [str(claim) for claim in claims(wanted, home, file)] == [f"ask {FAR}"]
    assert told(f"{home.path}/images/x.jsonl", FAR, home) == [f"ask {FAR}"]


def test_keys_are_named_and_asked_about_where_they_do_not_belong(home: Home) -> None:
    asked = told("q.jsonl", FAR, home, api_key_env="MY_KEY")
    assert asked == [f"ask {FAR}", "send $MY_KEY to https://llm.example.org ?"]
    assert (
        told("q.jsonl", "http://127.0.0.1:8/v1", home, api_key_env="MY_KEY")[1] == "send $MY_KEY to http://127.0.0.1:8"
    )


def test_it_is_agreed_to_once(home: Home) -> None:
    found = claims(recipe("/data/q.jsonl", FAR, api_key_env="MY_KEY"), home)
    assert len(open_claims(found)) == 2
    assert listed(found).count("you will be asked once") == 2
    assert [one.status for one in examine_claims(found)] == ["ok", "warn", "warn"]
    with pytest.raises(OvtError, match=r"would send \$MY_KEY to https.*not agreed to; agree once: .* --yes-send-key"):
        check_agreed(found)
    agree_to(found[:2])
    with pytest.raises(OvtError, match=r"would read /data/q\.jsonl and send it to .*--yes-recipe"):
        check_agreed(found)
    agree_to(found)
    check_agreed(claims(recipe("/data/q.jsonl", FAR, api_key_env="MY_KEY"), home))
    assert "you will be asked" not in listed(found)


def test_a_shipped_recipe_claims_nothing(home: Home) -> None:
    assert claims(load_recipe("pocket"), home, "pocket") == []
    assert listed([]) == ""


def test_benchmarks_are_read_and_not_sent(home: Home) -> None:
    tree = recipe("q.jsonl", FAR).model_dump(mode="json") | {"decontam": {"against": ["/data/mathvista.pack"]}}
    assert Claim("read", "/data/mathvista.pack") in claims(read_section(Recipe, tree, "a"), home)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.1.2.3", True), ("192.168.0.9", True),
        ("gpu7", True), ("8.8.8.8", False), ("llm.example.org", False), ("gpu7.evil", False), ("", False),
        ("2001:4860:4860::8888", False), ("node_3", True), ("::ffff:10.0.0.5", True), ("::ffff:8.8.8.8", False),
        ("134744072", False), ("0x08080808", False), ("evil\u3002com", False), ("evil\uff0ecom", False),
    ],
)  # fmt: skip
def test_what_is_near(host: str, near: bool) -> None:
    assert is_near(host) == near


def test_a_folder_beside_with_the_same_beginning_is_another(tmp_path: Path) -> None:
    assert lies_in(tmp_path / "a/x", [tmp_path / "a"])
    assert not lies_in(tmp_path / "ab/x", [tmp_path / "a"])
