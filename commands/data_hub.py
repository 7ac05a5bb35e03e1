"""`ovt data push`, `pull` and `card`: versions on the Hugging Face Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import HomePath, Json, Ref
from ovt.commands.terminal import console, print_json, resumable
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.curate.hub.push import Pushed, Revision

commands = typer.Typer()

Repo = Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")]
Tag = Annotated[str | None, typer.Option("--tag", help="The revision's name [v3 for name@v3; a run's name].")]
Private = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
CreatePr = Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of changing main.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and list files and sizes; send nothing.")]
NotSecret = Annotated[list[str] | None, typer.Option("--not-secret", metavar="MARK", help="What was found is none.")]
MayShare = Annotated[
    list[str] | None, typer.Option("--may-share", metavar="SOURCE", help="You have the right to share this source.")
]


@commands.command()
def push(
    ref: Ref,
    repo: Repo,
    tag: Tag = None,
    private: Private = False,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    may_share: MayShare = None,
    not_secret: NotSecret = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Publish a version as a tagged revision of a Hub dataset; run the same line again after a break."""
    import os

    from ovt.curate.hub.client import split_address
    from ovt.curate.hub.push import prepare
    from ovt.curate.reports.plots import draw_card
    from ovt.curate.versions.read import open_version

    name, at = split_address(repo)
    version = open_version(ref, Home.locate(home))
    revision = prepare(
        version,
        name,
        tag or at,
        os.environ,
        draw=draw_card,
        may_share=frozenset(may_share or ()),
        not_secret=not_secret or (),
    )
    send(revision, private, create_pr, dry_run, json)


@commands.command()
def pull(
    address: Annotated[str, typer.Argument(metavar="REPO[@TAG]", help="OWNER/NAME on the Hub; without a tag: main.")],
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Bring a version home from the Hub and check every file of it; run the same line again after a break."""
    from ovt.curate.hub.client import hub, split_address
    from ovt.curate.hub.pull import pull as fetch
    from ovt.curate.versions.profile import outline

    with resumable():
        pulled = fetch(*split_address(address), Home.locate(home), hub())
    about = outline(pulled.version)
    if json:
        print_json(about | {"commit": pulled.commit, "is_new": pulled.is_new})
        return
    news = "every file as its manifest says" if pulled.is_new else "its content was here already"
    print(f"{about['ref']}  {about['sft']:,} rows to train on, {about['rl']:,} for RL; {news}")
    print(f"folder: {about['path']}")
    print(f"next:   ovt data show {about['ref']}")


@commands.command()
def card(
    ref: Ref,
    repo: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="As it would be on the Hub there.")] = None,
    tag: Tag = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    home: HomePath = None,
) -> None:
    """Print the data card of a version, as this ovt writes it."""
    from ovt.core.files import disk_errors
    from ovt.curate.hub.client import split_address
    from ovt.curate.hub.push import default_tag, published
    from ovt.curate.reports.plots import draw_card
    from ovt.curate.versions.card import render_card
    from ovt.curate.versions.read import open_version

    version = open_version(ref, Home.locate(home))
    name, at = split_address(repo) if repo else ("", None)
    there = published(name, tag or at or default_tag(version), draw_card(version)) if name else None
    text = render_card(version.manifest, version.path, there)
    if out:
        with disk_errors(out):
            out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


def send(revision: "Revision", private: bool, create_pr: bool, dry_run: bool, as_json: bool) -> None:
    """Lists what a push would send, and sends it unless this is a dry run."""
    from ovt.curate.hub.client import hub
    from ovt.curate.hub.push import publish

    if not as_json:
        print_revision(revision)
    if dry_run:
        if as_json:
            print_json(plan(revision))
        return
    with resumable():
        pushed = publish(revision, hub(), private=private, create_pr=create_pr)
    print_pushed(pushed, as_json)


def plan(revision: "Revision") -> dict:
    """What a push would send, for --json."""
    files = [{"path": path, "bytes": size} for path, size in revision.sizes.items()]
    return {"repo": revision.repo, "kind": revision.kind, "tag": revision.tag, "files": files}


def print_revision(revision: "Revision") -> None:
    """The files and sizes of a revision."""
    sizes = revision.sizes
    width = max(map(len, sizes))
    for path, size in sizes.items():
        print(f"{path:<{width}}  {size:>13,} bytes")
    print(f"{len(sizes)} files, {sum(sizes.values()):,} bytes: {revision.title} of {revision.kind} {revision.repo}")


def print_pushed(pushed: "Pushed", as_json: bool) -> None:
    """What became of a push."""
    if as_json:
        print_json(vars(pushed))
        return
    told = {
        "pushed": f"sent {len(pushed.sent)} files" + (f", took {len(pushed.removed)} away" if pushed.removed else ""),
        "tagged": "the files were there already; the tag is new",
        "there": "nothing to do: this tag has this content",
        "proposed": f"{len(pushed.sent)} files in a pull request; merge it, then push again to tag it",
    }
    print(told[pushed.outcome])
    console().print(pushed.url, soft_wrap=True, markup=False)
