"""`ovt data export --to trl` as TRL itself takes it: a step of SFTTrainer on the folder's images and completions."""

import pytest
from datasets import load_dataset

from ovt.curate.export.export import export
from ovt.train.models import load_model, load_processor


@pytest.fixture
def rows(home, colour_rows, write_version, tmp_path):
    """`rows("sft")`: that split of an exported version, as `datasets` gives it."""
    version = write_version(home, [*colour_rows(8), *colour_rows(4, first=8, split="rl")])
    export(version, "trl", tmp_path / "out", None, "0")
    return lambda split: load_dataset(str(tmp_path / "out"), split, split="train", cache_dir=str(tmp_path / "cache"))


def test_sft_trainer_takes_a_step(small_vlm, rows, tmp_path):
    from trl import SFTConfig, SFTTrainer

    settings = SFTConfig(
        output_dir=str(tmp_path / "run"), max_length=None, max_steps=1, use_cpu=True, bf16=False, report_to="none",
        per_device_train_batch_size=4, logging_steps=1,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=load_model(str(small_vlm), dtype="auto"),
        args=settings,
        train_dataset=rows("sft"),
        processing_class=load_processor(str(small_vlm)),
    )
    assert trainer.train().training_loss > 1


def test_grpo_rows_hold_what_a_reward_needs(rows):
    row = rows("rl")[0]
    assert list(row) == ["images", "prompt", "answer", "choices", "question_id", "answers"]
    assert row["answers"] == [row["answer"]]
    assert row["prompt"][0]["role"] == "user"
