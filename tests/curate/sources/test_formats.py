"""Every form that a source can have gives the same questions."""

import json

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from datasets import Image as ImageFeature

from ovt.core.errors import OvtError
from ovt.core.schema import ROWS
from ovt.curate.sources.images import image_bytes
from ovt.curate.versions.data import nest
from tests.curate.sources.conftest import TWO, asked


def test_parquet_with_bytes_and_with_paths(load, folder, rows, with_bytes) -> None:
    pl.DataFrame(with_bytes).write_parquet(folder / "bytes.parquet")
    pl.DataFrame(rows).write_parquet(folder / "paths.parquet")
    one, other = load(folder / "bytes.parquet"), load(folder / "paths.parquet")
    assert asked(one) == asked(other) == TWO
    assert one.questions["question_id"].to_list() == other.questions["question_id"].to_list()


def test_parquet_of_datasets_with_class_labels_and_image_lists(load, folder, picture) -> None:
    features = Features(
        {"question": Value("string"), "label": ClassLabel(names=["cat", "dog"]), "pictures": List(ImageFeature())}
    )
    pairs = [[{"bytes": picture(2 * n), "path": None}, {"bytes": picture(2 * n + 1), "path": None}] for n in range(3)]
    table = {"question": ["One?", "Two?", "Three?"], "label": [1, 0, -1], "pictures": pairs}
    Dataset.from_dict(table, features).to_parquet(folder / "labels.parquet")
    imported = load(folder / "labels.parquet")
    assert asked(imported) == [("One?", "dog", None, 2), ("Two?", "cat", None, 2)]
    assert imported.decisions["reason"].to_list() == ["empty_gold"]
    assert imported.notes == ("source labels: gold from label; images from pictures",)


def test_numbered_image_columns(load, folder, picture) -> None:
    row = {"question": "Compare <image 1> and <image 2>.", "answer": "A", "options": "['same', 'other']"}
    images = {f"image_{n}": {"bytes": picture(n), "path": f"{n}.png"} if n < 3 else None for n in range(1, 8)}
    pl.DataFrame([{**row, **images}] * 1).write_parquet(folder / "many.parquet")
    assert asked(load(folder / "many.parquet")) == [(row["question"], "A", ["same", "other"], 2)]


@pytest.mark.parametrize("form", ["folder", "glob", "shards"])
def test_several_parquet_files(load, folder, with_bytes, form) -> None:
    place = folder / "set" / "data"
    place.mkdir(parents=True)
    for n, row in enumerate(with_bytes):
        pl.DataFrame([row], infer_schema_length=None).write_parquet(place / f"train-{n:05}-of-00002.parquet")
    pl.DataFrame(with_bytes[:1]).write_parquet(place / "test-00000-of-00001.parquet")
    imported = load(place / "train-*.parquet" if form == "glob" else folder / "set" if form == "shards" else place)
    assert asked(imported) == TWO
    assert ("split train" in " ".join(imported.notes)) == (form != "glob")


def test_splits_of_a_folder(load, folder, with_bytes) -> None:
    place = folder / "set"
    for split, row in zip(("val", "test"), with_bytes, strict=True):
        (place / split).mkdir(parents=True)
        pl.DataFrame([row], infer_schema_length=None).write_parquet(place / split / "0000.parquet")
    assert asked(load(place, split="val")) == TWO[:1]
    assert asked(load(place, split="val+test")) == TWO
    with pytest.raises(OvtError, match="has the splits test, val; name one"):
        load(place)
    with pytest.raises(OvtError, match="split 'train' is not there; found test, val"):
        load(place, split="train")


def test_a_saved_dataset_and_its_splits(load, folder, with_bytes) -> None:
    features = Features(
        {"id": Value("string"), "question": Value("string"), "answer": Value("string")}
        | {"options": List(Value("string")), "image": ImageFeature()}
    )
    dataset = Dataset.from_list(with_bytes, features)
    dataset.save_to_disk(folder / "one")
    DatasetDict({"train": dataset, "test": dataset.select([1])}).save_to_disk(folder / "both")
    dataset.select([1, 0]).save_to_disk(folder / "turned")
    assert asked(load(folder / "one")) == asked(load(folder / "both")) == TWO
    assert asked(load(folder / "both", split="test")) == TWO[1:]
    assert asked(load(folder / "turned")) == TWO[::-1]
    state = json.loads((folder / "turned/state.json").read_text())
    state["_data_files"][0]["filename"] = "../one/data-00000-of-00001.arrow"
    (folder / "turned/state.json").write_text(json.dumps(state))
    with pytest.raises(OvtError, match="must list files of its own folder"):
        load(folder / "turned")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_an_image_folder_with_metadata(load, folder, suffix) -> None:
    metadata = [{"file_name": f"{n}.png", "question": f"Which is {n}?", "answer": str(n)} for n in range(3)]
    pl.DataFrame(metadata).write_ndjson(folder / "metadata.jsonl") if suffix == ".jsonl" else pl.DataFrame(
        metadata
    ).write_csv(folder / "metadata.csv")
    imported = load(folder)
    assert [row[:2] for row in asked(imported)] == [(f"Which is {n}?", str(n)) for n in range(3)]


def test_an_image_folder_with_splits(load, folder, picture) -> None:
    for split in ("train", "test"):
        (folder / split).mkdir()
        (folder / split / "x.png").write_bytes(picture(len(split)))
        row = {"file_name": "x.png", "question": f"In {split}?", "answer": "yes"}
        (folder / split / "metadata.jsonl").write_text(json.dumps(row))
    assert [row[0] for row in asked(load(folder))] == ["In train?"]
    assert [row[0] for row in asked(load(folder, split="train+test"))] == ["In train?", "In test?"]


def test_llama_factory(load, folder) -> None:
    sharegpt = [
        {
            "conversations": [
                {"from": "human", "value": "<image>How many?\n(A) 3\n(B) 4"},
                {"from": "gpt", "value": "<think>I count.</think> <answer>B</answer>"},
            ],
            "images": ["1.png"],
        },
        {
            "conversations": [
                {"from": "human", "value": "<image><image>Which is larger?"},
                {"from": "gpt", "value": "the second"},
            ],
            "images": ["1.png", "2.png"],
        },
        {
            "conversations": [{"from": "human", "value": "<image><image>Two?"}, {"from": "gpt", "value": "x"}],
            "images": ["1.png"],
        },
        {"conversations": [{"from": "human", "value": "No image?"}, {"from": "gpt", "value": "none"}], "images": []},
    ]
    (folder / "mllm_demo.json").write_text(json.dumps(sharegpt))
    imported = load(folder / "mllm_demo.json")
    assert asked(imported) == [("How many?", "B", ["3", "4"], 1), ("Which is larger?", "the second", None, 2)]
    assert imported.decisions["reason"].to_list() == ["image_tags_mismatch", "missing_image"]
    openai = [
        {
            "messages": [{"role": "user", "content": "<image>How many?"}, {"role": "assistant", "content": "4"}],
            "images": ["1.png"],
        }
    ]
    (folder / "openai.json").write_text(json.dumps(openai))
    assert asked(load(folder / "openai.json")) == [("How many?", "4", None, 1)]
    alpaca = [{"instruction": "How many?", "input": "Count the dots.", "output": "4", "images": ["1.png"]}]
    (folder / "alpaca.json").write_text(json.dumps(alpaca))
    assert asked(load(folder / "alpaca.json")) == [("How many?\nCount the dots.", "4", None, 1)]


def test_chat_rows_for_rl_with_a_gold_of_their_own(load, folder, picture) -> None:
    row = {
        "prompt": [{"role": "user", "content": "<image>How many?"}],
        "images": [{"bytes": picture(1)}],
        "reward_model": {"ground_truth": "4", "style": "rule"},
    }
    pl.DataFrame([row]).write_parquet(folder / "verl.parquet")
    imported = load(folder / "verl.parquet", columns={"gold": "reward_model.ground_truth"})
    assert asked(imported) == [("How many?", "4", None, 1)]


def test_a_version_folder_gives_back_its_questions(load, folder, home) -> None:
    """The same questions with the same ids; the ledger beside the data is not read."""
    imported = load("pocket:figures", limit=12, seed=5).questions
    rows = imported.with_columns(
        prompt=pl.col("question") + "\nThink step by step.",
        completion=pl.lit("<think> … </think>"),
        answer="gold",
        split=pl.lit("sft"),
    )
    rows = pl.concat([ROWS.to_frame(), rows.drop("gold", "source_id")], how="diagonal")
    images = [[image_bytes(home, image) for image in row] for row in rows["images"]]
    place = folder / "version"
    (place / "data").mkdir(parents=True)
    (place / "ledger").mkdir()
    pq.write_table(nest(rows[:8], images[:8]), place / "data" / "sft-00000-of-00001.parquet")
    pq.write_table(nest(rows[8:], images[8:]), place / "data" / "rl-00000-of-00001.parquet")
    pl.DataFrame({"question": ["no"]}).write_parquet(place / "ledger" / "questions.parquet")
    (place / "manifest.json").write_text("{}")
    assert len(load(place, split="rl").questions) == 4
    again = load(place, split="sft+rl")
    assert again.questions["question_id"].to_list() == imported["question_id"].to_list()
    assert again.questions["source_id"].to_list() == again.questions["question_id"].to_list()


def test_easy_vqa_from_its_package(load) -> None:
    columns = {"question": 0, "gold": 1, "image": 2}
    path = "package:easy_vqa/data/test/questions.json"
    imported = load(path, columns=columns, image_pattern="images/{image}.png", limit=40, shuffle_seed=1)
    assert len(imported.questions) + len(imported.decisions) == 40
    assert len(imported.questions) > 35
    assert imported.rows_in == {"easy_vqa": 40}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("package:no_such_thing/x.json", "pip install no-such-thing"),
        ("package:easy_vqa/../../secret.json", "is not in the package easy_vqa"),
        ("package:easy_vqa/data/nothing.json", "is not in the package easy_vqa"),
        ("package:os;x/y.json", "is not installed"),
        ("nowhere/rows.jsonl", "is not there; expected .parquet"),
        ("nowhere/*.parquet", "is not there"),
        ("https://example.org/rows.jsonl", "is not known; expected .parquet"),
        ("s3://bucket/rows.jsonl", "is not known"),
        ("pocket:shapes", "expected pocket:figures"),
    ],
)
def test_paths_that_lead_nowhere(load, path, words) -> None:
    with pytest.raises(OvtError, match=words) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(load, folder) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / "broken.parquet").write_bytes(b"PAR1 not really")
    (folder / "empty.csv").write_text("")
    (folder / "empty.jsonl").write_text("\n\n")
    (folder / "state.json").write_text("{}")
    (folder / "inner").mkdir()
    for path, words in (
        ("notes.txt", "unknown format"),
        ("broken.parquet", "not a readable Parquet file"),
        ("empty.csv", "cannot be read as CSV"),
        ("empty.jsonl", "has no rows"),
        ("", "cannot be read as a saved dataset"),
        ("inner", "holds no data"),
    ):
        with pytest.raises(OvtError, match=words) as error:
            load(folder / path)
        assert "\n" not in str(error.value)


def test_pocket_figures(load) -> None:
    imported = load("pocket:figures", limit=6, seed=3, families=["bars", "easy"])
    assert len(imported.questions) == 6
    assert load("pocket:figures", limit=4, seed=3, families=["bars", "easy"]).questions.equals(imported.questions[:4])
    with pytest.raises(OvtError, match="'bats' is not known; expected pocket:figures with families of"):
        load("pocket:figures", families=["bats"])


@pytest.mark.parametrize("form", ["stream", "file"])
def test_arrow_files(load, folder, with_bytes, form) -> None:
    table = Dataset.from_list(with_bytes * 1).data.table
    make = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with make(str(folder / "data.arrow"), table.schema) as out:
        out.write_table(table, max_chunksize=1)
    assert asked(load(folder / "data.arrow")) == TWO
    (folder / "data.arrow").write_bytes(b"no table")
    with pytest.raises(OvtError, match=r"cannot be read|not a readable Arrow file"):
        load(folder / "data.arrow")
