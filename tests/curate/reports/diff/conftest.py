"""Versions made to order: each question is asked, answered and decided as a test says."""

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from ovt.core.decisions import dropped, kept, settle
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, ROWS, SAMPLES, VERDICTS
from ovt.core.text import count_words
from ovt.curate.reports.diff.diff import Diff, compare, open_side
from ovt.curate.stages import behaviours
from ovt.curate.stages.difficulty import DifficultySection
from ovt.curate.stages.difficulty import run as rate
from ovt.curate.versions.manifest import Input, ModelUse, Provenance
from ovt.curate.versions.read import Version
from ovt.curate.versions.write import VersionWriter

RECIPE = {"name": "made", "filter": {"length": {"max_words": 500}}, "reason": {"endpoint": "e", "prompt": "{question}"}}


@dataclass(frozen=True)
class Asked:
    """One question and all that becomes of it.

    right     whether each of its samples is correct; chosen: the samples that are selected (those that are correct)
    too_long  the filter drops what was chosen; edit: the filter cuts what was chosen
    salt      other replies to the same question; source and source_id say where it stands in its source
    """

    number: int
    gold: str = "4"
    wording: str = "How many objects are in figure {}?"
    right: tuple[bool, ...] = (True, True, False)
    chosen: tuple[int, ...] = (0,)
    too_long: bool = False
    edit: bool = False
    salt: str = ""
    source: str = "shapes"
    prompt: str = "{}\nThink."

    @property
    def question(self) -> str:
        return self.wording.format(self.number)


def store_image(home: Home, seed: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (28, 28), (seed % 256, seed * 7 % 256, 90)).save(out, "PNG")
    image = hashlib.sha256(out.getvalue()).hexdigest()
    place = home.images / image[:2] / image
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(out.getvalue())
    return image


def tables(home: Home, asked: Iterable[Asked]) -> dict[str, pl.DataFrame]:
    """What a builder hands to the writer for these questions."""
    questions, samples, verdicts, said = [], [], [], []
    for one in asked:
        image = store_image(home, one.number)
        question_id = hashlib.sha256(f"{one.question}|{one.gold}|{image}".encode()).hexdigest()[:16]
        questions.append((question_id, [image], one.question, one.gold, None, one.source, str(one.number)))
        for index, right in enumerate(one.right):
            sample_id = f"{question_id}-reason-{index}"
            answer = one.gold if right else "none"
            text = f"<think>\nFirst, sample {index}{one.salt} of {one.number}.\n</think>\n<answer>{answer}</answer>"
            key = hashlib.sha256(f"{one.number}|{one.wording}|{index}|{one.salt}".encode()).hexdigest()
            samples.append((sample_id, question_id, "reason", index, text, "stop", 10, 20, 0.001, "m", "e", None, key))
            outcome = "correct" if right else "wrong"
            verdicts.append((sample_id, question_id, outcome, "number", outcome, answer, answer, one.gold, "so it is"))
            said.append((sample_id, question_id, text, right, right and index in one.chosen, one.too_long, one.edit))
    names = ("sample_id", "question_id", "text", "right", "chosen", "too_long", "edit")
    schema = dict.fromkeys(names[:3], pl.String) | dict.fromkeys(names[3:], pl.Boolean)
    frames = {
        "questions": pl.DataFrame(questions, schema=QUESTIONS, orient="row"),
        "samples": pl.DataFrame(samples, schema=SAMPLES, orient="row"),
        "verdicts": pl.DataFrame(verdicts, schema=VERDICTS, orient="row"),
    }
    decided, held = decide(frames["questions"], pl.DataFrame(said, schema=schema, orient="row"))
    prompts = [one.prompt.format(one.question) for one in asked]
    return frames | {"decisions": decided, "rows": rows_of(frames, held, decided, prompts)}


def decide(questions: pl.DataFrame, said: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    chosen = said.filter("chosen")
    held = chosen.filter(~pl.col("too_long"))
    ends = [
        dropped(said.filter(~pl.col("right")), "sample", "verify", "wrong"),
        dropped(said.filter("right", ~pl.col("chosen")), "sample", "select", "not_selected"),
        dropped(chosen.filter("too_long"), "sample", "filter", "too_long", pl.lit("99 words, more than 9")),
        kept(held, "sample", "kept", pl.when("edit").then(pl.lit("reflection cut after 3 words"))),
    ]
    decided = pl.concat(ends)
    return pl.concat([decided, settle(questions, held, decided)]), held


def rows_of(
    frames: dict[str, pl.DataFrame], held: pl.DataFrame, decided: pl.DataFrame, prompts: list[str]
) -> pl.DataFrame:
    splits = decided.filter(pl.col("level") == "question", pl.col("decision") == "kept")
    cut = pl.col("text").str.replace("First, ", "", literal=True)
    answered = held.select("question_id", "sample_id", completion=pl.when("edit").then(cut).otherwise("text"))
    answered = behaviours.run(answered, "completion").with_columns(response_words=count_words("completion"))
    rows = (
        frames["questions"]
        .with_columns(prompt=pl.Series(prompts, dtype=pl.String), answer="gold", caption=None, mentions=None)
        .join(splits.select("question_id", split="reason"), on="question_id", maintain_order="left")
        .join(rate(frames["verdicts"], DifficultySection()), on="question_id", how="left", maintain_order="left")
        .join(answered, on="question_id", how="left", maintain_order="left_right")
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in ROWS.items())


def provenance(**changes) -> Provenance:
    fields = {
        "recipe": RECIPE,
        "inputs": (Input(source="shapes", location="here", fingerprint="ab" * 32, rows=9, license="MIT"),),
        "models": (ModelUse(stage="reason", endpoint="e", model="m", prompt="{question}"),),
        "ovt_version": "0.1.0",
        "verifier_version": "1",
        "rebuild": "ovt curate build made.toml",
    }
    return Provenance.model_validate(fields | changes)


def write_version(home: Home, asked: Iterable[Asked], left_out: Iterable[tuple] = (), **changes) -> Version:
    """A version of `asked`; `left_out` are (id, reason, detail) of rows that the import left out."""
    frames = tables(home, list(asked))
    imported = [("question", id_, id_, "import", "dropped", reason, detail) for id_, reason, detail in left_out]
    frames["decisions"] = pl.concat([pl.DataFrame(imported, schema=DECISIONS, orient="row"), frames["decisions"]])
    with VersionWriter(home, "made") as writer:
        writer.append(**frames)
        return writer.finish(provenance(**changes))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def write(home: Home) -> Callable[..., Version]:
    """`write([Asked(1), …], left_out=(), recipe=…)` -> a version in the test's home."""
    return lambda asked, **changes: write_version(home, asked, **changes)


@pytest.fixture(name="write_version")
def _write_version() -> Callable[..., Version]:
    """As `write`, for any home."""
    return write_version


@pytest.fixture
def ask() -> type[Asked]:
    return Asked


@pytest.fixture
def diff(home: Home) -> Callable[..., Diff]:
    """The diff of two versions (checked files and all)."""
    return lambda a, b: compare(*(open_side(str(one.path), home) for one in (a, b)))
