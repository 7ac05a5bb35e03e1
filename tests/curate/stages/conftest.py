"""Tables for the stages' tests, from as few words as possible."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from ovt.core.schema import QUESTIONS, SAMPLES


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
