"""An answer is read without its gold: whatever one text earns for must be one answer."""

import json
from itertools import combinations
from pathlib import Path

import pytest

from ovt.verifiers.check import read_gold
from ovt.verifiers.reading import Reading, judge, read_text

STYLES = Path(__file__).parent / "styles.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "verifier_cases"

TEMPLATES = [
    "{} {}", "{}, {}", "{}; {}", "{}. {}", "{}\n{}", "{} or {}", "{} and {}", "{}/{}", "{} | {}", "either {} or {}",
    "{} ≈ {}", "{} i.e. {}", "{}, that is {}", "{} (or {})", "{} ({})", "<answer>{}</answer><answer>{}</answer>",
    "\\boxed{{{}}}\\boxed{{{}}}", "\\boxed{{{}}} or \\boxed{{{}}}", "The answer is {}. The answer is {}.",
    "The answer is {}. Or {}.", "It is {}. It is {}.", "It is {}, and it is {}.", "{} = {}", "{}, also {}",
    "first {}, then {}", "maybe {}, maybe {}", "{} respectively {}", "Answer: {}\nAnswer: {}", "{} oder {}",
    "{} ou {}", "{}或{}",
]  # fmt: skip
PAIRS = [
    ("7", "8"), ("0.25", "0.75"), ("3/4", "4/3"), ("21 cm", "21 m"), ("5 apples", "5 oranges"), ("90°", "60°"),
    ("3:7", "3:1"), ("9:45", "9:30"), ("2020-01-15", "2020-01-16"), ("2, 3", "2, 4"), ("(3, 4)", "(4, 3)"),
    ("[0, 1)", "(0, 1]"), ("x > 5", "x < 5"), ("\\sqrt{2}", "\\sqrt{3}"), ("x^2 + 1", "x^2 - 1"), ("Yes", "No"),
    ("Paris", "London"), ("C", "A"), ("二十", "三十"), ("是", "不是"),
    ("5平方厘米", "6平方厘米"),
    ("2π", "3π"), ("y = 2x + 1", "y = 2x - 1"),
]  # fmt: skip


def earns(reading: Reading, gold: str) -> bool:
    return judge(reading, read_gold(gold, None, "auto")).outcome == "correct"


@pytest.mark.parametrize("template", TEMPLATES)
def test_two_answers_never_earn_for_both(template: str) -> None:
    for pair in [*PAIRS, *((right, left) for left, right in PAIRS)]:
        reading = read_text(template.format(*pair), None)
        assert not (earns(reading, pair[0]) and earns(reading, pair[1])), template.format(*pair)


PROSE = [
    ("The bar for 2018 is 45 and the bar for 2019 is 60.", "45", "60"),
    ("The radius is 5, so the diameter is 10.", "10", "5"),
    ("Sales were 12 million in 2020, up from 10 million in 2019.", "12 million", "10 million"),
    ("It costs $12, which is $3 less than last year.", "$12", "$3"),
    ("There are 5 dogs, more than the 3 cats.", "5", "3"),
    ("The train travels 60 miles in 2 hours.", "60 miles", "2 hours"),
    ("The mean is 6.5 for the 4 values.", "6.5", "4"),
    ("The score is 8 out of 10.", "8", "10"),
    ("About 1 in 5 people chose it.", "1", "5"),
    ("It is 7, compared to 9 last year.", "7", "9"),
    ("The difference between 45 and 30 is 15.", "15", "45"),
    ("图中有3个圆和5个三角形。", "3", "5"),
    ("半径是5，所以直径是10。", "10", "5"),
]


@pytest.mark.parametrize(("text", "said", "other"), PROSE)
def test_prose_with_two_numbers_earns_for_one_at_most(text: str, said: str, other: str) -> None:
    reading = read_text(text, None)
    assert not earns(reading, other)
    assert not (earns(reading, said) and earns(reading, other))


OPTIONAL = frozenset(["number", "quantity", "expression", "ratio", "equation", "list", "set", "tuple", "inequality"])
"""Kinds with a part that may be missing on one side: a unit, a percent sign, a name, the brackets of a list."""


def unequal_pairs(texts: list[str], golds: list[str]) -> list[tuple[str, str, str]]:
    """(text, gold, gold) where a text earns for two golds that do not equal each other, beside what is optional."""
    read = {gold: read_gold(gold, None, "auto") for gold in golds}
    found = []
    for text in texts:
        reading = read_text(text, None)
        earned = [gold for gold, wanted in read.items() if judge(reading, wanted).outcome == "correct"]
        for left, right in combinations(earned, 2):
            equal = any(judge(read[a], read[b]).outcome == "correct" for a, b in ((left, right), (right, left)))
            if not equal and not {(read[gold].value or read[gold].words).name for gold in (left, right)} <= OPTIONAL:
                found.append((text, left, right))
    return found


def cases(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_golds_that_one_text_earns_for_equal_each_other() -> None:
    rows = [row for row in cases(STYLES) if not row["choices"] and "answer" in row][::5]
    golds = list(dict.fromkeys(row["gold"] for row in rows))
    assert unequal_pairs([row["answer"] for row in rows], golds) == []
