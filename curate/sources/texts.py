"""Cells of any type as text: questions, golds and conversations."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from ovt.curate.sources.lint import Unfit

_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_SPEAKERS = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant"}


def plain_text(cell: Any) -> str | None:
    """A cell as stripped text, None where it holds nothing (None, NaN, blank) or is no single value.

    Whole floats lose their ".0" (tables with empty cells turn integers into floats); characters that UTF-8 or
    Parquet cannot hold become "?".
    """
    if isinstance(cell, str):
        return cell.replace("\x00", "").encode("utf-8", "replace").decode().strip() or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell != cell:
            return None
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, int | Decimal):
        return str(cell)
    return None


def squeeze(text: str) -> str:
    """A text as it is compared: case and runs of white space do not matter."""
    return " ".join(text.casefold().split())


def gold_text(cell: Any) -> str | None:
    """A gold cell as text: of a worked solution its last <answer> or \\boxed{}; of a list the one value it repeats.

    Raises Unfit("unparseable_gold") for a list of different golds or a nested value.
    """
    if isinstance(cell, list | tuple):
        texts = list(dict.fromkeys(text for value in cell if (text := plain_text(value))))
        if len(texts) > 1:
            raise Unfit("unparseable_gold", f"several golds: {' | '.join(texts)[:120]}")
        return final_answer(texts[0]) if texts else None
    if isinstance(cell, Mapping):
        raise Unfit("unparseable_gold", f"found {str(cell)[:80]!r}, expected a text")
    text = plain_text(cell)
    return final_answer(text) if text else None


def final_answer(text: str) -> str:
    """What the last <answer>…</answer>, else the last \\boxed{…}, holds; else the whole text."""
    tags = list(_ANSWER_TAG.finditer(text))
    for opening, closing in reversed(list(pairwise(tags))):
        if closing[1] and not opening[1]:
            text = text[opening.end() : closing.start()].strip()
            break
    start = None
    for match in _BOXED.finditer(text):
        start = match.end()
    return text if start is None else _until_closed(text, start).strip()


def _until_closed(text: str, start: int) -> str:
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start:at]
    return text[start:]


def is_conversation(cell: Any) -> bool:
    """Whether a cell holds turns: a list of {"role", "content"} or {"from", "value"}."""
    return isinstance(cell, list) and bool(cell) and all(isinstance(turn, Mapping) and _speaker(turn) for turn in cell)


def _speaker(turn: Mapping) -> str | None:
    said_by = turn.get("role", turn.get("from"))
    return said_by if isinstance(said_by, str) else None


def read_conversation(turns: Sequence[Mapping]) -> tuple[str | None, str | None, list[Any]]:
    """(question, gold, images in the turns' own parts) of a conversation.

    The gold is the last turn if the assistant has it, else None. The question is what the user said before it; of
    several rounds all are given, with their speakers. System turns are left out.
    """
    said, images = [], []
    for turn in turns:
        speaker = _SPEAKERS.get((_speaker(turn) or "").casefold())
        text, found = _content(turn.get("content", turn.get("value")))
        images += found
        if speaker and text:
            said.append((speaker, text))
    gold = final_answer(said.pop()[1]) if said and said[-1][0] == "assistant" else None
    if len(said) == 1:
        return said[0][1], gold, images
    return "\n\n".join(f"{speaker.capitalize()}: {text}" for speaker, text in said) or None, gold, images


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
