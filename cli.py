"""The `ovt` command: assembles the command groups. Anything heavy is imported inside the commands."""

import errno
import io
import sys
from typing import Annotated

import typer

from ovt.commands import curate, data, data_screen, data_share, data_tidy, eval_bench, loop, serve, train, verify, view
from ovt.commands import eval as evaluation
from ovt.commands.options import examples
from ovt.commands.terminal import end_code, print_error, says_unicode, sigterm_stops_like_ctrl_c
from ovt.core.errors import OvtError

DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
EXIT_CODES = (
    "Exit codes: 0 ok, 1 error, 2 usage or recipe, 3 budget reached, 4 gate failed, 5 too many requests failed, "
    "130 interrupted, 143 terminated. A command that ended with 3, 5, 130 or 143 can be resumed: run it again."
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, epilog=EXIT_CODES)
for group, parts in {
    "curate": (curate,),
    "data": (data, data_screen, data_share, data_tidy),
    "verify": (verify,),
    "train": (train,),
    "eval": (evaluation, eval_bench),
    "loop": (loop,),
}.items():
    first, *others = (part.commands for part in parts)
    app.add_typer(first, name=group)
    for commands in others:
        first.add_typer(commands)
app.command(epilog=examples("ovt doctor", "ovt doctor charts.toml"))(curate.doctor)
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
