"""Templates of families that think, as TRL ships them; pocket's tokenizer has their control tokens."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import trl

from ovt.train.data import IGNORED, load_split, make_collator
from ovt.train.dpo_trainer import DPO
from ovt.train.lengths import learned_wrongly
from ovt.train.models import load_processor
from ovt.train.settings import DpoSection
from ovt.train.templates import opening, takes_thinking, with_thinking
from ovt.train.training import Order, prepare

SHIPPED = Path(trl.__file__).with_name("chat_templates")
THOUGHT = "<think>The picture is red.</think>\nIt is red.\n<answer>red</answer>"
ANSWER = "It is red.\n<answer>red</answer><|im_end|>\n"


@pytest.fixture
def family(small_vlm, tmp_path):
    """`family("qwen3_8")`: the folder of a small model with that template, or with its text and a change."""

    def make(name: str, before: str = "") -> Path:
        folder = shutil.copytree(small_vlm, tmp_path / name, dirs_exist_ok=True)
        (folder / "chat_template.jinja").write_text(before + (SHIPPED / f"{name}.jinja").read_text())
        return folder

    return make


@pytest.fixture
def learned(home, colour_rows, write_version, family):
    """What of a response is learned, and what is said to be wrong with it."""
    write_version(home, colour_rows(1))
    row = load_split("colours", "sft", home).dataset[0]

    def read(name: str, before: str = "") -> tuple[str, str | None]:
        folder = family(name, before)
        processor = load_processor(str(folder))
        labels = make_collator(processor)([row])["labels"][0].tolist()
        text = processor.tokenizer.decode([label for label in labels if label != IGNORED])
        return text, learned_wrongly(row, processor, str(folder))

    return read


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qwen2_5_vl", f"<think>The picture is red.</think>\n{ANSWER}"),
        ("qwen3_vl", f"<think>The picture is red.</think>\n{ANSWER}"),
        ("qwen3_5_think", f"The picture is red.\n</think>\n\n{ANSWER}"),  # "<think>\n" is in the prompt
        ("qwen3_6", f"The picture is red.\n</think>\n\n{ANSWER}"),
        ("qwen3_8", f"The picture is red.\n</think>\n\n{ANSWER}"),  # else: "\n</think>\n\n<think>The picture is red.…"
    ],
)
def test_thinking_is_learned_where_the_model_thinks(learned, name, text):
    assert learned(name) == (text, None)


def test_a_template_that_closes_the_thinking_before_a_response_is_told(learned):
    """Qwen3.5's of 2B and less: without thinking unless it is asked for (ms-swift#8203)."""
    _, warning = learned("qwen3_5_nothink")
    assert warning.startswith(r"the chat template asks for a response after '<think>\n\n</think>', but puts one that")
    assert "{%- set enable_thinking = true %}" in warning
    text, warning = learned("qwen3_5_nothink", "{%- set enable_thinking = true %}\n")
    assert (text, warning) == (f"The picture is red.\n</think>\n\n{ANSWER}", None)


def test_pairs_are_told_too(home, colour_rows, write_version, family, monkeypatch):
    write_version(home, colour_rows(2))
    training = prepare(DPO, Order("colours", str(family("qwen3_5_nothink")), DpoSection(), home))
    paired = training.rows.dataset.map(
        lambda row: {"chosen": row["completion"], "rejected": row["completion"]}, remove_columns="completion"
    )
    monkeypatch.setattr("ovt.train.dpo_trainer.pair_rows", lambda _: replace(training.rows, dataset=paired))
    assert DPO.choose(training).note.startswith("warning: the chat template asks for a response after")


def test_only_thinking_at_the_beginning_is_taken_apart():
    turn = {"role": "assistant", "content": THOUGHT}
    apart = with_thinking(turn)
    assert (apart["reasoning_content"], apart["content"]) == (
        "The picture is red.",
        ANSWER.removesuffix("<|im_end|>\n"),
    )
    for said in ("It is <think>red</think>", "<think>not closed", "red"):
        assert with_thinking(turn | {"content": said}) == turn | {"content": said}


def test_a_field_is_used_only_where_there_is_one(family):
    asked = {name: takes_thinking(load_processor(str(family(name)))) for name in ("qwen2_5_vl", "qwen3_6", "qwen3_8")}
    assert asked == {"qwen2_5_vl": False, "qwen3_6": False, "qwen3_8": True}


def test_what_the_template_writes_of_a_response_is_part_of_it(small_vlm):
    processor = load_processor(str(small_vlm))
    assert opening(processor) == ""
    for written in ("<think>\n", "<think>"):
        processor.chat_template = "assistant\n{{ " + json.dumps(written) + " }}"
        assert opening(processor) == written
    processor.chat_template = "assistant\n<think>\n\n</think>\n\n"
    assert opening(processor) == ""
