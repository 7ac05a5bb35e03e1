"""`report_to` hands what a run logs to whoever keeps it, beside the run's own log.jsonl."""

import json

import pytest

from ovt.train.runs import open_run, read_log

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
def test_a_reporter_gets_what_the_log_has(home, start, small_vlm, colour_rows, write_version, tmp_path):
    """Through the real integration of tensorboard, with a stand-in for its package that writes lines of JSON."""
    write_version(home, colour_rows(8))
    (tmp_path / "tensorboardX").mkdir()
    (tmp_path / "tensorboardX" / "__init__.py").write_text(STAND_IN)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from ovt.cli import main; main()"
    line = ("train", "sft", "colours", "-m", small_vlm, "--name", "told", "--set", "max_steps=2")
    report = {"program": program, "REPORTED": str(tmp_path / "reported.jsonl")}
    process = start(*line, "--set", "report_to=tensorboard", **report)
    _, err = process.communicate()
    assert process.returncode == 0, err
    reported = [json.loads(text) for text in (tmp_path / "reported.jsonl").read_text().splitlines()]
    logged = [(one["step"], one["loss"]) for one in read_log(open_run("told", home).log_path) if "loss" in one]
    assert [(step, value) for name, value, step in reported if name == "train/loss"] == logged
    assert len(logged) == 2
