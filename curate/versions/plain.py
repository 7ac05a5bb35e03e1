"""Text of models and data sets, fit to be shown: no control characters, which could move a terminal's cursor, and none
of the invisible ones that reverse or hide text."""

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """`text` with each such character replaced by "�" (line ends and tabs stay)."""
    return _UNSEEN.sub("\ufffd", text.replace("\r\n", "\n"))
