"""What `ovt train sft` costs on top of a bare TRL script on the same data, model and settings.

    python benchmarks/sft.py [--ref NAME] [--model pocket] [--steps 20] [--rounds 3]

Both ways run in this process on one thread, in turn, on the same rows in the same order; the training itself is timed
(`Trainer.train()`), by processor time, which other work on the machine disturbs least, and by the clock. Start-up (from
the call to the first step: reading, measuring, loading) is told apart. Both save one checkpoint, at the end. Without
--ref a version is built from 200 figures first. The overhead on training time should stay below 2%; `default` is ovt
with the sampler that it takes by default, which pads less.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, inside the functions

from ovt.curate.home import Home
from ovt.train import sft
from ovt.train.data import load_split
from ovt.train.models import load_processor, resolve_model

BAR = 0.02
Times = dict[str, float]


def settings(steps: int, strategy: str) -> sft.SftSection:
    """Settings of a training that neither way stops to save."""
    return sft.SftSection(
        learning_rate=1e-5,
        max_steps=steps,
        save_steps=10**6,
        train_sampling_strategy=strategy,  # ty: ignore[invalid-argument-type]
    )


def run_ovt(ref: str, model: str, steps: int, home: Home, name: str, strategy: str) -> Times:
    """Seconds of `ovt train sft`, all callbacks and files included; `train` is `Trainer.train()` alone."""
    from transformers import Trainer

    inside: Times = {}
    original = Trainer.train

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        inside.update({"began": time.perf_counter()})
        began = time.process_time()
        done = original(self, *args, **kwargs)
        inside.update({"train_cpu": time.process_time() - began, "train": time.perf_counter() - inside["began"]})
        return done

    Trainer.train = timed  # to time the same thing on both sides
    began = time.perf_counter()
    try:
        sft.sft(ref, model, settings(steps, strategy), home, name=name)
    finally:
        Trainer.train = original
    return {"startup": inside.pop("began") - began, "all": time.perf_counter() - began, **inside}


def run_bare(ref: str, model: str, steps: int, home: Home, name: str) -> Times:
    """Seconds of a script with nothing but TRL in it, on the rows in the order that ovt reads them."""
    import torch
    from transformers import AutoModelForImageTextToText, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    began = time.perf_counter()
    where = resolve_model(model, home)
    rows = load_split(ref, "sft", home).dataset.select_columns(["images", "prompt", "completion"]).shuffle(42)
    arguments = sft.argument_dict(home.path / name, settings(steps, "random"), False, 1)
    arguments |= {"remove_unused_columns": True}
    trainer = SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(where, dtype=torch.float32),
        args=SFTConfig(**arguments),
        train_dataset=rows,
        processing_class=load_processor(where),
    )
    trainer.remove_callback(PrinterCallback)
    ready = time.perf_counter()
    cpu = time.process_time()
    trainer.train()
    ended = time.perf_counter()
    return {
        "startup": ready - began,
        "train": ended - ready,
        "train_cpu": time.process_time() - cpu,
        "all": ended - began,
    }


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
        run_bare(ref, args.model, 1, home, "warm")
        found: dict[str, list[Times]] = {"bare TRL": [], "ovt": [], "ovt, default": []}
        for number in range(args.rounds):
            found["bare TRL"].append(run_bare(*asked, f"bare-{os.getpid()}-{number}"))
            found["ovt"].append(run_ovt(*asked, f"even-{os.getpid()}-{number}", "random"))
            found["ovt, default"].append(run_ovt(*asked, f"own-{os.getpid()}-{number}", "batch_rebalance"))
    report(found, args.steps)


def report(found: dict[str, list[Times]], steps: int) -> None:
    """Medians, and the overhead on training by processor time."""
    print(f"{'':14} {'s/step':>8} {'CPU s/step':>11} {'start-up s':>11} {'all s':>8}")
    middle = {
        way: {key: statistics.median(one[key] for one in times) for key in times[0]} for way, times in found.items()
    }
    for way, one in middle.items():
        wall, cpu = one["train"] / steps, one["train_cpu"] / steps
        print(f"{way:14} {wall:8.3f} {cpu:11.3f} {one['startup']:11.2f} {one['all']:8.2f}")
    for way in ("ovt", "ovt, default"):
        more = middle[way]["train_cpu"] / middle["bare TRL"]["train_cpu"] - 1
        print(f"{way}: {more:+.1%} processor time of training{'' if more <= BAR else f', above the bar of {BAR:.0%}'}")


if __name__ == "__main__":
    main()
