"""The `ovt` command: assembles the command groups. Anything heavy is imported inside the commands."""

import errno
import io
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ovt.commands import doctor, serve, view
from ovt.commands.options import examples
from ovt.commands.terminal import end_code, print_error, says_unicode, sigterm_stops_like_ctrl_c
from ovt.core.errors import OvtError

DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
EXIT_CODES = (
    "Exit codes: 0 ok, 1 error, 2 usage or recipe, 3 budget reached, 4 gate failed, 5 too many requests failed, "
    "130 interrupted, 143 terminated. A command that ended with 3, 5, 130 or 143 can be resumed: run it again."
)

PLAIN: dict[str, Any] = {"pretty_exceptions_enable": False, "rich_markup_mode": None}
GROUPS = {  # what each is for, and its modules in commands/
    "curate": ("Turn questions with images into verified dataset versions.", ["curate"]),
    "data": (
        "Look into dataset versions, check, compare and share them.",
        ["data", "data_screen", "data_share", "data_tidy"],
    ),
    "verify": ("Compare PREDICTION with GOLD (after -- if one begins with a dash), or check the verifier.", ["verify"]),
    "train": ("Train a model on a dataset version.", ["train"]),
    "eval": (
        "Answer benchmarks and held-out questions with a model, and compare the scores.",
        ["eval", "eval_bench"],
    ),
    "loop": ("Run every iteration of data, SFT, RL and evaluation.", ["loop"]),
}


class Root(TyperGroup):
    """Builds a group when one of its commands is called: building all takes as long as importing Typer."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, group(name) if name in GROUPS else found, rest


@cache
def group(name: str) -> Any:
    """A group with its commands."""
    about, parts = GROUPS[name]
    first, *others = (import_module(f"ovt.commands.{part}").commands for part in parts)
    for commands in others:
        first.add_typer(commands)
    root = typer.Typer(**PLAIN)
    root.add_typer(first, name=name, help=about)
    return typer.main.get_group(root).commands[name]


app = typer.Typer(cls=Root, no_args_is_help=True, epilog=EXIT_CODES, **PLAIN)
for name, (about, _) in GROUPS.items():
    app.add_typer(typer.Typer(), name=name, help=about)
app.command(epilog=examples("ovt doctor", "ovt doctor charts.toml"))(doctor.doctor)
app.command(epilog=examples("ovt serve charts.toml"))(serve.serve)
app.command(epilog=examples("ovt view", "ovt view charts", "ovt view charts --no-open --port 9000"))(view.view)


def print_version(asked: bool) -> None:
    if asked:
        import ovt

        print(f"ovt {ovt.__version__}")
        raise typer.Exit


@app.callback()
def ovt_command(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Turn image questions with known answers into verified reasoning data, and train on it."""


def main() -> None:
    """The entry point: runs a command and turns mistakes that the user can fix into one line and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not says_unicode(sys.stdout):
        sys.stdout.reconfigure(errors="replace")
    try:
        with sigterm_stops_like_ctrl_c():
            app()
    except OvtError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        print_error(
            f"cannot write {error.filename or 'its output'}: {error.strerror}; free space, fix permissions, "
            "or choose another folder with --home"
        )
        sys.exit(1)
    except SystemExit as end:
        sys.exit(end_code(end.code))
