"""The preview shows what the trainer feeds: the same tokens, the same labels, the same rows."""

import json
import shutil
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from ovt.commands.views.train import preview_shown
from ovt.train.data import IGNORED, load_split, make_collator, place_images
from ovt.train.models import load_processor
from ovt.train.preview import preview, token_histogram
from ovt.train.runs import RunRecord, start
from ovt.train.settings import SftSection
from ovt.train.sft_trainer import SFT, choose_rows, make_trainer
from ovt.train.training import Order, prepare


def test_it_cannot_lie(home, small_vlm, colour_rows, write_version):
    """What is shown is, row by row and token by token, what the real trainer's loader gives."""
    rows = colour_rows(12)
    rows[2] |= {"completion": "<think>" + "on and " * 300 + "</think>\n<answer>blue</answer>"}
    rows[5] |= {"images": [rows[5]["images"][0], rows[6]["images"][0]]}
    write_version(home, rows)
    settings = SftSection(max_steps=1)
    found = preview("colours", str(small_vlm), settings, home, count=12)
    run = start(RunRecord(name="r", kind="sft", model="m", ovt_version="0"), home)
    training = prepare(SFT, Order("colours", str(small_vlm), settings, home))
    processor: Any = load_processor(str(small_vlm))
    read = []
    with make_trainer(training, choose_rows(training), run, None) as trainer:
        batches = list(trainer.get_train_dataloader())
    for batch in batches:
        for ids, labels, there in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            learned = labels != IGNORED
            images = int((ids == processor.image_token_id).sum())
            read.append((int(there.sum()), images, int(learned.sum()), processor.tokenizer.decode(ids[learned])))
    told = []
    for row in found.shown:
        counts = {kind: sum(p.tokens for p in row.pieces if p.kind == kind) for kind in ("image", "masked", "learned")}
        text = "".join(piece.text for piece in row.pieces if piece.kind == "learned")
        told.append((sum(counts.values()), counts["image"], counts["learned"], text))
    assert len(told) == 11
    assert sorted(told) == sorted(read)
    kept = found.lengths.filter(pl.col("reason").is_null())
    assert sorted(kept["prompt_tokens"] + kept["completion_tokens"]) == sorted(length for length, *_ in read)


def test_every_row_left_out_has_its_reason(home, small_vlm, colour_rows, write_version, question_id):
    rows = colour_rows(5)
    rows[1] |= {"images": [], "prompt": "<image> What is it?"}
    rows[3] |= {"completion": "so " * 600}
    rows[4] |= {"completion": " "}
    write_version(home, rows)
    about = preview("colours", str(small_vlm), SftSection(), home).as_dict()
    reasons = {row["question_id"]: row["reason"] for row in about["left_out"]}
    assert reasons == {question_id(1): "image_missing", question_id(3): "too_long", question_id(4): "empty_completion"}
    assert about["kept"] == 2
    assert about["max_length"] == 512
    json.dumps(about)


def test_it_is_shown_with_the_mask_in_colour(home, small_vlm, colour_rows, write_version):
    from rich.console import Console

    write_version(home, colour_rows(3))
    about = preview("colours", str(small_vlm), SftSection(), home, count=1).as_dict()
    screen = Console(width=100, force_terminal=True, color_system="standard", record=True)
    screen.print(preview_shown(about))
    coloured = screen.export_text(styles=True, clear=False)
    assert "«4 image tokens»" in coloured
    assert "\x1b[32m<think>" in coloured
    assert "\x1b[2m<|im_start|>user" in coloured
    assert "No row is left out." in coloured


def test_images_go_where_their_tags_are():
    turns = [{"role": "user", "content": "First <image 2>, then <image 1>."}]
    placed, images = place_images(turns, ["one", "two"])
    kinds = [part["type"] for part in placed[0]["content"]]
    assert kinds == ["text", "image", "text", "image", "text"]
    assert images == ["two", "one"]
    untouched = [{"role": "user", "content": "No tag."}]
    assert place_images(untouched, ["one"]) == (untouched, ["one"])


def test_the_tagged_prompt_is_what_the_collator_feeds(home, small_vlm, colour_rows, write_version):
    rows = colour_rows(2)
    rows[0] |= {"prompt": "Look at <image> closely."}
    write_version(home, rows)
    processor = load_processor(str(small_vlm))
    batch = make_collator(processor)(list(load_split("colours", "sft", home).dataset))
    first, second = (processor.tokenizer.decode(ids) for ids in batch["input_ids"])
    pads = "<|image_pad|>" * 4
    assert f"Look at<|vision_start|>{pads}<|vision_end|>closely." in first  # as prompt.content has it
    assert f"user\n<|vision_start|>{pads}<|vision_end|>Which" in second


def test_control_tokens_of_questions_and_replies_are_fed_as_text(home, small_vlm, colour_rows, write_version):
    rows = colour_rows(3)
    rows[0] |= {"prompt": "<|image_pad|><|vision_end|> Look at <image> <|im_end|>\n<|im_start|>system"}
    rows[1] |= {"completion": "<think>a <|image_pad|></think>\n<answer><|im_end|>red</answer>"}
    write_version(home, rows)
    found = preview("colours", str(small_vlm), SftSection(), home)
    assert found.lengths["reason"].null_count() == 3
    assert found.lengths["image_tokens"].to_list() == [4, 4, 4]
    first, second, _ = ("".join(piece.text for piece in row.pieces) for row in found.shown)
    assert "< |im_end|>\n< |im_start|>system" in first
    assert "<think>a < |image_pad|></think>\n<answer>< |im_end|>red</answer><|im_end|>" in second


@pytest.mark.parametrize("totals", [[5], [5, 5, 9], list(range(100)), [1, 10_000]])
def test_the_histogram_counts_every_row_once(totals):
    lengths = pl.DataFrame(
        {"prompt_tokens": totals, "completion_tokens": [0] * len(totals), "reason": [None] * len(totals)},
        schema_overrides={"reason": pl.String},
    )
    bins = token_histogram(lengths)
    assert sum(one["rows"] for one in bins) == len(totals)
    assert bins[0]["from"] == min(totals)
    assert bins[-1]["to"] >= max(totals)
    assert all(one["to"] + 1 == after["from"] for one, after in pairwise(bins))


def test_a_template_that_teaches_no_end_is_told(home, small_vlm, colour_rows, write_version, tmp_path):
    write_version(home, colour_rows(2))
    assert preview("colours", str(small_vlm), SftSection(), home).warning is None
    folder = shutil.copytree(small_vlm, tmp_path / "endless")
    template = (folder / "chat_template.jinja").read_text()
    ending = "{{- '<|im_end|>' }}{%- endgeneration %}"
    assert ending in template
    (folder / "chat_template.jinja").write_text(template.replace(ending, "{%- endgeneration %}"))
    found = preview("colours", str(folder), SftSection(), home)
    assert found.warning
    assert found.warning.startswith("no token that ends a response is learned (<|endoftext|>, <|im_end|>)")
    assert found.as_dict()["warning"] == found.warning
    assert "add one to its chat_template.jinja" in found.warning
    training = prepare(SFT, Order("colours", str(folder), SftSection(), home))
    assert choose_rows(training).note == f"warning: {found.warning}"
