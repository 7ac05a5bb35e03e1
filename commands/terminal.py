"""Command output: the result on stdout, everything else on stderr, and the exit code.

`report`, `tell` and `say` print the result, `note` prints side remarks, `live` shows work in progress. None of them
passes a control character on to the terminal, whatever it prints.
"""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from ovt.core.errors import INTERRUPTED, TERMINATED, BudgetReached, Terminated, TooManyFailed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ovt.core.progress import Progress
    from ovt.core.report import Report
    from ovt.curate.versions.read import Version

_terminated: list[int] = []  # signals other than Ctrl-C that asked this process to end


def console(stderr: bool = False) -> "Console":
    from ovt.commands.views.tables import Screen

    return Screen(stderr=stderr, highlight=False)


def report(about: Any, as_json: bool, view: "Callable[[Any], RenderableType]") -> None:
    """The result: as JSON for machines, or as `view` draws it."""
    if as_json:
        print_json(about)
    else:
        console().print(view(about))


def tell(found: "Report", as_json: bool) -> None:
    """A report as the result."""
    from ovt.commands.views.tables import told

    report(found.data if as_json else found, as_json, told)


def print_json(about: Any) -> None:
    import json

    from ovt.core.text import escaped

    print(escaped(json.dumps(about, ensure_ascii=not says_unicode(sys.stdout), indent=2)))


def says_unicode(stream: Any) -> bool:
    """Whether a stream takes every character; a locale or PYTHONIOENCODING may have chosen one that does not."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def say(*lines: object) -> None:
    """Lines of the result that are never wrapped, such as paths to copy."""
    from ovt.core.text import plain

    for line in lines:
        print(plain(str(line)))


def say_freed(size_bytes: int, removed: bool) -> None:
    """How a command that removes things ends."""
    from ovt.core.text import size

    freed = size(size_bytes)
    say(f"{freed} freed" if removed else f"nothing was removed; with --yes, {freed} would be freed")


def ask(question: str, default: str | None) -> str:
    """What the user types; the default, which others may have named, if nothing."""
    from ovt.core.text import plain

    offered = None if default is None else plain(default)
    answer = typer.prompt(question, default=offered, err=True)
    return default if default is not None and answer == offered else answer


def note(line: str, style: str = "") -> None:
    """A line on stderr that is neither the result nor an error."""
    from ovt.commands.views.tables import shown

    console(stderr=True).print(shown(line, style), soft_wrap=True)


@contextmanager
def live(progress: "Progress") -> Generator[None]:
    """The live panel on stderr while the block runs, then the notes collected meanwhile."""
    from ovt.commands.panel import live_panel

    with live_panel(progress, console(stderr=True)):
        yield
    for line in progress.notes:
        note(line, "dim")


def print_built(version: "Version", as_json: bool) -> None:
    """The closing summary: the funnel, the version, and the next command."""
    from rich.padding import Padding

    from ovt.commands.views.tables import view
    from ovt.curate.reports.failures import failures, lines
    from ovt.curate.reports.funnel import stage_table
    from ovt.curate.versions.profile import outline

    about = outline(version)
    funnel = [row.model_dump() for row in version.manifest.funnel]
    report(about, as_json, lambda _: Padding(view(stage_table(funnel)), (1, 0)))
    for line in lines(failures(version)) if any(use.failed for use in version.manifest.usage) else ():
        note(line, "yellow")
    if not as_json:
        say(
            f"{version.ref}  {about['sft']:,} rows to train on, {about['rl']:,} for RL",
            f"folder: {about['path']}",
            f"next:   ovt data head {version.ref}",
        )


def this_command() -> str:
    """The command line as typed, ready to copy."""
    return shlex.join(["ovt", *sys.argv[1:]])


@contextmanager
def resumable(kept: str = "every reply so far is kept") -> Generator[None]:
    """If a signal, the budget or too many failures stop the block, prints how to resume."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise typer.Exit(stopped(stop, f"{kept}; resume with: {this_command()}")) from None
    except BudgetReached as error:
        raise BudgetReached(f"{error}: {this_command()}") from error
    except TooManyFailed as error:
        raise TooManyFailed(error.version, error.failures, str(error), f"ask again with: {this_command()}") from error


def stopped(stop: KeyboardInterrupt, what_now: str = "") -> int:
    """Reports that the command was stopped and what remains to do; returns the exit code."""
    word, code = (
        ("terminated", TERMINATED) if _terminated or isinstance(stop, Terminated) else ("interrupted", INTERRUPTED)
    )
    print_error(f"{word}; {what_now}" if what_now else word)
    return code


def end_code(code: "int | str | None") -> "int | str | None":
    """The exit code of a command, whoever set it; distinguishes SIGTERM from Ctrl-C."""
    return TERMINATED if _terminated and code == INTERRUPTED else code


def print_error(line: object) -> None:
    """One line on stderr, without control or invisible characters, whatever it quotes."""
    from ovt.core.text import plain

    print(f"ovt: {' '.join(plain(str(line)).split())}", file=sys.stderr)


@contextmanager
def sigterm_stops_like_ctrl_c() -> Generator[None]:
    """Schedulers and container runtimes send SIGTERM: handled like Ctrl-C inside the block, event loops included."""
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a forked worker that no process waits for
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        _terminated.append(number)
        if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):  # a script's background job
            raise Terminated
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
