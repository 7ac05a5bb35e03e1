"""Training under accelerate: the command line of a step gives the settings that the loop's recipe has."""

import pytest

from ovt.core.section import set_key
from ovt.train.loop.recipe import load_loop
from ovt.train.loop.work import lines_of
from ovt.train.settings import LoraSection, RlSection, SftSection


@pytest.mark.parametrize(
    "settings",
    [
        SftSection(),
        SftSection(lora=LoraSection()),  # nothing but defaults, and yet it is LoRA
        SftSection(lora=LoraSection(r=4), report_to=["wandb"], trainer={"adam_beta2": 0.99, "optim": "sgd"}),
        SftSection(trainer={"lr_scheduler_kwargs": {"num cycles": 2}}),
        RlSection.model_validate({"questions": {"where": "topic = '😀' OR topic = '\"\x7f'", "splits": ["rl"]}}),
        load_loop("openvlthinker/loop").iterations[2].rl[0],
        load_loop("pocket-loop").iterations[1].rl[0],
    ],
)
def test_settings_survive_the_command_line(settings):
    tree = {}
    for line in lines_of(settings):
        set_key(tree, line)
    kind = RlSection if isinstance(settings, RlSection) else SftSection
    assert kind.model_validate(tree) == settings
