"""JSON, JSONL and CSV in every shape give the same questions."""

import csv
import gzip
import io
import json

import pytest

from ovt.core.errors import OvtError
from ovt.core.schema import QUESTIONS
from ovt.curate.sources.images import image_bytes
from ovt.curate.sources.texts import PEEK
from tests.curate.sources.conftest import TWO, asked


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


def test_a_name_that_is_half_an_emoji_is_only_a_column(load, folder, rows) -> None:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row | {"\ud83d": 1}) + "\n" for row in rows))
    assert asked(load(folder / "rows.jsonl")) == TWO


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
    with pytest.raises(OvtError, match="found no columns in any row; expected one JSON object per line, in UTF-8"):
        load(folder / "rows.jsonl")


def test_csv_with_a_column_per_option(load, folder) -> None:
    (folder / "rows.csv").write_text("question,A,B,C,answer,image\nHow many?,3,4,,B,1.png\nWhich?,x,y,z,C,2.png\n")
    imported = load(folder / "rows.csv", columns={"choices": ["A", "B", "C"]})
    assert asked(imported) == [("How many?", "B", ["3", "4"], 1), ("Which?", "C", ["x", "y", "z"], 1)]


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
    with pytest.raises(OvtError, match="is not a complete gzip file"):
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
        (whole[:-9], "is not a complete gzip file"),
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


def test_a_table_in_utf16_that_was_cut_off(load, folder) -> None:
    (folder / "rows.csv").write_bytes("question,answer,image\nWie viele?,3,1.png\n".encode("utf-16")[:-1])
    with pytest.raises(OvtError, match=r"rows\.csv cannot be read as CSV: 'utf-16-le' codec.*; save it as UTF-8$"):
        load(folder / "rows.csv")
