"""What several official rules and kit prompts have in common, written from their descriptions."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ovt.evaluation.arithmetic import value
from ovt.evaluation.benchmark import Item, Prompt, Row, Rule, Ruling, Said

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
THINK_AND_BOX = (
    "\n\nYou FIRST think about the reasoning process as an internal monologue and then provide the final answer. The "
    "reasoning process MUST BE enclosed within <think> </think> tags. The final answer MUST BE put in \\boxed{}."
)
PAPER_SAMPLING = {"temperature": 0.01, "top_p": 0.001, "top_k": 1, "max_tokens": 2048}
_TEXT_CHARS = 200_000  # of a reply; what is longer is read from its end
_PAPER_TAG = re.compile(r"<image[ _]?(\d*)>")
_BRACE = re.compile(r"\\boxed\{|[{}]")


def options(choices: Sequence[str] | None, form: str) -> str:
    """One line per option: form is such as "({letter}) {text}"."""
    lettered = zip(LETTERS, choices or (), strict=False)
    return "\n".join(form.replace("{letter}", letter).replace("{text}", text) for letter, text in lettered)


def paper_question(question: str, choices: Sequence[str] | None) -> str:
    """OpenVLThinker's turn: a hint, the question, the choices; its images come first, whatever the tags say.

    A tag stays in the text, with one more space, so that no image is put there.
    """
    hint = "Hint: Please answer the question requiring an answer."
    if choices:
        hint = (
            "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, E, at the end."
        )
    lines = [hint, f"Question: {question}"]
    if choices:
        lines += ["Choices:", options(choices, "({letter}) {text}")]
    return _PAPER_TAG.sub(lambda tag: f"<image  {tag[1]}>", "\n".join(lines))


def boxes(text: str) -> list[str]:
    r"""What the closed `\boxed{…}` of a text hold, in order, without those inside others; linear in its length."""
    found: list[tuple[int, int]] = []
    opened: list[tuple[int, bool]] = []  # where the content of each open brace begins, and whether it is a box's
    text = text[-_TEXT_CHARS:]
    for mark in _BRACE.finditer(text):
        if mark[0] != "}":
            opened.append((mark.end(), mark[0] != "{"))
            continue
        start, is_box = opened.pop() if opened else (0, False)
        if is_box:
            while found and found[-1][0] > start:
                found.pop()  # inside this one
            found.append((start, mark.start()))
    return [text[start:end] for start, end in found]


def equal_to_two_places(answer: str, gold: str) -> bool:
    """Whether two texts are equal, ignoring case, or their values are after rounding to two decimals."""
    answer, gold = answer.strip().lower(), gold.strip().lower()
    if not answer or not gold:
        return False
    if answer == gold:
        return True
    said = value(answer)
    wanted = None if said is None else value(gold)
    return said is not None and wanted is not None and round(said, 2) == round(wanted, 2)


def paper_prompts(ask: Callable[[Item], str]) -> dict[str, Prompt]:
    """OpenVLThinker's two prompts: its own models', and what it asks base models. ask: an item → hint and question."""
    about = "the paper's: hint, question, choices; images first"
    asked = "the same, then asked to think in <think> and to box the answer: what the paper asks base models"
    base = Prompt(asked, lambda item: ask(item) + THINK_AND_BOX, PAPER_SAMPLING, "openvlthinker-base")
    return {"openvlthinker": Prompt(about, ask, PAPER_SAMPLING, "openvlthinker"), "openvlthinker-base": base}


def paper_rules(choices: Callable[[Item], Sequence[str] | None]) -> tuple[Rule, Rule]:
    """OpenVLThinker's two rules: for its own models, and for base models, which box their answers.

    The answer is right if it is the gold, ignoring case (its letter, if one of the `choices`), or the same number.
    """

    def judged(read: Callable[[str], str]) -> Callable[[Item, Said], Ruling]:
        return lambda item, said: _paper_ruling(read(said.response), item.gold, choices(item))

    about = "equal to the gold, or to its letter: the last"
    return (
        Rule("openvlthinker", f"{about} <answer>, else the last closed \\boxed{{}}", judged(_tagged)),
        Rule("openvlthinker-base", f"{about} closed \\boxed{{}}", judged(_boxed)),
    )


def _tagged(response: str) -> str:
    if "</answer>" in response:
        return response.rpartition("</answer>")[0].rpartition("<answer>")[2].strip()
    return _boxed(response)


def _boxed(response: str) -> str:
    found = boxes(response[response.rfind("\\boxed{") :])
    return found[-1].strip() if found else "None"


def _paper_ruling(answer: str, gold: str, choices: Sequence[str] | None) -> Ruling:
    wanted = LETTERS[list(choices).index(gold)] if choices and gold in choices else gold
    return Ruling(answer, answer.lower() == wanted.lower() or _same_number(answer, wanted))


def _same_number(one: str, other: str) -> bool:
    try:
        return float(one.replace(",", "")) == float(other.replace(",", ""))
    except ValueError:
        return False


def letter_or_text(item: Item) -> tuple[str, str]:
    """The two golds that official rules accept: the letter, and the option's text ("" for an open question)."""
    at = LETTERS.find(item.gold.strip().upper()[:1] or "?")
    offered = item.row.get("options")
    texts = list(offered) if isinstance(offered, list | tuple) else []
    return item.gold, str(texts[at]) if 0 <= at < len(texts) and len(item.gold.strip()) == 1 else ""


def nearest(text: str, choices: Sequence[str]) -> str:
    """The option at the smallest edit distance from a text, the first of equals."""
    return min(choices, key=lambda choice: edit_distance(text[:1_000], choice[:1_000]))


def edit_distance(one: str, other: str) -> int:
    """Levenshtein's distance."""
    if len(one) < len(other):
        one, other = other, one
    above = list(range(len(other) + 1))
    for number, sign in enumerate(one, 1):
        row = [number]
        for at, there in enumerate(other, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (sign != there)))
        above = row
    return above[-1]


def picture(row: Row) -> tuple[Any, ...]:
    """The cell of a row's one picture: decoded on the Hub, a path in the benchmark's own files."""
    return (row.get("decoded_image") if row.get("decoded_image") is not None else row.get("image"),)


def same_picture(row: Row, name: str) -> str:
    """What rows about one picture have in common: its path, if the row has one, else the row's own `name`."""
    return row["image"] if isinstance(row.get("image"), str) else name


def metadata(row: Row) -> Mapping[Any, Any]:
    """A row's `metadata`, if it is more than a text, as it is in a CSV file."""
    found = row.get("metadata")
    return found if isinstance(found, Mapping) else {}


def told_apart(choices: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The options; None where they are only letters, whose meaning is in the picture."""
    bare = choices is not None and all(len(choice.strip()) == 1 and choice.strip().isalpha() for choice in choices)
    return None if bare else choices


def text(cell: object) -> str:
    """A cell as text; "" for none."""
    return "" if cell is None else str(cell)


def texts(cell: object) -> tuple[str, ...] | None:
    """A list cell as texts; None if it is empty or not a list."""
    return tuple(map(text, cell)) if isinstance(cell, list | tuple) and cell else None
