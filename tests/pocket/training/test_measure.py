import asyncio

import measure
import pytest
from batches import FIRST_SEED

from ovt.pocket.engine import load


def test_held_out_figures_lie_below_every_training_seed():
    items = measure.held_out(2)
    assert len({item.family for item in items}) == 8
    assert all(item.facts and item.gold for item in items)
    assert FIRST_SEED > 2**32


def test_facts_are_counted_one_by_one():
    facts = ("A table of eggs.", "Ben has 4.", "Ann has 5.")
    assert measure.facts_right("A table of eggs. Ben has 4. Ann has 5.", facts) == 1
    assert measure.facts_right("A table of eggs. Ben has 4. Ann has 6.", facts) == pytest.approx(2 / 3)
    assert measure.facts_right("", facts) == 0


@pytest.mark.slow
def test_pocket_is_as_good_as_its_card_says():
    """What the card promises: facts at 90% or more, chains right for 40-80% and clearly ahead of direct answers."""

    async def run():
        engine = load("pocket")
        try:
            return await measure.measure(engine, measure.held_out(5))
        finally:
            await engine.close()

    row = asyncio.run(run())["all"]
    assert row["facts"] >= 0.9
    assert 0.4 <= row["chains"] <= 0.9
    assert row["chains"] >= row["direct"] + 0.1
    assert row["reflections"] > 0.1
