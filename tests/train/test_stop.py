"""What stops a training from outside."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from ovt.train.stop import StopOnSignal
from ovt.train.watchdog import StopAfterRollout

ANY: Any = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_answered_and_asks_for_a_checkpoint(number, capfd):
    control: Any = SimpleNamespace(should_save=False, should_training_stop=False)
    state: Any = SimpleNamespace(global_step=3, max_steps=9)
    with StopOnSignal() as stop:
        os.kill(os.getpid(), number)
        stop.on_step_end(ANY, state, control)
    assert stop.asked
    assert control.should_save
    assert control.should_training_stop
    assert capfd.readouterr().err == ("ovt: stopping after this step, with a checkpoint; Ctrl-C again stops at once\n")


def test_a_second_ctrl_c_stops_at_once(capfd):
    with StopAfterRollout(4):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # a scheduler's may come twice, and still leaves the time to save
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err.count("ovt: stopping after this batch of rollouts") == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
