"""`where`, `keep` and `question_strip`: which rows of a source are wanted, and what is taken of them."""

import json

import polars as pl
import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.core.section import read_section
from ovt.curate.sources import reading
from ovt.curate.sources.importing import deal, shares
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import Opened, Part, take
from ovt.curate.sources.strip import LONGEST, boilerplate, stripper
from ovt.curate.sources.texts import PEEK


def row(n: int, **more):
    return {"question": f"How many in {n}?", "answer": str(n), "image": f"{n}.png", "grade": n, **more}


@pytest.fixture
def ten(jsonl):
    return jsonl([row(n, rate=n / 10, meta={"kind": "odd" if n % 2 else "even"}) for n in range(10)])


def golds(imported) -> list[str]:
    return imported.questions["gold"].to_list()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("grade <= 2", "012"),
        ("rate > 0.2 AND grade <= 5", "345"),
        ("meta.kind = 'odd' AND grade BETWEEN 3 AND 8", "357"),
        ("answer IN ('1', '9')", "19"),
        ("question LIKE '%in 4%' OR grade IS NULL", "4"),
        ("rate >= MAX(rate)", "9"),
        ("answer > 7", "89"),  # a text that is a number in every row, as all are in CSV files
        ("TRUE", "0123456789"),
    ],
)
def test_where_chooses_rows(ten, load, where, found):
    assert golds(load(ten, where=where)) == [*found]


def test_a_csv_file_compares_as_numbers(folder, load):
    lines = [f"{n},how many {n}?,{n}.png,{n * 10}" for n in range(4)]
    (folder / "rows.csv").write_text("\n".join(["answer,question,image,grade", *lines]) + "\n")
    assert golds(load(folder / "rows.csv", where="grade >= 15")) == ["2", "3"]


def test_limits_and_shuffles_count_the_rows_that_match(ten, load):
    assert golds(load(ten, where="grade >= 4", limit=3)) == ["4", "5", "6"]
    shuffled = golds(load(ten, where="grade >= 4", limit=3, shuffle_seed=5))
    assert len(shuffled) == 3
    assert set(shuffled) <= {*"456789"}
    assert golds(load(ten, where="grade >= 4", limit=3, shuffle_seed=5)) == shuffled
    assert any("6 rows where grade >= 4, of 10" in note for note in load(ten, where="grade >= 4").notes)


def test_a_row_that_cannot_be_read_is_counted(folder, load):
    (folder / "rows.jsonl").write_text(f"{json.dumps(row(1))}\nbroken\n{json.dumps(row(2))}\n")
    imported = load(folder / "rows.jsonl", where="grade > 1")
    assert (golds(imported), imported.decisions["reason"].to_list()) == (["2"], ["malformed_row"])


def test_mistakes_are_told_in_one_line(ten, load):
    for where, said in {
        "grad > 3": "where names 'grad'; found question, answer, image, grade, rate, meta; did you mean grade?",
        "grade": "where gives Int64, expected true or false",
        "question > 3": "where cannot be applied (cannot compare string with numeric type (i32)); question is String",
        "grade > 99": "none of 10 rows has grade > 99",
    }.items():
        with pytest.raises(OvtError) as refused:
            load(ten, where=where)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [
        "EXISTS (SELECT * FROM read_parquet('/etc/passwd'))",
        "EXISTS (FROM read_csv('/etc/passwd'))",
        "grade IN (VALUES (1))",
        "grade = (WITH x AS (TABLE y) TABLE x)",
        "'''' = 'x' OR EXISTS (SELECT 1)",
        "read_csv('/etc/passwd')",
        "'\\' = 'read_csv(1)'",
        "LPAD(answer, 2000000000, 'x') = 'x'",
        "grade > 1; DROP TABLE self",
        "grade >",
        "",
    ],
)
def test_where_reads_nothing_but_its_rows(where):
    with pytest.raises(RecipeError, match="where") as refused:
        read_section(SourceSection, {"path": "x.jsonl", "where": where}, "r.toml")
    assert "\n" not in str(refused.value)


def test_kept_columns_have_the_type_of_their_values(jsonl, load):
    rows = [
        row(1, half=0.5, meta={"Sub ject": "a"}, yes=True, odd=[1], none=None, mixed=1),
        row(2, half=2, meta={}, yes=False, odd="x", none=None, mixed="b"),
    ]
    keep = ["grade", "half", "yes", "odd", "none", "mixed", "meta.Sub ject"]
    found = load(jsonl(rows), keep=keep).questions.select("grade", "half", "yes", "odd", "none", "mixed", "sub_ject")
    assert found.schema == pl.Schema(
        {"grade": pl.Int64, "half": pl.Float64, "yes": pl.Boolean, "odd": pl.String, "none": pl.String,
         "mixed": pl.String, "sub_ject": pl.String}
    )  # fmt: skip
    assert found.rows() == [(1, 0.5, True, "[1]", None, "1", "a"), (2, 2.0, False, "x", None, "b", None)]


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (["answer"], 'answer is a column of every version; rename it: keep = { source_answer = "answer" }'),
        (["split"], "split is a column of every version"),
        ({"a b": "grade"}, "'a b' cannot name a column"),
        (["…"], "cannot name a column"),
    ],
)
def test_kept_names_are_free_and_plain(keep, said):
    with pytest.raises(RecipeError) as refused:
        read_section(SourceSection, {"path": "x.jsonl", "keep": keep}, "r.toml")
    assert said in str(refused.value)


def test_a_kept_column_must_be_there(ten, load):
    with pytest.raises(RecipeError, match=r"column 'grad' for keep is not there.*did you mean grade"):
        load(ten, keep=["grad"])


@pytest.mark.parametrize(
    ("name", "phrase"),
    [pytest.param(name, one, id=one["phrase"]) for name in boilerplate() for one in boilerplate()[name]],
)
def test_each_named_phrase_leaves_the_question(name, phrase):
    for strip in ((name,), ("usual",)):
        assert stripper(strip)(phrase["example"]) == phrase["left"]
        assert stripper(strip)(phrase["left"]) == phrase["left"]


@pytest.mark.parametrize(
    "question",
    ["Which hint is given: please read it?", "What is the short answer?", "Question the claim: is it red?"],
)
def test_questions_that_only_sound_alike_stay(question):
    assert stripper(("usual",))(question) == question


def test_ones_own_phrases(jsonl, load):
    rows = [row(1) | {"question": "NOTE:  look\nHow many in 1?  Keep   it brief, please!"}]
    imported = load(jsonl(rows), question_strip=["^Note: *", "keep it brief*!"])
    assert imported.questions["question"].to_list() == ["How many in 1?"]
    assert load(jsonl([row(1) | {"question": "Hint: Please look."}, row(2)]), question_strip="usual").decisions[
        "reason"
    ].to_list() == ["empty_question"]


@pytest.mark.parametrize("strip", ["hnt", "*", "ab", "a * b * words", "*words"])
def test_what_is_no_phrase_is_refused(strip):
    with pytest.raises(RecipeError, match="question_strip"):
        read_section(SourceSection, {"path": "x.jsonl", "question_strip": strip}, "r.toml")


def test_a_hostile_question_takes_no_time():
    for text in ("Hint: Please ", "You FIRST think about the reasoning process ", "e.g., " * 3):
        stripper(("usual", "a word * the end"))((text * LONGEST)[:LONGEST])
    assert stripper(("usual",))("Hint: Please " + "x" * LONGEST).startswith("Hint")


def test_settings_that_are_not_used_leave_no_trace():
    section = SourceSection(path="x.jsonl")
    assert not {"where", "keep", "question_strip", "weight"} & section.model_dump(mode="json").keys()


def test_shares_by_weight():
    one, two = (SourceSection(path="x.jsonl", name=name, weight=weight) for name, weight in (("a", 1), ("b", 3)))
    assert shares([one, two], 10) == [3, 7]
    assert shares([one, one], 5) == [3, 2]
    assert deal(7, [1, 1, 1]) == [3, 2, 2]
    assert deal(1, [0.2, 0.2]) == [1, 0]


def test_a_folder_whose_files_have_different_columns(folder, load):
    """A table without any of the columns has rows all the same."""
    place = folder / "set"
    place.mkdir()
    (place / "a.csv").write_text("question,answer,image,grade\nOne?,1,../1.png,3\nTwo?,2,../2.png,9\n")
    (place / "b.csv").write_text("question,answer,image\nThree?,3,../3.png\n")
    (place / "c.csv").write_text("other\nx\ny\n")
    settings = {"image_root": str(folder), "columns": {"image": "image"}, "image_pattern": "set/{image}"}
    assert golds(load(place, where="grade <= 8", **settings)) == ["1"]
    assert golds(load(place, where="grade IS NULL", **settings)) == ["3"]
    whole = load(place, **settings)
    assert (golds(whole), whole.rows_in) == (["1", "2", "3"], {"set": 5})
    assert whole.decisions["reason"].to_list() == ["empty_question"] * 2


def test_an_expression_without_columns(folder, load):
    (folder / "rows.csv").write_text("question,answer,image\nOne?,1,1.png\nTwo?,2,2.png\n")
    assert golds(load(folder / "rows.csv", where="1 = 1")) == ["1", "2"]
    with pytest.raises(OvtError, match="none of 2 rows has 1 = 2"):
        load(folder / "rows.csv", where="1 = 2")


def test_values_without_a_type_in_common_are_one_line(monkeypatch, jsonl, load):
    monkeypatch.setattr("ovt.curate.sources.where.CHUNK", 2)
    path = jsonl([row(0), row(1), row(2) | {"grade": [2]}])
    with pytest.raises(RecipeError, match="where cannot be applied to values of several kinds") as refused:
        load(path, where="grade <= 8")
    assert "\n" not in str(refused.value)


def test_half_a_character_in_a_column(jsonl, load):
    rows = jsonl([row(1, kind="\ud800 a", meta={"kind": ["\ud800"]}), row(2, kind="b", meta={"kind": ["c"]})])
    assert golds(load(rows, where="kind LIKE '%a' OR meta.kind IS NULL")) == ["1"]


def test_a_column_that_comes_late(jsonl, load):
    rows = jsonl([*(row(n % 10, id=str(n)) for n in range(PEEK)), row(3, question="What?", late=5)])
    assert load(rows, where="late > 4").questions["question"].to_list() == ["What?"]


def test_rows_keep_their_numbers_behind_a_part_that_is_shorter_than_it_says(load, picture):
    def part(first: int, count: int, rows: int) -> Part:
        cells = [row(first + n, image=picture(first + n)) for n in range(rows)]
        return Part(tuple(cells[0]), count, lambda names, wanted: take(cells, wanted))

    opened = Opened((part(0, 5, 2), part(5, 3, 3)), "x")
    section = SourceSection(path="x.jsonl", where="grade >= 1")
    assert reading.wanted_rows(opened, section, None) == [1, 5, 6, 7]
