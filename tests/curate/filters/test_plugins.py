"""Filters that are not ours: what they may do, where they run, and what they leave alone."""

import json
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from ovt.core.errors import OvtError, RecipeError
from ovt.core.registry import FILTERS
from ovt.core.section import Section, added_later
from ovt.curate.recipe import Recipe, load_recipe, read_section
from ovt.curate.reports.diff.diff import compare
from ovt.curate.reports.show import outline
from ovt.curate.reports.what_if import what_if
from ovt.curate.reports.why import story
from ovt.curate.stages import filter
from ovt.curate.stages.filter import FilterSection
from ovt.curate.versions.read import scan


class FewestSection(Section):
    words: int = 3


def fewest(frame: pl.LazyFrame, section: FewestSection) -> pl.LazyFrame:
    few = pl.col("response_words") < section.words
    why = pl.format("{} words", "response_words")
    return frame.with_columns(drop=pl.when(few).then(pl.lit("too_few")), why=pl.when(few).then(why))


def shout(frame: pl.LazyFrame) -> pl.LazyFrame:
    nothing = pl.lit(None, pl.String)
    return frame.with_columns(response=pl.col("response").str.to_uppercase() + " !", drop=nothing, why=nothing)


def greedy(frame: pl.LazyFrame, section: Section) -> pl.LazyFrame:
    return frame.filter(pl.col("index") > 0).with_columns(drop=pl.lit(None), why=pl.lit(None))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (fewest, shout, greedy):
        monkeypatch.setitem(FILTERS.added, one.__name__, one)


def section(**sections: Any) -> FilterSection:
    off = {name: {"mode": "off"} for name in ("format", "reflection", "mentions", "repetition")}
    return FilterSection.model_validate(off | sections)


def test_a_plugin_drops_with_its_own_reason(samples_of):
    kept, dropped = filter.run(samples_of("q", ["one two", "one two three"]), section(fewest={"words": 3}))
    assert kept["response"].to_list() == ["one two three"]
    assert dropped.select("reason", "detail").rows() == [("too_few", "2 words")]
    assert kept["edit"].to_list() == [None]


def test_plugins_run_in_the_order_of_the_recipe_and_length_is_judged_last(samples_of):
    samples = samples_of("q", ["one two"])
    edited, _ = filter.run(samples, section(shout={}, fewest={"words": 3}))
    assert edited.select("response", "response_words", "edit").rows() == [("ONE TWO !", 3, "shout edited it")]
    assert filter.run(samples, section(fewest={"words": 3}, shout={}))[1]["reason"].to_list() == ["too_few"]
    too_long = section(shout={}, length={"max_words": 2})
    assert filter.run(samples, too_long)[1]["detail"].to_list() == ["3 words, more than 2"]


def test_a_plugin_that_loses_rows_or_says_nothing_is_told(samples_of, monkeypatch):
    samples = samples_of("q", ["one", "two"])
    with pytest.raises(OvtError, match="filter 'greedy' removed or reordered rows"):
        filter.run(samples, section(greedy={}))
    monkeypatch.setitem(FILTERS.added, "mute", lambda frame: frame)
    with pytest.raises(OvtError, match="filter 'mute' returned a table without the column 'drop'"):
        filter.run(samples, section(mute={}))


def test_settings_are_those_of_the_annotation_or_of_the_attribute(monkeypatch):
    assert section(fewest={"words": 9}).model_dump()["fewest"] == {"words": 9}
    with pytest.raises(ValidationError, match=r"fewest\.words"):
        section(fewest={"words": "many"})

    def bare(frame, settings):
        return frame

    monkeypatch.setitem(FILTERS.added, "bare", bare)
    with pytest.raises(OvtError, match="filter 'bare' does not declare its settings"):
        section(bare={})
    monkeypatch.setattr(bare, "section", FewestSection, raising=False)
    assert section(bare={}).model_dump()["bare"] == {"words": 3}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("fewer", "filter.fewer is not a known key; did you mean fewest?"),
        ("lenght", "filter.lenght is not a known key; did you mean length?"),
    ],
)
def test_unknown_filters_and_keys_get_the_nearest(key, said):
    with pytest.raises(RecipeError, match=said.replace("?", r"\?")):
        load_recipe("pocket", [f"filter.{key}.words=3"])
    with pytest.raises(RecipeError, match=r"filter.fewest.word is not a known key; did you mean words\?"):
        load_recipe("pocket", ["filter.fewest.word=3"])


def test_a_filter_that_is_not_named_leaves_no_trace(recipe_with):
    named = recipe_with(filter={"fewest": {"words": 5}})
    plain = recipe_with()
    assert list(plain.model_dump()["filter"]) == ["format", "reflection", "mentions", "repetition", "length"]
    assert plain.plugins == {}
    assert named.plugins == {"filter.fewest": "a script"}
    assert read_section(Recipe, json.loads(named.model_dump_json()), "again") == named


def test_a_new_key_with_its_default_is_not_written():
    class Older(Section):
        old: int = 1

    class Newer(Older):
        new: int = added_later(7)

    assert Newer().model_dump() == Older().model_dump()
    assert Newer(new=8).model_dump() == {"old": 1, "new": 8}
    assert Newer.model_validate(Older().model_dump()).new == 7


def test_a_version_made_with_a_plugin_is_read_without_it(home, recipe_with, make_replies, monkeypatch):
    replies = make_replies(home, 20)
    plain = replies.write(home, recipe_with())
    version = replies.write(home, recipe_with(filter={"fewest": {"words": 12}}))
    assert version.manifest.provenance.plugins == {"filter.fewest": "a script"}
    what_if(version, ["filter.fewest.words=1"])
    tried = what_if(plain, ["filter.fewest.words=12"])
    assert {one["reason"] for one in tried["removed"]} >= {"too_few"}
    monkeypatch.delitem(FILTERS.added, "fewest")
    assert outline(version)["ref"] == version.ref
    assert compare(plain, version).about["rows"]["removed"] == tried["rows"]["removed"]
    assert story(version, scan(version, "questions").collect()["question_id"][-1])["prompts"]
    with pytest.raises(
        RecipeError, match=r"small@v2 was made with filter\.fewest \(of a script\), which is not available"
    ):
        what_if(version, [])
