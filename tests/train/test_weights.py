"""Adapters added into the base: the same numbers, a whole model, a card that says what it is."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2_5_VLForConditionalGeneration

from ovt.core.errors import OvtError
from ovt.pocket.engine import load
from ovt.train.adapters import adapter_base
from ovt.train.models import load_model, load_processor, resolve_model
from ovt.train.runs import RunRecord, start
from ovt.train.settings import LoraSection, RlSection, SftSection
from ovt.train.sft_trainer import sft
from ovt.train.weights import check_finite, chosen_checkpoint, merge, merged_start, prepare_policy, take_model

ADAPTERS = SftSection(learning_rate=1e-2, global_batch_size=8, max_steps=3, warmup_steps=0, lora=LoraSection(r=4))


def logits(model, processor, row) -> torch.Tensor:
    from ovt.train.data import make_collator

    batch = make_collator(processor)([row])
    batch.pop("labels")
    with torch.no_grad():
        return model.eval()(**batch).logits


def test_a_merged_run_computes_what_its_adapters_did(home, small_vlm, colour_rows, write_version):
    from peft import PeftModel

    from ovt.train.data import load_split

    write_version(home, colour_rows(8))
    run = sft("colours", str(small_vlm), ADAPTERS, home, name="low")
    done = merge("low", home)
    assert done.name == "low-merged"
    assert done.record.parents == ["low"]
    assert adapter_base(str(run.model)) == str(small_vlm)
    assert adapter_base(str(done.model)) is None
    row = load_split("colours", "sft", home).dataset[0]
    processor = load_processor(str(done.model))
    adapted = PeftModel.from_pretrained(load_model(str(small_vlm), dtype=torch.float32), str(run.model))
    whole = load_model(resolve_model("low-merged", home), dtype=torch.float32)
    before = logits(load_model(str(small_vlm), dtype=torch.float32), processor, row)
    assert torch.allclose(logits(adapted, processor, row), logits(whole, processor, row), atol=1e-4)
    assert not torch.allclose(before, logits(whole, processor, row), atol=1e-2)
    assert load(str(done.model)).revision
    with pytest.raises(OvtError, match=r"it holds LoRA adapters: merge them into a whole model with `ovt train merge`"):
        load(str(run.model))
    card = (done.model / "README.md").read_text()
    assert "LoRA adapters added into the weights" in card
    assert "| steps | 3 |" in card
    assert "| 3 | " in card.split("| step | loss")[1]  # how the adapters were trained, to the last step
    with pytest.raises(OvtError, match="already has whole weights"):
        merge("low-merged", home)
    with pytest.raises(OvtError, match="is a LoRA adapter itself: merge it first"):
        sft("colours", "low", ADAPTERS, home, name="lower")


@pytest.fixture
def with_draft(small_vlm, tmp_path, monkeypatch) -> Any:
    """A base in two files, one with a draft head that transformers does not load, as Qwen3.5's."""
    folder = tmp_path / "with-draft"
    shutil.copytree(small_vlm, folder)
    save_file({"mtp.fc.weight": torch.ones(2, 3, dtype=torch.bfloat16)}, folder / "model-00002-of-00002.safetensors")
    monkeypatch.setattr(Qwen2_5_VLForConditionalGeneration, "_keys_to_ignore_on_load_unexpected", [r"^mtp.*"])
    return folder


@pytest.mark.parametrize("lora", [None, LoraSection(r=4)])
def test_what_transformers_does_not_load_is_still_there(lora, with_draft, home, colour_rows, write_version):
    write_version(home, colour_rows(8))
    settings = ADAPTERS.model_copy(update={"lora": lora})
    run = sft("colours", str(with_draft), settings, home, name="first")
    whole = merge("first", home) if lora else run
    later = sft("colours", whole.name, settings.model_copy(update={"lora": None}), home, name="second")
    for model in (whole.model, later.model):
        index = json.loads((model / "model.safetensors.index.json").read_text())["weight_map"]
        assert {path.name for path in model.glob("*.safetensors")} == set(index.values())
        assert load_file(model / index["mtp.fc.weight"])["mtp.fc.weight"].dtype == torch.bfloat16
        load_whole: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained
        assert not any(load_whole(model, output_loading_info=True)[1].values())


def test_a_run_that_is_not_done_cannot_be_merged(home):
    with pytest.raises(OvtError, match="no run is named 'none'"):
        merge("none", home)


def test_a_training_that_ruins_its_weights_ends_in_one_line(home, small_vlm, colour_rows, write_version, tmp_path):
    """transformers hides a loss that is not a number behind those before it (trl#6702)."""
    from safetensors.torch import save_file

    write_version(home, colour_rows(8))
    far = SftSection(learning_rate=1e38, global_batch_size=4, max_steps=4, warmup_steps=0)
    with pytest.raises(OvtError, match=r"the loss of step 2 is not a number, .* lower learning_rate"):
        sft("colours", str(small_vlm), far, home, name="far")
    save_file({"a": torch.ones(2), "b": torch.tensor([1.0, torch.nan])}, tmp_path / "model.safetensors")
    with pytest.raises(OvtError, match=r"the trained weights are not numbers \(b\): lower learning_rate"):
        check_finite(tmp_path)


def test_a_start_that_was_cut_off_is_merged_again(home, small_vlm, monkeypatch):
    """A process that ends while it writes leaves a configuration, and no weights."""

    class Model:
        def save_pretrained(self, folder) -> None:
            (folder / "config.json").write_text("{}")
            if not whole:
                raise KeyboardInterrupt
            (folder / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr("ovt.train.weights.load_model", lambda where: Model())
    run, whole = start(RunRecord(name="r", kind="rl", model="low", ovt_version="0"), home), False
    with pytest.raises(KeyboardInterrupt):
        merged_start(run, str(small_vlm))
    whole = True
    for _ in range(2):
        made = {path.name for path in Path(merged_start(run, str(small_vlm))).iterdir()}
        assert made >= {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_checkpoint_without_weights_becomes_no_model(home, small_vlm):
    run = start(RunRecord(name="r", kind="sft", model="pocket", ovt_version="0"), home)
    with pytest.raises(OvtError, match=r"checkpoint-3 has no \*\.safetensors: restore it, or train again"):
        take_model(run, run.checkpoints / "checkpoint-3", str(small_vlm))
    assert not run.model.exists()


def test_the_best_checkpoint_is_found_where_the_home_is_now():
    state = SimpleNamespace(best_model_checkpoint="/elsewhere/checkpoints/checkpoint-4", global_step=9)
    trainer: Any = SimpleNamespace(args=SimpleNamespace(output_dir="/here/checkpoints"), state=state)
    assert str(chosen_checkpoint(trainer, best=True)) == "/here/checkpoints/checkpoint-4"
    assert str(chosen_checkpoint(trainer, best=False)) == "/here/checkpoints/checkpoint-9"


def test_a_reference_that_one_process_alone_has_loaded_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "true")
    run: Any = None
    with pytest.raises(OvtError, match="leaves the reference model of every process but the first without weights"):
        prepare_policy(run, "pocket", RlSection(), None)
    for settings in (RlSection(beta=0.0), RlSection(lora=LoraSection())):
        with pytest.raises(OvtError, match=f"cannot load {tmp_path}"):  # which is what comes next: no model is there
            prepare_policy(run, str(tmp_path), settings, None)
