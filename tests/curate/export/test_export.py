"""The folder of an export: put there whole, replaced only by another export, gone on with after a stop."""

import json
import os
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import ovt
from ovt.cli import app
from ovt.core.errors import OvtError, RecipeError
from ovt.core.registry import EXPORTERS
from ovt.curate.export.chosen import choose
from ovt.curate.export.export import Exporter, Written, export, read_rows
from ovt.curate.labels import Label, append_label, labels_path
from ovt.curate.versions.read import open_version, scan

NAMES = re.compile(
    r"(?:README\.md|\.export\.json|dataset_info\.json|(?:sft|rl|dpo|train)(?:\.ids)?\.(?:json|jsonl|parquet))"
)


@pytest.mark.parametrize("to", EXPORTERS.ours)
def test_names_come_from_hashes_only_and_the_folder_is_whole(exported, to):
    folder, record = exported(to)
    assert record == json.loads((folder / ".export.json").read_text())
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        assert path.is_dir() or NAMES.fullmatch(name) or re.fullmatch(r"images/(..)/\1[0-9a-f]{62}\.png", name)
    assert {path.name for path in folder.parent.iterdir()} == {"out"}


def test_the_same_again_does_nothing_and_another_replaces_it(exported, version, tmp_path):
    folder, record = exported("llamafactory")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again, is_new = export(version, "llamafactory", folder, None, ovt.__version__)
    assert (again, is_new) == (record, False)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    export(version, "easyr1", folder, "rl", ovt.__version__)
    assert {path.name for path in folder.iterdir()} == {"rl.parquet", ".export.json"}


@pytest.mark.parametrize("record", ["", "{", "[]", "null", None])
def test_a_record_that_cannot_be_read_is_one_line(version, tmp_path, record):
    if record is None:
        (tmp_path / ".export.json").mkdir()
    else:
        (tmp_path / ".export.json").write_text(record)
    with pytest.raises(OvtError, match=r"\.export\.json cannot be read: remove that folder"):
        export(version, "trl", tmp_path, None, ovt.__version__)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_no_export_is_left_alone(version, tmp_path, what):
    out = tmp_path / "thesis"
    if what == "file":
        out.write_text("all my work")
    else:
        out.mkdir()
        (out / "chapter.tex").write_text("all my work")
    with pytest.raises(OvtError, match="exists and is not an export: choose another folder"):
        export(version, "trl", out, None, ovt.__version__)
    assert "all my work" in (out if what == "file" else out / "chapter.tex").read_text()


def test_an_export_that_was_stopped_goes_on(version, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        export(version, "llamafactory", out, None, ovt.__version__)
    monkeypatch.undo()
    assert not out.exists()
    (part,) = tmp_path.iterdir()
    images = {path.name: path.stat().st_mtime_ns for path in part.glob("images/*/*")}
    export(version, "llamafactory", out, None, ovt.__version__)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("images/*/*")} == images
    assert list(tmp_path.iterdir()) == [out]


def test_one_split_after_both_were_stopped_has_nothing_of_the_other(version, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        export(version, "easyr1", tmp_path / "out", None, ovt.__version__)
    monkeypatch.undo()
    export(version, "easyr1", tmp_path / "out", "rl", ovt.__version__)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"rl.parquet", ".export.json"}


def test_the_leavings_of_another_export_go(version, tmp_path):
    left = tmp_path / ".out.trl-sft-000000000000.part"
    left.mkdir()
    export(version, "openai", tmp_path / "out", None, ovt.__version__)
    assert not left.exists()


def test_what_cannot_be_exported(version, home, make_build, tmp_path):
    with pytest.raises(RecipeError, match=r"openai files cannot hold rows of rl .*: choose --split sft"):
        export(version, "openai", tmp_path / "out", "rl", "0")
    with pytest.raises(RecipeError, match="'axolotl' is not a known export format; choose one of trl, llamafactory"):
        export(version, "axolotl", tmp_path / "out", None, "0")
    with pytest.raises(RecipeError, match="'test' is not a split"):
        export(version, "trl", tmp_path / "out", "test", "0")
    without_rl = make_build(1).write(home)
    with pytest.raises(OvtError, match="tiny@v1 has no rows in rl: there is nothing to export"):
        export(without_rl, "trl", tmp_path / "out", "rl", "0")
    assert export(without_rl, "trl", tmp_path / "out", None, "0")[0]["splits"] == ["sft"]


def write_golds(version, splits, folder, place):
    lines = [f"{row.question_id}\t{row.answer}\n" for row in read_rows(version, "rl")]
    (folder / "gold.tsv").write_text("".join(lines))
    return Written({"rl": len(lines)}, f"--gold {place}/gold.tsv", {"too short": 2})


def test_a_format_from_outside(version, tmp_path, monkeypatch):
    monkeypatch.setattr(EXPORTERS, "added", {})
    EXPORTERS(name="gold.tsv")(Exporter(("rl",), write_golds))
    record, is_new = export(version, "gold.tsv", tmp_path / "out", None, "0")
    assert (record["rows"], record["left_out"], is_new) == ({"rl": 4}, {"too short": 2}, True)
    assert len((tmp_path / "out" / "gold.tsv").read_text().splitlines()) == 4
    assert export(version, "gold.tsv", tmp_path / "out", None, "0") == (record, False)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(RecipeError, match=r"gold.tsv files cannot hold rows of sft: choose --split rl"):
        export(version, "gold.tsv", tmp_path / "out", "sft", "0")


def test_a_changed_version_is_not_exported(home, make_build, tmp_path):
    version = make_build(1).write(home)
    path = version.path / "data" / "sft-00000-of-00001.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(OvtError, match=r"data/sft-00000-of-00001\.parquet was changed"):
        export(open_version("tiny", home), "trl", tmp_path / "out", None, "0")


def test_the_command(version, tmp_path):
    home = version.path.parents[2]
    arguments = ["data", "export", "tiny", str(tmp_path / "out"), "--to", "ms-swift", "--home", str(home)]
    told = CliRunner().invoke(app, arguments).output.splitlines()
    assert told == [
        f"{version.manifest.hash_ref} for ms-swift: sft 8, rl 4",
        f"folder: {tmp_path}{os.sep}out",
        f"use:    --dataset {tmp_path}{os.sep}out{os.sep}sft.jsonl",
    ]
    assert "already there" in CliRunner().invoke(app, arguments).output


@pytest.fixture
def labelled(version):
    """Two rows of sft are labelled bad (one of them through its question), one good; and a question of rl is bad."""
    rows = list(read_rows(version, "sft"))
    keys = dict(scan(version, "samples").select("sample_id", "reply_key").collect().iter_rows())
    path = labels_path(version.path, "tiny")
    for sample_id, label in ((rows[0].sample_id or "", "bad"), (rows[2].sample_id or "", "good")):
        append_label(path, Label(version="tiny@x", id=sample_id, reply_key=keys[sample_id], label=label))
    for one in (rows[1], next(read_rows(version, "rl"))):
        append_label(path, Label(version="tiny@x", id=one.question_id, label="bad"))
    yield rows
    path.unlink()


def ids(folder):
    return [one["sample_id"] for one in pq.read_table(folder / "sft.parquet", columns=["sample_id"]).to_pylist()]


def test_labelled_rows_are_left_out(version, labelled, tmp_path):
    out = tmp_path / "out"
    every, _ = export(version, "trl", out, None, ovt.__version__)
    record, is_new = export(choose(version, drop=["bad"]), "trl", out, None, ovt.__version__)
    assert is_new
    assert record["rows"] == {"sft": every["rows"]["sft"] - 2, "rl": every["rows"]["rl"] - 1}
    assert record["left_out"] == {"labelled_bad": 3}
    assert ids(out) == [row.sample_id for row in labelled[2:]]
    again, is_new = export(choose(version, drop=["bad"]), "trl", out, None, ovt.__version__)
    assert (again, is_new) == (record, False)
    kept, _ = export(choose(version, drop=["bad"], keep=["good"]), "trl", out, None, ovt.__version__)
    assert ids(out) == [labelled[2].sample_id]
    assert (kept["rows"], kept["left_out"]) == ({"sft": 1}, {"labelled_bad": 2, "not_labelled": 5})
    assert export(version, "trl", out, None, ovt.__version__) == (every, True)


def test_every_format_leaves_them_out(exported, version, labelled, tmp_path):
    for to in EXPORTERS.ours:
        whole, _ = export(version, to, tmp_path / "whole", None, ovt.__version__)
        part, _ = export(choose(version, drop=["bad"]), to, tmp_path / "part", None, ovt.__version__)
        assert sum(part["rows"].values()) < sum(whole["rows"].values()), to


def test_labels_that_are_not_there_are_a_mistake(version, labelled, tmp_path):
    with pytest.raises(RecipeError, match="is labelled 'baad': did you mean bad"):
        choose(version, drop=["baad"])
    with pytest.raises(OvtError, match="these labels leave no row"):
        export(choose(version, drop=["good"], keep=["good"]), "openai", tmp_path / "out", None, ovt.__version__)
