"""The estimate of memory, and the plan that it is part of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.commands.views.train import bytes_shown
from ovt.core.errors import OvtError, RecipeError
from ovt.train.launch import device_count, launch, shares, without_launcher
from ovt.train.memory import Sizes, describe, estimate
from ovt.train.models import load_model
from ovt.train.plan import plan
from ovt.train.sft import LoraSection, SftSection, sft


def test_parameters_are_those_of_the_loaded_model(small_vlm):
    model = load_model(str(small_vlm))
    sizes = describe(str(small_vlm), False, None, accelerator=False)
    assert sizes.parameters == sizes.trained == model.num_parameters()
    frozen = describe(str(small_vlm), True, None, accelerator=False)
    tower = sum(weight.numel() for weight in model.get_encoder(modality="image").parameters())
    assert frozen.trained == model.num_parameters() - tower


@pytest.mark.parametrize("frozen", [False, True])
def test_adapters_are_counted_as_peft_makes_them(small_vlm, frozen):
    from peft import get_peft_model

    from ovt.train.sft import make_lora

    section = SftSection(lora=LoraSection(r=4), freeze_vision_tower=frozen)
    assert section.lora is not None
    adapted = get_peft_model(load_model(str(small_vlm)), make_lora(section.lora, section.freeze_vision_tower))
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert describe(str(small_vlm), frozen, section.lora.model_dump(), accelerator=False).trained == trained


def test_a_7b_model_needs_what_is_known():
    """16 bytes per parameter and the bfloat16 copies: 7.6 G parameters do not fit one device of 80 GB, eight share."""
    sizes = Sizes(7_600_000_000, 7_600_000_000, 4, text=(28, 3584), vision=(32, 1280))
    work = {"rows": 4, "tokens": 2048, "patches": 1360, "bf16": True, "checkpointing": True}
    alone = estimate(sizes, devices=1, **work)
    shared = estimate(sizes, devices=8, **work)
    assert 130e9 < alone.total < 145e9
    assert 15e9 < shared.total < 25e9


@given(st.integers(1, 64), st.integers(1, 8), st.booleans())
def test_sharing_never_takes_more(devices, rows, bf16):
    sizes = Sizes(1_000_000, 600_000, 2, text=(4, 64), vision=(2, 32))
    work = {"rows": rows, "tokens": 100, "patches": 64, "bf16": bf16, "checkpointing": False}
    assert estimate(sizes, devices=devices, **work).total <= estimate(sizes, devices=1, **work).total


def test_the_plan_says_what_would_be_done(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(40))
    found = plan("colours", str(small_vlm), SftSection(eval_size=0.1), home, count=4, shared=True)
    assert (found["train_rows"], found["eval_rows"], found["steps"]) == (36, 4, 2)
    assert found["arguments"]["gradient_accumulation_steps"] * found["arguments"]["per_device_train_batch_size"] == 8
    assert found["memory_per_device"]["total"] > 0
    assert not home.runs.exists()
    json.dumps(found)
    with pytest.raises(OvtError, match="a global batch of 32 rows does not divide among 5 devices"):
        plan("colours", str(small_vlm), SftSection(), home, count=5)


def test_the_launched_command_is_the_same_without_its_launcher():
    asked = ["train", "sft", "v", "--accelerate", "fsdp", "-m", "m", "--processes=4", "--set", "seed=1"]
    assert without_launcher(asked) == ["train", "sft", "v", "-m", "m", "--set", "seed=1"]
    assert without_launcher(["--accelerate=x.yaml", "--processes", "2", "a"]) == ["a"]


def test_configurations_are_read(tmp_path):
    assert device_count("fsdp", 8) == 8
    assert shares("fsdp")
    assert shares("zero3")
    own = tmp_path / "own.yaml"
    own.write_text("distributed_type: MULTI_GPU\nnum_processes: 3\n")
    assert device_count(str(own), None) == 3
    assert not shares(str(own))
    with pytest.raises(OvtError, match="neither fsdp nor zero3, nor a file"):
        device_count("fsdq", None)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[", "cannot read --accelerate .*: while parsing"),
        ("hello", "is not an accelerate configuration: expected YAML with distributed_type"),
        ("distributed_type: FOO", "'FOO' is not a valid DistributedType"),
        ("distributed_type: FSDP\nnum_procs: 2", "unknown keys .*num_procs"),
        ("distributed_type: FSDP\nnum_processes: two", "num_processes is 'two': give a number, or leave it out"),
    ],
)
def test_a_wrong_configuration_is_one_line(tmp_path, written, told):
    """The launcher itself answers with a traceback."""
    own = tmp_path / "own.yaml"
    own.write_text(written)
    with pytest.raises(RecipeError, match=told) as raised:
        device_count(str(own), None)
    assert "\n" not in str(raised.value)


def test_zero3_without_deepspeed_is_one_line(monkeypatch):
    monkeypatch.setattr("ovt.train.launch.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match="--accelerate zero3 needs deepspeed, which is not installed"):
        launch("zero3", 2, [])


def test_bytes_are_readable():
    assert [bytes_shown(size) for size in (12, 4_400, 60_500_000, 138e9)] == ["12 B", "4 KB", "60.5 MB", "138.0 GB"]


@pytest.mark.parametrize("epochs", [0.1, 1, 1.1, 2.5])
def test_the_planned_steps_are_the_trainers(home, small_vlm, colour_rows, write_version, epochs):
    write_version(home, colour_rows(10))
    chosen = SftSection(global_batch_size=4, num_train_epochs=epochs)
    planned = plan("colours", str(small_vlm), chosen, home)["steps"]
    assert planned == sft("colours", str(small_vlm), chosen, home).record.result["steps"]


def test_a_plan_refuses_what_the_training_would(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(8))
    for changes, told in (
        ({"lr_scheduler_type": "cosin"}, "the trainer refuses these settings: cosin is not a valid SchedulerType"),
        ({"trainer": {"epochs": 3}}, "trainer.epochs is not an argument of TRL's SFTConfig"),
        ({"report_to": ["wnadb"]}, "report_to = 'wnadb'"),
    ):
        with pytest.raises(RecipeError, match=told):
            plan("colours", str(small_vlm), SftSection.model_validate(changes), home)
