"""Golds follow from captions: a second solver, written apart from the generator, reads the caption's words and answers.

It knows no figure, only text, so it also shows that the caption holds all that a question needs.
"""

import random
import re
from collections.abc import Callable

import pytest

from ovt.pocket.figures import FAMILIES, Figure, FigureQuestion, draw

COLORS = ("black", "gray", "red", "green", "blue", "brown", "yellow", "teal")


def answer(caption: str, question: str) -> str:
    """The answer of the first rule whose pattern is the question (no options considered)."""
    for pattern, rule in _RULES:
        match = re.fullmatch(pattern, question)
        if match:
            return rule(caption, *match.groups())
    raise AssertionError(f"no rule for {question!r}")


def numbers(caption: str) -> dict[str, int]:
    """{"red": 3} from "The red bar is 3.", {"Ann": 4} from "Ann has 4." and so on, in order."""
    found = re.findall(r"(\w+)(?: bar| angle)? (?:is|has|are) (\d+)\.", caption)
    return {name: int(number) for name, number in found}


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, (pattern, text)
    return match[1]


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _more(caption: str, one: str, two: str) -> str:
    return _yes(numbers(caption)[one] > numbers(caption)[two])


def _gap(caption: str, one: str, two: str) -> str:
    return str(numbers(caption)[one] - numbers(caption)[two])


def _sum(caption: str, one: str, two: str) -> str:
    return str(numbers(caption)[one] + numbers(caption)[two])


def _all(caption: str) -> str:
    return str(sum(numbers(caption).values()))


def _value(caption: str, name: str) -> str:
    return str(numbers(caption)[name])


def _extreme(caption: str, end: str) -> str:
    table = numbers(caption)
    return (max if end in ("highest", "most") else min)(table, key=lambda name: table[name])


def _third(caption: str) -> int:
    return 180 - sum(numbers(caption).values())


def _area(caption: str) -> int:
    return numbers(caption)["width"] * numbers(caption)["height"]


def _moves(caption: str, move: str, before: str, after: str) -> str:
    table = numbers(caption)
    return _yes((table[after] > table[before]) == (move == "rise"))


def _bc(caption: str) -> str:
    return _gap(caption, "AC", "AB")


def _things(caption: str) -> list[str]:
    return [thing for row in re.findall(r"row: ([^.]*)\.", caption) for thing in row.split(", ")]


def _count(caption: str, words: str) -> int:
    word = words.removesuffix(" shapes").removesuffix("s")
    return sum(word in thing.split() for thing in _things(caption))


def _row(caption: str, end: str, row: str) -> str:
    things = _find(rf"{row} row: ([^.]*)\.", caption).split(", ")
    return things[0 if end == "first" else -1]


def _pattern(caption: str) -> list[str]:
    return _find(r"It is ([^.]*)\.", caption).split(", ")


def _next(caption: str) -> str:
    """The continuation by the shortest period that fits."""
    seen = _pattern(caption)
    for period in range(2, len(seen)):
        if all(seen[i] == seen[i - period] for i in range(period, len(seen))):
            return seen[len(seen) - period]
    raise AssertionError(seen)


def _icons(caption: str, name: str) -> str:
    return str(_pattern(caption).count(name if name == "fish" else name.removesuffix("s")))


def _part(caption: str, letter: str) -> str:
    return _find(rf"The (\w+) is {letter}\.", caption)


def _letter(caption: str, part: str) -> str:
    return _find(rf"The {part} is ([A-D])\.", caption)


def _food(caption: str, eater: str) -> str:
    return _find(rf"The {eater} eats the (\w+)\.", caption)


def _eater(caption: str, food: str) -> str:
    return _find(rf"The (\w+) eats the {food}\.", caption)


def _easy(caption: str, key: str) -> str:
    return _find(rf"The {key} is (\w+)\.", caption)


def _present(caption: str, what: str) -> bool:
    word = what.removesuffix(" shape")
    return _easy(caption, "color" if word in COLORS else "shape") == word


_RULES: list[tuple[str, Callable[..., str]]] = [
    (r"Is the (\w+) bar the highest\?", lambda c, name: _yes(_extreme(c, "highest") == name)),
    (r"Is the (\w+) bar higher than the (\w+) bar\?", _more),
    (r"What is the value of (?:the )?(\w+)(?: bar)?\?", _value),
    (r"How much higher is (?:the )?(\w+)(?: bar)? than (?:the )?(\w+)(?: bar)?\?", _gap),
    (r"Which (?:bar|month) is the (\w+)\?", _extreme),
    (r"How many bars are higher than (\d)\?", lambda c, n: str(sum(v > int(n) for v in numbers(c).values()))),
    (r"What is the sum of the two given angles\?", _all),
    (r"What is the sum of (?:the )?(\w+)(?: bar)? and (?:the )?(\w+)(?: bar)?\?", _sum),
    (r"Does the line (\w+) from (\w+) to (\w+)\?", _moves),
    (r"Is (\w+) higher than (\w+)\?", _more),
    (r"How many \w+ do (\w+) and (\w+) have in total\?", _sum),
    (r"How many shapes are there in total\?", lambda c: str(len(_things(c)))),
    (r"How many \w+ are there in total\?", _all),
    (r"How many more \w+ does (\w+) have than (\w+)\?", _gap),
    (r"Who has the (\w+) \w+\?", _extreme),
    (r"Does (\w+) have more \w+ than (\w+)\?", _more),
    (r"How many \w+ does (\w+) have\?", _value),
    (r"What is the (?:unknown|left|right|top) angle\?", lambda c: str(_third(c))),
    (r"Is the unknown angle more than (\d+)\?", lambda c, n: _yes(_third(c) > int(n))),
    (r"Is the (\w+)(?: angle)? more than the (\w+)(?: angle)?\?", lambda c, a, b: _more(c, a, b)),
    (r"Is the area more than (\d+)\?", lambda c, n: _yes(_area(c) > int(n))),
    (r"What is the area of the rectangle\?", lambda c: str(_area(c))),
    (r"What is the perimeter of the rectangle\?", lambda c: str(2 * sum(numbers(c).values()))),
    (r"What is the length of AC\?", _all),
    (r"What is the length of BC\?", _bc),
    (r"Is (AB|BC) more than (AB|BC)\?", _more),
    (r"How many (\w+) and (\w+) are there\?", _sum),
    (r"How many more (\w+) than (\w+) are there\?", _gap),
    (r"Which icon comes next\?", _next),
    (r"What comes next in the pattern\?", _next),
    (r"How many (\w+) are shown\?", _icons),
    (r"Which shape is the (\w+) in the (\w+) row\?", _row),
    (r"Is there a (\w+ \w+)\?", lambda c, thing: _yes(thing in _things(c))),
    (r"What does ([A-D]) point to\?", _part),
    (r"Which part is ([A-D])\?", _part),
    (r"Which part does the arrow ([A-D]) show\?", _part),
    (r"Which letter is the (\w+)\?", _letter),
    (r"Does ([A-D]) point to the (\w+)\?", lambda c, letter, part: _yes(_letter(c, part) == letter)),
    (r"What does the (\w+) eat\?", _food),
    (r"Which one does the (\w+) eat\?", _food),
    (r"What eats the (\w+)\?", _eater),
    (r"Does the (\w+) eat the (\w+)\?", lambda c, eater, food: _yes(_food(c, eater) == food)),
    (r"what (?:shape .*|is the \w+ shape)\?", lambda c: _easy(c, "shape")),
    (r"what .*color.*\?", lambda c: _easy(c, "color")),
]


def answer_any(caption: str, question: str) -> str:
    """As `answer`, with the rules that need to know which family the caption is of."""
    if caption.startswith("A picture") and not question.startswith("what"):
        what = _find(r"(\w+(?: shape)?)(?: in the image| present)?\?$", question)
        negated = bool(re.search(r"\b(not|no)\b", question))
        return _yes(_present(caption, what) != negated)
    if caption.startswith("Rows"):
        return _rows_of_icons(caption, question)
    if caption.startswith("A scene"):
        counted = re.fullmatch(r"How many (?!shapes are there in total)(.+) are there\?", question)
        if counted:
            return str(_count(caption, counted[1]))
        compared = re.fullmatch(r"Are there more (.+) than (.+)\?", question)
        if compared:
            return _yes(_count(caption, compared[1]) > _count(caption, compared[2]))
    return answer(caption, question)


def _rows_of_icons(caption: str, question: str) -> str:
    single = re.fullmatch(r"How many (\w+) are there\?", question)
    if single:
        return _value(caption, single[1])
    compared = re.fullmatch(r"Are there more (\w+) than (\w+)\?", question)
    return _more(caption, *compared.groups()) if compared else answer(caption, question)


def gold_text(question: FigureQuestion) -> str:
    """The gold, or the option that the gold's letter names."""
    return question.gold if question.choices is None else question.choices["ABCDEFGH".index(question.gold)]


def figures(family: str) -> list[Figure]:
    return [draw(family, seed) for seed in range(150)]


@pytest.mark.parametrize("family", FAMILIES)
def test_caption_answers_every_question(family: str):
    for figure in figures(family):
        for question in figure.questions:
            assert answer_any(figure.caption, question.question) == gold_text(question), figure.caption


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_calculate_correctly_and_end_at_the_gold(family: str):
    for figure in figures(family):
        for question in figure.questions:
            text = " ".join(question.steps)
            for left, sign, right, result in re.findall(r"(\d+) ([-+x]) (\d+) = (\d+)", text):
                a, b = int(left), int(right)
                assert {"+": a + b, "-": a - b, "x": a * b}[sign] == int(result)
            for left, negated, right in re.findall(r"(\d+) is (not )?more than (\d+)", text):
                assert (int(left) > int(right)) == (not negated)
            if question.gold not in ("yes", "no"):
                assert gold_text(question) in text


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_quote_only_the_caption_and_slips_do_not(family: str):
    """Every sentence of the caption's form that a step holds is in the caption."""
    quotable = re.compile(r"(?:The [a-z]+(?: bar| angle)? (?:is|are|eats the) \w+|[A-Z]\w\w? (?:is|has) \d+)\.")
    for figure in figures(family):
        for question in figure.questions:
            for quote in quotable.findall(" ".join(question.steps)):
                if not re.match(r"The (first|last) ", quote):
                    assert quote in figure.caption
            if question.slip:
                assert question.slip.gold != question.gold
                assert question.slip.steps != question.steps


def test_the_options_of_a_question_are_distinct_and_hold_the_gold():
    for family in FAMILIES:
        for figure in figures(family):
            for question in figure.questions:
                if question.choices is not None:
                    assert len(set(question.choices)) == len(question.choices) >= 3
                    assert question.gold in "ABCD"[: len(question.choices)]


def test_yes_and_no_are_balanced():
    """Yes and no are about as frequent in every family."""
    rng = random.Random(0)
    seen: dict[str, list[str]] = {}
    for family in FAMILIES:
        for seed in range(1000):
            question = rng.choice(draw(family, seed).questions)
            if question.gold in ("yes", "no"):
                seen.setdefault(family, []).append(question.gold)
    for family, golds in seen.items():
        assert 0.42 < golds.count("yes") / len(golds) < 0.58, family
