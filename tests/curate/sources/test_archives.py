"""Pictures and whole samples in archives."""

import io
import json
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.curate.sources.archives import read_member
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.images import image_bytes
from tests.curate.sources.conftest import TWO, asked


def packed(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as out:
            for name, data in files.items():
                out.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz") if path.suffix in (".gz", ".tgz") else tarfile.open(path, "w") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_pictures_in_an_archive(load, folder, jsonl, rows, picture, home, suffix) -> None:
    archive = packed(folder / f"images{suffix}", {"all/1.png": picture(1), "./2.png": picture(2), "x/": b""})
    path = jsonl([rows[0] | {"image": "all/1.png"}, rows[1], rows[1] | {"id": "c", "image": "3.png"}])
    imported = load(path, image_root=str(archive))
    assert asked(imported) == TWO
    assert image_bytes(home, imported.questions["images"][0][0]) == picture(1)
    assert imported.decisions["detail"].to_list() == ["rows c: 3.png is not there"]
    missing = load(path).decisions["detail"][0]
    assert f"all/1.png is not there, but images{suffix} is: unpack it, or set image_root to it" in missing
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(OvtError, match=r"is not a complete archive|is not a complete gzip file"):
        load(path, image_root=str(archive))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_webdataset(load, folder, rows, picture, suffix) -> None:
    files = {}
    for at, row in enumerate(rows):
        files[f"a/{at}.json"] = json.dumps({key: row[key] for key in row if key != "image"}).encode()
        files[f"a/{at}.png"] = picture(at)
    files |= {"a/2.json": b"[broken", "a/3.question.txt": b"only a text"}
    packed(folder / f"train-000{suffix}", files)
    imported = load(folder / f"train-000{suffix}")
    assert asked(imported) == TWO
    assert imported.questions["source_id"].to_list() == ["a", "b"]
    assert imported.decisions["reason"].to_list() == ["malformed_row", "empty_question"]
    assert load(folder / f"*{suffix}", limit=1).questions["source_id"].to_list() == ["a"]


def unfit(archive: Path) -> str:
    with pytest.raises(Unfit) as found:
        read_member(archive, "a.png")
    assert found.value.reason == "unreadable_image"
    return found.value.detail


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_zipfile_would_unpack_whole(tmp_path: Path, method: int) -> None:
    """Its size is what the directory says, 5,000 bytes, and what it unpacks to is not."""
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", method) as out:
        out.writestr("a.png", b"\0" * 2**20)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\1\2") + 24, 5_000)
    path.write_bytes(data)
    assert unfit(path) == "in images.zip: packed in another way than deflate: pack it again"


def test_a_name_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    path = packed(tmp_path / "images.zip", {"a.png": b"x", "é.png": b"x"})
    data, name = path.read_bytes(), "é.png".encode()
    path.write_bytes(data[: data.rindex(name)] + b"\xff\xff.png" + data[data.rindex(name) + len(name) :])
    with pytest.raises(OvtError, match="is not a complete archive"):
        read_member(path, "a.png")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_member_is_what_zipfile_reads(tmp_path: Path, method: int) -> None:
    path = tmp_path / "images.zip"
    path.write_bytes(b"a program that unpacks itself")
    with zipfile.ZipFile(path, "a", method) as out:
        for name, size in (("a.png", 0), ("é.png", 1), ("c/d.png", 100_000)):
            out.writestr(name, random.Random(size).randbytes(size), method)
        with out.open("streamed.png", "w") as file:  # with its sizes after the content
            file.write(b"x" * 1_000)
    with zipfile.ZipFile(path) as opened:
        assert {name: read_member(path, name) for name in opened.namelist()} == {
            name: opened.read(name) for name in opened.namelist()
        }


def test_the_members_of_a_zip_are_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time would be 12 ms for 2,000 members; and rows may alternate between all parts of a data set."""
    parts = [packed(tmp_path / f"{n}.zip", {"a.png": bytes([n])}) for n in range(20)]
    real, opened = zipfile.ZipFile, []
    monkeypatch.setattr(zipfile, "ZipFile", lambda *given: opened.append(given) or real(*given))
    for _ in range(2):
        assert [read_member(path, "a.png") for path in parts] == [bytes([n]) for n in range(20)]
    assert len(opened) == 20


def answer(n: int) -> bytes:
    return json.dumps({"question": f"{n}?", "answer": str(n)}).encode()


# Address -> members (a picture where None), the questions and how many pictures each has
PACKED: dict[str, tuple[dict[str, bytes | None], list[tuple[str, int]]]] = {
    "huggingface/datasets/pull/7144": (
        {"22.05.png": None, "22.05.json": answer(5), "22.06.png": None, "22.06.json": answer(6)},
        [("5?", 1), ("6?", 1)],
    ),
    "macrodata-labs/refiner/pull/124": (
        {
            "train.v1/01.png": None,
            "train.v1/01.json": answer(1),
            "train.v1/02.png": None,
            "train.v1/02.json": answer(2),
        },
        [("1?", 1), ("2?", 1)],
    ),
    "webdataset/webdataset/issues/407": (
        {"1.png": None, "2.png": None, "1.json": answer(1), "2.json": answer(2)},
        [("1?", 1), ("2?", 1)],
    ),
    "webdataset/webdataset/issues/20": ({"1.left.png": None, "1.right.png": None, "1.json": answer(1)}, [("1?", 2)]),
    "webdataset/webdataset/issues/11": (
        {"1.png": None, "1.png.json": b'{"width": 8}', "1.info.json": answer(1)},
        [("1?", 1)],
    ),
}


@pytest.mark.parametrize("address", PACKED)
def test_archives_of_public_reports(address: str, load, folder: Path, picture) -> None:
    members, expected = PACKED[address]
    files = {name: picture(n) if content is None else content for n, (name, content) in enumerate(members.items())}
    imported = load(packed(folder / "shard.tar", files))
    assert [
        (asked, len(images)) for asked, images in imported.questions.select("question", "images").rows()
    ] == expected


def test_an_import_of_an_older_reading_is_made_again(load, folder: Path, picture, home) -> None:
    files = {name: picture(0) if name.endswith("png") else answer(6) for name in ("2.05.png", "2.05.json")}
    files |= {name: picture(1) if name.endswith("png") else answer(7) for name in ("2.06.png", "2.06.json")}
    path = packed(folder / "shard.tar", files)
    first = load(path)
    noted = next(home.imports.glob("*/import.json"))
    about = json.loads(noted.read_text())
    assert about.pop("readings") == ["dotted names"]
    noted.write_text(json.dumps(about))  # as before this reading was there
    again = load(path)
    assert again.fingerprint == first.fingerprint
    assert json.loads(noted.read_text())["readings"] == ["dotted names"]
