"""The process behind `peers.py`, run as a script: one other grader, asked over pipes in lines of JSON.

    ["7", "7.0"]  ->  true      false: refused      null: it failed

Graders parse hostile text, some of them with sympy's `parse_expr`: the process has no secrets in its environment, can
write no files and is killed where it does not reply. It imports nothing of ours.
"""

import json
import os
import resource
import sys
from collections.abc import Callable

MEMORY_LIMIT = 4 << 30

Grade = Callable[[str, str], bool]


def main(name: str) -> None:
    """Serve the grader `name` until the input ends; the first reply says that it is loaded."""
    replies = os.fdopen(os.dup(1), "wb")
    # Nothing that a library prints may get between the replies.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    grade = GRADERS[name]()
    reply(replies, True)
    for line in sys.stdin.buffer:
        reply(replies, judge(grade, *json.loads(line)))


def reply(replies, value: bool | None) -> None:
    replies.write(json.dumps(value).encode() + b"\n")
    replies.flush()


def judge(grade: Grade, answer: str, gold: str) -> bool | None:
    """The grader's verdict, None where it raised."""
    try:
        return bool(grade(answer, gold))
    except Exception:  # noqa: BLE001 (whatever another grader raises is its failure, and counted as one)
        return None


def math_verify() -> Grade:
    """math-verify as it does best on bare answers: both sides as formulas. Its own timers are off: ours is outside."""
    from math_verify import parse, verify

    def read(text: str) -> list:
        formula = text if "$" in text or "\\boxed" in text else f"${text}$"
        return parse(formula, parsing_timeout=0, raise_on_error=True)

    return lambda answer, gold: verify(read(gold), read(answer), timeout_seconds=None, raise_on_error=True)


def mathruler() -> Grade:
    """MathRuler's `grade_answer`."""
    from mathruler.grader import grade_answer  # ty: ignore[import-not-found] (optional, and often not there)

    return grade_answer


GRADERS = {"math_verify": math_verify, "mathruler": mathruler}

if __name__ == "__main__":
    main(sys.argv[1])
