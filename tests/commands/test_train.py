"""`ovt train rm` as typed, in this process."""

import json

from typer.testing import CliRunner

from ovt.cli import app
from ovt.train.runs import RunRecord, finish, start


def test_a_run_named_twice_is_removed_once(home):
    run = finish(start(RunRecord(name="first", kind="sft", model="pocket", ovt_version="0"), home), {})
    line = ["train", "rm", "first", "first", "--home", str(home.path)]
    assert "nothing was removed; with --yes, " in CliRunner().invoke(app, line).stdout
    done = CliRunner().invoke(app, [*line, "--yes", "--json"])
    assert [(one["run"], one["removed"]) for one in json.loads(done.stdout)] == [("first", True)]
    assert not run.path.exists()
