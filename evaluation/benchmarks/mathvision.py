r"""MathVision: 3,040 questions of mathematics competitions; all choice questions have five options.

The official rule strips the reply to an answer, and finds it right if it equals the gold letter or the gold option's
text, or has the same value after rounding to two decimals: 1/300 is right for 1/900. That is an official score, not a
verdict of ours. Values are computed by `arithmetic.py`, which evaluates no code.
"""

import re

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import (
    equal_to_two_places,
    letter_or_text,
    options,
    paper_prompts,
    paper_question,
    paper_rules,
    picture,
    same_picture,
    text,
    texts,
    told_apart,
)

BOXED = 'Please solve the problem step by step and put your answer in one "\\boxed{}".'
ONE_LETTER = ' If it is a multiple choice question, only one letter is allowed in the "\\boxed{}".'
_STATED = ("the final answer is", "the answer is", "the correct answer is", "the answer should be")
_LAST_CHARS = 20_000  # of a reply
# What is taken out of an answer: first everywhere, then once more after the last "=" is cut off.
_DROPPED = ("\\text", "\\mbox", "\\left", "\\right", "^{\\circ}", "^\\circ", "{m}^3", "m^3", "{units}", "units", "{km}",
            "km")  # fmt: skip
_REPLACED = (("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", ""), ("\\right", ""),
             ("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("$", ""))  # fmt: skip


def read(row: Row, part: Part) -> Item:
    return Item(
        id=text(row.get("id")),
        question=text(row.get("question")),
        gold=text(row.get("answer")),
        choices=told_apart(texts(row.get("options"))),
        cluster=same_picture(row, text(row.get("id"))),
        groups={"level": text(row.get("level")), "subject": text(row.get("subject"))},
        images=picture(row),
        row=row,
    )


def ask(item: Item) -> str:
    return f"{BOXED}{ONE_LETTER}\n{item.question}\n{options(item.choices, '({letter}) {text}')}".rstrip()


def lmms_eval(item: Item) -> str:
    offered = texts(item.row.get("options"))
    return BOXED + item.question + (f"\nChoices: {options(offered, '{letter}. {text}')}" if offered else "")


def official(item: Item, said: Said) -> Ruling:
    answer = said.extraction if said.extraction is not None else extract(said.response)
    return Ruling(answer, any(equal_to_two_places(answer, gold) for gold in letter_or_text(item)))


def extract(response: str) -> str:
    """The answer in a reply, in lower case and stripped of units and spacing, as the official code reads it."""
    said = response.strip()
    said = said[-_LAST_CHARS:] if len(said) > _LAST_CHARS else said
    for letter in "ABCDE":
        if said.endswith((f" {letter}.", f" ({letter}).")) or said.startswith((f"{letter}\n", f"({letter})\n")):
            said = letter
    stated = said.rpartition("is ")[2].rstrip(".")
    said = stated if _is_number(stated) else said
    if "oxed{" not in said:
        said = _after_statement(said)
    elif said.count("oxed{") > 1:
        said = "\\boxed{" + said.rpartition("oxed{")[2]
    answer = _strip(_boxed(said.lower().replace("{}", "")))
    for letter in "abcde":
        answer = answer.replace(f"({letter})", letter)
    for letter in "abcde":
        answer = answer.replace(f"{{{letter}}}", letter)
    return answer.rstrip(".").lstrip(":").strip()


def _after_statement(said: str) -> str:
    for phrase in _STATED:
        for form in (phrase, phrase.replace("the", "The")):
            if form in said:
                said = said.rpartition(form)[2].strip().split("\n")[0].split(". ")[0]
    return said.strip()


def _boxed(said: str) -> str:
    _, box, tail = said.partition("oxed{")
    inside, brace, _ = tail.rpartition("}")
    answer = inside if box and brace else said
    closing, opening = answer.find("}"), answer.find("{")
    if closing >= 0 and (opening < 0 or closing < opening):
        answer = answer[:closing]
    answer = answer.rpartition("=")[2].rpartition("\\approx")[2].replace(" ", "").replace("\\,", "")
    answer = answer.replace("∞", "\\infty").replace("+\\infty", "\\infty").replace("\\\\", "\\").replace("\n", "")
    for dropped in _DROPPED:
        answer = answer.replace(dropped, "")
    return answer


def _strip(answer: str) -> str:
    for old, new in _REPLACED:
        answer = answer.replace(old, new)
    answer = answer.split("\\text{ ")[0].replace("\\%", "").replace("{.", "{0.")
    answer = "0" + answer if answer.startswith(".") else answer
    if "sqrt" in answer:
        answer = re.sub(r"\\sqrt([^{])", r"\\sqrt{\1}", answer)
        answer = re.sub(r"\\frac([^{])([^{])", r"\\frac{\1}{\2}", answer)
    if answer == "0.5":
        return "\\frac{1}{2}"
    fraction = re.fullmatch(r"(-?\d+)/(-?\d+)", answer)
    return f"\\frac{{{fraction[1]}}}{{{fraction[2]}}}" if fraction else answer


def _is_number(said: str) -> bool:
    try:
        float(said)
    except ValueError:
        return False
    return True


_UNREADABLE = "the gold is not written as a number or a choice"
MATHVISION = Benchmark(
    name="mathvision",
    title="MathVision",
    license="MIT",
    url="https://github.com/mathllm/MATH-V",
    variants={
        "test": Variant((Part("hf://MathLLMs/MathVision", "test"),), 3_040),
        "testmini": Variant((Part("hf://MathLLMs/MathVision", "testmini"),), 304),
    },
    read=read,
    prompts={
        "official": Prompt("boxed, one letter; options that are letters in the picture are left out", ask),
        "lmms-eval": Prompt("boxed, options as `A. …`", lmms_eval),
        "vlmevalkit": Prompt("the question alone", lambda item: item.question),
        **paper_prompts(lambda item: paper_question(item.question, texts(item.row.get("options")))),
    },
    rules=(
        Rule("official", "the gold letter or the gold option's text, or the same value to two decimals", official),
        *paper_rules(lambda item: texts(item.row.get("options"))),
    ),
    groups=("level", "subject"),
    example={
        "id": "0",
        "question": "How many triangles does the figure have?\n<image1>",
        "options": ["3", "4", "5", "6", "7"],
        "image": "images/0.jpg",
        "answer": "C",
        "level": 1,
        "subject": "counting",
    },
    known_bad={
        **dict.fromkeys(("2828", "2833", "2875", "2877"), "the gold is in a \\boxed{}"),
        "2830": "a form feed stands where \\frac lost its backslash",
        "2947": _UNREADABLE,
        **dict.fromkeys(("654", "941", "1754", "1841"), "the options are letters out of step with A to E"),
    },
)
