"""Rows as people have reported them where other tools failed on them: each comes in, or says why not."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.curate.sources.conftest import reasons


def talk(asked: str, answered: str, **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answered}], **more}


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


PNG = (  # of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SIX = "<image> <image> <image> Pick one: 1 <image>, 2 <image>, 3 <image>"
# Address -> rows, golds that come in, reasons of the others
REPORTS: dict[str, tuple[list[dict[str, Any]], list[str], list[str]]] = {
    "hiyouga/LlamaFactory/issues/5883": ([talk("<image>\nWho?", "cat", image="0.png")], ["cat"], []),
    "hiyouga/LlamaFactory/issues/10158": ([talk("<image>Who?", "cat", images=["./0.png"])], ["cat"], []),
    "hiyouga/LlamaFactory/issues/5503": (
        [talk("<image>Who?", "cat", images=["0.png"]), {"text": "x", "images": ["1.png"]}],
        ["cat"],
        ["empty_question"],
    ),
    "huggingface/datasets/issues/7322": (
        [talk("A?", "3", id="0033", image="0.png"), talk("B?", "4", id=17, image="1.png"), talk("C?", "5", id=18)],
        ["3", "4"],
        ["missing_image"],
    ),
    "huggingface/datasets/issues/6460": (
        [{"question": f"{n}?", "answer": n, "image": "0.png", "ner": ner} for n, ner in enumerate(([[0, "B"]], ["x"]))],
        ["0", "1"],
        [],
    ),
    "huggingface/datasets/issues/6324": (
        [{"question": f"{n}?", "answer": n, "image": "0.png"} for n in (1, 2, "1a")],
        ["1", "2", "1a"],
        [],
    ),
    "huggingface/datasets/issues/6106": (
        [{"question": f"{n!r}?", "answer": n, "image": "0.png"} for n in (-0.2253, "-0.2253")],
        ["-0.2253", "-0.2253"],
        [],
    ),
    "RUC-NLPIR/FlashRAG/issues/132": (
        [{"question": f"{n}?", "answer": n, "image": "0.png"} for n in (["4"], 7)],
        ["4", "7"],
        [],
    ),
    "modelscope/evalscope/issues/977": ([talk(SIX, "1", images=[f"{n}.png" for n in range(6)])], ["1"], []),
    "huggingface/trl/issues/5139": (
        [{"prompt": ask(f"{n}?"), "solution": "4", "images": images} for n, images in enumerate(([], ["0.png"]))],
        ["4"],
        ["missing_image"],
    ),
    "rows of verl": (
        [
            {
                "prompt": ask("<image>How many?"),
                "images": ["0.png"],
                "reward_model": {"ground_truth": "3", "style": "rule"},
            }
        ],
        ["3"],
        [],
    ),
    "huggingface/trl/issues/4874": (
        [
            {"prompt": ask("Who?"), "completion": [{"role": "assistant", "content": "cat"}], "images": ["0.png"]},
            {"prompt": ask("Where?"), "completion": "<answer>here</answer>", "images": ["0.png"]},
        ],
        ["cat", "here"],
        [],
    ),
    "hiyouga/LlamaFactory/issues/5911": (
        [
            {
                "Conversations": talk("<image>Who?", "")["conversations"][:1],
                "Rejected": {"from": "gpt", "value": "dog"},
                "Chosen": {"from": "gpt", "value": "cat"},
                "images": ["0.png"],
            }
        ],
        ["cat"],
        [],
    ),
    "modelscope/ms-swift/issues/7887": (
        [{"messages": [*ask("<image>Who?"), {"role": "assistant", "content": "cat"}], "images": "0.png"}],
        ["cat"],
        [],
    ),
    "modelscope/ms-swift/issues/8384": (
        [
            {
                "messages": [*ask("<image><image>Same?"), {"role": "assistant", "content": "no"}],
                "images": [f"data:image/jpg;base64,{PNG}"] * 2,
            }
        ],
        ["no"],
        [],
    ),
    "QwenLM/Qwen-VL, README.md": ([talk("Picture 1: <img>0.png</img>\nWho?", "cat")], ["cat"], []),
    "LLaVA-VL/LLaVA-NeXT/issues/459": ([talk("No tag?", "3", image="0.png")], ["3"], []),
    "haotian-liu/LLaVA/issues/546": (
        [talk("<image>\nA?", "3", image="0.png"), talk("2 + 2?", "4")],
        ["3"],
        ["missing_image"],
    ),
    "zjysteven/lmms-finetune/issues/5": (
        [talk("<video>\nA?", "3", video="a.mp4"), talk("<image>\nB?", "4", image="0.png")],
        ["4"],
        ["missing_image"],
    ),
    "MMMU-Benchmark/MMMU/issues/40": (
        [{"question": "Which?", "options": str([*"abcdefghij"]), "answer": "J", "image": "0.png"}],
        ["J"],
        [],
    ),
    "paths written on Windows": ([{"question": "A?", "answer": "3", "image": ".\\0.png"}], ["3"], []),
}


@pytest.mark.parametrize("address", REPORTS)
def test_rows_of_public_reports(address: str, load, jsonl) -> None:
    rows, golds, left_out = REPORTS[address]
    imported = load(jsonl(rows))
    assert imported.questions["gold"].to_list() == golds
    assert reasons(imported) == left_out


@pytest.mark.parametrize("written", [str, json.dumps])
def test_several_pictures_in_one_cell_of_a_table(written, load, folder: Path, picture) -> None:
    """https://github.com/OpenGVLab/MMT-Bench/issues/2: as Python prints a list, or as JSON."""
    pictures = written([base64.b64encode(picture(n, (40, 30))).decode() for n in (0, 1)])
    cells = ["0", '"' + pictures.replace('"', '""') + '"', "Which?", "cat", "dog", "B"]
    table = folder / "mmt.tsv"
    table.write_text("\t".join(["index", "image", "question", "A", "B", "answer"]) + "\n" + "\t".join(cells) + "\n")
    question = load(table).questions.row(0, named=True)
    assert (question["gold"], question["choices"], len(question["images"])) == ("B", ["cat", "dog"], 2)


def test_a_picture_that_is_another_rows_index(load, folder: Path, picture) -> None:
    """VLMEvalKit's tables name a picture that comes again; one that is nowhere leaves its row out."""
    shown = [base64.b64encode(picture(n, (40, 30))).decode() for n in (0, 1)]
    images = [shown[0], "7", shown[1], "9", "7", "404"]
    rows = [f"{index}\t{image}\tHow many, {index}?\t{index}" for index, image in enumerate(images, 7)]
    table = folder / "shared.tsv"
    table.write_text("\n".join(["index\timage\tquestion\tanswer", *rows]) + "\n")
    imported = load(table)
    assert imported.questions["gold"].to_list() == ["7", "8", "9", "10", "11"]
    first, second = imported.questions["images"][0][0], imported.questions["images"][2][0]
    assert imported.questions["images"].explode().to_list() == [first, first, second, second, first]
    assert reasons(imported) == ["missing_image"]


def test_a_file_url_in_a_turn(load, jsonl, folder: Path) -> None:
    """As Qwen's own examples name pictures; it may not leave the folder either."""
    turns = [
        [{"role": "user", "content": [{"type": "image", "image": url}, {"type": "text", "text": f"{n}?"}]}]
        for n, url in enumerate((f"file://{folder}/0.png", "file:///etc/hostname"))
    ]
    imported = load(jsonl([{"messages": said, "answer": "3"} for said in turns]))
    assert imported.questions["question"].to_list() == ["0?"]
    assert reasons(imported) == ["image_outside_root"]
