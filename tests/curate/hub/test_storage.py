"""Versions in storage, over fsspec's own file systems: a folder as another machine sees it, and one in memory."""

import json
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.hub import storage
from ovt.curate.versions.read import scan, verify_files


@pytest.fixture(params=["file", "memory"])
def url(request, tmp_path) -> str:
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://store/tiny"
    return f"file://{tmp_path}/store/tiny"


@pytest.fixture
def elsewhere(tmp_path) -> Home:
    return Home(tmp_path / "elsewhere")


def stored(url: str) -> dict[str, bytes]:
    files, root = fsspec.url_to_fs(url)
    return {name.partition(root.strip("/"))[2]: files.cat_file(name) for name in files.find(root)}


def test_what_comes_home_is_the_version_that_was_pushed(built, url, elsewhere):
    version = built(10)
    pushed = storage.push(version, url, "v3")
    assert (pushed.outcome, pushed.url, len(pushed.sent)) == ("pushed", f"{url}/v3", len(version.manifest.files) + 1)
    assert {name.removeprefix("/v3/") for name in stored(url)} == {*version.manifest.files, "manifest.json"}
    pulled = storage.pull(url, "v3", elsewhere, "mine")
    assert (pulled.version.ref, pulled.is_new) == ("mine@v1", True)
    verify_files(pulled.version)
    assert scan(pulled.version, "sft").collect().equals(scan(version, "sft").collect())
    again = storage.pull(url, "v3", elsewhere, "mine")
    assert (again.version, again.is_new) == (pulled.version, False)
    assert list((elsewhere.versions / ".pulls").iterdir()) == []


def test_a_version_is_never_overwritten(built, url):
    storage.push(built(10), url, "v3")
    before = stored(url)
    assert storage.push(built(10), url, "v3").outcome == "there"
    with pytest.raises(OvtError, match="holds another version; versions are never overwritten"):
        storage.push(built(15), url, "v3")
    assert stored(url) == before


def test_an_interrupted_push_sends_the_rest_and_no_file_twice(built, url, elsewhere, monkeypatch):
    version, write = built(10), storage.Stored.write

    def failing(self: storage.Stored, path: str, content: Path | bytes) -> None:
        if path.startswith("ledger/samples"):
            raise OvtError("the connection failed")
        write(self, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(storage.Stored, "write", failing)
        with pytest.raises(OvtError, match="connection"):
            storage.push(version, url, "v3")
    with pytest.raises(OvtError, match=r"manifest\.json"):
        storage.pull(url, "v3", elsewhere, "mine")  # not whole, so none
    arrived = {name.removeprefix("/v3/") for name in stored(url)}
    sent = set(storage.push(version, url, "v3").sent)
    assert sent == {*version.manifest.files, "manifest.json"} - arrived
    assert storage.pull(url, "v3", elsewhere, "mine").is_new


def test_what_another_push_left_is_sent_again(built, url, elsewhere):
    (name, entry), *_ = built(10).manifest.files.items()
    storage.Stored(f"{url}/v3").write(name, b"x" * entry.size)
    storage.Stored(f"{url}/v3").write(storage.SENDING, b"of another version")
    assert name in storage.push(built(10), url, "v3").sent
    assert storage.pull(url, "v3", elsewhere, "mine").is_new


def test_what_was_tampered_with_is_named_and_not_kept(built, url, elsewhere):
    storage.push(built(10), url, "v3")
    files, root = fsspec.url_to_fs(f"{url}/v3")
    name = next(name for name in built(10).manifest.files if name.startswith("ledger/"))
    content = files.cat_file(f"{root}/{name}")
    files.pipe_file(f"{root}/{name}", content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(OvtError, match=f"{name} does not match its manifest"):
        storage.pull(url, "v3", elsewhere, "mine")
    assert not (elsewhere.versions / "mine").exists()


def test_a_manifest_that_leads_out_of_the_folder_is_refused(built, url, elsewhere):
    storage.push(built(10), url, "v3")
    files, root = fsspec.url_to_fs(f"{url}/v3")
    told = json.loads(files.cat_file(f"{root}/manifest.json"))
    told["files"]["../../../escaped"] = next(iter(told["files"].values()))
    files.pipe_file(f"{root}/manifest.json", json.dumps(told).encode())
    with pytest.raises(OvtError):
        storage.pull(url, "v3", elsewhere, "mine")
    assert not list(elsewhere.path.parent.rglob("escaped"))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("s3://bucket/charts@v3", ("s3://bucket/charts", "v3")),
        ("hf://buckets/you/store/charts", ("hf://buckets/you/store/charts", None)),
        ("file:///mnt/share/charts/@v1", ("file:///mnt/share/charts", "v1")),
    ],
)
def test_urls(address, found):
    assert storage.is_url(address)
    assert storage.split_url(address) == found


@pytest.mark.parametrize("address", ["s3://key:secret@bucket/charts", "zip://a::s3://b/c", "://x", "s3://b/c@../v1"])
def test_chains_of_urls_and_keys_in_them_are_refused(address):
    with pytest.raises(RecipeError, match=r"is not a storage URL|cannot be a tag"):
        storage.split_url(address)


def test_addresses_of_the_hub_are_not_urls():
    assert not storage.is_url("you/charts@v3")
    assert not storage.is_url("hf://you/charts@v3")


def test_a_pull_needs_a_tag_and_a_name(elsewhere):
    with pytest.raises(RecipeError, match="needs a tag and a name"):
        storage.pull("s3://bucket/charts", None, elsewhere, "charts")


def test_a_version_that_is_not_there_is_named(url, elsewhere):
    with pytest.raises(OvtError, match=r"/v9 has no manifest.json: check the URL and its tag"):
        storage.pull(url, "v9", elsewhere, "mine")


def test_no_bucket_is_made(built):
    """An object store has no folders; s3fs would make a bucket for a misspelt name."""

    class ObjectStore(MemoryFileSystem):
        protocol = "bucket"

        @classmethod
        def _strip_protocol(cls, path):
            return path.partition("//")[2] or path

        def makedirs(self, path, exist_ok=False):
            pytest.fail(f"a folder: {path}")

        def put_file(self, lpath, rpath, callback=None, mode="overwrite", **kwargs):
            self.pipe_file(rpath, Path(lpath).read_bytes())

    fsspec.register_implementation("bucket", ObjectStore, clobber=True)
    assert storage.push(built(10), "bucket://charts/tiny", "v3").outcome == "pushed"


def test_sizes_that_nobody_tells(built, elsewhere):
    """fsspec's http lists files without them."""

    class Unsized(MemoryFileSystem):
        protocol = "unsized"

        @classmethod
        def _strip_protocol(cls, path):
            return "/" + path.partition("//")[2].strip("/") if "//" in path else path

        def find(self, path, maxdepth=None, withdirs=False, detail=False, **kwargs):
            return {name: about | {"size": None} for name, about in super().find(path, detail=True).items()}

    fsspec.register_implementation("unsized", Unsized, clobber=True)
    storage.push(built(10), "unsized://charts/tiny", "v3")
    assert storage.pull("unsized://charts/tiny", "v3", elsewhere, "mine").is_new


def test_a_scheme_without_its_package_is_one_line(built):
    with pytest.raises(OvtError, match=r"^nosuch://bucket/charts/v3: .*nosuch.*$"):
        storage.push(built(10), "nosuch://bucket/charts", "v3")


def test_the_commands(shell, built, tmp_path):
    home, url = str(built(10).path.parents[2]), f"file://{tmp_path}/store/tiny"
    told = shell.ovt("data", "push", "tiny@1", url, "--home", home, "--dry-run")
    assert not (tmp_path / "store").exists(), told
    shell.ovt("data", "push", "tiny@1", url, "--home", home)
    assert "mine@v1" in shell.ovt("data", "pull", f"{url}@v1", "--as", "mine")
