"""benchmarks/reading.py: the values that chains state, against the figures' own."""

from types import ModuleType, SimpleNamespace
from typing import Any

import polars as pl
import pytest


@pytest.fixture(scope="module")
def reading(load_file) -> ModuleType:
    return load_file("../benchmarks/reading")


def sentences(reading: ModuleType, source_id: str) -> dict[str, str]:
    """Of each bar of a figure, the sentence that states its value."""
    return {name: f"The {name} bar is {value}." for name, value in reading.shown(source_id).items()}


def test_a_stated_value_is_right_where_the_figure_has_it(reading):
    told = list(sentences(reading, "bars-900-7").values())
    assert reading.values_in(" ".join(told), "bars", "bars-900-7") == (len(told), len(told), 1)
    wrong = told[0].replace(told[0][-2], "0")
    assert reading.values_in(f"{wrong} {told[1]}", "bars", "bars-900-7") == (2, 1, 1 / len(told))
    assert reading.values_in("It looks like 4.", "bars", "bars-900-7") == (0, 0, 0)


def test_what_a_version_teaches(reading, tmp_path):
    first, second = (list(sentences(reading, one).values()) for one in ("bars-101-1", "bars-101-2"))
    misread = second[0].replace(second[0][-2], "0")
    tables: dict[str, dict[str, Any]] = {
        "ledger/questions": {"question_id": ["a", "b", "c"], "source_id": ["bars-101-1", "bars-101-2", "easy-101-3"]},
        "ledger/verdicts": {
            "question_id": ["a", "a", "b", "b", "c", "c"],
            "outcome": ["correct", "wrong", "correct", "correct", "wrong", "undecided"],
        },
        "data/sft": {
            "question_id": ["a", "b"],
            "completion": [[{"role": "assistant", "content": text}] for text in (" ".join(first), misread)],
        },
    }
    for name, columns in tables.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pl.DataFrame(columns).write_parquet(tmp_path / f"{name}.parquet")
    told = reading.taught(SimpleNamespace(path=tmp_path))
    assert told["questions"] == 3
    assert told["chains"] == pytest.approx(0.5)
    assert told["covered"] == pytest.approx(2 / 3)
    assert told["families"] == {"bars": 1.0, "easy": 0.0}
    assert told["misread"] == pytest.approx(0.5)
    assert told["seen"] == pytest.approx(0.5)
