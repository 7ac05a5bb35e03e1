r"""The exact value of a tree, in this process, without symbols: rational arithmetic with random stand-ins.

Each variable, and each irrational part (`\sqrt 3`, `\sin x`, `\pi`), is replaced by a random fraction that depends
only on its identity; so two trees of equal value are equal as expressions, whatever their order and shape. Trees
of unequal value are certainly different only if nothing but variables had a stand-in.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, gcd, isqrt, lcm
from typing import Any, NamedTuple

from ovt.verifiers.algebra.syntax import Node
from ovt.verifiers.guard import MAX_POWER_BITS

CONSTANT, VARIABLE, OPAQUE = 0, 1, 2
"""How exact a value is: a known rational; rational in variables; with stand-ins for what is not rational."""


class Value(NamedTuple):
    """A value, and the highest of CONSTANT, VARIABLE and OPAQUE among its parts."""

    number: Fraction
    level: int


class TooLarge(ArithmeticError):
    """The value would exceed the memory limit."""


def exact_value(node: Node, seed: int = 0) -> Value:
    """The value of a tree under the stand-ins of `seed`. Raises TooLarge, ZeroDivisionError."""
    return _OPERATIONS[node.op](node, seed)


def compare_exactly(left: Node, right: Node) -> bool | None:
    """Whether two trees are equal; None if rational arithmetic cannot tell."""
    try:
        if left == right:
            return True
        for seed in (1, 2):
            a, b = exact_value(left, seed), exact_value(right, seed)
            level = max(a.level, b.level)
            if a.number != b.number:
                return None if level == OPAQUE else False
            if level == CONSTANT:
                break  # no stand-in was involved
    except (TooLarge, ZeroDivisionError, RecursionError):
        return None
    return True


def exact_ratio(left: Node, right: Node) -> Fraction | None:
    """The constant c with left = c · right, 0 if there is none; None if rational arithmetic cannot tell."""
    try:
        pairs = [(exact_value(left, seed), exact_value(right, seed)) for seed in (1, 2, 3)]
        ratios = {a.number / b.number for a, b in pairs}
    except (TooLarge, ZeroDivisionError, RecursionError):
        return None
    if len(ratios) == 1:
        return ratios.pop()
    return None if any(max(a.level, b.level) == OPAQUE for a, b in pairs) else Fraction(0)


def _check(number: Fraction, level: int) -> Value:
    if number.numerator.bit_length() + number.denominator.bit_length() > MAX_POWER_BITS:
        raise TooLarge
    return Value(number, level)


@lru_cache(maxsize=4096)
def _stand_in(seed: int, *key: Any, level: int = OPAQUE) -> Value:
    import hashlib

    name = " ".join(map(_spell, (seed, *key)))
    digest = hashlib.blake2b(name.encode(), digest_size=6).digest()
    return Value(Fraction(int.from_bytes(digest[:3], "big") + 2, int.from_bytes(digest[3:], "big") * 2 + 3), level)


def _spell(part: Any) -> str:
    number = part.number if isinstance(part, Value) else part
    # Hexadecimal, because Python refuses to print decimals of thousands of digits.
    return f"{number.numerator:x}/{number.denominator:x}" if isinstance(number, int | Fraction) else str(number)


def _number(node: Node, seed: int) -> Value:
    return Value(node.args[0], CONSTANT)


def _symbol(node: Node, seed: int) -> Value:
    return _stand_in(seed, "sym", node.args[0], level=VARIABLE)


def _constant(node: Node, seed: int) -> Value:
    if node.args[0] == "inf":
        raise ZeroDivisionError("infinity is not a number")
    return _stand_in(seed, "const", node.args[0])


def _add(node: Node, seed: int) -> Value:
    values = [exact_value(arg, seed) for arg in node.args]
    return _check(sum((value.number for value in values), Fraction(0)), max(value.level for value in values))


def _negate(node: Node, seed: int) -> Value:
    value = exact_value(node.args[0], seed)
    return Value(-value.number, value.level)


def _multiply(node: Node, seed: int) -> Value:
    product = Value(Fraction(1), CONSTANT)
    for arg in node.args:
        value = exact_value(arg, seed)
        product = _check(product.number * value.number, max(product.level, value.level))
    return product


def _divide(node: Node, seed: int) -> Value:
    left, right = (exact_value(arg, seed) for arg in node.args)
    return _check(left.number / right.number, max(left.level, right.level))


def _power(node: Node, seed: int) -> Value:
    base, exponent = (exact_value(arg, seed) for arg in node.args)
    if exponent.level == CONSTANT:
        return raise_to(base, exponent.number, seed)
    return _stand_in(seed, "pow", base, exponent)


def _root(node: Node, seed: int) -> Value:
    base, degree = (exact_value(arg, seed) for arg in node.args)
    if degree.level == CONSTANT and degree.number:
        return raise_to(base, 1 / degree.number, seed)
    return _stand_in(seed, "root", base, degree)


def raise_to(base: Value, exponent: Fraction, seed: int) -> Value:
    """`base ** exponent`: exact if it is rational, else a stand-in for the root, raised."""
    whole, degree = exponent.numerator, exponent.denominator
    if degree > 1:
        base = _rational_root(base, degree) or _stand_in(seed, "root", base, degree)
    if whole == 1 or base.number == 1:
        return base
    bits = base.number.numerator.bit_length() + base.number.denominator.bit_length()
    if bits * abs(whole) > MAX_POWER_BITS and abs(base.number) not in (0, 1):
        return _stand_in(seed, "pow", base, whole)
    if not base.number and whole < 0:
        raise ZeroDivisionError
    return Value(base.number**whole, base.level)


def _rational_root(base: Value, degree: int) -> Value | None:
    if base.level != CONSTANT or (base.number < 0 and degree % 2 == 0) or degree > 64:
        return None
    top = _integer_root(abs(base.number.numerator), degree)
    bottom = _integer_root(base.number.denominator, degree)
    if top is None or bottom is None:
        return None
    return Value(Fraction(-top if base.number < 0 else top, bottom), CONSTANT)


def _integer_root(number: int, degree: int) -> int | None:
    if degree == 2:
        root = isqrt(number)
    else:
        low, high = 0, 1 << (number.bit_length() // degree + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
        root = low
    return root if root**degree == number else None


def _factorial(node: Node, seed: int) -> Value:
    value = exact_value(node.args[0], seed)
    if value.level == CONSTANT and value.number.denominator == 1 and 0 <= value.number <= 3_000:
        return Value(Fraction(factorial(int(value.number))), CONSTANT)
    return _stand_in(seed, "factorial", value)


def _binomial(node: Node, seed: int) -> Value:
    top, bottom = (exact_value(arg, seed) for arg in node.args)
    whole = top.number.denominator == bottom.number.denominator == 1
    if max(top.level, bottom.level) == CONSTANT and whole and 0 <= bottom.number <= top.number <= 10_000:
        return Value(Fraction(comb(int(top.number), int(bottom.number))), CONSTANT)
    return _stand_in(seed, "binom", top, bottom)


def _of_constants(name: str, compute: Callable[[Fraction], Fraction | int]) -> Callable[[Node, int], Value]:
    def operation(node: Node, seed: int) -> Value:
        value = exact_value(node.args[0], seed)
        if value.level == CONSTANT:
            return Value(Fraction(compute(value.number)), CONSTANT)
        return _stand_in(seed, name, value)

    return operation


def _base(node: Node, seed: int) -> Value:
    """`204_5` stays a numeral: it equals itself, not 54."""
    return _stand_in(seed, "base", *node.args)


def _degrees(node: Node, seed: int) -> Value:
    value = exact_value(node.args[0], seed)
    turn = exact_value(Node("const", ("pi",)), seed)
    return _check(value.number * turn.number / 180, OPAQUE)


def _call(node: Node, seed: int) -> Value:
    name, *args = node.args
    values = [exact_value(arg, seed) for arg in args]
    numbers = [value.number for value in values]
    if name in _EXACT_CALLS and all(value.level == CONSTANT for value in values):
        result = _EXACT_CALLS[name](numbers)
        if result is not None:
            return _check(result, CONSTANT)
    return _stand_in(seed, name, *numbers)


def _of_integers(compute: Callable[..., int]) -> Callable[[list[Fraction]], Fraction | None]:
    def call(numbers: list[Fraction]) -> Fraction | None:
        return Fraction(compute(*map(int, numbers))) if all(number.denominator == 1 for number in numbers) else None

    return call


_EXACT_CALLS: dict[str, Callable[[list[Fraction]], Fraction | None]] = {
    "max": max,
    "min": min,
    "gcd": _of_integers(gcd),
    "lcm": _of_integers(lcm),
}


def _apply(node: Node, seed: int) -> Value:
    return _stand_in(seed, "apply", node.args[0], exact_value(node.args[1], seed))


def _series(node: Node, seed: int) -> Value:
    name, start, end, body = node.args
    return _stand_in(seed, node.op, name, *(exact_value(arg, seed) for arg in (start, end, body)))


_OPERATIONS: dict[str, Callable[[Node, int], Value]] = {
    "num": _number,
    "sym": _symbol,
    "const": _constant,
    "add": _add,
    "neg": _negate,
    "mul": _multiply,
    "div": _divide,
    "pow": _power,
    "root": _root,
    "factorial": _factorial,
    "binom": _binomial,
    "abs": _of_constants("abs", abs),
    "floor": _of_constants("floor", lambda number: number.__floor__()),
    "ceil": _of_constants("ceil", lambda number: number.__ceil__()),
    "base": _base,
    "degrees": _degrees,
    "call": _call,
    "apply": _apply,
    "sum": _series,
    "prod": _series,
}
