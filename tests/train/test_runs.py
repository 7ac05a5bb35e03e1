"""Run folders: what a run was made of, going on, atomic models, errors of one line."""

import errno
import json

import pytest

from ovt.core.errors import OvtError
from ovt.core.files import new_folder
from ovt.train import runs
from ovt.train.runs import RunRecord
from ovt.train.settings import LoraSection, SftSection


def record(name: str = "one", **changes) -> RunRecord:
    fields = {"name": name, "kind": "sft", "model": "pocket", "settings": {"learning_rate": 1e-5, "lora": {"r": 4}}}
    return RunRecord.model_validate(fields | {"ovt_version": "0.1.0"} | changes)


def make_checkpoint(run: runs.Run, step: int, state: str | None = "{}") -> None:
    folder = run.checkpoints / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (folder / "trainer_state.json").write_text(state)


def test_a_run_is_new_then_under_way_then_done(home):
    run = runs.start(record(), home)
    assert runs.start(record(git_commit="other", ovt_version="0.2"), home).record == run.record
    done = runs.finish(run, {"steps": 3})
    assert done.done
    assert runs.open_run("one", home).record.result == {"steps": 3}
    assert runs.start(record(), home).done
    assert [one.name for one in runs.list_runs(home)] == ["one"]


def test_a_run_that_nobody_trains_and_that_is_not_done_was_interrupted(home):
    run = runs.start(record(), home)
    assert run.state == "interrupted"
    with runs.held(run):
        assert run.state == "running"
    assert run.state == "interrupted"
    assert runs.finish(run, {}).state == "done"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_revision": "abc"}, "model_revision was None, would be abc"),
        ({"settings": {"learning_rate": 1e-6, "lora": {"r": 4}}}, r"learning_rate was 1e-05, would be 1e-06"),
        ({"settings": {"learning_rate": 1e-5, "lora": None}}, r"lora was \{'r': 4, .*, would be None"),
        ({"seed": 2}, "seed was 0, would be 2"),
    ],
)
def test_another_run_does_not_take_the_name(home, changes, told):
    runs.start(record(), home)
    with pytest.raises(OvtError, match=f"made from different inputs .{told}.; choose another --name"):
        runs.start(record(**changes), home)
    assert runs.start(record(**changes), home, resume=False).record.model_dump() == record(**changes).model_dump()


def test_a_run_on_another_disk_is_replaced_there(home, tmp_path):
    run = runs.start(record(), home)
    run.path.rename(tmp_path / "disk")
    run.path.symlink_to(tmp_path / "disk")
    make_checkpoint(run, 9)
    assert not runs.start(record(seed=5), home, resume=False).checkpoints.exists()
    assert (tmp_path / "disk" / "run.json").is_file()
    with pytest.raises(OvtError, match="wrong"), runs.held(run):
        raise OvtError("a setting is wrong")
    assert not run.path.is_symlink()


def test_what_only_says_how_may_change(home):
    run = runs.start(record(settings={"save_steps": 5, "per_device_train_batch_size": 4}), home)
    again = runs.start(record(settings={"save_steps": 9, "per_device_train_batch_size": None}), home)
    assert again.record == run.record


def test_a_setting_that_came_later_has_its_default_in_an_older_record(home):
    run = runs.start(record(), home)
    later = record(settings=SftSection(learning_rate=1e-5, lora=LoraSection(r=4)).model_dump(mode="json"))
    assert runs.start(later, home).record == run.record


def test_a_free_name_is_found(home):
    runs.start(record(), home)
    other = record(seed=5)
    assert runs.free_name(record(), home) == "one"
    assert runs.free_name(other, home) == "one-2"
    assert runs.free_name(record(), home, resume=False) == "one-2"


def test_only_whole_checkpoints_count(home):
    run = runs.start(record(), home)
    assert runs.last_checkpoint(run) is None
    for step, state in ((9, "{}"), (10, '{"cut'), (100, None)):
        make_checkpoint(run, step, state)
    last = runs.last_checkpoint(run)
    assert last is not None
    assert last.name == "checkpoint-9"
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["checkpoint-9"]


def test_a_model_appears_whole_or_not_at_all(home):
    run = runs.start(record(), home)
    with new_folder(run.model) as folder:
        (folder / "weights").write_text("first")
    with pytest.raises(ZeroDivisionError), new_folder(run.model) as folder:
        (folder / "weights").write_text(f"half {1 / 0}")
    assert (run.model / "weights").read_text() == "first"
    with new_folder(run.model) as folder:
        (folder / "weights").write_text("second")
    assert (run.model / "weights").read_text() == "second"
    assert sorted(path.name for path in run.path.iterdir()) == ["model", "run.json"]


def test_two_processes_do_not_train_one_run(home):
    run = runs.start(record(), home)
    with runs.held(run), pytest.raises(OvtError, match="is being trained by another process"), runs.held(run):
        pass
    with runs.held(run), pytest.raises(OvtError, match="is being trained by another process"):
        runs.start(record(), home, resume=False)
    assert run.path.exists()
    with runs.held(run), runs.held(run, main=False):
        pass


def test_a_run_that_is_refused_before_a_step_leaves_its_name_free(home):
    run = runs.start(record(), home)
    with pytest.raises(OvtError, match="wrong"), runs.held(run):
        raise OvtError("a setting is wrong")
    assert not run.path.exists()
    run = runs.start(record(), home)
    run.log_path.write_text('{"step": 1}\n')
    with pytest.raises(OvtError, match="full"), runs.held(run):
        raise OvtError("the disk is full")
    assert run.path.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_one_line(home, error):
    run = runs.start(record(), home)
    make_checkpoint(run, 4)
    with pytest.raises(OvtError, match="checkpoint-4 is complete and kept: make") as raised, runs.disk_trouble(run):
        raise error
    assert "\n" not in str(raised.value)
    with pytest.raises(RuntimeError, match="a bug"), runs.disk_trouble(run):
        raise RuntimeError("a bug")


def test_unknown_and_impossible_names_are_one_line(home):
    runs.start(record("figures-sft"), home)
    with pytest.raises(OvtError, match=r"no run is named 'figures-stf' .*did you mean figures-sft"):
        runs.open_run("figures-stf", home)
    for name in ("../x", "", "a/b", ".hidden"):
        with pytest.raises(OvtError, match="cannot name a run"):
            runs.open_run(name, home)
    with pytest.raises(OvtError, match="is not finished, so it has no model yet"):
        runs.open_finished("figures-sft", home)


def test_a_damaged_record_is_one_line(home):
    run = runs.start(record(), home)
    (run.path / "run.json").write_text("{")
    with pytest.raises(OvtError, match=r"run\.json cannot be read"):
        runs.open_run("one", home)
    assert runs.list_runs(home) == []


def test_a_cut_log_is_read_up_to_the_cut(home):
    run = runs.start(record(), home)
    run.log_path.write_text(json.dumps({"step": 1, "loss": 2.0}) + '\n{"step": 2, "lo')
    assert runs.read_log(run.log_path) == [{"step": 1, "loss": 2.0}]
