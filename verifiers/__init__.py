r"""Decide whether an answer is right: the one verdict that curation, the RL reward and evaluation share.

    >>> verify("the answer is \boxed{\frac12}", "0.5").outcome
    'correct'

Imports fast: sympy and math-verify are loaded only in worker processes, and only when a symbolic check needs them.
"""

from ovt.verifiers.batch import verify_many
from ovt.verifiers.check import verify, verify_response
from ovt.verifiers.extract import ResponseParts, split_response
from ovt.verifiers.lint import lint_gold
from ovt.verifiers.verdict import KINDS, VERSION, Verdict

__all__ = [
    "KINDS",
    "VERSION",
    "ResponseParts",
    "Verdict",
    "lint_gold",
    "split_response",
    "verify",
    "verify_many",
    "verify_response",
]
