from typing import Any

import pytest

from ovt.curate.sources.choices import labels_of, lost_backslashes, read_choices
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.named_choice import read_gold


@pytest.mark.parametrize(
    "cell",
    [
        ["3", "4", "5"],
        ("3", "4", "5"),
        [3, 4.0, "5 "],
        "['3', '4', '5']",
        '["3", "4", "5"]',
        "[3, 4, 5]",
        {"A": "3", "B": "4", "C": "5"},
        {"B": "4", "C": "5", "A": "3", "D": None},
        '{"A": "3", "B": "4", "C": "5"}',
        {"label": ["A", "B", "C"], "text": ["3", "4", "5"]},
        "A. 3\nB. 4\nC. 5",
        "(A) 3 (B) 4 (C) 5",
        "A) 3; B) 4; C) 5",
        "3\n4\n5",
        ["A. 3", "B. 4", "C. 5"],
        ["3", "4", "5", None, None],
        "['3' '4'\n '5']",  # as numpy prints; Python would join the three
        "3; 4; 5",
        "3|4|5",
        "3 ||| 4 ||| 5",
        [{"label": "A", "text": "3"}, {"label": "B", "text": "4"}, {"label": "C", "text": "5"}],
        '[{"id": 1, "content": "3"}, {"id": 2, "content": "4"}, {"id": 3, "content": "5"}]',
    ],
)
def test_every_shape_of_choices(cell: Any) -> None:
    assert read_choices(cell) == ("3", "4", "5")


@pytest.mark.parametrize("cell", [None, "", "  ", [], "[]", {}, [None, None]])
def test_no_choices(cell: Any) -> None:
    assert read_choices(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        "one, two",
        ["only one"],
        ["a", None, "b"],
        ["a", ""],
        [str(n) for n in range(27)],
        "|3| + |x|",
        "cat;",
        "__import__('os').system('true')",
        "[" * 5_000 + "]" * 5_000,
        "(" * 100_000,
        "[" + "-" * 15_000 + "1]",
        7,
        [["a", "b"], ["c"]],
    ],
)
def test_what_cannot_be_choices(cell: Any) -> None:
    with pytest.raises(Unfit) as unfit:
        read_choices(cell)
    assert unfit.value.reason == "unparseable_choices"


def test_options_by_number_are_found_by_their_numbers() -> None:
    """GEOS: {"1": "70", …}, and the gold is a key."""
    cell = {"1": "70", "2": "80", "3": "90"}
    assert labels_of(cell) == ("1", "2", "3")
    assert read_gold("3", read_choices(cell), "auto", labels_of(cell))[:3] == ("C", 2, None)
    with pytest.raises(Unfit) as unfit:
        read_gold("2", ("1", "2", "3"), "auto", ("3", "1", "2"))
    assert unfit.value.reason == "ambiguous_gold"


@pytest.mark.parametrize(
    "cell", [{"A": "x", "B": "y"}, {"0": "x", "1": "y"}, ["x", "y"], None, "{", {"label": "A", "text": ["x"]}]
)
def test_usual_labels_are_read_as_letters_and_indexes(cell: Any) -> None:
    assert labels_of(cell) == ()


def test_options_that_are_pictures_have_a_reason_of_their_own() -> None:
    placeholders = ["(image)[image-2.png]", "[image-3.jpg]"]  # https://github.com/DAMO-NLP-SG/M3Exam/issues/5
    for cell in (["choice_0.png", "choice_1.png"], [{"bytes": b"x", "path": None}] * 2, placeholders):
        with pytest.raises(Unfit) as unfit:
            read_choices(cell)
        assert unfit.value.reason == "picture_choices"
    assert read_choices(["[1, 2]", "[2, 3]"]) == ("[1, 2]", "[2, 3]")


@pytest.mark.parametrize(
    ("cell", "choices", "lost"),
    [
        (r"['\frac{1}{2}', '\theta', '\beta']", (r"\frac{1}{2}", r"\theta", r"\beta"), True),
        (r'["\frac{1}{2}", "\nabla \to"]', (r"\frac{1}{2}", r"\nabla \to"), True),
        (r"{'A': '\upsilon', 'B': '\xi'}", (r"\upsilon", r"\xi"), True),
        (r"['\tan x', '\text{cm}']", (r"\tan x", r"\text{cm}"), True),
        (r"['\sqrt{2}', '\pi']", (r"\sqrt{2}", r"\pi"), False),  # no escapes
        (r"['\\frac{1}{2}', '\\theta']", (r"\frac{1}{2}", r"\theta"), False),
        (r'["\\frac{1}{2}", "\u00e9\nb"]', (r"\frac{1}{2}", "é\nb"), False),
        (r"['1)\tan apple', '2)\texternal', '\x41\nnot']", ("1)\tan apple", "2)\texternal", "A\nnot"), False),
    ],
)
def test_backslashes_that_nobody_doubled(cell: str, choices: tuple[str, ...], lost: bool) -> None:
    assert (read_choices(cell), lost_backslashes(cell)) == (choices, lost)
