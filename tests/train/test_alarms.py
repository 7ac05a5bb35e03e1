"""Alarms on synthetic logs: each fires on its trouble, and none on a healthy run."""

import pytest

from ovt.train.alarms import find_alarms
from ovt.train.settings import AlarmSection

STEPS = 40
SECTION = AlarmSection()


def log(**changes) -> list[dict]:
    """A healthy log of STEPS steps; a change is a function of the step's share of the run, 0 to 1."""
    healthy = {
        "reward": lambda t: 0.3 + 0.3 * t,
        "second_opinion": lambda t: 0.25 + 0.3 * t,
        "completions/mean_length": lambda t: 60 - 10 * t,
        "completions/clipped_ratio": lambda t: 0.02,
        "frac_reward_zero_std": lambda t: 0.2 + 0.3 * t,
        "kl": lambda t: 0.1 * t,
    }
    values = healthy | changes
    return [{"step": i, "loss": 0.0} | {k: f(i / STEPS) for k, f in values.items()} for i in range(STEPS)]


def kinds(lines) -> list[str]:
    return [alarm.kind for alarm in find_alarms(lines, SECTION)]


def test_a_healthy_run_is_quiet():
    lines = log()
    assert [kinds(lines[: n + 1]) for n in range(STEPS)] == [[]] * STEPS


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("reward_hacking", "second_opinion", lambda t: 0.5 - 0.3 * t),
        ("short", "completions/mean_length", lambda t: 60 * (1 - t) + 1),
        ("long", "completions/mean_length", lambda t: 60 + 400 * t),
        ("truncated", "completions/clipped_ratio", lambda t: t),
        ("same", "frac_reward_zero_std", lambda t: 0.5 + 0.6 * t),
        ("kl", "kl", lambda t: 2 * t * t),
    ],
)
def test_each_alarm_fires_alone(kind, name, value):
    lines = log(**{name: value})
    assert kinds(lines) == [kind]
    assert kinds(lines[:5]) == []
    assert "\n" not in find_alarms(lines, SECTION)[0].message


def test_hacking_is_not_a_reward_that_both_see_fall():
    assert kinds(log(reward=lambda t: 0.6 - 0.3 * t, second_opinion=lambda t: 0.5 - 0.3 * t)) == []


def test_gaps_and_other_lines_are_passed_over():
    lines = [{"step": 0, "train_runtime": 3.0}, *log(kl=lambda t: None), {"alarms": ["kl"]}]
    assert kinds(lines) == []
    assert kinds([]) == []
