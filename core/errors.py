"""The one exception tree.

A user's mistake is an `OvtError`: one line saying what was found, what was expected and what to do. A model's failure
is a row with a reason, never an exception. Anything else that is raised is a bug and shows its traceback.
"""

INTERRUPTED = 130  # exit code of a command that was stopped and can be resumed


class OvtError(Exception):
    """A mistake that the user can mend; the CLI prints its one line and exits with `exit_code`."""

    exit_code = 1


class RecipeError(OvtError):
    """A recipe or an option that cannot be used as written."""

    exit_code = 2


class BudgetReached(OvtError):
    """The next request would overspend `--max-usd` or `--max-tokens`; everything answered is kept (resumable)."""

    exit_code = 3


class GateFailed(OvtError):
    """A check that was asked for did not pass; what it found is printed before."""

    exit_code = 4
