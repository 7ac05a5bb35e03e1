import pytest
from pydantic import ValidationError

from ovt.curate.filters import reflection

TRUNCATE = {"mode": "truncate"}


@pytest.mark.parametrize(
    ("thinking", "kept"),
    [
        ("The bar is 12. Wait, it is 13. So 13.", "The bar is 12."),
        ("The bar is 12.\nWait, no.", "The bar is 12."),
        ("The bar is 12\n\nBut wait, no.", "The bar is 12"),
        ("Is it 12? Hmm.", "Is it 12?"),
        ("It is 12!\n- Wait", "It is 12!"),
        ('He says "12." Wait.', 'He says "12."'),
        ("It is 12.** Wait.", "It is 12.**"),
        ("It is 12… “Wait, what?”", "It is 12…"),
        ("π ≈ 3 × 1. Wait", "π ≈ 3 × 1."),
        ("A. But the question asks. Wait.", "A."),
        ("One. Hold on. Two. Wait.", "One."),
        # a cue that is not at the start of a sentence, or only looks like one
        ("We must Wait. It is 12.", None),
        ("It is 12, wait, 13.", None),
        ("It is 12. Waiting is over.", None),
        ("It is 12. wait", None),
        ("x.Wait", None),
    ],
)
def test_the_thinking_is_cut_at_the_first_cue_at_a_sentence_start(thinking, kept, filtered, response_of):
    text = response_of(thinking, solution="Wait, it is said. Wait.")
    response, edit = filtered(text, format={"mode": "rewrite"}, reflection=TRUNCATE)
    assert response == (text if kept is None else response_of(kept, solution="Wait, it is said. Wait."))
    assert edit == (None if kept is None else f"reflection cut after {len(kept.split())} words")


@pytest.mark.parametrize("thinking", ["Wait, what?", "  \n Wait", '"Hmm, no."'])
def test_a_thinking_that_starts_with_a_cue_leaves_nothing(thinking, filtered, response_of):
    assert filtered(response_of(thinking), reflection=TRUNCATE) == (None, "empty_thinking")


def test_without_rewriting_the_rest_of_the_text_stays_to_the_letter(filtered):
    text = "<think> A bar. Wait, no. </think> Wait: \\boxed{12} "
    response, edit = filtered(text, reflection=TRUNCATE)
    assert response == "<think> A bar. </think> Wait: \\boxed{12} "
    assert edit == "reflection cut after 2 words"


@pytest.mark.parametrize("text", ["A bar. Wait, no.", "<think>A. Wait</think><think>B. Wait</think>", "<think>A. Wait"])
def test_a_text_that_has_not_one_thinking_is_not_edited(text, filtered):
    assert filtered(text, reflection=TRUNCATE) == (text, None)


def test_drop_counts_the_cues(filtered, response_of):
    text = response_of("A. Wait. Hmm. Wait, and wait.")
    assert filtered(text, reflection={"mode": "drop", "max_count": 3}) == (text, None)
    assert filtered(text, reflection={"mode": "drop", "max_count": 2}) == (None, "too_reflective")
    assert filtered(response_of("A."), reflection={"mode": "drop"})[1] is None


def test_cues_are_the_recipes_and_are_no_patterns(filtered, response_of):
    cues = {"mode": "truncate", "cues": ["Moment (", "Stop."]}
    assert filtered(response_of("A. Wait. Moment (no). B"), reflection=cues)[0] == response_of("A. Wait.")
    assert filtered(response_of("A. Stopx"), reflection=cues)[1] is None
    with pytest.raises(ValidationError, match="empty cue"):
        reflection.ReflectionSection(cues=("Wait", " "))


@pytest.mark.parametrize(
    ("cue", "thinking", "kept"),
    [
        ("等等", "是十二。等等，我再看。", "是十二。"),
        ("等等", "是十二。\n等等我再看。", "是十二。"),
        ("等等", "是十二。” 等等，我再看。", "是十二。”"),
        ("等等", "苹果、香蕉等等，共十二。", None),
        ("Espérà", "È 12. Espérà, no.", "È 12."),
        ("Espérà", "È 12. Espéràs.", None),
        ("Но", "Это 12. Но нет.", "Это 12."),
        ("Но", "Это 12. Ночь.", None),
        ("Wait", "是十二。Wait", None),
    ],
)
def test_cues_in_other_scripts_are_words_too(cue, thinking, kept, filtered, response_of):
    text = response_of(thinking)
    response, _ = filtered(text, reflection=TRUNCATE | {"cues": [cue]})
    assert response == (text if kept is None else response_of(kept))
