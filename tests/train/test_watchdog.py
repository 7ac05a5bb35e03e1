"""Alarms as they are raised in a run, and stopping where a batch of rollouts is used up."""

import json
from types import SimpleNamespace
from typing import Any

from ovt.train.alarms import AlarmSection
from ovt.train.watchdog import RaiseAlarms, StopAfterRollout

SECTION = AlarmSection(window=4, kl=0.5)
FAR = {"loss": 0.1, "kl": 0.9}
ANY: Any = None


def at(step: int) -> Any:
    return SimpleNamespace(global_step=step, max_steps=100, is_world_process_zero=True)


def test_an_alarm_is_told_once_and_logged(tmp_path):
    told: list[str] = []
    watcher = RaiseAlarms(tmp_path / "log.jsonl", SECTION, told.append)
    watcher.on_train_begin(ANY, at(0), ANY)
    seen = [dict(FAR) for _ in range(3)]
    for step, logs in enumerate(seen, 1):
        watcher.on_log(ANY, at(step), ANY, logs=logs)
    assert [logs.get("alarms") for logs in seen] == [["kl"], None, None]
    assert told == ["warning: step 1: the KL divergence is 0.90 per token: lower learning_rate, or raise beta"]


def test_a_run_that_goes_on_does_not_tell_it_again(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"step": 1, **FAR, "alarms": ["kl"]}) + "\n")
    told: list[str] = []
    watcher = RaiseAlarms(log, SECTION, told.append)
    watcher.on_train_begin(ANY, at(1), ANY)
    watcher.on_log(ANY, at(2), ANY, logs=dict(FAR))
    assert told == []
    watcher.on_train_begin(ANY, at(0), ANY)  # from the start again: what was told then has not happened yet
    watcher.on_log(ANY, at(1), ANY, logs=dict(FAR))
    assert len(told) == 1


def test_a_run_stops_only_between_batches_of_rollouts():
    stop = StopAfterRollout(4)
    stop.asked = True
    control: Any = SimpleNamespace(should_save=False, should_training_stop=False)
    stopped = []
    for step in range(1, 9):
        control.should_training_stop = False
        stop.on_step_end(ANY, at(step), control)
        stopped.append(control.should_training_stop)
    assert stopped == [False, False, False, True] * 2
