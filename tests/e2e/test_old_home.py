"""A home that an older ovt wrote (tests/fixtures) is read by every command, and whatever it holds goes on."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ovt.cli import app
from ovt.core.records import DriftError
from ovt.verifiers import VERSION

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home-0.1.tar.xz"
VERSIONS = ("small@v1", "small@v2", "failed@v1", "rolled@v1", "tiny-1@v1")


def unpacked(into: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(into, filter="data")
    return into / "home-0.1"


@pytest.fixture(scope="module")
def read_only(tmp_path_factory) -> Path:
    """The folder of the old home, for tests that only read."""
    return unpacked(tmp_path_factory.mktemp("old"))


@pytest.fixture
def old(tmp_path) -> Path:
    """The folder of an old home of the test's own."""
    return unpacked(tmp_path)


@pytest.fixture
def ovt(monkeypatch) -> Callable[..., Result]:
    """`ovt(folder, "data", "list")`: the command as it ends in that folder; there is no server to ask."""
    monkeypatch.setenv("OVT_HOME", "ovt-home")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "120")

    def run(folder: Path, *arguments: str, exit_code: int = 0) -> Result:
        monkeypatch.chdir(folder)
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == exit_code, done.output
        return done

    return run


@pytest.fixture
def ovt_json(ovt) -> Callable[..., Any]:
    """The same with --json: what it prints."""
    return lambda folder, *arguments: json.loads(ovt(folder, *arguments, "--json").stdout)


@pytest.fixture
def verifier_3(monkeypatch) -> None:
    """The verifier's version that judged the old home: a later one makes other things, which are not resumed."""
    for module in ("train.rl_trainer", "train.training"):
        monkeypatch.setattr(f"ovt.{module}.VERSION", "3")
    for module in ("curate.build", "evaluation.evaluate", "train.loop.work"):
        monkeypatch.setattr(f"ovt.{module}.VERIFIER_VERSION", "3")


@pytest.fixture(scope="session")
def maker(load_file):
    """The script that made the old home: the answers of its server, and the settings of its runs."""
    return load_file("fixtures/make_home")


def without_places(said: Any) -> Any:
    """What a command said, without the paths of the machine where it ran."""
    if isinstance(said, dict):
        return {key: without_places(value) for key, value in said.items() if key not in ("path", "folder")}
    return [without_places(one) for one in said] if isinstance(said, list) else said


def covers(now: Any, before: Any) -> bool:
    """Whether all that was said before is said now; there may be more keys by now."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and covers(now[key], value) for key, value in before.items())
    if isinstance(before, list):
        return isinstance(now, list) and len(now) == len(before) and all(map(covers, now, before))
    return now == before


def test_everything_is_listed_as_it_was(read_only, ovt_json):
    expected = json.loads((read_only / "expected.json").read_text())
    for run in expected["runs"]:
        run["status"] = run["status"].replace("running", "interrupted")  # what ovt 0.1 said of runs that nobody trains
    for key, command in {
        "versions": ("data", "list"),
        "runs": ("train", "list"),
        "evaluations": ("eval", "list"),
        "compared": ("eval", "compare", "done-test", "reinforced-test"),
        "loop": ("loop", "status", "tiny"),
    }.items():
        now = ovt_json(read_only, *command)
        assert covers(without_places(now), without_places(expected[key])), key


@pytest.mark.parametrize("ref", ["small@v1", "small@v2", "rolled@v1"])
def test_versions_are_what_they_were(read_only, ovt_json, ref):
    expected = json.loads((read_only / "expected.json").read_text())[ref]
    for command, said in expected.items():
        now = ovt_json(read_only, "data", command, ref)
        assert covers(without_places(now), without_places(said)), command


@pytest.mark.parametrize("ref", VERSIONS)
def test_every_way_to_look_at_a_version(read_only, ovt, ovt_json, ref):
    for command in ("show", "head", "funnel", "stats", "what-if"):
        assert ovt(read_only, "data", command, ref).stdout
    for row in ovt_json(read_only, "data", "head", ref):
        assert row["question_id"] in ovt(read_only, "data", "why", ref, row["question_id"]).stdout
    assert ref.partition("@")[0] in ovt(read_only, "data", "card", ref).stdout
    for check in ("lint", "dedup"):
        ovt_json(read_only, "data", check, ref)
    ovt_json(read_only, "data", "decontam", ref, "--against", "test.jsonl")


def test_verdicts_are_given_again(read_only, ovt, ovt_json):
    ovt(read_only, "data", "what-if", "small@v1", "--reverify", "--set", "filter.length.max_words=5")
    assert ovt_json(read_only, "verify", "audit", "small@v1")


def test_exports_are_found_or_made_again(old, ovt_json):
    """What was exported in another place names paths of that place, so it is written again, once."""
    out = ("small@v1", "exported", "--to", "trl")
    assert [ovt_json(old, "data", "export", *out)["is_new"] for _ in range(2)] == [True, False]
    for to in ("llamafactory", "easyr1", "ms-swift", "openai"):
        assert ovt_json(old, "data", "export", "small@v2", to, "--to", to)["is_new"]
    assert ovt_json(old, "data", "export", "rolled", "rolled", "--to", "easyr1")["rows"]


def test_versions_are_compared(read_only, ovt, tmp_path):
    told = ovt(read_only, "data", "diff", "small@v1", "small@v2").stdout
    assert "small@v1" in told
    ovt(read_only, "data", "stats", "small@v1", "small@v2", "--plot", str(tmp_path / "stats.html"))


@pytest.mark.parametrize(("recipe", "ref"), [("small.toml", "small@v1"), ("seen.toml", "small@v2")])
def test_the_same_build_is_found(old, ovt_json, recipe, ref):
    """No server is there to be asked. Under another verifier it is judged anew, from the replies that are kept."""
    before = {one["ref"]: one for one in ovt_json(old, "data", "list")}
    built = ovt_json(old, "curate", "build", recipe)
    assert built["content_hash"] == before[ref]["content_hash"] or ovt_verifier(old, ref) != VERSION
    assert built["ref"] == ref or ovt_verifier(old, ref) != VERSION


def ovt_verifier(folder: Path, ref: str) -> str:
    """Which verifier judged a version."""
    manifest = folder / "ovt-home" / "versions" / ref.replace("@", "/") / "manifest.json"
    return json.loads(manifest.read_text())["provenance"]["verifier_version"]


def test_replies_are_not_asked_for_again(old, ovt_json, maker, loopback):
    """A third sample of each question, and what was refused: nothing else."""
    loopback.reply = maker.answer
    here = ("--set", f"endpoints.server.base_url={loopback.url}")
    built = ovt_json(old, "curate", "build", "small.toml", *here, "--set", "reason.k=3")
    assert (built["ref"], built["questions"]) == ("small@v3", 8)
    assert len(loopback.answered) == 8
    loopback.seen.clear()
    built = ovt_json(
        old, "curate", "build", "small.toml", *here, "--set", "name=failed", "--set", "caption.prompt=Fail."
    )
    assert (built["ref"], built["sft"] + built["rl"]) == ("failed@v2", 8)
    assert [maker.colour_of(url) for seen in loopback.answered for url in loopback_images(seen)] == ["white"] * 2


def loopback_images(seen: Any) -> list[str]:
    content = seen.body["messages"][-1]["content"]
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


@pytest.mark.usefixtures("undrawn")
def test_runs_are_shown(old, ovt):
    for name in ("done", "stopped", "reinforced", "tiny-sft-1"):
        assert name in ovt(old, "train", "show", name).stdout
    ovt(old, "train", "card", "reinforced")
    assert list((old / "ovt-home" / "runs" / "reinforced" / "plots").iterdir())
    assert "step" in ovt(old, "train", "rollouts", "reinforced", "--stats").stdout
    assert ovt(old, "train", "rollouts", "reinforced").stdout
    assert ovt(old, "train", "preview", "small@v1", "--model", "done").stdout
    assert "tiny" in ovt(old, "loop", "status", "tiny").stdout
    ovt(old, "loop", "plot", "tiny")


@pytest.mark.usefixtures("verifier_3")
def test_finished_runs_and_evaluations_are_found(old, ovt, maker):
    record = old / "ovt-home" / "runs" / "done" / "run.json"
    before = record.read_bytes()
    sft = ("train", "sft", "small@v1", "-m", "model", "--name", "done", *maker.sets(maker.SFT))
    assert "already done" in ovt(old, *sft).stderr
    rl = ("train", "rl", "small@v1", "-m", "done", "--name", "reinforced", *maker.sets(maker.RL))
    assert "already done" in ovt(old, *rl).stderr
    assert record.read_bytes() == before
    result = old / "ovt-home" / "evals" / "done-test" / "result.json"
    written = result.stat().st_mtime_ns
    ovt(old, "eval", "run", "done", "test.toml", "--name", "done-test")
    assert result.stat().st_mtime_ns == written


@pytest.mark.usefixtures("undrawn")
def test_a_stopped_run_goes_on(old, ovt, ovt_json, maker):
    """LoRA adapters with AdamW's state; merged when they are whole."""
    log = old / "ovt-home" / "runs" / "stopped" / "log.jsonl"
    before = log.read_text().splitlines()
    ovt(old, "train", "sft", "small@v1", "-m", "model", "--name", "stopped", *maker.sets(maker.LORA))
    lines = log.read_text().splitlines()
    assert lines[: len(before)] == before
    assert [line["step"] for line in map(json.loads, lines) if "loss" in line] == list(range(1, 13))
    assert ovt_json(old, "train", "show", "stopped")["status"] == "done"
    ovt(old, "train", "merge", "stopped")


def test_what_another_verifier_judged_is_not_resumed(old, ovt, maker):
    rl = ("train", "rl", "small@v1", "-m", "done", "--name", "reinforced", *maker.sets(maker.RL))
    for command in (rl, ("loop", "run", "loop.toml")):
        with pytest.raises(DriftError, match=f"verifier.* was 3, would be {VERSION}"):
            ovt(old, *command)


@pytest.mark.usefixtures("undrawn", "verifier_3")
def test_a_stopped_loop_goes_on(old, ovt, ovt_json):
    """Its base was evaluated, its data are built, its SFT was stopped at step 3: none of that is done again."""
    steps = old / "ovt-home" / "loops" / "tiny" / "steps"
    done = {path: path.read_bytes() for path in (steps / "eval-base.json", steps / "data-1.json")}
    ovt(old, "loop", "run", "loop.toml")
    assert {path: path.read_bytes() for path in done} == done
    found = {step["name"]: step["status"] for step in ovt_json(old, "loop", "status", "tiny")["steps"]}
    assert found.pop("gate-1") == "failed"  # a model of so few steps; gate.enabled = false accepts it
    assert set(found.values()) == {"done"}
    lines = map(json.loads, (old / "ovt-home" / "runs" / "tiny-sft-1" / "log.jsonl").read_text().splitlines())
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 9))
