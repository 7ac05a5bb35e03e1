"""Other graders: whatever they do, one of four words comes back."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ovt.curate.audit.peers import Peer, installed


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with Peer("math-verify", limit_s=60) as peer:
        yield peer


def test_it_is_a_dependency() -> None:
    assert installed()["math-verify"]


@pytest.mark.parametrize(("answer", "gold", "said"), [("7.0", "7", "correct"), ("8", "7", "wrong"), ("", "7", "wrong")])
def test_verdicts(peer: Peer, answer: str, gold: str, said: str) -> None:
    assert peer.judge(answer, gold) == said


@pytest.mark.parametrize(
    "text", ["\ud800", "9**9**9**9", "{{{{", "\x00", "\\frac{" * 300, '"}\n["7", "7"]', "__import__('os')"]
)
def test_hostile_texts_are_values_too(peer: Peer, text: str) -> None:
    for answer, gold in ((text, "7"), ("7", text)):
        assert peer.judge(answer, gold) in ("wrong", "error", "timeout")


def test_one_that_hangs_is_replaced(peer: Peer) -> None:
    peer.judge("7", "7")
    peer.limit_s = 0.0
    assert peer.judge("x" * 3_000, "7") == "timeout"
    peer.limit_s = 60
    assert peer.judge("8", "7") == "wrong"  # and not the late reply to the question before


def test_one_starts_below_its_own_memory_limit() -> None:
    script = (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from ovt.curate.audit.peers import Peer\nprint(Peer('math-verify', limit_s=60).judge('7.0', '7'))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "correct\n"


def test_one_that_dies_is_replaced(peer: Peer) -> None:
    peer.judge("7", "7")
    assert peer._process is not None
    peer._process.kill()
    assert peer.judge("7", "7") == "error"
    assert peer.judge("7", "7") == "correct"
