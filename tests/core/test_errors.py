"""The exception tree: drawn whole, one line each, with fields that callers can act upon."""

import pickle

import pytest

from ovt.core import errors
from ovt.core.errors import CallError, EndpointError, OvtError, RecipeError


def test_the_docstring_draws_the_whole_tree():
    tree = [OvtError, *(one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, OvtError))]
    for one in tree:
        assert one.__name__ in (errors.__doc__ or "")
    assert {one.__name__: one.exit_code for one in set(tree)} == {
        "OvtError": 1,
        "RecipeError": 2,
        "BudgetReached": 3,
        "GateFailed": 4,
        "TooManyFailed": 5,
        "EndpointError": 1,
        "CallError": 1,
    }


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OvtError("no recipe at x; give one"), "no recipe at x; give one"),
        (RecipeError("k is 0", "give 1 or more", "x.toml"), "x.toml: k is 0; give 1 or more"),
        (EndpointError("near", "denied", "no key", "set it"), 'endpoint "near": no key; set it'),
        (CallError("limited", "HTTP 429", 429, retry_after=2.0), "HTTP 429"),
    ],
)
def test_errors_are_one_line_and_survive_a_process_border(error, line):
    assert str(error) == line
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), line, vars(error))
