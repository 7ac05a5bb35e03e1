"""Every model reply under its address, so that nothing is paid for twice.

    replies.sqlite        where each reply lies (index.py); in homes of ovt 0.1 also the replies
    replies/000001.jsonl  the replies, in order of arrival (log.py); one process at a time adds to a log
    replies/.locks       which logs and requests a process holds (locks.py)

A reply is in its log before the next request is sent: no queue, and no thread that could fall behind. The index adds
less than as much again to what is written, however many replies there are.
"""

import threading
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Self

from ovt.core.errors import OvtError
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.index import OFFSETS, Index, chunks, short
from ovt.curate.endpoints.locks import Locks
from ovt.curate.endpoints.log import Log, cannot, entries, lines_at, read_line, write_line

NEWEST = 50_000  # entries that the index may lack, or a sixteenth of what it has
LONGEST_LOG = 2**30  # bytes; then the next one begins


class ReplyStore:
    """Replies, and the latest failures of keys without one, by `reply_keys`; `with` opens and closes it.

    Several processes may share a store; after kill -9, every reply that was put is there. OvtError if its files cannot
    be used or written (not ours, no permission, disk full).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.with_suffix("")
        self._turn = threading.RLock()  # held to use anything below
        self._log: Log | None = None
        self._number = 0  # of the log that this store adds to
        self._tail: dict[bytes, int] = {}  # places that the index may lack, by short key
        self._upto: dict[int, int] = {}  # how far each log has been read
        self._in_index = 0
        self._settling: threading.Thread | None = None
        self._settled: dict[bytes, int] = {}  # what a thread is about to put into the index
        self._failure: OvtError | None = None

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies, by key, unordered; without failures."""
        found: dict[str, Reply] = {}
        for chunk in chunks(keys):
            with self._turn:
                old = self._index.old_replies(chunk)
                places = self._places([key for key in chunk if key not in old])
                places = {key: place for key, place in places.items() if place > 0}
                read = self._read(places)
                found |= old | read
                if len(read) < len(places):
                    self._drop(places.keys() - read.keys())
        return found

    def known(self, keys: Iterable[str]) -> set[str]:
        """The subset of `keys` with a reply, as in `get_many`, without reading the texts."""
        found: set[str] = set()
        for chunk in chunks(keys):
            with self._turn:
                found.update(key for key, place in self._places(chunk).items() if place > 0)
                found |= self._index.old_known(key for key in chunk if key not in found)
        return found

    def get_failures(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The latest failure of each key that has no reply (`text` None, `error` set)."""
        found: dict[str, Reply] = {}
        for chunk in chunks(keys):
            with self._turn:
                places = self._places(chunk)
                found.update(self._read({key: -place for key, place in places.items() if place < 0}))
                found.update(self._index.old_failures(key for key in chunk if key not in places))
        return found

    def put_many(self, replies: Mapping[str, Reply]) -> None:
        """Stores `replies` by key; those with an `error` are stored as failures. The first reply of a key stays.

        When it returns they survive a kill of the process. OvtError if they could not be written.
        """
        lines = [write_line(key, reply) for key, reply in replies.items()]
        with self._turn:
            log = self._own_log()
            place = self._number * OFFSETS + log.add(b"".join(lines))
            self._upto[self._number] = log.size
            for (key, reply), line in zip(replies.items(), lines, strict=True):
                self._note(short(key), place if reply.error is None else -place)
                place += len(line)
            if len(self._tail) > max(NEWEST, self._in_index // 16) and self._settling is None:
                self._begin_settling()
        if self._failure is not None:
            raise self._failure

    def forget(self, keys: Iterable[str]) -> None:
        """Removes the replies under `keys`, so that they are requested again."""
        self._join()
        with self._turn:
            self._settle()
            self._index.forget(keys)

    def close(self) -> None:
        """Closes the files; may be called twice."""
        self._join()
        with self._turn:
            if len(self._tail) > NEWEST // 10:
                with suppress(OvtError):  # the logs have it all, and whoever opens the store next tries again
                    self._settle()
            if self._log is not None:
                self._leave_log(self._log)
            self._index.close()

    def __enter__(self) -> Self:
        self._index = Index(self.path)
        self.locks = Locks.of(self.folder / ".locks")
        self._upto, self._in_index = self._index.settled()
        for number, upto in self._upto.items():
            if number and (size := self._size_of(number)) < upto:
                self._index.cut(number * OFFSETS + size, number * OFFSETS + upto)
                self._upto[number] = size
        self._look()
        if len(self._tail) > NEWEST:
            self._settle()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _places(self, keys: list[str]) -> dict[str, int]:
        """Where the replies and (negative) failures of `keys` begin; a reply in the index takes precedence."""
        self._look()
        shorts = {key: short(key) for key in keys}
        found = self._index.places(shorts.values())
        places = {}
        for key, half in shorts.items():
            there = (found.get(half, 0), self._settled.get(half, 0), self._tail.get(half, 0))
            if place := next((place for place in there if place > 0), 0) or there[2] or there[1] or there[0]:
                places[key] = place
        return places

    def _read(self, places: Mapping[str, int]) -> dict[str, Reply]:
        """The replies at `places`, without those whose lines are damaged or gone."""
        starts: dict[int, list[int]] = {}
        for place in places.values():
            starts.setdefault(place // OFFSETS, []).append(place % OFFSETS)
        found = {}
        for number, of_log in starts.items():
            try:
                read = map(read_line, lines_at(self._path_of(number), of_log))
                found.update(pair for pair in read if pair and pair[0] in places)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise cannot("read", self._path_of(number), error) from error
        return found

    def _drop(self, keys: Iterable[str]) -> None:
        """Forgets replies whose lines are damaged or gone, so that they are requested again by the next build."""
        if self._settling is None:  # else the thread could put them back: whoever reads them next tries again
            with suppress(OvtError):  # where the store cannot be written, nothing is requested either
                self._settle()
                self._index.forget(keys)

    def _look(self) -> None:
        """Notes what other processes, and killed ones, have added to their logs."""
        for number in self._numbers():
            seen = self._upto.get(number, 0)
            if number == self._number or self._size_of(number) <= seen:
                continue
            for half, start, end, failed in entries(self._path_of(number), seen):
                self._upto[number] = end
                if half:
                    place = number * OFFSETS + start
                    self._note(half, -place if failed else place)

    def _note(self, half: bytes, place: int) -> None:
        """A newer entry: the first reply stays, a failure gives way."""
        if self._tail.get(half, 0) <= 0:
            self._tail[half] = place

    def _own_log(self) -> Log:
        """The log to add to: one that no live process adds to, or a new one."""
        if self._log is not None and self._log.size < LONGEST_LOG:
            return self._log
        if self._log is not None:
            self._leave_log(self._log)
        self._number = self._take_log()
        try:
            self._log = Log(self._path_of(self._number))
        except OSError as error:
            raise cannot("write", self._path_of(self._number), error) from error
        return self._log

    def _take_log(self) -> int:
        there = self._numbers()
        for number in chain(reversed(there), count(max(there, default=0) + 1)):
            if self._size_of(number) < LONGEST_LOG and self.locks.take(number):
                self._look()  # its last holder may have added to it until now
                return number
        raise AssertionError("there is always a next number")

    def _leave_log(self, log: Log) -> None:
        log.sync()
        log.close()
        self.locks.release([self._number])
        self._log, self._number = None, 0

    def _begin_settling(self) -> None:
        """Starts a thread that adds what the index lacks."""
        self._settled, self._tail = self._tail, {}
        self._settling = threading.Thread(target=self._in_thread, args=(dict(self._upto),), name="reply index")
        self._settling.start()

    def _in_thread(self, upto: dict[int, int]) -> None:
        try:
            with closing(Index(self.path)) as index:
                index.settle(self._settled, upto)
        except OvtError as error:
            self._failure = error
            return
        with self._turn:
            self._in_index += len(self._settled)
            self._settled, self._settling = {}, None

    def _settle(self) -> None:
        """Adds everything that the index lacks, now."""
        if self._log is not None:
            self._log.sync()
        self._index.settle(self._settled | self._tail, self._upto)
        self._in_index += len(self._tail)
        self._settled, self._tail = {}, {}

    def _join(self) -> None:
        if self._settling is not None:
            self._settling.join()

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.jsonl"))

    def _size_of(self, number: int) -> int:
        try:
            return self._path_of(number).stat().st_size
        except FileNotFoundError:
            return 0

    def _path_of(self, number: int) -> Path:
        return self.folder / f"{number:06}.jsonl"
