"""What a response thinks, and what it shows: `<think>…</think>` and the like (`marks.py`)."""

from ovt.verifiers.guard import MAX_RESPONSE_CHARS
from ovt.verifiers.marks import END, HARMONY, THINK


def split_thinking(text: str) -> tuple[str, str, bool]:
    """(thinking, everything else, whether the last `<think>` was closed). Linear in the text's length."""
    thinking, visible, closed = _pieces(text)
    return "".join(thinking), "".join(visible), closed


def _pieces(text: str) -> tuple[list[str], list[str], bool]:
    """The pieces of the thinking and of the rest, at least one, and whether the last `<think>` was closed."""
    thinking: list[str] = []
    visible: list[str] = []
    inside, position = False, 0
    for tag in THINK.finditer(text):
        piece = text[position : tag.start()]
        position = tag.end()
        if any(tag.groups()):
            # A closing tag without an opening one: the template prefilled it, so all before is thinking.
            thinking += [piece] if inside else [*visible, piece]
            visible = visible if inside else []
            inside = False
        else:
            (thinking if inside else visible).append(piece)
            inside = True
    (thinking if inside else visible).append(text[position:])
    return thinking, visible, not inside


def after_thinking(text: str) -> str:
    """The text after the last `</think>`, up to a `<think>` that is never closed; of channels, the final one."""
    if "<" not in text and "◁" not in text and "[" not in text:
        return text[-MAX_RESPONSE_CHARS:]
    channels = [mark for mark in HARMONY.finditer(text) if mark[1] == "final"]
    if channels:
        text = text[channels[-1].end() :]
    elif HARMONY.search(text):
        return ""
    visible = _pieces(text)[1][-1][-MAX_RESPONSE_CHARS:]
    for mark in END.finditer(visible):
        if visible[: mark.start()].strip():
            return visible[: mark.start()]
    return END.sub("", visible)
