"""The one exception tree.

    OvtError            a mistake that the user can fix                       exit code 1
    ├─ RecipeError      a recipe, an option or a setting                      2
    ├─ BudgetReached    what may be spent is spent; resumable                 3
    ├─ GateFailed       a check that was asked for did not pass               4
    ├─ EndpointError    a model's endpoint cannot be worked with              1
    └─ CallError        one call brought no reply                             1

Each is one line: what was found, where, and what to do (`what`, `where`, `fix`; the line alone is in `what`). A model's
failure is a row with a reason, never an exception: a `CallError` becomes one, or, where no other call would do better,
an `EndpointError`, so that only callers of a transport see it. Anything else that is raised is a bug and shows its
traceback.

    try:
        version = ovt.build("charts")
    except ovt.EndpointError as error:
        if error.kind == "denied":
            print(error.endpoint, error.fix)
"""

from dataclasses import dataclass
from typing import Literal

# unreachable  nobody listens there: nothing was sent
# limited      too much at once (429): wait, and narrow the stream
# broken       may well work when tried again: 5xx, a dropped connection, a time-out, an unreadable answer
# refused      this request will never work (400, 413, 422, …)
# misplaced    the wrong address (403, 404, a web page): where the URL has never answered; else as `refused` or `broken`
# denied       nothing will work until the user acts: no or wrong key, no money left
CallKind = Literal["unreachable", "limited", "broken", "refused", "misplaced", "denied"]

INTERRUPTED = 130  # exit code of a command that was stopped by Ctrl-C and can be resumed
TERMINATED = 143  # and of one that was stopped by SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM: a command ends as after Ctrl-C, with another exit code."""


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
    """A recipe or an option that cannot be used as written."""

    exit_code = 2


class BudgetReached(OvtError):
    """The next request would overspend `--max-usd` or `--max-tokens`; everything answered is kept (resumable)."""

    exit_code = 3


class GateFailed(OvtError):
    """A check that was asked for did not pass; what it found is printed before."""

    exit_code = 4


class EndpointError(OvtError):
    """An endpoint of a recipe that no further call can work with; everything answered is kept (resumable).

    endpoint: its name in the recipe. kind: of the calls that failed.
    """

    def __init__(self, endpoint: str, kind: CallKind, what: str, fix: str) -> None:
        super().__init__(what, fix, f'endpoint "{endpoint}"')
        self.args = (endpoint, kind, what, fix)
        self.endpoint, self.kind = endpoint, kind


@dataclass(eq=False)
class CallError(OvtError):
    """A call that brought no reply.

    reason        what happened, in one line without secrets; status: of the HTTP response, if there was one
    retry_after   seconds the server asks to wait
    billed        whether the model may have worked on it all the same
    """

    kind: CallKind
    what: str
    status: int | None = None
    retry_after: float | None = None
    billed: bool = False

    @property
    def reason(self) -> str:
        return self.what


def not_installed(what: str, error: ModuleNotFoundError, extra: str) -> OvtError:
    """The line for what needs a package of an extra: drawing needs matplotlib, …; pip install 'ovt[plots]'."""
    return OvtError(f"{what} needs {error.name}, which is not installed", f"pip install 'ovt[{extra}]'")
