"""Every model reply under its address, in one SQLite file: the reason why nothing is paid for twice."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from ovt.curate.endpoints.chat import Reply


class ReplyStore:
    """Replies and the latest failure by `reply_key`; a context manager. Safe for two processes, and for kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The replies that are there, by key; failures are not among them."""
        raise NotImplementedError

    def get_failures(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The latest failure of each key that has one (`text` None, `error` set), and no reply since."""
        raise NotImplementedError

    def put(self, key: str, reply: Reply) -> None:
        """Keeps `reply`; returns at once, the commit follows within milliseconds. The first reply of a key stays.

        A reply with an `error` is kept apart as the key's latest failure.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Returns when everything put so far is committed; OvtError where it could not be (a full disk)."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
