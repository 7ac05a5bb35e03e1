"""`ovt loop` and `ovt eval` as typed: what they print, their exit codes, and going on."""

import json
import sys
from collections.abc import Callable

import pytest

Ovt = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ovt(monkeypatch, capsys, home) -> Ovt:
    """Runs a command line in this process: (exit code, what it printed, what it said beside)."""
    from ovt.cli import main

    monkeypatch.setenv("OVT_HOME", str(home.path))
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ovt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_loop_as_typed(ovt, recipe_file, home):
    code, out, _ = ovt("loop", "run", str(recipe_file), "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "Nothing was run.")
    assert not home.loops.exists()
    code, out, err = ovt("loop", "run", str(recipe_file))
    assert code == 0, err
    assert "sft-1: SFT from base on data-1" in err
    assert "tiny-1@v1: 12 rows to train on" in out
    again = ovt("loop", "run", str(recipe_file), "--set", "gate.enabled=true", "--set", "gate.min_format_valid=1")
    assert again[0] == 4
    assert "did not pass its gate" in again[2]
    assert "sft-1: SFT" not in again[2]  # found, not done again
    code, out, _ = ovt("loop", "status", "tiny", "--json")
    assert {step["status"] for step in json.loads(out)["steps"]} == {"done", "failed"}
    assert ovt("loop", "status")[1] == "tiny\n"
    code, out, _ = ovt("loop", "plot", "tiny")
    assert [line.rpartition("/")[2] for line in out.split()] == ["loop.png", "loop.svg"]
    assert ovt("train", "plot", "tiny-sft-1")[1].count("curves") == 2
    code, out, _ = ovt("eval", "compare", "tiny-eval-base", "tiny-eval-sft-1")
    assert "against tiny-eval-base" in out


def test_an_evaluation_as_typed(ovt, recipe_file, loopback, monkeypatch):
    line = ("eval", "run", loopback.url, str(recipe_file), "--served-as", "test-model")
    code, out, err = ovt(*line)
    assert code == 0, err
    assert "100.0%" in out
    assert "evaluation test-model-held-out" in out
    asked = len(loopback.seen)
    code, out, _ = ovt(*line, "--json")
    assert json.loads(out)["scores"]["accuracy"] == 1.0
    assert len(loopback.seen) == asked
    assert "test-model-held-out" in ovt("eval", "list")[1]
    code, _, err = ovt(*line, "--revision", "other weights")  # behind the same name: nothing kept is taken for theirs
    assert (code, "revision was" in err) == (1, True)
    code, _, _ = ovt(*line, "--revision", "other weights", "--name", "other")
    assert (code, len(loopback.seen)) == (0, 2 * asked)
    monkeypatch.setenv("COLUMNS", "70")
    said = ovt("eval", "compare", "test-model-held-out", "other")[1]
    assert "…" not in said  # folded, where a terminal is narrow, never cut
    code, _, err = ovt("eval", "run", loopback.url, str(recipe_file))
    assert (code, "--served-as NAME" in err) == (1, True)
    code, _, err = ovt("eval", "run", "no-such-run", str(recipe_file))
    assert (code, "no model at 'no-such-run'" in err) == (1, True)
