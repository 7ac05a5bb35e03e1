"""`ovt train rl` and `ovt train rollouts` as people call them."""

import json

import pytest
from typer.testing import CliRunner

from ovt.cli import app
from ovt.core.errors import RecipeError
from ovt.core.home import Home
from ovt.train.reward import Judged
from ovt.train.rollouts import to_table, write
from ovt.train.runs import RunRecord, start
from ovt.train.settings import load_stages
from ovt.verifiers import Verdict

CURRICULUM = """
[[rl]]
freeze_vision_tower = true
questions.difficulty = ["medium"]
[[rl]]
questions.difficulty = ["hard"]
"""


def call(home: Home, *words: str):
    return CliRunner().invoke(app, ["train", *words, "--home", str(home.path)], catch_exceptions=False)


def test_a_configuration_of_several_stages(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(CURRICULUM)
    medium, hard = load_stages(config, ["max_steps=7"])
    assert (medium.questions.difficulty, medium.freeze_vision_tower) == (["medium"], True)
    assert (hard.questions.difficulty, hard.freeze_vision_tower) == (["hard"], False)
    assert medium.max_steps == hard.max_steps == 7
    assert medium.learning_rate == 1e-6


def test_one_stage_as_a_table_or_a_whole_file(tmp_path):
    for number, text in enumerate(("[rl]\nbeta = 0.5", "beta = 0.5")):
        config = tmp_path / f"{number}.toml"
        config.write_text(text)
        assert [stage.beta for stage in load_stages(config, None)] == [0.5]
    assert len(load_stages(None, None)) == 1


def test_a_setting_that_is_none():
    with pytest.raises(RecipeError, match="num_generations"):
        load_stages(None, ["num_generation=3"])


def test_dry_run(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(8) + colour_rows(4, first=8, split="rl"))
    sizes = ("--set", "rollout_batch_size=4", "--set", "global_batch_size=2", "--set", "max_completion_length=64")
    done = call(home, "rl", "colours", "--model", str(small_vlm), "--dry-run", "--json", *sizes)
    (plan,) = json.loads(done.stdout)
    assert (plan["train_rows"], plan["steps"]) == (12, 6)
    assert plan["arguments"]["generation_batch_size"] == 20
    assert plan["memory_per_device"]["reference"] > 0
    config = home.path / "two.toml"
    config.write_text('[[rl]]\nmax_steps = 2\n[[rl]]\nquestions.sure = "rollouts"\n')
    both = call(home, "rl", "colours", "-m", str(small_vlm), "--config", str(config), "--dry-run", "--json", *sizes)
    assert [plan["steps"] for plan in json.loads(both.stdout)] == [
        2,
        6,
    ]  # of rollouts that are still to come: all asked
    assert "Nothing was trained" in call(home, "rl", "colours", "--model", str(small_vlm), "--dry-run", *sizes).stdout
    assert not home.runs.exists()


def test_rollouts(home):
    run = start(RunRecord(name="r", kind="rl", model="m", ovt_version="0"), home)
    right, wrong = Verdict("correct", "text", "equal"), Verdict("wrong", "text", "different", explanation="[bold]no")
    batch = Judged(3, ["qa", "qa"], ["It is 4.", "It is \x1b[31m5."], [[1], [1]], [right, wrong], [1.0, 0.0])
    write(to_table(batch, {1}, "r"), run.rollouts, 3)
    shown = call(home, "rollouts", "r", "-n", "9").stdout
    assert "It is 4." in shown
    assert "reward 1.00, advantage +0.71" in shown
    assert "[bold]no" in shown
    assert "\x1b[31m" not in shown
    (only,) = json.loads(call(home, "rollouts", "r", "--outcome", "wrong", "--json").stdout)
    assert only["sample_id"] == "qa-rollout-3-1"
    assert call(home, "rollouts", "r", "--outcome", "right").exit_code == 2
    (step,) = json.loads(call(home, "rollouts", "r", "--stats", "--json").stdout)
    assert (step["step"], step["accuracy"]) == (3, 0.5)
    assert "50%" in call(home, "rollouts", "r", "--stats").stdout
