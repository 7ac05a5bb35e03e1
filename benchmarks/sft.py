"""What `ovt train sft` costs on top of a bare TRL script on the same data, model and settings.

    python benchmarks/sft.py [--ref NAME] [--model pocket] [--steps 20] [--rounds 3]

Both run in this process on one thread, in turn, on the same rows in the same order, so that step N does the same work
in both. A step's CPU time runs from the end of the previous step to its own end, logging included; the minimum over
rounds is reported, since other work on the machine can only add. `once` is the rest of `Trainer.train()`: its start,
the first step, and the checkpoint at the end. Start-up is wall time from the call to the training (reading, measuring,
loading). The bare script runs twice per round, which shows the noise. Without --ref a version is built from 200 figures
first. A step should cost less than 2% more than TRL's; `default` is ovt with its default sampler, which pads less.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, inside the functions

from ovt.core.home import Home
from ovt.train.arguments import sft_arguments
from ovt.train.data import load_split
from ovt.train.models import load_processor, resolve_model
from ovt.train.settings import SftSection
from ovt.train.sft_trainer import sft

BAR = 0.02


@dataclass(frozen=True)
class Times:
    """Of one training: processor seconds of the whole, and of each step but the first; start-up by the clock."""

    train: float
    steps: list[float]
    startup: float


def settings(steps: int, strategy: str) -> SftSection:
    """Settings of a training that neither way stops to save."""
    return SftSection(
        learning_rate=1e-5,
        max_steps=steps,
        save_steps=10**6,
        train_sampling_strategy=strategy,  # ty: ignore[invalid-argument-type]
    )


def timed(train: Callable[[], object]) -> Times:
    """Times of what trains once, by any trainer of transformers'."""
    from transformers import Trainer, TrainerCallback

    ends: list[float] = []
    marks: dict[str, float] = {}

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            ends.append(time.process_time())

    def measured(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.add_callback(Clock())
        marks["startup"] = time.perf_counter() - called
        began = time.process_time()
        done = original(self, *args, **kwargs)
        marks["train"] = time.process_time() - began
        return done

    original = Trainer.train
    Trainer.train = measured  # to time the same thing on both sides
    called = time.perf_counter()
    try:
        train()
    finally:
        Trainer.train = original
    return Times(marks["train"], [after - before for before, after in pairwise(ends)], marks["startup"])


def train_bare(ref: str, model: str, steps: int, home: Home, name: str) -> None:
    """A script with nothing but TRL in it, on the rows in the order that ovt reads them."""
    import torch
    from transformers import AutoModelForImageTextToText, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    where = resolve_model(model, home)
    rows = load_split(ref, "sft", home).dataset.select_columns(["images", "prompt", "completion"]).shuffle(42)
    arguments = sft_arguments(settings(steps, "random"), 1, home.path / name)
    arguments |= {"remove_unused_columns": True}
    trainer = SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(where, dtype=torch.float32, trust_remote_code=False),
        args=SFTConfig(**arguments),
        train_dataset=rows,
        processing_class=load_processor(where),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def make_version(home: Home) -> str:
    """A version of pocket's own figures."""
    ovt = Path(sys.executable).with_name("ovt")
    subprocess.run([ovt, "curate", "build", "pocket", "--home", home.path], check=True, capture_output=True)
    return "pocket"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ref")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--home", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home.locate(args.home or Path(folder))
        ref = args.ref or make_version(home)
        asked = (ref, args.model, args.steps, home)
        train_bare(ref, args.model, 1, home, "warm")
        found: dict[str, list[Times]] = defaultdict(list)
        for number in range(args.rounds):
            mark = f"{os.getpid()}-{number}"
            ways = {
                "bare TRL": partial(train_bare, *asked, f"bare-{mark}"),
                "bare again": partial(train_bare, *asked, f"again-{mark}"),
                "ovt": partial(sft, *asked[:2], settings(args.steps, "random"), home, name=f"even-{mark}"),
                "ovt, default": partial(
                    sft, *asked[:2], settings(args.steps, "batch_rebalance"), home, name=f"own-{mark}"
                ),
            }
            order = sorted(ways, reverse=number % 2 == 1)  # so that no way is always the last
            for way in order:
                found[way].append(timed(ways[way]))
    report(found)


def report(found: dict[str, list[Times]]) -> None:
    """Processor seconds per step and once, and the overhead on a step."""
    print(f"{'':14} {'CPU s/step':>11} {'CPU s once':>11} {'start-up s':>11}")
    step: dict[str, float] = {}
    for way, times in found.items():
        step[way] = statistics.fmean(map(min, zip(*(one.steps for one in times), strict=True)))
        once = min(one.train - sum(one.steps) for one in times)
        print(f"{way:14} {step[way]:11.3f} {once:11.2f} {min(one.startup for one in times):11.2f}")
    for way in ("bare again", "ovt", "ovt, default"):
        more = step[way] / step["bare TRL"] - 1
        print(f"{way}: {more:+.1%} processor time of a step{'' if more <= BAR else f', above the bar of {BAR:.0%}'}")


if __name__ == "__main__":
    main()
