import pytest
from pydantic import ValidationError

from ovt.curate.filters.mentions import MentionsSection

SAYS = "<think>According to The Caption, red.</think><answer>red</answer>"


def test_a_mention_is_marked_or_dropped_or_not_looked_for(filtered):
    assert filtered(SAYS, mentions={"mode": "mark"}) == (SAYS, 'says "The Caption"')
    assert filtered(SAYS, mentions={"mode": "drop"}) == (None, "mentions_caption")
    assert filtered(SAYS, mentions={"mode": "off"}) == (SAYS, None)


@pytest.mark.parametrize("text", ["A caption", "the captain", "a description of it"])
def test_other_words_are_no_mention(text, filtered):
    assert filtered(text, mentions={"mode": "drop"}) == (text, None)


def test_phrases_are_the_recipes(filtered):
    assert filtered("so the text says", mentions={"mode": "drop", "phrases": ["the text"]})[1] == "mentions_caption"
    with pytest.raises(ValidationError, match="empty phrase"):
        MentionsSection(phrases=("the text", ""))


def test_what_the_reflection_filter_cut_away_does_not_count(filtered, response_of):
    text = response_of("Red. Wait, the caption says blue.")
    edited = {"reflection": {"mode": "truncate"}, "mentions": {"mode": "drop"}}
    assert filtered(text, **edited) == (response_of("Red."), "reflection cut after 1 words")
