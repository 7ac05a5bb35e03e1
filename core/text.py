"""Text from models and data sets, made safe to show: no control characters, which could move a terminal's cursor, and
no invisible ones that reverse or hide text. Also suggestions for mistyped names."""

import difflib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """`text` with each such character replaced by "�" (line ends and tabs stay)."""
    return _UNSEEN.sub("\ufffd", text.replace("\r\n", "\n"))


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates replaced: neither SQLite nor Parquet can store them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def without_secrets(text: str) -> str:
    """`text` for a message, cut off where a URL that holds a user, a password or a query begins."""
    for sign, marks in (("://", "@?#"), (":", "@")):
        before, found, rest = text.partition(sign)
        if found and any(mark in rest for mark in marks):
            return f"{before}{sign}…"
    return text


def escaped(written: str) -> str:
    """JSON with each such character escaped, so that it can be printed; it still reads as the same value."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], written)


# The definition of a word for every word count: a run of non-space characters, as in Python's `str.split`.


def count_words(column: str) -> "pl.Expr":
    """Word counts of a text column (Int32; null for null)."""
    import polars as pl  # here, so that the verifiers load no tables

    return pl.col(column).str.count_matches(r"\S+").cast(pl.Int32)


def did_you_mean(name: str, known: Iterable[str], otherwise: str, cutoff: float = 0.5) -> str:
    """ "did you mean charts?" with the nearest known name, or `otherwise` if none is near enough (1: equal)."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"did you mean {nearest[0]}?" if nearest else otherwise


# Human-readable numbers.


def size(count: float) -> str:
    """Human-readable bytes: "812 B", "3.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def duration(seconds: float | None) -> str:
    """ "1:02:03", "4:05"; empty for None."""
    if seconds is None or seconds < 0.5:
        return ""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
