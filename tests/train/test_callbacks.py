"""What listens to the trainer: alarms as they are raised in a run, and what stops one from outside."""

import json
import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from ovt.core.errors import Terminated
from ovt.train.callbacks import RaiseAlarms, StopOnSignal, Watchdog
from ovt.train.settings import AlarmSection

SECTION = AlarmSection(window=4, kl=0.5)
FAR = {"loss": 0.1, "kl": 0.9}
ANY: Any = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_answered_and_asks_for_a_checkpoint(number, capfd):
    control: Any = SimpleNamespace(should_save=False, should_training_stop=False)
    state: Any = SimpleNamespace(global_step=3, max_steps=9)
    with StopOnSignal() as stop:
        os.kill(os.getpid(), number)
        stop.on_step_end(ANY, state, control)
    assert stop.asked
    assert stop.by is (Terminated if number == signal.SIGTERM else KeyboardInterrupt)
    assert control.should_save
    assert control.should_training_stop
    assert capfd.readouterr().err == ("ovt: stopping after this step, with a checkpoint; Ctrl-C again stops at once\n")


def test_a_second_ctrl_c_stops_at_once(capfd):
    with StopOnSignal(4, "batch of rollouts"):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # a scheduler's may come twice, and still leaves the time to save
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err.count("ovt: stopping after this batch of rollouts") == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(monkeypatch):
    """As a script's background job has it: Ctrl-C is meant for what runs in front, SIGTERM still stops the training."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopOnSignal() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.asked
            signal.raise_signal(signal.SIGTERM)
            assert stop.asked
    finally:
        signal.signal(signal.SIGINT, before)


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


def test_a_stall_is_counted_from_the_first_step(monkeypatch):
    """A model is downloaded and loaded before it. Evaluations are progress, as steps are."""
    ended, now = threading.Event(), [0.0]
    monkeypatch.setattr("os._exit", lambda code: ended.set())
    monkeypatch.setattr("ovt.train.callbacks.time", SimpleNamespace(monotonic=lambda: now[0]))
    with Watchdog(0.1, "stalled") as dog:
        now[0] = 1000.0
        assert not ended.wait(0.2)
        dog.on_train_begin(ANY, at(0), ANY)
        now[0] = 2000.0
        assert ended.wait(30)
    assert Watchdog.on_evaluate is Watchdog.on_step_end


def test_a_run_stops_only_between_batches_of_rollouts():
    stop = StopOnSignal(4, "batch of rollouts")
    stop.asked = True
    control: Any = SimpleNamespace(should_save=False, should_training_stop=False)
    stopped = []
    for step in range(1, 9):
        control.should_training_stop = False
        stop.on_step_end(ANY, at(step), control)
        stopped.append(control.should_training_stop)
    assert stopped == [False, False, False, True] * 2
