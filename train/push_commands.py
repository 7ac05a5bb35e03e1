"""`ovt train push`: a run's model on the Hugging Face Hub."""

import typer

from ovt.curate.home import Home
from ovt.curate.hub.commands import (
    CreatePr,
    DryRun,
    NotSecret,
    Private,
    Repo,
    Tag,
    plan,
    print_pushed,
    print_revision,
)
from ovt.curate.options import HomePath, Json
from ovt.curate.terminal import print_json, resumable
from ovt.train.commands import RunRef

commands = typer.Typer()


@commands.command()
def push(
    run: RunRef,
    repo: Repo,
    tag: Tag = None,
    private: Private = False,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    not_secret: NotSecret = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Publish a run's model as a tagged revision of a Hub model; run the same line again after a break."""
    import os

    from ovt.curate.hub.client import hub, split_address
    from ovt.curate.hub.publish import publish
    from ovt.train.push import prepare_run
    from ovt.train.runs import open_run

    name, at = split_address(repo)
    revision = prepare_run(open_run(run, Home.locate(home)), name, tag or at, os.environ, not_secret or ())
    print_revision(revision, quiet=json)
    if dry_run:
        return print_json(plan(revision)) if json else None
    with resumable():
        pushed = publish(revision, hub(), private=private, create_pr=create_pr)
    return print_pushed(pushed, json)
