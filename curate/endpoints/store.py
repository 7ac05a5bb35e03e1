"""Every model reply under its address, in one SQLite file: why nothing is paid for twice."""

import queue
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from ovt.core.errors import OvtError
from ovt.curate.endpoints.chat import Reply

FORMAT = 1
KEYS_PER_QUERY = 1000

# Rows are appended in order of arrival and found through the index, so a commit touches few pages.
SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (key BLOB NOT NULL UNIQUE, text TEXT NOT NULL, finish_reason TEXT,
    prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL, latency_s REAL, url TEXT, model TEXT);
CREATE TABLE IF NOT EXISTS failures (key BLOB PRIMARY KEY, error TEXT NOT NULL, url TEXT, model TEXT) WITHOUT ROWID;
"""
INSERT_REPLY = "INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
NO_REPLY_SINCE = "NOT EXISTS (SELECT 1 FROM replies r WHERE r.key = f.key)"
INSERT_FAILURE = "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)"


class ReplyStore:
    """Replies, and the latest failures of keys without one, by `reply_keys`; `with` opens and closes it.

    One thread writes, committing everything that arrived during the last commit: a reply is on its way to disk
    as soon as it is put. Several processes may share one file; after kill -9, everything committed is there.
    OvtError if the file cannot be used or written (not ours, locked for a minute, disk full).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._under_way: dict[str, Reply] = {}
        self._arrived: queue.SimpleQueue[Mapping[str, Reply] | threading.Event | None] = queue.SimpleQueue()
        self._failure: OvtError | None = None
        self._turn = threading.Lock()

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies, by key, unordered; without failures."""
        found: dict[str, Reply] = {}
        for chunk in chunks(keys):
            found.update((key, reply) for key in chunk if (reply := self._on_its_way(key)))
            sql = f"SELECT * FROM replies WHERE key IN ({marks(chunk)})"  # noqa: S608 (only question marks)
            for key, text, finish, *numbers, url, model in self._read(sql, chunk):
                found[key.hex()] = Reply(text, finish, *numbers, url, model)
        return found

    def known(self, keys: Iterable[str]) -> set[str]:
        """The subset of `keys` with a reply, as in `get_many`, without reading the texts."""
        found: set[str] = set()
        for chunk in chunks(keys):
            found.update(key for key in chunk if self._on_its_way(key))
            sql = f"SELECT key FROM replies WHERE key IN ({marks(chunk)})"  # noqa: S608
            found.update(key.hex() for (key,) in self._read(sql, chunk))
        return found

    def get_failures(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The latest failure of each key that has no reply (`text` None, `error` set)."""
        self.flush()
        found: dict[str, Reply] = {}
        for chunk in chunks(keys):
            sql = f"SELECT * FROM failures f WHERE key IN ({marks(chunk)}) AND {NO_REPLY_SINCE}"  # noqa: S608
            for key, error, url, model in self._read(sql, chunk):
                found[key.hex()] = Reply(None, url=url, model=model, error=error)
        return found

    def put_many(self, replies: Mapping[str, Reply]) -> None:
        """Stores `replies` by key, atomically; those with an `error` are stored as failures.

        The first reply of a key wins. Returns at once; the commit follows within milliseconds. OvtError if an
        earlier commit failed.
        """
        if self._failure is not None:
            raise self._failure
        with self._turn:
            for key, reply in replies.items():
                if self._on_its_way(key) is None:
                    self._under_way[key] = reply
        self._arrived.put(replies)

    def flush(self) -> None:
        """Waits until everything put so far is committed; OvtError if it could not be."""
        done = threading.Event()
        self._arrived.put(done)
        while self._writer.is_alive() and not done.wait(timeout=0.1):
            pass
        if self._failure is not None:
            raise self._failure
        if not done.is_set():
            raise RuntimeError(f"the writer of {self.path} has died")

    def close(self) -> None:
        """Commits the rest and closes the file; may be called twice."""
        if self._writer.is_alive():
            self._arrived.put(None)
            self._writer.join()
        self._reader.close()

    def __enter__(self) -> Self:
        self._reader = open_database(self.path)
        database = open_database(self.path)
        self._writer = threading.Thread(target=self._write, args=(database,), name="reply store", daemon=True)
        self._writer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        if kind is None and self._failure is not None:
            raise self._failure

    def _on_its_way(self, key: str) -> Reply | None:
        """The reply (not the failure) put under `key` and not committed yet."""
        reply = self._under_way.get(key)
        return reply if reply is not None and reply.error is None else None

    def _read(self, sql: str, keys: list[str]) -> list[tuple]:
        try:
            with self._turn:
                return self._reader.execute(sql, [bytes.fromhex(key) for key in keys]).fetchall()
        except sqlite3.Error as error:
            raise OvtError(f"cannot read {self.path}: {error}; {remedy(error)}") from error

    def _write(self, database: sqlite3.Connection) -> None:
        """The writer thread: one transaction for everything that arrived during the last one."""
        with closing(database):
            batch: list[Mapping[str, Reply] | threading.Event | None] = []
            while None not in batch:
                batch = [self._arrived.get()]
                while not self._arrived.empty():
                    batch.append(self._arrived.get())
                self._commit(database, [pair for item in batch if isinstance(item, Mapping) for pair in item.items()])
                for item in batch:
                    if isinstance(item, threading.Event):
                        item.set()

    def _commit(self, database: sqlite3.Connection, arrived: list[tuple[str, Reply]]) -> None:
        """Writes pending rows; if that fails, the next put or flush raises, and nothing is half written."""
        if not arrived or self._failure is not None:
            return
        try:
            insert(database, arrived)
        except (sqlite3.Error, UnicodeError) as error:
            self._failure = OvtError(f"cannot write {self.path}: {error}; {remedy(error)}")
            return
        with self._turn:
            for key, reply in arrived:
                if self._under_way.get(key) is reply:
                    del self._under_way[key]


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to the store at `path`, created if missing; statements wait a minute for other processes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
        # Two or three replies per page; at the default of 4096 bytes half of each page would stay empty.
        database.execute("PRAGMA page_size = 8192")
        database.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL survives any process crash without corruption, and saves a disk sync per commit.
        database.execute("PRAGMA synchronous = NORMAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise OvtError(f"cannot open the reply store {path}: {error}; {remedy(error)}") from error
    if version not in (0, FORMAT):
        database.close()
        raise OvtError(f"{path} has format {version}, this ovt reads {FORMAT}: use another --home, or another ovt")
    return database


def insert(database: sqlite3.Connection, arrived: list[tuple[str, Reply]]) -> None:
    """Writes replies and failures in one transaction: all or (on sqlite3.Error) nothing."""
    replies = [(bytes.fromhex(key), reply) for key, reply in arrived if reply.error is None]
    failures = [(bytes.fromhex(key), reply) for key, reply in arrived if reply.error is not None]
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany(INSERT_REPLY, [(key, *columns(reply)) for key, reply in replies])
        database.executemany(INSERT_FAILURE, [(key, reply.error, reply.url, reply.model) for key, reply in failures])
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def columns(reply: Reply) -> tuple:
    """A reply's row in the table `replies`, without its key."""
    tokens = (reply.prompt_tokens, reply.completion_tokens)
    return (reply.text, reply.finish_reason, *tokens, reply.cost_usd, reply.latency_s, reply.url, reply.model)


def remedy(error: Exception) -> str:
    """How to fix a store that cannot be opened or written."""
    text = str(error)
    if "full" in text or "I/O" in text or "No space" in text:
        return "make room on its disk and run the same command again, nothing that was committed is lost"
    if "locked" in text:
        return "another process has held it for a minute: wait for that one, or use another --home"
    if "not a database" in text or "malformed" in text:
        return "it is damaged or not ours: move it away, or use another --home"
    return "check the folder and its permissions, or use another --home"


def chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """`keys` in chunks that fit one query."""
    left = iter(keys)
    while chunk := list(islice(left, KEYS_PER_QUERY)):
        yield chunk


def marks(chunk: list[str]) -> str:
    """One question mark per key."""
    return ",".join("?" * len(chunk))
