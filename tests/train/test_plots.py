"""Plots: files that are pictures, with the panels that the log has columns for, and the same bytes every time."""

import json

import pytest
from PIL import Image

from ovt.core.errors import OvtError
from ovt.train.plots import moving_mean, plot_loop, plot_run

LOG = [
    {"step": step, "loss": 2 / step, "reward": step / 60, "kl": 0.01, "completions/mean_length": 50.0,
     "behaviour_plan": 3.0, "behaviour_visual": 2.0, "note": "text"}
    for step in range(1, 51)
]  # fmt: skip
STEPS = [
    {
        "label": "base",
        "accuracy": 0.3,
        "low": 0.2,
        "high": 0.4,
        "words": 30.0,
        "behaviours": {"plan": 1.0, "visual": 2.0},
    },
    {
        "label": "$a_b$",
        "accuracy": 0.5,
        "low": 0.4,
        "high": 0.6,
        "words": 25.0,
        "behaviours": {"plan": 2.0, "visual": 2.0},
    },
]


def test_a_runs_curves(tmp_path):
    png, svg = plot_run("sft-1", LOG, tmp_path / "plots")
    assert Image.open(png).size[0] > 1000
    text = svg.read_text()
    for title in ("Loss", "Reward", "KL to the reference", "Length of a response", "Behaviours", "nats per token"):
        assert title in text
    assert "Learning rate" not in text  # not logged
    first = svg.read_bytes()
    plot_run("sft-1", LOG, tmp_path / "plots")
    assert svg.read_bytes() == first


def test_a_loops_figure(tmp_path):
    _, svg = plot_loop("loop", STEPS, tmp_path)
    text = svg.read_text()
    for part in ("Held-out accuracy", "30.0", "50.0", "$a_b$", "plan", "cues per 1,000 words"):
        assert part in text


def test_nothing_to_plot(tmp_path):
    with pytest.raises(OvtError, match="logged nothing to plot yet"):
        plot_run("sft-1", [{"step": 1, "note": "x"}], tmp_path)
    with pytest.raises(OvtError, match="no evaluation to plot yet"):
        plot_loop("loop", [], tmp_path)


def test_a_moving_mean_starts_at_the_first_value_and_follows():
    assert moving_mean([4.0])[0] == 4.0
    smooth = moving_mean([0.0] * 20 + [1.0] * 40)
    assert smooth[0] == 0.0
    assert smooth[-1] == pytest.approx(1.0, abs=0.001)
    assert json.dumps(smooth)  # plain floats
