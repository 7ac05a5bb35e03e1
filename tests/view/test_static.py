"""A view as files: what is in it, what is not, and what it leaves alone. That it shows the same: test_browser.py."""

import json
import re
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.view.answers import View
from ovt.view.pages import STATIC_POLICY, script
from ovt.view.static import _without_paths, write_view


@pytest.fixture(scope="module")
def saved(old_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "view"
    return folder, write_view(View(old_home), ["small@1", "small", "eval:done-test"], folder)


def first(folder):
    text = (folder / "data" / "first.js").read_text()
    return json.loads(text.removeprefix("window.ovtFiles = ").removesuffix(";\n"))


def test_it_holds_all_that_its_page_loads(saved, old_home):
    folder, told = saved
    page = (folder / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (folder / name).is_file(), name
    assert STATIC_POLICY.replace("'", "&#39;") in page
    assert (folder / "view.js").read_bytes() == script().content
    held = first(folder)
    paths = [
        *held["rows"].values(),
        *held["images"].values(),
        *(path for one in held["stories"].values() for path in one.values()),
    ]
    assert all((folder / path).is_file() for path in paths)
    assert set(held["rows"]) == {"small@v1", "small@v2", "eval:done-test"}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert (told["files"], told["bytes"]) == (len(files), sum(path.stat().st_size for path in files))
    everything = b"".join(path.read_bytes() for path in files)
    assert str(old_home.path).encode() not in everything  # no path of this machine


def test_an_older_view_is_replaced_and_other_folders_are_left_alone(old_home, tmp_path):
    out = tmp_path / "view"
    write_view(View(old_home), ["small@1"], out)
    (out / "left").write_text("over")
    write_view(View(old_home), ["small@2"], out)
    assert not (out / "left").exists()
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.md").write_text("all of it")
    for place in (other, other / "chapter.md"):
        with pytest.raises(OvtError, match="is not a saved view"):
            write_view(View(old_home), ["small"], place)
    assert (other / "chapter.md").read_text() == "all of it"


def test_models_in_folders_of_this_machine_are_called_by_name():
    told = {
        "model": "/home/ann/runs/tuned/model",
        "models": ["/data/Qwen", {"model": "gpt-x"}],
        "path": "/x",
        "text": "/x",
    }
    told |= {"base_url": ["embedded:/home/ann/small", "http://127.0.0.1:8000/v1"]}
    assert _without_paths([told]) == [
        {"model": "tuned", "models": ["Qwen", {"model": "gpt-x"}], "text": "/x"}
        | {"base_url": ["small", "http://127.0.0.1:8000/v1"]}
    ]


def test_no_data_names_a_folder_of_the_model(saved):
    """The samples of done-test are by a model that was in a folder."""
    folder, _ = saved
    data = "".join(path.read_text() for path in sorted((folder / "data").glob("*.js")))
    assert '"model":"done"' in data
    assert "ovt-home" not in data


def test_a_part_says_so(old_home, tmp_path):
    told = write_view(View(old_home), ["small"], tmp_path / "view", limit=3)
    assert told["notes"] == ["small@v2: the first 3 of 11 questions"]
    assert len(first(tmp_path / "view")["stories"]["small@v2"]) == 3


def test_data_cannot_leave_its_script(old_home, tmp_path, monkeypatch):
    """A data file is one call with JSON: whatever a text holds."""
    hostile = "</script>\u2028\u2029`${1}\\"
    monkeypatch.setattr("ovt.view.answers.question.story", lambda shelf, id_: {"question": None, "text": hostile})
    write_view(View(old_home), ["small"], tmp_path / "view")
    text = (tmp_path / "view" / "data" / "questions-0-0.js").read_text()
    assert text.startswith("ovtFilesAdd(...[")
    what, ref, stories = json.loads(text.removeprefix("ovtFilesAdd(...").removesuffix(");\n"))
    assert (what, ref) == ("stories", "small@v2")
    assert next(iter(stories.values()))["question"]["text"] == hostile


def test_the_example_in_the_docs_is_of_this_view():
    """docs/view: `ovt view pocket --out docs/view`, in a home where `make demo` built pocket."""
    folder = Path(__file__).parents[2] / "docs" / "view"
    assert (folder / "view.js").read_bytes() == script().content
    assert set(first(folder)["rows"]) == {"pocket@v1"}
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 5_000_000
