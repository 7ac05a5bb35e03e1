"""What commands print at 80 columns: long names and seven-digit numbers stay whole."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from ovt.commands.views.data import version_list
from ovt.commands.views.tables import Table, names, numbers, view
from ovt.commands.views.train import run_list, status_tree
from ovt.curate.plan import plan_table

NAME = "charts-and-tables-openvlthinker-7b-iteration-3"
COUNT = 7_654_321


def lines(view, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def whole(view, *cells: str) -> None:
    """Every cell stands on one line of a terminal of 80 columns."""
    shown = lines(view)
    assert all(cell_len(line) <= 80 for line in shown)
    for cell in cells:
        assert any(cell in line for line in shown), cell


def test_a_dry_run():
    stage = {
        "stage": "reason", "endpoint": "qwen2.5-vl-7b-on-the-second-node", "rows": COUNT, "wanted": 4 * COUNT,
        "answered": COUNT, "calls": COUNT, "prompt_tokens": 10_000 * COUNT, "completion_tokens": 9_000 * COUNT,
        "bounded": True, "cost_usd": 12_345.678,
    }  # fmt: skip
    whole(view(plan_table([stage])), stage["endpoint"], "7,654,321", "30,617,284", "76,543,210,000", "12,345.68")


def test_a_list_of_versions():
    version = {
        "ref": f"{NAME}@v12", "content_hash": "7b2ecf50fe0d" + "0" * 52, "parent": f"{NAME}@v11", "sft": COUNT,
        "rl": COUNT, "questions": COUNT, "bytes": 98_765_432_101, "cost_usd": 12_345.678,
        "written": "2026-11-28T03:50:00Z", "differs": "sources.0.limit, reason.k",
    }  # fmt: skip
    whole(version_list([version]), f"{NAME}@v12", "7b2ecf50fe0d", "7,654,321", "98.8 GB", "12,345.68")


def test_a_list_of_runs():
    run = {
        "name": f"{NAME}-sft", "kind": "sft", "status": "done", "model": "Qwen/Qwen2.5-VL-7B-Instruct",
        "data": f"{NAME}@v12", "result": {"steps": COUNT, "last_loss": 0.1234, "train_s": 123_456.0},
    }  # fmt: skip
    whole(run_list([run]), f"{NAME}-sft", run["model"], f"{NAME}@v12", "7,654,321", "0.123", "34:17:36")


def test_a_comparison_of_evaluations():
    columns = [*names("evaluation", "model"), *numbers("questions", "accuracy", "95% interval", f"against {NAME}")]
    row = (f"{NAME}-held-out", NAME, COUNT, "71.2%", "70.9% to 71.5%", "+1.2 [+0.8, +1.6]")
    whole(Table(columns, [row]), row[0], NAME, "7,654,321", "70.9% to 71.5%", "+1.2 [+0.8, +1.6]")


@pytest.mark.parametrize("status", ["done", "to do"])
def test_the_steps_of_a_loop(status):
    step = {
        "name": "data-1", "kind": "data", "iteration": 1, "title": "questions by the model of before", "status": status,
        "ref": f"{NAME}@v1", "numbers": {"sft": COUNT, "rl": COUNT}, "seconds": 123_456.0,
    }  # fmt: skip
    found = {"loop": NAME, "base": "Qwen/Qwen2.5-VL-7B-Instruct", "running": True, "steps": [step]}
    whole(status_tree(found), NAME, "data-1", "34:17:36", *(["7,654,321"] if status == "done" else []))


def test_every_step_of_a_loop_hangs_on_its_branch():
    step = {"kind": "sft", "title": "train", "status": "to do", "ref": None, "numbers": {}, "seconds": 0.0}
    steps = [step | {"name": f"sft-{number}", "iteration": 1} for number in range(3)]
    drawn = lines(status_tree({"loop": "loop", "base": "pocket", "running": False, "steps": steps}))
    assert ["├──" in line or "└──" in line for line in drawn] == [False, True, True, True, True]
