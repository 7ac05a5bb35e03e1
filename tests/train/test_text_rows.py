"""Rows without an image: fed beside the others, and grouped by their prompt."""

import pytest

from ovt.core.errors import OvtError
from ovt.train.data import group_by_image, load_split
from ovt.train.rl_trainer import RL, rl
from ovt.train.settings import RlSection, SftSection
from ovt.train.sft_trainer import SFT, sft
from ovt.train.training import Order, check_pictured, prepare


@pytest.fixture
def mixed(home, colour_rows, write_version):
    rows = colour_rows(8)
    for row in rows[::2]:
        row["images"] = []
    rows[2]["prompt"] = rows[0]["prompt"] = "What is red?"
    write_version(home, rows)
    return home


def test_they_are_trained_on(mixed, small_vlm):
    training = prepare(SFT, Order("colours", str(small_vlm), SftSection(global_batch_size=4), mixed))
    fed = SFT.choose(training)
    assert (len(fed.train), fed.left_out, fed.pictured) == (8, {}, False)
    run = sft("colours", str(small_vlm), {"global_batch_size": 4, "max_steps": 2, "learning_rate": 1e-3}, mixed)
    assert run.result["steps"] == 2
    assert not run.checkpoints.exists()


def test_they_are_asked(mixed, small_vlm):
    settings = RlSection(
        num_generations=2, rollout_batch_size=8, global_batch_size=8, max_completion_length=6, max_steps=1
    )
    training = prepare(RL, Order("colours", str(small_vlm), settings, mixed))
    assert RL.choose(training).pictured is False
    assert rl("colours", str(small_vlm), settings, mixed).result["steps"] == 1


def test_those_with_one_prompt_stay_together(mixed):
    groups = sorted(group_by_image(load_split("colours", "sft", mixed).dataset).values())
    assert groups == [[0, 2], [1], [3], [4, 6], [5], [7]]


def test_devices_that_share_the_tower_refuse_them(mixed, small_vlm, monkeypatch):
    fed = SFT.choose(prepare(SFT, Order("colours", str(small_vlm), SftSection(global_batch_size=4), mixed)))
    check_pictured(fed)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(OvtError, match="some rows have no image, and devices that share a vision tower"):
        check_pictured(fed)
