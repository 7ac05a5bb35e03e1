"""One row -> a question: what happens to its text."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.sources.columns import match_columns
from ovt.curate.sources.faults import IMAGE_TAG
from ovt.curate.sources.rows import read_texts, without_leading_tags
from ovt.curate.sources.section import SourceSection


@pytest.mark.parametrize(
    ("question", "bare"),
    [
        (" How many? ", "How many?"),
        ("<image>\n<image> How many?\n", "How many?"),
        ("How many?\n<image>", "How many?"),
        ("<image> How many in <image>?", "<image> How many in <image>?"),
        ("How many in <image 2>?", "How many in <image 2>?"),
        ("<image>", ""),
    ],
)
def test_tags_that_only_say_where_the_images_are(question: str, bare: str) -> None:
    assert without_leading_tags(question) == bare


def one_by_one(question: str) -> str:
    """The same in quadratic time."""

    def peeled(strip: Callable[[str, str], str]) -> str:
        bare, shorter = question.strip(), strip(question.strip(), "<image>").strip()
        while shorter != bare:
            bare, shorter = shorter, strip(shorter, "<image>").strip()
        return bare

    found = (peeled(strip) for strip in (str.removeprefix, str.removesuffix))
    return next((bare for bare in found if not IMAGE_TAG.search(bare)), question)


@given(st.lists(st.sampled_from(["<image>", "<image 1>", "<image", " ", "\n", "\x1f", "\u3000", "a"]), max_size=8))
def test_tags_are_taken_off_from_either_end(parts: list[str]) -> None:
    question = "".join(parts)
    assert without_leading_tags(question) == (one_by_one(question) if "<image" in question else question.strip())


def test_a_hostile_question_takes_linear_time() -> None:
    started = time.thread_time()
    for question in ("<image>" * 140_000 + "x<image>", "x<image>" + "<image>\n" * 120_000, "<image>" + " " * 900_000):
        without_leading_tags(question)
    assert time.thread_time() - started < 5  # quadratic time would be minutes


@pytest.mark.parametrize(
    ("row", "readings"),
    [
        ({"answer": ["A", "C"], "choices": "['x', 'y', 'z']"}, set()),
        ({"answer": ["A, C", "B"], "choices": "['x', 'y', 'z']"}, {"several golds"}),
        ({"answer": "A", "choices": r"['\theta', '\beta']"}, {"backslashes"}),
    ],
)
def test_what_older_versions_read_otherwise_is_noted(row: dict, readings: set[str]) -> None:
    """It is in the import's name, so that a build of before is not taken for the same."""
    section = SourceSection(path="x.jsonl", accept="all", without_image="keep")
    (record,) = read_texts({"question": "Which?", **row}, 0, section, match_columns(section, ["question", *row]))
    assert record.get("readings", set()) == readings
