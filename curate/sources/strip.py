"""`question_strip`: instructions that data sets put into their questions, and that contradict the recipe's own prompt.

    question_strip = "usual"                                          # all phrases of boilerplate.toml
    question_strip = ["hint", "Keep your answer short.", "^Note: *"]  # some of them, and your own

A phrase is found whatever its case and white space. `*` stands for the rest, up to the next part of the phrase, within
a line; `^` and `$` are the start and the end of a line.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files

from ovt.core.text import did_you_mean
from ovt.core.untrusted import parse_toml

USUAL = "usual"
LONGEST = 50_000  # characters of a question that is searched; a longer one is left as it is
_BLANK = re.compile(r"\n{3,}")
# What a * stands for, between two parts of a phrase and at its end. Bounded: data is hostile, and a search must end.
REST = (r"[^\n]{0,500}?", r"[^\n]{0,2000}")


@cache
def boilerplate() -> dict[str, list[dict[str, str]]]:
    """The named phrases: each with an `example` question, and what is `left` of it."""
    return parse_toml(files("ovt.curate.sources").joinpath("boilerplate.toml").read_text(encoding="utf-8"))


@cache
def stripper(strip: tuple[str, ...]) -> Callable[[str], str]:
    """The function that takes some phrases out of a question. ValueError for an invalid phrase."""
    if not strip:
        return str
    found = re.compile("|".join(map(pattern, phrases(strip))), re.IGNORECASE | re.MULTILINE)
    return lambda question: question if len(question) > LONGEST else _BLANK.sub("\n\n", found.sub("", question)).strip()


def phrases(strip: Iterable[str]) -> list[str]:
    """The phrases meant, longest first, so that none is cut by a shorter one."""
    named = boilerplate()
    found: list[str] = []
    for one in strip:
        names: Sequence[str] = list(named) if one == USUAL else [one] if one in named else []
        if not names and re.fullmatch(r"[a-z_]+", one):
            known = [USUAL, *named]
            raise ValueError(
                f"question_strip: {one!r} is not a named phrase; {did_you_mean(one, known, ', '.join(known))}"
            )
        found += [phrase["phrase"] for name in names for phrase in named[name]] or [one]
    return sorted(dict.fromkeys(found), key=lambda phrase: (-len(phrase), phrase))


def pattern(phrase: str) -> str:
    """A regular expression for a phrase; ValueError for more than one *, none before it, or too few letters."""
    bare = phrase.removeprefix("^").removesuffix("$").strip()
    if bare.count("*") > 1 or bare.startswith("*") or len(re.findall(r"\w", bare)) < 3:
        raise ValueError(f"question_strip: {phrase[:60]!r} is not a phrase: expected words, then at most one *")
    parts = (r"\s+".join(map(re.escape, part.split())) for part in bare.split("*"))
    start = "^[ \t]*" if phrase.startswith("^") else r"\b" if bare[0].isalnum() else ""
    end = r"[ \t]*$\n?" if phrase.endswith("$") else ""
    return f"(?:{start}{REST[bare.endswith('*')].join(parts)}{end})"
