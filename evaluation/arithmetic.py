r"""Numbers in LaTeX as numbers: what the official rules of MathVision and EMMA evaluate, without evaluating any code.

    \frac{55}{4}   13.75          2\sqrt{3}+\pi   6.605692…          1:4   0.25          3x   None

A recursive parser over a fixed grammar: sums, products (written or implied), quotients, powers, fractions, roots and
π. It reads up to the end or to an unmatched closing brace, as the official code's parser does, and knows no names,
percentages or degrees: such texts have no value. Powers are bounded, and so is the depth.
"""

import math
import re
from fractions import Fraction

Number = Fraction | float

MAX_CHARS = 400
MAX_DEPTH = 40
MAX_BITS = 20_000  # of an exact power

_SKIPPED = re.compile(r"\\(?:displaystyle|left|right|limits|[,;: ])|\$|\s+|~")
_SIGN = re.compile(r"\d+(?:\.\d*)?|\.\d+|\\(?:d|t)?frac|\\sqrt|\\pi|\\(?:cdot|times|div)|\\?[A-Za-z]+|.")
_FACTOR = re.compile(r"[\d.({]|\\(?:[dt]?frac|sqrt|pi)")  # what continues a product without an operator
_PRODUCT = ("*", "\\cdot", "\\times")
_QUOTIENT = ("/", ":", "\\div")
_CLOSING = {"(": ")", "{": "}", "[": "]"}


class _NoValue(Exception):
    pass


def value(text: str) -> float | None:
    """The value of an arithmetic expression; None for anything else."""
    if len(text) > MAX_CHARS:
        return None
    try:
        parser = _Parser(_SIGN.findall(_SKIPPED.sub(" ", text).replace(" ", "")))
        found = float(parser.sum(0))
        if parser.next not in ("", "}"):
            return None
    except (_NoValue, ArithmeticError, ValueError):
        return None
    return found if math.isfinite(found) else None


class _Parser:
    def __init__(self, signs: list[str]) -> None:
        self.signs, self.at = signs, 0

    @property
    def next(self) -> str:
        return self.signs[self.at] if self.at < len(self.signs) else ""

    def take(self) -> str:
        self.at += 1
        return self.signs[self.at - 1]

    def sum(self, depth: int) -> Number:
        if depth > MAX_DEPTH:
            raise _NoValue
        total = self.product(depth)
        while self.next in ("+", "-"):
            total = total + self.product(depth) if self.take() == "+" else total - self.product(depth)
        return total

    def product(self, depth: int) -> Number:
        found = self.signed(depth)
        while True:
            if self.next in _PRODUCT:
                self.take()
                found = found * self.signed(depth)
            elif self.next in _QUOTIENT:
                self.take()
                found = found / self.signed(depth)
            elif _FACTOR.match(self.next):
                found = found * self.power(depth)
            else:
                return found

    def signed(self, depth: int) -> Number:
        if depth > MAX_DEPTH:
            self.fail()
        if self.next in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            return sign * self.signed(depth + 1)
        return self.power(depth)

    def power(self, depth: int) -> Number:
        base = self.atom(depth)
        if self.next != "^":
            return base
        self.take()
        exponent = self.signed(depth + 1) if self.next != "{" else self.group(depth)
        return _power(base, exponent)

    def atom(self, depth: int) -> Number:
        if not self.next:
            self.fail()
        sign = self.take()
        if sign[0].isdigit() or (sign[0] == "." and len(sign) > 1):
            return Fraction(sign.removesuffix("."))
        if sign == "\\pi":
            return math.pi
        if sign.endswith("frac"):
            return self.argument(depth) / self.argument(depth)
        if sign == "\\sqrt":
            return self.root(depth)
        if sign in _CLOSING:
            self.at -= 1
            return self.group(depth)
        return self.fail()

    def root(self, depth: int) -> Number:
        degree = self.group(depth) if self.next == "[" else Fraction(2)
        return _power(self.argument(depth), 1 / float(degree))

    def argument(self, depth: int) -> Number:
        if self.next[:1].isdigit():  # \frac12 is a half
            self.signs[self.at : self.at + 1] = [sign for sign in (self.next[0], self.next[1:]) if sign]
        return self.group(depth) if self.next == "{" else self.atom(depth + 1)

    def group(self, depth: int) -> Number:
        closing = _CLOSING[self.take()]
        inside = self.sum(depth + 1)
        if self.next != closing:
            self.fail()
        self.take()
        return inside

    def fail(self) -> Number:
        raise _NoValue


def _power(base: Number, exponent: Number) -> Number:
    """An exact power where it is small, else in floating point (which overflows into no value)."""
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent.numerator) <= MAX_BITS:
            return base ** int(exponent)
    found = float(base) ** float(exponent)
    if isinstance(found, complex):
        raise _NoValue
    return found
