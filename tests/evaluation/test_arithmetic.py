"""Numbers in LaTeX as numbers."""

import math
import time

import pytest

from ovt.evaluation.arithmetic import value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13.75", 13.75),
        (".5", 0.5),
        ("\\frac{55}{4}", 13.75),
        ("\\dfrac{1}{2}", 0.5),
        ("\\frac12", 0.5),
        ("$64 \\pi$", 64 * math.pi),
        ("2\\sqrt{3}+\\pi", 2 * math.sqrt(3) + math.pi),
        ("\\sqrt[3]{8}", 2.0),
        ("\\frac{8}{15}\\sqrt{5}", 8 / 15 * math.sqrt(5)),
        ("9(\\pi-2)", 9 * (math.pi - 2)),
        ("-2^{2}", -4.0),
        ("1: 4", 0.25),
        ("3 \\times 4 \\div 2", 6.0),
        ("\\sqrt{2018^{2}+2}", math.sqrt(2018**2 + 2)),
        ("\\frac{3^{1008}-1}{3^{1009}}", 1 / 3),
        ("\\frac{7}{32}}.theansweris:\\frac{7}{32", 7 / 32),  # up to the brace that closes nothing
        *(
            (text, None) for text in ("\\sqrt{-4}", "\\sqrt[3]{-8}", "(-2)^{0.5}", "\\sqrt[0]{2}")
        ),  # complex, or nothing
        *((text, None) for text in ("", "3x", "e", "pi", "2.5cm", "42%", "39°", "(1,2)", "2\\sqrt", "1/0", "..5", "{")),
    ],
)
def test_values(text, number):
    assert value(text) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    "text",
    ["9^{9^{9^9}}", "2^{99999999}", "10^400", "(" * 5_000, "-" * 399, "\\frac" * 60, "(-1)^{0.5}", "__import__('os')"],
)
def test_hostile_texts_have_no_value_and_take_no_time(text):
    started = time.process_time()
    assert value(text) is None
    assert time.process_time() - started < 0.5
