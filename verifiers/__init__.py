r"""Decide whether an answer is right: the one verdict that curation, the RL reward and evaluation share.

    >>> verify("the answer is \boxed{\frac12}", "0.5").outcome
    'correct'

Imports fast: the rules are only loaded in worker processes.
"""

from ovt.verifiers.ask import (
    join_golds,
    kind_names,
    known_kind,
    lint_gold,
    lint_golds,
    split_golds,
    verify,
    verify_many,
    verify_response,
)
from ovt.verifiers.response import ResponseParts, split_response
from ovt.verifiers.verdict import VERSION, Finding, Kind, Verdict

__all__ = [
    "VERSION",
    "Finding",
    "Kind",
    "ResponseParts",
    "Verdict",
    "join_golds",
    "kind_names",
    "known_kind",
    "lint_gold",
    "lint_golds",
    "split_golds",
    "split_response",
    "verify",
    "verify_many",
    "verify_response",
]
