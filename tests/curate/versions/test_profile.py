"""What `ovt data stats` says of a version is what its card, its manifest and its ledger say."""

import json

import polars as pl
import pytest

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.reports.figures import number, tabulate
from ovt.curate.reports.show import describe
from ovt.curate.versions.profile import BEHAVIOURS, NEEDED, behaviours, lengths, profile
from ovt.curate.versions.read import scan


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("stats"))


@pytest.fixture(scope="module")
def version(home, make_replies, recipe_with):
    return make_replies(home, 40).write(home, recipe_with())


def test_it_agrees_with_the_card_and_the_manifest(version):
    told, about = profile(version), describe(version)
    for name in ("words", "behaviours", "pass_rates", "difficulty", "sources"):
        assert told[name] == about["stats"][name]
    assert told["usage"] == about["usage"]
    assert told["cost_usd"] == pytest.approx(sum(use["cost_usd"] for use in about["usage"]))
    assert json.loads(json.dumps(told)) == told


def test_the_parts_add_up(version):
    told = profile(version)
    samples = scan(version, "samples").collect()
    reasoned = samples.filter(stage="reason")
    assert sum(one["samples"] for one in told["finishes"]) == len(samples)
    assert {one["finish_reason"] for one in told["finishes"]} == {"stop", "length", "failed"}
    assert sum(one["samples"] for one in told["by_source"]) == len(reasoned)
    assert sum(one["samples"] for one in told["kinds"]) == len(reasoned)
    for split in ("sft", "rl"):
        assert sum(one[split] for one in told["by_source"]) == version.manifest.rows[split]
    assert sum(one["tokens"] for one in told["by_source"]) == samples.select(
        pl.col("prompt_tokens").sum() + pl.col("completion_tokens").sum()
    ).item()  # fmt: skip
    (tokens,) = (one for one in told["tokens"] if one["stage"] == "reason")
    assert sum(one["rows"] for one in tokens["histogram"]) == tokens["samples"] == len(reasoned)
    kept = version.manifest.rows["sft"] + version.manifest.rows["rl"]
    assert told["per_row"]["samples"] == len(samples) / kept


def test_a_cost_that_is_not_known_is_not_nothing(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    replies = make_replies(home, 10)
    unpriced = replies.samples.with_columns(cost_usd=pl.when(pl.col("stage") == "caption").then(0.0))
    version = type(replies)(replies.questions, unpriced, replies.dropped, replies.twins).write(home, recipe_with())
    told = profile(version)
    assert told["cost_usd"] is None
    assert told["per_row"]["cost_usd"] is None
    assert {one["cost_usd"] for one in told["by_source"]} == {None}
    assert number(None, "US$") == "unknown"
    assert "| unknown |" in (version.path / "README.md").read_text()


def test_a_question_with_several_rows_is_kept_once(home, make_replies, recipe_with):
    version = make_replies(home, 20).write(home, recipe_with(name="all", select={"strategy": "all_correct"}))
    counts = version.manifest.rows
    ends = scan(version, "decisions").filter(level="question", decision="kept").collect()
    (share,) = (one.values[0] for one in tabulate([profile(version)]) if one.name == "questions kept")
    assert share == len(ends) / counts["questions"] < (counts["sft"] + counts["rl"]) / counts["questions"]


def test_sums_beyond_two_billion_words():
    counted = dict.fromkeys(BEHAVIOURS, 2**20)
    rows = pl.DataFrame({"response_words": 2**30} | counted, schema=dict.fromkeys(NEEDED[3:], pl.Int32))
    rows = pl.concat([rows] * 4)
    assert (lengths(rows["response_words"]) or {})["mean"] == 2**30
    assert set(behaviours(rows.lazy()).values()) == {round(1000 / 2**10, 2)}


def test_versions_side_by_side(home, version, make_replies, recipe_with):
    other = make_replies(home, 20).write(home, recipe_with(name="other", filter={"reflection": {"mode": "off"}}))
    figures = {(one.group, one.name): one.values for one in tabulate([profile(version), profile(other)])}
    assert figures["rows", "sft"] == (version.manifest.rows["sft"], other.manifest.rows["sft"])
    families = [name for group, name in figures if group == "behaviours"]
    assert families == ["visual", "digest", "plan", "reflection", "alternate"]
    assert figures["behaviours", "reflection"][0] == 0
    assert figures["behaviours", "reflection"][1]
    shares = [values for (group, _), values in figures.items() if group == "sources"]
    assert [sum(share or 0 for share in side) for side in zip(*shares, strict=True)] == pytest.approx([1, 1])


def test_a_version_that_kept_nothing(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    version = make_replies(home, 2).write(home, recipe_with(filter={"length": {"min_words": 10_000}}))
    told = profile(version)
    assert told["words"] is None
    assert told["sft"] == 0
    assert all(
        one.values[0] in (0, None) for one in tabulate([told]) if one.group in ("words of a response", "behaviours")
    )


def test_a_table_that_was_edited_is_named(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    version = make_replies(home, 5).write(home, recipe_with())
    table = version.path / "ledger" / "samples.parquet"
    table.chmod(0o644)
    table.write_bytes(b"mine")
    with pytest.raises(OvtError, match=r"ledger/samples\.parquet was changed"):
        profile(version)
