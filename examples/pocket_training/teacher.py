"""Writes the texts pocket learns from: the prompts, reasoning chains with natural variety, and direct answers.

The variety is the point. The curation stages need chains that are wrong, long, reflecting or speaking of "the caption",
and the paper's five behaviour families (visual, digest, plan, reflection, alternate) must all occur.
"""

import random
import re
from collections.abc import Sequence

from ovt.pocket.figures.figure import FigureQuestion

# The words that pocket is trained to answer to; recipes/pocket.toml carries the same strings.
CAPTION_PROMPT = "Describe the figure in detail."
REASON_PROMPT = "Figure: {caption}\nQuestion: {question}\nThink step by step."
DIRECT_PROMPT = "{question}\nAnswer directly."
SEE_PROMPT = "{question}\nThink step by step."
LOOK_PROMPT = "{question}\nLook at every value, then think step by step."

# Shares of all chains; a slip needs a question that a misreading can change (about nine in ten).
WRONG = 0.06
CORRECTED = 0.08
RECHECKED = 0.27
LONG = 0.12
SEEN_WORDS = 60  # of a chain beside a picture

_OPENERS = (
    "First, I look up the facts.",
    "First, let me see what is given.",
    "First, I recall the figure.",
    "I am given a figure.",
    "I am given the facts.",
    "The facts are provided.",
    "Let me identify the facts.",
    "Let me recall the figure.",
    "Okay, let me see.",
    "Okay, let me think.",
    "Maybe I can solve it step by step.",
)
_CAPTION_OPENERS = (
    "First, I look at the caption.",
    "I am given the caption.",
    "Okay, the caption says this.",
    "Let me recall the description.",
    "The description provides the facts.",
)
_CHECKS = (
    "Wait, let me check.",
    "Wait, let me check that again.",
    "But wait, is that right?",
    "But wait, let me check again.",
    "Wait, maybe I made a mistake.",
)
_CORRECTIONS = (
    "Wait, that is not right.",
    "But wait, that is wrong.",
    "Wait, let me check again. No, I made a mistake.",
)
_CONFIRMATIONS = ("Yes, that is right.", "So that is right.", "Okay, that is correct.", "Good.")
_REREADINGS = ("Let me check again from the start.", "Let me read the facts again.", "Let me think again.")
_LINKS = ("Then, ", "Next, ", "Now, ", "And ")
_CLOSINGS = ("So the answer is {gold}.", "So it is {gold}.", "The answer must be {gold}.")
_GLANCES = ("At a glance, it is {gold}.", "It looks like {gold}.", "I see {gold}.")
_SOLUTIONS = ("The answer is {gold}.", "So the answer is {gold}.", "It is {gold}.")


def ask(question: str, choices: Sequence[str] | None = None) -> str:
    """The question, with its options as lettered lines below it: "A. star"."""
    if not choices:
        return question
    return "\n".join([question, *(f"{chr(65 + i)}. {choice}" for i, choice in enumerate(choices))])


def chain(question: FigureQuestion, rng: random.Random) -> str:
    """A reasoning chain over the caption in the paper's format: thinking, a short solution, the answer.

    Nearly always right: a share of about `WRONG` follows a misread fact to a wrong answer, and about `CORRECTED` takes
    the same wrong turn but notices it.
    """
    # Divided by the share of questions that have a slip, so that the shares hold over all chains.
    fate = rng.random() * 0.9 if question.slip else 1.0
    if question.slip and fate < WRONG:
        return _write(question, question.slip.gold, _think(question, question.slip.steps, rng), rng)
    if question.slip and fate < WRONG + CORRECTED:
        return _write(
            question, question.gold, _think(question, _stumble(question, question.slip, rng), rng, False), rng
        )
    return _write(question, question.gold, _think(question, question.steps, rng), rng)


def direct(question: FigureQuestion, rng: random.Random) -> str:
    """A short answer without reasoning."""
    return f"<answer>{question.gold}</answer>"


def seen_chain(question: FigureQuestion, rng: random.Random) -> str:
    """As `chain`, of someone who sees the picture: without a caption to speak of, and never in many words."""
    while re.search("caption|description", text := chain(question, rng)) or len(text.split()) > SEEN_WORDS:
        pass
    return text


def glance(question: FigureQuestion, rng: random.Random) -> str:
    """The format without the reasoning: the answer, named at a glance."""
    return _write(question, question.gold, [rng.choice(_GLANCES).format(gold=question.gold)], rng, False)


def _write(question: FigureQuestion, gold: str, thinking: list[str], rng: random.Random, closes: bool = True) -> str:
    if closes and rng.random() < 0.5:
        thinking = [*thinking, rng.choice(_CLOSINGS).format(gold=gold)]
    solution = rng.choice(_SOLUTIONS).format(gold=gold)
    return f"<think>{' '.join(thinking)}</think>\n{solution}\n<answer>{gold}</answer>"


def _think(question: FigureQuestion, steps: Sequence[str], rng: random.Random, check: bool = True) -> list[str]:
    thinking = [*_open(question, rng), *_link(steps, rng)]
    if rng.random() < LONG:
        thinking += [rng.choice(_REREADINGS), *steps]
        if rng.random() < 0.5:
            thinking += [rng.choice(_CHECKS), rng.choice(steps), rng.choice(_CONFIRMATIONS)]
    elif check and rng.random() < RECHECKED:
        thinking += _check(steps, rng)
    return thinking


def _open(question: FigureQuestion, rng: random.Random) -> list[str]:
    roll = rng.random()
    if roll < 0.15:
        return [rng.choice(_CAPTION_OPENERS)]
    if roll < 0.25:
        return [f"The question asks: {question.question}"]
    if roll < 0.33 and question.slip:
        return [f"Maybe it is {rng.choice((question.gold, question.slip.gold))}, let me see."]
    if roll < 0.43:
        return []
    return [rng.choice(_OPENERS)]


def _link(steps: Sequence[str], rng: random.Random) -> list[str]:
    """The steps with a "Then, " before a few of them, or "First, " before the first."""
    linked = []
    for i, step in enumerate(steps):
        if step.startswith(("The ", "In ")) and rng.random() < 0.12:
            step = ("First, " if i == 0 else rng.choice(_LINKS)) + step[0].lower() + step[1:]
        linked.append(step)
    return linked


def _check(steps: Sequence[str], rng: random.Random) -> list[str]:
    """A reflection that reads a fact or the last step again and finds it right."""
    again = [steps[-1]] if rng.random() < 0.4 else [rng.choice(steps)]
    if rng.random() < 0.2:
        again = list(steps)
    return [rng.choice(_CHECKS), *again, rng.choice(_CONFIRMATIONS)]


def _stumble(question: FigureQuestion, slip: FigureQuestion, rng: random.Random) -> list[str]:
    """The slip's steps up to the first wrong one, or all; then the right ones from there, or from the start."""
    pairs = zip(question.steps, slip.steps, strict=False)
    wrong = next((i for i, (right, other) in enumerate(pairs) if right != other), len(question.steps) - 1)
    if rng.random() < 0.6:
        return [*slip.steps[: wrong + 1], rng.choice(_CORRECTIONS), *question.steps[wrong:]]
    return [*slip.steps, rng.choice(_CORRECTIONS), *question.steps]
