"""The exception tree.

    OvtError            a mistake that the user can fix                       exit code 1
    ├─ RecipeError      a recipe, an option or a setting                      2
    ├─ BudgetReached    the budget is used up; resumable                      3
    ├─ GateFailed       a requested check did not pass                        4
    ├─ TooManyFailed    the build is written, but more requests failed than   5
    │                   allowed; resumable
    ├─ EndpointError    a model's endpoint cannot be used                     1
    └─ CallError        one call returned no reply                            1

Each is one line: what was found, where, and what to do (`what`, `where`, `fix`; `what` alone may be the whole line).
A model's failure is a row with a reason, never an exception: a `CallError` becomes one or, if no other call could
succeed, an `EndpointError`, so only callers of a transport see it. Any other exception is a bug and shows its
traceback.

    try:
        version = ovt.build("charts")
    except ovt.EndpointError as error:
        if error.kind == "denied":
            print(error.endpoint, error.fix)
"""

from dataclasses import dataclass
from typing import Any, Literal

# unreachable  nothing listens there: no request was sent
# limited      too many requests (429): wait, and send fewer at once
# away         something in front of the server answers (502, 503, 504, 52x), or its model is loading: wait
# broken       may work when retried: 500, a dropped connection, a timeout, an unreadable response
# refused      this request will never work (400, 413, 422, …)
# misplaced    wrong address (403, 404, a web page): if the URL has never answered; else as `refused` or `broken`
# denied       nothing will work until the user acts: missing or wrong key, no money left
CallKind = Literal["unreachable", "limited", "away", "broken", "refused", "misplaced", "denied"]

INTERRUPTED = 130  # exit code of a command that was stopped by Ctrl-C and can be resumed
TERMINATED = 143  # the same for SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM: a command ends as after Ctrl-C, but with its own exit code."""


class OvtError(Exception):
    """A mistake that the user can fix; the CLI prints its one line and exits with `exit_code`."""

    exit_code = 1
    what: str
    fix: str = ""
    where: str = ""

    def __init__(self, what: str, fix: str = "", where: str = "") -> None:
        super().__init__(what, fix, where)
        self.what, self.fix, self.where = what, fix, where

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.fix}" if self.fix else line


class RecipeError(OvtError):
    """A recipe or option that cannot be used as written."""

    exit_code = 2


class BudgetReached(OvtError):
    """The next request could exceed `--max-usd` or `--max-tokens`; all replies so far are kept (resumable)."""

    exit_code = 3


class GateFailed(OvtError):
    """A requested check did not pass; its findings are printed first."""

    exit_code = 4


class TooManyFailed(OvtError):
    """More requests failed than `[limits] max_failed` allows; the version is written, and marked incomplete.

    version: its reference ("charts@v3"). failures: the most frequent first, as `ovt data failures` lists them.
    """

    exit_code = 5

    def __init__(self, version: str, failures: list[dict[str, Any]], what: str, fix: str) -> None:
        super().__init__(what, fix)
        self.args = (version, failures, what, fix)
        self.version, self.failures = version, failures


class EndpointError(OvtError):
    """A recipe's endpoint that no further call can use; all replies so far are kept (resumable).

    endpoint: its name in the recipe. kind: the kind of the failed calls.
    """

    def __init__(self, endpoint: str, kind: CallKind, what: str, fix: str) -> None:
        super().__init__(what, fix, f'endpoint "{endpoint}"')
        self.args = (endpoint, kind, what, fix)
        self.endpoint, self.kind = endpoint, kind


@dataclass(eq=False)
class CallError(OvtError):
    """A call that returned no reply.

    reason        what happened, in one line without secrets; status: the HTTP status, if there was a response
    retry_after   seconds the server asks to wait
    billed        whether the model may have been billed anyway
    """

    kind: CallKind
    what: str
    status: int | None = None
    retry_after: float | None = None
    billed: bool = False

    @property
    def reason(self) -> str:
        return self.what


def first_line(error: Exception) -> str:
    """The first line of another package's message, or the error's type, for a line of ours."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def not_installed(what: str, error: ModuleNotFoundError, extra: str) -> OvtError:
    """The error for a missing optional package: drawing needs matplotlib, …; pip install 'ovt[plots]'."""
    return OvtError(f"{what} needs {error.name}, which is not installed", f"pip install 'ovt[{extra}]'")
