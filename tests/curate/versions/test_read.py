"""Finding versions by name, ordinal, hash and folder; and finding out what was done to one."""

import json

import polars as pl
import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.report import Table
from ovt.curate.audit.audit import answers
from ovt.curate.questions import of_version
from ovt.curate.reports import funnel
from ovt.curate.reports.diff.diff import compare
from ovt.curate.reports.head import Pick, head
from ovt.curate.reports.show import describe
from ovt.curate.reports.why import look_up
from ovt.curate.screen.screen import version_pack
from ovt.curate.versions.read import list_versions, open_version, rows_at, rows_where, scan, verify_files
from ovt.curate.versions.write import VersionWriter


@pytest.fixture
def three(home, make_build):
    return [make_build(5).write(home), make_build(6).write(home), make_build(5).write(home, name="other")]


def test_every_way_to_name_a_version(home, three):
    first, second, _ = three
    assert open_version("tiny", home) == second
    assert open_version("tiny@v1", home) == open_version("tiny@1", home) == first
    assert (
        open_version(first.manifest.hash_ref, home)
        == open_version(f"tiny@{first.manifest.content_hash}", home)
        == first
    )
    assert open_version(str(first.path), home).manifest == first.manifest


@pytest.mark.parametrize(
    ("ref", "line"),
    [
        ("tinny", "no version is named 'tinny' .* did you mean tiny"),
        ("zzz", "there are: other, tiny"),
        ("tiny@v9", "tiny has no v9, only v1, v2"),
        ("tiny@ffffffffff", "no version whose content hash starts with ffffffffff; there are tiny@v1 = @"),
        ("tiny@what", "after @ give v and a number"),
        ("./nowhere", "nowhere is not a folder"),
        ("../..", "is not a"),
    ],
)
def test_what_cannot_be_found_is_one_line(home, three, ref, line):
    with pytest.raises(OvtError, match=line) as error:
        open_version(ref, home)
    assert "\n" not in str(error.value)


def test_empty_home(home):
    assert list_versions(home) == ([], [])
    with pytest.raises(OvtError, match="there are no versions under"):
        open_version("tiny", home)


def test_list_shows_the_whole_and_names_the_broken(home, three):
    (three[0].path / "manifest.json").unlink()
    versions, broken = list_versions(home)
    assert [version.ref for version in versions] == ["other@v1", "tiny@v2"]
    assert "tiny/v1 is not a complete version" in broken[0]


def damage(version, how):
    path = version.path / "manifest.json"
    path.chmod(0o644)
    path.write_text(how(path.read_text()))


def test_a_broken_neighbour_does_not_hide_a_hash(home, three):
    first, second, _ = three
    (second.path / "manifest.json").unlink()
    assert open_version(first.manifest.hash_ref, home) == first
    with pytest.raises(OvtError, match=r"there are tiny@v1 = @.*tiny/v2 is not a complete version"):
        open_version(second.manifest.hash_ref, home)


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (lambda text: text[:100], "cannot be read"),
        (lambda text: "[]", "has format None, this ovt reads 1"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 99'), "has format 99"),
        (lambda text: text.replace('"recipe_hash"', '"recipe_sum"'), "was edited: "),
    ],
)
def test_unreadable_manifest_is_one_line(home, three, how, line):
    damage(three[1], how)
    with pytest.raises(OvtError, match=line) as error:
        open_version("tiny", home)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "part",
    [
        {"reason": [1]},
        {"reason": [{"k": "x"}]},
        {"verify": 3},
        {"verify": {"kind": 1}},
        {"endpoints": {"a": {"query": 1}}},
    ],
)
def test_a_strangers_recipe_with_odd_parts_is_one_line(home, three, part):
    def edit(text):
        manifest = json.loads(text)
        manifest["provenance"]["recipe"] |= part
        return json.dumps(manifest)

    damage(three[1], edit)
    with pytest.raises(OvtError, match=f"provenance.recipe: {next(iter(part))} is not as ovt writes it"):
        open_version("tiny", home)


def test_changed_files_are_named(home, three):
    version = three[0]
    verify_files(version)
    samples = version.path / "ledger" / "samples.parquet"
    samples.chmod(0o644)
    samples.write_bytes(samples.read_bytes()[:-1] + b"!")
    (version.path / "README.md").unlink()
    (version.path / "notes.txt").write_text("mine")
    with pytest.raises(OvtError) as error:
        verify_files(version)
    assert "README.md is missing; ledger/samples.parquet was changed; 'notes.txt' is not part of this version" in str(
        error.value
    )


def test_changed_manifest_is_named(home, three):
    entry = json.loads((three[0].path / "manifest.json").read_text())["files"]["ledger/samples.parquet"]["sha256"]
    damage(three[0], lambda text: text.replace(entry, "0" * 64))
    with pytest.raises(OvtError, match=r"samples.parquet was changed; manifest.json was changed"):
        verify_files(open_version("tiny@v1", home))


def test_tables_come_back_as_they_were_written(home, make_build):
    build = make_build(8)
    version = build.write(home, chunk=3)
    for table, frame in build.frames().items():
        if table != "rows":
            read = scan(version, table).collect()
            assert read.schema == frame.schema
            assert read.sort(pl.all()).equals(frame.sort(pl.all())) if table != "questions" else read.equals(frame)


def test_home_with_letters_that_globs_know(tmp_path, make_build):
    home = Home(tmp_path / "a[1]*")
    (tmp_path / "home" / "images").mkdir(parents=True)
    home.path.mkdir()
    build = make_build(5)
    (home.path / "images").symlink_to(tmp_path / "home" / "images")
    version = build.write(home)
    assert len(scan(version, "sft").collect()) == version.manifest.rows["sft"] == 2


@pytest.mark.parametrize(
    "look",
    [
        describe,
        head,
        lambda version: look_up([version], "words of it"),
        answers,
        lambda version: of_version(version, Home(version.path.parents[2]), None),
        lambda version: version_pack(version, Home(version.path.parents[2])),
    ],
)
def test_tables_that_are_gone_or_broken_are_one_line_whoever_reads_them(home, make_build, look):
    version = make_build(5).write(home)
    (version.path / "ledger" / "samples.parquet").unlink()
    for path in (version.path / "ledger" / "questions.parquet", *(version.path / "data").iterdir()):
        path.chmod(0o644)
        path.write_bytes(b"junk")
    with pytest.raises(OvtError, match=r"samples\.parquet is missing.* was changed"):
        look(version)


@pytest.mark.parametrize("name", ["place", "row", "dropped", "kept_as", "rows_in"])
def test_a_kept_column_may_have_any_name(home, make_build, provenance, name):
    frames = make_build(5).frames()
    for table in ("questions", "rows"):
        frames[table] = frames[table].with_columns(pl.lit("x").alias(name))
    with VersionWriter(home, "kept", pl.Schema({name: pl.String})) as writer:
        writer.append(**frames)
        version = writer.finish(provenance())
    assert [row[name] for row in head(version)] == ["x"] * 3
    assert compare(version, version).about["rows"]["same"] == 3
    table = funnel.report(version, name).parts[0]
    assert isinstance(table, Table)
    assert [cells[0] for cells in list(table.rows)[:2]] == ["(unknown)", "x"]


def test_an_unknown_split_is_one_line(home, make_build):
    with pytest.raises(RecipeError, match="'train' is not a split: choose sft or rl"):
        head(make_build(5).write(home), Pick(split="train"))


def test_few_rows_are_read_by_their_places():
    table = pl.DataFrame({"id": ["a", "b", "a", "a", "c"], "text": list("vwxyz")}).lazy()
    assert rows_where(table, pl.col("id") == "a")["text"].to_list() == ["v", "x", "y"]
    assert rows_where(table, (pl.col("id") == "c") | (pl.col("id") == "b"))["text"].to_list() == ["w", "z"]
    assert rows_where(table, pl.col("id") == "d").shape == (0, 2)
    assert rows_at(table, pl.Series([0, 1, 4]))["text"].to_list() == ["v", "w", "z"]


def test_scattered_rows_are_not_read_one_by_one(monkeypatch):
    table = pl.DataFrame({"id": ["a", "b"] * 300, "place": range(600)}).lazy()
    monkeypatch.setattr(pl, "collect_all", None)
    assert rows_where(table, pl.col("id") == "b")["place"].to_list() == list(range(1, 600, 2))
