"""`ovt train` as people type it: killed in the middle, going on, errors of one line."""

import json
import os
import signal
import time

import pytest
import torch

from ovt.commands.train import on_devices
from ovt.core.errors import RecipeError
from ovt.train.devices import Launch
from ovt.train.models import load_model
from ovt.train.runs import held, is_complete, last_checkpoint, open_run
from ovt.train.settings import SftSection, load_settings
from ovt.train.sft_trainer import sft

pytestmark = pytest.mark.timeout(900)  # commands in processes of their own, on a machine with many busy ones
SETS = ("learning_rate=0.003", "global_batch_size=8", "max_steps=24", "save_steps=4", "warmup_steps=1")
OPTIONS = [part for one in SETS for part in ("--set", one)]


def finished(process) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=800)  # two processes share what a busy machine leaves to one
    return process.returncode, out, err


@pytest.mark.slow
def test_killed_and_started_again_it_ends_as_undisturbed(home, start, small_vlm, colour_rows, write_version):
    """kill -9 after the first checkpoint; the same line again; the same weights as a run that nobody disturbed."""
    write_version(home, colour_rows(16))
    line = ("sft", "colours", "--model", str(small_vlm), "--name", "killed", *OPTIONS, "--json")
    process = start("train", *line)
    checkpoint = home.runs / "killed" / "checkpoints" / "checkpoint-4"
    while process.poll() is None and not is_complete(checkpoint):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert finished(process)[0] == -signal.SIGKILL
    code, out, err = finished(start("train", *line))
    assert code == 0, err
    assert "resuming from step" in err
    record = json.loads(out)
    assert record["status"] == "done"
    whole = sft("colours", str(small_vlm), load_settings(SftSection, "sft", None, list(SETS)), home, name="whole")
    one, two = (load_model(str(folder)).state_dict() for folder in (home.runs / "killed" / "model", whole.model))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("written", "override", "told"),
    [
        ("", "learning_rat=1", "--set: learning_rat is not a known key; did you mean learning_rate?"),
        ("[sft]\nseed = 3\n[sft.lora]\nrr = 4", "seed=4", r"lora.rr is not a known key; did you mean r\?"),
        ("[rl]\nseed = 3", "seed=4", r"rl is not a known key; known keys: "),
        ("learning_rate = -1", "seed=4", "learning_rate is -1: Input should be greater than 0"),
        ("seed = 3\n[sft]\nmax_steps = 9", "seed=4", r"seed is outside \[sft\]: move it there"),
        ("[[sft]]\nseed = 3", "seed=4", r"\[\[sft\]\] is a list of stages; sft is one training: write \[sft\]"),
        ("", "eval_size=1.5", "eval_size is 1.5: give a share below 1, or a whole number"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path, written, override, told):
    file = tmp_path / "sft.toml"
    file.write_text(written)
    with pytest.raises(RecipeError, match=told):
        load_settings(SftSection, "sft", file if written else None, [override])


def test_settings_that_are_nowhere_are_told(tmp_path):
    with pytest.raises(RecipeError, match=r"no settings at .*gone.toml: give --config a TOML file"):
        load_settings(SftSection, "sft", tmp_path / "gone.toml", None)


def test_a_name_to_report_to_needs_no_list():
    assert load_settings(SftSection, "sft", None, ["report_to=wandb"]).report_to == ["wandb"]
    assert load_settings(SftSection, "sft", None, ['report_to=["wandb", "trackio"]']).report_to == ["wandb", "trackio"]


def test_settings_are_read_from_a_table_or_the_top(tmp_path):
    file = tmp_path / "sft.toml"
    for head in ("[sft]\n", ""):
        file.write_text(head + "seed = 3\nmax_steps = 9")
        settings = load_settings(SftSection, "sft", file, ["seed=4"])
        assert (settings.seed, settings.max_steps, settings.learning_rate) == (4, 9, 5e-7)


TWO_CPUS = """
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
use_cpu: true
mixed_precision: "no"
num_machines: 1
machine_rank: 0
num_processes: 2
"""


def test_what_devices_share_is_read_from_their_configuration(tmp_path):
    """Plain data parallelism holds everything on each device, so its plan divides no memory."""
    config = tmp_path / "cpus.yaml"
    config.write_text(TWO_CPUS)
    assert on_devices(None, None) is None
    assert [(one.count, one.shares) for one in (Launch(str(config)), Launch("fsdp", 8))] == [(2, False), (8, True)]
    with pytest.raises(RecipeError, match="give both"):
        on_devices(None, 8)


@pytest.mark.slow
def test_two_processes_train_what_one_does(home, start, small_vlm, colour_rows, write_version, tmp_path):
    """The global batch stays the same, and so does what is learned, up to rounding; they agree on the run's name.

    By plain gradient descent: Adam's first steps are as large for a gradient of rounding errors as for any other, and
    the same for one that is twice too large.
    """
    write_version(home, colour_rows(16))
    config = tmp_path / "cpus.yaml"
    config.write_text(TWO_CPUS)
    chosen = ("learning_rate=0.1", "global_batch_size=8", "max_steps=2", "warmup_steps=0", "trainer.optim=sgd")
    sets = [part for one in chosen for part in ("--set", one)]
    line = ("sft", "colours", "-m", str(small_vlm), *sets, "--accelerate", str(config), "--json")
    code, out, err = finished(start("train", *line))
    assert code == 0, err
    assert json.loads(out)["result"]["steps"] == 2
    alone = load_settings(SftSection, "sft", None, list(chosen))
    whole = sft("colours", str(small_vlm), alone, home, name="one")
    folders = (small_vlm, home.runs / "colours-sft" / "model", whole.model)
    before, one, two = (load_model(str(folder), dtype=torch.float32).state_dict() for folder in folders)
    learned = max(float((one[name] - before[name]).abs().max()) for name in one)
    apart = max(float((one[name] - two[name]).abs().max()) for name in one)
    assert apart < learned / 1000


@pytest.mark.slow
def test_a_shipped_configuration_starts_a_process_per_device(home, start, small_vlm, colour_rows, write_version):
    """The launcher counts no devices itself where it is given a file; without a GPU it is one process."""
    write_version(home, colour_rows(16))
    line = ("sft", "colours", "-m", str(small_vlm), "--set", "max_steps=1", "--accelerate", "fsdp", "--json")
    code, out, err = finished(start("train", *line))
    assert code == 0, err
    assert json.loads(out)["result"]["steps"] == 1


@pytest.mark.slow
def test_ctrl_c_on_several_processes_waits_for_their_checkpoint(
    home, start, small_vlm, colour_rows, write_version, tmp_path
):
    """A terminal signals the launcher, too, which would end before its processes if it were told twice."""
    write_version(home, colour_rows(40))
    config = tmp_path / "cpus.yaml"
    config.write_text(TWO_CPUS)
    sets = [part for one in ("num_train_epochs=500", "save_steps=1000") for part in ("--set", one)]
    process = start(
        "train", "sft", "colours", "-m", str(small_vlm), *sets, "--accelerate", str(config), "--name", "stopped"
    )
    log = home.runs / "stopped" / "log.jsonl"
    while process.poll() is None and not log.is_file():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = finished(process)
    assert code == 130, err
    assert err.count("ovt: stopping after this step, with a checkpoint") == 1
    assert err.count("SignalException: Process") == 1  # what the launcher ends with each time it is told
    assert "resume with: ovt train sft colours" in err
    run = open_run("stopped", home)
    assert last_checkpoint(run)
    with held(run):  # nobody is left who trains it
        pass
