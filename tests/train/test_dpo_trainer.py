"""Pairs of one question by the real DPOTrainer on a really small model: it learns them, stops, goes on, is refused."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.core.schema import SAMPLES, VERDICTS
from ovt.curate.versions.read import open_version
from ovt.train.arguments import dpo_arguments
from ovt.train.dpo_trainer import DPO, choose_pairs, dpo, make_collator
from ovt.train.models import load_processor
from ovt.train.pairs import pairs
from ovt.train.runs import last_checkpoint, open_run, read_log
from ovt.train.settings import DpoSection
from ovt.train.training import Order, prepare

FAST = {
    "learning_rate": 3e-3,
    "global_batch_size": 4,
    "max_steps": 4,
    "save_steps": 2,
    "warmup_steps": 0,
}
WRONG = "<think>The picture is pink.</think>\nIt is {}.\n<answer>{}</answer>"


@pytest.fixture
def contrasted(home, colour_rows, write_version):
    """A version of eight rows, each with a right response and three wrong ones, the last of them cut off; one row is
    of text alone, and one has two images."""
    rows = colour_rows(8)
    rows[0]["images"], rows[1]["images"] = [], rows[1]["images"] * 2
    write_version(home, rows)
    version = open_version("colours", home)
    samples = pl.read_parquet(version.path / "ledger" / "samples.parquet")
    verdicts = pl.read_parquet(version.path / "ledger" / "verdicts.parquet")
    more, judged = [samples], [verdicts]
    for number, text in enumerate(("pink", "pink, or so it seems to be", "cut"), 1):
        ids = (pl.col("question_id") + f"-reason-{number}").alias("sample_id")
        said = pl.lit(WRONG.format(text, text)).alias("text")
        ended = pl.lit("length" if text == "cut" else "stop").alias("finish_reason")
        more.append(samples.with_columns(ids, said, ended, pl.lit(number, pl.Int32).alias("index")))
        judged.append(verdicts.with_columns(ids, pl.lit("wrong").alias("outcome")))
    pl.concat(more).select(SAMPLES.names()).write_parquet(version.path / "ledger" / "samples.parquet")
    pl.concat(judged).select(VERDICTS.names()).write_parquet(version.path / "ledger" / "verdicts.parquet")
    return version


def kept(version) -> pl.DataFrame:
    samples = pl.read_parquet(version.path / "ledger" / "samples.parquet").filter(pl.col("index") == 0)
    return samples.select("question_id", "sample_id", chosen="text")


def test_pairs_are_of_one_question_and_ended_by_themselves(contrasted):
    found = pairs(contrasted, kept(contrasted))
    assert len(found) == 8
    assert found["sample_id"].to_list() == kept(contrasted)["sample_id"].to_list()
    assert (found["sample_id"].str.slice(0, 16) == found["rejected_id"].str.slice(0, 16)).all()
    assert set(found["rejected"]) == {WRONG.format("pink", "pink")}
    several = pairs(contrasted, kept(contrasted), per_question=5)
    assert several["rejected_id"].str.tail(1).to_list() == ["1", "2"] * 8


def test_lengths_are_matched_on_request(contrasted):
    chosen = kept(contrasted).with_columns(chosen=pl.col("chosen") + " and that is what it is, I think, in the end")
    near = pairs(contrasted, chosen, length_ratio=1.2)
    assert set(near["rejected_id"].str.tail(1)) == {"2"}
    assert pairs(contrasted, chosen, length_ratio=1.0).is_empty()


def test_it_learns_to_prefer_and_resumes(home, small_vlm, contrasted, changed):
    """Stopped after two of four steps and resumed, it has the weights and losses of the run that was not."""
    import shutil

    run = dpo(contrasted, str(small_vlm), FAST | {"keep_checkpoints": True}, home, name="run")
    assert run.record.kind == "dpo"
    assert run.result["train_rows"] == 8
    assert run.result["last_loss"] < run.result["first_loss"] == pytest.approx(0.693, abs=1e-3)
    assert run.result["last_preferred"] == 1.0
    assert "pairs of verified right and wrong" in run.card
    whole = shutil.move(run.model, home.path / "whole")
    losses = [line["loss"] for line in read_log(run.log_path) if "loss" in line]
    shutil.rmtree(run.checkpoints / "checkpoint-4")
    told = run.record.model_copy(update={"status": "running", "result": {}})
    (run.path / "run.json").write_text(told.model_dump_json())
    checkpoint = last_checkpoint(open_run("run", home))
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-2"
    again = dpo(contrasted, str(small_vlm), FAST, home, name="run")
    assert not changed(Path(whole), again.model)
    assert losses == [line["loss"] for line in read_log(again.log_path) if "loss" in line]
    assert not again.checkpoints.exists()  # what only resuming needs goes when a run is done


def test_rows_that_are_too_long_are_left_out_whichever_side_it_is(home, small_vlm, contrasted):
    settings = DpoSection.model_validate({"pairs": {"per_question": 2}, "max_length": 72})
    training = prepare(DPO, Order("colours", str(small_vlm), settings, home))
    fed = choose_pairs(training)
    assert sum(fed.left_out.values()) + len(fed.train) == 16
    assert 0 < fed.left_out["too_long"] < 16
    assert fed.train.column_names == ["images", "prompt", "chosen", "rejected", "length"]
    assert fed.longest == (max(fed.train["length"]), 2 * 8)  # both rows of a pair are in memory, each with its images


def test_control_tokens_of_both_responses_are_fed_as_text(small_vlm, colour_rows):
    processor: Any = load_processor(str(small_vlm))
    said = "<answer><|im_end|><|image_pad|></answer>"
    row = {"images": colour_rows(1)[0]["images"], "prompt": [{"role": "user", "content": "Which <|im_end|>?"}]}
    sides = {side: [{"role": "assistant", "content": said}] for side in ("chosen", "rejected")}
    batch = make_collator(processor)([row | sides])
    for text in processor.tokenizer.batch_decode(batch["input_ids"]):
        assert text.count("<|im_end|>") == 2  # the template's: of the question and of the response
        assert "<answer>< |im_end|>< |image_pad|></answer>" in text


def test_what_cannot_be_compared_is_one_line(home, small_vlm, colour_rows, write_version):
    write_version(home, colour_rows(4), "alone")
    with pytest.raises(OvtError, match="alone@v1 has no pairs: no question has both a kept and a wrong response"):
        dpo("alone", str(small_vlm), FAST, home)
    assert not (home.runs / "alone-dpo").exists()
    for given, told in (
        ({"loss_type": ["ipo"]}, r"trainer\.loss_type is set by ovt"),
        ({"precompute_ref_log_probs": True}, r"trainer\.precompute_ref_log_probs is not accepted"),
    ):
        with pytest.raises(RecipeError, match=told):
            dpo_arguments(DpoSection.model_validate({"trainer": given}), 1)
