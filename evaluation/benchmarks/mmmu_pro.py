"""MMMU-Pro: 1,730 questions of 30 subjects, with ten options, and once more as a screenshot ("vision").

`<image k>` in question and options is always the column image_k, even where the numbers are permuted. Options are the
repr of a list, read as a literal. The official rule takes the last option letter it can find anywhere in the reply, so
a refusal ("I'm sorry…") is option I; where it finds nothing, the official code draws an option at random.
"""

import ast

from ovt.evaluation.benchmark import Benchmark, Item, Part, Prompt, Row, Rule, Ruling, Said, Variant
from ovt.evaluation.official import LETTERS, options, paper_prompts, paper_question, paper_rules, text, texts

COLUMNS = tuple(f"image_{number}" for number in range(1, 8))
LAST_LINE = (
    "The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER "
    "is one of options."
)
THINK = " Think step by step before answering."
DIRECT = "Answer with the option letter from the given choices directly."
_STRIPPED = (",", ".", "!", "?", ";", ":", "'")


def read(row: Row, part: Part) -> Item:
    question = text(row.get("question"))
    shown = [row.get("image")] if row.get("image") is not None else [row.get(name) for name in COLUMNS]
    name = text(row.get("id"))
    return Item(
        id=f"{part.name}/{name}" if part.name else name,
        question=question,
        gold=text(row.get("answer")).strip(),
        choices=offered(row.get("options")),
        cluster=name,
        groups={key: text(row[key]) for key in ("subject", "topic_difficulty") if row.get(key)}
        | ({"setting": part.name} if part.name else {}),
        images=tuple(shown),
        row=row,
    )


def offered(cell: object) -> tuple[str, ...] | None:
    """The options of a cell: a list, or the repr of one; a list in a list (one question has that) is unwrapped."""
    if isinstance(cell, str):
        try:
            cell = ast.literal_eval(cell)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
    found = texts(cell)
    if isinstance(cell, list | tuple) and len(cell) == 1 and isinstance(cell[0], list):
        return texts(cell[0])
    return found


def standard(item: Item, ending: str) -> str:
    return f"{item.question}\n{options(item.choices, '{letter}. {text}')}\n{ending}"


def official(item: Item, said: Said) -> Ruling:
    choices = item.choices or ()
    if said.response and isinstance(item.row.get("options"), list) and len(item.row["options"]) == 1:
        choices = choices[:1]  # as the official code counts the nested list
    letter = find_letter(said.response, choices)
    if letter is None:
        return Ruling(None, False, 1 / max(len(choices), 1))
    return Ruling(letter, letter == item.gold)


def find_letter(response: str, choices: tuple[str, ...]) -> str | None:
    """The option letter that the official code reads; None where it would draw one."""
    letters = LETTERS[: len(choices)]
    _, found, tail = response.rpartition("Answer:")
    named = [letter for letter in letters if letter in tail] if found else []
    if len(named) == 1:
        return named[0]
    for sign in _STRIPPED:
        response = response.strip(sign)
    response = f" {response} "
    for form, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        if named := [letter for letter in letters if form.format(letter) in response]:
            return _last({letter: response.rfind(place.format(letter)) for letter in named})
    lower = response.lower()
    if len(response.split()) > 5:
        told = {
            letter: choice.lower() for letter, choice in zip(letters, choices, strict=True) if choice.lower() in lower
        }
        return _last({letter: lower.rfind(choice) for letter, choice in told.items()}) if told else None
    return None


def _last(places: dict[str, int]) -> str:
    """The letter at the last place, the first of equals."""
    return max(places, key=lambda letter: (places[letter], -LETTERS.index(letter)))


def in_order(standard_text: str, vision_text: str) -> Prompt:
    """A prompt with a text after the options, and one beside a screenshot."""

    def ask(item: Item) -> str:
        return standard(item, standard_text) if item.question else vision_text

    return Prompt(f"options as `A. …`, then: {standard_text}", ask)


def paper(item: Item) -> str:
    if item.question:
        return paper_question(item.question, item.choices)
    hint = (
        "Hint: Please answer the question shown in the image. Provide the correct option letter, e.g., A, B, C, D, E, "
    )
    return f"{hint}at the end.\nChoices:\n{options(item.choices, '({letter}) {text}')}"


def _part(config: str, name: str = "") -> Part:
    return Part("hf://MMMU/MMMU_Pro", "test", config, name, "563f3e84bb3b90893083a1f039cfa13077f2302b")


_LAST = "Answer the preceding multiple choice question. "
_SEEN = "Write out the multiple-choice question in the image and then solve it. "
MMMU_PRO = Benchmark(
    name="mmmu-pro",
    title="MMMU-Pro",
    license="Apache-2.0",
    url="https://github.com/MMMU-Benchmark/MMMU/tree/main/mmmu-pro",
    variants={
        "both": Variant((_part("standard (10 options)", "standard"), _part("vision", "vision")), 3_460),
        "standard": Variant((_part("standard (10 options)"),), 1_730),
        "vision": Variant((_part("vision"),), 1_730),
        "standard4": Variant((_part("standard (4 options)"),), 1_730),
    },
    read=read,
    prompts={
        "official": in_order(_LAST + LAST_LINE + THINK, _SEEN + LAST_LINE + THINK),
        "direct": in_order(DIRECT, f"{DIRECT} {LAST_LINE}"),
        "lmms-eval": in_order(f"\n{DIRECT}", DIRECT),
        **paper_prompts(paper),
    },
    rules=(
        Rule("official", "the one letter after the last `Answer:`, else the last `(X)`, `X ` or `X.`", official),
        *paper_rules(lambda item: None),
    ),
    example={
        "id": "test_Art_0",
        "question": "Which period is the building of <image 1> from?",
        "options": "['Romanesque', 'Gothic', 'Baroque', 'Modern']",
        "answer": "B",
        "subject": "Art",
    },
    groups=("setting", "subject", "topic_difficulty"),
    headline="mean of standard (10 options) and vision",
    known_bad={"validation_Accounting_29": "the options are a list in a list"},
)
