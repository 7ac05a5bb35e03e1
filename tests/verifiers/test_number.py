"""Numbers: how they are written never matters, what they are always does."""

from collections.abc import Callable

import pytest

from ovt.verifiers import verify
from ovt.verifiers.number import read_number

CASES = [
    ("42", "42", "right", "the same digits"),
    ("42.0", "42", "right", "a decimal that is an integer"),
    ("042", "42", "right", "leading zeros say nothing"),
    ("+42", "42", "right", "a plus sign says nothing"),
    ("−42", "-42", "right", "a Unicode minus"),
    ("－42", "-42", "right", "a full-width minus"),
    ("42", "-42", "wrong", "the sign matters"),
    ("１２３", "123", "right", "full-width digits"),
    ("١٢٣", "123", "right", "Arabic-Indic digits"),
    ("1,234,567", "1234567", "right", "commas between thousands"),
    ("1 234 567", "1234567", "right", "spaces between thousands"),
    ("1\u202f234\u202f567", "1234567", "right", "narrow spaces between thousands"),
    ("1'234'567", "1234567", "right", "apostrophes between thousands"),
    ("1.234.567,89", "1234567.89", "right", "European separators"),
    ("12,34,567", "1234567", "right", "Indian grouping"),
    ("1{,}234", "1234", "right", "LaTeX's comma"),
    ("1\\,234", "1234", "right", "LaTeX's thin space"),
    ("10,\\!000", "10000", "right", "LaTeX's negative space"),
    ("1,234", "1.234", "wrong", "thousands are no decimals"),
    ("1,23", "123", "wrong", "two digits after a comma are no thousands"),
    ("1000,99", "1000.99", "right", "a decimal comma"),
    ("3,5", "3.5", "right", "a decimal comma"),
    (".5", "0.5", "right", "no zero before the point"),
    ("5.", "5", "right", "a full stop after it"),
    ("0.50", "0.5", "right", "trailing zeros"),
    ("1/2", "0.5", "right", "a fraction"),
    ("2/4", "1/2", "right", "a fraction not in lowest terms"),
    ("½", "0.5", "right", "a vulgar fraction"),
    ("2½", "2.5", "right", "a vulgar mixed number"),
    ("2 1/2", "2.5", "right", "a mixed number"),
    ("2\\frac{1}{2}", "2.5", "right", "a LaTeX mixed number"),
    ("2\\tfrac12", "2.5", "right", "braces left out"),
    ("-3 \\frac{1}{2}", "-3.5", "right", "the sign is the whole mixed number's"),
    ("\\frac{-1}{2}", "-\\frac{1}{2}", "right", "the sign may stand anywhere"),
    ("1/3", "0.33", "wrong", "no rounding tolerance"),
    ("0.33", "1/3", "wrong", "no rounding tolerance"),
    ("0.3333333333", "1/3", "right", "written out"),
    ("0.3333333", "1/3", "right", "written out to seven digits"),
    ("0.3333343", "1/3", "wrong", "a wrong digit among seven"),
    ("0.6666667", "2/3", "right", "rounded up at the seventh digit"),
    ("0.6666666", "2/3", "right", "cut at the seventh digit"),
    ("0.30000000000000004", "0.3", "right", "the noise of floating point"),
    ("3.14", "22/7", "wrong", "near is not equal"),
    ("5.001", "5", "wrong", "near is not equal"),
    ("99999999999", "100000000000", "wrong", "integers are exact at any size"),
    ("12345678901234567891", "12345678901234567890", "wrong", "integers are exact at any size"),
    ("1.6e-19", "1.7e-19", "wrong", "tiny numbers compare relatively"),
    ("1e-7", "2e-7", "wrong", "tiny numbers compare relatively"),
    ("1e-7", "0", "wrong", "tiny is not zero"),
    ("1.6 \\times 10^{-19}", "1.6e-19", "right", "scientific notation"),
    ("1.6 x 10^-19", "1.6e-19", "right", "scientific notation in plain text"),
    ("1.6 × 10⁻¹⁹", "1.6e-19", "right", "superscripts"),
    ("3\\cdot10^5", "300000", "right", "a product with a power of ten"),
    ("10^6", "1000000", "right", "a power of ten"),
    ("10^6", "106", "wrong", "a power is no string of digits"),
    ("1E3", "1000", "right", "capital E"),
    ("fifty-six", "56", "right", "in words"),
    ("Fifty six", "56", "right", "in words"),
    ("one hundred and twenty", "120", "right", "in words"),
    ("two million", "2000000", "right", "in words"),
    ("minus four", "-4", "right", "in words"),
    ("seven", "8", "wrong", "in words"),
    ("5 million", "5000000", "right", "a scale word"),
    ("50%", "50", "right", "the percent sign is optional"),
    ("50%", "0.5", "right", "the percent sign is optional"),
    ("0.5", "50%", "right", "the percent sign is optional"),
    ("50 percent", "50%", "right", "in words"),
    ("50 per cent", "50%", "right", "in words"),
    ("50\\%", "50%", "right", "escaped"),
    ("0.5%", "50%", "wrong", "half a percent is not fifty"),
    ("5%", "50%", "wrong", "another percentage"),
    ("500%", "50%", "wrong", "another percentage"),
    ("33.3%", "1/3", "wrong", "no rounding tolerance"),
    ("the value is 1000", "1000", "right", "a sentence"),
    ("There are 7 apples on the table.", "7", "right", "a sentence"),
    ("It is not 7", "7", "wrong", "a negation"),
    ("12 or 13", "12", "wrong", "two answers"),
    ("12 or 13", "13", "wrong", "two answers"),
    ("either 12 or 13", "13", "wrong", "two answers"),
    ("The answer is 12 or 13", "13", "wrong", "two answers"),
    ("12, 13, 14", "13", "wrong", "a list that holds the gold"),
    ("between 12 and 13", "13", "wrong", "a range"),
    ("12-13", "13", "wrong", "a range"),
    ("1 2 3 4 5 6 7 8 9 10", "7", "wrong", "a list of everything"),
    ("The answer is 25", "5", "wrong", "a part of a number"),
    ("got 25 here", "5", "wrong", "a part of a number"),
    ("AZYUK2A", "2", "wrong", "a part of a word"),
    ("3D", "3", "wrong", "a name"),
    ("none", "0", "wrong", "not a number"),
    ("- 5", "5", "wrong", "a minus sign is no bullet"),
    ("> 5", "5", "wrong", "an inequality is no quotation"),
    ("", "0", "wrong", "nothing"),
    ("N/A", "5", "wrong", "not an answer"),
    ("10-3", "7", "wrong", "dashes are never arithmetic"),
    ("(0, 1)", "1", "wrong", "a pair"),
    ("[7]", "7", "wrong", "a list of one is a list"),
    ("(1).__class__.__mro__[1].__subclasses__()", "0", "wrong", "code is no answer"),
    ("x^2 - x^2", "0", "right", "an expression of that value"),
    ("\\frac{1}{2}+\\frac{1}{2}", "1", "right", "an expression of that value"),
    ("5!", "120", "right", "a factorial"),
    ("\\sqrt{16}", "4", "right", "a root"),
    ("5!", "5", "wrong", "an exclamation mark after a digit is a factorial"),
    ("28 + 32 = 60", "60", "right", "a calculation ends in its result"),
    ("x = 5", "5", "right", "an assignment"),
    ("AB = 5", "5", "right", "an assignment"),
    ("≈ 5", "5", "right", "about"),
    ("#### 42", "42", "right", "markdown"),
    ("**42**", "42", "right", "markdown"),
    ("`42`", "42", "right", "markdown"),
    ("$42$.", "42", "right", "math delimiters"),
    ("\\boxed{42}", "42", "right", "a box"),
    ("$\\boxed{\\text{42}}$", "42", "right", "a box"),
    ("Answer: 42", "42", "right", "a lead-in"),
    ("The final answer is 42.", "42", "right", "a lead-in"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1,2,3", "1-2", "1//2", "1/0", "--", "e5", "1e999999999", "½½", "-", "."]
)
def test_what_is_no_number_reads_as_none(text: str) -> None:
    assert read_number(text) is None


def test_a_gold_of_ten_thousand_digits_equals_only_itself() -> None:
    gold = "7" * 1_900
    assert verify(gold, gold)
    assert not verify(gold[:-1] + "8", gold)
