"""Who watches a run of RL from inside: alarms on what it logs, and an end for one that stands still.

A rollout that hangs (a lost vLLM server, a stuck collective) hangs in C, where no signal of Python's arrives: after
`seconds` without a step the process ends from a thread of its own. The same command goes on at the last checkpoint.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ovt.commands.terminal import INTERRUPTED
from ovt.train.alarms import AlarmSection, find_alarms
from ovt.train.runs import read_log
from ovt.train.stop import StopOnSignal


class RaiseAlarms(TrainerCallback):
    """Tells each kind of alarm once, and puts it into the log: {"step": 40, …, "alarms": ["kl"]}.

    It has to come before the callback that writes the log.
    """

    def __init__(self, log: Path, section: AlarmSection, say: Callable[[str], None]) -> None:
        self._log, self._section, self._say = log, section, say
        self._lines: list[dict[str, Any]] = []
        self._told: set[str] = set()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._lines = [line for line in read_log(self._log) if line["step"] <= state.global_step]
        self._told = {kind for line in self._lines for kind in line.get("alarms", ())}

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not logs or not state.is_world_process_zero:
            return
        self._lines.append(dict(logs))
        new = [alarm for alarm in find_alarms(self._lines, self._section) if alarm.kind not in self._told]
        for alarm in new:
            self._say(f"warning: step {state.global_step}: {alarm.message}")
        self._told |= {alarm.kind for alarm in new}
        if new:
            logs["alarms"] = [alarm.kind for alarm in new]


class Watchdog(TrainerCallback):
    """`with Watchdog(seconds, line) as dog:` around a training that has it as a callback.

    seconds   without a step, until the process ends with code 130; line: what it says then, on stderr
    """

    def __init__(self, seconds: float, line: str) -> None:
        self._seconds, self._line = seconds, line
        self._over = threading.Event()
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._last = time.monotonic()

    on_train_begin = on_save = on_step_end

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() - self._last > self._seconds:
                print(f"ovt: {self._line}", file=sys.stderr, flush=True)
                os._exit(INTERRUPTED)  # no cleaning up: whatever would take part in it may be what hangs


class StopAfterRollout(StopOnSignal):
    """As StopOnSignal, but only where a batch of rollouts is used up: TRL keeps none of it in a checkpoint, so a run
    that stopped between would sample it again and come to another end.
    """

    place = "after this batch of rollouts, with a checkpoint"

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step % self._steps == 0:
            super().on_step_end(args, state, control, **kwargs)
