"""`ovt data export`, `card`, `push` and `pull`: versions for other trainers, and on the Hugging Face Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovt.commands.options import (
    CreatePr,
    DryPush,
    HomePath,
    Json,
    MayShare,
    NotSecret,
    Private,
    Ref,
    Tag,
    examples,
)
from ovt.commands.terminal import print_json, resumable, say
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.curate.hub.push import Pushed, Revision
    from ovt.curate.versions.read import Version

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "ovt data export charts exports/charts --to llamafactory",
        "ovt data export charts exports/charts --to trl --drop bad --drop wrong_gold",
    )
)
def export(
    ref: Ref,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or an earlier export to replace.")],
    to: Annotated[str, typer.Option("--to", help="trl, llamafactory, easyr1, ms-swift, openai or a plugin's format.")],
    split: Annotated[str | None, typer.Option(help="sft or rl [default: all that the format can hold].")] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="LABEL", help="Leave out rows with this label in `ovt view`.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="LABEL", help="Write only rows with this label in `ovt view`.")
    ] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Write a version as files that another trainer reads directly."""
    import ovt
    from ovt.curate.export.chosen import choose
    from ovt.curate.export.export import export as write
    from ovt.curate.versions.read import open_version

    chosen = choose(open_version(ref, Home.locate(home)), drop or (), keep or ())
    record, is_new = write(chosen, to, out, split, ovt.__version__)
    if json:
        print_json(record | {"is_new": is_new})
        return
    rows = ", ".join(f"{split} {count:,}" for split, count in record["rows"].items())
    say(f"{record['version']} for {to}: {rows}" + ("" if is_new else "; already there"))
    say(*(f"left out: {count:,} rows with {reason}" for reason, count in record["left_out"].items()))
    say(f"folder: {record['place']}", f"use:    {record['use']}")


@commands.command(
    epilog=examples("ovt data push charts you/charts --dry-run", "ovt data push charts@v3 s3://store/charts")
)
def push(
    ref: Ref,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub, or a URL: s3://store/charts.")],
    tag: Tag = None,
    private: Private = False,
    create_pr: CreatePr = False,
    dry_run: DryPush = False,
    may_share: MayShare = None,
    not_secret: NotSecret = None,
    with_view: Annotated[
        bool, typer.Option("--with-view", help="Also send the view that `ovt view --out` writes.")
    ] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Publish a version as a tagged revision of a Hub dataset, or at a URL; run the same command again to resume."""
    import os

    from ovt.core.errors import RecipeError
    from ovt.curate.hub.client import split_address
    from ovt.curate.hub.push import prepare
    from ovt.curate.hub.storage import check, is_url, split_url
    from ovt.curate.hub.storage import push as put
    from ovt.curate.reports.plots import draw_card
    from ovt.curate.versions.read import open_version

    name, at = split_url(repo) if is_url(repo) else split_address(repo)
    version = open_version(ref, Home.locate(home))
    if is_url(repo):
        if private or create_pr or with_view:
            raise RecipeError("--private, --create-pr and --with-view only work with the Hub", "leave them out")
        check(version, os.environ, frozenset(may_share or ()), not_secret or ())
        if dry_run:
            files = [{"path": path, "bytes": entry.size} for path, entry in version.manifest.files.items()]
            print_json({"repo": name, "files": files}) if json else say(f"{len(files)} files can be sent to {name}")
            return
        with resumable():
            print_pushed(put(version, name, tag or at), json)
        return
    revision = prepare(
        version,
        name,
        tag or at,
        os.environ,
        draw=draw_card,
        may_share=frozenset(may_share or ()),
        not_secret=not_secret or (),
        further=view_files(version, Home.locate(home)) if with_view else {},
    )
    send(revision, private, create_pr, dry_run, json)


def view_files(version: "Version", home: Home) -> dict[str, bytes]:
    """The saved view of a version, by path below view/."""
    from tempfile import TemporaryDirectory

    from ovt.view.answers import View
    from ovt.view.static import write_view

    with TemporaryDirectory() as folder:
        top = Path(folder) / "view"
        write_view(View(home), [version.ref], top)
        files = sorted(path for path in top.rglob("*") if path.is_file())
        return {f"view/{path.relative_to(top).as_posix()}": path.read_bytes() for path in files}


@commands.command(epilog=examples("ovt data pull you/charts@v3", "ovt data pull s3://store/charts@v3 --as charts"))
def pull(
    address: Annotated[str, typer.Argument(metavar="REPO[@TAG]", help="OWNER/NAME on the Hub, or a URL: s3://…@v3.")],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Make it the next version of NAME.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Download a version from the Hub or a URL and check every file; run the same command again to resume."""
    from ovt.curate.hub.storage import pull_from
    from ovt.curate.versions.profile import outline

    with resumable():
        pulled = pull_from(address, Home.locate(home), name)
    about = outline(pulled.version)
    if json:
        print_json(about | {"commit": pulled.commit, "is_new": pulled.is_new})
        return
    news = "every file matches its manifest" if pulled.is_new else "already here"
    say(
        f"{about['ref']}  {about['sft']:,} rows to train on, {about['rl']:,} for RL; {news}",
        f"folder: {about['path']}",
        f"next:   ovt data show {about['ref']}",
    )


@commands.command(epilog=examples("ovt data card charts", "ovt data card charts --repo you/charts --out README.md"))
def card(
    ref: Ref,
    repo: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Write it for this Hub repository.")] = None,
    tag: Tag = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None,
    home: HomePath = None,
) -> None:
    """Print a version's data card, as this ovt release writes it."""
    from ovt.core.errors import RecipeError
    from ovt.core.files import disk_errors
    from ovt.curate.hub.client import split_address
    from ovt.curate.hub.push import default_tag, published
    from ovt.curate.reports.plots import draw_card
    from ovt.curate.versions.card import render_card
    from ovt.curate.versions.read import open_version

    if tag and not repo:
        raise RecipeError("--tag is a revision of --repo: give both")
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


def plan(revision: "Revision") -> dict[str, Any]:
    """What a push would send, for --json."""
    files = [{"path": path, "bytes": size} for path, size in revision.sizes.items()]
    return {"repo": revision.repo, "kind": revision.kind, "tag": revision.tag, "files": files}


def print_revision(revision: "Revision") -> None:
    """The files and sizes of a revision."""
    sizes = revision.sizes
    width = max(map(len, sizes))
    say(*(f"{path:<{width}}  {size:>13,} bytes" for path, size in sizes.items()))
    say(f"{len(sizes)} files, {sum(sizes.values()):,} bytes: {revision.title} of {revision.kind} {revision.repo}")


def print_pushed(pushed: "Pushed", as_json: bool) -> None:
    """What a push did."""
    if as_json:
        print_json(vars(pushed))
        return
    told = {
        "pushed": f"sent {len(pushed.sent)} files" + (f", removed {len(pushed.removed)}" if pushed.removed else ""),
        "tagged": "the files were already there; the tag is new",
        "there": "nothing to do: this tag already has this content",
        "proposed": f"{len(pushed.sent)} files in a pull request; merge it, then push again to tag it",
    }
    say(told[pushed.outcome], pushed.url)
