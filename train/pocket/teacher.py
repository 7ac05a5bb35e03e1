"""Writes the texts pocket learns from: reasoning chains with natural variety, and direct answers."""

import random

from ovt.curate.pocket.figure import FigureQuestion


def chain(question: FigureQuestion, rng: random.Random) -> str:
    """A reasoning chain over a caption in the response format of the paper."""
    return f"<think>First, {' '.join(question.steps)}</think>\nThe answer is {question.gold}.\n<answer>{question.gold}</answer>"


def direct(question: FigureQuestion, rng: random.Random) -> str:
    """A short answer, without reasoning."""
    return f"<answer>{question.gold}</answer>"
