"""benchmarks/sweep.py: the knobs reach bases and loops, and what is done becomes a table and a figure."""

import sys
import tomllib

import polars as pl
import pytest


@pytest.fixture
def sweep(study, load_file):
    sys.modules.setdefault("study", study)  # the same module as the script's own
    return load_file("../benchmarks/sweep")


@pytest.fixture
def grid(sweep, tmp_path):
    return sweep.Grid(
        tmp_path, [sweep.Base.read(text) for text in ("0.5", "1.0/16")], [14, 26], iterations=2, seeds=[1], size=0.01
    )


def test_a_cell_is_the_world_with_its_knobs(sweep, study, grid):
    cell = grid.study(grid.bases[0], 26)
    knobs = tomllib.loads((cell.folder / "world.toml").read_text())
    other = tomllib.loads((grid.alone(grid.bases[1]).folder / "world.toml").read_text())
    assert (knobs["look"]["rows"], other["look"]["rows"], other["glance"]["bars"]) == (0, 16, 1.0)
    assert {knobs["glance"][family] for family in sweep.CHARTS} == {0.5}
    assert knobs["glance"]["tables"] == tomllib.loads((study.EXAMPLES / "world.toml").read_text())["glance"]["tables"]
    recipe = study.make_recipe("iterations", 1, cell)
    assert len(recipe.iterations) == 2
    assert recipe.iterations[0].curate.caption.sampling.max_tokens == 26  # later ones see the picture
    assert recipe.base == str(grid.of_base(grid.bases[0]) / "base")
    assert study.make_recipe("rl-only", 1, grid.alone(grid.bases[0])).base == recipe.base


def test_pocket_vl_is_the_base_of_its_own_knobs(sweep, study, grid):
    knobs = tomllib.loads((study.EXAMPLES / "world.toml").read_text())
    assert {knobs["glance"][family] for family in sweep.CHARTS} == {sweep.POCKET_VL.glance}
    assert knobs["look"]["rows"] == sweep.POCKET_VL.look
    assert grid.weights(sweep.POCKET_VL) == study.WEIGHTS_VL
    sweep.make_base(grid, sweep.POCKET_VL, ["--nothing is trained"])


def test_every_step_of_the_table_is_evaluated(sweep, study, grid):
    cell = grid.alone(grid.bases[1])
    for condition, step in (*grid.steps.values(), sweep.ALONE, ("iterations", "base")):
        steps = {one.name for one in study.plan_steps(study.make_recipe(condition, 1, cell))}
        assert f"eval-{step}" in steps


def test_what_is_done_becomes_a_table_and_a_figure(sweep, grid, monkeypatch, capsys, tmp_path):
    right = {"base": 5, "sft-1": 3, "rl-1": 6, "sft-2": 6, "rl-2": 8}

    def result(condition, seed, step, study):
        if study.folder != grid.alone(grid.bases[0]).folder:
            return None
        count = 4 if condition == "rl-only" else right[step]
        ids = [str(number) for number in range(10)]
        return {"answers": pl.DataFrame({"question_id": ids, "cluster": ids, "right": [n < count for n in range(10)]})}

    monkeypatch.setattr(sweep, "result", result)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- sweep -->\nold\n<!-- end of sweep -->\nafter\n")
    sweep.report(grid, page)
    first, second = capsys.readouterr().out.splitlines()[2:4]
    assert first.startswith("| 50% | 0 | 14 | 50.0 (")
    assert " ".join(cell.split(" (")[0] for cell in first.split(" | ")[4:-1]) == "30.0 60.0 60.0 80.0 40.0 +40.0"
    assert first.endswith(" | +40.0 |")  # of the one seed
    assert second.startswith("| 50% | 0 | 26 | 50.0 (")  # the base and RL alone are of no caption
    assert second.endswith(" |  |  |")
    written = (grid.folder / "sweep.md").read_text()
    assert page.read_text() == f"before\n<!-- sweep -->\n{written}<!-- end of sweep -->\nafter\n"
    assert page.with_name("sweep.svg").read_text() == (grid.folder / "sweep.svg").read_text()
    assert (grid.folder / "sweep.svg").read_text().count("<svg") == 1
