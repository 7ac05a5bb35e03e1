"""What TRL leaves to its caller: prompts padded on the left, and rollouts a few at a time."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from trl.data_utils import prepare_multimodal_messages

from ovt.core.errors import OvtError
from ovt.train import weights
from ovt.train.models import load_processor
from ovt.train.rl_trainer import RL, build_trainer
from ovt.train.runs import RunRecord, begin
from ovt.train.sampling import check_prompts, pad_left
from ovt.train.settings import RlSection
from ovt.train.training import Order, make_record, prepare

SETTINGS = {
    "num_generations": 2,
    "rollout_batch_size": 4,
    "global_batch_size": 4,
    "max_steps": 1,
    "max_completion_length": 6,
    "per_device_generation_batch_size": 3,
}


@pytest.fixture(scope="module")
def right_padding(small_vlm, tmp_path_factory) -> Path:
    """The small model with a tokenizer that pads on the right, as Qwen2.5-VL's own does."""
    folder = tmp_path_factory.mktemp("right") / "model"
    shutil.copytree(small_vlm, folder)
    told = folder / "tokenizer_config.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"padding_side": "right"}))
    assert load_processor(str(folder)).tokenizer.padding_side == "right"
    return folder


@pytest.fixture
def made(request) -> dict[str, Any]:
    """Further settings; a sampler that only transformers has is left to TRL's way."""
    return getattr(request, "param", {})


@pytest.fixture
def trainer(right_padding, home, colour_rows, write_version, made) -> Any:
    """The trainer on prompts of unequal lengths."""
    rows = colour_rows(8)
    longer = [row | {"prompt": row["prompt"] + " Say what you see." * number} for number, row in enumerate(rows)]
    write_version(home, longer)
    order = Order("colours", str(right_padding), RlSection.model_validate(SETTINGS | made), home)
    training = prepare(RL, order)
    run = begin(make_record(RL, training), home, "r", True)
    return build_trainer(training, RL.choose(training), run, None, None)


def test_log_probabilities_are_those_of_each_rollout_alone_and_unpadded(trainer) -> None:
    batch = next(iter(trainer.get_train_dataloader()))
    scored = trainer._generate_and_score_completions(batch)
    assert len({int(mask.sum()) for mask in scored["prompt_mask"]}) > 1
    picture = trainer.model.config.image_token_id  # in a reply, transformers' forward fails on it
    for number, row in enumerate(batch):
        if picture in scored["completion_ids"][number]:
            continue
        alone = log_probabilities(trainer, row, scored, number)
        there = scored["completion_mask"][number].bool()
        assert torch.allclose(scored["ref_per_token_logps"][number][there], alone, atol=1e-4)


def log_probabilities(trainer: Any, row: dict[str, Any], scored: dict[str, Any], number: int) -> torch.Tensor:
    """Of one rollout's completion: the model on its prompt and completion, with nothing else in the batch."""
    asks = prepare_multimodal_messages(row["prompt"], images=row["images"])
    prompt = trainer.processing_class.apply_chat_template(asks, add_generation_prompt=True, tokenize=False)
    asked = trainer.processing_class(images=[row["images"]], text=[prompt], return_tensors="pt")
    said = scored["completion_ids"][number][scored["completion_mask"][number].bool()][None]
    fields = {name: value for name, value in asked.items() if name not in ("input_ids", "attention_mask")}
    for name in ("mm_token_type_ids", "token_type_ids"):
        if name in fields:
            fields[name] = torch.cat([fields[name], torch.zeros_like(said)], dim=1)
    ids = torch.cat([asked["input_ids"], said], dim=1)
    with torch.no_grad():
        logits = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids), **fields).logits
    begins = asked["input_ids"].shape[1]
    told = torch.log_softmax(logits[0, begins - 1 : -1].float() / trainer.temperature, dim=-1)
    return told.gather(1, said[0][:, None])[:, 0]


@pytest.mark.parametrize("made", [{"trainer": {"min_p": 0.01}}], indirect=True)
def test_rollouts_are_sampled_a_few_at_a_time(trainer, monkeypatch) -> None:
    sizes = []
    generate = trainer.model.generate
    monkeypatch.setattr(
        trainer.model, "generate", lambda **inputs: (sizes.append(len(inputs["input_ids"])), generate(**inputs))[1]
    )
    batch = next(iter(trainer.get_train_dataloader()))
    trainer._generate_and_score_completions(batch)
    assert sizes == [3, 3, 2]


def test_what_adapters_start_from_has_the_processor_of_their_base(small_vlm, home, tmp_path, monkeypatch) -> None:
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    (adapters / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(small_vlm)}))
    assert load_processor(str(adapters)).chat_template == load_processor(str(small_vlm)).chat_template

    def save_pretrained(folder: Path) -> None:
        shutil.copyfile(small_vlm / "config.json", folder / "config.json")

    monkeypatch.setattr(weights, "load_model", lambda where: SimpleNamespace(save_pretrained=save_pretrained))
    run = begin(RunRecord(name="r", kind="rl", model="m", ovt_version="0"), home, "r", True)
    merged = weights.merged_start(run, str(adapters))
    assert load_processor(merged).tokenizer.get_vocab() == load_processor(str(small_vlm)).tokenizer.get_vocab()


def test_a_processor_that_reads_a_prompt_in_two_ways_is_refused_in_one_line(right_padding, monkeypatch) -> None:
    processor: Any = load_processor(str(right_padding))
    with pytest.raises(OvtError, match="cannot run RL on the/model: its processor pads prompts on the right"):
        check_prompts(processor, "the/model")
    check_prompts(pad_left(processor), "the/model")
    render = processor.apply_chat_template

    def once_more(asked: Any, tokenize: bool, **options: Any) -> Any:
        return render(asked, tokenize=True, **options) if tokenize else "?" + render(asked, tokenize=False, **options)

    monkeypatch.setattr(processor, "apply_chat_template", once_more)
    with pytest.raises(OvtError, match="reads a prompt's text and its messages as different tokens"):
        check_prompts(processor, "the/model")
