"""The process behind `pool.py`: reads jobs as JSON lines, handles each row under time and memory limits, replies.

    ["judge", [["7", "7.0", null]], {}, "auto", true]  ->  [["correct", "number", "equal", "7", "7", "7", "…"], 0.31]

The object in the middle names kinds added by the caller's process (`values.adopt`); a result comes with the CPU seconds
so far. A row that hits its limit is answered too, and the process stays usable. It ends when its input does.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from ovt.verifiers import guard
from ovt.verifiers.check import check, lint, name_of, read_gold
from ovt.verifiers.response import split_response
from ovt.verifiers.values import adopt
from ovt.verifiers.verdict import undecided

MEMORY_LIMIT = 4 << 30


def main() -> None:
    """Serve jobs until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    # Output printed by a library must not mix with the replies.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.disable(logging.CRITICAL)
    _limit_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def reply(result: Any) -> None:
        """Send a result, or what is going on, with the CPU seconds so far."""
        replies.write(json.dumps([result, sum(os.times()[:4])]).encode() + b"\n")
        replies.flush()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard.start(reply)
    os.dup2(1, 2)  # only what keeps it from starting is read
    reply("ready")
    for line in sys.stdin.buffer:
        job, rows, added, *args = json.loads(line)
        if added:
            adopt(**added)
        for row in rows:
            reply(JOBS[job](*row, *args))


def _limit_memory() -> None:
    """Limit the address space, to less if this process may only have less; not where there is no such limit (macOS)."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(MEMORY_LIMIT, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _judge(text: str, gold: str, choices: list[str] | None, kind: str, presume_wrong: bool) -> tuple[Any, ...]:
    """The fields of a verdict, whatever happens."""
    try:
        with guard.limited():
            return astuple(check(text, gold, tuple(choices) if choices else None, kind, presume_wrong))
    except guard.OutOfTime:
        return _undecided(text, gold, "timeout", kind)
    except Exception as error:  # noqa: BLE001 (a bug of ours earns no reward, and is named in the verdict)
        return _undecided(text, gold, "error", kind, repr(error))


def _undecided(text: str, gold: str, reason: str, kind: str, detail: str = "") -> tuple[Any, ...]:
    """An abstention with what is cheap to determine: the gold's kind, the answer."""
    try:
        with guard.limited(guard.LIMIT_S / 4):
            kind = name_of(read_gold(gold, None, kind))
            text = split_response(text).answer
    except (guard.OutOfTime, Exception):  # noqa: BLE001 (as above)
        text = ""
    return astuple(undecided(reason, kind, text, gold, detail))


def _lint(gold: str, choices: list[str] | None, kind: str) -> list[str | None]:
    try:
        with guard.limited():
            return [lint(gold, tuple(choices) if choices else None, kind)]
    except guard.OutOfTime:
        return ["gold_takes_too_long"]
    except Exception:  # noqa: BLE001 (a verdict on such a gold would be an abstention)
        return ["gold_not_accepted"]


JOBS: dict[str, Callable[..., Any]] = {"judge": _judge, "undecided": _undecided, "lint": _lint}


if __name__ == "__main__":
    main()
