"""Each format as its trainer reads it: with the real library where it is installed, else by its documented schema."""

import base64
import io
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import ovt
from ovt.core.home import Home
from ovt.curate.export.export import Row, export, read_rows, tagged, untagged
from ovt.curate.export.formats import BOXED, boxed_prompt, fit, line, plain_gold, plain_golds, unfit
from ovt.curate.export.pairs import UNPAIRED
from ovt.curate.stages.reason import INSTRUCTION
from ovt.curate.versions.read import scan
from ovt.verifiers import split_golds


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def pictures(row) -> list[bytes]:
    return [Image.open(io.BytesIO(image)).tobytes() for image in row.images]


def test_trl_reads_both_splits(exported, version, tmp_path):
    """https://huggingface.co/docs/trl/dataset_formats; tests/train/test_exported.py trains on it."""
    from datasets import load_dataset

    folder, record = exported("trl")
    loaded = {
        name: load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "c")) for name in ("sft", "rl")
    }
    assert {name: len(rows) for name, rows in loaded.items()} == record["rows"] == {"sft": 8, "rl": 4}
    assert loaded["sft"].column_names == ["images", "prompt", "completion", "question_id", "sample_id"]
    assert loaded["rl"].column_names == ["images", "prompt", "answer", "choices", "question_id", "answers"]
    assert loaded["rl"]["answers"][:] == [split_golds(answer) for answer in loaded["rl"]["answer"]]
    for row, want in zip(loaded["sft"], read_rows(version, "sft"), strict=True):
        assert row["completion"] == [{"role": "assistant", "content": want.completion}]
        assert [image.tobytes() for image in row["images"]] == pictures(want)
        assert (row["question_id"], row["sample_id"]) == (want.question_id, want.sample_id)


def test_trl_reads_what_lies_there_now_and_not_what_datasets_keeps_of_an_older_export(make_build_in, tmp_path):
    from datasets import load_dataset

    counts = []
    for name, size in (("a", 5), ("b", 10)):
        version = make_build_in(Home(tmp_path / name), size).write(Home(tmp_path / name))
        record, _ = export(version, "trl", tmp_path / "out", None, ovt.__version__)
        rows = load_dataset(str(tmp_path / "out"), "sft", split="train", cache_dir=str(tmp_path / "c"))
        counts.append((len(rows), record["rows"]["sft"]))
    assert [loaded for loaded, _ in counts] == [written for _, written in counts]
    assert counts[0] != counts[1]


def test_easyr1_as_its_dataset_reads_it(exported, version, tmp_path):
    """https://github.com/hiyouga/EasyR1/blob/main/verl/utils/dataset.py: RLHFDataset loads a file or a folder of
    parquet, puts an image where an <image> stands, and opens images that are records with bytes."""
    from datasets import load_dataset

    folder, record = exported("easyr1")
    assert record["rows"] == {"sft": 8, "rl": 4}
    for split in record["rows"]:
        path = str(folder / f"{split}.parquet")
        rows = load_dataset("parquet", data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
        for row, want in zip(rows, read_rows(version, split), strict=True):
            assert row["problem"].count("<image>") == len(row["images"]) == len(want.images)
            assert [image.tobytes() for image in row["images"]] == pictures(want)
            assert (row["answer"], row["question_id"]) == (plain_gold(want), want.question_id)
            assert BOXED in row["problem"]
            assert INSTRUCTION not in row["problem"]
    whole = load_dataset("parquet", data_dir=str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(whole) == 12


def test_llamafactory_as_its_converter_reads_it(exported, version):
    """https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md, and SharegptDatasetConverter there: user and
    assistant take turns, paths start in media_dir, and each <image> in the messages stands for one image."""
    folder, record = exported("llamafactory")
    info = json.loads((folder / "dataset_info.json").read_text())["tiny_sft"]
    assert set(info) <= {"file_name", "formatting", "ranking", "subset", "columns", "tags"}
    assert info["formatting"] == "sharegpt"
    rows = json.loads((folder / info["file_name"]).read_text(encoding="utf-8"))
    assert len(rows) == record["rows"]["sft"] == 8
    tags, columns = info["tags"], info["columns"]
    for row, want in zip(rows, read_rows(version, "sft"), strict=True):
        turns = row[columns["messages"]]
        assert [turn[tags["role_tag"]] for turn in turns] == [tags["user_tag"], tags["assistant_tag"]]
        text = "".join(turn[tags["content_tag"]] for turn in turns)
        assert text.count("<image>") == len(row[columns["images"]])
        assert "<video>" not in text
        assert [(folder / path).read_bytes() for path in row[columns["images"]]] == list(want.images)
        assert (row["question_id"], row["sample_id"]) == (want.question_id, want.sample_id)


def test_ms_swift_as_documented(exported, version):
    """https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html: messages and images in JSON lines, for
    GRPO without a response; other columns go to the reward."""
    folder, record = exported("ms-swift")
    assert record["rows"] == {"sft": 8, "rl": 4}
    for split, roles in {"sft": ["user", "assistant"], "rl": ["user"]}.items():
        for row, want in zip(lines(folder / f"{split}.jsonl"), read_rows(version, split), strict=True):
            assert [turn["role"] for turn in row["messages"]] == roles
            assert "".join(turn["content"] for turn in row["messages"]).count("<image>") == len(row["images"])
            assert all(Path(path).is_absolute() for path in row["images"])
            assert [Path(path).read_bytes() for path in row["images"]] == list(want.images)
            assert row.get("solutions") == ([row["solution"]] if split == "rl" else None)
            assert row.get("solution") == (f"\\boxed{{{plain_gold(want)}}}" if split == "rl" else None)
            assert (BOXED in row["messages"][0]["content"]) == (split == "rl")
            assert row["question_id"] == want.question_id


@pytest.mark.parametrize(
    ("answer", "choices", "gold"),
    [
        ("B", None, "B"),
        ("metal", ("wood", "metal"), "B"),
        ("A", ("wood", "metal"), "A"),
        ("$\\frac{1}{2}$", None, "\\frac{1}{2}"),
        ("145°", None, "145°"),
        ("Yes", None, "Yes"),
        ("1,203", None, "1,203"),
        ("basil ||| a herb", None, "basil"),
    ],
)
def test_the_targets_own_graders_find_the_gold_in_the_box_that_is_asked_for(answer, choices, gold):
    """ms-swift's `accuracy` is math-verify with these arguments; EasyR1's math.py is mathruler."""
    from math_verify import LatexExtractionConfig, parse, verify

    row = Row("q", None, (), f"What?\n\n{INSTRUCTION}", None, answer, choices)
    assert plain_gold(row) == gold
    assert boxed_prompt(row) == f"What?\n\n{BOXED}"
    response = f"<think>So it is.</think> It is \\boxed{{{gold}}}"
    config = LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)
    said = parse(response, extraction_config=[config], extraction_mode="first_match")
    meant = parse(f"\\boxed{{{gold}}}", extraction_mode="first_match")
    assert meant
    assert verify(meant, said)
    grader = pytest.importorskip("mathruler.grader")
    assert grader.grade_answer(grader.extract_boxed_content(response), gold)


def test_all_golds_of_a_question_are_there_for_a_reward_of_ones_own(tmp_path):
    row = Row("q", None, (), "What?", None, "basil ||| $x$", None)
    said = line(row, tmp_path, tmp_path)
    assert (said["solution"], said["solutions"]) == ("\\boxed{basil}", ["\\boxed{basil}", "\\boxed{x}"])
    assert plain_golds(Row("q", None, (), "What?", None, "A ||| metal", ("wood", "metal"))) == ["A", "B"]


def test_a_prompt_of_ones_own_keeps_its_words():
    row = Row("q", None, (), "My own prompt.", None, "3", None)
    assert boxed_prompt(row) == f"My own prompt.\n\n{BOXED}"


def test_pairs_as_trl_reads_them(version, exported, tmp_path):
    """https://huggingface.co/docs/trl/dataset_formats: preference data has chosen and rejected, unpaired a label."""
    from datasets import load_dataset

    wrong = set(scan(version, "verdicts").filter(pl.col("outcome") == "wrong").collect()["sample_id"])
    kept = {row.sample_id: row for row in read_rows(version, "sft")}
    folder, record = exported("trl-dpo")
    rows = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "dpo"))
    assert len(rows) == record["rows"]["sft"] > 0
    assert len(rows) + record["left_out"].get(UNPAIRED, 0) == len(kept)
    for row in rows:
        want = kept[row["sample_id"]]
        assert row["chosen"] == [{"role": "assistant", "content": want.completion}]
        assert row["rejected"][0]["content"].startswith("<think>\n")
        assert row["rejected"] != row["chosen"]
        assert [image.tobytes() for image in row["images"]] == pictures(want)
    folder, record = exported("trl-kto")
    single = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "kto"))
    assert single["label"][:] == [True, False] * len(rows)
    assert {row["sample_id"] for row in single if not row["label"]} <= wrong
    assert {row["sample_id"] for row in single if row["label"]} <= kept.keys()


def test_pairs_as_llamafactory_reads_them(exported):
    """https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md, preference datasets in sharegpt format."""
    folder, record = exported("llamafactory-dpo")
    info = json.loads((folder / "dataset_info.json").read_text())["tiny_dpo"]
    assert info["ranking"] is True
    rows = json.loads((folder / info["file_name"]).read_text(encoding="utf-8"))
    assert len(rows) == record["rows"]["sft"]
    for row in rows:
        assert [turn["role"] for turn in row["messages"]] == ["user"]
        assert (row["chosen"]["role"], row["rejected"]["role"]) == ("assistant", "assistant")
        texts = row["messages"][0]["content"] + row["chosen"]["content"] + row["rejected"]["content"]
        assert texts.count("<image>") == len(row["images"])
        assert all((folder / path).is_file() for path in row["images"])


def test_paths_inside_the_files_have_no_dots(version, tmp_path):
    (tmp_path / "a").mkdir()
    record, _ = export(version, "ms-swift", tmp_path / "a" / ".." / "out", "rl", ovt.__version__)
    assert ".." not in record["place"]
    assert all(".." not in path for row in lines(tmp_path / "out" / "rl.jsonl") for path in row["images"])


def test_openai_as_documented(exported, version):
    """https://platform.openai.com/docs/guides/vision-fine-tuning: chat messages, images only in the user's turn."""
    folder, record = exported("openai")
    rows, ids = lines(folder / "sft.jsonl"), lines(folder / "sft.ids.jsonl")
    assert (len(rows), len(ids)) == (record["rows"]["sft"], 8)
    assert "refuses files with fewer than 10 rows" in record["use"]
    for row, one, want in zip(rows, ids, read_rows(version, "sft"), strict=True):
        assert set(row) == {"messages"}
        user, assistant = row["messages"]
        assert (user["role"], assistant) == ("user", {"role": "assistant", "content": want.completion})
        *images, text = user["content"]
        assert text == {"type": "text", "text": want.prompt}
        urls = [part["image_url"]["url"].partition(";base64,") for part in images]
        assert [base64.b64decode(data) for _, _, data in urls] == list(want.images)
        assert {kind for kind, _, _ in urls} == {"data:image/png"}
        assert one == {"question_id": want.question_id, "sample_id": want.sample_id}


@pytest.mark.parametrize(
    ("mode", "kind", "fits"), [("L", "PNG", False), ("P", "GIF", False), ("RGBA", "PNG", True), ("RGB", "WEBP", True)]
)
def test_openai_images_are_in_a_format_and_mode_it_takes(mode, kind, fits):
    out = io.BytesIO()
    Image.new(mode, (9, 7)).save(out, kind)
    media, data = fit(out.getvalue())
    assert (data == out.getvalue()) == fits
    image = Image.open(io.BytesIO(data))
    assert (image.mode in ("RGB", "RGBA"), image.size) == (True, (9, 7))
    assert media == f"image/{str(image.format).lower()}"


def test_openai_leaves_out_what_is_too_much():
    small = ("image/png", b"x")
    assert unfit([small] * 10, 0) is None
    assert unfit([small] * 11, 0) == "more than 10 images"
    assert unfit([("image/png", b"x" * 10_000_001)], 0) == "an image of more than 10 MB"
    assert unfit([small], 50_000) == "more than 50,000 rows"


@given(
    st.text() | st.lists(st.sampled_from(["<image>", "<", "image>", "<ima", "ge>", "<video>"])).map("".join),
    st.integers(0, 9),
)
def test_no_text_adds_a_tag(text, images):
    assert tagged(text, images).count("<image>") == images
    assert "<video>" not in untagged(text)
