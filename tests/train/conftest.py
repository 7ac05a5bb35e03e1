"""A really small Qwen2.5-VL on disk, and versions of a task that it learns in seconds: naming a picture's colour."""

import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, ROWS, SAMPLES, VERDICTS
from ovt.curate.sources.images import store_image
from ovt.curate.versions.manifest import Input, Provenance
from ovt.curate.versions.read import Version
from ovt.curate.versions.write import VersionWriter
from ovt.verifiers import VERSION

COLOURS = {"red": (210, 30, 30), "green": (30, 160, 40), "blue": (30, 50, 200), "white": (240, 240, 240)}
ASK = "Which colour is it?\nThink step by step."


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def _quick_cards(request):
    """A run's card has its curves, which only the tests of plots and cards need to see."""
    if request.path.name not in ("test_plots.py", "test_publish.py"):
        request.getfixturevalue("undrawn")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def start(home, load_file) -> Callable[..., Any]:
    """`start("train", "sft", …)`: the command in a process and a process group of its own, as a terminal starts it."""
    environ = os.environ | {"OVT_HOME": str(home.path), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return load_file("shell").Shell(home.path.parent, dict(environ)).start


def picture(colour: str, number: int = 0, side: int = 56) -> Image.Image:
    """A picture of nearly one colour; `number` makes it differ from others of that colour."""
    rng = random.Random(number)
    shade = tuple(max(0, min(255, value + rng.randint(-12, 12))) for value in COLOURS[colour])
    image = Image.new("RGB", (side, side), shade)
    image.putpixel((0, 0), (number % 256, number // 256 % 256, 7))
    return image


def response(answer: str) -> str:
    """A response in the paper's format."""
    return f"<think>The picture is {answer}.</think>\nIt is {answer}.\n<answer>{answer}</answer>"


def colour_rows(count: int, first: int = 0, split: str = "sft") -> list[dict[str, Any]]:
    """Rows of the task: a picture, the question, the right response (none in rl) and answer."""
    names = list(COLOURS)
    rows = []
    for number in range(first, first + count):
        answer = names[number % len(names)]
        said = response(answer) if split == "sft" else None
        rows.append({"images": [picture(answer, number)], "prompt": ASK, "completion": said, "answer": answer})
    return rows


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def question_id(number: int) -> str:
    """The id of the question of row `number` of a version that `write_version` wrote."""
    return hashlib.sha256(f"question {number}".encode()).hexdigest()[:16]


def write_version(
    home: Home,
    rows: list[dict[str, Any]],
    name: str = "colours",
    verifier: str = VERSION,
    recipe: dict[str, Any] | None = None,
) -> Version:
    """A version of such rows, through the writer; where `completion` is None the row is in the split rl."""
    tables: dict[str, list[dict]] = {"questions": [], "samples": [], "verdicts": [], "decisions": [], "rows": []}
    for number, row in enumerate(rows):
        add_row(tables, home, number, row)
    schemas = {
        "questions": QUESTIONS,
        "samples": SAMPLES,
        "verdicts": VERDICTS,
        "decisions": DECISIONS,
        "rows": ROWS,
    }
    frames = {table: pl.DataFrame(tables[table], schema) for table, schema in schemas.items()}
    source = Input(source="colours", location="here", fingerprint="ab" * 32, rows=len(rows), license="CC0-1.0")
    made = Provenance(
        recipe=recipe or {"name": name},
        inputs=(source,),
        models=(),
        ovt_version="0",
        verifier_version=verifier,
        rebuild="…",
    )
    with VersionWriter(home, name) as writer:
        writer.append(**frames)
        return writer.finish(made)


def add_row(tables: dict[str, list[dict]], home: Home, number: int, row: dict[str, Any]) -> None:
    """A question with one sample, which was right (sft) or wrong (rl)."""
    qid = question_id(number)
    sid = f"{qid}-reason-0"
    right = row["completion"] is not None
    split = "sft" if right else "rl"
    images = [store_image(home, png(image), 10**9) for image in row["images"]]
    shared = {"question_id": qid, "images": images, "question": row["prompt"], "choices": None, "source": "colours"}
    tables["questions"].append(shared | {"gold": row["answer"], "source_id": str(number)})
    said = row["completion"] if right else response("black")
    tables["samples"].append({
        "sample_id": sid, "question_id": qid, "stage": "reason", "index": 0, "text": said, "finish_reason": "stop",
        "prompt_tokens": 9, "completion_tokens": 9, "cost_usd": None, "model": "m", "endpoint": "e", "error": None,
        "reply_key": hashlib.sha256(sid.encode()).hexdigest(),
    })  # fmt: skip
    tables["verdicts"].append({
        "sample_id": sid, "question_id": qid, "outcome": "correct" if right else "wrong", "kind": "text",
        "reason": "equal" if right else "different", "extracted": "", "normalized_prediction": "",
        "normalized_gold": "", "explanation": "",
    })  # fmt: skip
    for level, one, stage, decision, reason in (
        ("question", qid, "version", "kept", split),
        ("sample", sid, *(("version", "kept", "kept") if right else ("verify", "dropped", "wrong"))),
    ):
        values = (level, one, qid, stage, decision, reason, None)
        tables["decisions"].append(dict(zip(DECISIONS.names(), values, strict=True)))
    counts = {name: 0 if right else None for name in ROWS if name.startswith("behaviour_")}
    tables["rows"].append(shared | counts | {
        "split": split, "sample_id": sid if right else None, "prompt": row["prompt"], "completion": row["completion"],
        "answer": row["answer"], "caption": None, "pass_rate": float(right), "n_samples": 1, "n_correct": int(right),
        "difficulty": "easy" if right else "unsolved", "mentions": None, "response_words": 9 if right else None,
    })  # fmt: skip


@pytest.fixture(name="colour_rows", scope="session")
def _colour_rows() -> Callable[..., list[dict[str, Any]]]:
    return colour_rows


@pytest.fixture(name="write_version", scope="session")
def _write_version() -> Callable[..., Version]:
    return write_version


@pytest.fixture(name="question_id", scope="session")
def _question_id() -> Callable[[int], str]:
    return question_id


@pytest.fixture(scope="session")
def changed() -> Callable[..., set[str]]:
    """The names of the weights that differ between two models, each a folder or the weights by name."""
    import torch

    from ovt.train.models import load_model

    def weights(model: Path | dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return model if isinstance(model, dict) else load_model(str(model), dtype=torch.float32).state_dict()

    def compare(one: Path | dict[str, torch.Tensor], two: Path | dict[str, torch.Tensor]) -> set[str]:
        before, after = weights(one), weights(two)
        both = before.keys() & after.keys()
        return (before.keys() ^ after.keys()) | {name for name in both if not torch.equal(before[name], after[name])}

    return compare
