"""Builds in miniature: tables of the shape that the stages make, with real images in a home of their own."""

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, ROWS, SAMPLES, VERDICTS
from ovt.curate.versions.manifest import Input, ModelUse, Provenance
from ovt.curate.versions.read import Version
from ovt.curate.versions.write import VersionWriter

K = 3


@dataclass
class Build:
    """What a builder would hand to the writer, as lists of rows that a test may change."""

    questions: list[dict]
    samples: list[dict]
    verdicts: list[dict]
    decisions: list[dict]
    rows: list[dict]

    def frames(self, questions: slice = slice(None)) -> dict[str, pl.DataFrame]:
        """The chunk of some questions (and, with the first, of what was left out at import)."""
        ids = {question["question_id"] for question in self.questions[questions]}
        first = not questions.start
        known = {question["question_id"] for question in self.questions}
        tables = {
            "questions": (self.questions, QUESTIONS),
            "samples": (self.samples, SAMPLES),
            "verdicts": (self.verdicts, VERDICTS),
            "decisions": (self.decisions, DECISIONS),
            "rows": (self.rows, ROWS),
        }
        return {
            name: pl.DataFrame(
                [row for row in rows if row["question_id"] in ids or (first and row["question_id"] not in known)],
                schema=schema,
            )
            for name, (rows, schema) in tables.items()
        }

    def write(self, home: Home, name: str = "tiny", chunk: int = 1000, **changes) -> Version:
        """Writes a version in chunks of so many questions."""
        with VersionWriter(home, name) as writer:
            for start in range(0, max(1, len(self.questions)), chunk):
                writer.append(**self.frames(slice(start, start + chunk)))
            return writer.finish(provenance(**changes))


def provenance(**changes) -> Provenance:
    """Where a tiny build came from."""
    fields = {
        "recipe": {"name": "tiny", "reason": {"k": K, "sampling": {"temperature": 0.6}}},
        "inputs": (Input(source="shapes", location="pocket:figures", fingerprint="ab" * 32, rows=9, license="MIT"),),
        "models": (
            ModelUse(stage="caption", endpoint="pocket", model="pocket-vl", revision="r1", prompt="Describe it."),
            ModelUse(
                stage="reason", endpoint="pocket", model="pocket-vl", prompt="{question}\nThink.", sampling={"n": 3}
            ),
        ),
        "git_commit": "c0ffee",
        "ovt_version": "0.1.0",
        "verifier_version": "1",
        "rebuild": "ovt curate build tiny.toml",
    }
    return Provenance.model_validate(fields | changes)


def store_image(home: Home, seed: int, side: int = 28) -> str:
    """A small PNG in the home's image store; gives its id."""
    colour = ((seed * 37) % 256, (seed * 91) % 256, seed % 256)
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    image_id = hashlib.sha256(out.getvalue()).hexdigest()
    path = home.images / image_id[:2] / image_id
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():  # another process may be reading it
        path.write_bytes(out.getvalue())
    return image_id


def decided(level: str, row_id: str, question_id: str, stage: str, reason: str, detail: str | None = None) -> dict:
    """A DECISIONS row."""
    decision = "kept" if stage == "version" else "dropped"
    values = (level, row_id, question_id, stage, decision, reason, detail)
    return dict(zip(DECISIONS.names(), values, strict=True))


def make_build(home: Home, count: int, first: int = 0, text: str = "") -> Build:
    """`count` questions that go every way: kept for sft, kept for rl, no caption, all too long; and one bad import.

    `text` is put into every free text, to see what it does there.
    """
    build = Build([], [], [], [], [])
    bad = f"{'f' * 15}{first % 10}"
    build.decisions.append(decided("question", bad, bad, "import", "gold_empty", f"row 7 {text}"))
    for number in range(first, first + count):
        _add_question(build, home, number, text)
    return build


def _add_question(build: Build, home: Home, number: int, text: str) -> None:
    question_id = hashlib.sha256(f"question {number}".encode()).hexdigest()[:16]
    fate = ("sft", "rl", "no_caption", "too_long", "sft")[number % 5]
    choices = ["red", f"blue{text}"] if number % 2 else None
    images = [store_image(home, number)] + ([store_image(home, number + 1)] if number % 3 == 0 else [])
    question = {
        "question_id": question_id,
        "images": images,
        "question": f"Which one is number {number}? {text}",
        "gold": "red" if choices else str(number),
        "choices": choices,
        "source": "shapes",
        "source_id": str(number),
    }
    build.questions.append(question)
    _add_caption(build, question_id, fate, text)
    if fate == "no_caption":
        build.decisions.append(decided("question", question_id, question_id, "caption", "no_caption"))
        return
    for index in range(K):
        _add_sample(build, question, fate, index, text)
    stage, reason = ("filter", "too_long") if fate == "too_long" else ("version", fate)
    build.decisions.append(decided("question", question_id, question_id, stage, reason))
    if stage == "version":
        build.rows.append(_row(question, fate, text))


def _sample(question_id: str, stage: str, index: int, text: str | None) -> dict:
    sample_id = f"{question_id}-{stage}-{index}"
    values = {"finish_reason": "stop", "prompt_tokens": 11, "completion_tokens": 7, "cost_usd": 0.001, "error": None}
    if text is None:
        values = dict.fromkeys(values, None) | {"error": "HTTP 500", "prompt_tokens": 0, "completion_tokens": 0}
    key = hashlib.sha256(sample_id.encode()).hexdigest()
    return {
        "sample_id": sample_id,
        "question_id": question_id,
        "stage": stage,
        "index": index,
        "text": text,
        "model": "pocket-vl",
        "endpoint": "pocket",
        "reply_key": key,
        **values,
    }


def _add_caption(build: Build, question_id: str, fate: str, text: str) -> None:
    failed = fate == "no_caption"
    sample = _sample(question_id, "caption", 0, None if failed else f"A picture. {text}")
    build.samples.append(sample)
    end = ("caption", "request_failed") if failed else ("version", "used")
    build.decisions.append(decided("sample", sample["sample_id"], question_id, *end))


def _add_sample(build: Build, question: dict, fate: str, index: int, text: str) -> None:
    right = fate != "rl" and index < 2
    said = question["gold"] if right else "green"
    sample = _sample(question["question_id"], "reason", index, f"<think>\nSo.{text}</think>\n<answer>{said}</answer>")
    build.samples.append(sample)
    outcome = "correct" if right else "wrong"
    build.verdicts.append(
        {
            "sample_id": sample["sample_id"],
            "question_id": question["question_id"],
            "outcome": outcome,
            "kind": "text",
            "reason": "equal" if right else "different",
            "extracted": said,
            "normalized_prediction": said,
            "normalized_gold": question["gold"],
            "explanation": f"{said!r} against {question['gold']!r}",
        }
    )
    chosen = ("version", "kept") if fate == "sft" else ("filter", "too_long")
    end = ("verify", "wrong") if not right else chosen if index == 0 else ("select", "not_selected")
    build.decisions.append(decided("sample", sample["sample_id"], question["question_id"], *end))


def _row(question: dict, split: str, text: str) -> dict:
    row = {name: question[name] for name in ("question_id", "images", "choices", "question", "source")}
    answered = split == "sft"
    counts = {name: 1 if answered else None for name in ROWS if name.startswith("behaviour_")}
    return row | {
        "split": split,
        "sample_id": f"{question['question_id']}-reason-0" if answered else None,
        "prompt": f"{question['question']}\nThink.",
        "completion": f"<think>\nSo.{text}</think>\n<answer>{question['gold']}</answer>" if answered else None,
        "answer": question["gold"],
        "caption": f"A picture. {text}",
        "pass_rate": 2 / 3 if answered else 0.0,
        "n_samples": K,
        "n_correct": 2 if answered else 0,
        "difficulty": "medium" if answered else "unsolved",
        "mentions": len(text) % 2 == 0 if answered else None,
        "response_words": 20 + len(question["question_id"]) if answered else None,
        **counts,
    }


@pytest.fixture(name="provenance")
def _provenance() -> Callable[..., Provenance]:
    return provenance


@pytest.fixture
def start(home: Home) -> Callable[[str], subprocess.Popen]:
    """Starts Python in a process of its own, with `home` and all names of this file at hand."""
    preamble = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from conftest import *; import os\n"
    preamble += f"home = Home(Path({str(home.path)!r}))\n"

    def run(code: str) -> subprocess.Popen:
        command = [sys.executable, "-c", preamble + code]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return run
