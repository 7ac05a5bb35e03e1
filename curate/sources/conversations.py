"""Conversations of one or more rounds, in every form that data sets use.

[{"role": "user", "content": …}, {"role": "assistant", …}]   [{"from": "human", "value": …}, …]
[{"user": …, "assistant": …}, …]   [{"question": …, "answer": …}, …]   and each of these as JSON in a text
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ovt.curate.sources.cells import plain_text, unpacked

_SPEAKERS = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant"}
_PAIRS = (("user", "assistant"), ("question", "answer"), ("human", "gpt"))

Turns = list[Mapping]


def as_turns(cell: Any) -> Turns | None:
    """The turns of a conversation, {"role", "content"} or {"from", "value"} each; None for any other cell."""
    cell = unpacked(cell)
    if not isinstance(cell, list) or not cell or not all(isinstance(turn, Mapping) for turn in cell):
        return None
    if all(_speaker(turn) for turn in cell):
        return cell
    names = _pair_names(cell)
    if names is None:
        return None
    asked, answered = names
    pairs = [(("user", pair[asked]), ("assistant", pair[answered])) for pair in cell]
    return [{"role": role, "content": said} for pair in pairs for role, said in pair]


def is_paired(cell: Any) -> bool:
    """Whether a cell is a list of {question, answer} in any of these names: each is a question by itself."""
    cell = unpacked(cell)
    return isinstance(cell, list) and bool(cell) and _pair_names(cell) is not None


def _pair_names(cell: Sequence[Any]) -> tuple[str, str] | None:
    mappings = all(isinstance(pair, Mapping) for pair in cell)
    return next(
        (names for names in _PAIRS if mappings and all(names[0] in one and names[1] in one for one in cell)), None
    )


def _speaker(turn: Mapping) -> str | None:
    said_by = turn.get("role", turn.get("from"))
    return said_by if isinstance(said_by, str) else None


def rounds_of(turns: Sequence[Mapping], in_context: bool) -> list[Turns]:
    """The rounds of a conversation: what the user said up to each answer of the assistant, and that answer.

    in_context: with all rounds before it. What the user said last without an answer is a round, too.
    """
    found: list[Turns] = []
    start = 0
    for end, turn in enumerate(turns, 1):
        if _role(turn) == "assistant" or end == len(turns):
            found.append(list(turns[0 if in_context else start : end]))
            start = end
    return found


def _role(turn: Mapping) -> str | None:
    return _SPEAKERS.get((_speaker(turn) or "").casefold())


def read_conversation(turns: Sequence[Mapping]) -> tuple[str | None, str | None, list[Any]]:
    """(question, answer, images in the turns' own parts) of a conversation.

    The answer is the last turn if it is the assistant's, else None. The question is what the user said before it; of
    several rounds all are included, with their speakers. System turns are left out.
    """
    said, images = [], []
    for turn in turns:
        speaker = _role(turn)
        text, found = _content(turn.get("content", turn.get("value")))
        images += found
        if speaker and text:
            said.append((speaker, text))
    answer = said.pop()[1] if said and said[-1][0] == "assistant" else None
    if len(said) == 1:
        return said[0][1], answer, images
    return "\n\n".join(f"{speaker.capitalize()}: {text}" for speaker, text in said) or None, answer, images


def _content(content: Any) -> tuple[str | None, list[Any]]:
    if not isinstance(content, list):
        return plain_text(content), []
    texts, images = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            if isinstance(part.get("text"), str):
                texts.append(part["text"])
            shown = next((part[key] for key in ("image", "image_url", "path", "url") if part.get(key)), None)
            if shown is not None:
                images.append(shown)
    return plain_text("\n".join(texts)), images
