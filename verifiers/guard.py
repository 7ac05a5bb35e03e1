"""Limits on hostile text: its length, nesting and numbers before any work is done, and the CPU time of the work.

Text that passes can be parsed in linear time and evaluated in bounded memory. The time is limited in a worker
process's main thread:

    with limited():
        …                      # OutOfTime is raised in here, or the kernel ends the process

Outside a worker nothing is timed; `untimed` then has no effect.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Generator
from typing import Any, NoReturn

MAX_ANSWER_CHARS = 2_000
"""A longer answer is compared as text only: no parser sees it."""

MAX_RESPONSE_CHARS = 400_000
"""A longer response is cut to its tail before the answer is extracted."""

MAX_GOLD_CHARS = 2_000
"""A longer gold only matches identical text; the lint reports it."""

MAX_NESTING = 60
MAX_DIGITS = 4_000
MAX_POWER_BITS = 60_000

_OPEN = "([{"
_CLOSE = ")]}"


def nesting(text: str) -> int:
    """The deepest nesting of brackets in `text`."""
    depth = deepest = 0
    for char in text:
        if char in _OPEN:
            depth += 1
            deepest = max(deepest, depth)
        elif char in _CLOSE:
            depth -= 1
    return deepest


def refuse(text: str) -> str | None:
    """Why `text` must not reach a parser (a reason code), or None if it may."""
    if len(text) <= MAX_NESTING:
        return None
    if len(text) > MAX_ANSWER_CHARS:
        return "too_long"
    if sum(map(text.count, _OPEN)) > MAX_NESTING and nesting(text) > MAX_NESTING:
        return "too_nested"
    return None


LIMIT_S = 0.7
"""CPU time after which `OutOfTime` is raised."""

HARD_LIMIT_S = 1.0
"""CPU time after which the kernel kills the process: for work stuck inside C code."""


class OutOfTime(BaseException):
    """Raised by the timer; not an Exception subclass, so that no library swallows it."""


_listener: list[Callable[[str], None]] = []


def _ring(signum: int, frame: Any) -> None:
    raise OutOfTime


def start(listener: Callable[[str], None]) -> None:
    """Take over this process's timer. listener: notified when a library is "loading", and "loaded"."""
    _listener[:] = [listener]
    signal.signal(signal.SIGPROF, _ring)


@contextlib.contextmanager
def limited(limit_s: float = LIMIT_S) -> Generator[None]:
    """Stop the block after this much CPU time. Raises OutOfTime."""
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s + HARD_LIMIT_S - LIMIT_S)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def apart(work: Callable[..., str], *args: Any) -> str:
    """The result of work done in a fork of this worker, which survives whatever kills the fork. Raises OutOfTime.

    "unknown" if it fails. Outside a worker it runs in place.
    """
    if not _listener:
        return work(*args)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        _tell_and_exit(theirs, work, args)
    os.close(theirs)
    try:
        said = os.read(ours, 100)  # it ends by its own CPU time
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours)
    if not said:
        raise OutOfTime
    return said.decode()


def _tell_and_exit(pipe: int, work: Callable[..., str], args: tuple[Any, ...]) -> NoReturn:
    """In the fork: write the result of the work; nothing if it ran out of time."""
    try:
        with limited():
            said = work(*args)
    except OutOfTime:
        said = ""
    except BaseException:  # noqa: BLE001 (nothing may escape this process)
        said = "unknown"
    os.write(pipe, said.encode())
    os._exit(0)


@contextlib.contextmanager
def untimed() -> Generator[None]:
    """Exclude the block (an import) from the time limit."""
    left = [signal.setitimer(timer, 0)[0] for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL)]
    for tell in _listener:
        tell("loading")
    try:
        yield
    finally:
        for tell in _listener:
            tell("loaded")
        signal.setitimer(signal.ITIMER_VIRTUAL, left[1])
        signal.setitimer(signal.ITIMER_PROF, left[0])
