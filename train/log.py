"""A run's log: what the trainer reports, as lines of JSON that plots, the card and people read."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class LogLines(TrainerCallback):
    """Appends each of the trainer's reports to a file: {"step", "epoch", "time_s", …the trainer's own names}.

    time_s   seconds of training so far, what was trained before a stop included
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = 0.0
        self._began = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            kept = [line for line in read_log(self._path) if line["step"] <= state.global_step]
            self._before = kept[-1]["time_s"] if kept else 0.0
            self._path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
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
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=float) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last line that was cut off in the middle is left out."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
