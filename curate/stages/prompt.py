"""What a model is shown: a template filled in one pass, lettered options, and images where they belong.

    template  Question: {question}\\n{choices}
    text      Question: Which bar is highest?\\nA. red\\nB. blue

A placeholder is a lower-case name in braces; `{{name}}` stands for the text `{name}`, and other braces for themselves.
Values are never looked into: a question that says "{caption}" stays as it is.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from ovt.curate.errors import RecipeError

PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}|\{([a-z_]+)\}")
IMAGE_TAG = re.compile(r"<image(?: ?(\d{1,3}))?>")


def check_template(template: str, known: Collection[str], where: str) -> str:
    """`template` itself, or a RecipeError naming what it cannot hold; `where` is its key in the recipe."""
    for _, name in PLACEHOLDER.findall(template):
        if name and name not in known:
            names = ", ".join(f"{{{one}}}" for one in known)
            raise RecipeError(
                f"{where} has {{{name}}}, expected only {names}; for the text itself write {{{{{name}}}}}"
            )
    return template


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template in one pass. A line that holds nothing but a placeholder with an empty value goes away."""
    for name, value in values.items():
        if not value:
            template = template.replace(f"\n{{{name}}}\n", "\n")
    return PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}" if match[1] else values[match[2]], template).strip()


def letter(index: int) -> str:
    """The option letter of a position: A … Z, AA, AB, …"""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def options(choices: Sequence[str] | None) -> str:
    """One lettered line per option, or "" for a free-form question."""
    return "\n".join(f"{letter(index)}. {choice}" for index, choice in enumerate(choices or ()))


def question_text(question: str, choices: Sequence[str] | None) -> str:
    """The question as a model reads it, with its lettered option lines."""
    return f"{question}\n{options(choices)}" if choices else question


def content(text: str, images: Sequence[str]) -> list[dict[str, str]]:
    """Content parts of a user message: each image at its `<image>` tag, those without a tag before the text.

    `<image>` takes the next image, `<image 2>` (or `<image2>`) the second. A tag that has no image left stays text.
    """
    raise NotImplementedError
