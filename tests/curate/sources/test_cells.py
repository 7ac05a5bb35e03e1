"""Cells of any type, read as texts, golds, conversations and images."""

import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ovt.curate.sources.cells import (
    Places,
    final_answer,
    flatten,
    gold_text,
    is_conversation,
    locate,
    plain_text,
    read_conversation,
    read_picture,
)
from ovt.curate.sources.faults import Unfit


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" 55° ", "55°"),
        ("007", "007"),
        (3, "3"),
        (3.0, "3"),
        (0.25, "0.25"),
        (True, "true"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (None, None),
        ("  ", None),
        (b"bytes", None),
        ({"a": 1}, None),
        ("a\x00b", "ab"),
        ("lone \ud800", "lone ?"),
    ],
)
def test_cells_as_text(cell: Any, text: str | None) -> None:
    assert plain_text(cell) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("42", "42"),
        ("<think>A or B?</think> <answer> B </answer>", "B"),
        ("<answer>A</answer> no, <answer>B</answer>", "B"),
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("<answer>\\boxed{7}</answer>", "7"),
        ("open \\boxed{7", "7"),
        ("<answer>never closed", "<answer>never closed"),
    ],
)
def test_the_final_answer_of_a_worked_solution(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(("tag", "answer"), [("<answer>", "<answer>" * 50_000), ("\\boxed{", "")])
def test_hostile_tags_take_linear_time(tag: str, answer: str) -> None:
    started = time.thread_time()
    assert final_answer(tag * 50_000) == answer
    assert time.thread_time() - started < 5  # quadratic time would be minutes


def test_a_list_of_golds_counts_as_one_where_they_agree() -> None:
    assert gold_text(["4", "4", None]) == "4"
    with pytest.raises(Unfit) as unfit:
        gold_text(["4", "5"])
    assert unfit.value.reason == "unparseable_gold"


def test_conversations_of_both_dialects() -> None:
    ours = [{"role": "user", "content": "<image>How many?"}, {"role": "assistant", "content": "<answer>3</answer>"}]
    theirs = [{"from": "human", "value": "<image>How many?"}, {"from": "gpt", "value": "It is \\boxed{3}"}]
    for turns in (ours, theirs):
        assert is_conversation(turns)
        assert read_conversation(turns) == ("<image>How many?", "3", [])


def test_the_last_answer_is_the_gold_and_earlier_turns_are_part_of_the_question() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "A cube."},
        {"role": "user", "content": "Its colour?"},
        {"role": "assistant", "content": "red"},
    ]
    question, gold, _ = read_conversation(turns)
    assert question == "User: What is it?\n\nAssistant: A cube.\n\nUser: Its colour?"
    assert gold == "red"


def test_a_prompt_without_an_answer_has_no_gold() -> None:
    assert read_conversation([{"role": "user", "content": "How many?"}]) == ("How many?", None, [])


def test_content_in_parts_carries_its_images() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:x"}}, {"type": "text", "text": "How many?"}]
    assert read_conversation([{"role": "user", "content": parts}]) == ("How many?", None, [{"url": "data:x"}])


@pytest.mark.parametrize("cell", ["text", [], [1], [{"text": "no speaker"}], None, [{"role": 3}]])
def test_what_is_no_conversation(cell: Any) -> None:
    assert not is_conversation(cell)


def reason(cell: Any, places: Places) -> str:
    with pytest.raises(Unfit) as unfit:
        read_picture(cell, places)
    return unfit.value.reason


@pytest.fixture
def places(folder: Path) -> Places:
    return Places(folder, (folder,))


def test_every_shape_of_an_image(folder: Path, places: Places, picture) -> None:
    data = picture(1)
    text = base64.b64encode(data).decode()
    shapes = [
        data,
        bytearray(data),
        "1.png",
        "./sub/../1.png",
        str(folder / "1.png"),
        {"bytes": data, "path": "elsewhere.png"},
        {"bytes": None, "path": "1.png"},
        {"path": "1.png"},
        {"url": f"data:image/png;base64,{text}"},
        f"data:image/png;base64,{text}",
        text,
        text[:40] + "\n" + text[40:],
    ]
    for shape in shapes:
        assert read_picture(shape, places).content == data, shape
    pillow = Image.new("RGB", (2, 2))
    assert read_picture(pillow, places).content is pillow


def test_the_pattern_makes_a_path_of_a_value(folder: Path, picture) -> None:
    places = Places(folder, (folder,), "{image}.png")
    assert read_picture(3, places).content == picture(3)
    assert read_picture(3.0, places).content == picture(3)
    assert reason("../x", places) == "image_outside_root"
    assert reason("{image.__class__}", places) == "missing_image"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("/etc/hostname", "image_outside_root"),
        ("../secret.png", "image_outside_root"),
        ("a/../../secret.png", "image_outside_root"),
        ({"path": "/etc/hostname", "bytes": None}, "image_outside_root"),
        ("https://example.org/a.png", "remote_image"),
        ("HTTP://example.org/a.png", "remote_image"),
        ("s3://bucket/a.png", "remote_image"),
        ("file:///etc/hostname", "remote_image"),
        ({"url": "https://example.org/a.png"}, "remote_image"),
        ("nowhere.png", "missing_image"),
        ("a\0b.png", "missing_image"),
        ("x" * 5_000, "missing_image"),
        ("x" * 300 + ".png", "missing_image"),
        (".", "missing_image"),
        ("data:image/png,plain", "unreadable_image"),
        ("data:image/png;base64,@@@", "unreadable_image"),
        ([1, 2, 3], "unreadable_image"),
        ({"bytes": {"a": 1}}, "unreadable_image"),
        ({"width": 3}, "unreadable_image"),
    ],
)
def test_hostile_cells(places: Places, cell: Any, code: str) -> None:
    found = reason(cell, places)
    assert found == ("missing_image" if cell == "a\0b.png" else code)


def test_a_pipe_is_not_waited_for(folder: Path, places: Places) -> None:
    os.mkfifo(folder / "pipe.png")
    assert reason("pipe.png", places) == "missing_image"


def test_without_a_folder_there_are_no_relative_paths() -> None:
    assert reason("1.png", Places(None)) == "missing_image"
    assert reason("/etc/hostname", Places(None)) == "image_outside_root"


def test_lists_are_opened_and_empty_cells_left_out() -> None:
    assert flatten([["a.png", None], "b.png", "", float("nan"), b"", {"bytes": None, "path": None}]) == [
        "a.png",
        "b.png",
    ]
    assert flatten(['["a.png", "b.png"]']) == ["a.png", "b.png"]
    assert flatten([None, []]) == []


def test_pixels_in_nested_lists_are_no_images(places: Places) -> None:
    pixels = [[[0, 0, 0]] * 4] * 300
    assert [reason(cell, places) for cell in flatten([pixels])] == ["unreadable_image"]


@given(st.text(max_size=60))
def test_no_path_leaves_its_folder(text: str) -> None:
    root = Path("/data/set")
    try:
        path = locate(text, Places(root, (root,)))
    except Unfit:
        return
    assert Path(os.path.normpath(path)).is_relative_to(root)
