"""Small versions with a recipe, decided and written as a build does, from replies that a test can read again."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, SAMPLES
from ovt.curate.decide import CHUNK, decide, import_drops
from ovt.curate.recipe import Recipe
from ovt.curate.sources.images import keep_image
from ovt.curate.stages import verify
from ovt.curate.versions.manifest import Input, Provenance
from ovt.curate.versions.read import Version
from ovt.curate.versions.write import VersionWriter
from ovt.verifiers import VERSION as VERIFIER_VERSION

K = 4
RECIPE = {
    "name": "small",
    "sources": [{"path": "pocket:figures"}],
    "endpoints": {"server": {"base_url": "http://127.0.0.1:9/v1", "model": "reasoner"}},
    "caption": {"endpoint": "server"},
    "reason": {"endpoint": "server", "k": K},
}
THOUGHTS = (
    "The bar is {n}.",
    "The bar is {n}. Wait, I look again. It is {n}.",
    "According to the caption the bar is {n}, and first I check its label, which says the same.",
    "Wait, it is {n}.",
)


@dataclass(frozen=True)
class Replies:
    """What was asked and said, and what nobody was asked: dropped at import, or for having a twin."""

    questions: pl.DataFrame
    samples: pl.DataFrame
    dropped: pl.DataFrame
    twins: pl.DataFrame

    def write(self, home: Home, recipe: Recipe, judge: Callable | None = None) -> Version:
        """The version that a build would write of them."""
        with VersionWriter(home, recipe.name) as writer:
            writer.append(**vars(import_drops(self.dropped, self.twins)))
            for chunk in self.questions.iter_slices(CHUNK):
                said = self.samples.join(chunk, on="question_id", how="semi", maintain_order="left")
                taken = (pl.col("stage") == "caption") | (pl.col("index") < recipe.reasoners[0].k)
                said = said.filter(taken).sort(pl.col("stage") == "reason", maintain_order=True)
                rules = judge or (lambda answered, questions: verify.judge(answered, questions, recipe.verify))
                writer.append(**vars(decide(recipe, chunk, said, rules)))
            return writer.finish(provenance(recipe))


def provenance(recipe: Recipe) -> Provenance:
    fields = {
        "recipe": recipe.model_dump(mode="json"),
        "inputs": tuple(Input(source=name, location="-", fingerprint="-", rows=20) for name in ("bars", "two bars")),
        "models": (),
        "plugins": recipe.plugins,
        "ovt_version": "0.0.9",
        "verifier_version": VERIFIER_VERSION,
        "rebuild": "ovt curate build small.toml",
    }  # fmt: skip
    return Provenance.model_validate(fields)


def recipe_with(**sections: Any) -> Recipe:
    return Recipe.model_validate(RECIPE | sections)


def store_image(home: Home, number: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (28, 28), (number % 256, number // 256 % 256, 7)).save(out, "PNG")
    return keep_image(home, out.getvalue())


def make_replies(home: Home, count: int, images: int = 16, source: str = "bars") -> Replies:
    """`count` questions from `source` and "two bars"; of every five the first is never answered right, the second not
    described."""
    questions, samples = [], []
    stored = [store_image(home, number) for number in range(images)]
    for number in range(count):
        question_id = hashlib.sha256(b"%d" % number).hexdigest()[:16]
        of = "two bars" if number % 3 == 0 else source
        image = [stored[number % images]]
        questions.append((question_id, image, f"How high is bar {number}?", str(number), None, of, str(number)))
        samples += sample_rows(question_id, number)
    twins = [("f" * 16, [stored[0]], "How high is bar 0 ?", "0", None, source, "99")]
    dropped = [("question", "row1", "row1", "import", "dropped", "gold_empty", "two bars 7: nothing")]
    dropped += [("question", "f" * 16, "f" * 16, "dedup", "dropped", "same_question", "twin of bar 0")]
    return Replies(
        pl.DataFrame(questions, QUESTIONS, orient="row"),
        pl.DataFrame(samples, SAMPLES, orient="row"),
        pl.DataFrame(dropped, DECISIONS, orient="row"),
        pl.DataFrame(twins, QUESTIONS, orient="row"),
    )


def sample_rows(question_id: str, number: int) -> list[tuple]:
    seen = number % 5 != 1
    rows = [sample_row(question_id, "caption", 0, "A bar." if seen else None)]
    for index in range(K if seen else 0):
        right = number % 5 and (number + index) % 4
        said = number if right else number + 1
        thought = THOUGHTS[(number + index * index) % 4].format(n=said) + " So it is." * index
        text = f"<think>{thought}</think>It is {said}.\n<answer>{said}</answer>"
        rows.append(sample_row(question_id, "reason", index, text))
    return rows


def sample_row(question_id: str, stage: str, index: int, text: str | None) -> tuple:
    sample_id = f"{question_id}-{stage}-{index}"
    error = None if text else "HTTP 500"
    end = (0.001, "reasoner", "server", error, hashlib.sha256(sample_id.encode()).hexdigest())
    return (sample_id, question_id, stage, index, text, "length" if index == 3 else "stop", 11, 7, *end)


@pytest.fixture(scope="session")
def make_build_in(load_file) -> Callable[..., Any]:
    """`make_build_in(home, count, first=0, text="")`: a build in miniature; tests/curate/versions/conftest.py."""
    return load_file("curate/versions/conftest").make_build


@pytest.fixture
def make_build(make_build_in, home: Home) -> Callable[..., Any]:
    """`make_build(count, first=0, text="")` for the test's home."""
    return partial(make_build_in, home)


@pytest.fixture(name="recipe_with", scope="session")
def _recipe_with() -> Callable[..., Recipe]:
    return recipe_with


@pytest.fixture(name="make_replies", scope="session")
def _make_replies() -> Callable[..., Replies]:
    return make_replies


@pytest.fixture(scope="session")
def questions_of() -> Callable[..., pl.DataFrame]:
    """questions_of({"question_id": …, "gold": …}, …): QUESTIONS rows; what is not given has a plain default."""

    def make(*rows: dict[str, Any]) -> pl.DataFrame:
        plain = {"images": ["aa"], "question": "How high is it?", "gold": "12", "source": "test", "source_id": "1"}
        return pl.DataFrame([{name: (plain | row).get(name) for name in QUESTIONS} for row in rows], schema=QUESTIONS)

    return make


@pytest.fixture(scope="session")
def samples_of() -> Callable[..., pl.DataFrame]:
    """samples_of("a", texts, "b", texts, …): the SAMPLES rows of questions "a", "b", … in order.

    A text may be a dict of columns instead.
    """

    def make(*pairs: Any, stage: str = "reason") -> pl.DataFrame:
        rows = [
            {
                "sample_id": f"{question_id}-{stage}-{index}",
                "question_id": question_id,
                "stage": stage,
                "index": index,
                "finish_reason": "stop",
                **(text if isinstance(text, dict) else {"text": text}),
            }
            for question_id, texts in zip(pairs[::2], pairs[1::2], strict=True)
            for index, text in enumerate(texts)
        ]
        return pl.DataFrame([{name: row.get(name) for name in SAMPLES} for row in rows], schema=SAMPLES)

    return make


@pytest.fixture(scope="session")
def response_of() -> Callable[..., str]:
    """response_of("the thinking", "12"): a response in the paper's format."""

    def make(thinking: str, answer: str = "12", solution: str = "It is so.") -> str:
        return f"<think>\n{thinking}\n</think>\n\n{solution}\n<answer>{answer}</answer>"

    return make


@pytest.fixture(scope="session")
def filtered(samples_of: Callable[..., pl.DataFrame]) -> Callable[..., tuple[str | None, str | None]]:
    """filtered(text, format={…}, …): (response, edit) of one sample, or (None, reason) where it is dropped.

    Filters that are not named are off.
    """
    from ovt.curate.stages import filter

    def run(text: str, **sections: dict[str, Any]) -> tuple[str | None, str | None]:
        off = {name: {"mode": "off"} for name in ("format", "reflection", "mentions", "repetition")}
        kept, dropped = filter.run(samples_of("q", [text]), filter.FilterSection(**(off | sections)))
        assert len(kept) + len(dropped) == 1
        return (kept["response"].item(), kept["edit"].item()) if len(kept) else (None, dropped["reason"].item())

    return run


@pytest.fixture(scope="session")
def dropped_for() -> Callable[[pl.DataFrame], dict[str, str]]:
    """The reason of each dropped id."""

    def read(decisions: pl.DataFrame) -> dict[str, str]:
        assert set(decisions["decision"]) <= {"dropped"}
        return dict(decisions.select("id", "reason").iter_rows())

    return read


@pytest.fixture(scope="session")
def ids() -> Callable[[pl.DataFrame], Sequence[str]]:
    """The sample ids of a table without their stage: "q-0"."""
    return lambda table: [sample_id.replace("-reason", "") for sample_id in table["sample_id"]]
