"""AI2D: 3,088 questions about diagrams of school books, with four options; the gold is an option's number, from 0."""

import re

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import LETTERS, options, paper_prompts, paper_question, paper_rules, text, texts

DIRECT = "Answer with the option's letter from the given choices directly."
_LETTER = re.compile(r"^\(?([A-Z])\)?(?=[\s.:,)]|$)|\banswer is:? \(?([A-Z])\b")


def read(row: Row, part: Part) -> Item:
    gold = text(row.get("answer")).strip()
    letter = LETTERS[int(gold)] if gold.isdecimal() and int(gold) < len(LETTERS) else gold
    name = text(row.get("id")) or text(row.get("index"))
    return Item(
        id=name,
        question=text(row.get("question")),
        gold=letter,
        choices=texts(row.get("options")),
        cluster=text(row.get("image_id")) or name,
        groups={},
        images=(row.get("image"),),
        row=row,
    )


def official(item: Item, said: Said) -> Ruling:
    letters = LETTERS[: len(item.choices or ())]
    found = (mark[1] or mark[2] for mark in _LETTER.finditer(said.response.strip()))
    letter = next((letter for letter in found if letter in letters), None)
    return Ruling(letter, letter == item.gold)


def ask(item: Item) -> str:
    return f"{item.question}\n{options(item.choices, '{letter}. {text}')}\n{DIRECT}"


REVISION = "c83a9b9692933aff8349157c88a413df9d02c4e5"
AI2D = Benchmark(
    name="ai2d",
    title="AI2D",
    license="CC BY-SA",
    url="https://prior.allenai.org/projects/diagram-understanding",
    variants={"test": Variant((Part("hf://lmms-lab/ai2d", "test", revision=REVISION),), 3_088)},
    read=read,
    prompts={
        "official": Prompt("question, options, and: " + DIRECT, ask),
        "lmms-eval": Prompt("the official one", ask),
        **paper_prompts(lambda item: paper_question(item.question, item.choices)),
    },
    rules=(
        Rule("official", "the option letter that the reply starts with, or that follows `answer is`", official),
        *paper_rules(lambda item: None),
    ),
    example={"question": "What eats the frog?", "options": ["hawk", "grass"], "answer": "0"},
)
