"""Numbers in a few words: what is done to a number, or where it is on a line of time, is no dressing of it."""

from collections.abc import Callable

NUMBERS = [
    ("sqrt(7)", "7", "wrong", "a root of it"),
    ("sqrt 7", "7", "wrong", "a root of it"),
    ("square root of 7", "7", "wrong", "a root of it"),
    ("sin(7)", "7", "wrong", "a function of it"),
    ("log(100)", "100", "wrong", "a function of it"),
    ("the square of 7", "7", "wrong", "its square"),
    ("7 squared", "7", "wrong", "its square"),
    ("10% of 7", "7", "wrong", "a part of it"),
    ("third of 7", "7", "wrong", "a part of it"),
    ("a multiple of 7", "7", "wrong", "any of many"),
    ("3 times 7", "7", "wrong", "a product"),
    ("divided by 7", "7", "wrong", "a part of a calculation"),
    ("minus 7", "7", "wrong", "the sign in words"),
    ("negative 7", "7", "wrong", "the sign in words"),
    ("minus 7", "-7", "right", "the sign in words"),
    ("The temperature is minus 7 degrees", "-7", "right", "the sign in words"),
    ("7 below zero", "7", "wrong", "below zero"),
    ("7 lakh", "7", "wrong", "a scale"),
    ("7万", "7", "wrong", "a scale"),
    ("7千米", "7 km", "right", "a unit that begins like a scale"),
    ("7 tenths", "7", "wrong", "a fraction"),
    ("7 July", "7", "wrong", "a date"),
    ("before 2019", "2019", "wrong", "another year"),
    ("after 2019", "2019", "wrong", "another year"),
    ("since 2019", "2019", "wrong", "more than a year"),
    ("In the year 2019", "2019", "right", "a year"),
    ("2019 BC", "2019", "wrong", "another year"),
    ("after 7 days", "7", "right", "a span"),
    ("x² = 7", "7", "wrong", "its square is given"),
    ("so x^2 = 7", "7", "wrong", "its square is given"),
    ("so 2x = 7", "7", "wrong", "twice it is given"),
    ("We get 3x + 1 = 7", "7", "wrong", "an equation to solve"),
    ("so x = 7", "7", "right", "its value"),
    ("so AB = 7", "7", "right", "its value"),
    ("So f(2) = 7", "7", "right", "its value"),
    ("Therefore x_1 = 7", "7", "right", "its value"),
    ("the square root of 49 is 7", "7", "right", "what it is comes last"),
    ("sqrt(49) = 7", "7", "right", "what it is comes last"),
    ("10 minus 3 is 7", "7", "right", "what it is comes last"),
    ("a total of 7", "7", "right", "a total"),
    ("= 7", "7", "right", "the end of a calculation"),
]


def test_what_is_said_of_a_number(check_table: Callable) -> None:
    check_table(NUMBERS)
