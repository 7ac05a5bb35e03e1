"""Runs that go, and runs that stay because something came from them."""

import json

import pytest

from ovt.core.errors import OvtError
from ovt.train.runs import Run, RunRecord, finish, held, open_run, start
from ovt.train.tidy import remove, to_remove


@pytest.fixture
def made(home) -> Run:
    run = start(RunRecord(name="first", kind="sft", model="pocket", ovt_version="0"), home)
    for name in ("checkpoints/checkpoint-2", "model"):
        (run.path / name).mkdir(parents=True)
        (run.path / name / "model.safetensors").write_bytes(b"0" * 1000)
    return finish(run, {})


def test_a_run_goes_and_its_bytes_are_counted(home, made):
    found = to_remove("first", home)
    assert found.as_dict()["folders"] == [str(made.path)]
    assert found.bytes >= 2000
    remove([found])
    assert not made.path.exists()
    with pytest.raises(OvtError, match="no run is named"):
        open_run("first", home)


def test_checkpoints_of_a_finished_run_go_alone(home, made):
    found = to_remove("first", home, only_checkpoints=True)
    assert found.bytes == 1000
    remove([found])
    assert not made.checkpoints.exists()
    assert (made.model / "model.safetensors").is_file()
    assert open_run("first", home).done
    assert to_remove("first", home, only_checkpoints=True).bytes == 0


@pytest.mark.parametrize("only_checkpoints", [True, False])
def test_a_run_on_another_disk_goes_too_and_twice_is_once(home, made, tmp_path, only_checkpoints):
    linked = made.checkpoints if only_checkpoints else made.path
    linked.rename(tmp_path / "disk")
    linked.symlink_to(tmp_path / "disk")
    found = to_remove("first", home, only_checkpoints)
    assert found.bytes >= 1000
    remove([found, found])
    assert not linked.is_symlink()
    assert not (tmp_path / "disk").exists()


def test_what_something_came_from_stays(home, made):
    start(RunRecord(name="second", kind="rl", model="first", ovt_version="0"), home)
    with pytest.raises(OvtError, match="run first is used by run second: remove that first"):
        to_remove("first", home)
    with pytest.raises(OvtError, match="run second is not done and resumes from its checkpoints"):
        to_remove("second", home, only_checkpoints=True)
    remove([to_remove("second", home)])
    steps = home.loops / "mine" / "steps"
    steps.mkdir(parents=True)
    (steps / "sft-1.json").write_text(json.dumps({"ref": "first"}))
    (steps / "broken.json").write_text("{")
    with pytest.raises(OvtError, match="run first is used by loop mine"):
        to_remove("first", home)


def test_a_run_that_is_being_trained_stays(home, made):
    with held(made), pytest.raises(OvtError, match="is being trained by another process"):
        to_remove("first", home)
    assert made.path.exists()
