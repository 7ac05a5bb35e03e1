"""Two real steps on the longest rows, of which nothing is kept."""

import io

import pytest
from rich.console import Console

from ovt.commands.views.train import measured_shown
from ovt.train.measure import Clock, longest_rows, measure, told
from ovt.train.rl_trainer import RL
from ovt.train.settings import RlSection, SftSection
from ovt.train.sft_trainer import SFT
from ovt.train.training import Order, prepare


def test_steps_are_measured_and_leave_nothing(home, small_vlm, colour_rows, write_version):
    write_version(home, [row | {"completion": row["completion"] + " so" * n} for n, row in enumerate(colour_rows(12))])
    order = Order("colours", str(small_vlm), SftSection(global_batch_size=4, num_train_epochs=2, eval_size=2), home)
    fed = SFT.choose(prepare(SFT, order))
    longest = longest_rows(fed, 0, order.settings).train["length"][:]
    assert longest == sorted(fed.train["length"][:], reverse=True)[:4]
    before = {path for path in home.path.rglob("*") if "datasets" not in path.parts}
    found = measure(SFT, order)
    assert len(found["measured"]["seconds"]) == 2
    assert found["measured"]["tokens_per_s"] > 0
    assert found["measured"]["memory"] > found["memory_per_device"]["total"] > 0
    assert {path for path in home.path.rglob("*") if "datasets" not in path.parts} == before
    page = io.StringIO()
    Console(file=page, width=160).print(measured_shown(found))
    shown = page.getvalue()
    assert f"{found['steps']} steps of this size" in shown
    assert "Nothing was kept." in shown


def test_a_step_of_rl_is_measured_with_its_rollouts(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(6))
    settings = RlSection(
        num_generations=2, rollout_batch_size=4, global_batch_size=2, max_completion_length=8, max_steps=10
    )
    found = measure(RL, Order("colours", str(small_vlm), settings, home))
    assert len(found["measured"]["seconds"]) == 2
    assert not list(home.runs.glob("*"))


@pytest.mark.parametrize(
    ("seconds", "per_rollout", "total"),
    [([5.0, 2.0], 1, 200.0), ([5.0, 2.0], 4, 275.0), ([2.0, 2.5], 4, 250.0)],
)
def test_a_whole_training_takes_its_steps_and_its_batches_of_rollouts(seconds, per_rollout, total):
    clock = Clock()
    clock.seconds, clock.tokens = seconds, [100.0, 300.0]
    found = told(clock, 100, per_rollout, 1e-4)
    assert found["total_s"] == total
    assert found["tokens_per_s"] == (100.0 if per_rollout == 1 else None)
    assert found["mfu"] == (pytest.approx(0.01) if per_rollout == 1 else None)
