"""Pushing to a stand-in for the Hub over real HTTP, with the real client: what arrives, is refused, and goes on."""

import json
import re
import time

import pytest
import yaml

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.hub.pull import pull
from ovt.curate.hub.push import prepare, publish
from ovt.curate.reports.plots import draw_card
from ovt.curate.versions.manifest import Input
from ovt.curate.versions.read import open_version, verify_files

REPO = "datasets/you/tiny"


def send(version, api, tag=None, **options):
    return publish(prepare(version, "you/tiny", tag, {}), api, **options)


def test_a_version_arrives_whole_and_is_tagged(hub, api, built):
    version = built(10)
    pushed = send(version, api)
    assert (pushed.outcome, pushed.tag, len(pushed.sent)) == ("pushed", "v1", 8)
    assert pushed.url == f"{hub.url}/{REPO}/tree/v1"
    there = hub.files(REPO, "v1")
    assert set(there) == {".gitattributes", "manifest.json", *version.manifest.files}
    for name in version.manifest.files:
        if name != "README.md":
            assert there[name] == (version.path / name).read_bytes()


def test_the_card_on_the_hub_says_how_to_load_it_there(hub, api, built):
    send(built(10), api)
    card = hub.files(REPO)["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    names = ["default", "sft", "rl", "questions", "samples", "verdicts", "decisions"]
    assert [config["config_name"] for config in head["configs"]] == names
    assert head["configs"][1]["data_files"] == [{"split": "train", "path": "data/sft-*.parquet"}]
    assert (head["license"], head["size_categories"]) == (["mit"], ["n<1K"])
    assert 'load_dataset("you/tiny", "sft", split="train", revision="v1")' in card
    assert "ovt data pull you/tiny@v1" in card


def test_figures_are_on_the_card_and_are_not_what_a_version_is(hub, api, built):
    version = built(10)
    publish(prepare(version, "you/tiny", None, {}, draw=draw_card), api)
    there = hub.files(REPO, "v1")
    assert there["figures/overview.png"].startswith(b"\x89PNG")
    assert b"](figures/overview.png)" in there["README.md"]
    assert json.loads(there["manifest.json"])["content_hash"] == version.manifest.content_hash
    assert send(version, api).outcome == "there"


def test_a_view_comes_along_and_a_pull_leaves_it_there(hub, api, built, tmp_path):
    version, view = built(10), {"view/index.html": b"<!doctype html>", "view/data/first.js": b"window.ovtFiles = {};"}
    publish(prepare(version, "you/tiny", None, {}, further=view), api)
    there = hub.files(REPO, "v1")
    assert {name: content for name, content in there.items() if name.startswith("view/")} == view
    pulled = pull("you/tiny", "v1", Home(tmp_path / "other"), api).version
    assert not (pulled.path / "view").exists()
    verify_files(pulled)
    assert send(version, api).outcome == "there"


def test_the_same_content_again_sends_nothing(hub, api, built):
    version = built(10)
    send(version, api)
    hub.seen.clear()
    assert send(version, api).outcome == "there"
    assert hub.count("(commit|preupload|lfs|POST .*/tag)") == 0


def test_a_tag_is_never_overwritten(hub, api, built):
    send(built(10), api)
    other = built(15)
    before = hub.repos[REPO].tags["v1"], len(hub.repos[REPO].commits)
    with pytest.raises(OvtError, match=r"you/tiny@v1 holds different content \(6 files differ, such as data/rl.*--tag"):
        send(other, api, tag="v1")
    assert (hub.repos[REPO].tags["v1"], len(hub.repos[REPO].commits)) == before


def test_an_iteration_is_a_tag_and_old_files_go(hub, api, built):
    first, second = built(10), built(1)  # the second keeps nothing for RL
    send(first, api)
    pushed = send(second, api, tag="v2")
    assert (pushed.tag, pushed.removed) == ("v2", ("data/rl-00000-of-00001.parquet",))
    assert "data/rl-00000-of-00001.parquet" in hub.files(REPO, "v1")
    assert "data/rl-00000-of-00001.parquet" not in hub.files(REPO, "v2")
    assert hub.files(REPO) == hub.files(REPO, "v2")


def test_a_version_that_kept_nothing(hub, api, home, make_build):
    build = make_build(3, first=2)
    build.rows.clear()
    for table in (build.questions, build.samples, build.verdicts, build.decisions):
        table[:] = [row for row in table if row["question_id"] == build.questions[0]["question_id"]]
    send(build.write(home), api)
    head = yaml.safe_load(hub.files(REPO)["README.md"].decode().split("---\n")[1])
    assert [config["config_name"] for config in head["configs"]] == ["questions", "samples", "decisions"]


def test_a_changed_folder_is_refused_before_anything_is_drawn_or_sent(hub, home, make_build):
    version = make_build(5).write(home)
    path = version.path / "data" / "sft-00000-of-00001.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(OvtError, match=r"data/sft-00000-of-00001\.parquet was changed"):
        prepare(version, "you/tiny", None, {}, draw=draw_card)
    assert hub.seen == []


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ("CC-BY-NC-ND-4.0", "may not be shared"),
        ("CC BY-ND 4.0", "may not be shared"),
        ("research only, no redistribution", "may not be shared"),
        ("All rights reserved", "may not be shared"),
        (None, "has no license in the recipe"),
        ("see the site", "--may-share shapes"),
        ("unknown", "--may-share shapes"),
    ],
)
def test_licenses_that_do_not_allow_it(home, make_build, given, fits):
    inputs = (Input(source="shapes", location="x", fingerprint="f", rows=1, license=given),)
    version = make_build(2).write(home, inputs=inputs)
    with pytest.raises(OvtError, match=fits):
        prepare(version, "you/tiny", None, {})
    if "may-share" in fits:
        assert prepare(version, "you/tiny", None, {}, may_share={"shapes"}).tag == "v1"
    else:
        with pytest.raises(OvtError, match="source 'shapes'"):
            prepare(version, "you/tiny", None, {}, may_share=set())


@pytest.mark.parametrize("given", ["MIT", "CC-BY-4.0", "CC BY-NC-SA 4.0", "apache-2.0", "GPL-3.0", "CC0-1.0"])
def test_licenses_that_allow_it(home, make_build, given):
    inputs = (Input(source="shapes", location="x", fingerprint="f", rows=1, license=given),)
    assert prepare(make_build(2).write(home, inputs=inputs), "you/tiny", None, {}).files


def test_a_secret_in_a_reply_stops_the_push(home, make_build):
    secret = "hf_" + "AbCdEfGhIj" * 3 + "KlMn"
    version = make_build(5, text=f"use {secret} here").write(home)
    with pytest.raises(OvtError, match="a Hugging Face token in ") as caught:
        prepare(version, "you/tiny", None, {})
    assert secret not in str(caught.value)
    assert re.search(r"in data/\w+-00000-of-00001.parquet, column \w+, row 1 \(mark \w{8}\)", str(caught.value))
    (mark,) = re.findall(r"--not-secret (\w{8})", str(caught.value))
    assert prepare(version, "you/tiny", None, {}, not_secret=[mark]).files


def test_a_folder_needs_a_tag_of_its_own(home, built):
    version = built(2)
    folder = open_version(str(version.path), home)
    with pytest.raises(RecipeError, match="--tag"):
        prepare(folder, "you/tiny", None, {})
    assert prepare(folder, "you/tiny", "first", {}).tag == "first"


def test_private_stays_private(hub, api, built):
    version = built(2)
    send(version, api, private=True)
    assert hub.repos[REPO].private
    hub.repos[REPO].private = False
    with pytest.raises(OvtError, match="you/tiny is public and --private was given"):
        send(version, api, private=True)


def test_others_files_are_left_alone(hub, api, built):
    version = built(2)
    api.create_repo("you/tiny", repo_type="dataset")
    hub.repos[REPO].commit({"train.csv": b"a,b"})
    with pytest.raises(OvtError, match=r"holds files that ovt did not push, such as train\.csv"):
        send(version, api)


def test_a_pull_request_has_no_tag_until_it_is_merged(hub, api, built):
    version = built(5)
    proposed = send(version, api, create_pr=True)
    assert (proposed.outcome, proposed.tag) == ("proposed", None)
    assert re.fullmatch(rf"{hub.url}/{REPO}/discussions/\d+", proposed.url)
    repo = hub.repos[REPO]
    assert (repo.tags, set(hub.files(REPO))) == ({}, {".gitattributes"})
    repo.branches["main"] = proposed.commit  # somebody merges it
    assert send(version, api).outcome == "tagged"
    assert hub.files(REPO, "v1")["manifest.json"]


def test_a_push_cut_off_before_the_tag_only_tags(hub, api, built):
    version = built(5)
    hub.refuse = lambda method, path: (500, "oh") if "/tag/" in path else None
    with pytest.raises(OvtError, match=r"the Hub answered 500 \(oh\).*same command again"):
        send(version, api)
    hub.refuse = lambda method, path: None
    commits = len(hub.repos[REPO].commits)
    assert send(version, api).outcome == "tagged"
    assert len(hub.repos[REPO].commits) == commits


def test_a_dropped_connection_is_tried_again(hub, api, built, no_waiting):
    dropped = []

    def drop_first_two(method, path):
        if method == "PUT" and len(dropped) < 2:
            dropped.append(path)
            return "drop"
        return None

    hub.refuse = drop_first_two
    assert send(built(5), api).outcome == "pushed"
    assert len(dropped) == 2


def test_what_arrived_is_not_sent_again(hub, api, built):
    version = built(10)
    data = {hub_hash(version, name): name for name in version.manifest.files if name.endswith(".parquet")}
    last = sorted(data)[-1]

    def refuse_the_last(method, path):
        if path != f"/lfs/{last}":
            return None
        while len(hub.stored) < len(data) - 1:  # files are sent side by side
            time.sleep(0.01)
        return 403, "expired"

    hub.refuse = refuse_the_last
    with pytest.raises(OvtError, match=r"Error while uploading .* the Hub answered 403 \(expired\)"):
        send(version, api)
    assert set(hub.stored) == set(data) - {last}
    hub.refuse = lambda method, path: None
    hub.seen.clear()
    assert send(version, api).outcome == "pushed"
    assert [line for line in hub.seen if line.startswith("PUT")] == [f"PUT /lfs/{last}"]


def hub_hash(version, name):
    return version.manifest.files[name].sha256


@pytest.mark.parametrize(
    ("wrong", "fits"),
    [
        ((412, "moved"), "changed in the meantime: run the same command again"),
        ((400, "bad card"), "the Hub refused the commit: .*bad card"),
        ((403, "read only"), r"the Hub answered 403 \(read only\): the token lacks permission"),
    ],
)
def test_a_refused_commit_is_one_line_and_sets_no_tag(hub, api, built, wrong, fits):
    hub.refuse = lambda method, path: wrong if "/commit/" in path else None
    with pytest.raises(OvtError, match=fits) as caught:
        send(built(2), api)
    assert "\n" not in str(caught.value)
    assert hub.repos[REPO].tags == {}


def test_a_repository_that_ignores_files_is_not_tagged(hub, api, built):
    api.create_repo("you/tiny", repo_type="dataset")
    hub.repos[REPO].ignore = ("ledger/verdicts.parquet",)
    with pytest.raises(OvtError, match=r"did not accept 1 of the files, such as ledger/verdicts\.parquet"):
        send(built(2), api)
    assert hub.repos[REPO].tags == {}


def test_a_bad_token_and_no_token_are_one_line(hub, api, built):
    version = built(2)
    api.token = "hf_" + "x" * 30
    with pytest.raises(OvtError, match=r"you/tiny: the Hub answered 401 .*set HF_TOKEN"):
        send(version, api)
    api.token = None
    with pytest.raises(OvtError, match="no token for the Hub: set HF_TOKEN"):
        send(version, api)


def test_the_manifest_there_has_the_hashes_of_what_is_there(hub, api, built):
    import hashlib

    version = built(10)
    send(version, api)
    there = hub.files(REPO, "v1")
    manifest = json.loads(there["manifest.json"])
    assert manifest["content_hash"] == version.manifest.content_hash
    for name, entry in manifest["files"].items():
        assert (hashlib.sha256(there[name]).hexdigest(), len(there[name])) == (entry["sha256"], entry["size"])
    assert set(manifest["files"]) == set(there) - {"manifest.json", ".gitattributes"}
