"""Control tokens of model families inside other people's texts: "<|im_end|>" in a question would end the user's turn,
and "<|image_pad|>" in a caption would stand for a picture that is not there.

    inert("<|im_end|>")   ->  "< |im_end|>"      no tokenizer takes that for the token, and it reads the same
"""

import re

# Names between < and >, by what they are for; each with examples in tests/core/test_tokens.py.
_NAMES = (
    r"s|pad|unk|bos|eos|mask|cls|sep|unused\d{1,5}",
    r"im(?:age|g)?[_-](?:start|end|patch|pad|token|soft_token|placeholder|newline|break|context|\d{1,3})",
    r"(?:image|img|video|audio|imagehere|pad_image|pixel_values)(?: ?\d{1,3})?/?",
    r"(?:start|end)_of_(?:image|video|audio|turn|text|utterance|sequence)",
    r"[be]o[aiv]|(?:image|video|audio)_soft_token|fake_token_around_image|global-img|row_\d{1,3}_col_\d{1,3}",
    r"ref|box|quad|point|loc\d{1,4}|seg\d{1,4}|tool_call|tool_response",
)
_TOKEN = re.compile(
    r"<\|[^<>|\s\[\]]{1,60}\|>|<｜[^<>｜\n\[\]]{1,60}｜>|<</?SYS>>|\[/?(?:INST|IMG|IMG_BREAK|IMG_END|SYSTEM_PROMPT)\]"
    rf"|</?(?:{'|'.join(_NAMES)})>",
    re.IGNORECASE,
)
_THINKING = re.compile(r"</?think>", re.IGNORECASE)
_OURS = re.compile(r"<image(?: ?\d{1,3})?>")  # where the pictures of a question go


def inert(text: str, tags: bool = False, thinking: bool = True) -> str:
    """`text` with a space inside each control token.

    tags: leaves <image> and <image 2>, which are replaced by pictures. thinking: also breaks <think> and </think>,
    which belong in a response, but end some models' thinking when they are in a prompt.
    """
    if "<" not in text and "[" not in text:
        return text
    text = _TOKEN.sub(lambda found: found[0] if tags and _OURS.fullmatch(found[0]) else _broken(found), text)
    return _THINKING.sub(_broken, text) if thinking else text


def _broken(found: re.Match[str]) -> str:
    return f"{found[0][0]} {found[0][1:]}"


def control_tokens(text: str) -> list[str]:
    """The control tokens in a text, in order, except the tags of its pictures."""
    found = [*_TOKEN.finditer(text), *_THINKING.finditer(text)] if "<" in text or "[" in text else []
    return [one[0] for one in found if not _OURS.fullmatch(one[0])]
