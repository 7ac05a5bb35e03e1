"""Where work on chunks is done: in this process, in its threads, or on other machines (`curate/on_ray.py`).

    for chunk, result in map_chunks(engine, decide_part, chunks): …        in order, a few chunks ahead

Whoever hands out the chunks alone does what needs a single owner: storing, paying, keeping within limits.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NoReturn, Protocol, TypeVar

C = TypeVar("C")
R = TypeVar("R")
Known = TypeVar("Known", contravariant=True)


class Engine(Protocol):
    """Something that does work. ahead: how many chunks it is given before the first result is waited for; together:
    how many small things make a chunk worth giving to it."""

    @property
    def ahead(self) -> int: ...

    @property
    def together(self) -> int: ...

    def submit(self, function: Callable[[C], R], chunk: C) -> Callable[[], R]:
        """Begins work, and returns a function that waits for its result."""
        ...


class Memory(Protocol[Known, R]):
    """Something that keeps results."""

    def get(self, chunk: Known, /) -> R | None: ...

    def put(self, chunk: Known, result: R, /) -> None: ...


class Here:
    """This process: a chunk is worked on when its result is wanted."""

    ahead = 0
    together = 1

    def submit(self, function: Callable[[C], R], chunk: C) -> Callable[[], R]:
        return partial(function, chunk)


class Threads:
    """Threads of this process, for work that releases Python's lock; closed with `with`."""

    together = 1

    def __init__(self) -> None:
        workers = min(os.cpu_count() or 1, 16)
        self.ahead = 2 * workers
        self._pool = ThreadPoolExecutor(workers)

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, function: Callable[[C], R], chunk: C) -> Callable[[], R]:
        return self._pool.submit(function, chunk).result


HERE = Here()


def map_chunks(
    engine: Engine, function: Callable[[C], R], chunks: Iterable[C], memory: Memory[C, R] | None = None
) -> Iterator[tuple[C, R]]:
    """Each chunk with its result, in order; at most `engine.ahead` chunks wait at once.

    memory: results that it has are not computed again, and new ones are put into it.
    """
    waiting: deque[tuple[C, R | None, Callable[[], R]]] = deque()

    def first() -> tuple[C, R]:
        chunk, known, result = waiting.popleft()
        if known is not None:
            return chunk, known
        made = result()
        if memory is not None:
            memory.put(chunk, made)
        return chunk, made

    for chunk in chunks:
        known = memory.get(chunk) if memory is not None else None
        waiting.append((chunk, known, _nothing if known is not None else engine.submit(function, chunk)))
        if len(waiting) > engine.ahead:
            yield first()
    while waiting:
        yield first()


def _nothing() -> NoReturn:
    raise AssertionError("a known result is not waited for")
