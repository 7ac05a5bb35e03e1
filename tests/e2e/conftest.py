"""Whole commands, as a user types them, against a real server on this machine."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

RECIPE = """
name = "small"
[[sources]]
path = "{folder}/questions.jsonl"
license = "CC0"
[endpoints.server]
base_url = "{url}"
model = "test-model"
max_concurrency = 8
[caption]
endpoint = "server"
prompt = "Describe."
[reason]
endpoint = "server"
k = 4
prompt = "{{caption}} | {{question}}"
"""


def answer(body: dict, choice: int) -> str:
    """Captions name the picture's question number; chains answer question i right for choices below i modulo 5."""
    text = next(part["text"] for part in content(body["messages"][0]) if part["type"] == "text")
    number = re.search(r"number (\d+)", text)
    if number is None:
        return f"A picture with {len(content(body['messages'][0])) - 1} image."
    asked = int(number[1])
    given = asked if choice + body.get("seed", 0) < asked % 5 else asked + 1
    words = " and".join(f" step {step}" for step in range(choice + 1))
    return f"<think>Let me see{words}.</think>\nIt is {given}.\n<answer>{given}</answer>"


def content(message: dict) -> list[dict]:
    parts = message["content"]
    return [{"type": "text", "text": parts}] if isinstance(parts, str) else parts


def write_questions(folder: Path, count: int) -> None:
    """`count` questions with a picture each; the gold of "number i" is i."""
    rows = []
    for i in range(count):
        Image.new("RGB", (56, 56), (i % 256, i // 256, 90)).save(folder / f"{i}.png")
        rows.append({"image": f"{i}.png", "question": f"What is number {i}?", "answer": str(i)})
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def shell(tmp_path, loopback, load_file) -> Any:
    """20 questions, and a server that captions them and answers four in five, at least sometimes."""
    loopback.reply = answer
    write_questions(tmp_path, 20)
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE.format(folder=tmp_path, url=loopback.url))
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "OVT_HOME": str(tmp_path / "home"),
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # which may say where ovt is
    }
    return load_file("shell").Shell(tmp_path, environ, recipe)


@pytest.fixture
def table() -> Callable[[dict, str], pl.DataFrame]:
    """A ledger table of a built version."""
    return lambda built, name: pl.read_parquet(Path(built["path"]) / "ledger" / f"{name}.parquet")
