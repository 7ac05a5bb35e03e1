"""Hash packs: what is in the file, and what is refused."""

import hashlib

import numpy as np
import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.curate.screen import packs
from ovt.curate.screen.decontam import DecontamSection
from ovt.curate.screen.fingerprints import pictures_in
from ovt.curate.screen.packs import HASHES, KEY, is_pack, load_pack, make_pack, save_pack
from ovt.curate.screen.screen import SIX, everything

LONG = "In the figure the secret triangle has the three sides marked a b c and one right angle, find c."


@pytest.fixture
def pack(ask, home, figures):
    questions = ask((figures[0], LONG, "5"), ([figures[1], figures[2]], "Which one?", "A", ["xylophone", "oboe"]))
    return make_pack("bench", questions, pictures_in(questions, home))


def test_a_pack_comes_back_as_it_was(pack, tmp_path):
    save_pack(pack, tmp_path / "bench.pack")
    back = load_pack(tmp_path / "bench.pack")
    assert is_pack(tmp_path / "bench.pack")
    assert (back.name, back.items, back.fingerprint) == ("bench", 2, pack.fingerprint)
    assert back.hashes.equals(pack.hashes)
    assert back.looks[0].tolist() == [0, 1, 1]
    np.testing.assert_array_equal(back.looks[1], pack.looks[1])


def test_the_same_pack_is_the_same_bytes(pack, tmp_path):
    hashes = []
    for name in ("one", "two"):
        save_pack(pack, tmp_path / name)
        hashes.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]


def test_a_pack_holds_no_text(pack, tmp_path):
    save_pack(pack, tmp_path / "bench.pack")
    data = (tmp_path / "bench.pack").read_bytes().lower()
    for word in (b"secret", b"triangle", b"xylophone", b"oboe", b"which"):
        assert word not in data


def test_a_short_text_is_hashed_whole_with_its_choices(pack):
    kinds = pack.hashes.group_by("item", "kind", maintain_order=True).len().rows()
    assert kinds == [(0, "look", 1), (0, "gram", 8), (1, "look", 2), (1, "text", 1)]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b'{"a": 1}'])
def test_other_files_are_no_packs(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert not is_pack(tmp_path / "x")
    with pytest.raises(OvtError, match="is not a readable hash pack"):
        load_pack(tmp_path / "x")


def test_a_pack_made_in_another_way_is_refused(pack, tmp_path):
    save_pack(pack, tmp_path / "bench.pack")
    about = pl.read_parquet_metadata(tmp_path / "bench.pack")[KEY]
    pack.hashes.write_parquet(tmp_path / "old.pack", metadata={KEY: about.replace('"version": 1', '"version": 0')})
    with pytest.raises(OvtError, match="make it again with --save-pack"):
        load_pack(tmp_path / "old.pack")


def test_hashes_of_a_wrong_length_are_refused(pack, tmp_path):
    save_pack(pack, tmp_path / "bench.pack")
    about = pl.read_parquet_metadata(tmp_path / "bench.pack")[KEY]
    short = pack.hashes.with_columns(hash=pl.col("hash").bin.head(4))
    short.write_parquet(tmp_path / "short.pack", metadata={KEY: about})
    with pytest.raises(OvtError, match="wrong length"):
        load_pack(tmp_path / "short.pack")


@pytest.mark.parametrize("column", ["hash", "kind", "item"])
def test_a_pack_with_nothing_in_a_cell_is_refused(pack, tmp_path, column):
    save_pack(pack, tmp_path / "bench.pack")
    about = pl.read_parquet_metadata(tmp_path / "bench.pack")[KEY]
    holed = pack.hashes.with_columns(pl.when(pl.int_range(pl.len()) > 0).then(column).alias(column))
    holed.write_parquet(tmp_path / "holed.pack", metadata={KEY: about})
    with pytest.raises(OvtError, match="wrong length"):
        load_pack(tmp_path / "holed.pack")


def test_a_pack_that_unpacks_to_gigabytes_is_refused(pack, tmp_path, monkeypatch):
    save_pack(pack, tmp_path / "bench.pack")
    about = pl.read_parquet_metadata(tmp_path / "bench.pack")[KEY]
    bomb = pl.DataFrame({"item": [0], "kind": ["look"], "hash": [b"x" * (70 * 2**20)]}, HASHES)
    bomb.write_parquet(tmp_path / "bomb.pack", metadata={KEY: about}, use_pyarrow=False)
    with pytest.raises(OvtError, match=r"unpacks to .*: this does not look like data"):
        load_pack(tmp_path / "bomb.pack")
    monkeypatch.setattr(packs, "MOST_HASHES", 5)
    with pytest.raises(OvtError, match="claims to have 12 hashes, at most 5"):
        load_pack(tmp_path / "bench.pack")


def test_benchmarks_stands_for_the_packs_of_the_six(home):
    assert everything(["a@v1", "b.pack"], home) == ("a@v1", "b.pack")
    with pytest.raises(OvtError, match=r"no .*mathvista\.pack; make it from a copy of mathvista: ovt data decontam"):
        everything(["benchmarks"], home)
    for name in SIX:
        (home.path / "packs").mkdir(parents=True, exist_ok=True)
        (home.path / "packs" / f"{name}.pack").touch()
    found = everything(["a@v1", "benchmarks"], home)
    assert len(found) == 7
    assert str(found[-1]).endswith("hallusionbench.pack")
    assert DecontamSection.model_validate({"against": "benchmarks"}).against == ("benchmarks",)
