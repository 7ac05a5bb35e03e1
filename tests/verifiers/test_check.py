"""A gold that its own verifier would not accept is named before anything is paid for."""

import pytest

from ovt.verifiers import lint_gold

LINTS = [
    ("", None, "auto", "empty_gold"),
    ("   ", None, "auto", "empty_gold"),
    ("x" * 100_000, None, "auto", "gold_too_long"),
    ("(" * 500 + ")" * 500, None, "auto", "gold_too_nested"),
    ("7", ["6", "8"], "auto", "gold_not_in_choices"),
    ("E", ["red", "green"], "auto", "gold_not_in_choices"),
    ("red", ["red", "red", "blue"], "auto", "duplicate_choices"),
    ("A", ["7", "7.0", "8"], "auto", None),
    ("7", ["6", "7"], "auto", None),
    ("B", ["6", "7"], "auto", None),
    ("blue sky", None, "number", "unparseable_gold"),
    ("7", None, "number", None),
    ("Paris", None, "auto", None),
    ("\\frac{1}{2}", None, "auto", None),
    (".", None, "auto", None),
    ("$5 per unit", None, "auto", None),
    ("(1, 2)", None, "interval", None),
    ("[1, 2]", None, "interval", None),
    ("x > 2", None, "interval", None),
    ("1, 2", None, "interval", "unparseable_gold"),
    ("1, 2", None, "set", None),
    ("{1,2}", None, "list", None),
    ("(1, 2)", None, "list", None),
    ("1, 2", None, "tuple", None),
    ("7", None, "set", "unparseable_gold"),
    ("3/4", None, "ratio", None),
    ("3", None, "quantity", None),
    ("3 cm", None, "number", "unparseable_gold"),
]


@pytest.mark.parametrize(("gold", "choices", "kind", "reason"), LINTS)
def test_lint(gold: str, choices: list[str] | None, kind: str, reason: str | None) -> None:
    assert lint_gold(gold, choices, kind) == reason
