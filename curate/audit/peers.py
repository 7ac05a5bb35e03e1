"""Other graders, each in its own process, so that they cannot hang, crash or change ours.

with Peer("math-verify") as peer:
    peer.judge("3:1", "3:7")  ->  "correct", "wrong", "error" or "timeout"

The process is this file, run as a script that imports none of our code and is queried over pipes in lines of JSON:
`["7", "7.0"]` is answered `true`, a refusal `false`, a failure `null`. Graders parse hostile text, some of them with
sympy's `parse_expr`: it has no secrets in its environment, can write no files and is killed if it does not reply.
"""

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

PEERS = {"math-verify": "math_verify", "mathruler": "mathruler"}
"""Name in reports -> module."""

START_LIMIT_S = 60.0
LIMIT_S = 5.0
"""Seconds that one answer may take (wall clock) before the process is killed and the answer counted as "timeout"."""

MEMORY_LIMIT = 4 << 30
KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that the process inherits: its interpreter may not start without them."""

Grade = Callable[[str, str], bool]


def installed() -> dict[str, bool]:
    """Which graders are installed."""
    return {name: find_spec(module) is not None for name, module in PEERS.items()}


class Peer:
    """A grader in a process that starts on first use and is replaced if it hangs or dies; a context manager."""

    def __init__(self, name: str, limit_s: float = LIMIT_S) -> None:
        self.name = name
        self.limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""

    def judge(self, answer: str, gold: str) -> str:
        """ "correct" or "wrong"; "error" where the grader raised or its process died, "timeout" where it hung."""
        try:
            process = self._process or self._start()
            line = json.dumps([answer, gold]).encode() + b"\n"
            accepted = self._exchange(process, line, self.limit_s)
        except TimeoutError:
            self.close()
            return "timeout"
        except OSError:
            self.close()
            return "error"
        return {True: "correct", False: "wrong"}.get(accepted, "error")

    def close(self) -> None:
        """Ends the process; the next question starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process, self._buffer = None, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path for path in sys.path if path)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 (the grader's name is one of PEERS)
            [sys.executable, "-P", "-X", "utf8", __file__, PEERS[self.name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept | {"PYTHONPATH": paths, "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        self._exchange(self._process, b"", START_LIMIT_S)
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes, limit_s: float) -> Any:
        """Send a line and read one back. TimeoutError at the limit, OSError if the process has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        if line:
            process.stdin.write(line)
            process.stdin.flush()
        deadline = time.monotonic() + limit_s
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN | select.POLLHUP)
        while b"\n" not in self._buffer:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise BrokenPipeError
            self._buffer += chunk
        reply, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(reply)


def serve(name: str) -> None:
    """Serve the grader `name` until the input ends; the first reply says that it is loaded."""
    replies = os.fdopen(os.dup(1), "wb")
    # Output printed by a library must not mix with the replies.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.suppress(OSError, ValueError):  # macOS has no such limit
        limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(MEMORY_LIMIT, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    grade = GRADERS[name]()
    _reply(replies, True)
    for line in sys.stdin.buffer:
        _reply(replies, _judge(grade, *json.loads(line)))


def _reply(replies, value: bool | None) -> None:
    replies.write(json.dumps(value).encode() + b"\n")
    replies.flush()


def _judge(grade: Grade, answer: str, gold: str) -> bool | None:
    """The grader's verdict, None if it raised."""
    try:
        return bool(grade(answer, gold))
    except Exception:  # noqa: BLE001 (whatever another grader raises is its failure, and counted as one)
        return None


def _math_verify() -> Grade:
    """math-verify at its best on bare answers: both sides as formulas. Its own timers are off: ours runs outside."""
    from math_verify import parse, verify

    def read(text: str) -> list:
        formula = text if "$" in text or "\\boxed" in text else f"${text}$"
        return parse(formula, parsing_timeout=0, raise_on_error=True)

    return lambda answer, gold: verify(read(gold), read(answer), timeout_seconds=None, raise_on_error=True)


def _mathruler() -> Grade:
    """MathRuler's `grade_answer`."""
    from mathruler.grader import grade_answer  # ty: ignore[import-not-found] (optional, and often not there)

    return grade_answer


GRADERS = {"math_verify": _math_verify, "mathruler": _mathruler}

if __name__ == "__main__":
    serve(sys.argv[1])
