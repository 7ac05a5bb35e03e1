"""What a reader sees is the old file or the new one; what killed writers left goes; locks end with their process."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, is_locked, locked, new_folder, put_folder, replacing, write_file, write_json


@pytest.fixture
def writer():
    """Starts a process that runs `code` with a folder as `home`; killed at the end."""
    started = []

    def start(code, home):
        lead = f"import sys\nfrom pathlib import Path\nfrom ovt.core.files import *\nhome = Path({str(home)!r})\n"
        process = subprocess.Popen([sys.executable, "-c", lead + code], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def killed(process, line="ready\n"):
    """Waits for the process to say `line` and kills it, as a power cut or the kernel would."""
    assert process.stdout.readline() == line
    process.send_signal(signal.SIGKILL)
    process.wait()


FILE_HALF_WRITTEN = """
with replacing(home / "record.json") as part:
    part.write_bytes(b"half of it")
    print("ready", flush=True)
    sys.stdin.readline() or __import__("time").sleep(60)
"""
FOLDER_HALF_WRITTEN = """
with new_folder(home / "model", *KEY) as part:
    (part / "weights").write_bytes(b"half of them")
    print("ready", flush=True)
    __import__("time").sleep(60)
"""


def test_writes_in_the_place_of_an_older_file_and_makes_the_folders(tmp_path):
    path = tmp_path / "a" / "b" / "record.json"
    write_json(path, {"name": "é"})
    write_json(path, {"name": "ü", "steps": 2})
    assert path.read_text(encoding="utf-8") == '{\n  "name": "ü",\n  "steps": 2\n}\n'
    assert [one.name for one in path.parent.iterdir()] == ["record.json"]


def test_a_block_that_fails_leaves_the_older_file_alone(tmp_path):
    write_file(tmp_path / "record", "old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "record") as part:
        part.write_text("half" * (1 // part.write_text("")))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"record": "old"}


def test_a_writer_killed_before_the_rename_leaves_the_old_file_and_its_leavings_go(tmp_path, writer):
    write_file(tmp_path / "record.json", "old")
    killed(writer(FILE_HALF_WRITTEN, tmp_path))
    assert (tmp_path / "record.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3  # the file, the half of it and the lock
    write_file(tmp_path / "record.json", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"record.json": "new"}


def test_a_live_writer_is_left_alone_and_files_of_like_names_too(tmp_path, writer):
    process = writer(FILE_HALF_WRITTEN, tmp_path)
    assert process.stdout.readline() == "ready\n"
    other = tmp_path / ".record.json.more.8c1f.part"
    other.write_text("of record.json.more")
    write_file(tmp_path / "record.json", "new")
    halves = [path.read_text() for path in tmp_path.glob(".record.json.*.part")]
    assert sorted(halves) == ["half of it", "of record.json.more"]


@pytest.mark.parametrize("durable", [True, False])
def test_readers_see_one_whole_content_while_many_write(tmp_path, durable):
    path, contents, ended = tmp_path / "record", [bytes([65 + one]) * 50_000 for one in range(4)], threading.Event()
    write_file(path, contents[0])
    seen = set()

    def read():
        while not ended.is_set():
            seen.add(path.read_bytes())

    def write(content):
        for _ in range(10):
            write_file(path, content, durable)

    reader, writers = threading.Thread(target=read), [threading.Thread(target=write, args=(one,)) for one in contents]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    reader.join()
    assert seen <= set(contents)
    assert [one.name for one in tmp_path.iterdir()] == ["record"]


@given(steps=st.lists(st.tuples(st.sampled_from(["write", "fail"]), st.binary(max_size=20)), max_size=8))
@settings(max_examples=30)
def test_the_file_is_what_the_last_finished_writer_wrote(tmp_path_factory, steps):
    path, last = tmp_path_factory.mktemp("files") / "record", None
    for step, content in steps:
        try:
            with replacing(path) as part:
                part.write_bytes(content)
                if step == "fail":
                    raise OSError
            last = content
        except OSError:
            pass
        assert (path.read_bytes() if path.exists() else None) == last


def test_everything_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda path, to: (done.append(to), rename(path, to))[1])
    with new_folder(tmp_path / "model") as part:
        (part / "inside").mkdir()
        (part / "inside" / "weights").write_bytes(b"w")
    assert [path.name for path in done] == ["inside", "weights", part.name, "model", tmp_path.name]


def test_a_folder_replaces_an_older_one(tmp_path):
    for content in ("old", "new"):
        with new_folder(tmp_path / "model") as part:
            (part / content).write_text(content)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("key", ["", "sft"])
def test_a_folder_whose_writer_was_killed(tmp_path, writer, key):
    (tmp_path / "model").mkdir()
    killed(writer(f"KEY = {(key,) if key else ()}" + FOLDER_HALF_WRITTEN, tmp_path))
    assert not list((tmp_path / "model").iterdir())
    with new_folder(tmp_path / "model", key) as part:
        assert [path.name for path in part.iterdir()] == (["weights"] if key else [])  # with a key, to be continued
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_one_writer_of_a_key_at_a_time(tmp_path, writer):
    process = writer("KEY = ('sft',)" + FOLDER_HALF_WRITTEN, tmp_path)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(OvtError, match="in use"), new_folder(tmp_path / "model", "sft", "in use"):
        pass
    process.kill()
    process.wait()
    with new_folder(tmp_path / "model", "sft", "somebody writes it") as part:
        assert (part / "weights").is_file()


def test_a_writer_killed_between_the_two_renames_loses_nothing(tmp_path):
    kept = tmp_path / ".model.8c1f.part.old"
    kept.mkdir()
    (kept / "weights").write_text("old")
    with pytest.raises(ValueError, match="no room"), new_folder(tmp_path / "model"):
        raise ValueError("no room")
    assert (tmp_path / "model" / "weights").read_text() == "old"


def test_two_that_replace_a_folder_at_once(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    rename, others = Path.rename, iter([True])

    def raced(path, to):
        if to.name == "model" and next(others, False):
            to.mkdir()
            (to / "of the other").write_text("")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", raced)
    with new_folder(tmp_path / "model") as part:
        (part / "ours").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["ours"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_renamed_says_so(tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    with pytest.raises(FileNotFoundError):
        put_folder(part, tmp_path / "missing" / "model")


def test_a_lock_ends_with_its_process(tmp_path, writer):
    process = writer("with locked(home):\n    print('ready', flush=True)\n    __import__('time').sleep(60)", tmp_path)
    assert process.stdout.readline() == "ready\n"
    assert is_locked(tmp_path)
    with pytest.raises(OvtError, match="in use"), locked(tmp_path, busy="in use"):
        pass
    process.kill()
    process.wait()
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path / "elsewhere")


def test_a_lock_is_asked_about_without_a_write(tmp_path, monkeypatch):
    with locked(tmp_path):
        real = os.open

        def only_reading(path, flags, *rest, **named):
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                raise PermissionError(13, "Permission denied", str(path))  # somebody else's home
            return real(path, flags, *rest, **named)

        monkeypatch.setattr(os, "open", only_reading)
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_writers_in_many_processes_take_turns(tmp_path, writer):
    code = """
import json
for _ in range(20):
    with locked(home):
        path = home / "count.json"
        write_json(path, (json.loads(path.read_text()) if path.exists() else 0) + 1)
"""
    for process in [writer(code, tmp_path) for _ in range(3)]:
        assert process.wait() == 0
    assert json.loads((tmp_path / "count.json").read_text()) == 60


def test_a_full_disk_is_one_line(tmp_path):
    with (
        pytest.raises(OvtError, match=r"cannot write .*/x \(No space left on device\): free some space"),
        disk_errors(tmp_path),
    ):
        raise OSError(28, "whatever", str(tmp_path / "x"))
    with pytest.raises(OvtError, match=r"cannot write .* \(odd\)"), disk_errors(tmp_path):
        raise OSError("odd")
