"""Where a version of a diff may be: in the home, in a folder, on the Hub."""

import pytest
from huggingface_hub import HfApi

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.hub.publish import publish
from ovt.curate.hub.push import prepare
from ovt.curate.reports.diff.resolve import check_files, is_on_hub, open_side
from ovt.curate.versions.read import list_versions


@pytest.mark.parametrize(
    ("ref", "there"),
    [
        ("pocket", False),
        ("pocket@v1", False),
        ("./pocket@v1", False),
        ("a/b", False),
        ("a/b/c@v1", False),
        ("you/pocket@v1", True),
        ("hf://you/pocket", True),
    ],
)
def test_what_is_a_hub_id(ref, there):
    assert is_on_hub(ref) is there


def test_a_folder_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "you" / "pocket@v1").mkdir(parents=True)
    assert not is_on_hub("you/pocket@v1")


def test_a_version_of_the_hub_is_pulled(hub, write, ask, tmp_path, monkeypatch):
    version = write([ask(1), ask(2)])
    token = next(iter(hub.tokens))
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    publish(prepare(version, "you/made", "v1", {}), HfApi(hub.url, token=token))
    elsewhere = Home(tmp_path / "elsewhere")
    there = open_side("you/made@v1", elsewhere)
    assert (there.manifest.content_hash, check_files(there)) == (version.manifest.content_hash, ())
    assert list_versions(elsewhere)[0] == [there]


def test_no_such_folder_is_one_line(home):
    with pytest.raises(OvtError, match="is not a folder"):
        open_side("no/such", home)
