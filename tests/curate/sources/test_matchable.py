import time
from typing import Any

import polars as pl
import pytest

from ovt.core.home import Home
from ovt.core.untrusted import parse_toml
from ovt.curate.sources.golds import read_gold_text
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.matchable import LONG, advice, pattern_for, rule_of, suspects
from ovt.curate.sources.section import SourceSection
from ovt.verifiers import verify


@pytest.mark.parametrize(
    ("question", "gold", "rule"),
    [
        ("Is the bar red?", "1", "gold_is_number"),
        ("In the figure, does A touch B?", "0", "gold_is_number"),
        ("Look.\nAre there cats?", "1", "gold_is_number"),
        ("Is it 0 or 1?", "1", None),
        ("How many bars are red?", "1", None),
        ("Is the bar red?", "2", None),
        ("Is the bar red?", "True", "gold_is_boolean"),
        ("True or false: the bar is red.", "True", None),
        ("Which point is highest?", "B", "gold_is_letter"),
        ("Which letter comes first?", "B", None),
        ("Which is it?", "I", None),
        ("Why?", "word " * (LONG + 1), "gold_is_chain"),
        ("Why?", "<SUMMARY> a </SUMMARY> <CONCLUSION> b </CONCLUSION>", "gold_is_chain"),
        ("Why?", "<think> b </think> It is 7.", "gold_is_chain"),
        ("Why?", "<b>bold</b>", None),
        ("Is it?", "0 ||| 1", "gold_is_number"),
    ],
)
def test_golds_that_cannot_be_meant(question: str, gold: str, rule: str | None) -> None:
    assert rule_of(question, gold, options=False) == rule
    assert rule_of(question, gold, options=True) is None


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [("Is the bar red?", "1", "Yes"), ("Is the bar red?", "false", "No"), ("Why?", "It is. " * 70, "It is.")],
)
def test_what_is_reported_is_what_answers_cannot_match(question: str, gold: str, answer: str) -> None:
    assert rule_of(question, gold, options=False)
    assert verify(answer, gold).outcome != "correct"


@pytest.mark.parametrize(
    "chain",
    [
        "<REASONING> Long. </REASONING>\n<CONCLUSION> 7 </CONCLUSION>",
        "Two and five.\n#### 7",
        "Two and five make it.\nThe answer is 7.",
        "Two and five make it.\nAnswer: 7",
        "So it is clear.\n**Final Answer:** 7",
        "<think>\nSo it is.\n</think>\n\n**Final Answer**: 7",
    ],
)
def test_the_pattern_that_is_proposed_reads_the_chain(chain: str) -> None:
    section = SourceSection(
        path="x.jsonl", **parse_toml(advice("gold_is_chain", chain))
    )  # as it is copied into a recipe
    assert read_gold_text(chain, section) == "7"


def test_hostile_golds_take_linear_time() -> None:
    started = time.thread_time()
    for text in ("<aaa>" * 50_000, "answer is " * 20_000, "is a, " * 20_000, "final answer" + "*" * 100_000):
        rule_of(text, text, options=False)
        pattern_for(text)
    assert time.thread_time() - started < 5


def test_an_import_says_what_its_recipe_lacks(home: Home, jsonl) -> None:
    rows = [{"question": f"Is bar {n} red?", "answer": n % 2, "image": "0.png"} for n in range(4)]
    path = str(jsonl(rows))
    for _ in range(2):  # the second import is found
        notes = import_sources([SourceSection(path=path)], home).notes
        assert notes[-1] == (
            "source rows: 4 of 4 golds can hardly be matched (gold_is_number): gold '0'; "
            'gold_map = {0 = "No", 1 = "Yes"}'
        )
    mapped = SourceSection(path=path, gold_map={"0": "No", "1": "Yes"})
    made = import_sources([mapped], home)
    assert made.questions["gold"].to_list() == ["No", "Yes", "No", "Yes"]
    assert not any("matched" in note for note in made.notes)


def test_suspects_are_those_that_break_a_rule() -> None:
    golds = ["0", "1", "TRUE", "False", "B", "(c).", "I", "10", "no", "x " * (LONG + 1), "<a>", "</think>7", "0 ||| 1"]
    golds += ["<GOAL>a</GOAL><ANSWER>b</ANSWER>", "", "trueish", "1 ||| dog", "A ||| B"]
    asked = ["Is the bar red?", "How many?", "Which letter?"]
    rows: list[dict[str, Any]] = [
        {"question_id": f"{n} {gold}", "question": question, "gold": gold, "choices": choices}
        for n, question in enumerate(asked)
        for gold in golds
        for choices in (None, [], ["cat", "dog"])
    ]
    expected = [
        (row["question_id"], rule)
        for row in rows
        if (rule := rule_of(row["question"], row["gold"], bool(row["choices"])))
    ]
    schema = {"question_id": pl.String, "question": pl.String, "gold": pl.String, "choices": pl.List(pl.String)}
    assert suspects(pl.DataFrame(rows, schema)).select("question_id", "rule").rows() == expected
    assert len(expected) > len(golds)
