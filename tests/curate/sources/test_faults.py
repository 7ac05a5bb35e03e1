"""Bad rows become decisions with a reason; questions that contradict each other all go."""

from typing import Any

import pytest

from ovt.core.errors import OvtError
from ovt.core.schema import DECISIONS
from ovt.curate.sources.faults import GoldCheck
from ovt.curate.sources.importing import Imported

GOOD = {"question": "Is it fine?", "answer": "yes", "image": "9.png"}


def reasons(imported: Imported) -> list[str]:
    return imported.decisions["reason"].to_list()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"question": ""}, "empty_question"),
        ({"question": None}, "empty_question"),
        ({"question": float("nan")}, "empty_question"),
        ({"question": "<image>"}, "empty_question"),
        ({"answer": ""}, "empty_gold"),
        ({"answer": None}, "empty_gold"),
        ({"answer": float("nan")}, "empty_gold"),
        ({"answer": []}, "empty_gold"),
        ({"answer": "x" * 100_000}, "gold_too_long"),
        ({"answer": "{" * 100_000}, "gold_too_long"),
        ({"answer": "\\boxed{" * 300}, "empty_gold"),
        ({"answer": ["1", "2"]}, "unparseable_gold"),
        ({"answer": {"unit": "cm"}}, "unparseable_gold"),
        ({"answer": "E", "choices": ["a", "b"]}, "gold_not_in_choices"),
        ({"answer": "c", "choices": "['x', 'y']"}, "gold_not_in_choices"),
        ({"answer": "A", "choices": "no list"}, "unparseable_choices"),
        ({"answer": "A", "choices": ["same", "same"]}, "duplicate_choices"),
        ({"image": None}, "missing_image"),
        ({"image": []}, "missing_image"),
        ({"image": "nowhere.png"}, "missing_image"),
        ({"image": "../../secret.png"}, "image_outside_root"),
        ({"image": "https://example.org/1.png"}, "remote_image"),
        ({"image": "rows.jsonl"}, "unreadable_image"),
        ({"image": 7}, "missing_image"),
        ({"question": "<image> or <image>?"}, "image_tags_mismatch"),
        ({"question": "What is in <image 2>?"}, "image_tags_mismatch"),
    ],
)
def test_bad_rows(load, jsonl, row: dict, reason: str) -> None:
    imported = load(jsonl([GOOD, {"question": "How many?", "answer": "4", "image": "1.png", **row}]))
    assert reasons(imported) == [reason]
    assert imported.questions["question"].to_list() == ["Is it fine?"]


def test_a_decision_says_where_the_row_was(load, jsonl) -> None:
    imported = load(jsonl([GOOD, {**GOOD, "question": "Where?", "image": "nowhere.png", "id": "geo-17"}]))
    decision = imported.decisions.row(0, named=True)
    assert imported.decisions.schema == DECISIONS
    assert decision["id"] == decision["question_id"]
    assert len(decision["id"]) == 16
    assert (decision["level"], decision["stage"], decision["decision"]) == ("question", "import", "dropped")
    assert decision["detail"] == "rows geo-17: nowhere.png is not there"


@pytest.mark.parametrize(
    ("gold", "kept"), [(4, "4"), (4.0, "4"), (0.5, "0.5"), (True, "true"), (False, "false"), (" 4 ", "4"), (["4"], "4")]
)
def test_golds_of_other_types(load, jsonl, gold, kept) -> None:
    imported = load(jsonl([{**GOOD, "answer": gold}]))
    assert imported.questions["gold"].to_list() == [kept]


def test_text_that_neither_utf8_nor_parquet_can_hold(load, folder) -> None:
    (folder / "rows.jsonl").write_text(
        '{"question": "a \\ud800 b\\u0000?", "answer": "\\udfff", "image": "1.png", "id": "\\ud800"}'
    )
    imported = load(folder / "rows.jsonl")
    assert imported.questions.select("question", "gold", "source_id").rows() == [("a ? b?", "?", "?")]


def test_the_same_question_again_is_a_duplicate(load, jsonl) -> None:
    rows = [GOOD, {**GOOD, "answer": "Yes"}, {**GOOD, "image": "8.png"}, GOOD]
    imported = load(jsonl(rows))
    assert reasons(imported) == ["duplicate_question"] * 2
    assert len(imported.questions) == 2
    assert imported.questions["question_id"][0] in imported.decisions["detail"][0]
    ids = [*imported.questions["question_id"], *imported.decisions["id"]]
    assert len(set(ids)) == 4  # a question left out has an id of its own


def test_of_contradicting_golds_none_is_trusted(load, jsonl) -> None:
    imported = load(jsonl([{**GOOD, "answer": "no"}, GOOD, GOOD, {**GOOD, "image": "8.png"}]))
    assert reasons(imported) == ["conflicting_gold"] * 3
    assert "no | yes" in imported.decisions["detail"][0]
    assert len(imported.questions) == 1


def test_letters_and_texts_of_one_choice_agree(load, jsonl) -> None:
    row = {**GOOD, "choices": ["3", "4"]}
    imported = load(jsonl([{**row, "answer": "B"}, {**row, "answer": "4"}, {**row, "answer": "(b)"}]))
    assert reasons(imported) == ["duplicate_question"] * 2
    assert imported.questions["gold"].to_list() == ["B"]
    numbers = load(jsonl([{**GOOD, "answer": "3.0"}, {**GOOD, "answer": "3"}], "numbers.jsonl"))
    assert reasons(numbers) == ["duplicate_question"]


def options(*golds: object, choices: tuple[str, ...] = ("cat", "dog", "cow")) -> list[dict]:
    return [{**GOOD, "question": f"Question {n}?", "answer": gold, "choices": choices} for n, gold in enumerate(golds)]


def test_golds_by_index_become_letters(load, jsonl) -> None:
    imported = load(jsonl(options(0, 2, 1)))
    assert imported.questions["gold"].to_list() == ["A", "C", "B"]


def test_golds_counted_from_one_are_noticed(load, jsonl) -> None:
    with pytest.raises(OvtError, match='set gold_is = "number"'):
        load(jsonl(options(1, 2, 3)))
    assert load(jsonl(options(1, 2, 3)), gold_is="number").questions["gold"].to_list() == ["A", "B", "C"]
    assert reasons(load(jsonl(options(0, 2, 3)))) == ["gold_not_in_choices"]
    assert reasons(load(jsonl(options("cat", "B", 3)))) == ["gold_not_in_choices"]


def test_a_number_among_letters_is_ambiguous(load, jsonl) -> None:
    imported = load(jsonl(options("A", "dog", 1)))
    assert reasons(imported) == ["ambiguous_gold"]
    assert load(jsonl(options(0, 1, 2)), gold_is="index").decisions.is_empty()


def test_numeric_choices_are_texts_unless_the_source_counts(load, jsonl) -> None:
    counts = options("1", "2", choices=("1", "2", "3"))
    assert load(jsonl(counts)).questions["gold"].to_list() == ["1", "2"]
    imported = load(jsonl([*options(1, choices=("1", "2")), *options(0, 0)[1:]]))
    assert reasons(imported) == ["ambiguous_gold"]
    assert imported.questions["gold"].to_list() == ["A"]


def test_tags_stay_where_they_say_something(load, jsonl) -> None:
    both = ["1.png", "2.png"]
    rows = [
        {"question": "<image>\n<image>\nWhich?", "answer": "a", "image": both},
        {"question": "Which?\n<image><image>", "answer": "b", "image": both[::-1]},
        {"question": "Is <image> above <image>?", "answer": "no", "image": both},
        {"question": "<image> Is <image> above it?", "answer": "no", "image": both},
        {"question": "Is <image 2> above?", "answer": "no", "image": both},
    ]
    kept = load(jsonl(rows)).questions["question"].to_list()
    assert kept == ["Which?", "Which?", *(row["question"] for row in rows[2:])]


def test_equal_golds_are_judged_once_unless_the_machine_was_busy(monkeypatch) -> None:
    asked: list[list[str]] = []

    def lint(keys: list) -> list[str | None]:
        asked.append([gold for gold, _ in keys])
        return ["gold_takes_too_long" if gold == "slow" and len(asked) == 1 else None for gold, _ in keys]

    monkeypatch.setattr("ovt.curate.sources.faults.lint_golds", lint)
    check = GoldCheck()
    rows: list[list[dict[str, Any]]] = [
        [{"gold": gold, "choices": None, "read_as": None} for gold in ("7", "slow", "7")] for _ in range(2)
    ]
    for some in rows:
        check(some)
    assert asked == [["7", "slow"], ["slow"]]
    assert [row.get("reason") for some in rows for row in some] == [None, "gold_takes_too_long", *[None] * 4]


@pytest.mark.parametrize("accept", ["any", "all"])
def test_several_golds_that_count_from_1_are_a_mistake_of_the_recipe(load, jsonl, accept: str) -> None:
    row = {**GOOD, "choices": ["cat", "dog", "cow"]}
    rows = jsonl([{**row, "question": "One?", "answer": ["1", "3"]}, {**row, "question": "Two?", "answer": ["1", "2"]}])
    with pytest.raises(OvtError, match="numbers counted from 1"):
        load(rows, accept=accept)
    golds = load(rows, accept=accept, gold_is="number").questions["gold"].to_list()
    assert golds == (["A, C", "A, B"] if accept == "all" else ["A ||| C", "A ||| B"])
    from_0 = jsonl([{**row, "answer": ["0", "2"]}, {**row, "question": "Other?", "answer": ["1", "3"]}])
    imported = load(from_0, accept=accept)
    assert reasons(imported) == ["gold_not_in_choices"]
    assert imported.questions["gold"].to_list() == ["A, C" if accept == "all" else "A ||| C"]
