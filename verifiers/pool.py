r"""Worker processes for work that could run away: a hard time limit, and a new worker where one was lost.

    call("compare", "\sqrt{8}", "2\sqrt{2}")  ->  "equal", "different", "unknown", "timeout" or "lost"

Workers are plain `python -m ovt.verifiers.worker` processes that speak JSON lines over pipes. They start when first
needed, never import the caller's `__main__`, and may be started by daemonic data-loader workers; a fork forgets its
parent's workers and starts its own. Any number of threads may call; each call holds one worker.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

START_LIMIT_S = 30.0
"""For a worker to start; not part of any answer's time."""

WALL_LIMIT_S = 8.0
"""After which a worker that has not replied is killed. Workers stop themselves far earlier, by their CPU time, so that
a verdict does not depend on how busy the machine is; this is for one that no longer runs at all."""

BUDGET_S = 0.7
"""CPU time for all the jobs of one verdict together."""

MAX_WORKERS = max(1, min(8, os.cpu_count() or 1))


class Lost(Exception):
    """The worker ended before it replied."""


class Late(Exception):
    """The worker did not reply in time; it will be ended."""


class Worker:
    """One process; `ask` sends a job, `reply` waits for what comes back."""

    def __init__(self) -> None:
        import subprocess

        paths = [path for path in sys.path if path]
        env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
        # Our own interpreter and module, and none of our environment's secrets.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-m", "ovt.verifiers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise OSError("a worker without pipes")
        self.jobs, self.replies = self.process.stdin, self.process.stdout
        self.buffer = b""
        self.loaded: set[str] = set()

    def ask(self, job: str, *args: Any) -> None:
        """Send a job. Raises Lost where nobody is there to take it."""
        try:
            self.jobs.write(json.dumps([job, *args]).encode() + b"\n")
            self.jobs.flush()
        except OSError as error:
            raise Lost from error

    def reply(self, limit_s: float) -> Any:
        """The next line, as JSON. Raises Late at the limit, Lost at the end of the process."""
        deadline = time.monotonic() + limit_s
        poll = select.poll()
        poll.register(self.replies, select.POLLIN | select.POLLHUP)
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise Late
            chunk = os.read(self.replies.fileno(), 1 << 16)
            if not chunk:
                raise Lost
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def prepare(self, library: str = "") -> None:
        """Wait until the process serves and has imported `library`: neither is part of a job's time."""
        for name in ("ready", library):
            if name and name not in self.loaded:
                self.ask("load", name)
                self.reply(START_LIMIT_S)
                self.loaded.add(name)

    def ran_out_of_time(self) -> bool:
        """Whether the process ended by its own hard limit of CPU time."""
        deadline = time.monotonic() + 1
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.process.returncode == -signal.SIGVTALRM

    def end(self) -> None:
        """Kill the process and let go of it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.jobs, self.replies):
            with contextlib.suppress(OSError):
                pipe.close()

    def forget(self) -> None:
        """In a forked child: let go of the parent's process without touching it, nor what is left in its pipe."""
        self.process.returncode = 0
        nowhere = os.open(os.devnull, os.O_RDWR)
        for pipe in (self.jobs, self.replies):
            os.dup2(nowhere, pipe.fileno())
            pipe.close()
        os.close(nowhere)


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
            while self.idle:
                worker = self.idle.pop()
                if worker.process.poll() is None:
                    return worker
                self.all.remove(worker)
                worker.end()
            worker = Worker()
            self.all.append(worker)
            return worker

    def give_back(self, worker: Worker, usable: bool) -> None:
        """Return a worker; one that is not usable is ended, and makes room for another."""
        with self.changed:
            if usable:
                self.idle.append(worker)
            else:
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
_local: Any = None
"""Inside a worker: the function that does a job on the spot (a worker starts no workers)."""


_budget = threading.local()


def fresh_budget() -> None:
    """Start the clock of one verdict, in this thread."""
    _budget.left = BUDGET_S


_decided: dict[tuple[Any, ...], str] = {}
"""What jobs came to; not those that ran out of time or were lost, which another time may be decided."""

MAX_DECIDED = 20_000


def call(job: str, *args: Any, needs: str = "") -> str:
    """Do one job in a worker; "timeout" where it ran out of time, "lost" where two workers died of it."""
    key = (job, *args)
    if key in _decided:
        return _decided[key]
    left = getattr(_budget, "left", BUDGET_S)
    if left <= 0:
        return "timeout"
    result, spent_s = _do_here(job, args) if _local is not None else _do_elsewhere(job, args, needs)
    _budget.left = left - spent_s
    if result not in ("timeout", "lost"):
        if len(_decided) >= MAX_DECIDED:
            _decided.clear()
        _decided[key] = result
    return result


def _do_here(job: str, args: tuple[Any, ...]) -> tuple[str, float]:
    started = time.process_time()
    return _local(job, *args), time.process_time() - started


def _do_elsewhere(job: str, args: tuple[Any, ...], needs: str) -> tuple[str, float]:
    """(result, CPU seconds it took); a second worker is tried where the first was lost."""
    result, spent_s = _ask_a_worker(job, args, needs)
    return _ask_a_worker(job, args, needs) if result == "lost" else (result, spent_s)


def _ask_a_worker(job: str, args: tuple[Any, ...], needs: str) -> tuple[str, float]:
    """(result, CPU seconds it took)."""
    try:
        worker = _pool.borrow()
    except OSError:
        # No process to be had: what only a worker can decide stays undecided.
        return "lost", 0.0
    usable = False
    try:
        worker.prepare(needs)
        worker.ask(job, *args)
        result, spent_s = worker.reply(WALL_LIMIT_S)
        usable = True
    except Late:
        return "timeout", BUDGET_S
    except Lost:
        return ("timeout", BUDGET_S) if worker.ran_out_of_time() else ("lost", 0.0)
    finally:
        _pool.give_back(worker, usable)
    return result, spent_s


def stream(job: str, rows: Sequence[Any], *args: Any) -> Iterator[Any]:
    """Send many rows to one worker and yield a reply for each; stops early where the worker is lost or late."""
    worker = _pool.borrow()
    usable = False
    try:
        worker.prepare()
        worker.ask(job, rows, *args)
        for _ in rows:
            yield worker.reply(WALL_LIMIT_S)
        usable = True
    except (Lost, Late):
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
