"""The log-probabilities of rollouts in TRL's trainer, beside those of each rollout alone and unpadded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from ovt.core.home import Home

ROLLOUTS = {
    "num_generations": 2,
    "rollout_batch_size": 4,
    "global_batch_size": 4,
    "max_steps": 2,
    "max_completion_length": 8,
    "per_device_train_batch_size": 2,
    "per_device_generation_batch_size": 3,
    "learning_rate": 1e-4,
}


def prepared(model: Path, ref: str, home: Home, images: int = 1) -> Any:
    """The RL trainer of a family, from a copy of its checkpoint whose tokenizer pads on the right. images: in every
    other question."""
    from ovt.train.rl_trainer import RL, build_trainer
    from ovt.train.runs import begin
    from ovt.train.settings import RlSection
    from ovt.train.training import Order, make_record, prepare

    right = home.path / "right" / model.name
    shutil.copytree(model, right, dirs_exist_ok=True)
    told = right / "tokenizer_config.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"padding_side": "right"}))
    settings = RlSection.model_validate(ROLLOUTS | {"questions": {"splits": ["sft"]}})
    training = prepare(RL, Order(ref, str(right), settings, home))
    run = begin(make_record(RL, training), home, f"{model.name}-scored", False)
    fed = RL.choose(training)
    if images != 1:
        fed = replace(fed, train=fed.train.map(several, with_indices=True, fn_kwargs={"images": images}))
    return build_trainer(training, fed, run, None, None)


def several(row: dict[str, Any], number: int, images: int) -> dict[str, Any]:
    """A row with its image this many times, in every other row; with none, its tags go too."""
    kept = row["images"] * (1 if number % 2 else images)
    said = [turn | {"content": turn["content"].replace("<image>", "")} for turn in row["prompt"]]
    return {"images": kept, "prompt": row["prompt"] if kept else said}


def largest_gap(trainer: Any) -> float:
    """How far the log-probabilities of a batch, as it is scored and as it is learned from, are from each rollout's
    alone, at most. ValueError for prompts of one length, which show nothing."""
    rows = next(iter(trainer.get_train_dataloader()))
    scored = trainer._generate_and_score_completions(rows)
    if len({int(mask.sum()) for mask in scored["prompt_mask"]}) < 2:
        raise ValueError("all prompts have one length: give a version with several")
    expected = {}
    gaps = []
    for row, ids, told in zip(rows, rollouts_of(scored), scored["ref_per_token_logps"], strict=True):
        expected[ids] = alone(trainer, row, ids[1])
        gaps.append(told[: len(ids[1])] - expected[ids])
    for ids, told in learned_from(trainer, scored):
        gaps.append(told[: len(ids[1])] - expected[ids])
    return max(float(gap.abs().max()) for gap in gaps)


def rollouts_of(batch: dict[str, Any]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The tokens of each rollout of a batch, without padding: (prompt, completion)."""
    parts = [
        [
            tuple(ids[there.bool()].tolist())
            for ids, there in zip(batch[f"{name}_ids"], batch[f"{name}_mask"], strict=True)
        ]
        for name in ("prompt", "completion")
    ]
    return list(zip(*parts, strict=True))


def learned_from(trainer: Any, scored: dict[str, Any]) -> list[Any]:
    """(rollout, log-probabilities) of what the learning pass reads: the batch, shuffled and in its micro-batches."""
    import torch

    told: list[Any] = []
    trainer._generate_and_score_completions = lambda batch: scored
    score = trainer._get_per_token_logps_and_entropies

    def noted(*arguments: Any, **options: Any) -> Any:
        found = score(*arguments, **options)
        told.append(found[0].detach())
        return found

    trainer._get_per_token_logps_and_entropies = noted
    pairs = []
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    trainer.model.train()
    for step in range(trainer.args.steps_per_generation):
        trainer._step = step
        inputs = trainer._prepare_inputs(None)
        told.clear()
        with torch.no_grad():
            trainer.compute_loss(trainer.model, inputs)
        pairs += zip(rollouts_of(inputs), told[0], strict=True)
    return pairs


def alone(trainer: Any, row: dict[str, Any], completion: tuple[int, ...]) -> Any:
    """The log-probabilities of a rollout: the model on its prompt and completion, with nothing else in the batch."""
    import torch
    from trl.data_utils import prepare_multimodal_messages

    processor, said = trainer.processing_class, torch.tensor(completion)
    asks = prepare_multimodal_messages(row["prompt"], images=row["images"])
    prompt = processor.apply_chat_template(asks, add_generation_prompt=True, tokenize=False)
    asked = processor(images=[row["images"]] if row["images"] else None, text=[prompt], return_tensors="pt")
    fields = {name: value for name, value in asked.items() if name not in ("input_ids", "attention_mask")}
    for name in {"mm_token_type_ids", "token_type_ids"} & fields.keys():
        fields[name] = torch.cat([fields[name], torch.zeros_like(said[None])], dim=1)
    ids = torch.cat([asked["input_ids"], said[None]], dim=1)
    with torch.no_grad():
        logits = trainer.model(input_ids=ids, attention_mask=torch.ones_like(ids), **fields).logits
    begins = asked["input_ids"].shape[1]
    told = torch.log_softmax(logits[0, begins - 1 : -1].float() / trainer.temperature, dim=-1)
    return told.gather(1, said[:, None])[:, 0]
