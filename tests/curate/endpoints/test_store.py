"""The reply store: what was committed stays, whatever happens to the process, the disk or the neighbours."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
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


# A process that stores replies "FROM TO TEXT" and tells every fiftieth number once it is stored.
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
    keys = [key(number) for number in range(50_000)]
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        store.put_many(dict.fromkeys(keys, reply("x" * 500)))

        def seconds(count: int) -> float:
            began = time.thread_time()
            assert len(store.get_many(keys[:count])) == count
            return time.thread_time() - began

        few = min(seconds(5_000) for _ in range(3))
        assert seconds(50_000) < 30 * few  # ten times the keys; the rest is for a busy machine


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
        assert store.known([key(-1)])


def test_a_full_disk_is_one_line_and_corrupts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    # A limit on the size of files is met like a full disk: writes stop half-way.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n" + WRITER
    command = [sys.executable, "-c", limited, str(path), "0", "100000", "x" * 2000]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "OvtError: cannot write" in last
    assert "free some space on its disk" in last
    told = [int(number) for number in done.stdout.split()]
    with ReplyStore(path) as store:
        assert len(store.get_many(map(key, range(told[-1] + 1)))) == told[-1] + 1
        store.put_many({key(-1): reply()})
        assert store.known([key(-1)])


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "replies.sqlite").write_bytes(b"hello " * 1000)
    with pytest.raises(OvtError, match="not written by ovt"), ReplyStore(tmp_path / "replies.sqlite"):
        pass


def logs(path: Path) -> list[Path]:
    return sorted(path.with_suffix("").glob("*.jsonl"))


@pytest.fixture
def settled_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index takes over after a few replies instead of 50,000."""
    monkeypatch.setattr("ovt.curate.endpoints.store.NEWEST", 20)


def test_a_lost_index_is_made_again_from_the_logs(tmp_path: Path, settled_early: None) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        for number in range(200):
            store.put_many({key(number): reply(f"text {number}")})
    path.unlink()
    with ReplyStore(path) as store:
        assert store.get_many(map(key, range(200))) == {key(n): reply(f"text {n}") for n in range(200)}


def test_the_index_takes_over_while_replies_arrive(tmp_path: Path, settled_early: None) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        for number in range(0, 300, 2):
            store.put_many({key(number): reply(f"text {number}"), key(number + 1): Reply(None, error="HTTP 500")})
            assert store.known([key(number), key(number + 1), key(number // 2)]) >= {key(number)}
        assert len(store.get_failures(map(key, range(300)))) == 150
        store.put_many({key(1): reply("now it works")})
    with sqlite3.connect(path) as database:
        (there,) = database.execute("SELECT count(*) FROM places").fetchone()
    database.close()
    assert there > 200
    with ReplyStore(path) as store:
        found = store.get_many(map(key, range(300)))
        assert len(found) == 151
        assert (found[key(1)].text, found[key(298)].text) == ("now it works", "text 298")
        assert len(store.get_failures(map(key, range(300)))) == 149


def test_a_line_that_was_cut_short_is_none(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        store.put_many({key(1): reply(), key(2): reply("lost")})
    (log,) = logs(path)
    log.write_bytes(log.read_bytes()[:-9])
    with ReplyStore(path) as store:
        assert store.known([key(1), key(2)]) == {key(1)}
        store.put_many({key(3): reply("third")})
        assert store.get_many([key(1), key(2), key(3)]) == {key(1): reply(), key(3): reply("third")}
    assert logs(path) == [log]


@pytest.mark.parametrize("spoil", [b"\0" * 40, b'{"a": 1}\n', b'["short"]\n', b"\xff\xfe\n"])
def test_a_damaged_line_costs_its_reply_alone(tmp_path: Path, spoil: bytes) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        for number in range(5):
            store.put_many({key(number): reply()})
    (log,) = logs(path)
    lines = log.read_bytes().splitlines(keepends=True)
    lines[2] = spoil.removesuffix(b"\n") + b"\n"
    log.write_bytes(b"".join(lines))
    with ReplyStore(path) as store:
        assert store.get_many(map(key, range(5))).keys() == {key(0), key(1), key(3), key(4)}


def test_a_reply_whose_line_is_damaged_is_asked_for_again_once_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        store.put_many({key(number): reply() for number in range(3)})
    (log,) = logs(path)
    log.write_bytes(log.read_bytes().replace(b'"hi"', b'"hi\x01', 1))
    with ReplyStore(path) as store:
        assert store.get_many([key(0), key(1)]).keys() == {key(1)}
        assert store.known([key(0), key(1)]) == {key(1)}
    with ReplyStore(path) as store:
        assert store.known(map(key, range(3))) == {key(1), key(2)}
        store.put_many({key(0): reply("again")})
    with ReplyStore(path) as store:
        assert store.get_many([key(0)])[key(0)].text == "again"


def test_an_index_that_cannot_be_opened_meanwhile_ends_the_build(
    tmp_path: Path, settled_early: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OvtError("cannot open the reply store")

    with ReplyStore(tmp_path / "replies.sqlite") as store:
        monkeypatch.setattr("ovt.curate.endpoints.store.Index", refuse)
        with suppress(OvtError):  # if the thread is fast
            store.put_many({key(number): reply() for number in range(30)})
        assert store._settling is not None
        store._settling.join()
        with pytest.raises(OvtError, match="cannot open the reply store"):
            store.put_many({key(30): reply()})


def test_what_a_power_cut_took_from_a_log_is_asked_again(tmp_path: Path, settled_early: None) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        for number in range(100):
            store.put_many({key(number): reply()})
    (log,) = logs(path)
    half = log.read_bytes().splitlines(keepends=True)[:50]
    log.write_bytes(b"".join(half))
    with ReplyStore(path) as store:
        assert store.known(map(key, range(100))) == set(map(key, range(50)))
        store.put_many({key(99): reply("again")})
        assert store.get_many([key(99)])[key(99)].text == "again"


def test_a_forgotten_reply_can_be_stored_anew(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        store.put_many({key(1): reply("first"), key(2): reply("other")})
        store.forget([key(1)])
        assert store.known([key(1), key(2)]) == {key(2)}
    with ReplyStore(path) as store:
        assert store.known([key(1), key(2)]) == {key(2)}
        store.put_many({key(1): reply("second")})
        assert store.get_many([key(1)])[key(1)].text == "second"
    with ReplyStore(path) as store:
        assert store.get_many([key(1)])[key(1)].text == "second"


def test_two_stores_of_one_process_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as one, ReplyStore(path) as other:
        one.put_many({key(1): reply("one")})
        other.put_many({key(2): reply("other")})
        assert one.known([key(1), key(2)]) == other.known([key(1), key(2)]) == {key(1), key(2)}
        assert len(logs(path)) == 2


# As ovt 0.1 wrote it.
OLD = """
CREATE TABLE replies (key BLOB NOT NULL UNIQUE, text TEXT NOT NULL, finish_reason TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL, latency_s REAL, url TEXT, model TEXT);
CREATE TABLE failures (key BLOB PRIMARY KEY, error TEXT NOT NULL, url TEXT, model TEXT) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def test_a_store_of_ovt_0_1_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(OLD)
        row = (bytes.fromhex(key(1)), "hi", "stop", 10, 20, 0.001, 0.5, "http://a/v1", "m")
        database.execute("INSERT INTO replies VALUES (?,?,?,?,?,?,?,?,?)", row)
        failures = [(bytes.fromhex(key(number)), "HTTP 500", "", "m") for number in (1, 2, 3)]
        database.executemany("INSERT INTO failures VALUES (?,?,?,?)", failures)
    database.close()
    for _ in range(2):
        with ReplyStore(path) as store:
            assert store.get_many([key(1), key(2)]).get(key(1)) == reply()
            store.put_many({key(2): reply("new"), key(1): reply("late")})
            assert store.known(map(key, range(4))) == {key(1), key(2)}
            assert store.get_failures(map(key, range(4))) == {key(3): Reply(None, model="m", error="HTTP 500")}
            assert store.get_many([key(1)])[key(1)].text == "hi"
    with ReplyStore(path) as store:
        store.forget([key(1)])
        store.put_many({key(1): reply("anew")})
        assert store.get_many([key(1)])[key(1)].text == "anew"


def test_a_damaged_index_is_one_line(tmp_path: Path, settled_early: None) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyStore(path) as store:
        store.put_many({key(number): reply("x" * 500) for number in range(2000)})
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = bytes(len(damaged) - 8192)  # all pages but the first
    path.write_bytes(damaged)
    with pytest.raises(OvtError, match="damaged or not written by ovt"), ReplyStore(path) as store:
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
