"""Every form that a source can have gives the same questions."""

import csv
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from datasets import Image as ImageFeature

from ovt.core.errors import OvtError
from ovt.core.schema import QUESTIONS, ROWS
from ovt.curate.sources.images import image_bytes
from ovt.curate.sources.importing import Imported
from ovt.curate.sources.texts import PEEK
from ovt.curate.versions.data import nest


def asked(imported: Imported) -> list[tuple]:
    """What came in, without the names of sources."""
    return imported.questions.select("question", "gold", "choices", pl.col("images").list.len()).rows()


TWO = [("How many?", "B", ["3", "4"], 1), ("What colour?", "red", None, 1)]


@pytest.fixture
def rows() -> list[dict]:
    return [
        {"id": "a", "question": "How many?", "answer": "B", "options": ["3", "4"], "image": "1.png"},
        {"id": "b", "question": "What colour?", "answer": "red", "options": None, "image": "2.png"},
    ]


@pytest.fixture
def with_bytes(rows: list[dict], picture) -> list[dict]:
    return [{**row, "image": {"bytes": picture(n + 1), "path": None}} for n, row in enumerate(rows)]


def test_jsonl(load, jsonl, rows, home, picture) -> None:
    imported = load(jsonl(rows))
    assert asked(imported) == TWO
    assert imported.questions.schema == QUESTIONS
    assert imported.questions["source_id"].to_list() == ["a", "b"]
    assert imported.questions["source"].to_list() == ["rows", "rows"]
    assert image_bytes(home, imported.questions["images"][0][0]) == picture(1)
    assert imported.rows_in == {"rows": 2}
    assert imported.notes == ("source rows: gold from answer; choices from options",)


def test_a_broken_line_of_jsonl_is_a_row_left_out(load, folder, rows) -> None:
    path = folder / "rows.jsonl"
    deep = '{"question":' + "[" * 50_000
    path.write_text("\n".join([json.dumps(rows[0]), "{broken", "", "7", deep, json.dumps(rows[1])]))
    imported = load(path)
    assert asked(imported) == TWO
    assert imported.decisions["reason"].to_list() == ["malformed_row"] * 3
    assert imported.rows_in == {"rows": 5}


def test_json_in_its_shapes(load, folder, rows) -> None:
    path = folder / "rows.json"
    shapes = [
        json.dumps(rows),
        json.dumps({"info": {"year": 2026}, "questions": rows}),
        json.dumps({row["id"]: {key: row[key] for key in row if key != "id"} for row in rows}),
        "\n".join(json.dumps(row) for row in rows),
        "\ufeff" + json.dumps(rows),
    ]
    for shape in shapes:
        path.write_text(shape)
        imported = load(path)
        assert asked(imported) == TWO
        assert imported.questions["source_id"].to_list() == ["a", "b"]


@pytest.mark.parametrize("text", ["7", "{broken", "", '"text"', "[" * 20_000])
def test_json_without_rows(load, folder, text) -> None:
    (folder / "rows.json").write_text(text)
    with pytest.raises(OvtError, match=r"expected a list of rows|expected \[|no rows"):
        load(folder / "rows.json")


def test_rows_that_are_lists(load, folder) -> None:
    (folder / "rows.json").write_text(json.dumps([["How many?", "4", 1], ["What colour?", "red", 2], []]))
    imported = load(folder / "rows.json", columns={"question": 0, "gold": 1, "image": 2}, image_pattern="{image}.png")
    assert asked(imported) == [("How many?", "4", None, 1), ("What colour?", "red", None, 1)]
    assert imported.decisions["reason"].to_list() == ["empty_question"]


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_csv(load, folder, suffix, delimiter) -> None:
    with (folder / f"rows{suffix}").open("w", newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(["question", "answer", "options", "image"])
        table.writerow(["How many,\nall in all?", "B", "['3', '4']", "1.png"])
        table.writerow(["What code?", "007", "", "2.png"])
    imported = load(folder / f"rows{suffix}")
    assert asked(imported) == [("How many,\nall in all?", "B", ["3", "4"], 1), ("What code?", "007", None, 1)]


def test_csv_with_a_byte_order_mark_and_base64(load, folder, picture) -> None:
    import base64

    cell = base64.b64encode(picture(4, size=(300, 300), kind="BMP")).decode()
    (folder / "rows.csv").write_text(f"\ufeffquestion,answer,image\nHow many?,4,{cell}\n", encoding="utf-8")
    assert asked(load(folder / "rows.csv")) == [("How many?", "4", None, 1)]


def test_text_that_is_not_utf8_is_not_mangled(load, folder) -> None:
    (folder / "rows.csv").write_bytes("question,answer,image\nFür wen?,4,1.png\n".encode("latin-1"))
    with pytest.raises(OvtError, match=r"rows\.csv cannot be read as CSV: invalid utf-8.*save it as UTF-8"):
        load(folder / "rows.csv")
    (folder / "rows.jsonl").write_bytes('{"question": "?"}\n'.encode("utf-16"))
    with pytest.raises(OvtError, match="found no columns in any row; expected one JSON object a line, in UTF-8"):
        load(folder / "rows.jsonl")


def test_csv_with_a_column_per_option(load, folder) -> None:
    (folder / "rows.csv").write_text("question,A,B,C,answer,image\nHow many?,3,4,,B,1.png\nWhich?,x,y,z,C,2.png\n")
    imported = load(folder / "rows.csv", columns={"choices": ["A", "B", "C"]})
    assert asked(imported) == [("How many?", "B", ["3", "4"], 1), ("Which?", "C", ["x", "y", "z"], 1)]


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


def test_json_in_utf16_and_of_one_row(load, folder, rows) -> None:
    path = folder / "rows.json"
    path.write_bytes(json.dumps(rows).encode("utf-16"))
    assert asked(load(path)) == TWO
    path.write_text(json.dumps(rows[0]))
    assert asked(load(path)) == TWO[:1]
    assert asked(load(f"file://{path}")) == TWO[:1]


def test_a_folder_with_a_file_for_each_row(load, folder, rows, picture) -> None:
    """GEOS has its pictures beside the files, IconQA a folder for each question; neither names them by folder."""
    for name, row in zip(("000", "001"), rows, strict=True):
        place = folder / "questions" / name
        place.mkdir(parents=True)
        (place / "data.json").write_text(json.dumps({key: row[key] for key in row if key not in ("image", "id")}))
        (place / "image.png").write_bytes(picture(int(name)))
    imported = load(folder / "questions")
    assert asked(imported) == TWO
    assert imported.questions["source_id"].to_list() == ["000/data", "001/data"]
    flat = folder / "flat"
    flat.mkdir()
    for name, row in zip("ab", rows, strict=True):
        (flat / f"{name}.json").write_text(json.dumps(row | {"image": f"{name}.png"}))
        (flat / f"{name}.png").write_bytes(picture(7))
    (flat / "c.json").write_text("[broken")
    imported = load(flat)
    assert asked(imported) == TWO
    assert imported.decisions["reason"].to_list() == ["malformed_row"]


def test_jsonl_packed_with_gzip(load, folder, jsonl, rows) -> None:
    packed = folder / "train.jsonl.gz"
    packed.write_bytes(gzip.compress(jsonl(rows).read_bytes()))
    imported = load(packed)
    assert asked(imported) == TWO
    assert imported.questions["source"].to_list() == ["train"] * 2
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(OvtError, match="is not a whole gzip file"):
        load(packed)


@pytest.mark.parametrize(("name", "text"), [
    ("rows.json.gz", lambda rows: json.dumps(rows)),
    ("rows.csv.gz", lambda rows: as_csv(rows, ",")),
    ("rows.tsv.gz", lambda rows: as_csv(rows, "\t")),
    ("rows.csv.gz", lambda rows: "\ufeff" + as_csv(rows, ";")),
])  # fmt: skip
def test_json_and_csv_packed_with_gzip(load, folder, rows, name, text) -> None:
    whole = gzip.compress(text(rows).encode())
    (folder / name).write_bytes(whole)
    imported = load(folder / name)
    assert asked(imported) == TWO
    assert imported.questions["source"].to_list() == ["rows"] * 2
    for broken, said in (
        (whole[:-9], "is not a whole gzip file"),
        (gzip.compress(whole), "is compressed twice|not JSON"),
    ):
        (folder / name).write_bytes(broken)
        with pytest.raises(OvtError, match=said):
            load(folder / name)


def as_csv(rows: list[dict], separator: str) -> str:
    out = io.StringIO()
    table = csv.writer(out, delimiter=separator)
    table.writerow(rows[0])
    table.writerows([cell if cell is None else str(cell) for cell in row.values()] for row in rows)
    return out.getvalue()


def test_a_column_that_comes_late(load, jsonl) -> None:
    early = [{"question": f"{n}?", "answer": str(n), "image": "0.png"} for n in range(PEEK)]
    late = {"question": "What?", "answer": "B", "image": "1.png", "options": ["cat", "dog"], "id": "z", "x": {"y": 1}}
    imported = load(jsonl([*early, late]))
    last = imported.questions.row(-1, named=True)
    assert (last["choices"], last["gold"], last["source_id"]) == (["cat", "dog"], "B", "z")
    assert imported.questions["choices"].null_count() == PEEK
    assert imported.questions["source_id"].to_list()[:2] == ["0", "1"]
    named = load(jsonl([*early, {**late, "picks": ["x", "y"]}]), columns={"choices": "picks"})
    assert named.questions["choices"][-1].to_list() == ["x", "y"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_with_another_separator_and_in_utf16(load, folder, separator) -> None:
    text = separator.join(["question", "answer", "image"]) + "\n" + separator.join(["Wie viele, ja?", "3,5", "1.png"])
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
        (folder / "rows.csv").write_bytes(mark + text.encode(encoding))
        assert asked(load(folder / "rows.csv")) == [("Wie viele, ja?", "3,5", None, 1)]


def packed(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as out:
            for name, data in files.items():
                out.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz") if path.suffix in (".gz", ".tgz") else tarfile.open(path, "w") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_pictures_in_an_archive(load, folder, jsonl, rows, picture, home, suffix) -> None:
    archive = packed(folder / f"images{suffix}", {"all/1.png": picture(1), "./2.png": picture(2), "x/": b""})
    path = jsonl([rows[0] | {"image": "all/1.png"}, rows[1], rows[1] | {"id": "c", "image": "3.png"}])
    imported = load(path, image_root=str(archive))
    assert asked(imported) == TWO
    assert image_bytes(home, imported.questions["images"][0][0]) == picture(1)
    assert imported.decisions["detail"].to_list() == ["rows c: 3.png is not there"]
    missing = load(path).decisions["detail"][0]
    assert f"all/1.png is not there, but images{suffix} is: unpack it, or set image_root to it" in missing
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(OvtError, match=r"is no whole archive|is not a whole gzip file"):
        load(path, image_root=str(archive))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_webdataset(load, folder, rows, picture, suffix) -> None:
    files = {}
    for at, row in enumerate(rows):
        files[f"a/{at}.json"] = json.dumps({key: row[key] for key in row if key != "image"}).encode()
        files[f"a/{at}.png"] = picture(at)
    files |= {"a/2.json": b"[broken", "a/3.question.txt": b"only a text"}
    packed(folder / f"train-000{suffix}", files)
    imported = load(folder / f"train-000{suffix}")
    assert asked(imported) == TWO
    assert imported.questions["source_id"].to_list() == ["a", "b"]
    assert imported.decisions["reason"].to_list() == ["malformed_row", "empty_question"]
    assert load(folder / f"*{suffix}", limit=1).questions["source_id"].to_list() == ["a"]


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
