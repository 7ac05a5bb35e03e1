"""Pulling: what comes home is what was pushed, and whatever was tampered with on the way is named."""

import json
import shutil

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.hub.client import split_address
from ovt.curate.hub.pull import pull
from ovt.curate.hub.push import prepare, publish
from ovt.curate.versions.read import open_version, scan, verify_files

REPO = "datasets/you/tiny"


@pytest.fixture
def elsewhere(tmp_path) -> Home:
    return Home(tmp_path / "elsewhere")


def test_what_comes_home_is_the_same_version(api, pushed, elsewhere):
    pulled = pull("you/tiny", "v3", elsewhere, api)
    version = pulled.version
    assert (pulled.is_new, version.ref) == (True, "tiny@v3")
    assert version.manifest.content_hash == pushed.manifest.content_hash
    verify_files(version)
    assert open_version("tiny", elsewhere) == version
    for table in ("sft", "rl", "questions", "samples", "verdicts", "decisions"):
        assert scan(version, table).collect().equals(scan(pushed, table).collect())
    assert list((elsewhere.versions / ".pulls").iterdir()) == []


def test_what_is_at_home_is_not_fetched(hub, api, pushed, elsewhere):
    assert pull("you/tiny", None, Home(pushed.path.parents[2]), api).version == pushed
    pull("you/tiny", "v3", elsewhere, api)
    hub.seen.clear()
    again = pull("you/tiny", "v3", elsewhere, api)
    assert (again.is_new, again.version.ref) == (False, "tiny@v3")
    assert hub.count("GET .*parquet") == 0


def test_a_number_that_is_taken_gives_the_next(api, pushed, elsewhere, built):
    shutil.copytree(built(15).path, elsewhere.versions / "tiny" / "v3")
    assert pull("you/tiny", "v3", elsewhere, api).version.ref == "tiny@v4"


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
    with pytest.raises(
        OvtError, match=r"you/tiny: data/sft-00000-of-00001\.parquet is not what its manifest\.json says"
    ):
        pull("you/tiny", "v3", elsewhere, api)
    assert not (elsewhere.versions / "tiny").exists()
    files[name] = good
    hub.seen.clear()
    verify_files(pull("you/tiny", "v3", elsewhere, api).version)
    assert hub.count("GET .*sft.*parquet") == 1
    assert hub.count("GET .*rl.*parquet") == 0


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
    with pytest.raises(OvtError, match="which no version has"):
        pull("you/tiny", "v3", elsewhere, api)
    assert not (elsewhere.versions / "tiny").exists()


@pytest.mark.parametrize("name", ["../tiny", "a/b", ".pulls", ""])
def test_a_hostile_name_is_refused(hub, api, pushed, elsewhere, name):
    files = hub.files(REPO, "v3")
    files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | {"name": name}).encode()
    with pytest.raises(OvtError, match="which no version has"):
        pull("you/tiny", "v3", elsewhere, api)


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
