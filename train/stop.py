"""Stopping a training on Ctrl-C or SIGTERM: after the step under way, with a checkpoint to go on from."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ovt.train.devices import is_main, world_size


class StopOnSignal(TrainerCallback):
    """`with StopOnSignal() as stop:` around a training that has it as a callback; `stop.asked` says whether it stopped.

    The first signal asks for a checkpoint and the end; a second Ctrl-C ends the process at once.
    """

    place = "after this step, with a checkpoint"

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked and is_main():
            again = "; Ctrl-C again stops at once" if world_size() == 1 else ""
            os.write(2, f"ovt: stopping {self.place}{again}\n".encode())  # print may be what the signal interrupts
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.asked = anywhere(self.asked, args)
        if self.asked and state.global_step < state.max_steps:
            control.should_save = True
            control.should_training_stop = True


def anywhere(asked: bool, args: TrainingArguments) -> bool:
    """Whether any process was asked: all have to stop at the same step."""
    if world_size() == 1:
        return asked
    import torch

    flag = torch.tensor(int(asked), device=args.device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())
