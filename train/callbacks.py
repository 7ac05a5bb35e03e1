"""Callbacks for TRL's trainer: the log, progress lines, alarms, external stops, files beside checkpoints."""

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from transformers import TrainerCallback, TrainerState, TrainingArguments

from ovt.core.errors import INTERRUPTED, OvtError, Terminated
from ovt.core.files import write_file
from ovt.core.progress import LINE_EVERY
from ovt.core.text import duration
from ovt.train.alarms import find_alarms
from ovt.train.devices import is_main, on_signals, world_size
from ovt.train.models import copy_processor
from ovt.train.runs import read_log
from ovt.train.settings import AlarmSection


class LogLines(TrainerCallback):
    """Appends each of the trainer's reports to a file: {"step", "epoch", "time_s", …the trainer's own names}.

    time_s       seconds of training so far, including time before a stop
    num_tokens   likewise: TRL's SFTTrainer restarts from zero when it resumes
    tokens_per_s   since the line before, over all devices; mfu: the share of their peak that this is
    """

    def __init__(self, path: Path, share: float | None = None) -> None:
        """share: the MFU of one token per second (`chips.share_of_peak`), if it is known."""
        self._path, self._share = path, share
        self._before = 0.0
        self._began = 0.0
        self._tokens = 0.0
        self._last: tuple[float, float] | None = None  # (num_tokens, time_s) of the line before
        self._counted: float | None = None  # tokens counted before this start, until it is clear who counts

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            kept = [line for line in read_log(self._path) if line["step"] <= state.global_step]
            self._before = kept[-1]["time_s"] if kept else 0.0
            self._counted = next((line["num_tokens"] for line in reversed(kept) if "num_tokens" in line), None)
            write_file(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._began = time.monotonic()

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        check_loss(logs.get("loss"), state.global_step)
        passed = round(self._before + time.monotonic() - self._began, 3)
        line = {"step": state.global_step, "epoch": round(state.epoch or 0.0, 4), "time_s": passed}
        line |= {name: value for name, value in logs.items() if name not in line}
        if self._counted is not None and "num_tokens" in line:
            self._tokens, self._counted = (self._counted if line["num_tokens"] < self._counted else 0.0), None
        line |= {name: line[name] + self._tokens for name in ("num_tokens", "eval_num_tokens") if name in line}
        if "num_tokens" in line:
            line |= self._speed(line["num_tokens"], passed)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=float) + "\n")

    def _speed(self, tokens: float, seconds: float) -> dict[str, float]:
        """Tokens per second since the last call, and what share of the devices' peak that is."""
        last, self._last = self._last, (tokens, seconds)
        if not last or seconds <= last[1]:
            return {}
        speed = (tokens - last[0]) / (seconds - last[1])
        return {"tokens_per_s": round(speed, 1)} | ({"mfu": round(speed * self._share, 4)} if self._share else {})


def check_loss(loss: float | None, step: int) -> None:
    """OvtError for a loss that is not a number: nothing that is learned or saved from there on means anything."""
    if loss is not None and math.isnan(loss):
        raise OvtError(
            f"the loss of step {step:,} is not a number, nor are the weights from there on: lower learning_rate, or "
            "max_grad_norm, and start under another name; the last checkpoint before is kept"
        )


class ShowSteps(TrainerCallback):
    """A line of progress every LINE_EVERY seconds, on stderr: step, loss or reward, speed, time left."""

    def __init__(self) -> None:
        self._began = self._shown = 0.0
        self._from = 0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._began = self._shown = time.monotonic()
        self._from = state.global_step
        if state.is_world_process_zero and self._from:
            print(f"resuming from step {self._from:,} of {state.max_steps:,}", file=sys.stderr)

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and logs and "eval_accuracy" in logs:
            right, low, high = (f"{logs[f'eval_{name}']:.1%}" for name in ("accuracy", "low", "high"))
            print(f"step {state.global_step:,}: {right} of held-out questions right ({low} to {high})", file=sys.stderr)
        now = time.monotonic()
        due = now - self._shown >= LINE_EVERY or state.global_step >= state.max_steps
        if not (state.is_world_process_zero and logs and due and ("loss" in logs or "reward" in logs)):
            return
        self._shown = now
        steps = max(1, state.global_step - self._from)
        speed = (now - self._began) / steps
        names = [name for name in ("loss", "reward", "mean_token_accuracy") if logs.get(name) is not None]
        told = ", ".join(f"{name.replace('_', ' ')} {float(logs[name]):.3f}" for name in names)
        left = duration(speed * (state.max_steps - state.global_step))
        line = f"step {state.global_step:,} of {state.max_steps:,}: {told}, {speed:.2f} s/step"
        print(f"{line}, {left} left" if left else line, file=sys.stderr)


class EvaluateAtEnd(TrainerCallback):
    """Evaluates after the last step too, so that the last checkpoint can be the best one."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True


class CompleteCheckpoints(TrainerCallback):
    """Copies the base model's own processor files into each checkpoint, so that others can load it."""

    def __init__(self, where: str) -> None:
        self._where = where

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            copy_processor(self._where, Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


class RaiseAlarms(TrainerCallback):
    """Reports each kind of alarm once, and adds it to the log: {"step": 40, …, "alarms": ["kl"]}.

    Must precede the callback that writes the log.
    """

    def __init__(self, log: Path, section: AlarmSection, say: Callable[[str], None]) -> None:
        self._log, self._section, self._say = log, section, say
        self._lines: list[dict[str, Any]] = []
        self._told: set[str] = set()

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._lines = [line for line in read_log(self._log) if line["step"] <= state.global_step]
        self._told = {kind for line in self._lines for kind in line.get("alarms", ())}

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not logs or not state.is_world_process_zero:
            return
        self._lines.append(dict(logs))
        new = [alarm for alarm in find_alarms(self._lines, self._section) if alarm.kind not in self._told]
        for alarm in new:
            self._say(f"warning: step {state.global_step}: {alarm.message}")
        self._told |= {alarm.kind for alarm in new}
        if new:
            logs["alarms"] = [alarm.kind for alarm in new]


class StopOnSignal(TrainerCallback):
    """`with StopOnSignal() as stop:` around a training that has it as a callback; `stop.asked` says whether to stop.

    The first Ctrl-C or SIGTERM requests a checkpoint and the end, after a multiple of `every` steps, called `unit`; a
    second Ctrl-C ends the process at once. RL stops when a rollout batch is used up: TRL keeps none of it in a
    checkpoint, so a run that stopped in between would sample it again and end differently.
    """

    def __init__(self, every: int = 1, unit: str = "step") -> None:
        self.asked = False
        self.by: type[KeyboardInterrupt] = KeyboardInterrupt  # what to raise for it
        self._every, self._unit = every, unit
        self._caught: AbstractContextManager[Any] = ExitStack()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._caught = on_signals((signal.SIGINT, signal.SIGTERM), self._ask)
        self._caught.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caught.__exit__(None, None, None)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.by = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if not self.asked and is_main():
            again = "; Ctrl-C again stops at once" if world_size() == 1 else ""
            line = f"ovt: stopping after this {self._unit}, with a checkpoint{again}\n"
            os.write(2, line.encode())  # print may be what the signal interrupts
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.global_step % self._every:
            return
        self.asked = anywhere(self.asked, args)
        if self.asked and state.global_step < state.max_steps:
            control.should_save = True
            control.should_training_stop = True


def anywhere(asked: bool, args: TrainingArguments) -> bool:
    """Whether any process was asked: all must stop at the same step."""
    if world_size() == 1:
        return asked
    import torch

    flag = torch.tensor(int(asked), device=args.device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


class Watchdog(TrainerCallback):
    """`with Watchdog(seconds, line) as dog:` around a training that has it as a callback.

    A rollout that hangs (a lost vLLM server, a stuck collective) hangs in C, where no Python signal arrives: after
    `seconds` without a step, a thread prints the line on stderr and ends the process with code 130. The same command
    resumes from the last checkpoint.
    """

    def __init__(self, seconds: float, line: str) -> None:
        self._seconds, self._line = seconds, line
        self._over = threading.Event()
        self._last = math.inf  # no stall before training begins: loading a model may take longer

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._last = time.monotonic()

    on_train_begin = on_evaluate = on_save = on_step_end

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() - self._last > self._seconds:
                print(f"ovt: {self._line}", file=sys.stderr, flush=True)
                os._exit(INTERRUPTED)  # no cleanup: whatever it would call may be what hangs
