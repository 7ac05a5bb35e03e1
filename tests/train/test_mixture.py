"""Several versions as one: what a reference names, and how often each row is fed."""

from dataclasses import replace

import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.train.data import load_split
from ovt.train.dpo_trainer import DPO
from ovt.train.mixture import Part, names, read_mixture, repeated
from ovt.train.rl_trainer import RL
from ovt.train.settings import DpoSection, RlSection, SftSection
from ovt.train.sft_trainer import SFT
from ovt.train.training import Order, make_record, prepare

MANY = [f"charts-of-another-kind@v{number}" for number in range(14)]  # more than a file's name may have


@pytest.mark.parametrize(
    ("ref", "read"),
    [
        ("charts", [("charts", 1.0)]),
        ("charts:2,geometry@v3:0.5", [("charts", 2.0), ("geometry@v3", 0.5)]),
        ("you/charts@v1:3, geometry", [("you/charts@v1", 3.0), ("geometry", 1.0)]),
        (",".join(MANY), [(name, 1.0) for name in MANY]),
        ("~nosuchuser/charts", [("~nosuchuser/charts", 1.0)]),
    ],
)
def test_a_reference_names_versions_with_weights(ref, read):
    assert read_mixture(ref) == read


def test_a_path_that_exists_is_one_version(tmp_path):
    folder = tmp_path / "a,b:2"
    folder.mkdir()
    assert read_mixture(str(folder)) == [(str(folder), 1.0)]


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("charts:0", "the weight of 'charts:0' is how often a row is fed"),
        ("charts:1.2.3", "the weight of 'charts:1.2.3'"),
        ("charts:1e9", "no version|no dataset|nothing"),
        ("charts,,geometry", "names no version in ''"),
        ("charts:2,charts", "names charts twice"),
    ],
)
def test_what_cannot_be_mixed_is_one_line(ref, told, home):
    with pytest.raises(OvtError, match=told):
        load_split(ref, "sft", home)


def test_weights_count_how_often_a_row_is_fed():
    parts = (Part("a", "a@v1", 2.0, 4), Part("b", "b@v1", 0.5, 6), Part("c", "c@v1", 1.25, 4))
    fed = repeated(range(14), parts, 7)
    assert fed == repeated(range(14), parts, 7) != repeated(range(14), parts, 8)
    assert [fed.count(index) for index in range(4)] == [2] * 4
    assert sum(fed.count(index) for index in range(4, 10)) == 3
    assert sorted(fed.count(index) for index in range(10, 14)) == [1, 1, 1, 2]
    assert repeated([1, 5, 7], parts, 7)[:2] == [1, 1]  # a row that is left out stays out
    with pytest.raises(RecipeError, match=r"b@v1:0\.04 feeds none of its 6 rows: give it a weight of at least 0\.17"):
        repeated(range(14), (parts[0], replace(parts[1], weight=0.04), parts[2]), 7)


@pytest.fixture
def two(home, colour_rows, write_version):
    write_version(home, colour_rows(8) + colour_rows(4, first=8, split="rl"), "charts")
    write_version(home, colour_rows(4, first=40), "geometry")
    return home


def test_sft_on_two_versions(two, small_vlm):
    settings = SftSection(eval_size=2, global_batch_size=2)
    training = prepare(SFT, Order("charts:2,geometry:0.5", str(small_vlm), settings, two))
    fed = SFT.choose(training)
    assert len(fed.held_out or ()) == 2
    lengths = [len(one) for one in (fed.train, training.rows.dataset)]
    assert lengths[1] == 12
    assert lengths[0] in {2 * 6 + 2, 2 * 7 + 2, 2 * 8 + 1}  # by the version that the two come from
    record = make_record(SFT, training)
    assert (record.name, record.data) == ("charts-geometry-sft", "charts@v1:2,geometry@v1:0.5")
    assert record.parents == ["charts@v1", "geometry@v1", str(small_vlm)]
    other = make_record(SFT, prepare(SFT, Order("charts:2,geometry", str(small_vlm), settings, two)))
    assert other.data_hash != record.data_hash
    alone = make_record(SFT, prepare(SFT, Order("charts:1", str(small_vlm), settings, two)))
    assert (alone.name, alone.data) == ("charts-sft", "charts@v1")


def test_rl_asks_the_questions_of_both_and_takes_no_weights(two, small_vlm):
    settings = RlSection(max_completion_length=8, rollout_batch_size=2, global_batch_size=2)
    order = Order("charts,geometry", str(small_vlm), settings, two)
    training = prepare(RL, order)
    assert [rows.split for rows in training.splits] == ["sft", "rl"]
    fed = RL.choose(training)
    assert (len(fed.train), fed.left_out) == (12, {"repeated": 4})  # the same question in two versions is asked once
    weighted = prepare(RL, Order("charts:2,geometry", str(small_vlm), settings, two))
    with pytest.raises(RecipeError, match="RL asks each question once per pass; leave them out"):
        RL.choose(weighted)


def test_a_version_without_pairs_is_named(two, small_vlm):
    training = prepare(DPO, Order("charts,geometry", str(small_vlm), DpoSection(), two))
    with pytest.raises(OvtError, match="charts@v1 has no pairs"):
        DPO.choose(training)


def test_names_of_runs():
    assert names("you/charts@v1:2,geometry") == "charts-geometry"
