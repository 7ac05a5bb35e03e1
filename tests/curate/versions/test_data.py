"""The data as people load it: with `datasets`, with images, whatever was kept; and straight into TRL."""

import io

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.curate.versions import data
from ovt.curate.versions.read import scan


@pytest.fixture
def load(tmp_path):
    """`load(version)`: what `datasets.load_dataset` makes of a version's folder."""
    from datasets import load_dataset

    return lambda version, **options: load_dataset(str(version.path), cache_dir=str(tmp_path / "cache"), **options)


def only(build, split):
    """The build with those questions that are kept for `split`, or (None) for none."""
    ids = {row["question_id"] for row in build.rows if row["split"] == split}
    if split is None:
        ids = {row["question_id"] for row in build.questions} - {row["question_id"] for row in build.rows}
    for table in (build.questions, build.samples, build.verdicts, build.decisions, build.rows):
        table[:] = [row for row in table if row["question_id"] in ids]
    return build


def test_both_splits_load_with_images(home, make_build, load):
    build = make_build(10)
    loaded = load(build.write(home))
    assert loaded["sft"].features == loaded["rl"].features
    expected = {split: [row for row in build.rows if row["split"] == split] for split in ("sft", "rl")}
    for split, rows in expected.items():
        for row, want in zip(loaded[split], rows, strict=True):
            stored = [(home.images / image[:2] / image).read_bytes() for image in want["images"]]
            assert [image.tobytes() for image in row["images"]] == [Image.open(io.BytesIO(s)).tobytes() for s in stored]
            assert row["prompt"] == [{"role": "user", "content": want["prompt"]}]
            said = want["completion"]
            assert row["completion"] == ([{"role": "assistant", "content": said}] if said else [])
            same = [name for name in data.COLUMNS if name not in ("images", "prompt", "completion")]
            assert {name: row[name] for name in same} == {name: want[name] for name in same}


def test_versions_of_the_same_number_are_not_mixed_up_in_the_cache_of_datasets(make_build_in, tmp_path, load):
    few, many = (
        make_build_in(Home(tmp_path / str(count)), count).write(Home(tmp_path / str(count))) for count in (5, 10)
    )
    assert few.path.name == many.path.name == "v1"
    assert load(few).num_rows != load(many).num_rows
    for version in (few, many):
        assert len(load(version, name="decisions", split="train")) == scan(version, "decisions").collect().height


def test_there_is_no_messages_column(home, make_build, load):
    assert "messages" not in load(make_build(5).write(home))["sft"].column_names


@pytest.mark.parametrize(("split", "rows"), [("sft", 4), ("rl", 2)])
def test_version_with_one_split_only_loads(home, make_build, load, split, rows):
    version = only(make_build(10), split).write(home)
    assert {name: len(table) for name, table in load(version).items()} == {split: rows}
    assert len(load(version, split=split, streaming=True).take(9).to_list()) == rows if rows == 2 else True


def test_each_split_and_each_table_of_the_ledger_is_a_config(home, make_build, load):
    version = make_build(10).write(home)
    for name in ("sft", "rl", "questions", "samples", "verdicts", "decisions"):
        loaded = load(version, name=name)
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": version.manifest.rows[name]}
    assert load(version, name="sft", split="train")[0]["images"][0].size == (28, 28)


def test_version_without_rows_says_so_to_datasets_and_reads_as_empty(home, make_build, load):
    version = only(make_build(10), None).write(home)
    assert version.manifest.rows["questions"] == 4
    with pytest.raises(ValueError, match="pick one among the available configs: \\['questions', 'samples'"):
        load(version)
    assert len(load(version, name="decisions", split="train")) == version.manifest.rows["decisions"]
    for split in ("sft", "rl"):
        empty = scan(version, split).collect()
        assert (len(empty), list(data.COLUMNS)) == (0, empty.columns)


def test_files_describe_themselves_as_datasets_would():
    from datasets import Features, Image, List

    features = Features.from_arrow_schema(data.SCHEMA)
    assert features["images"] == List(Image())
    assert features.arrow_schema.metadata == data.SCHEMA.metadata
    assert features._to_yaml_list() == [data.feature_yaml(*column) for column in data.COLUMNS.items()]


def test_many_rows_are_cut_into_files_and_groups(home, make_build, load, monkeypatch):
    monkeypatch.setattr(data, "GROUP_ROWS", 3)
    monkeypatch.setattr(data, "FILE_BYTES", 8_000)
    version = make_build(40).write(home, chunk=7)
    files = sorted(path.name for path in (version.path / "data").glob("sft-*"))
    assert len(files) > 1
    assert files == [f"sft-{number:05}-of-{len(files):05}.parquet" for number in range(len(files))]
    loaded = load(version)
    assert [row["question_id"] for row in loaded["sft"]] == scan(version, "sft").collect()["question_id"].to_list()
    assert len(loaded["sft"]) == 16


def test_large_images_make_small_groups(home, make_build, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(data, "GROUP_BYTES", 200)
    version = make_build(20).write(home)
    groups = pq.ParquetFile(version.path / "data" / "sft-00000-of-00001.parquet").metadata
    assert groups.num_rows == 8
    assert groups.num_row_groups > 2


def test_rows_of_the_ledger_and_the_data_meet_by_id(home, make_build):
    version = make_build(15).write(home)
    rows, samples = (scan(version, table) for table in ("sft", "samples"))
    met = rows.join(samples, on="sample_id", how="inner").collect()
    assert len(met) == version.manifest.rows["sft"]
    assert (met["question_id"] == met["question_id_right"]).all()
    assert met.filter(pl.col("stage") != "reason").is_empty()


def test_trl_trains_on_the_rows_as_they_are(home, make_build, load, tmp_path):
    pytest.importorskip("trl", reason="trl is not installed: pip install ovt[train]")
    made = pytest.importorskip("architecture")
    tokenizer = pytest.importorskip("tokenizer").train_tokenizer(["Which one is it? <think> So."] * 9)
    from trl import SFTConfig, SFTTrainer

    from ovt.pocket.model import load_processor

    made.save_processor(tokenizer, tmp_path / "processor")
    processor = load_processor(tmp_path / "processor")
    rows = load(make_build(10).write(home))["sft"]
    trainer = SFTTrainer(
        model=made.build(made.make_config(tokenizer), seed=0),
        args=SFTConfig(
            output_dir=str(tmp_path / "run"),
            max_length=None,
            use_cpu=True,
            bf16=False,
            max_steps=1,
            report_to="none",
            per_device_train_batch_size=4,
            save_strategy="no",
            disable_tqdm=True,
            activation_checkpointing=False,
        ),
        train_dataset=rows,
        processing_class=processor,
    )
    batches = [batch["labels"] for batch in trainer.get_train_dataloader()]
    learnt = processor.tokenizer.decode([token for token in batches[0][0].tolist() if token != -100])
    assert learnt.startswith("<think>")
    assert "Which one" not in learnt
    assert trainer.train().training_loss > 0
