"""A version's rows, their lengths, and rows set aside."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train.data import group_by_image, load_split, load_splits, set_aside
from ovt.train.devices import split_batch
from ovt.train.lengths import describe_refused, fit, measure, measured
from ovt.train.models import load_processor


def test_a_split_is_loaded_by_name_or_folder(home, colour_rows, write_version, question_id):
    version = write_version(home, colour_rows(3) + colour_rows(2, first=3, split="rl"))
    rows = load_split("colours@v1", "sft", home)
    assert rows.dataset["question_id"] == [question_id(n) for n in range(3)]
    assert rows.dataset[0]["images"][0].size == (56, 56)
    assert rows.content_hash == version.manifest.content_hash
    assert len(load_split(str(version.path), "rl", home).dataset) == 2
    assert rows.verify_kind == "auto"


def test_reading_a_split_of_this_machine_asks_nobody(home, colour_rows, write_version, monkeypatch):
    def ask(name: str) -> None:
        raise AssertionError(f"the load of {name} was counted on the network")

    monkeypatch.setattr("datasets.load.increase_load_count", ask)
    write_version(home, colour_rows(2))
    assert len(load_split("colours", "sft", home).dataset) == 2


def test_a_split_knows_how_its_answers_were_compared(home, colour_rows, write_version):
    write_version(home, colour_rows(1), recipe={"name": "colours", "verify": {"kind": "text"}})
    assert load_split("colours", "sft", home).verify_kind == "text"


def test_a_version_of_the_hub_comes_home(hub, home, tmp_path, colour_rows, write_version, monkeypatch):
    """Under its Hub id it has the rows and the hash that it has at home; what is not there is one line."""
    from huggingface_hub import HfApi

    from ovt.curate.hub.push import prepare, publish

    version = write_version(Home(tmp_path / "theirs"), colour_rows(3) + colour_rows(2, first=3, split="rl"))
    publish(prepare(version, "you/colours", "v1", {}), HfApi(hub.url, token=next(iter(hub.tokens))))
    monkeypatch.setattr("ovt.curate.hub.pull.hub", lambda: HfApi(hub.url, token=next(iter(hub.tokens))))
    sft, rl = load_splits("you/colours@v1", ("sft", "rl"), home)
    assert (len(sft.dataset), len(rl.dataset)) == (3, 2)
    assert (sft.ref, sft.content_hash) == ("you/colours@v1", version.manifest.content_hash)
    assert load_split("you/colours@v1", "sft", home).content_hash == sft.content_hash
    with pytest.raises(OvtError, match="you/nothing is not a folder, and was not pulled to"):
        load_split("you/nothing", "sft", home)
    with pytest.raises(OvtError, match="you/colours: it has no such tag or commit"):
        load_split("you/colours@v7", "sft", home)


def test_a_split_without_rows_is_passed_over_where_another_has_some(home, colour_rows, write_version):
    write_version(home, colour_rows(2, split="rl"))
    assert [rows.split for rows in load_splits("colours", ("sft", "rl"), home)] == ["rl"]


def test_a_version_with_nothing_to_learn_from_is_one_line(home, colour_rows, write_version):
    write_version(home, colour_rows(2, split="rl"))
    with pytest.raises(OvtError, match=r"colours has no rows in sft, only 2 in rl \(`ovt train rl` trains on those\)"):
        load_split("colours", "sft", home)
    with pytest.raises(OvtError, match="no version is named 'colour'"):
        load_split("colour", "sft", home)


def test_lengths_are_measured_once(home, small_vlm, colour_rows, write_version, monkeypatch):
    write_version(home, colour_rows(4) + colour_rows(1, first=4, split="rl"))
    processor = load_processor(str(small_vlm))
    rows = load_split("colours", "sft", home)
    first = measured(rows, processor, 512, home)
    assert first.equals(measure(rows, processor, 512))
    (kept,) = (home.path / "datasets" / "lengths").iterdir()
    assert measured(rows, processor, 1, home)["reason"].to_list() == ["too_long"] * 4
    pl.read_parquet(kept).with_columns(completion_tokens=pl.lit(7, pl.Int64)).write_parquet(kept)
    assert measured(rows, processor, 512, home)["completion_tokens"].to_list() == [7] * 4
    assert measured(rows, load_processor(str(small_vlm), 28 * 28), 512, home)["image_tokens"].to_list() == [1] * 4
    monkeypatch.setattr("ovt.train.lengths.__version__", "a later one, which may feed rows otherwise")
    assert measured(rows, processor, 512, home).equals(first)
    prompts = measure(load_split("colours", "rl", home), processor, 512)
    assert prompts["completion_tokens"].to_list() == [0]
    assert prompts["prompt_tokens"][0] == first["prompt_tokens"][0]


def test_the_batch_does_not_matter(home, small_vlm, colour_rows, write_version):
    """A row measures the same alone as among longer ones: padding is not counted."""
    rows = colour_rows(6)
    rows[2] |= {"completion": "<think>" + "so " * 90 + "</think>\n<answer>blue</answer>"}
    write_version(home, rows)
    processor = load_processor(str(small_vlm))
    dataset = load_split("colours", "sft", home).dataset
    together = measure(dataset, processor, None)
    alone = pl.concat([measure(dataset.select([index]), processor, None) for index in range(6)])
    assert together.equals(alone)
    assert fit(together) == list(range(6))


def test_a_picture_that_cannot_be_read_leaves_its_row_out(home, small_vlm, colour_rows, write_version):
    from datasets import Image, List

    write_version(home, colour_rows(3))
    dataset = load_split("colours", "sft", home).dataset
    stored = dataset.cast_column("images", List(Image(decode=False)))
    broken = stored.map(lambda row, i: row | {"images": [{"bytes": b"no", "path": None}]} if i == 1 else row,
                        with_indices=True).cast_column("images", List(Image()))  # fmt: skip
    lengths = measure(broken, load_processor(str(small_vlm)), None)
    assert lengths["reason"].to_list() == [None, "image_unreadable", None]
    assert describe_refused(lengths) == f"image_unreadable 1 ({lengths['question_id'][1]})"


def test_a_row_that_the_processor_refuses_is_left_out_by_name(home, small_vlm, colour_rows, write_version, monkeypatch):
    """Texts and pictures that do not match, as a control token that core/tokens.py does not know makes of them."""
    monkeypatch.setattr("ovt.train.data.inert", lambda text, **kinds: text)
    rows = colour_rows(3)
    rows[1] |= {"prompt": "Which <|image_pad|>?"}
    write_version(home, rows)
    lengths = measure(load_split("colours", "sft", home), load_processor(str(small_vlm)), None)
    assert lengths["reason"].to_list() == [None, "cannot_be_fed", None]


def test_rows_set_aside_share_no_picture_with_the_rest(home, colour_rows, write_version):
    rows = colour_rows(20)
    for number in range(0, 20, 4):
        rows[number + 1] |= {"images": rows[number]["images"]}
    rows[3] |= {"images": [rows[3]["images"][0], rows[7]["images"][0]]}
    write_version(home, rows)
    dataset = load_split("colours", "sft", home).dataset
    groups = group_by_image(dataset)
    assert sorted(len(group) for group in groups.values()) == [1] * 8 + [2] * 6
    for seed in range(5):
        train, aside = set_aside(dataset, 0.3, seed)
        assert sorted(train + aside) == list(range(20))
        assert 6 <= len(aside) <= 7
        assert all(set(group) <= set(aside) or not set(group) & set(aside) for group in groups.values())
        assert set_aside(dataset, 0.3, seed) == (train, aside)
    assert set_aside(dataset, 0, 1) == (list(range(20)), [])
    assert len(set_aside(dataset, 0.01, 4)[1]) in (1, 2)  # who asks for a share gets a row, with those of its picture
    with pytest.raises(OvtError, match="eval_size = 20 leaves nothing to train on"):
        set_aside(dataset, 20, 1)


@settings(max_examples=200)
@given(st.integers(1, 512), st.integers(1, 64), st.none() | st.integers(1, 64))
def test_the_global_batch_is_kept_or_refused(total, devices, per_device):
    if total % (devices * (per_device or 1)):
        with pytest.raises(OvtError, match=r"^.* set .*$"):
            split_batch(total, per_device, devices)
        return
    share = split_batch(total, per_device, devices)
    assert share.devices * share.rows * share.accumulation == total
    assert per_device in (None, share.rows)
