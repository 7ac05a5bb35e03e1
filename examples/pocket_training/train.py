"""Trains pocket from scratch: `python examples/pocket_training/train.py --out FOLDER --steps N --seed S`; or, with
`--world world.toml`, a base that sees, starting from pocket.

Muon for the matrices of the layers, AdamW for the rest; a constant learning rate, then a linear decay to zero, in which
much of the quality comes. With --minutes the number of steps is settled once the constant phase is over, from the speed
so far, and written to training.json: the same seed, steps and decay give the same weights again.
"""

import argparse
import json
import random
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from architecture import build, make_config, save, save_processor
from batches import GROUP, PICTURE_AT, Batch, Plan, draw_figure, group_batches, make_text
from forward import Net
from muon import make_muon
from tokenizer import train_tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from ovt.core.files import replacing
from ovt.pocket import WEIGHTS
from ovt.pocket import figures as pocket
from ovt.pocket.model import load_model, load_processor

ENDLESS = 10**9  # steps of a run by the clock, until its constant phase is over
KEEP_EVERY_S = 180

# The rows of a step, from the given step on. Most captions are learned first; looking things up in a text takes longer,
# and so do shapes of any size at any place, many small icons, and the points of a line.
HARD = ("easy",) * 8 + ("icons",) * 3 + ("lines",) * 2
PHASES = (
    (0, (Plan("caption", 48, 2), Plan("reason", 48, 4), Plan("direct", 24, 2))),
    (752, (Plan("caption", 24, 1), Plan("reason", 80, 6), Plan("direct", 8, 1))),
    (1120, (Plan("caption", 64, 2, HARD), Plan("reason", 48, 4), Plan("direct", 8, 1))),
    (1460, (Plan("caption", 16, 1, HARD), Plan("reason", 96, 6), Plan("direct", 8, 1))),
)
# Another base, trained on from pocket (world.toml), answers beside pictures. Rows of the old kinds keep what pocket
# knows: above all the captions of charts, in which it reads every value.
CHARTS = ("bars", "lines")
SEEN = (*CHARTS * 3, *("tables", "shapes") * 2, "easy")
KEPT = (Plan("caption", 12, 1, CHARTS * 4), Plan("direct", 4, 1), Plan("reason", 4, 1))


@dataclass(frozen=True)
class Course:
    """What is learned, in phases, and the folder of the model that it begins with (None: an untrained one)."""

    phases: tuple[tuple[int, tuple[Plan, ...]], ...]
    start: Path | None = None


def world_course(world: Path) -> Course:
    """Pocket learns to answer beside pictures what a world's file asks, at a glance or with care (world.toml)."""
    told = tomllib.loads(world.read_text())
    asked = told["questions"]["asked"]
    see = Plan("see", 48, 3, SEEN, told["glance"], asked)
    look = Plan("look", told["look"]["rows"], 1, CHARTS, {}, asked)
    return Course(((0, (see, *[look] * bool(look.rows), *KEPT)),), WEIGHTS)


@dataclass(frozen=True)
class Schedule:
    """Steps in all, the step at which the learning rate starts to fall, and its peaks."""

    steps: int
    decay_from: int
    warmup: int = 50
    muon_lr: float = 0.02
    adam_lr: float = 0.004

    def factor(self, step: int) -> float:
        """The share of the peak learning rate at a step."""
        fall = (self.steps - step) / max(1, self.steps - self.decay_from)
        return max(0.0, min(1.0, (step + 1) / self.warmup, fall))


@dataclass
class Run:
    """A training run under way; spent is in seconds."""

    model: Qwen2_5_VLForConditionalGeneration
    optimizers: list[torch.optim.Optimizer]
    schedule: Schedule
    step: int = 0
    spent: float = 0.0


def learn_tokenizer(seed: int, count: int = 1500) -> PreTrainedTokenizerFast:
    """A tokenizer of the texts that the first rows of each kind hold."""
    texts = []
    for kind in ("caption", "reason", "direct"):
        for index in range(count):
            figure, rng = draw_figure(seed, kind, index, sorted(pocket.FAMILIES))
            texts.extend(make_text(kind, figure, rng))
    random.Random(seed).shuffle(texts)
    return train_tokenizer(texts)


def make_optimizers(model: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices; AdamW for embeddings, the patch kernel, norms and biases."""
    named = list(model.named_parameters())
    hidden = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in named if p.ndim != 2 or "embed" in name]
    return [
        make_muon(hidden[0::2]),  # two halves: one for each thread
        make_muon(hidden[1::2]),
        torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def draw_group(group: int, seed: int, tokenizer: PreTrainedTokenizerBase, course: Course) -> list[list[Batch]]:
    """The batches of GROUP steps, in the mixture of their phase."""
    phase = max(i for i, (start, _) in enumerate(course.phases) if start <= group * GROUP)
    return group_batches(course.phases[phase][1], seed, group, sorted(pocket.FAMILIES), tokenizer, phase << 32)


def prefetch(first: int, seed: int, tokenizer: PreTrainedTokenizerBase, course: Course) -> Iterator[list[Batch]]:
    """The batches of step `first` (a multiple of GROUP) and on, drawn one group ahead in a thread."""
    with ThreadPoolExecutor(1) as pool:
        group = first // GROUP
        ahead = pool.submit(draw_group, group, seed, tokenizer, course)
        while True:
            group += 1
            ready, ahead = ahead, pool.submit(draw_group, group, seed, tokenizer, course)
            yield from ready.result()


def batch_gradients(net: Net, batch: Batch, total: float) -> tuple[float, tuple[torch.Tensor, ...]]:
    """The mean loss per target of a batch, and the gradients of its share in the loss of the step."""
    torch.set_num_threads(1)
    at = None if batch.pixels is None else PICTURE_AT
    loss = net.loss(batch.ids, batch.weights, batch.pixels, at, batch.skip)
    inputs = net.text_parameters if batch.pixels is None else net.parameters
    gradients = torch.autograd.grad(loss / total, inputs)
    return loss.item() / float(batch.weights.sum()), gradients


def train_step(
    net: Net, batches: list[Batch], optimizers: list[torch.optim.Optimizer], pool: ThreadPoolExecutor
) -> dict[str, float]:
    """One update from all batches; the mean loss per target token of each kind.

    A thread computes a whole batch: threads that meet at every operation stand still whenever the machine does
    anything else. Gradients are added in the order of the batches, so threads change nothing in the result.
    """
    batches = sorted(batches, key=lambda batch: -batch.ids.numel())
    total = sum(float(batch.weights.sum()) for batch in batches)
    losses: dict[str, list[float]] = {}
    jobs = [pool.submit(batch_gradients, net, batch, total) for batch in batches]
    for batch, job in zip(batches, jobs, strict=True):
        loss, gradients = job.result()
        losses.setdefault(batch.kind, []).append(loss)
        for parameter, gradient in zip(
            net.text_parameters if batch.pixels is None else net.parameters, gradients, strict=True
        ):
            parameter.grad = gradient.contiguous() if parameter.grad is None else parameter.grad + gradient
    torch.nn.utils.clip_grad_norm_(net.parameters, 1.0)
    list(pool.map(update, optimizers))
    return {kind: sum(values) / len(values) for kind, values in losses.items()}


def update(optimizer: torch.optim.Optimizer) -> None:
    torch.set_num_threads(1)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def set_rates(optimizers: list[torch.optim.Optimizer], schedule: Schedule, step: int) -> None:
    for optimizer, peak in zip(optimizers, (schedule.muon_lr, schedule.muon_lr, schedule.adam_lr), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * schedule.factor(step)


def settle(schedule: Schedule, done: int, share: float) -> Schedule:
    """The schedule once `share` of the time brought `done` steps: the fall begins now and takes what is left."""
    return replace(schedule, steps=round(done / share), decay_from=done)


def begin(out: Path, schedule: Schedule, model: Qwen2_5_VLForConditionalGeneration) -> Run:
    """A new run, or the one kept in out/resume.pt."""
    run = Run(model, make_optimizers(model), schedule)
    if (out / "resume.pt").exists():
        state = torch.load(out / "resume.pt", weights_only=True)
        run.model.load_state_dict(state["model"])
        for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        run.step, run.spent, run.schedule = state["step"], state["spent"], Schedule(**state["schedule"])
    return run


def keep(out: Path, run: Run) -> None:
    """Writes everything needed to resume, moved into place when whole, and the current weights."""
    state = {
        "model": run.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
        "step": run.step,
        "spent": run.spent,
        "schedule": asdict(run.schedule),
    }
    with replacing(out / "resume.pt") as made:
        torch.save(state, made)
    save(run.model, out)


def report(run: Run, means: dict[str, float]) -> None:
    losses = " ".join(f"{kind} {mean:.3f}" for kind, mean in means.items())
    at = f"step {run.step} of {run.schedule.steps} rate {run.schedule.factor(run.step):.2f}"
    print(f"{run.spent:7.0f}s {at} | {losses}", flush=True)


def describe(run: Run, seed: int, course: Course) -> str:
    """training.json: what it takes to train the same weights again."""
    phases = [{"from_step": start, "rows": [asdict(plan) for plan in plans]} for start, plans in course.phases]
    settings = {"seed": seed, "schedule": asdict(run.schedule), "phases": phases, "minutes": round(run.spent / 60, 1)}
    return json.dumps(settings | {"torch": torch.__version__}, indent=2) + "\n"


def starting_model(
    out: Path, seed: int, start: Path | None
) -> tuple[Qwen2_5_VLForConditionalGeneration, PreTrainedTokenizerBase]:
    """The model that a course begins with and its tokenizer, whose files are in `out` from now on."""
    if start is None:
        tokenizer = learn_tokenizer(seed)
        save_processor(tokenizer, out)
        return build(make_config(tokenizer), seed), tokenizer
    model = load_model(start).train()
    save(model, out, start)
    return model, load_processor(start).tokenizer


def train(
    out: Path,
    seed: int,
    schedule: Schedule,
    seconds: tuple[float, float] | None = None,
    compiled: bool = True,
    course: Course | None = None,
):
    """Train into `out`; resumes from out/resume.pt if it exists.

    seconds   by the clock: when the learning rate starts to fall, and when the run ends
    course    pocket's own, unless it is given
    """
    out.mkdir(parents=True, exist_ok=True)
    course = course or Course(PHASES)
    model, tokenizer = starting_model(out, seed, course.start)
    run = begin(out, schedule, model)
    net, means = Net(run.model, compiled), {}
    began = kept = time.monotonic() - run.spent
    with ThreadPoolExecutor(2) as pool:
        for batches in prefetch(run.step, seed, tokenizer, course):
            run.spent = time.monotonic() - began
            if seconds and run.schedule.steps == ENDLESS and run.spent >= seconds[0]:
                run.schedule = settle(run.schedule, run.step, seconds[0] / seconds[1])
            if run.step >= run.schedule.steps:
                break
            if run.step % GROUP == 0 and time.monotonic() - kept > KEEP_EVERY_S:
                keep(out, run)
                kept = time.monotonic()
            set_rates(run.optimizers, run.schedule, run.step)
            for kind, loss in train_step(net, batches, run.optimizers, pool).items():
                means[kind] = 0.95 * means.get(kind, loss) + 0.05 * loss
            if run.step % 20 == 0:
                report(run, means)
            run.step += 1
    keep(out, run)
    (out / "training.json").write_text(describe(run, seed, course))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--decay", type=float, default=0.4, help="share of the run in which the learning rate falls")
    parser.add_argument("--decay-from", type=int, help="the step at which it starts to fall, to repeat a --minutes run")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.004)
    parser.add_argument("--world", type=Path, help="start from pocket, in the world of this file (world.toml)")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if (args.steps is None) == (args.minutes is None):
        parser.error("say how long: either --steps or --minutes")
    fall = args.decay_from or round((args.steps or ENDLESS) * (1 - args.decay))
    schedule = Schedule(args.steps or ENDLESS, fall, muon_lr=args.muon_lr, adam_lr=args.adam_lr)
    seconds = (args.minutes * 60 * (1 - args.decay), args.minutes * 60) if args.minutes else None
    train(args.out, args.seed, schedule, seconds, not args.eager, args.world and world_course(args.world))


if __name__ == "__main__":
    main()
