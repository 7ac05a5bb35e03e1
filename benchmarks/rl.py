"""Where the time of an `ovt train rl` step goes: sampling, judging, learning; on pocket, in this process.

    python benchmarks/rl.py [--batches 4] [--questions 16] [--generations 8] [--transformers] [--set KEY=VALUE ...]

Builds a version of pocket's own figures, trains pocket on it, and reads the times from the run's log. Sampling is
timed around TRL's own generation; the rest of a step is the forward and backward passes, the optimizer and the data.
--transformers does the same again with transformers' sampler and forward pass, as in TRL. Also measured: verdicts
per second on the resulting rollouts, repeated to the paper's 2,560 with no two alike.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial, partialmethod
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

OVT = str(Path(sys.executable).with_name("ovt"))
RECIPE = '''
name = "bench"
[[sources]]
path = "pocket:figures"
limit = 120
seed = 41
[endpoints.pocket]
base_url = "embedded:pocket"
model = "pocket"
max_concurrency = 128
[reason]
endpoint = "pocket"
see = "image"
k = 2
prompt = """
{question}
{choices}
Think step by step."""
sampling = { max_tokens = 120, seed = 7 }
[data]
prompt = """
{question}
{choices}
Think step by step."""
'''
PAPER_BATCH = 2_560
SAMPLES = "_generate_single_turn"  # of TRL's trainers


def build(folder: Path) -> None:
    """A version named bench in the home below `folder`."""
    (folder / "bench.toml").write_text(RECIPE)
    command = [OVT, "curate", "build", str(folder / "bench.toml"), "--home", str(folder / "home")]
    subprocess.run(command, check=True, capture_output=True)


def reinforce(folder: Path, settings: dict[str, Any]) -> tuple[list[dict], float, list[tuple]]:
    """The run's log, the seconds spent sampling, and (text, gold, choices) of every rollout."""
    from ovt.core.home import Home
    from ovt.train import rollouts
    from ovt.train.data import load_split
    from ovt.train.rl_trainer import rl
    from ovt.train.runs import read_log
    from ovt.train.sampling import Sampler
    from ovt.train.settings import RlSection
    from ovt.train.small_rl import SmallSampler

    spent = [0.0]

    def timed(sample: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return sample(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - began

    for trainer in (Sampler, SmallSampler):
        setattr(trainer, SAMPLES, partialmethod(partial(timed, getattr(trainer, SAMPLES))))
    home = Home(folder / "home")
    run = rl("bench", "pocket", RlSection.model_validate(settings), home, name="bench", resume=False)
    truth = {}
    for split in ("sft", "rl"):
        rows = load_split("bench", split, home).dataset.select_columns(["question_id", "answer", "choices"])
        truth |= {row["question_id"]: (row["answer"], row["choices"]) for row in rows}
    said = rollouts.scan(run).select("text", "question_id").collect().rows()
    return read_log(run.log_path), spent[0], [(text, *truth[question_id]) for text, question_id in said]


def judged_per_second(rows: list[tuple]) -> float:
    """Verdicts per second on the paper's batch, made of these rollouts with a number before each."""
    from ovt.verifiers import verify_many

    batch = [
        (f"{number} {text}", *truth) for number, (text, *truth) in zip(range(PAPER_BATCH), cycle(rows), strict=False)
    ]
    began = time.perf_counter()
    verify_many(batch, responses=True)
    return len(batch) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=4, help="batches of rollouts")
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--generations", type=int, default=8)
    parser.add_argument("--transformers", action="store_true", help="again with transformers' sampler")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="further settings, values as JSON")
    chosen = parser.parse_args()
    settings = {
        "rollout_batch_size": chosen.questions,
        "global_batch_size": chosen.questions,
        "num_generations": chosen.generations,
        "per_device_train_batch_size": chosen.questions * chosen.generations // 2,
        "max_steps": chosen.batches,
        "max_completion_length": 96,
        "learning_rate": 1e-4,
        "freeze_vision_tower": True,
    }
    settings |= {key: json.loads(value) for key, _, value in (one.partition("=") for one in chosen.set)}
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        report(*reinforce(Path(folder), settings))
        if chosen.transformers:
            print("by transformers:")
            with patch("ovt.train.small_rl.suits", lambda model, arguments: False):
                report(*reinforce(Path(folder), settings))


def report(lines: list[dict], sampling: float, rows: list[tuple]) -> None:
    """The table."""
    stepping = sum(line.get("step_time") or 0 for line in lines)
    judging = sum(line.get("reward_s") or 0 for line in lines)
    steps = sum("step_time" in line for line in lines)
    print(
        f"{steps} steps, {len(rows)} rollouts, {stepping / steps:.2f} s per step, {len(rows) / stepping:.1f} rollouts/s"
    )
    for name, seconds in (("sampling", sampling), ("reward", judging), ("learning", stepping - sampling - judging)):
        print(f"  {name:<9} {seconds / stepping:7.2%}  {seconds / steps:.3f} s per step")
    print(f"verdicts on {PAPER_BATCH:,} rollouts: {judged_per_second(rows):,.0f}/s")


if __name__ == "__main__":
    main()
