"""The estimate of memory, and the plan that it is part of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import OvtError, RecipeError
from ovt.train.models import load_model
from ovt.train.plan import Sizes, Work, describe, estimate, plan
from ovt.train.rl_trainer import RL
from ovt.train.settings import LoraSection, RlSection, SftSection
from ovt.train.sft_trainer import SFT, sft
from ovt.train.training import Order


def test_parameters_are_those_of_the_loaded_model(small_vlm):
    model = load_model(str(small_vlm))
    sizes = describe(str(small_vlm), SftSection(), accelerator=False)
    assert sizes.parameters == sizes.trained == model.num_parameters()
    frozen = describe(str(small_vlm), SftSection(freeze_vision_tower=True), accelerator=False)
    tower = sum(weight.numel() for weight in model.get_encoder(modality="image").parameters())
    assert frozen.trained == model.num_parameters() - tower


@pytest.mark.parametrize("frozen", [False, True])
def test_adapters_are_counted_as_peft_makes_them(small_vlm, frozen):
    from peft import get_peft_model

    from ovt.train.weights import make_lora

    section = SftSection(lora=LoraSection(r=4), freeze_vision_tower=frozen)
    assert section.lora is not None
    adapted = get_peft_model(load_model(str(small_vlm)), make_lora(section.lora, section.freeze_vision_tower))
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert describe(str(small_vlm), section, accelerator=False).trained == trained


def test_a_7b_model_needs_what_is_known():
    """16 bytes per parameter and the bfloat16 copies: 7.6 G parameters do not fit one device of 80 GB, eight share."""
    sizes = Sizes(7_600_000_000, 7_600_000_000, 4, text=(28, 3584), vision=(32, 1280))
    alone, shared = (estimate(sizes, Work(4, 2048, 1360), devices, bf16=True, checkpointing=True) for devices in (1, 8))
    assert 130e9 < alone.total < 145e9
    assert 15e9 < shared.total < 25e9


@given(st.integers(1, 64), st.integers(1, 8), st.booleans())
def test_sharing_never_takes_more(devices, rows, bf16):
    sizes = Sizes(1_000_000, 600_000, 2, text=(4, 64), vision=(2, 32))
    alone, shared = (estimate(sizes, Work(rows, 100, 64), count, bf16, checkpointing=False) for count in (1, devices))
    assert shared.total <= alone.total


def test_the_plan_says_what_would_be_done(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(40))
    found = plan(SFT, Order("colours", str(small_vlm), SftSection(eval_size=0.1), home), count=4, shared=True)
    assert (found["train_rows"], found["eval_rows"], found["steps"]) == (36, 4, 2)
    assert found["arguments"]["gradient_accumulation_steps"] * found["arguments"]["per_device_train_batch_size"] == 8
    assert found["memory_per_device"]["total"] > 0
    assert not home.runs.exists()
    json.dumps(found)
    with pytest.raises(OvtError, match="a global batch of 32 rows does not divide among 5 devices"):
        plan(SFT, Order("colours", str(small_vlm), SftSection(), home), count=5)


@pytest.mark.parametrize("epochs", [0.1, 1, 1.1, 2.5])
def test_the_planned_steps_are_the_trainers(home, small_vlm, colour_rows, write_version, epochs):
    write_version(home, colour_rows(10))
    chosen = SftSection(global_batch_size=4, num_train_epochs=epochs)
    planned = plan(SFT, Order("colours", str(small_vlm), chosen, home))["steps"]
    assert planned == sft("colours", str(small_vlm), chosen, home).record.result["steps"]


def test_a_plan_refuses_what_the_training_would(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(8))
    for changes, told in (
        ({"lr_scheduler_type": "cosin"}, "the trainer refuses these settings: cosin is not a valid SchedulerType"),
        ({"trainer": {"epochs": 3}}, "trainer.epochs is not accepted"),
        ({"report_to": ["wnadb"]}, "report_to = 'wnadb'"),
    ):
        with pytest.raises(RecipeError, match=told):
            plan(SFT, Order("colours", str(small_vlm), SftSection.model_validate(changes), home))


def test_a_plan_for_devices_that_are_not_here(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(8))
    asked = {"num_generations": 2, "rollout_batch_size": 8, "global_batch_size": 8, "max_completion_length": 64}
    order = Order("colours", str(small_vlm), RlSection.model_validate(asked), home)
    here, there = plan(RL, order), plan(RL, order, 8, True, "h100")
    assert (here["device"], there["device"], there["device_memory"]) == (None, "h100", 80e9)
    assert not here["arguments"]["bf16"]
    assert there["arguments"]["bf16"]
    assert not there["arguments"]["use_cpu"]
    memory = there["memory_per_device"]
    assert memory["weights"] < here["memory_per_device"]["weights"]
    longest = there["longest_row"]  # two rollouts a device, 2 layers of 2 heads of 32 values, in bfloat16
    assert memory["kv_cache"] == 2 * longest * 2 * 2 * 2 * 32 * 2
    parts = sum(value for name, value in memory.items() if name != "total")
    assert memory["total"] == parts - min(memory["kv_cache"], memory["activations"])
    assert there["disk_per_checkpoint"] == 12 * there["parameters"]
    with pytest.raises(RecipeError, match="--device h10 is not known; did you mean h100"):
        plan(RL, order, 8, True, "h10")


def test_weights_that_are_in_bfloat16_are_not_copied_once_more():
    whole = Sizes(1000, 1000, 4, text=(2, 64), vision=(1, 32))
    adapters = Sizes(1000, 100, 2, text=(2, 64), vision=(1, 32))
    copies = [estimate(sizes, Work(1, 1, 1), 1, bf16=True, checkpointing=True).copies for sizes in (whole, adapters)]
    assert copies == [2000, 200]
