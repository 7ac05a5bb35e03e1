"""The teacher's chains: the format, the shares of right, reflecting and long ones, and the behaviour families."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from teacher import REASON_PROMPT, SEEN_WORDS, ask, chain, direct, glance, seen_chain

from ovt.pocket.figures import FAMILIES, FigureQuestion, draw

FORMAT = re.compile(r"<think>([^<>]+)</think>\n([^<>\n]+)\n<answer>([^<>\n]+)</answer>")


def examples(n: int = 250) -> Iterator[tuple[FigureQuestion, str]]:
    """A question of each of `n` figures per family, with a chain."""
    for family in FAMILIES:
        for seed in range(n):
            rng = random.Random(seed)
            question = rng.choice(draw(family, seed).questions)
            yield question, chain(question, rng)


@pytest.fixture(scope="module")
def written() -> list[tuple[FigureQuestion, str]]:
    return list(examples())


def answer_of(text: str) -> str:
    match = FORMAT.fullmatch(text)
    assert match, text
    return match[3]


def share(written: list[tuple[FigureQuestion, str]], pattern: str) -> float:
    """The share of chains whose text matches."""
    return sum(bool(re.search(pattern, text)) for _, text in written) / len(written)


def test_every_chain_keeps_the_format(written):
    for _, text in written:
        match = FORMAT.fullmatch(text)
        assert match, text
        assert match[3] in match[2]


def test_a_wrong_chain_is_the_slip_and_rare(written):
    wrong = [(question, answer_of(text)) for question, text in written]
    wrong = [(question, answer) for question, answer in wrong if answer != question.gold]
    assert all(question.slip and question.slip.gold == answer for question, answer in wrong)
    assert 0.03 < len(wrong) / len(written) < 0.09


def test_shares_of_reflection_and_of_talk_about_the_caption(written):
    assert 0.30 < share(written, r"(?:^|[.?>] )(?:Wait|But wait)\b") < 0.40
    assert 0.10 < share(written, r"caption|description") < 0.20
    assert 0.05 < share(written, r"not right|is wrong|No, I made a mistake") < 0.11


def test_all_five_behaviour_families_occur(written):
    families = {
        "visual": r"\b(identify|recall)\b",
        "digest": r"\b(given|provided)\b",
        "plan": r"\b[Ff]irst\b",
        "reflection": r"\b([Ww]ait|check)\b",
        "alternate": r"\b[Mm]aybe\b",
    }
    assert all(share(written, pattern) > 0.08 for pattern in families.values())


def test_a_corrected_chain_ends_right(written):
    for question, text in written:
        if re.search(r"not right|is wrong|No, I made a mistake", text):
            assert answer_of(text) == question.gold


def test_lengths_vary(written):
    lengths = sorted(len(re.findall(r"[A-Za-z]+|\d|[^\w\s]", text)) for _, text in written)
    assert lengths[0] >= 20
    assert 45 <= lengths[len(lengths) // 2] <= 70
    assert lengths[-1] > 100


def test_the_same_seed_writes_the_same_chain():
    question = draw("bars", 0).questions[0]
    assert chain(question, random.Random(4)) == chain(question, random.Random(4))
    assert len({chain(question, random.Random(seed)) for seed in range(50)}) > 30


def test_a_direct_answer_is_the_gold_alone():
    question = draw("tables", 1).questions[0]
    assert direct(question, random.Random(0)) == f"<answer>{question.gold}</answer>"


def test_options_are_lettered_lines_below_the_question():
    assert ask("Which icon comes next?", ("star", "moon")) == "Which icon comes next?\nA. star\nB. moon"
    assert ask("How many?", None) == "How many?"
    prompt = REASON_PROMPT.format(caption="A triangle.", question=ask("What?", ("1", "2")))
    assert prompt == "Figure: A triangle.\nQuestion: What?\nA. 1\nB. 2\nThink step by step."


def test_figures_load_without_torch():
    program = "import sys, ovt.pocket.figures; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "ovt.pocket.figures" in loaded
    assert "torch" not in loaded


def test_a_glance_names_the_answer_and_nothing_else():
    for question, _ in examples(5):
        said = glance(question, random.Random(1))
        assert answer_of(said) == question.gold
        assert said.count(".") <= 3
        assert not any(step in said for step in question.steps if question.gold not in step)


def test_beside_a_picture_no_chain_speaks_of_a_caption():
    for number, (question, _) in enumerate(examples(20)):
        said = seen_chain(question, random.Random(number))
        assert FORMAT.fullmatch(said)
        assert not re.search("caption|description", said)
        assert len(said.split()) <= SEEN_WORDS
