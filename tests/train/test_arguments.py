"""From the paper's settings to TRL's, on any number of devices; no model is loaded."""

from importlib import import_module

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.train.arguments import dpo_arguments, plan_batches, plan_steps, rl_arguments, sft_arguments, uses_vllm
from ovt.train.settings import DpoSection, RlSection, SftSection


def settings(**changes) -> RlSection:
    return RlSection.model_validate(changes)


@pytest.mark.parametrize("world", [1, 2, 4, 8, 16])
def test_the_papers_batches_are_the_same_on_any_number_of_devices(world):
    batches = plan_batches(settings(), world)
    arguments = rl_arguments(settings(), 5120, world)
    per_step = world * arguments["per_device_train_batch_size"] * arguments["gradient_accumulation_steps"]
    assert per_step == 128 * 5
    assert arguments["generation_batch_size"] == 512 * 5
    assert batches.steps_per_rollout == 4


def test_the_papers_values_reach_trl():
    arguments = rl_arguments(settings(), 5120, 8)
    paper = {
        "num_generations": 5, "temperature": 1.0, "top_p": 0.99, "beta": 0.01, "learning_rate": 1e-6,
        "weight_decay": 1e-2, "max_grad_norm": 1.0, "max_completion_length": 2048, "max_steps": 40, "save_steps": 4,
    }  # fmt: skip
    assert paper.items() <= arguments.items()


def test_trl_takes_all_of_them():
    from trl import GRPOConfig

    chosen = settings(rollout_batch_size=8, global_batch_size=4, num_generations=3, trainer={"epsilon_high": 0.3})
    config = GRPOConfig(**rl_arguments(chosen, 24, 1))
    assert (config.steps_per_generation, config.gradient_accumulation_steps) == (4, 2)
    assert config.epsilon_high == 0.3
    assert config.per_device_train_batch_size == 6


@pytest.mark.parametrize(
    ("changes", "world", "told"),
    [
        ({}, 7, "do not divide among 7 devices: set global_batch_size to a multiple of 7"),
        ({"per_device_train_batch_size": 7}, 8, "set per_device_train_batch_size to one of 1, 2, 4, 5"),
    ],
)
def test_batches_that_do_not_divide_among_the_devices(changes, world, told):
    with pytest.raises(OvtError, match=told):
        plan_batches(settings(**changes), world)


def test_steps():
    chosen = settings(rollout_batch_size=8, global_batch_size=4)
    batches = plan_batches(chosen, 1)
    assert plan_steps(20, chosen, batches) == 4
    assert plan_steps(20, settings(num_train_epochs=2, **_sizes(chosen)), batches) == 10
    assert plan_steps(20, settings(max_steps=7, **_sizes(chosen)), batches) == 7
    with pytest.raises(OvtError, match="5 questions are fewer than a rollout batch of 8"):
        plan_steps(5, chosen, batches)


def _sizes(section: RlSection) -> dict[str, int]:
    return {name: getattr(section, name) for name in ("rollout_batch_size", "global_batch_size")}


def test_checkpoints_lie_between_batches_of_rollouts():
    chosen = settings(save_steps=6)
    assert rl_arguments(chosen, 512, 1)["save_steps"] == 8


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ({"epsilon_hihg": 0.3}, "did you mean epsilon_high"),
        ({"beta": 0.3}, "trainer.beta is a setting of its own"),
        ({"generation_batch_size": 3}, "set by ovt"),
    ],
)
def test_arguments_that_trl_does_not_take(trainer, told):
    chosen = settings(trainer=trainer)
    with pytest.raises(OvtError, match=told):
        rl_arguments(chosen, 512, 1)


def test_rollouts_by_vllm():
    assert uses_vllm(settings(), accelerator=True, there=False) is False
    with pytest.raises(OvtError, match="use_vllm needs vllm beside the trainer"):
        uses_vllm(settings(use_vllm=True), accelerator=True, there=False)
    assert uses_vllm(settings(), accelerator=True, there=True) is False
    assert uses_vllm(settings(use_vllm=True), accelerator=True, there=True) is True
    assert uses_vllm(settings(), accelerator=False, there=True) is False
    assert uses_vllm(settings(use_vllm=True, vllm_mode="server"), accelerator=False, there=True) is True
    with pytest.raises(OvtError, match="needs a GPU"):
        uses_vllm(settings(use_vllm=True), accelerator=False, there=True)


def test_the_settings_of_vllm_reach_trl(monkeypatch):
    monkeypatch.setattr(import_module("trl.import_utils"), "is_vllm_available", lambda: True)
    chosen = settings(
        use_vllm=True, vllm_mode="server", vllm_server_base_url="http://h:8000", trainer={"vllm_group_port": 9}
    )
    arguments = rl_arguments(chosen, 512, 1)
    assert arguments["use_vllm"] is True
    assert arguments["vllm_mode"] == "server"
    assert arguments["top_p"] == 1.0
    assert rl_arguments(settings(), 512, 1)["top_p"] == 0.99
    assert arguments["vllm_server_base_url"] == "http://h:8000"
    assert arguments["vllm_group_port"] == 9


def test_a_version_of_vllm_that_trl_does_not_know_is_refused(monkeypatch):
    """0.32 names tokens in another way than TRL 1.16 reads them, which ends in a KeyError after the first batch."""
    installed = import_module("trl.import_utils")
    monkeypatch.setattr(installed, "_is_package_available", lambda *_, **__: (True, "0.32.0"))
    chosen = settings(use_vllm=True, vllm_mode="server")
    with pytest.raises(RecipeError, match=r"from 0.22.0 to 0.31.0. You have version 0.32.0 .* leave use_vllm out"):
        rl_arguments(chosen, 512, 1)
    assert rl_arguments(settings(), 512, 1)["use_vllm"] is False


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quantization": "nf4"}, r"is for the frozen weights under adapters: add \[lora\]"),
        ({"quantization": "nf4", "lora": {"r": 4}}, "needs a GPU, and there is none here"),
    ],
)
def test_quantized_weights_are_refused_where_they_cannot_be(changes, told):
    with pytest.raises(RecipeError, match=told):
        sft_arguments(SftSection.model_validate(changes), 1)
    assert "quantization" not in sft_arguments(SftSection(), 1)
    assert "quantization" not in SftSection().model_dump()


def test_an_optimizer_whose_package_is_missing_is_refused_before_a_run_begins():
    chosen = SftSection(trainer={"optim": "galore_adamw"})
    with pytest.raises(RecipeError, match="the trainer refuses these settings: You need to install `galore_torch`"):
        sft_arguments(chosen, 1)
    assert sft_arguments(SftSection(trainer={"optim": "adafactor"}), 1)["optim"] == "adafactor"


@pytest.mark.parametrize("size", [0.0, 0.01, 3])
def test_rows_are_evaluated_where_any_are_held_out(size):
    made = (
        sft_arguments(SftSection(eval_size=size), 1),
        dpo_arguments(DpoSection(eval_size=size), 1),
        rl_arguments(settings(eval_size=size), 512, 1),
    )
    assert [one.get("eval_strategy", "no") for one in made] == ["steps" if size else "no"] * 3
