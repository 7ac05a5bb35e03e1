"""`ovt train push`: a run's model on the Hugging Face Hub."""

import typer

from ovt.commands.data_hub import CreatePr, DryRun, NotSecret, Private, Repo, Tag, send
from ovt.commands.options import HomePath, Json
from ovt.commands.train import RunRef
from ovt.core.home import Home

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

    from ovt.curate.hub.client import split_address
    from ovt.train.push import prepare_run
    from ovt.train.runs import open_run

    name, at = split_address(repo)
    revision = prepare_run(open_run(run, Home.locate(home)), name, tag or at, os.environ, not_secret or ())
    send(revision, private, create_pr, dry_run, json)
