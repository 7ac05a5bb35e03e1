"""Where each reply of the store lies: a SQLite file over the logs, updated in large sorted batches.

A batch writes each page of the index once. If the index followed every reply, each would cost a page, since keys are
random; so the newest entries are kept in memory and read from the logs again when the store is opened.

Homes of ovt 0.1 have the replies themselves in this file (the tables `replies` and `failures`); they are still read.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ovt.core.errors import OvtError
from ovt.core.files import close_like_parent, make_folder
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.log import cannot

Key = TypeVar("Key", str, bytes)

FORMAT = 2
OLDER = 1  # replies in the SQLite file itself
OFFSETS = 2**40  # a place is the log's number times this, plus where the line begins; negative for a failure
PER_QUERY = 1000
PER_INSERT = 10_000  # rows per statement: a thread waits for its turn between statements, not within one

# `upto`: how much of a log is in `places`.
SCHEMA = """
CREATE TABLE IF NOT EXISTS places (key BLOB PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (number INTEGER PRIMARY KEY, upto INTEGER NOT NULL, entries INTEGER NOT NULL);
"""
OLD_FAILURES = "SELECT * FROM failures f WHERE key IN ({}) AND NOT EXISTS (SELECT 1 FROM replies r WHERE r.key = f.key)"
# In both, the better value stays: a reply that is already there, and the end that is further on.
PLACES = "INSERT INTO places VALUES {} ON CONFLICT (key) DO UPDATE SET place = excluded.place WHERE places.place < 0"
LOGS = (
    "INSERT INTO logs VALUES (?,?,?) ON CONFLICT (number) "
    "DO UPDATE SET upto = max(upto, excluded.upto), entries = entries + excluded.entries"
)
FIND = "SELECT key, place FROM places WHERE key IN ({})"


class Index:
    """An open index, for one thread at a time. OvtError if the file is not ours or cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = open_database(path)
        self._old = bool(self._run("SELECT 1 FROM sqlite_master WHERE name = 'replies'"))

    def settled(self) -> tuple[dict[int, int], int]:
        """How many bytes of each log it covers, by number; how many entries those hold."""
        rows = self._run("SELECT number, upto, entries FROM logs")
        return {number: upto for number, upto, _ in rows}, sum(entries for *_, entries in rows)

    def places(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """The places of those `keys` (short ones) that it covers."""
        found: dict[bytes, int] = {}
        for chunk in chunks(keys):
            found.update(self._run(FIND.format(marks(chunk)), chunk))
        return found

    def old_known(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that have a reply in an older home's table."""
        sql = "SELECT key FROM replies WHERE key IN ({})"
        return {key.hex() for (key,) in self._run_old(sql, keys)}

    def old_replies(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies in an older home's table."""
        rows = self._run_old("SELECT * FROM replies WHERE key IN ({})", keys)
        return {key.hex(): Reply(text, finish, *rest) for key, text, finish, *rest in rows}

    def old_failures(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The failures in an older home's table, of keys that have no reply there."""
        rows = self._run_old(OLD_FAILURES, keys)
        return {key.hex(): Reply(None, url=url, model=model, error=error) for key, error, url, model in rows}

    def settle(self, tail: Mapping[bytes, int], upto: Mapping[int, int]) -> None:
        """Adds entries (by short key), and how far they cover the logs, in one transaction."""
        rows = sorted(tail.items())
        with self._transaction() as run:
            for start in range(0, len(rows), PER_INSERT):
                batch = rows[start : start + PER_INSERT]
                sql = PLACES.format(",".join(["(?,?)"] * len(batch)))
                run(sql, [value for row in batch for value in row])
            for number, end in upto.items():
                run(LOGS, [number, end, 0])
            run(LOGS, [0, 0, len(rows)])

    def forget(self, keys: Iterable[str]) -> None:
        """Removes the entries of `keys`, so that they are requested again."""
        with self._transaction() as run:
            for key in keys:
                run("DELETE FROM places WHERE key = ?", [short(key)])
                if self._old:
                    run("DELETE FROM replies WHERE key = ?", [bytes.fromhex(key)])

    def cut(self, first: int, end: int) -> None:
        """Removes the entries with places from `first` up to `end`: lines that their log lost in a power cut."""
        with self._transaction() as run:
            run("DELETE FROM places WHERE abs(place) >= ? AND abs(place) < ?", [first, end])
            run("UPDATE logs SET upto = ? WHERE number = ?", [first % OFFSETS, first // OFFSETS])

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _transaction(self) -> Generator[Callable[..., object]]:
        """Runs the statements of the block, all or (on an error) none of them."""
        self._run("BEGIN IMMEDIATE")
        try:
            yield self._run
            self._run("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.rollback()
            raise

    def _run(self, sql: str, values: Iterable[object] = ()) -> list[tuple]:
        try:
            return self._database.execute(sql, list(values)).fetchall()
        except sqlite3.Error as error:
            raise cannot("use", self.path, error) from error

    def _run_old(self, sql: str, keys: Iterable[str]) -> Iterator[tuple]:
        for chunk in chunks(keys if self._old else ()):
            yield from self._run(sql.format(marks(chunk)), map(bytes.fromhex, chunk))


def open_database(path: Path) -> sqlite3.Connection:
    """The index at `path`, created if missing; statements wait a minute for other processes."""
    try:
        make_folder(path.parent)
        if not path.exists():
            path.touch()
            close_like_parent(path)  # SQLite gives the files beside it the same permissions
        database = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL survives any process crash without corruption; what a power cut takes is still in the logs.
        database.execute("PRAGMA synchronous = NORMAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version in (0, OLDER):
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise cannot("open the reply store", path, error) from error
    if version not in (0, OLDER, FORMAT):
        database.close()
        raise OvtError(f"{path} has format {version}, this ovt reads {FORMAT}: use another --home or version of ovt")
    return database


def short(key: str) -> bytes:
    """The half of a key that the index holds: enough to tell all keys apart, and log lines have the whole key."""
    return bytes.fromhex(key[:32])


def chunks(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """`keys` in chunks that fit one query."""
    left = iter(keys)
    while chunk := list(islice(left, PER_QUERY)):
        yield chunk


def marks(chunk: list) -> str:
    """One question mark per key."""
    return ",".join("?" * len(chunk))
