"""MathVerse: 788 problems in five versions, from all in the text to all in the picture.

Official scoring is a model that extracts and a model that compares ("0.5m" and "50cm" are the same). Its rule is the
official quick match: the extracted answer is the gold's text, or its letter or option. A reply that does not match is
left to a judge.
"""

import re

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import LETTERS, metadata, paper_prompts, paper_question, paper_rules, text
from ovt.verifiers import split_response

_CHOICES = re.compile(r"Choices\s*[:：]?\s*", re.IGNORECASE)
_LABEL = re.compile(r"(?:^|\s)([A-H])\s*[:：.]")
_LETTER_GOLD = re.compile(r"\(?([A-H])\)?\.?")


def read(row: Row, part: Part) -> Item:
    about = {**metadata(row), **row}
    question = text(row.get("question")) or text(row.get("question_for_eval"))
    gold, choices = text(row.get("answer")).strip(), None
    if row.get("question_type") == "multi-choice":
        choices = parse_choices(question)
        letter = _LETTER_GOLD.fullmatch(gold)
        gold = letter[1] if letter else gold
    groups = {
        key: text(about.get(key)) for key in ("problem_version", "question_type", "subject", "subfield", "source")
    }
    problem = text(row.get("problem_index")) or text(row.get("sample_index"))
    return Item(
        id=text(row.get("sample_index")),
        question=question,
        gold=gold,
        choices=choices,
        cluster=problem,
        groups={key: value for key, value in groups.items() if value},
        images=(row.get("image"),),
        row=row,
    )


def parse_choices(question: str) -> tuple[str, ...] | None:
    """The options in a question's text, labelled `A:` or `A.` from A on; None if they cannot be told apart."""
    start = _CHOICES.search(question)
    tail = question[start.end() :] if start else question
    marks, wanted = [], 0
    for mark in _LABEL.finditer(tail):
        if mark[1] == LETTERS[wanted]:
            marks.append(mark)
            wanted += 1
    ends = [mark.start() for mark in marks[1:]] + [len(tail)]
    found = tuple(tail[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True))
    return found if len(found) > 1 and all(found) else None


def official(item: Item, said: Said) -> Ruling:
    answer = (said.extraction if said.extraction is not None else split_response(said.response).answer).strip()
    letter = _LETTER_GOLD.fullmatch(answer)
    named = letter[1] if letter and item.choices else answer
    wanted = {item.gold, text(item.row.get("answer")).strip()}
    if item.choices and len(item.gold) == 1 and item.gold in LETTERS[: len(item.choices)]:
        wanted.add(item.choices[LETTERS.index(item.gold)])
    if named in wanted:
        return Ruling(named, True)
    if said.verdict in ("0", "1"):
        return Ruling(named, said.verdict == "1")
    decided = item.choices is not None and (named in LETTERS[: len(item.choices)] or named in item.choices)
    return Ruling(named or None, False if decided or not named else None)


MATHVERSE = Benchmark(
    name="mathverse",
    title="MathVerse",
    license="MIT",
    url="https://github.com/ZrrSkywalker/MathVerse",
    variants={
        "testmini": Variant((Part("hf://AI4Math/MathVerse", "testmini", "testmini"),), 3_940),
        "text_only": Variant((Part("hf://AI4Math/MathVerse", "testmini_text_only", "testmini_text_only"),), 788),
    },
    read=read,
    prompts={
        "official": Prompt("`query_wo`, the leaderboard's", lambda item: text(item.row.get("query_wo"))),
        "cot": Prompt("`query_cot`, which asks for the reasoning first", lambda item: text(item.row.get("query_cot"))),
        "lmms-eval": Prompt("`query_wo`", lambda item: text(item.row.get("query_wo"))),
        "vlmevalkit": Prompt("`query_cot`", lambda item: text(item.row.get("query_cot"))),
        **paper_prompts(lambda item: paper_question(text(item.row.get("query_cot")), None)),
    },
    rules=(
        Rule("official", "the extracted answer is the gold; a judge decides about the others", official),
        *paper_rules(lambda item: None),
    ),
    example={
        "sample_index": "0",
        "problem_index": "0",
        "problem_version": "Text Dominant",
        "question": "In triangle ABC, angle A = 50 and angle B = 60. Find angle C.\nChoices:\nA:60\nB:70",
        "answer": "B",
        "question_type": "multi-choice",
        "metadata": {"subject": "Plane Geometry", "subfield": "Angle"},
        "query_wo": "Please directly answer the question and provide the correct option letter, e.g., A, B, C, D.\n"
        "Question: In triangle ABC, angle A = 50 and angle B = 60. Find angle C.\nChoices:\nA:60\nB:70",
        "query_cot": "Please first conduct reasoning, and then answer the question and provide the correct option "
        "letter, e.g., A, B, C, D, at the end.\n"
        "Question: In triangle ABC, angle A = 50 and angle B = 60. Find angle C.\n"
        "Choices:\nA:60\nB:70",
    },
    groups=("problem_version", "question_type", "subject", "subfield"),
    headline="mean over the five versions",
)
