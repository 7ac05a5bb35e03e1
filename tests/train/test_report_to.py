"""`report_to` hands what a run logs to whoever keeps it, beside the run's own log.jsonl."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovt.train.runs import open_run, read_log

OVT = Path(sys.executable).with_name("ovt")
STAND_IN = """
import json, os


class SummaryWriter:
    def __init__(self, *args, **kwargs):
        self.file = open(os.environ["REPORTED"], "a")

    def add_scalar(self, name, value, step):
        print(json.dumps([name, value, step]), file=self.file, flush=True)

    def __getattr__(self, name):
        return lambda *args, **kwargs: None
"""


@pytest.mark.slow
def test_a_reporter_gets_what_the_log_has(home, small_vlm, colour_rows, write_version, tmp_path):
    """Through the real integration of tensorboard, with a stand-in for its package that writes lines of JSON."""
    write_version(home, colour_rows(8))
    (tmp_path / "tensorboardX").mkdir()
    (tmp_path / "tensorboardX" / "__init__.py").write_text(STAND_IN)
    env = os.environ | {"OVT_HOME": str(home.path), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
           "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
           "REPORTED": str(tmp_path / "reported.jsonl")}  # fmt: skip
    line = [OVT, "train", "sft", "colours", "-m", small_vlm, "--name", "told", "--set", "max_steps=2"]
    done = subprocess.run(
        [*line, "--set", "report_to=tensorboard"], env=env, text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    reported = [json.loads(text) for text in (tmp_path / "reported.jsonl").read_text().splitlines()]
    logged = [(one["step"], one["loss"]) for one in read_log(open_run("told", home).log_path) if "loss" in one]
    assert [(step, value) for name, value, step in reported if name == "train/loss"] == logged
    assert len(logged) == 2
