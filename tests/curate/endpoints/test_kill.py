"""kill -9 in the middle of a fill: nothing that was received is asked for again, and the end is the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ovt.curate.endpoints.store import ReplyStore

CONCURRENCY = 8
REQUESTS = 300

# What a build does, without the build: fills REQUESTS × 2 samples into the store at argv[2] from the server at argv[1].
FILL = f"""
import asyncio, sys
from pathlib import Path
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore
from ovt.core.progress import Tally

async def main(url, path):
    section = EndpointSection(base_url=url, model="test-model", max_concurrency={CONCURRENCY})
    prompts = [({{"role": "user", "content": f"question {{i}}"}},) for i in range({REQUESTS})]
    requests = (ChatRequest(prompt, {{"seed": 5}}, 2) for prompt in prompts)
    with ReplyStore(Path(path)) as store:
        async with open_endpoint("main", section) as endpoint:
            await fill(requests, Work(endpoint, store, Budget(), Tally(), lambda image: b""))

asyncio.run(main(*sys.argv[1:]))
"""


def start(url: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FILL, url, str(path)])


def contents(path: Path) -> dict[str, tuple]:
    """Everything in a store that does not tell how long it took, or who answered."""
    lines = [line for log in sorted(path.with_suffix("").glob("*.jsonl")) for line in log.read_bytes().splitlines(True)]
    keys = [json.loads(line)[0] for line in lines if line.endswith(b"\n")]
    with ReplyStore(path) as store:
        found = store.get_many(keys)
    return {key: (r.text, r.finish_reason, r.prompt_tokens, r.completion_tokens) for key, r in found.items()}


def test_after_kill_9_nothing_that_was_received_is_asked_again(loopback: Any, tmp_path: Path) -> None:
    answered_before_kill: list[int] = []
    for kill_after in (60, 140):
        build = start(loopback.url, tmp_path / "killed.sqlite")
        while len(loopback.seen) < kill_after and build.poll() is None:
            time.sleep(0.002)
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        answered_before_kill.append(len(contents(tmp_path / "killed.sqlite")))
    assert start(loopback.url, tmp_path / "killed.sqlite").wait() == 0

    times = Counter(seen.digest for seen in loopback.seen)
    assert len(times) == REQUESTS
    # At each of the two kills, calls may have been answered that were still under way.
    repeated = sum(count - 1 for count in times.values())
    assert repeated <= 2 * CONCURRENCY
    assert answered_before_kill == sorted(answered_before_kill)
    assert answered_before_kill[-1] > 0

    assert start(loopback.url, tmp_path / "undisturbed.sqlite").wait() == 0
    assert contents(tmp_path / "killed.sqlite") == contents(tmp_path / "undisturbed.sqlite")
    assert len(contents(tmp_path / "killed.sqlite")) == 2 * REQUESTS


def test_what_a_killed_build_was_sending_the_other_one_sends(loopback: Any, tmp_path: Path) -> None:
    loopback.latency_s = 0.02
    builds = [start(loopback.url, tmp_path / "shared.sqlite") for _ in range(2)]
    while len(loopback.seen) < 100:
        time.sleep(0.002)
    os.kill(builds[0].pid, signal.SIGKILL)
    assert builds[1].wait() == 0
    assert len(contents(tmp_path / "shared.sqlite")) == 2 * REQUESTS
    times = Counter(seen.digest for seen in loopback.seen)
    assert len(times) == REQUESTS
    assert sum(times.values()) - REQUESTS <= CONCURRENCY
