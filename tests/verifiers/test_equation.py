"""Equations: an assignment is worth its value; other equations are compared up to scaling."""

from collections.abc import Callable

CASES = [
    ("5", "x = 5", "right", "the value"),
    ("x = 5", "5", "right", "an assignment"),
    ("5 = x", "x = 5", "right", "either way round"),
    ("x=6", "x = 5", "wrong", "another value"),
    ("y = 5", "x = 5", "wrong", "another variable"),
    ("AB = 5", "5", "right", "a segment"),
    ("AB = 5", "AB = 5 cm", "right", "a unit on one side"),
    ("\\angle ABC = 74^\\circ", "74^\\circ", "right", "an angle"),
    ("|AB| = 1", "1", "right", "a length"),
    ("f(x) = 2x + 3", "2x + 3", "right", "a function"),
    ("2x + 3", "f(x) = 2x + 3", "right", "a function"),
    ("y = 2x + 3", "f(x) = 2x + 3", "right", "a function by another name"),
    ("y = 2x - 3", "y = 2x + 3", "wrong", "another function"),
    ("z = 1 + 1 = 2", "2", "right", "a chain ends in its value"),
    ("z = 3 + 3 = 6", "2", "wrong", "a chain ends in its value"),
    ("x = 1/3 \\approx 0.33", "1/3", "right", "an approximation after it"),
    ("x \\approx 11", "11", "right", "about"),
    ("a+3z=0", "0", "wrong", "an equation is not its right side"),
    ("0", "a+3z=0", "wrong", "an equation is not its right side"),
    ("2x+z=1", "1", "wrong", "an equation is not its right side"),
    ("11a+c", "7 = 11a+c", "wrong", "an equation is not its right side"),
    ("2x+4y-6=0", "x+2y-3=0", "right", "scaled"),
    ("-x-2y+3=0", "x+2y-3=0", "right", "scaled by a negative"),
    ("x+2y=3", "x+2y-3=0", "right", "another arrangement"),
    ("y=-\\frac{1}{2}x+\\frac{3}{2}", "x+2y-3=0", "right", "solved for y"),
    ("x+2y+3=0", "x+2y-3=0", "wrong", "another sign"),
    ("x+2y-3", "x+2y-3=0", "wrong", "no equation"),
    ("x^2/16+y^2/12=1/4", "x^2/4+y^2/3=1", "right", "scaled"),
    ("x^2+y^2=25", "x^2+y^2=5", "wrong", "another circle"),
    ("\\cos x = 1/2", "\\sin x = 1/2", "wrong", "another function"),
    ("k = \\frac{1}{3}", "1/3", "right", "a fraction"),
    ("Area = 15", "15", "right", "a word"),
    ("The area is 15", "15", "right", "a sentence"),
    ("x = 5 or x = 6", "x = 5", "wrong", "two answers"),
    ("x = 5, x = 6", "5", "wrong", "two answers"),
    ("V_1:V_2 = 11:21", "11:21", "right", "a named ratio"),
    ("\\frac{NO}{BO}=\\frac{1}{\\sqrt{6}}", "\\frac{1}{\\sqrt6}", "right", "a named quotient"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)
