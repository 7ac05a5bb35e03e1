"""Worker processes for work that could run away: a hard time limit, and a new worker where one was lost.

    call("compare", "\\\\sqrt{8}", "2\\\\sqrt{2}")  ->  "equal", "different", "unknown", "timeout" or "lost"

Workers are plain `python -m ovt.verifiers.worker` processes that speak JSON lines over pipes. They start when first
needed, never import the caller's `__main__`, and may be started by daemonic data-loader workers; a fork forgets its
parent's workers and starts its own. Any number of threads may call; each call holds one worker.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

START_LIMIT_S = 30.0
"""For a worker to start; not part of any answer's time."""

WALL_LIMIT_S = 1.2
"""After which a worker that has not replied is killed. The worker itself stops earlier, by its CPU time."""

MAX_WORKERS = max(1, min(8, os.cpu_count() or 1))


class Lost(Exception):
    """The worker ended, or had to be ended, before it replied."""


class Worker:
    """One process; `ask` sends a job, `replies` reads what comes back."""

    def __init__(self) -> None:
        paths = [path for path in sys.path if path]
        env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
        self.process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [sys.executable, "-P", "-X", "utf8", "-m", "ovt.verifiers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
        self.buffer = b""
        self.loaded: set[str] = set()

    def ask(self, job: str, *args: Any) -> None:
        stdin = self.process.stdin
        try:
            stdin.write(json.dumps([job, *args]).encode() + b"\n")  # type: ignore[union-attr]
            stdin.flush()  # type: ignore[union-attr]
        except OSError as error:
            raise Lost from error

    def reply(self, limit_s: float) -> Any:
        """The next line, as JSON. Raises Lost at the limit or at the end of the process."""
        deadline = time.monotonic() + limit_s
        stdout = self.process.stdout.fileno()  # type: ignore[union-attr]
        poll = select.poll()
        poll.register(stdout, select.POLLIN | select.POLLHUP)
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError
            chunk = os.read(stdout, 1 << 16)
            if not chunk:
                raise Lost
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def load(self, library: str) -> None:
        """Import a library ahead of the job that needs it, so that its import is not part of the job's time."""
        if library not in self.loaded:
            self.ask("load", library)
            self.reply(START_LIMIT_S)
            self.loaded.add(library)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.close_pipes()

    def close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()  # type: ignore[union-attr]
            except OSError:
                continue

    def forget(self) -> None:
        """In a forked child: let go of the parent's process without touching it."""
        self.process.returncode = 0
        self.close_pipes()


class Pool:
    """The idle workers of this process, and how many are out."""

    def __init__(self) -> None:
        self.idle: list[Worker] = []
        self.all: list[Worker] = []
        self.changed = threading.Condition()

    def borrow(self) -> Worker:
        """An idle worker, a new one while there may be more, else the next to come back."""
        with self.changed:
            while not self.idle and len(self.all) >= MAX_WORKERS:
                self.changed.wait()
            if self.idle:
                return self.idle.pop()
            worker = Worker()
            self.all.append(worker)
            return worker

    def give_back(self, worker: Worker, usable: bool) -> None:
        with self.changed:
            if usable:
                self.idle.append(worker)
            else:
                self.all.remove(worker)
            self.changed.notify()
        if not usable:
            worker.end()

    def end(self) -> None:
        with self.changed:
            workers, self.all, self.idle = self.all, [], []
        for worker in workers:
            worker.end()


_pool = Pool()
_local: Any = None
"""Inside a worker: the function that does a job on the spot (a worker starts no workers)."""


def call(job: str, *args: Any, needs: str = "") -> str:
    """Do one job in a worker; "timeout" where it ran out of time, "lost" where two workers died of it."""
    if _local is not None:
        return _local(job, *args)
    for _ in range(2):
        worker = _pool.borrow()
        usable = False
        try:
            if "ready" not in worker.loaded:
                worker.load("ready")
            if needs:
                worker.load(needs)
            worker.ask(job, *args)
            result = worker.reply(WALL_LIMIT_S)
            usable = True
            return result
        except TimeoutError:
            return "timeout"
        except Lost:
            continue
        finally:
            _pool.give_back(worker, usable)
    return "lost"


def stream(job: str, rows: Sequence[Any], *args: Any) -> Iterator[Any]:
    """Send many rows to one worker and yield a reply for each; stops early where the worker is lost."""
    worker = _pool.borrow()
    usable = False
    try:
        worker.load("ready")
        worker.ask(job, rows, *args)
        for _ in rows:
            yield worker.reply(2 * WALL_LIMIT_S)
        usable = True
    except (Lost, TimeoutError):
        return
    finally:
        _pool.give_back(worker, usable)


def _after_fork() -> None:
    global _pool
    for worker in _pool.all:
        worker.forget()
    _pool = Pool()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.end())
