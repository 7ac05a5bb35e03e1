"""Expressions: equal in value wherever they have one, whatever their form; never by a part or by rounding."""

from collections.abc import Callable

import pytest

from ovt.verifiers.algebra.exact import compare_exactly
from ovt.verifiers.algebra.notation import Unreadable, math_source
from ovt.verifiers.algebra.syntax import parse

CASES = [
    ("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}", "right", "a root in the denominator"),
    ("\\sqrt{8}", "2\\sqrt{2}", "right", "a root simplified"),
    ("2\\sqrt2", "2\\sqrt{2}", "right", "braces left out"),
    ("2√2", "2\\sqrt{2}", "right", "a root sign"),
    ("2*sqrt(2)", "2\\sqrt{2}", "right", "plain text"),
    ("2 sqrt 2", "2\\sqrt{2}", "right", "plain text"),
    ("sqrt(2)*2", "2\\sqrt{2}", "right", "another order"),
    ("2^(3/2)", "2\\sqrt{2}", "right", "a power"),
    ("2.8284271247", "2\\sqrt{2}", "right", "written out"),
    ("2.83", "2\\sqrt{2}", "wrong", "no rounding tolerance"),
    ("2\\sqrt{3}", "2\\sqrt{2}", "wrong", "another number"),
    ("- \\sqrt{2}", "\\sqrt{2}", "wrong", "a minus sign is no bullet"),
    ("- \\frac{1}{2}", "-1/2", "right", "a minus sign set apart"),
    ("- 2 x", "2x", "wrong", "a minus sign is no bullet"),
    ("theta/2", "\\frac{\\theta}{2}", "right", "a Greek letter spelt out"),
    ("2*theta", "2\\theta", "right", "a Greek letter spelt out"),
    ("pi", "\\pi", "right", "a Greek letter spelt out"),
    ("\\gcd(4, 6)", "2", "right", "a function of integers"),
    ("lcm(4, 6)", "12", "right", "a function of integers"),
    ("lcm(4, 6)", "24", "wrong", "another number"),
    ("x*y", "x y", "right", "letters set apart are a product"),
    ("\\sqrt{2}", "2\\sqrt{2}", "wrong", "a part"),
    ("2", "2\\sqrt{2}", "wrong", "a part"),
    ("2\\sqrt{2}", "2", "wrong", "more than the gold"),
    ("\\sqrt[3]{-8}", "-2", "right", "an odd root of a negative"),
    ("\\frac94\\pi", "\\frac{9\\pi}{4}", "right", "pi outside the fraction"),
    ("9π/4", "\\frac{9\\pi}{4}", "right", "plain text"),
    ("2.25 pi", "\\frac{9\\pi}{4}", "right", "a decimal factor"),
    ("9\\pi", "\\frac{9\\pi}{4}", "wrong", "a part"),
    ("24+4\\pi", "4\\pi + 24", "right", "another order"),
    ("24-4\\pi", "24+4\\pi", "wrong", "another sign"),
    ("4(6+\\pi)", "24+4\\pi", "right", "factored"),
    ("x^2+2x+1", "(x+1)^2", "right", "expanded"),
    ("(x+1)(x+1)", "(x+1)^2", "right", "factored"),
    ("(1+x)**2", "(x+1)^2", "right", "plain text"),
    ("x^2+2x", "(x+1)^2", "wrong", "another constant"),
    ("x^2+2x+2", "(x+1)^2", "wrong", "another constant"),
    ("y^2+2y+1", "(x+1)^2", "wrong", "another variable"),
    ("\\frac{x+2}{7}", "\\frac{x}{7}+\\frac{2}{7}", "right", "split"),
    ("\\frac{a}{b}", "a/b", "right", "plain text"),
    ("a \\div b", "a/b", "right", "a division sign"),
    ("\\frac{b}{a}", "a/b", "wrong", "upside down"),
    ("3ab", "3 a b", "right", "spaces"),
    ("3ba", "3ab", "right", "a product has no order"),
    ("3a+b", "3ab", "wrong", "a sum is no product"),
    ("\\sin^2 x", "1-\\cos^2 x", "right", "an identity"),
    ("\\sin 2x", "2\\sin x\\cos x", "right", "an identity"),
    ("\\sin x^2", "\\sin^2 x", "wrong", "another power"),
    ("\\tan x", "\\frac{\\sin x}{\\cos x}", "right", "an identity"),
    ("\\sec x", "1/\\cos x", "right", "an identity"),
    ("\\sin(30^\\circ)", "1/2", "right", "degrees"),
    ("\\sin(90^\\circ - x)", "\\cos x", "right", "degrees and a variable"),
    ("\\cos\\pi", "-1", "right", "a value"),
    ("\\log_2 8", "3", "right", "a logarithm"),
    ("\\ln e^2", "2", "right", "a logarithm"),
    ("\\ln(x^2)", "2\\ln x", "right", "where both are real"),
    ("\\sqrt{x^2}", "x", "wrong", "not where x is negative"),
    ("|x|", "x", "wrong", "not where x is negative"),
    ("|x|", "\\sqrt{x^2}", "right", "everywhere"),
    ("e^{x+1}", "e \\cdot e^x", "right", "a law of powers"),
    ("e^{-200}", "2e^{-200}", "wrong", "tiny values compare relatively"),
    ("x^{1/2}", "\\sqrt{x}", "right", "a power"),
    ("(1+2i)", "i(2-i)", "right", "complex"),
    ("1-2i", "1+2i", "wrong", "conjugate"),
    ("\\binom{5}{2}", "10", "right", "a binomial"),
    ("\\binom{2026}{1013}", "\\binom{2026}{1013}", "right", "a giant"),
    ("\\binom{2026}{1012}", "\\binom{2026}{1013}", "wrong", "another giant"),
    ("2024^{4046}", "2024^{4046}", "right", "a giant"),
    ("2024^{4045}", "2024^{4046}", "wrong", "another giant"),
    ("2^{2025}+1", "2^{2025}", "wrong", "giants are exact"),
    ("1/2004!", "1/2004!", "right", "a giant"),
    ("\\frac{1}{2004 \\cdot 2003!}", "1/2004!", "right", "a giant in another form"),
    ("\\lfloor 3.7 \\rfloor", "3", "right", "a floor"),
    ("4210_{7}", "4210_7", "right", "a base"),
    ("4210_8", "4210_7", "wrong", "another base"),
    ("\\sum_{k=1}^{10} k", "55", "right", "a finite sum"),
    ("\\sum_{k=1}^{10} k^2", "385", "right", "a finite sum"),
    ("\\sum_{k=1}^{10} k", "54", "wrong", "another sum"),
    ("\\int_0^1 x\\,dx", "\\int_0^1 x dx", "right", "an integral as it stands"),
    ("f'(x)", "f'(x)", "right", "a derivative as it stands"),
    ("x_1+x_2", "x_{1}+x_{2}", "right", "subscripts"),
    ("x_1+x_3", "x_1+x_2", "wrong", "another subscript"),
    ("\\alpha+\\beta", "β+α", "right", "Greek letters"),
    ("\\dfrac12", "\\frac{1}{2}", "right", "a display fraction"),
    ("\\left(\\frac{1}{2}\\right)", "\\frac12", "right", "brackets that grow"),
    ("1 + x", "$x + 1$", "right", "math delimiters"),
    ("the expression is 2x+1", "2x+1", "right", "a sentence"),
    ("The answer is $2x+1$.", "2x+1", "right", "a sentence"),
    ("2x+1 or 2x-1", "2x+1", "wrong", "hedged"),
    ("\\frac{\\sqrt{3}}{3} \\approx 0.577", "\\frac{\\sqrt{3}}{3}", "right", "an approximation after it"),
    ("y = 2x+1", "2x+1", "right", "an assignment"),
    ("3.14159265", "\\pi", "right", "written out"),
    ("2^{2^{2^{49}}}", "\\sqrt{2}", "wrong", "too large to be anything"),
    ("9^{9^{9}}", "9^{9^{9}}", "right", "the same giant"),
    ("2", "2π", "wrong", "a Greek letter is no unit"),
    ("3", "3θ", "wrong", "a Greek letter is no unit"),
    ("2pi", "2π", "right", "pi in letters"),
    ("6π/3", "2π", "right", "to be cut down"),
    ("√32", "2\\sqrt{3}", "wrong", "the root of all its digits"),
    ("√12", "2√3", "right", "the root of all its digits"),
    ("x**2", "x^2", "right", "a power as in code"),
]  # fmt: skip


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "3(*",
        "x+",
        "\\frac{1}",
        "\\unknown{x}",
        "the answer",
        "5 is",
        "a b c d'e f (",
        "1 2",
        "^2",
        "\\sqrt",
        ")(",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(math_source(text))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("x+1", "1+x", True),
        ("x+1", "x+2", False),
        ("\\sqrt3+1", "1+\\sqrt3", True),
        ("\\sqrt{12}", "2\\sqrt{3}", None),
        ("9^{9^9}", "9^{9^9}", True),
        ("9^{9^9}", "5", None),
        ("1/0", "5", None),
    ],
)
def test_exact_comparison(left: str, right: str, equal: bool | None) -> None:
    assert compare_exactly(parse(math_source(left)), parse(math_source(right))) is equal


RATIOS = [
    ("3:4", "3:4", "right", "the same"),
    ("3 : 4", "3:4", "right", "spaces"),
    ("$3: 4$", "3:4", "right", "math"),
    ("3\\colon 4", "3:4", "right", "LaTeX"),
    ("6:8", "3:4", "right", "scaled"),
    ("3/4", "3:4", "right", "a fraction"),
    ("3 to 4", "3:4", "right", "in words"),
    ("0.75", "3:4", "right", "its value"),
    ("4:3", "3:4", "wrong", "turned round"),
    ("3:7", "3:4", "wrong", "another"),
    ("3", "3:4", "wrong", "a part"),
    ("3:0", "3:4", "wrong", "nothing is in proportion to zero"),
    ("3:4:5", "3:4", "wrong", "three terms"),
    ("3:1", "3:7", "wrong", "another"),
    ("1:2:3", "2:4:6", "right", "three terms, scaled"),
    ("1:2:4", "2:4:6", "wrong", "three terms"),
    ("1:\\sqrt{2}", "\\sqrt2:2", "right", "expressions"),
    ("\\sqrt{3}:1", "1:\\sqrt{3}", "wrong", "turned round"),
    ("The ratio is 3:4.", "3:4", "right", "a sentence"),
    ("x:y = 3:4", "3:4", "right", "named"),
    ("1 to 2 to 3", "1:2:3", "right", "in words"),
]


def test_ratios(check_table: Callable[..., None]) -> None:
    check_table(RATIOS, kind="ratio")
