import polars as pl
import pytest

from ovt.curate.stages import behaviours


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("First, identify the bar. RECALL the axis.", (2, 0, 1, 0, 0)),
        ("Given 3 and the provided table, maybe; wait, check it. Wait!", (0, 2, 0, 3, 1)),
        ("firstly, waiting, checkers, rechecked, forgiven", (0, 0, 0, 0, 0)),
        ("“wait”—first… 60°first", (0, 0, 2, 1, 0)),
        ("", (0, 0, 0, 0, 0)),
    ],
)
def test_cues_are_counted_as_whole_words_in_any_case(text, counts):
    table = behaviours.run(pl.DataFrame({"response": [text]}))
    assert table.select(behaviours.COLUMNS).row(0) == counts


def test_rates_are_per_thousand_words_of_the_whole_table():
    table = pl.DataFrame({"response": ["wait a b c", "maybe d e f"], "response_words": [4, 4]})
    rates = behaviours.run(table).select(behaviours.per_thousand_words()).row(0, named=True)
    assert rates == {
        "behaviour_visual": 0.0,
        "behaviour_digest": 0.0,
        "behaviour_plan": 0.0,
        "behaviour_reflection": 125.0,
        "behaviour_alternate": 125.0,
    }
    assert behaviours.run(table.clear()).select(behaviours.per_thousand_words()).row(0) == (None,) * 5
