r"""The value of a tree to many digits, by mpmath.

Two expressions are equal if they agree to sixty digits at every test point where both are real (at any point,
if the imaginary unit is written). Points have positive and negative coordinates, so `\sqrt{x^2}` is not `x`.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
from mpmath import mp

from ovt.verifiers.algebra.exact import CONSTANT, TooLarge, exact_value
from ovt.verifiers.algebra.syntax import Node

DIGITS = 80
AGREEMENT = mpmath.mpf(10) ** -60
NEGLIGIBLE, LEAST = mpmath.mpf(10) ** -75, mpmath.mpf(10) ** -300
MAX_EXPONENT = 10**7
MAX_TERMS = 2_000
POINTS = 6


class Undefined(ArithmeticError):
    """The tree has no value here: a division by zero, a bound that is not a number, an unknown function."""


class Oversized(Undefined):
    """The value is a number too large to hold."""


def evaluate(node: Node, point: int) -> Any:
    """The value (mpf or mpc) of a tree at test point number `point`."""
    with mp.workdps(DIGITS):
        return _evaluate(node, {"": point})


def compare_numerically(left: Node, right: Node, decimal_places: int | None = None) -> bool | None:
    """Whether two trees agree at the test points; None if neither has a value at enough of them.

    decimal_places: the left is a decimal with this many places, and may differ by the corresponding rounding.
    """
    imaginary = _mentions(left, "i") or _mentions(right, "i")
    free = bool(_symbols(left) | _symbols(right))
    enough = 2 if free else 1
    real: list[bool] = []
    elsewhere: list[bool] = []
    with mp.workdps(DIGITS):
        for point in range(POINTS if free else 1):
            values = _both(left, right, point)
            if values is None:
                continue
            if Oversized in values:
                return None if values == (Oversized, Oversized) else False
            outside = free and not imaginary and any(_is_complex(value) for value in values)
            (elsewhere if outside else real).append(_agree(*values, decimal_places))
            if len(real) >= enough and not all(real):
                return False
    tried = real if len(real) >= enough else elsewhere
    return all(tried) if len(tried) >= enough else None


def proportional(left: Node, right: Node) -> mpmath.mpf | None:
    """The constant real ratio left/right over the test points, 0 if there is none, None if it cannot be determined."""
    ratios = []
    with mp.workdps(DIGITS):
        for point in range(POINTS):
            values = _both(left, right, point)
            if values is None or Oversized in values or any(_is_complex(value) for value in values):
                continue
            if abs(values[1]) < NEGLIGIBLE or abs(values[0]) < NEGLIGIBLE:
                return mpmath.mpf(0)
            ratios.append(values[0] / values[1])
        if len(ratios) < 2:
            return None
        same = all(abs(ratio - ratios[0]) < AGREEMENT * abs(ratios[0]) for ratio in ratios)
        return ratios[0] if same else mpmath.mpf(0)


def _both(left: Node, right: Node, point: int) -> tuple[Any, Any] | None:
    """The two values at a point (`Oversized` in place of one that is), None if one is missing."""
    values: list[Any] = []
    for node in (left, right):
        try:
            value = _evaluate(node, {"": point})
        except Oversized:
            values.append(Oversized)
            continue
        except (ArithmeticError, ValueError, TypeError):
            # mpmath has no value here: a pole, an order of complex numbers, no convergence (a ValueError too).
            value = None
        if value is not None and not mpmath.isfinite(value):
            value = None
        values.append(value)
    return None if None in values else (values[0], values[1])


def _is_complex(value: Any) -> bool:
    return isinstance(value, mpmath.mpc) and abs(value.imag) > AGREEMENT * (1 + abs(value))


def _agree(left: Any, right: Any, decimal_places: int | None) -> bool:
    error = abs(left - right)
    if decimal_places is not None:
        return error < mpmath.mpf(10) ** -decimal_places or error < abs(right) * mpmath.mpf(10) ** -9
    # Next to an exact zero there is no relative error: the residue of a cancellation counts as zero.
    # What is smaller than any residue is not one: `1/2004!` is not 0.
    return error <= max(abs(left), abs(right)) * AGREEMENT or (0 in (left, right) and LEAST < error < NEGLIGIBLE)


def _symbols(node: Any) -> frozenset[str]:
    if not isinstance(node, Node):
        return frozenset()
    if node.op in ("sym", "apply"):
        return frozenset([node.args[0]])
    return frozenset().union(*map(_symbols, node.args)) if node.args else frozenset()


def _mentions(node: Any, constant: str) -> bool:
    if not isinstance(node, Node):
        return False
    return node == Node("const", (constant,)) or any(_mentions(arg, constant) for arg in node.args)


def _evaluate(node: Node, scope: dict[str, Any]) -> Any:
    return _OPERATIONS[node.op](node, scope)


def _number(node: Node, scope: dict[str, Any]) -> Any:
    return _from_fraction(node.args[0])


def _from_fraction(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _symbol(node: Node, scope: dict[str, Any]) -> Any:
    name = node.args[0]
    return scope[name] if name in scope else _coordinate(scope[""], name)


@lru_cache(maxsize=4096)
def _coordinate(point: int, *key: Any) -> Any:
    """A value in ±(0.3, 2.3) for a name at a point: positive at the first two points, of either sign at the others."""
    digest = hashlib.blake2b(repr((point, key)).encode(), digest_size=8).digest()
    size = mpmath.mpf(int.from_bytes(digest[:6], "big")) / 2**48 * 2 + mpmath.mpf("0.3")
    return -size if point >= 2 and digest[7] % 2 else size


def _constant(node: Node, scope: dict[str, Any]) -> Any:
    name = node.args[0]
    if name in scope:
        return scope[name]
    if name == "inf":
        raise Undefined
    return {"pi": +mp.pi, "e": +mp.e, "i": mpmath.mpc(0, 1)}[name]


def _power(node: Node, scope: dict[str, Any]) -> Any:
    base = _evaluate(node.args[0], scope)
    rational = _rational(node.args[1])
    if rational is not None:
        return _raise(base, rational)
    exponent = _evaluate(node.args[1], scope)
    _guard_power(base, exponent)
    return mpmath.power(base, exponent)


def _rational(node: Node) -> Fraction | None:
    try:
        value = exact_value(node)
    except (TooLarge, ZeroDivisionError):
        return None
    return value.number if value.level == CONSTANT else None


def _guard_power(base: Any, exponent: Any) -> None:
    if abs(exponent) > MAX_EXPONENT or abs(exponent) * (1 + abs(mpmath.mag(base) if base else 0)) > MAX_EXPONENT:
        raise Oversized


def _raise(base: Any, exponent: Fraction) -> Any:
    """A rational power; an odd root of a negative real is real, as in school."""
    if abs(exponent) > 10**15:
        raise Oversized
    power = exponent.numerator
    _guard_power(base, _from_fraction(exponent))
    if exponent.denominator == 1:
        return mpmath.power(base, power)
    if isinstance(base, mpmath.mpf) and base < 0 and exponent.denominator % 2:
        return (-1) ** power * mpmath.power(mpmath.root(-base, exponent.denominator), power)
    return mpmath.power(base, _from_fraction(exponent))


def _root(node: Node, scope: dict[str, Any]) -> Any:
    degree = _rational(node.args[1])
    if not degree:
        raise Undefined
    return _raise(_evaluate(node.args[0], scope), 1 / degree)


def _factorial(node: Node, scope: dict[str, Any]) -> Any:
    value = _evaluate(node.args[0], scope)
    if abs(value) > 10**5:
        raise Oversized
    return mpmath.factorial(value)


def _binomial(node: Node, scope: dict[str, Any]) -> Any:
    top, bottom = (_evaluate(arg, scope) for arg in node.args)
    if abs(top) > 10**5 or abs(bottom) > 10**5:
        raise Oversized
    return mpmath.binomial(top, bottom)


def _call(node: Node, scope: dict[str, Any]) -> Any:
    name = node.args[0]
    values = [_evaluate(arg, scope) for arg in node.args[1:]]
    if name == "log" and len(values) == 2:
        return mpmath.log(values[0]) / mpmath.log(values[1])
    if name not in _FUNCTIONS:
        raise Undefined(name)
    if name in ("sinh", "cosh", "tanh", "coth") and abs(values[0]) > 10**5:
        raise Oversized
    return _FUNCTIONS[name](*values)


_SAME_NAME = "sin cos tan cot sec csc sinh cosh tanh coth asin acos atan asinh acosh atanh log"
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mpmath, name) for name in _SAME_NAME.split()},
    **{f"arc{name}": getattr(mpmath, f"a{name}") for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"ar{name}": getattr(mpmath, f"a{name}") for name in ("sinh", "cosh", "tanh")},
    "ln": mpmath.log,
    "max": max,
    "min": min,
}


def _apply(node: Node, scope: dict[str, Any]) -> Any:
    """An unknown function has some value that depends on its argument."""
    value = _evaluate(node.args[1], scope)
    return _coordinate(scope[""], node.args[0], mpmath.nstr(value, 40))


def _base(node: Node, scope: dict[str, Any]) -> Any:
    return _coordinate(0, "base", *map(str, node.args))


def _series(node: Node, scope: dict[str, Any]) -> Any:
    name, start, end, body = node.args
    first, last = _rational(start), _rational(end)
    if first is None or last is None or first.denominator * last.denominator != 1 or last - first > MAX_TERMS:
        raise Undefined("no finite number of terms")
    terms = [_evaluate(body, {**scope, name: mpmath.mpf(k)}) for k in range(int(first), int(last) + 1)]
    return mpmath.fsum(terms) if node.op == "sum" else mpmath.fprod(terms)


def _product(node: Node, scope: dict[str, Any]) -> Any:
    result = mpmath.mpf(1)
    for arg in node.args:
        result *= _evaluate(arg, scope)
    return result


_OPERATIONS: dict[str, Callable[[Node, dict[str, Any]], Any]] = {
    "num": _number,
    "sym": _symbol,
    "const": _constant,
    "add": lambda node, scope: sum((_evaluate(arg, scope) for arg in node.args), mpmath.mpf(0)),
    "neg": lambda node, scope: -_evaluate(node.args[0], scope),
    "mul": _product,
    "div": lambda node, scope: _evaluate(node.args[0], scope) / _evaluate(node.args[1], scope),
    "pow": _power,
    "root": _root,
    "factorial": _factorial,
    "binom": _binomial,
    "abs": lambda node, scope: abs(_evaluate(node.args[0], scope)),
    "floor": lambda node, scope: mpmath.floor(_evaluate(node.args[0], scope)),
    "ceil": lambda node, scope: mpmath.ceil(_evaluate(node.args[0], scope)),
    "base": _base,
    "degrees": lambda node, scope: _evaluate(node.args[0], scope) * mp.pi / 180,
    "call": _call,
    "apply": _apply,
    "sum": _series,
    "prod": _series,
}
