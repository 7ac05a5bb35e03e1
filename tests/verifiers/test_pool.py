"""The same verdict in threads, processes, asyncio and a fork; a hard limit on time; a lost worker is replaced."""

import asyncio
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.verifiers import verify, verify_many
from ovt.verifiers.process import pool

PAIRS = [
    ("\\sqrt{8}", "2\\sqrt{2}"),
    ("\\sqrt{8}", "2\\sqrt{3}"),
    ("\\sin^2 x + \\cos^2 x", "1"),
    ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"),
    ("2x+4y=6", "x+2y-3=0"),
    ("x > 5", "-x < -5"),
    ("42", "42"),
    ("B", "C"),
]
OUTCOMES = ["correct", "wrong", "correct", "correct", "correct", "correct", "correct", "wrong"]


def outcomes() -> list[str]:
    return [verify(prediction, gold).outcome for prediction, gold in PAIRS]


def test_the_same_in_this_thread_and_in_many() -> None:
    assert outcomes() == OUTCOMES
    with ThreadPoolExecutor(8) as threads:
        assert [run.result() for run in [threads.submit(outcomes) for _ in range(16)]] == [OUTCOMES] * 16


def test_the_same_in_asyncio() -> None:
    async def run() -> list[list[str]]:
        return await asyncio.gather(*(asyncio.to_thread(outcomes) for _ in range(8)))

    assert asyncio.run(run()) == [OUTCOMES] * 8


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_same_in_four_processes(method: str) -> None:
    """Pool workers are daemonic, as a data-loader's are, and forked ones inherit our workers' pipes."""
    assert outcomes() == OUTCOMES
    with multiprocessing.get_context(method).Pool(4) as processes:
        assert processes.starmap(outcomes, [()] * 8) == [OUTCOMES] * 8
    assert outcomes() == OUTCOMES


def test_a_killed_worker_is_replaced() -> None:
    assert verify("\\sqrt{18}", "3\\sqrt{2}")
    for worker in list(pool._pool.all):
        os.kill(worker.process.pid, signal.SIGKILL)
    assert verify("\\sqrt{50}", "5\\sqrt{2}")
    assert not verify("\\sqrt{50}", "5\\sqrt{3}")


def test_nobody_waits_for_a_worker_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_WORKERS", 1)
    monkeypatch.setattr(pool, "_pool", pool.Pool())
    worker = pool._pool.borrow()
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(verify, "7", "7") for _ in range(4)]
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        pool._pool.give_back(worker, usable=False)
        assert {run.result(timeout=30).reason for run in runs} == {"worker_lost"}


def test_a_machine_where_no_worker_starts_is_a_mistake_that_the_caller_can_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And no table of abstentions."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'some warning' >&2\necho 'libpython3.so: cannot open' >&2\nexit 127\n")
    python.chmod(0o755)
    monkeypatch.setattr(pool, "_pool", pool.Pool())
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(
        OvtError, match=r"^4 verifier processes .* ended while they started: libpython3\.so: cannot open"
    ):
        verify("7", "7")


def test_a_worker_starts_below_its_own_memory_limit() -> None:
    script = (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from ovt.verifiers import verify\nprint(verify('7', '7.0').outcome)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "correct\n"


HARD = "\\sum_{a=1}^{1999}\\sum_{b=1}^{1999}\\sum_{c=1}^{1999} \\sin(a b c)"


def test_an_answer_that_runs_away_is_an_abstention_with_a_reason(cpu_s) -> None:
    verify(HARD, "\\sqrt{8}")  # loads what evaluates it
    started = cpu_s()
    verdict = verify(HARD, "\\sqrt{17}")
    assert cpu_s() - started < 2
    assert (verdict.outcome, verdict.kind) == ("abstain", "expression")
    assert verdict.reason == "timeout"
    assert verdict.extracted == HARD
    assert verify(HARD.replace("a b c", "abc"), "\\sqrt{17}").reason == "undecided"  # a word, which nothing evaluates
    assert verify("\\sqrt{8}", "2\\sqrt{2}")


def test_many_hard_members_share_one_limit(cpu_s) -> None:
    verify(HARD, "\\sqrt{8}")
    hard = ", ".join(f"\\sum_{{a=1}}^{{1999}}\\sum_{{b=1}}^{{1999}} \\sin(ab+{n})" for n in range(12))
    started = cpu_s()
    assert not verify(hard, ", ".join(f"\\sqrt{{{n}}}" for n in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)))
    assert cpu_s() - started < 2


def test_a_worker_that_no_longer_runs_is_killed() -> None:
    assert verify("7", "7")
    for worker in list(pool._pool.all):
        os.kill(worker.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    verdict = verify("x" * 1_000_000, "7")
    assert time.monotonic() - started < pool.START_LIMIT_S  # two seconds, but on a busy machine
    assert (verdict.outcome, verdict.reason) == ("abstain", "timeout")
    assert verify("7", "7")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc tells what a process would do")
def test_a_worker_that_only_lacks_turns_is_waited_for() -> None:
    """Else a verdict would be another one on a busy machine."""
    worker = pool.Worker()
    worker.ask("judge", [("\\sum_{k=1}^{1999} \\sum_{j=1}^{1999} \\sin(jk)", "7", None)], {}, "auto", True)
    assert worker._lacks_turns()
    worker.spent -= pool.WALL_LIMIT_S  # as if it had had its time
    assert not worker._lacks_turns()
    worker.spent += pool.WALL_LIMIT_S
    os.kill(worker.process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, worker.process.pid, os.WSTOPPED | os.WNOWAIT)
    for fork in pool._forks(worker.process.pid):
        os.kill(int(fork), signal.SIGSTOP)
        while (pool._look(fork) or ("",))[0] in ("R", "D"):
            time.sleep(0.001)
    assert not worker._lacks_turns()
    worker.end()


def test_a_reply_that_is_there_counts_however_late_it_is_read() -> None:
    """Else a build that was stopped for a while (Ctrl-Z), or had no turn, would write another verdict than before."""
    worker = pool.Worker()
    worker.ask("judge", [("7", "7", None), ("8", "7", None)], {}, "auto", True)
    assert select.select([worker.link], [], [], 30)[0]
    worker.deadline = 0.0
    assert worker.reply()[0] == "correct"
    assert worker.reply()[0] == "wrong"
    worker.deadline = 0.0
    with pytest.raises(pool.Late):
        worker._receive()
    worker.end()


def test_one_hard_row_leaves_the_others_alone() -> None:
    rows = [("7", "7"), (HARD, "\\sqrt{17}"), ("\\sqrt{8}", "2\\sqrt{2}"), (HARD + "+1", "\\sqrt{17}"), ("B", "C")]
    outcomes = [verdict.outcome for verdict in verify_many(rows)]
    assert outcomes == ["correct", "abstain", "correct", "abstain", "wrong"]


def test_an_integral_that_runs_away_does_not_cost_the_worker() -> None:
    """math-verify takes long to import: only a fork of the worker is ended."""
    assert verify("\\int_0^1 x dx", "\\int_0^1 y dy")
    before = {worker.process.pid for worker in pool._pool.all}
    verdict = verify("\\int_0^1 \\int_0^1 \\sin(x^{y} + y^x) dx dy", "\\frac{\\pi}{3}")
    assert (verdict.outcome, verdict.reason) == ("abstain", "timeout")
    assert before == {worker.process.pid for worker in pool._pool.all}


STUCK = """
import re, sys, time
from ovt.verifiers import guard
guard.start(lambda word: None)
started = time.process_time()
try:
    with guard.limited():
        {work}
except guard.OutOfTime:
    assert time.process_time() - started < 1
    print("stopped")
"""


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("re.match('(a|a)+$', 'a' * 60 + 'b')", 0),
        ("while True: pass", 0),
        ("sum(range(10**12))", -signal.SIGVTALRM),
    ],
)
def test_nothing_gets_past_the_limits_of_a_worker(work: str, code: int) -> None:
    """An exponential pattern and a loop are interrupted; one long step of C code ends with its process."""
    run = subprocess.run([sys.executable, "-c", STUCK.format(work=work)], capture_output=True, text=True, timeout=60)
    assert run.returncode == code, run.stderr
    assert run.stdout == ("" if code else "stopped\n")


def test_a_script_without_a_main_guard_works_and_leaves_no_process() -> None:
    script = (
        "from ovt.verifiers import verify\nfrom ovt.verifiers.process import pool\n"
        "print(verify(r'\\sqrt{8}', r'2\\sqrt{2}').outcome, pool._pool.all[0].process.pid)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    outcome, pid = run.stdout.split()
    assert outcome == "correct"
    assert not _is_alive(int(pid))


def test_a_worker_ends_when_its_parent_is_killed() -> None:
    script = (
        "import os, signal\nfrom ovt.verifiers import verify\nfrom ovt.verifiers.process import pool\n"
        "verify(r'\\sqrt{8}', r'2\\sqrt{2}')\n"
        "print(pool._pool.all[0].process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    pid = int(run.stdout)
    deadline = time.monotonic() + 10
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_the_workers_see_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")  # an interpreter may need it to start
    worker = pool.Worker()
    try:
        worker.ask("answer", [], {})
        seen = Path(f"/proc/{worker.process.pid}/environ").read_text()
        assert "sk-secret" not in seen
        assert "LD_LIBRARY_PATH=/opt/python/lib" in seen
    finally:
        worker.end()


def test_the_caller_loads_none_of_the_rules() -> None:
    script = """
import sys
from ovt.verifiers import verify
from ovt.verifiers.process import pool
print(len(pool._pool.all))
assert verify("7,000.0", "7000") and verify("\\\\sqrt{8}", "2\\\\sqrt{2}")
rules = ("sympy", "mpmath", "ovt.verifiers.check", "polars")
print(len(pool._pool.all), [name for name in rules if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split("\n")[:2] == ["0", "1 []"]


def test_a_text_that_is_longer_than_any_response_is_not_read() -> None:
    verdict = verify_many([("7", "7"), ("7" * 3_000_000, "7"), ("8", "8")])[1]
    assert (verdict.outcome, verdict.reason) == ("abstain", "too_long")
