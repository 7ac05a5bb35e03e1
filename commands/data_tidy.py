"""`ovt data rm` and `clean`: remove versions, and what nothing refers to."""

from typing import TYPE_CHECKING

import typer

from ovt.commands.options import HomePath, Json, Refs, Yes, examples
from ovt.commands.terminal import report, say_freed
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.curate.versions.tidy import Unused

commands = typer.Typer()


@commands.command(epilog=examples("ovt data rm charts@v1", "ovt data rm charts@v1 charts@v2 --yes"))
def rm(refs: Refs, yes: Yes = False, home: HomePath = None, json: Json = False) -> None:
    """Remove versions that no run, loop or other version came from; replies and images stay (see `clean`)."""
    from ovt.curate.versions.read import open_version
    from ovt.curate.versions.tidy import to_remove

    there = Home.locate(home)
    versions = {version.path: version for version in (open_version(ref, there) for ref in refs)}
    settle([to_remove(version, there) for version in versions.values()], yes, json)


@commands.command(epilog=examples("ovt data clean", "ovt data clean --yes"))
def clean(yes: Yes = False, home: HomePath = None, json: Json = False) -> None:
    """Remove imports, images and leftovers that no version or evaluation needs; replies stay: they were paid for."""
    from ovt.curate.versions.tidy import unused

    settle(unused(Home.locate(home)), yes, json)


def settle(found: "list[Unused]", yes: bool, json: bool) -> None:
    """Lists what was found, and removes it if that was asked for."""
    from ovt.commands.views.data import unused_table
    from ovt.curate.versions.tidy import remove

    if yes:
        remove(found)
    report([one.as_dict() | {"removed": yes} for one in found], json, unused_table)
    if not json and found:
        say_freed(sum(one.bytes for one in found), yes)
