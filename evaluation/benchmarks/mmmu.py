"""MMMU: 900 validation questions of 30 college subjects, 94% of them with options.

The official rule reads option letters as MMMU-Pro's does, and draws one at random where it finds none; an open answer
is right if one of the numbers or phrases after an indicator ("is ", "so ", "answer ", …) is the gold.
"""

import re

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Rule, Ruling, Said, Variant
from ovt.evaluation.benchmarks.mmmu_pro import DIRECT, find_letter, paper, read
from ovt.evaluation.official import options, paper_prompts, paper_rules

PHRASE = "Answer the question using a single word or phrase."
_INDICATORS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_SENTENCES = re.compile(r"\.\s(?=[A-Z])|\n")
_NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})+\b|-?\d+(?:\.\d+)?[eE][+-]?\d+|-?(?:\d+\.\d+|\.\d+|\d+)")
_LAST_CHARS = 20_000  # of a reply


def official(item: Item, said: Said) -> Ruling:
    if item.choices:
        letter = find_letter(said.response.replace("Answer:", "Answer :"), item.choices)
        return Ruling(letter, letter == item.gold, 0.0 if letter else 1 / len(item.choices))
    told = phrases(said.response[-_LAST_CHARS:])
    return Ruling(told[-1] if told else None, any(_is_in(_norm(item.gold), answer) for answer in told))


def phrases(response: str) -> list[str]:
    """The candidates of an open answer: what follows the last indicator of each sentence, and the numbers in these."""
    sentences = _SENTENCES.split(response.strip().strip(".").lower())
    found = []
    for at, sentence in enumerate(sentences):
        marks = (*_INDICATORS, "=") if at == len(sentences) - 1 else _INDICATORS
        tails = [sentence.rpartition(mark)[2].strip() for mark in marks if mark in sentence]
        if shortest := min(tails, key=len, default="").strip(":,.!?;'"):
            found.append(shortest)
    found = found or [response.strip().lower()]
    return found + [number for phrase in found for number in _NUMBER.findall(phrase)]


def _norm(text: str) -> str | float:
    try:
        return round(float(text.strip().replace(",", "")), 2)
    except ValueError:
        return text.strip().lower()


def _is_in(gold: str | float, answer: str) -> bool:
    """Whether a candidate is the gold number, or contains the gold's words."""
    said = _norm(answer)
    if not isinstance(gold, str) or not isinstance(said, str):
        return gold == said
    return gold in said if len(gold) > 1 else bool(re.search(rf"{re.escape(gold)} | {re.escape(gold)}", said))


def ask(item: Item) -> str:
    lines = [item.question, options(item.choices, "{letter}. {text}")] if item.choices else [item.question]
    return "\n".join([*lines, "", DIRECT if item.choices else PHRASE])


REVISION = "364f2e2eb107b36e07ff4c5a15f5947a759cef47"
MMMU = Benchmark(
    name="mmmu",
    title="MMMU",
    license="Apache-2.0",
    url="https://github.com/MMMU-Benchmark/MMMU",
    variants={"validation": Variant((Part("hf://lmms-lab/MMMU", "validation", revision=REVISION),), 900)},
    read=read,
    prompts={
        "official": Prompt(f"question, options, and: {DIRECT}", ask),
        "lmms-eval": Prompt("the official one", ask),
        **paper_prompts(paper),
    },
    rules=(
        Rule("official", "the last option letter; an open answer that has the gold's words or number", official),
        *paper_rules(lambda item: None),
    ),
    example={
        "id": "validation_Art_0",
        "question": "Which period is <image 1> from?",
        "options": "['Gothic', 'Baroque']",
        "question_type": "multiple-choice",
        "answer": "A",
        "topic_difficulty": "Easy",
    },
    groups=("subject", "topic_difficulty"),
)
