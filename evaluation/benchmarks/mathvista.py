"""MathVista: 1,000 questions (testmini) of 19 kinds about figures, charts and photos.

Official scoring: GPT-4 extracts the answer from the reply, and the rest is a rule. Where a file has that extraction it
is used; else the reply alone if it is an answer, the text between quotes of `The answer is "…".`, or what our verifier
reads as the answer. Published files were scored with `int()`, today's code with `int(float())` (7.9 is 7).
"""

import re
from collections.abc import Iterator

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import (
    LETTERS,
    metadata,
    nearest,
    options,
    paper_prompts,
    paper_question,
    paper_rules,
    picture,
    same_picture,
    text,
    texts,
)
from ovt.verifiers import split_response

GROUPS = ("question_type", "answer_type", "source", "category", "task", "context", "grade", "skills")
REVISION = "2b6ad69445fbb5695c9b165475e8decdbeb97747"
_LETTER = re.compile(r"\(([a-zA-Z])\)")
_PLACES = {1: ("one decimal place", "1.2, 1.3, 1.4"), 2: ("two decimal places", "1.23, 1.34, 1.45")}


def read(row: Row, part: Part) -> Item:
    about = {**metadata(row), **{key: row[key] for key in GROUPS if row.get(key) is not None}}
    groups = {key: texts(value) or text(value) for key in GROUPS if (value := about.get(key)) is not None}
    return Item(
        id=text(row.get("pid")),
        question=text(row.get("question") or row.get("query")),
        gold=text(row.get("answer")),
        choices=texts(row.get("choices")),
        cluster=same_picture(row, text(row.get("pid"))),
        groups=groups,
        images=picture(row),
        row=row,
    )


def hint(item: Item) -> str:
    if item.choices:
        return "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end."
    kind, form = "an integer answer", "the final value, e.g., 1, 2, 3"
    if item.row.get("answer_type") == "float":
        places, such = _PLACES.get(precision(item), _PLACES[2])
        kind, form = f"a floating-point number with {places}", f"the final value, e.g., {such}"
    elif item.row.get("answer_type") == "list":
        kind = "a Python list as an answer"
        form = "the final list, e.g., [1, 2, 3], [1.2, 1.3, 1.4]"
    return f"Hint: Please answer the question requiring {kind} and provide {form}, at the end."


def short_hint(item: Item) -> str:
    if item.choices:
        return "Answer with the option's letter from the given choices directly."
    if item.row.get("answer_type") == "float":
        places = _PLACES.get(precision(item), _PLACES[2])[0]
        return f"Answer the question using a single floating-point number with {places}."
    kind = "a Python list" if item.row.get("answer_type") == "list" else "a single integer number"
    return f"Answer the question using {kind}."


def precision(item: Item) -> int:
    try:
        return int(float(item.row.get("precision") or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def with_unit(item: Item) -> str:
    return item.question + (f" (Unit: {item.row['unit']})" if item.row.get("unit") else "")


def query(item: Item) -> str:
    return text(item.row.get("query")) or today(item)


def today(item: Item) -> str:
    choices = ["Choices:", options(item.choices, "({letter}) {text}")] if item.choices else []
    return "\n".join([f"Question: {with_unit(item)}", *choices, hint(item), "Solution: "])


def lmms_eval(item: Item) -> str:
    choices = [options(item.choices, "{letter}. {text}")] if item.choices else []
    return "\n".join([with_unit(item), *choices, short_hint(item)])


def official(item: Item, said: Said) -> Ruling:
    answer = extraction(item, said)
    if not item.choices:
        read = number(item, answer)
        return Ruling(read, read is not None and read == item.gold)
    letter = _LETTER.search(answer.strip())
    named = letter[1].upper() if letter else answer.strip()
    if named and named in LETTERS[: len(item.choices)]:
        choice = item.choices[LETTERS.index(named)]
        return Ruling(choice, choice == item.gold)
    if named in item.choices:
        return Ruling(named, named == item.gold)
    guess = nearest(named, item.choices)
    return Ruling(None, False, float(guess == item.gold))


def extraction(item: Item, said: Said) -> str:
    response = said.response.strip()
    if said.extraction is not None:
        return said.extraction
    if not response or response in (item.choices or ()) or number(item, response) is not None:
        return response
    quoted = next(_quoted(response), None)
    return split_response(response).answer if quoted is None else quoted


def _quoted(response: str) -> Iterator[str]:
    """What stands in `The answer is "…".`, up to the last quote of its line."""
    for line in response.split("\n"):
        _, start, tail = line.partition('The answer is "')
        inside, end, _ = tail.rpartition('".')
        if start and end:
            yield inside


def number(item: Item, answer: str) -> str | None:
    """The answer as the official code writes it; None if it cannot be read as the question's type."""
    try:
        if item.row.get("answer_type") == "integer":
            return str(int(float(answer)))
        if item.row.get("answer_type") == "float":
            return str(round(float(answer), precision(item)))
    except (ValueError, OverflowError):
        return None
    return answer if item.row.get("answer_type") == "list" else None


MATHVISTA = Benchmark(
    name="mathvista",
    title="MathVista",
    license="CC BY-SA 4.0; not for training",
    url="https://github.com/lupantech/MathVista",
    variants={"testmini": Variant((Part("hf://AI4Math/MathVista", "testmini", revision=REVISION),), 1_000)},
    read=read,
    prompts={
        "official": Prompt("the data set's own `query`: hint, question, choices", query),
        "official-today": Prompt("question, choices, hint, and a last line `Solution:`", today),
        "lmms-eval": Prompt("question, choices, one line that asks for the answer alone", lmms_eval),
        "vlmevalkit": Prompt("the data set's `query`", query),
        **paper_prompts(lambda item: paper_question(query(item), None)),
    },
    rules=(
        Rule("official", "a letter or an option's text, a number rounded to the question's precision", official),
        *paper_rules(lambda item: item.choices),
    ),
    groups=GROUPS,
    example={
        "pid": "0",
        "question": "Which bar is the tallest?",
        "query": "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the "
        "end.\nQuestion: Which bar is the tallest?\nChoices:\n(A) red\n(B) blue",
        "image": "images/0.jpg",
        "choices": ["red", "blue"],
        "unit": None,
        "precision": None,
        "answer": "blue",
        "question_type": "multi_choice",
        "answer_type": "text",
        "metadata": {
            "category": "general-vqa",
            "task": "figure question answering",
            "skills": ["statistical reasoning"],
        },
    },
)
