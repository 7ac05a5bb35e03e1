"""Trains pocket from scratch: `python -m ovt.train.pocket.train --out FOLDER --steps N --seed S`.

Muon for the matrices of the layers, AdamW for the rest; a constant learning rate, then a linear decay to zero, in which
much of the quality comes. With --minutes the number of steps is settled once the constant phase is over, from the speed
so far, and written to training.json: the same seed, steps and decay give the same weights again.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ovt.curate import pocket
from ovt.train.pocket import rows
from ovt.train.pocket.forward import Net
from ovt.train.pocket.model import build, make_config, save, save_processor
from ovt.train.pocket.tokenizer import train_tokenizer

PLANS = (rows.Plan("caption", 48, 2), rows.Plan("reason", 40, 2), rows.Plan("direct", 16, 1))


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


def learn_tokenizer(seed: int, count: int = 1500) -> PreTrainedTokenizerFast:
    """A tokenizer of the texts that the first rows of each kind hold."""
    texts = []
    for kind in ("caption", "reason", "direct"):
        for index in range(count):
            figure, rng = rows.draw_figure(seed, kind, index, sorted(pocket.FAMILIES))
            texts.extend(rows.make_text(kind, figure, rng))
    random.Random(seed).shuffle(texts)
    return train_tokenizer(texts)


def make_optimizers(model: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices; AdamW for embeddings, the patch kernel, norms and biases."""
    named = list(model.named_parameters())
    hidden = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in named if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(hidden, lr=0.0, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def prefetch(first: int, seed: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[list[rows.Batch]]:
    """The batches of step `first` (a multiple of rows.GROUP) and on, drawn one group ahead in a thread."""
    families = sorted(pocket.FAMILIES)
    with ThreadPoolExecutor(1) as pool:
        group = first // rows.GROUP
        ahead = pool.submit(rows.group_batches, PLANS, seed, group, families, tokenizer)
        while True:
            group += 1
            ready, ahead = ahead, pool.submit(rows.group_batches, PLANS, seed, group, families, tokenizer)
            yield from ready.result()


def train_step(net: Net, batches: list[rows.Batch], optimizers: list[torch.optim.Optimizer]) -> dict[str, float]:
    """One update from all batches; the mean loss per target token of each kind."""
    total = sum(float(batch.weights.sum()) for batch in batches)
    losses: dict[str, list[float]] = {}
    for batch in batches:
        at = None if batch.pixels is None else rows.PICTURE_AT
        loss = net.loss(batch.ids, batch.weights, batch.pixels, at, batch.skip)
        (loss / total).backward()
        losses.setdefault(batch.kind, []).append(loss.item() / float(batch.weights.sum()))
    torch.nn.utils.clip_grad_norm_(net.model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {kind: sum(values) / len(values) for kind, values in losses.items()}


def set_rates(optimizers: list[torch.optim.Optimizer], schedule: Schedule, step: int) -> None:
    for optimizer, peak in zip(optimizers, (schedule.muon_lr, schedule.adam_lr), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * schedule.factor(step)


def settle(schedule: Schedule, done: int, share: float) -> Schedule:
    """The schedule once `share` of the time brought `done` steps: the fall begins now and takes what is left."""
    return Schedule(round(done / share), done, schedule.warmup, schedule.muon_lr, schedule.adam_lr)


def save_checkpoint(folder: Path, model, optimizers, step: int, spent: float, schedule: Schedule) -> None:
    """Everything needed to go on, written aside and moved in place."""
    state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step,
             "spent": spent, "schedule": asdict(schedule)}  # fmt: skip
    torch.save(state, folder / "resume.pt.tmp")
    (folder / "resume.pt.tmp").rename(folder / "resume.pt")


def train(out: Path, seed: int, steps: int | None, minutes: float | None, decay: float, lrs: tuple[float, float],
          decay_from: int | None = None, compiled: bool = True) -> None:  # fmt: skip
    """Train into `out`; goes on from out/resume.pt where it exists."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = learn_tokenizer(seed)
    save_processor(tokenizer, out)
    model = build(make_config(tokenizer), seed)
    optimizers = make_optimizers(model)
    endless = 10**9
    settled = decay_from or (round(steps * (1 - decay)) if steps else endless)
    schedule = Schedule(steps or endless, settled, muon_lr=lrs[0], adam_lr=lrs[1])
    first, spent = 0, 0.0
    if (out / "resume.pt").exists():
        state = torch.load(out / "resume.pt", weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        first, spent, schedule = state["step"], state["spent"], Schedule(**state["schedule"])
    net = Net(model, compiled)
    start = time.monotonic() - spent
    saved_at, means = start + spent, {}
    for step, batches in enumerate(prefetch(first, seed, tokenizer), first):
        spent = time.monotonic() - start
        if minutes and schedule.steps == endless and spent >= minutes * 60 * (1 - decay):
            schedule = settle(schedule, step, 1 - decay)
        if step % rows.GROUP == 0 and (time.monotonic() - saved_at > 180 or step >= schedule.steps):
            save_checkpoint(out, model, optimizers, step, spent, schedule)
            save(model, out)
            saved_at = time.monotonic()
        if step >= schedule.steps:
            break
        set_rates(optimizers, schedule, step)
        for kind, loss in train_step(net, batches, optimizers).items():
            means[kind] = loss if step == first else 0.95 * means[kind] + 0.05 * loss
        if step % 20 == 0:
            spent = time.monotonic() - start
            shown = " ".join(f"{kind} {mean:.3f}" for kind, mean in means.items())
            print(f"{spent:7.0f}s step {step} of {schedule.steps} rate {schedule.factor(step):.2f} | {shown}", flush=True)
    save(model, out)
    settings = {"seed": seed, "schedule": asdict(schedule), "plans": [asdict(plan) for plan in PLANS],
                "minutes": round(spent / 60, 1), "torch": torch.__version__}  # fmt: skip
    (out / "training.json").write_text(json.dumps(settings, indent=2) + "\n")


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
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    torch.set_num_threads(2)
    lrs = (args.muon_lr, args.adam_lr)
    train(args.out, args.seed, args.steps, args.minutes, args.decay, lrs, args.decay_from, not args.eager)


if __name__ == "__main__":
    main()
