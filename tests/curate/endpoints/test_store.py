"""The reply store: what was committed stays, whatever happens to the process, the disk or the neighbours."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.store import ReplyStore


def key(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def reply(text: str = "hi") -> Reply:
    return Reply(text, "stop", 10, 20, 0.001, 0.5, "http://a/v1", "m")


# A process that stores replies "FROM TO TEXT" and tells each number once it is committed.
WRITER = """
import sys, hashlib
from pathlib import Path
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.store import ReplyStore
path, first, last, text = sys.argv[1:]
with ReplyStore(Path(path)) as store:
    for number in range(int(first), int(last)):
        store.put_many({hashlib.sha256(b"%d" % number).hexdigest(): Reply(text, "stop")})
        if number % 50 == 0:
            store.flush()
            print(number, flush=True)
print("done", flush=True)
"""


def start_writer(path: Path, first: int, last: int, text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last), text]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_replies_come_back_as_they_were(tmp_path: Path) -> None:
    with ReplyStore(tmp_path / "deep" / "replies.sqlite") as store:
        store.put_many({key(1): reply()})
        assert store.get_many([key(1), key(2)]) == {key(1): reply()}  # at once, committed or not
        assert store.known([key(1), key(2)]) == {key(1)}
    with ReplyStore(tmp_path / "deep" / "replies.sqlite") as store:
        assert store.get_many([key(1), key(2)]) == {key(1): reply()}
        assert store.known([key(1), key(2)]) == {key(1)}


@settings(max_examples=20)
@given(st.text(st.characters(codec="utf-8")))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("store") / "replies.sqlite"
    with ReplyStore(path) as store:
        store.put_many({key(1): reply(text)})
    with ReplyStore(path) as store:
        assert store.get_many([key(1)])[key(1)].text == text


def test_the_first_reply_of_a_key_stays(tmp_path: Path) -> None:
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        store.put_many({key(1): reply("first")})
        store.put_many({key(1): reply("second")})
        store.flush()
        store.put_many({key(1): reply("third")})
        store.put_many({key(1): Reply(None, error="late")})
        assert store.get_many([key(1)])[key(1)].text == "first"
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        assert store.get_many([key(1)])[key(1)].text == "first"


def test_failures_are_kept_apart_and_forgotten_when_a_reply_comes(tmp_path: Path) -> None:
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        store.put_many({key(1): Reply(None, error="HTTP 500")})
        store.put_many({key(1): Reply(None, error="HTTP 503")})
        store.put_many({key(2): Reply(None, error="timeout")})
        assert store.get_many([key(1), key(2)]) == {}
        assert store.known([key(1), key(2)]) == set()
        assert {failure.error for failure in store.get_failures([key(1), key(2)]).values()} == {"HTTP 503", "timeout"}
        store.put_many({key(1): reply()})
        assert store.get_failures([key(1), key(2)]).keys() == {key(2)}


def test_many_keys_are_read_in_proportion_to_their_number(tmp_path: Path) -> None:
    keys = [key(number) for number in range(100_000)]
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        store.put_many(dict.fromkeys(keys, reply("x" * 500)))

        def seconds(count: int) -> float:
            began = time.thread_time()
            assert len(store.get_many(keys[:count])) == count
            return time.thread_time() - began

        few = min(seconds(10_000) for _ in range(3))
        assert seconds(100_000) < 30 * few  # ten times the keys; the rest is for a busy machine


def test_two_processes_share_a_store_and_each_key_keeps_one_reply(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    writers = [start_writer(path, first, first + 600, text) for first, text in ((0, "a"), (300, "b"), (300, "c"))]
    for writer in writers:
        _, complaint = writer.communicate(timeout=60)
        assert (writer.returncode, complaint) == (0, "")
    with ReplyStore(path) as store:
        found = store.get_many(map(key, range(900)))
    assert len(found) == 900
    assert {found[key(number)].text for number in range(300)} == {"a"}
    assert {found[key(number)].text for number in range(600, 900)} <= {"b", "c"}


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    writer = start_writer(path, 0, 1_000_000, "x" * 1000)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    with ReplyStore(path) as store:
        assert len(store.get_many(map(key, range(told[-1] + 1)))) == told[-1] + 1
        store.put_many({key(-1): reply()})
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_full_disk_is_one_line_and_corrupts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    # A limit on the size of files is met like a full disk: writes stop half-way.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n" + WRITER
    command = [sys.executable, "-c", limited, str(path), "0", "100000", "x" * 2000]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "OvtError: cannot write" in last
    assert "make room on its disk" in last
    told = [int(number) for number in done.stdout.split()]
    with ReplyStore(path) as store:
        assert len(store.get_many(map(key, range(told[-1] + 1)))) == told[-1] + 1
        store.put_many({key(-1): reply()})
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "replies.sqlite").write_bytes(b"hello " * 1000)
    with pytest.raises(OvtError, match="not ours"), ReplyStore(tmp_path / "replies.sqlite"):
        pass


def test_a_damaged_store_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        for number in range(200):
            store.put_many({key(number): reply("x" * 500)})
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = bytes(len(damaged) - 8192)  # all pages but the first
    path.write_bytes(damaged)
    with pytest.raises(OvtError, match="damaged or not ours"), ReplyStore(path) as store:
        store.get_many(map(key, range(200)))


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "replies.sqlite") as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(OvtError, match="has format 7"), ReplyStore(tmp_path / "replies.sqlite"):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OvtError, match="cannot open the reply store"), ReplyStore(tmp_path / "file" / "replies.sqlite"):
        pass
