"""`ovt data push`, `pull` and `card` as typed, and the data set as others load it from the Hub."""

import itertools
import json
import os
import threading
import time

import pytest
from typer.testing import CliRunner

from ovt.commands.data_share import commands
from ovt.core.home import Home
from ovt.curate.hub.client import hub as real_hub
from ovt.curate.hub.pull import pull
from ovt.curate.hub.push import prepare, publish
from ovt.curate.versions.read import open_version, verify_files

REPO = "datasets/you/tiny"

LOAD = """
import json
from datasets import load_dataset

told = {}
for name in ("sft", "rl", "decisions"):
    rows = load_dataset("you/tiny", name, split="train", revision="v1")
    told[name] = [len(rows), rows.column_names[:3]]
both = load_dataset("you/tiny")
first = load_dataset("you/tiny", "sft", split="train", streaming=True).take(1)
told["default"] = {split: len(rows) for split, rows in both.items()}
told["image"] = [str(both["sft"].features["images"]), list(both["sft"][0]["images"][0].size), len(list(first))]
print(json.dumps(told))
"""


def test_push_load_and_pull(hub, shell, home, make_build):
    version = make_build(10).write(home)
    listed = shell.ovt("data", "push", "tiny", "you/tiny", "--dry-run", HF_TOKEN="")
    assert hub.seen == []
    assert "data/sft-00000-of-00001.parquet" in listed
    assert f"9 files, {size(listed):,} bytes: {version.manifest.hash_ref} as v1 of dataset you/tiny" in listed
    told = shell.ovt("data", "push", "tiny", "you/tiny", "--private")
    assert told.endswith(f"sent 9 files\n{hub.url}/{REPO}/tree/v1\n")
    assert hub.repos[REPO].private
    loaded = json.loads(shell.start("-c", LOAD).communicate()[0])
    assert loaded == {
        "sft": [4, ["images", "prompt", "completion"]],
        "rl": [2, ["images", "prompt", "completion"]],
        "decisions": [version.manifest.rows["decisions"], ["level", "id", "question_id"]],
        "default": {"sft": 4, "rl": 2},
        "image": ["List(Image(mode=None, decode=True))", [28, 28], 1],
    }
    pulled = json.loads(shell.ovt("data", "pull", "you/tiny@v1", "--json", OVT_HOME=str(shell.folder / "elsewhere")))
    assert (pulled["ref"], pulled["is_new"], pulled["sft"]) == ("you/tiny@v1", True, 4)
    verify_files(open_version("you/tiny", Home(shell.folder / "elsewhere")))
    assert "already here" in shell.ovt("data", "pull", "you/tiny", OVT_HOME=str(shell.folder / "elsewhere"))


def size(listed: str) -> int:
    """The sum of the sizes that a dry run lists."""
    return sum(int(line.split()[-2].replace(",", "")) for line in listed.splitlines()[:-1])


def test_a_killed_push_goes_on_where_it_was(hub, shell, home, make_build):
    version = make_build(10).write(home)
    reached, over, puts = threading.Event(), threading.Event(), itertools.count(1)

    def hang_on_the_last(method, path):
        if method == "PUT" and not over.is_set() and next(puts) == 7:  # they come several at once
            reached.set()
            over.wait(60)
            return "drop"
        return None

    hub.refuse = hang_on_the_last
    process = shell.start("-c", "from ovt.cli import main; main()", "data", "push", "tiny", "you/tiny")
    assert reached.wait(60)
    while len(hub.stored) < 6:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate()
    over.set()
    assert (hub.repos[REPO].tags, len(hub.stored)) == ({}, 6)
    hub.seen.clear()
    assert "sent 9 files" in shell.ovt("data", "push", "tiny", "you/tiny")
    assert hub.count("^PUT /lfs/") == 1
    assert hub.files(REPO, "v1")["manifest.json"]
    assert (
        shell.ovt("data", "push", "tiny@v1", "you/tiny").splitlines()[-2]
        == "nothing to do: this tag already has this content"
    )
    assert version.manifest.content_hash in hub.files(REPO, "v1")["manifest.json"].decode()


def test_errors_are_one_line_each(hub, shell, home, make_build):
    make_build(5).write(home)
    refused = shell.ovt("data", "push", "tiny", "you/tiny", code=1, HF_TOKEN="hf_" + "z" * 34)
    assert refused.startswith("ovt: you/tiny: the Hub answered 401")
    assert refused.count("\n") == 1
    assert "z" * 34 not in refused
    assert "is not a Hub repository" in shell.ovt("data", "push", "tiny", "tiny", code=2)
    down = shell.ovt("data", "pull", "you/tiny", code=1, HF_ENDPOINT="http://127.0.0.1:9")
    assert down.startswith("ovt: you/tiny: the connection failed (")
    assert down.count("\n") == 1


def test_the_card_as_it_is_here_and_as_it_would_be_there(home, built, tmp_path):
    version, run = built(5), CliRunner().invoke
    here = run(commands, ["card", str(version.path)])
    assert here.output == (version.path / "README.md").read_text()
    there = tmp_path / "card.md"
    options = ["--repo", "you/tiny@v7", "--out", str(there)]
    assert run(commands, ["card", str(version.path), *options]).exit_code == 0
    assert 'load_dataset("you/tiny", "sft", split="train", revision="v7")' in there.read_text()


@pytest.mark.hub
@pytest.mark.skipif("OVT_TEST_HUB_TOKEN" not in os.environ, reason="needs OVT_TEST_HUB_TOKEN, which may write")
def test_the_real_hub(home, make_build, tmp_path):
    """Makes a private repository, pushes, pulls, and deletes it again."""
    api = real_hub()
    api.token = os.environ["OVT_TEST_HUB_TOKEN"]
    repo = f"{api.whoami()['name']}/ovt-test-{os.getpid()}"
    version = make_build(10).write(home)
    try:
        assert publish(prepare(version, repo, None, {}), api, private=True).outcome == "pushed"
        assert publish(prepare(version, repo, None, {}), api).outcome == "there"
        verify_files(pull(repo, "v1", Home(tmp_path / "elsewhere"), api).version)
    finally:
        api.delete_repo(repo, repo_type="dataset", missing_ok=True)
