"""Writing versions: complete or not there at all, the same bytes for the same content, safe beside other builds."""

import json
import os
import resource
import stat

import pytest
from datasets import load_dataset

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.versions.closed import Drifted
from ovt.curate.versions.guests import check_tables
from ovt.curate.versions.ledger import BrokenLedger
from ovt.curate.versions.manifest import hash_file
from ovt.curate.versions.read import open_version, scan, verify_files
from ovt.curate.versions.write import VersionWriter


def hashes(version):
    return {path.relative_to(version.path): hash_file(path) for path in version.path.rglob("*") if path.is_file()}


def names(home, name="tiny"):
    return sorted(path.name for path in (home.versions / name).iterdir() if path.name != ".lock")


def under_way(home, name="tiny"):
    return list((home.versions / name).glob(".new.*.part"))


def test_writes_a_complete_folder(home, make_build):
    version = make_build(10).write(home)
    assert version.ref == "tiny@v1"
    assert [str(path) for path in sorted(hashes(version))] == [
        "README.md",
        "data/rl-00000-of-00001.parquet",
        "data/sft-00000-of-00001.parquet",
        "ledger/decisions.parquet",
        "ledger/questions.parquet",
        "ledger/samples.parquet",
        "ledger/verdicts.parquet",
        "manifest.json",
    ]
    assert version.manifest.rows == {
        "sft": 4, "rl": 2, "questions": 10, "samples": 34, "verdicts": 24, "decisions": 45
    }  # fmt: skip
    verify_files(version)
    assert names(home) == ["v1"]


def test_files_cannot_be_written_to(home, make_build):
    version = make_build(5).write(home)
    assert all(
        not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) for path in version.path.rglob("*.*")
    )


def test_manifest_reports_usage_by_stage_and_the_funnel(home, make_build):
    manifest = make_build(10).write(home).manifest
    caption, reason = manifest.usage
    assert (caption.stage, caption.samples, caption.failed, caption.prompt_tokens) == ("caption", 10, 2, 88)
    assert (reason.stage, reason.samples, reason.completion_tokens) == ("reason", 24, 168)
    assert reason.cost_usd == pytest.approx(0.024)
    ends = {(row.level, row.stage): row for row in manifest.funnel}
    assert ends["question", "import"].rows_in == 11
    assert [(count.reason, count.rows) for count in ends["question", "version"].kept_as] == [("sft", 4), ("rl", 2)]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_bytes_do_not_depend_on_chunks_or_home(home, tmp_path, make_build, chunk):
    build = make_build(12)
    first = build.write(home)
    other = Home(tmp_path / "other")
    (other.path).mkdir()
    (other.path / "images").symlink_to(home.images)
    assert hashes(build.write(other, chunk=chunk)) == hashes(first)


def test_same_content_is_the_same_version(home, make_build):
    build = make_build(6)
    first = build.write(home)
    again = build.write(home, git_commit="another")
    assert again == first
    assert names(home) == ["v1"]


def test_a_license_that_was_added_is_another_version_of_the_same_rows(home, make_build, provenance):
    build = make_build(3)

    def written(license):
        inputs = tuple(one.model_copy(update={"license": license}) for one in provenance().inputs)
        assert inputs
        with VersionWriter(home, "tiny") as writer:
            writer.append(**build.frames())
            return writer.finish(provenance().model_copy(update={"inputs": inputs}))

    first, second = written(None), written("cc-by-4.0")
    assert (first.ref, second.ref, written("cc-by-4.0").ref) == ("tiny@v1", "tiny@v2", "tiny@v2")
    assert first.manifest.content_hash == second.manifest.content_hash
    assert open_version(second.manifest.hash_ref, home).ref == "tiny@v2"
    assert "cc-by-4.0" in (second.path / "README.md").read_text()


def test_writer_says_whether_it_made_a_version(home, make_build, provenance):
    build = make_build(3)
    for expected in (True, False):
        with VersionWriter(home, "tiny") as writer:
            writer.append(**build.frames())
            writer.finish(provenance())
        assert writer.is_new is expected


def test_other_content_is_the_next_version(home, make_build):
    assert make_build(6).write(home).ref == "tiny@v1"
    assert make_build(7).write(home).ref == "tiny@v2"
    assert make_build(7).write(home, name="other").ref == "other@v1"


def test_damaged_version_is_neither_reused_nor_in_the_way(home, make_build):
    build = make_build(6)
    (build.write(home).path / "ledger" / "samples.parquet").unlink()
    make_build(7).write(home)
    (home.versions / "tiny" / "v2" / "manifest.json").unlink()
    assert build.write(home).ref == "tiny@v3"


def test_two_builds_at_once_with_the_same_content(home, make_build, start):
    make_build(6)
    code = """
build = make_build(home, 6)
with VersionWriter(home, "tiny") as writer:
    writer.append(**build.frames())
    print("appended", flush=True)
    sys.stdin.readline()
    print(writer.finish(provenance()).ref, writer.is_new)
"""
    builds = [start(code) for _ in range(2)]
    assert [build.stdout.readline() for build in builds] == ["appended\n"] * 2
    assert len(under_way(home)) == 2
    said = [build.communicate("go\n", timeout=60)[0] for build in builds]
    assert sorted(said) == ["tiny@v1 False\n", "tiny@v1 True\n"]
    assert names(home) == ["v1"]


def test_two_builds_at_once_with_other_content(home, make_build, provenance):
    with VersionWriter(home, "tiny") as one, VersionWriter(home, "tiny") as other:
        one.append(**make_build(6).frames())
        other.append(**make_build(7).frames())
        assert len(under_way(home)) == 2
        assert [writer.finish(provenance()).ref for writer in (other, one)] == ["tiny@v1", "tiny@v2"]
    assert [len(scan(open_version(f"tiny@v{number}", home), "questions").collect()) for number in (1, 2)] == [7, 6]


def test_killed_build_leaves_no_version_and_its_folder_goes(home, make_build, start):
    killed = start("""
build = make_build(home, 6)
writer = VersionWriter(home, "tiny").__enter__()
writer.append(**build.frames())
print("appended", flush=True)
sys.stdin.readline()
""")
    assert killed.stdout.readline() == "appended\n"
    killed.kill()
    killed.wait()
    assert len(under_way(home)) == 1
    with pytest.raises(OvtError, match="there are no versions under"):
        open_version("tiny", home)
    assert make_build(6).write(home).ref == "tiny@v1"
    assert names(home) == ["v1"]


IN_PARTS = """
from functools import partial
from ovt.core.parquet import TableFile
from ovt.curate.versions import data, ledger
data.FILE_BYTES, data.GROUP_ROWS, ledger.FILE_BYTES = 1, 2, 1
ledger.TableFile = partial(TableFile, group_rows=7)

def write(home, count, changed=None, kill=None):
    build = make_build(home, count)
    with VersionWriter(home, "tiny", key="k") as writer:
        for number, start in enumerate(range(0, count, 3)):
            if number == kill:
                writer.decided.mkdir()
                (writer.decided / "one").touch()
                os.kill(os.getpid(), 9)
            mark = f"{number} changed" if number == changed else str(number)
            writer.append(mark, **build.frames(slice(start, start + 3)))
        return writer.finish(provenance())
"""


@pytest.fixture
def in_parts(monkeypatch, load_file):
    """`write` of IN_PARTS, for the test's process."""
    for name in ("data.FILE_BYTES", "data.GROUP_ROWS", "ledger.FILE_BYTES", "ledger.TableFile"):
        monkeypatch.setattr(f"ovt.curate.versions.{name}", None)  # is put back at the end
    names = {**vars(load_file("curate/versions/conftest")), "os": os}
    exec(IN_PARTS, names)
    return names["write"]


def test_a_large_version_is_in_parts_and_reads_as_one(home, make_build, in_parts, tmp_path):
    version = in_parts(home, 30)
    assert [path for path in version.manifest.files if "verdicts" in path] == [
        f"ledger/verdicts-{number:05}-of-00011.parquet" for number in range(11)
    ]
    verify_files(version)
    check_tables(version.path, version.manifest)
    frames = make_build(30).frames()
    for table in ("questions", "samples", "verdicts", "decisions", "sft", "rl"):
        loaded = load_dataset(str(version.path), table, split="train", cache_dir=str(tmp_path / "cache"))
        assert len(loaded) == len(scan(version, table).collect()) == version.manifest.rows[table]
        assert table not in frames or scan(version, table).collect().equals(frames[table])


def test_after_kill_9_a_version_is_written_on_after_its_closed_files(home, in_parts, start, tmp_path):
    assert start(IN_PARTS + "write(home, 30, kill=7)").wait() == -9
    (folder,) = under_way(home)
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.parquet")}
    version = in_parts(home, 30)
    times = {path.stat().st_mtime_ns for path in version.path.rglob("*.parquet")}
    kept = [name for name, time in there.items() if time in times]
    assert {name.partition("-")[0] for name in kept} == {"questions", "samples", "verdicts", "decisions", "sft", "rl"}
    assert len(kept) >= len(there) - 6  # those that were open
    assert version.manifest.content_hash == in_parts(Home(tmp_path / "other"), 30).manifest.content_hash
    assert names(home) == ["v1"]


def test_after_kill_9_at_the_very_end_what_was_decided_is_still_there(home, in_parts, start, tmp_path):
    killed = """
from ovt.curate.versions import write as writing
writing.render_card = lambda *_: os.kill(os.getpid(), 9)
finish = VersionWriter.finish
def decided_before(self, *of):
    self.decided.mkdir()
    (self.decided / "one").touch()
    return finish(self, *of)
VersionWriter.finish = decided_before
write(home, 30)
"""
    assert start(IN_PARTS + killed).wait() == -9
    (folder,) = under_way(home)
    assert (folder / "decided" / "one").exists()
    version = in_parts(home, 30)
    assert not (version.path / "decided").exists()
    assert version.manifest.content_hash == in_parts(Home(tmp_path / "other"), 30).manifest.content_hash


def test_closed_files_of_other_tables_are_written_again(home, in_parts, start, tmp_path):
    assert start(IN_PARTS + "write(home, 30, kill=7)").wait() == -9
    with pytest.raises(Drifted):
        in_parts(home, 30, changed=2)
    assert not [*under_way(home)[0].glob("*/*.parquet")]
    version = in_parts(home, 30, changed=2)
    assert version.manifest.content_hash == in_parts(Home(tmp_path / "other"), 30).manifest.content_hash


def test_a_question_that_comes_in_two_chunks_is_refused(home, make_build, provenance):
    frames = make_build(6).frames()
    again = make_build(6).frames(slice(3, 6))
    with VersionWriter(home, "tiny") as writer:
        writer.append(**frames)
        writer.append(**again)
        with pytest.raises(BrokenLedger, match="3 questions or samples with two decisions"):
            writer.finish(provenance())


def test_error_in_a_build_leaves_nothing(home, make_build):
    frames = make_build(6).frames()
    with pytest.raises(KeyboardInterrupt), VersionWriter(home, "tiny") as writer:  # noqa: PT012
        writer.append(**frames)
        raise KeyboardInterrupt
    assert names(home) == []


def test_broken_ledger_leaves_no_version(home, make_build):
    build = make_build(6)
    build.decisions.pop()
    with pytest.raises(BrokenLedger):
        build.write(home)
    assert names(home) == []


def test_full_disk_is_one_line(home, make_build):
    build = make_build(20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))  # larger files are refused, as all are on a full disk
    try:
        with pytest.raises(OvtError, match="free some space") as error:
            build.write(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert names(home) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_home_is_one_line(home, make_build):
    build = make_build(2)
    home.path.chmod(0o500)
    with pytest.raises(OvtError, match="Permission denied"):
        build.write(home)


def test_missing_image_is_one_line(home, make_build):
    build = make_build(2)
    build.rows[0]["images"] = ["0" * 64]
    with pytest.raises(OvtError, match="image 000000000000… is not in"):
        build.write(home)


@pytest.mark.parametrize("name", ["", "Big", "a/b", "..", ".hidden", "a@v1", "x" * 65, "a b"])
def test_bad_name_is_refused(home, name):
    with pytest.raises(OvtError, match="cannot name a version"):
        VersionWriter(home, name)


def test_nothing_to_write_is_still_a_version(home, make_build):
    build = make_build(0)
    version = build.write(home)
    assert version.manifest.rows["decisions"] == 1
    assert version.manifest.rows["sft"] == version.manifest.rows["rl"] == 0
    verify_files(version)


def test_manifest_tells_no_time(home, make_build):
    text = (make_build(3).write(home).path / "manifest.json").read_text()
    assert not {"time", "date", "created"} & set(json.loads(text))
    assert str(home.path) not in text
