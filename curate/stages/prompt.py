"""Prompts: a template filled in one pass, lettered options, and images at their tags.

    template  Question: {question}\\n{choices}
    text      Question: Which bar is highest?\\nA. red\\nB. blue

A placeholder is a lower-case name in braces; `{{name}}` gives the literal `{name}`, and other braces are literal.
Values are not expanded: a question that contains "{caption}" stays unchanged.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ovt.core.section import Section, added_later
from ovt.core.tokens import inert
from ovt.curate.endpoints.sampling import AskingBase

TAGGED = ("question", "choices")  # values in which <image> stands for a picture
PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")
IMAGE_TAG = re.compile(r"<image(?: ?(\d{1,3}))?>")


class Turn(Section):
    """An example: what a user might ask, and the answer that the model is to imitate. Both are sent unchanged."""

    user: str
    assistant: str


class PromptSection(AskingBase):
    """What surrounds the prompt of a stage that asks a model.

    system: the system prompt, sent unchanged; empty: none. examples: turns before the prompt, in order.
    """

    system: str = added_later("")
    examples: list[Turn] = added_later([])
    if TYPE_CHECKING:
        prompt: str  # each stage's own field

    @property
    def template(self) -> str:
        """The effective prompt."""
        return self.prompt

    def messages(self, content: str | list[dict[str, str]]) -> tuple[dict[str, Any], ...]:
        """A request's messages: the system prompt, the examples, and the user's turn."""
        said = [("system", self.system)] if self.system else []
        for example in self.examples:
            said += [("user", example.user), ("assistant", example.assistant)]
        return tuple({"role": role, "content": text} for role, text in [*said, ("user", content)])


def check_template(template: str, known: Collection[str], needed: Collection[str] = ()) -> str:
    """`template` itself, or a ValueError (pydantic adds the key) about an unknown or missing placeholder."""
    found = {name for _, name in PLACEHOLDER.findall(template) if name}
    for name in sorted(found - set(known)):
        names = ", ".join(f"{{{one}}}" for one in known)
        raise ValueError(f"found {{{name}}}, expected {names}; write {{{{{name}}}}} for the literal text")
    for name in needed:
        if name not in found:
            raise ValueError(f"{{{name}}} is missing, so the model would not see the {name}; add it")
    return template


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template in one pass. A line that holds only a placeholder with an empty value is removed.

    Control tokens in values are made inert (`core/tokens.py`); <image> tags stay where pictures replace them.
    """
    values = {name: inert(value, tags=name in TAGGED) for name, value in values.items()}
    for name, value in values.items():
        if not value:
            template = template.replace(f"\n\n{{{name}}}\n\n", "\n\n").replace(f"\n{{{name}}}\n", "\n")
    return PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}" if match[1] else values[match[2]], template).strip()


def letter(index: int) -> str:
    """The option letter of a position: A … Z, AA, AB, …"""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def options(choices: Sequence[str] | None) -> str:
    """One lettered line per option, or "" for a free-form question."""
    return "\n".join(f"{letter(index)}. {choice}" for index, choice in enumerate(choices or ()))


def question_text(question: str, choices: Sequence[str] | None) -> str:
    """The question as the model reads it, with its lettered option lines."""
    return f"{question}\n{options(choices)}" if choices else question


def content(text: str, images: Sequence[str]) -> list[dict[str, str]]:
    """Content parts of a user message: each image at its `<image>` tag, untagged ones before the text.

    `<image>` takes the next image, `<image 2>` (or `<image2>`) the second. A tag without an image stays text.
    """
    pieces = IMAGE_TAG.split(text)  # text, number or None, text, number or None, …, text
    taken = _images_of_tags(pieces[1::2], len(images))
    placed = set(taken)
    parts = [_image(image) for index, image in enumerate(images) if index not in placed]
    tags = [match[0] for match in IMAGE_TAG.finditer(text)]
    words = pieces[0]
    for tag, index, piece in zip(tags, taken, pieces[2::2], strict=True):
        if index is None:
            words += tag + piece
            continue
        parts += [*_text(words), _image(images[index])]
        words = piece
    return parts + _text(words)


def _images_of_tags(numbers: Sequence[str | None], count: int) -> list[int | None]:
    """For each tag the index of its image, or None. Numbered tags choose first, the others share the rest."""
    first: dict[int, int] = {}  # by image: the place of its tag
    for place, number in enumerate(numbers):
        if number and 0 < int(number) <= count:
            first.setdefault(int(number) - 1, place)
    left = iter([index for index in range(count) if index not in first])
    numbered = {place: index for index, place in first.items()}
    return [next(left, None) if number is None else numbered.get(place) for place, number in enumerate(numbers)]


def _image(image: str) -> dict[str, str]:
    return {"type": "image", "image": image}


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text.strip()}] if text.strip() else []
