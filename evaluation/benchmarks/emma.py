r"""EMMA: 2,788 questions of mathematics, physics, chemistry and coding that need picture and text together.

The official rule reads the last `\boxed{}` or what follows "answer is", and compares it with the gold letter and the
gold option's text, or as numbers rounded to two decimals. It misses a boxed `B: 6.84`, and "Ten".
"""

import re

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import (
    boxes,
    equal_to_two_places,
    letter_or_text,
    options,
    paper_prompts,
    paper_question,
    paper_rules,
    text,
    texts,
    told_apart,
)

SUBJECTS = ("Math", "Physics", "Chemistry", "Coding")
COLUMNS = tuple(f"image_{number}" for number in range(1, 6))
STEPS = "Please solve the problem step by step."
DIRECT = (
    "Please ensure that your output only contains the final answer without any additional content (such as "
    "intermediate reasoning steps)."
)
CHOICE = 'Answer with the option\'s letter from the given choices and put the letter in one "\\boxed{}". '
OPEN = 'Answer the question using a single word or phrase and put the answer in one "\\boxed{}". '
_STATED = ("final answer is", "correct answer is", "answer should be", "answer is")
_TEXT = re.compile(r"\\text\{([^}]*)\}")


def read(row: Row, part: Part) -> Item:
    choices = texts(row.get("options"))
    gold = text(row.get("answer")).strip()
    groups = {key: text(row[key]) for key in ("subject", "category", "task", "type") if row.get(key)}
    return Item(
        id=text(row.get("pid")),
        question=text(row.get("question")),
        gold=gold.upper() if choices and len(gold) == 1 else gold,
        choices=told_apart(choices),
        cluster=text(row.get("pid")),
        groups=groups,
        images=tuple(row.get(name) for name in COLUMNS),
        row=row,
    )


def ask(item: Item, ending: str) -> str:
    told = [text(item.row.get("context")), item.question, options(texts(item.row.get("options")), "{letter}: {text}")]
    return "\n".join([part for part in told if part] + [(CHOICE if item.row.get("options") else OPEN) + ending])


def official(item: Item, said: Said) -> Ruling:
    answer = extract(said.response)
    golds = [*letter_or_text(item), text(item.row.get("gt_content"))]
    return Ruling(answer, any(equal_to_two_places(answer, gold) for gold in golds))


def extract(response: str) -> str:
    """The answer in a reply, as the official code reads it; the whole reply where it finds none."""
    said = response.strip()
    if letter := next((sign for sign in "ABCDEFGH" if said.upper() == sign or said.startswith(f"{sign}:")), ""):
        return letter
    if found := boxes(said):
        lines = (line[: line.rfind("}") + 1] for line in found[-1].split("\n"))  # so that what is opened is closed
        inside = [told for line in lines for told in _TEXT.findall(line)]
        return (inside[-1] if inside else found[-1]).strip()
    lower = said.lower()
    if phrase := next((phrase for phrase in _STATED if phrase in lower), ""):
        return lower.rpartition(phrase)[2].strip().split("\n")[0].split(".")[0]
    return said


WHOLE = ("hf://luckychao/EMMA", "6c87aec9048c489108170088e50b768646b5bcf9")
MINI = ("hf://luckychao/EMMA-mini", "6b9ae9a74733bb57f0b741213f8d0ec9ebae067a")


def _variant(rows: int, *subjects: str, where: tuple[str, str] = WHOLE) -> Variant:
    path, revision = where
    return Variant(tuple(Part(path, "test", subject, revision=revision) for subject in subjects), rows)


EMMA = Benchmark(
    name="emma",
    title="EMMA",
    license="not stated",
    url="https://github.com/hychaochao/EMMA",
    variants={
        "test": _variant(2_788, *SUBJECTS),
        "mini": _variant(400, *SUBJECTS, where=MINI),
    },
    read=read,
    prompts={
        "official": Prompt("context, question, options as `A: …`, boxed, step by step", lambda item: ask(item, STEPS)),
        "direct": Prompt("the same, asked for the answer alone", lambda item: ask(item, DIRECT)),
        "lmms-eval": Prompt("the official one, step by step", lambda item: ask(item, STEPS)),
        "vlmevalkit": Prompt("the official one, step by step", lambda item: ask(item, STEPS)),
        **paper_prompts(lambda item: paper_question(item.question, texts(item.row.get("options")))),
    },
    rules=(
        Rule("official", "the gold letter or the gold option's text, or the same number to two decimals", official),
        *paper_rules(lambda item: texts(item.row.get("options"))),
    ),
    example={
        "pid": "Physics_0",
        "context": "A block rests on a slope of <image_1>.",
        "question": "Which arrow is the normal force?",
        "options": ["the red one", "the blue one"],
        "answer": "B",
        "subject": "Physics",
        "category": "Forces",
        "type": "Multiple Choice",
    },
    groups=("subject", "category", "task", "type"),
)
