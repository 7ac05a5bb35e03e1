"""Training under accelerate: the command line of a step gives the settings that the loop's recipe has."""

import json

import pytest

from ovt.core.section import set_key
from ovt.train.loop.recipe import load_loop
from ovt.train.loop.work import flat
from ovt.train.settings import LoraSection, RlSection, SftSection


@pytest.mark.parametrize(
    "settings",
    [
        SftSection(),
        SftSection(lora=LoraSection()),  # nothing but defaults, and yet it is LoRA
        SftSection(lora=LoraSection(r=4), report_to=["wandb"], trainer={"adam_beta2": 0.99, "optim": "sgd"}),
        load_loop("openvlthinker/loop").iterations[2].rl[0],
        load_loop("pocket-loop").iterations[1].rl[0],
    ],
)
def test_settings_survive_the_command_line(settings):
    tree = {}
    for key, value in flat(settings.model_dump(mode="json", exclude_defaults=True)):
        set_key(tree, f"{key}={json.dumps(value)}")
    kind = RlSection if isinstance(settings, RlSection) else SftSection
    assert kind.model_validate(tree) == settings
