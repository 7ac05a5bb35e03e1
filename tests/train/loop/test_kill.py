"""`kill -9` in the middle of a loop's training: the same line goes on, and does at most a checkpoint's steps again."""

import re
import signal
import time
from pathlib import Path

import pytest

from ovt.curate.versions.read import open_version
from ovt.train.loop.recipe import load_loop
from ovt.train.loop.steps import read_status
from ovt.train.models import weights_revision
from ovt.train.runs import open_run, read_log
from ovt.train.settings import SftSection
from ovt.train.sft_trainer import sft

STEPS, SAVE = 30, 5
SETS = (f"sft.max_steps={STEPS}", f"sft.save_steps={SAVE}", "sft.learning_rate=0.003")


def command(recipe: Path) -> list[str]:
    return ["loop", "run", str(recipe), *(part for one in SETS for part in ("--set", one))]


def steps_logged(home) -> list[int]:
    return [line["step"] for line in read_log(home.runs / "tiny-sft-1" / "log.jsonl") if "loss" in line]


def test_terminated_it_says_how_to_go_on(recipe_file, home, loopback, start):
    process = start(*command(recipe_file))

    def terminate(body: dict) -> None:
        loopback.status = lambda body: None
        process.send_signal(signal.SIGTERM)

    loopback.status = terminate
    _, err = process.communicate(timeout=110)
    assert process.returncode == 143, err
    assert f"resume with: ovt loop run {recipe_file} --set" in err
    states = {step["name"]: step["status"] for step in read_status("tiny", home)["steps"]}
    assert (states["eval-base"], states["data-1"], states["sft-1"]) == ("done", "stopped", "to do")


@pytest.mark.slow
def test_killed_in_the_middle_of_sft_a_loop_loses_at_most_a_checkpoints_steps(recipe_file, home, loopback, start):
    process = start(*command(recipe_file))
    while process.poll() is None and max(steps_logged(home), default=0) < 2 * SAVE + 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    killed_at, asked = max(steps_logged(home)), len(loopback.seen)
    assert killed_at < STEPS
    states = {step["name"]: step["status"] for step in read_status("tiny", home)["steps"]}
    assert (states["data-1"], states["sft-1"], states["eval-sft-1"]) == ("done", "stopped", "to do")

    again = start(*command(recipe_file))
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    (went_on_from,) = re.findall(rf"resuming from step (\d+) of {STEPS}", err)
    assert 0 < int(went_on_from) <= killed_at <= int(went_on_from) + SAVE
    assert "--set sft.max_steps=30" in open_version("tiny-1", home).manifest.provenance.rebuild
    assert "data-1:" not in err  # found, not done again
    assert len(loopback.seen) == asked
    assert steps_logged(home) == list(range(1, STEPS + 1))
    assert {step["status"] for step in read_status("tiny", home)["steps"]} <= {"done", "failed"}  # no gate is enabled

    settings, run = load_loop(recipe_file, SETS).iterations[0].sft, open_run("tiny-sft-1", home)
    assert isinstance(settings, SftSection)
    whole = sft("tiny-1", run.record.model, settings, home, name="whole")  # that nobody disturbs
    assert weights_revision(str(run.model)) == weights_revision(str(whole.model))
