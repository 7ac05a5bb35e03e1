import polars as pl
import pytest

from ovt.curate.stages import select

FOUR = ["one two three", "one", "one\n two", "x y z u v"]


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [
        ("shortest_correct", ["a-1", "b-0"]),
        ("longest_correct", ["a-3", "b-0"]),
        ("median_correct", ["a-2", "b-0"]),
        ("all_correct", ["a-0", "a-1", "a-2", "a-3", "b-0"]),
    ],
)
def test_strategies(strategy, chosen, samples_of, ids):
    kept, decisions = select.run(samples_of("a", FOUR, "b", ["one"]), select.SelectSection(strategy=strategy))
    assert ids(kept) == chosen
    assert len(kept) + len(decisions) == 5
    assert set(decisions["reason"]) <= {"not_selected"}


def test_ties_go_to_the_lower_index(samples_of, ids):
    samples = samples_of("a", ["b c", "a b", "a c"])
    for strategy in ("shortest_correct", "longest_correct"):
        assert ids(select.run(samples, select.SelectSection(strategy=strategy))[0]) == ["a-0"]
    assert ids(select.run(samples, select.SelectSection(strategy="median_correct"))[0]) == ["a-1"]


def test_the_order_of_the_samples_stays_and_words_are_counted(samples_of):
    samples = samples_of("z", ["one two"], "a", ["one", "x y\tz"])
    kept, decisions = select.run(samples, select.SelectSection())
    assert kept.select("question_id", "words").rows() == [("z", 2), ("a", 1)]
    assert decisions["detail"].to_list() == ["3 words; shortest_correct has 1"]


def test_random_choices_follow_from_the_seed_and_the_ids_alone(samples_of, ids):
    pairs = [item for number in range(60) for item in (f"q{number}", FOUR)]
    samples = samples_of(*pairs)
    section = select.SelectSection(strategy="random_correct", seed=3)
    kept = ids(select.run(samples, section)[0])
    assert kept == ids(select.run(samples, section)[0])
    halves = [select.run(part, section)[0] for part in (samples.head(120), samples.tail(120))]
    assert kept == ids(pl.concat(halves))
    assert kept != ids(select.run(samples, select.SelectSection(strategy="random_correct", seed=4))[0])
    assert {name.split("-")[1] for name in kept} == {"0", "1", "2", "3"}


def test_an_empty_table_is_fine(samples_of):
    for strategy in ("shortest_correct", "median_correct", "random_correct", "all_correct"):
        kept, decisions = select.run(samples_of(), select.SelectSection(strategy=strategy))
        assert len(kept) == len(decisions) == 0
        assert "words" in kept.columns
