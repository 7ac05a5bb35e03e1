"""What is told of a training: log.jsonl for plots and cards, lines for people, and files beside each checkpoint."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ovt.core.files import write_file
from ovt.train.models import copy_processor
from ovt.train.runs import read_log

LINE_EVERY = 10.0  # seconds between lines of progress


class LogLines(TrainerCallback):
    """Appends each of the trainer's reports to a file: {"step", "epoch", "time_s", …the trainer's own names}.

    time_s       seconds of training so far, what was trained before a stop included
    num_tokens   likewise: TRL's SFTTrainer counts from zero again when it goes on
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = 0.0
        self._began = 0.0
        self._tokens = 0.0
        self._counted: float | None = None  # tokens that were counted before this start, until it is seen who counts

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            kept = [line for line in read_log(self._path) if line["step"] <= state.global_step]
            self._before = kept[-1]["time_s"] if kept else 0.0
            self._counted = next((line["num_tokens"] for line in reversed(kept) if "num_tokens" in line), None)
            write_file(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._began = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        passed = round(self._before + time.monotonic() - self._began, 3)
        line = {"step": state.global_step, "epoch": round(state.epoch or 0.0, 4), "time_s": passed}
        line |= {name: value for name, value in logs.items() if name not in line}
        if self._counted is not None and "num_tokens" in line:
            self._tokens, self._counted = (self._counted if line["num_tokens"] < self._counted else 0.0), None
        line |= {name: line[name] + self._tokens for name in ("num_tokens", "eval_num_tokens") if name in line}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=float) + "\n")


class ShowSteps(TrainerCallback):
    """A line of progress every LINE_EVERY seconds, on stderr: step, loss or reward, speed, time left."""

    def __init__(self) -> None:
        self._began = self._shown = 0.0
        self._from = self._tokens = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._began = self._shown = time.monotonic()
        self._from = state.global_step
        if state.is_world_process_zero and self._from:
            print(f"going on from step {self._from:,} of {state.max_steps:,}", file=sys.stderr)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        now = time.monotonic()
        due = now - self._shown >= LINE_EVERY or state.global_step >= state.max_steps
        if not (state.is_world_process_zero and logs and due and ("loss" in logs or "reward" in logs)):
            return
        self._shown = now
        steps = max(1, state.global_step - self._from)
        speed = (now - self._began) / steps
        names = [name for name in ("loss", "reward", "mean_token_accuracy") if logs.get(name) is not None]
        told = ", ".join(f"{name.replace('_', ' ')} {float(logs[name]):.3f}" for name in names)
        left = time.strftime("%H:%M:%S", time.gmtime(speed * (state.max_steps - state.global_step)))
        print(
            f"step {state.global_step:,} of {state.max_steps:,}: {told}, {speed:.2f} s/step, {left} left",
            file=sys.stderr,
        )


class EvaluateAtEnd(TrainerCallback):
    """Evaluates after the last step too, so that the last checkpoint can be the best one."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True


class CompleteCheckpoints(TrainerCallback):
    """Puts the base model's own processor files into each checkpoint, so that others can load it."""

    def __init__(self, where: str) -> None:
        self._where = where

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            copy_processor(self._where, Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
