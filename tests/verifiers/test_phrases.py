"""Every table of phrases does what it says: its example claims what it should, its counter-example too."""

import pytest

from ovt.verifiers.claims import read_claim
from ovt.verifiers.compare import compare
from ovt.verifiers.phrases import TABLES
from ovt.verifiers.values import TEXT, read_value

ROWS = [(name, row) for name, rows in TABLES.items() if name != "words" for row in rows]


def claimed(text: str) -> str:
    """What a sentence claims, "" for nothing."""
    claim = read_claim(text)
    value = claim.value if claim.stance == "asserted" else None
    return value.text if value and value.kind is not TEXT else ""


def agree(said: str, wanted: str) -> bool:
    if not said or not wanted:
        return said == wanted
    return compare(read_value(said), read_value(wanted)).outcome == "correct"


@pytest.mark.parametrize(("name", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else value["example"])
def test_a_phrase_does_what_its_table_says(name: str, row: dict[str, str]) -> None:
    said = claimed(row["example"]), claimed(row["counter"])
    assert agree(said[0], row["claims"]), f"{row['example']!r} claims {said[0]!r}"
    assert agree(said[1], row["counter_claims"]), f"{row['counter']!r} claims {said[1]!r}"
