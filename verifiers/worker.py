"""The process behind `pool.py`: reads jobs as JSON lines, does them under a limit of CPU time and memory, replies.

A job that meets its limit is answered "timeout" and leaves the process fit for the next. The process ends with its
input.
"""

import json
import os
import resource
import signal
import sys
import time
from typing import Any

from ovt.verifiers import pool

CPU_LIMIT_S = 0.4
"""After which a job is stopped and answered "timeout"."""

CPU_HARD_LIMIT_S = 0.6
"""After which the process is ended by the kernel: for a job stuck inside one step of C code."""

MEMORY_LIMIT = 4 << 30


class OutOfTime(BaseException):
    """Raised by the timer inside a job; not an Exception, so that no library swallows it."""


def main() -> None:
    """Serve jobs until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    # Nothing that a library prints may get between the replies.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _ring)
    pool._local = do
    for line in sys.stdin.buffer:
        job, *args = json.loads(line)
        for reply in _serve(job, args):
            replies.write(json.dumps(reply).encode() + b"\n")
            replies.flush()


def _ring(signum: int, frame: Any) -> None:
    raise OutOfTime


def _serve(job: str, args: list[Any]) -> Any:
    if job == "load":
        yield _load(args[0])
    elif job == "rows":
        yield from _judge_rows(*args)
    else:
        started = time.process_time()
        result = do(job, *args)
        yield result, time.process_time() - started


def _load(library: str) -> str:
    if library == "math_verify":
        import math_verify  # noqa: F401
    return "loaded"


def do(job: str, *args: Any) -> str:
    """One job on the spot, under the CPU limit: "timeout" where it meets it, "unknown" where it fails."""
    from ovt.verifiers.symbolic import JOBS

    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_HARD_LIMIT_S)
    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
    try:
        result = JOBS[job](*args)
    except OutOfTime:
        return "timeout"
    except Exception:  # noqa: BLE001 (whatever a library makes of hostile text, all that it means is that nobody knows)
        return "unknown"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return result


def _judge_rows(rows: list[Any], responses: bool, kind: str) -> Any:
    from ovt.verifiers.check import verify, verify_response

    judge = verify_response if responses else verify
    for text, gold, choices in rows:
        verdict = judge(text, gold, choices=choices, kind=kind)
        yield [getattr(verdict, name) for name in verdict.__slots__]


if __name__ == "__main__":
    main()
