"""Pulling: what comes home is what was pushed, and whatever was tampered with on the way is named."""

import json
import shutil

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.hub.client import split_address
from ovt.curate.hub.pull import pull
from ovt.curate.hub.push import prepare, publish
from ovt.curate.versions.read import list_versions, open_version, scan, verify_files

REPO = "datasets/you/tiny"


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.fixture
def elsewhere(tmp_path) -> Home:
    return Home(tmp_path / "elsewhere")


def test_what_comes_home_is_the_same_version(api, pushed, elsewhere):
    pulled = pull("you/tiny", "v3", elsewhere, api)
    version = pulled.version
    assert (pulled.is_new, version.ref) == (True, "you/tiny@v3")
    assert version.manifest.content_hash == pushed.manifest.content_hash
    verify_files(version)
    for ref in (
        "you/tiny",
        "you/tiny@v3",
        "you/tiny@3",
        "hf://you/tiny@v3",
        f"you/tiny@{version.manifest.content_hash[:8]}",
    ):
        assert open_version(ref, elsewhere) == version
    with pytest.raises(OvtError, match="did you mean you/tiny"):
        open_version("tiny", elsewhere)
    assert [one.ref for one in list_versions(elsewhere)[0]] == ["you/tiny@v3"]
    for table in ("sft", "rl", "questions", "samples", "verdicts", "decisions"):
        assert scan(version, table).collect().equals(scan(pushed, table).collect())
    assert list((elsewhere.versions / ".pulls").iterdir()) == []


def test_what_is_at_home_is_not_fetched(hub, api, pushed, elsewhere):
    pull("you/tiny", "v3", elsewhere, api)
    hub.seen.clear()
    again = pull("you/tiny", "v3", elsewhere, api)
    assert (again.is_new, again.version.ref) == (False, "you/tiny@v3")
    assert hub.count("GET .*parquet") == 0


def test_a_local_name_is_never_taken_over(hub, api, pushed, elsewhere, built):
    mine = elsewhere.versions / "tiny" / "v1"
    shutil.copytree(built(15).path, mine)
    pull("you/tiny", "v3", elsewhere, api)
    assert open_version("tiny", elsewhere).path == mine
    assert pull("you/tiny", "v3", elsewhere, api, "tiny").version.ref == "tiny@v2"  # --as tiny
    with pytest.raises(OvtError, match="cannot name a version"):
        pull("you/tiny", "v3", elsewhere, api, "../tiny")


def test_files_that_are_here_under_another_name_are_linked(hub, api, pushed, elsewhere):
    shutil.copytree(pushed.path, elsewhere.versions / "tiny" / "v1")  # as an older ovt pulled it
    hub.seen.clear()
    version = pull("you/tiny", "v3", elsewhere, api).version
    verify_files(version)
    assert hub.count("GET .*parquet") == 0
    data = "data/sft-00000-of-00001.parquet"
    assert (version.path / data).samefile(elsewhere.versions / "tiny" / "v1" / data)


def test_without_a_tag_the_version_gets_the_number_of_the_tag_there(api, pushed, elsewhere):
    assert pull("you/tiny", None, elsewhere, api).version.ref == "you/tiny@v3"


def test_a_tag_that_moved_overwrites_nothing(hub, api, pushed, elsewhere, built):
    there = elsewhere.versions / "@you" / "tiny" / "v3"
    shutil.copytree(built(15).path, there)
    with pytest.raises(OvtError, match="you/tiny@v3 already exists with different content"):
        pull("you/tiny", "v3", elsewhere, api)
    assert open_version("you/tiny", elsewhere).manifest == built(15).manifest


@pytest.mark.parametrize("tag", ["v999999999", "v100000", "v0", "v00001", "main", "release-1"])
def test_a_tag_that_is_no_number_wedges_nothing(hub, api, pushed, elsewhere, built, tag):
    repo = hub.repos[REPO]
    repo.tags = {tag: repo.tags["v3"]}
    assert pull("you/tiny", tag, elsewhere, api).version.ref == "you/tiny@v1"


def test_the_last_number_wedges_nothing(hub, api, pushed, elsewhere, built):
    shutil.copytree(built(15).path, elsewhere.versions / "tiny" / "v99999")
    assert pull("you/tiny", "v3", elsewhere, api, "tiny").version.ref == "tiny@v1"


def test_a_pulled_version_can_be_pushed_on(hub, api, pushed, elsewhere):
    version = pull("you/tiny", "v3", elsewhere, api).version
    assert publish(prepare(version, "you/tiny", None, {}), api).outcome == "there"
    publish(prepare(version, "you/copy", None, {}), api)
    assert b"ovt data pull you/copy@v3" in hub.files("datasets/you/copy", "v3")["README.md"]


def test_a_corrupted_file_is_named_and_not_kept(hub, api, pushed, elsewhere):
    name = "data/sft-00000-of-00001.parquet"
    files = hub.files(REPO, "v3")
    good = files[name]
    files[name] = good[:-1] + b"x"
    with pytest.raises(OvtError, match=r"you/tiny: data/sft-00000-of-00001\.parquet does not match its manifest\.json"):
        pull("you/tiny", "v3", elsewhere, api)
    assert files_below(elsewhere.path) == []
    files[name] = good
    verify_files(pull("you/tiny", "v3", elsewhere, api).version)


def test_a_pull_that_was_cut_off_goes_on(hub, api, pushed, elsewhere):
    hub.refuse = lambda method, path: (404, "gone") if path.endswith("samples.parquet") else None
    with pytest.raises(OvtError, match=r"you/tiny: .*404"):
        pull("you/tiny", "v3", elsewhere, api)
    fetched = {line for line in hub.seen if line.startswith("GET") and line.endswith(".parquet")}
    hub.refuse = lambda method, path: None
    hub.seen.clear()
    verify_files(pull("you/tiny", "v3", elsewhere, api).version)
    again = {line for line in hub.seen if line.startswith("GET") and line.endswith(".parquet")}
    assert len(fetched | again) == 6
    assert {line.rpartition("/")[2] for line in fetched & again} <= {"samples.parquet"}


@pytest.mark.parametrize(
    "path", ["../../evil.parquet", "/etc/evil", "data/../../x", "data/.hidden", "ledger/a/b", "x.py"]
)
def test_a_hostile_manifest_writes_nothing_elsewhere(hub, api, pushed, elsewhere, path):
    files = hub.files(REPO, "v3")
    manifest = json.loads(files["manifest.json"])
    manifest["files"][path] = {"sha256": "0" * 64, "size": 1}
    files["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(OvtError, match=r"you/tiny: its manifest\.json was edited: files: .* that no version has"):
        pull("you/tiny", "v3", elsewhere, api)
    assert files_below(elsewhere.path) == []


@pytest.mark.parametrize("name", ["../tiny", "a/b", ".pulls", ""])
def test_a_hostile_name_is_refused(hub, api, pushed, elsewhere, name):
    files = hub.files(REPO, "v3")
    files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | {"name": name}).encode()
    with pytest.raises(OvtError, match=r"you/tiny: its manifest\.json was edited: name: "):
        pull("you/tiny", "v3", elsewhere, api)
    assert files_below(elsewhere.path) == []


def test_a_manifest_with_other_hashes_is_refused(hub, api, pushed, elsewhere):
    files = hub.files(REPO, "v3")
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["data/sft-00000-of-00001.parquet"]["sha256"] = "0" * 64
    files["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(OvtError, match="its content hash does not match the files it lists"):
        pull("you/tiny", "v3", elsewhere, api)


def test_what_is_not_there_is_said(hub, api, pushed, elsewhere):
    with pytest.raises(OvtError, match="you/nothing: not on the Hub"):
        pull("you/nothing", None, elsewhere, api)
    with pytest.raises(OvtError, match="you/tiny: it has no such tag or commit"):
        pull("you/tiny", "v9", elsewhere, api)
    hub.repos["datasets/you/other"] = type(hub.repos[REPO])()
    hub.repos["datasets/you/other"].commit({"train.csv": b"a"})
    with pytest.raises(OvtError, match=r"a file is not there .*manifest\.json.*: is this a version that ovt pushed"):
        pull("you/other", None, elsewhere, api)


@pytest.mark.parametrize(
    "address", ["tiny", "a/b/c", "you/", "../x", "you/tiny@../x", "you/ti ny", "you/a--b", "you/x@"]
)
def test_addresses_that_are_none(address):
    if address == "you/x@":
        assert split_address(address) == ("you/x", None)
        return
    with pytest.raises(RecipeError):
        split_address(address)
