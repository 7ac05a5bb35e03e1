"""A kind of answer: roman numerals, equal where they stand for the same number.

    [verify]
    kind = "roman"        # every gold is one;  "auto+roman": those that no kind of ovt's own can read

    text                what it says
    XIV, xiv, $XIV$.    14
    IIII, VX, 14        nothing: not how numerals are written (where one is asked for, "14" is not an answer)
    MIX, CD, XL         nothing: a word, a disc, a size
    mm, c, xi           nothing: a unit, a variable, a Greek letter
    I                   1 where it is the whole answer; a sentence is taken apart before it is read

A gold that says nothing is compared as a text, and `ovt data lint` reports it (unparseable_gold).
"""

import re

from ovt.verifiers import Kind

SIZES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
NUMERAL = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
# Numerals that are also English words, names or abbreviations, in capitals as people write them.
WORDS = {"CC", "CD", "CI", "CIV", "CL", "CM", "CV", "DC", "DI", "DIV", "DIX", "LI", "LIV", "MC", "MD", "MDI", "MI",
         "MIX", "MM", "MV", "XL"}  # fmt: skip
SMALL = re.compile(r"(?!xi$)[ivx]{2,}|[ivxlcdm]{4,}")  # lower case that is nothing else: iv and mcmxcix; not mm, c, xi
DRESS = " \t\n.$*`\"'()"


def read_roman(text: str) -> int | None:
    """The number that a text is a numeral for; None if it is not a numeral, or may be a word."""
    bare = text.strip(DRESS)
    if not bare or bare in WORDS or not (bare.isupper() or SMALL.fullmatch(bare)):
        return None
    numeral = bare.upper()
    if not NUMERAL.fullmatch(numeral):
        return None
    sizes = [SIZES[letter] for letter in numeral]
    return sum(-size if size < after else size for size, after in zip(sizes, [*sizes[1:], 0], strict=True))


ROMAN = Kind("roman", read_roman)
