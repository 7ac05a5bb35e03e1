r"""Worker processes: verdicts run in them, so that no text can make a verdict run away.

    run("judge", [["\sqrt{8}", "2\sqrt{2}", None]], "auto", True)  ->  [["correct", "expression", "equal", …]]

A worker stops a row at its CPU time limit, and is killed after a wall-clock timeout; either way there is a
reply for each row. Workers are plain `python -m ovt.verifiers.process.worker` processes that speak JSON lines over a
socket. They start when first needed, never import the caller's `__main__`, and may be started by daemonic data-loader
workers; a fork forgets its parent's workers and starts its own. Any number of threads may call; each call holds one
worker.
"""

import atexit
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError

WALL_LIMIT_S = 1.7
"""A worker that has not replied by then is killed, unless it is waiting for a turn on the CPU. Workers stop themselves
far earlier, by their CPU time, so that no verdict depends on how busy the machine is; this is for one that no longer
runs at all. The next worker, which says what kind the row was, starts in what is left of two seconds."""

TURN_S = 0.1
"""How often a worker that is waiting for its turn is checked after that."""

START_LIMIT_S = 30.0
"""For a worker to start, and to import a library; not part of any row's time, nor is the wait for a free worker."""

MAX_WORKERS = max(1, min(8, os.cpu_count() or 1))

MAX_TRIES = 4
"""Workers that a row may lose: they may be killed for unrelated reasons."""

KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that a worker inherits: its interpreter may not start without them. No other: the rest may be secrets."""

TIMEOUT, LOST = "timeout", "lost"
"""In place of a reply: the row ran out of time, or lost the maximum number of workers."""


class Lost(Exception):
    """The worker ended before it replied."""


class NotStarted(Lost):
    """The worker ended before it was ready; with what it printed."""


class Late(Exception):
    """The worker did not reply in time; it will be killed."""


class Worker:
    """One process; `ask` sends rows, `reply` waits for the next result."""

    def __init__(self) -> None:
        import subprocess

        paths = [path for path in sys.path if path]
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        env = kept | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
        self.link, theirs = socket.socketpair()
        with theirs:
            # Our own interpreter and module, without the environment's secrets.
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-X", "utf8", "-m", "ovt.verifiers.process.worker"],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    env=env,
                    start_new_session=True,
                )
            except OSError:
                self.link.close()
                raise
        self.buffer = b""
        self.is_ready = False
        self.deadline = 0.0
        self.spent = 0.0  # CPU seconds before its current row

    def ask(self, job: str, rows: Sequence[Any], *args: Any) -> None:
        """Send rows, and start the clock of the first. Raises Lost if the process is gone, or Late."""
        if not self.is_ready:
            self._start()
        self._allow(WALL_LIMIT_S)
        left = memoryview(json.dumps([job, rows, *args]).encode() + b"\n")
        while left:
            left = left[self._patiently(partial(self.link.send, left)) :]

    def _start(self) -> None:
        """Wait until it is ready. Raises NotStarted if it ends before that, or Late."""
        self._allow(START_LIMIT_S)
        assert self.process.stderr
        with self.process.stderr as printed:
            try:
                self._receive()
            except Lost:
                os.set_blocking(printed.fileno(), False)  # a fork of ours may hold the other end, and keep it open
                raise NotStarted((printed.read() or b"").decode(errors="replace").strip()) from None
        self.is_ready = True

    def reply(self) -> Any:
        """The next row's result. Raises Late at the limit, Lost at the end of the process."""
        message = self._receive()
        while message[0] in ("loading", "loaded"):
            self._allow(START_LIMIT_S if message[0] == "loading" else WALL_LIMIT_S)
            self.spent = max(self.spent, message[1])  # a fork tells its own
            message = self._receive()
        self._allow(WALL_LIMIT_S)
        result, self.spent = message
        return result

    def _allow(self, limit_s: float) -> None:
        self.deadline = time.monotonic() + limit_s

    def _receive(self) -> Any:
        """The next line, as JSON; even after the deadline, if it has arrived: then this process was late (stopped with
        Ctrl-Z, or without a turn on a busy machine)."""
        while b"\n" not in self.buffer:
            chunk = self._patiently(partial(self.link.recv, 1 << 16))
            if not chunk:
                raise Lost
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def _patiently(self, act: Callable[[], Any]) -> Any:
        """The result of a socket operation, once the process has done its part. Raises Late at the deadline, which is
        put off for a process that gets too few turns on the CPU; Lost if it has ended."""
        late = False
        while True:
            try:
                self.link.settimeout(max(0.0, self.deadline - time.monotonic()))
                return act()
            except (TimeoutError, BlockingIOError) as error:
                if late:
                    raise Late from error
                late = not self._lacks_turns()  # if so, once more: something may have arrived meanwhile
                self._allow(0.0 if late else TURN_S)
            except OSError as error:
                raise Lost from error

    def _lacks_turns(self) -> bool:
        """Whether it is ready to run, and has run for less than the limit since the row began. False where the system
        does not say (Linux does)."""
        pid = self.process.pid
        # Before its forks and after: one of the two is at work, if a fork begins or ends meanwhile.
        looks = list(filter(None, [_look(pid), *map(_look, _forks(pid)), _look(pid)]))
        spent = sum(seconds for _, seconds in looks[1:]) - self.spent
        return any(state in "RD" for state, _ in looks) and spent < WALL_LIMIT_S

    def ran_out_of_time(self) -> bool:
        """Whether the process was ended by its own hard CPU limit."""
        deadline = time.monotonic() + 1
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.process.returncode == -signal.SIGVTALRM

    def end(self) -> None:
        """Kill the process and any fork of it, and release it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._release()

    def forget(self) -> None:
        """In a forked child: release the parent's process without touching it."""
        self.process.returncode = 0
        self._release()

    def _release(self) -> None:
        self.link.close()
        if self.process.stderr:
            self.process.stderr.close()


def _forks(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def _look(pid: int | str) -> tuple[str, float] | None:
    """A process's state (R: running or ready; D: waiting for the disk), and its CPU seconds with its ended forks."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return told[0], sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


class Pool:
    """The idle workers of this process, and the number in use."""

    def __init__(self) -> None:
        self.idle: list[Worker] = []
        self.all: list[Worker] = []
        self.changed = threading.Condition()

    def borrow(self) -> Worker:
        """An idle worker, a new one below the maximum, else the next one to be returned. OSError if none starts."""
        with self.changed:
            while not self.idle and len(self.all) >= MAX_WORKERS:
                self.changed.wait()
            while self.idle:
                worker = self.idle.pop()
                if worker.process.poll() is None:
                    return worker
                self.all.remove(worker)
                worker.end()
            try:
                worker = Worker()
            except OSError:
                self.changed.notify()  # The slot is still free for the next waiter.
                raise
            self.all.append(worker)
            return worker

    def give_back(self, worker: Worker, usable: bool) -> None:
        """Return a worker; an unusable one is killed, which frees its slot."""
        with self.changed:
            if usable:
                self.idle.append(worker)
            elif worker in self.all:
                self.all.remove(worker)
            self.changed.notify()
        if not usable:
            worker.end()

    def end(self) -> None:
        """End all workers, at the interpreter's exit."""
        with self.changed:
            workers, self.all, self.idle = self.all, [], []
        for worker in workers:
            worker.end()


_pool = Pool()


def run(job: str, rows: Sequence[Any], *args: Any) -> list[Any]:
    """The results of a job (`worker.JOBS`) for each row, in order: a list, or TIMEOUT or LOST in its place.

    Raises OvtError if no worker starts.
    """
    replies: list[Any] = []
    tries = unstarted = 0
    while len(replies) < len(rows):
        done = len(replies)
        try:
            trouble, unstarted = _feed(job, rows[done:], args, replies), 0
        except NotStarted as error:
            trouble, unstarted = LOST, unstarted + 1
            if unstarted == MAX_TRIES:
                raise _no_worker(str(error)) from None
        tries = tries + 1 if len(replies) == done else 1
        if trouble == TIMEOUT or (trouble and tries == MAX_TRIES):
            replies.append(trouble)
            tries = 0
    return replies


def _no_worker(printed: str) -> OvtError:
    why = printed.rpartition("\n")[2] or "it printed nothing, and may have been killed for its memory"
    return OvtError(
        f"{MAX_TRIES} verifier processes in a row ended while they started: {why}",
        "no verdict is possible without one; `python -m ovt.verifiers.process.worker` starts one by hand",
    )


def _feed(job: str, rows: Sequence[Any], args: tuple[Any, ...], replies: list[Any]) -> str:
    """Have one worker process rows, and append its replies; returns why it stopped early, or "". Raises NotStarted."""
    try:
        worker = _pool.borrow()
    except OSError:
        return LOST
    usable = False
    try:
        worker.ask(job, rows, *args)
        for _ in rows:
            replies.append(worker.reply())
        usable = True
    except Late:
        return TIMEOUT
    except NotStarted:
        raise
    except Lost:
        return TIMEOUT if worker.ran_out_of_time() else LOST
    finally:
        _pool.give_back(worker, usable)
    return ""


def _after_fork() -> None:
    global _pool
    for worker in _pool.all:
        worker.forget()
    _pool = Pool()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.end())
