"""`--measure`: real steps on the longest rows, and what they took. Nothing is kept.

Two steps: only in the second do Adam's moments exist from the beginning, with everything warm. In RL the first one also
samples a batch of rollouts; the second does not, unless each step has a batch of its own.
"""

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerState

from ovt.core.home import Home
from ovt.train import devices
from ovt.train.chips import share_of_peak
from ovt.train.plan import plan
from ovt.train.runs import Run
from ovt.train.training import Fed, Kind, Order, Settings, make_record, prepare

STEPS = 2


class Clock(TrainerCallback):
    """Seconds and tokens of each step; no checkpoint is written."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.tokens: list[float] = []
        self._began = 0.0

    def on_step_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._began)
        control.should_save = False

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "num_tokens" in logs:
            self.tokens.append(logs["num_tokens"])


def measure(kind: Kind[Settings], order: Order[Settings]) -> dict[str, Any]:
    """The plan of a training (`plan.plan`), with `measured`: seconds of each step, of the whole training at that rate,
    tokens per second, MFU or None, and the bytes that a device, or this process where there is none, held at most."""
    count = devices.world_size()
    planned = plan(kind, order, count)
    few = {"max_steps": STEPS, "logging_steps": 1, "report_to": [], "eval_size": 0.0}
    short = replace(order, settings=order.settings.model_copy(update=few))
    training = prepare(kind, short)
    fed = longest_rows(kind.choose(training), getattr(short.settings, "rollout_batch_size", 0), short.settings)
    with scratch(order.home) as folder:
        run = Run(folder.name, folder, make_record(kind, training))
        with kind.trainer(training, fed, run, None) as trainer:
            clock = Clock()
            trainer.add_callback(clock)
            trainer.train()
            share = share_of_peak(trainer.model, count)
    return planned | {"measured": told(clock, planned["steps"], kind.stops(order.settings)[0], share)}


def longest_rows(fed: Fed, rollouts: int, settings: Any) -> Fed:
    """The longest rows, as many as a batch has, each as often as needed; none held out."""
    lengths = fed.train["length"][:]
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    order = list(islice(cycle(order), rollouts or settings.global_batch_size))
    return replace(fed, train=fed.train.select(order), held_out=None)


def told(clock: Clock, steps: int, per_rollout: int, share: float | None) -> dict[str, Any]:
    """What was measured, for a training of `steps` steps. per_rollout: steps per batch of rollouts; share: the MFU of a
    token per second, if known."""
    first, last = clock.seconds[0], clock.seconds[-1]
    tokens = clock.tokens[-1] - clock.tokens[0] if len(clock.tokens) > 1 and per_rollout == 1 else None
    speed = tokens / last if tokens else None
    sampling = max(0.0, first - last) if per_rollout > 1 else 0.0
    return {
        "seconds": [round(second, 3) for second in clock.seconds],
        "total_s": round(steps * last + steps / per_rollout * sampling, 1),
        "tokens_per_s": speed and round(speed, 1),
        "mfu": speed * share if speed and share else None,
        "memory": held_at_most(),
    }


def held_at_most() -> int:
    """The most bytes that this process's device held, or the process itself if it has none."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def scratch(home: Home) -> Generator[Path]:
    """A folder for all processes, removed at the end."""
    own = tempfile.mkdtemp(prefix=".measure-", dir=home.make().path) if devices.is_main() else ""
    folder = Path(devices.said_by_main(own))
    try:
        yield folder
    finally:
        if devices.is_main():
            shutil.rmtree(folder, ignore_errors=True)
