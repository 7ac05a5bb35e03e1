"""Questions that ask what an earlier one asks."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ovt.core.errors import OvtError, RecipeError
from ovt.core.section import read_section
from ovt.curate.screen.dedup import DedupSection, candidates, earliest_near, follow, run
from ovt.curate.screen.fingerprints import pictures_in


@pytest.fixture
def again(home):
    """(id, its twin) of each question that dedup drops."""

    def find(questions, **settings):
        kept, gone, decisions = run(questions, pictures_in(questions, home), DedupSection(**settings))
        assert len(kept) + len(gone) == len(questions)
        assert gone["question_id"].to_list() == decisions["id"].to_list()
        assert set(decisions["reason"]) <= {"near_duplicate"}
        return {
            int(id_, 16): int(why.split()[1].rstrip(":"), 16) for id_, why in decisions.select("id", "detail").rows()
        }

    return find


def test_the_same_picture_in_other_bytes(ask, again, figures):
    small = figures[0].resize((84, 84), Image.Resampling.LANCZOS)
    assert again(ask((figures[0], "How many?", "3"), (figures[1], "How many?", "3"), (small, "how many", "3.0"))) == {
        2: 0
    }


def test_the_same_picture_with_another_question_stays(ask, again, figures):
    assert again(ask((figures[0], "How many bars?", "3"), (figures[0], "Which bar is highest?", "3"))) == {}


def test_the_same_question_about_another_picture_stays(ask, again, figures):
    assert again(ask(*((figure, "Is there a shape?", "yes") for figure in figures[:8]))) == {}


def test_another_gold_is_no_duplicate(ask, again, figures):
    assert again(ask((figures[0], "Which is it?", "red"), (figures[0], "which is it", "blue"))) == {}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (
            "What is the value of the tallest bar in the chart above? Give a whole number.",
            "What is the value of the tallest bar in the chart above? Give it as a whole number.",
            True,
        ),
        (
            "What is the value of the tallest bar in the chart above? Give a whole number.",
            "WHAT IS THE VALUE OF THE TALLEST BAR IN THE CHART ABOVE? GIVE A WHOLE NUMBER.",
            True,
        ),
        (
            "Is the sum of the two bars more than 12 in total?",
            "Is the sum of the two bars more than 13 in total?",
            False,
        ),
        ("What is the length of the side AB in the figure?", "What is the length of the side AC in the figure?", False),
        (
            "Is there a red square to the left of the circle?",
            "Is there not a red square to the left of the circle?",
            False,
        ),
        ("How many red bars are there?", "How many blue bars are there?", False),
    ],
)
def test_near_texts(ask, again, figures, first, second, same):
    assert again(ask((figures[0], first, "yes"), (figures[0], second, "yes"))) == ({1: 0} if same else {})


def test_only_equal_words_where_asked(ask, again, figures):
    questions = ask(
        (figures[0], "What is the value of the tallest bar in the chart above? Give a whole number.", "3"),
        (figures[0], "What is the value of the tallest bar in the chart above? Give it as a whole number.", "3"),
        (figures[0], "what is the value of the tallest bar in the chart above, give a whole number", "3"),
    )
    assert again(questions, min_similarity=1) == {2: 0}


def test_choices_in_another_order_are_the_same_question(ask, again, figures):
    asked = [
        (figures[0], "Which?", "A", ["red", "blue"]),
        (figures[0], "Which?", "B", ["blue", "red"]),
        (figures[0], "Which?", "A", ["blue", "red"]),
        (figures[0], "Which?", "A", ["red", "green"]),
    ]
    assert again(ask(*asked)) == {1: 0}


def test_every_image_of_a_question_counts(ask, again, figures):
    one, two, three = figures[:3]
    half = one.resize((84, 84), Image.Resampling.LANCZOS)
    asked = [
        ([one, two], "Same?", "no"),
        ([one, three], "Same?", "no"),
        ([two, one], "Same?", "no"),
        ([half, two], "Same?", "no"),
    ]
    assert again(ask(*asked)) == {3: 0}


def test_the_first_of_many_stays_and_all_name_it(ask, again, figures, jpeg):
    asked = [(jpeg(figures[3], quality), f"How many{'?' * at}", "2") for at, quality in enumerate((95, 94, 93, 92, 91))]
    assert again(ask(*asked)) == {1: 0, 2: 0, 3: 0, 4: 0}


def test_without_rensa_one_line_says_what_to_install(ask, again, figures, monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    questions = ask((figures[0], "How many bars?", "3"), (figures[0], "How many bars are there?", "3"))
    assert again(questions, min_similarity=1) == {}
    with pytest.raises(OvtError, match=r"needs rensa, which is not installed; pip install 'ovt\[similar\]'$"):
        again(questions)


def test_nothing_to_compare(ask, again):
    assert again(ask()) == {}


@pytest.mark.parametrize("settings", [{"max_bits": 49}, {"min_similarity": 0}, {"max_color": 3}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(RecipeError):
        read_section(DedupSection, settings, "dedup")


# Who may be near whom.

TABLES = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=30).map(np.array)


@given(TABLES)
def test_rows_come_to_an_earlier_one_that_is_near(bands):
    found = earliest_near(bands, lambda rows, others: (bands[rows] == bands[others]).all(1))
    assert (found <= np.arange(len(bands))).all()
    assert (bands[found] == bands).all()


def test_equal_rows_come_to_the_first():
    found = earliest_near(np.ones((20, 3), int), lambda rows, others: np.ones(len(rows), bool))
    assert found.tolist() == [0] * 20


@given(TABLES)
def test_candidates_share_a_band_and_come_earlier(bands):
    for rows, others in candidates(bands):
        assert (others < rows).all()
        assert (bands[rows] == bands[others]).any(1).all()


@pytest.mark.parametrize("count", [10, 1_000])
def test_the_work_grows_with_the_rows_however_alike_they_are(count):
    pairs = sum(len(rows) for rows, _ in candidates(np.zeros((count, 4), int)))
    assert pairs <= 2 * 4 * count


def test_chains_lead_to_their_first():
    assert follow(np.array([0, 0, 1, 2, 4])).tolist() == [0, 0, 0, 0, 4]
