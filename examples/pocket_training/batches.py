"""Training rows drawn on the fly: figures of our own generator, in the words of the teacher, as padded batches.

Row `i` of a run is a pure function of (seed, kind, i), so a run is reproducible from its seed and its number of steps.
Figures are drawn from seeds at and above FIRST_SEED only: everything below is held out, for measuring and for users.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import teacher
import torch
from teacher import CAPTION_PROMPT, DIRECT_PROMPT, LOOK_PROMPT, REASON_PROMPT, SEE_PROMPT, ask
from tokenizer import user_turn
from transformers import PreTrainedTokenizerBase

from ovt.pocket import figures as pocket
from ovt.pocket.figures import Figure

FIRST_SEED = 2**40
PICTURE_AT = 4  # the visual tokens follow "<|im_start|>", "user", "\n" and "<|vision_start|>"
VISUAL_TOKENS = 16
PROMPTS = {"see": SEE_PROMPT, "look": LOOK_PROMPT}
GROUP = 4  # steps whose rows are drawn together, so that rows of like length share a batch


@dataclass(frozen=True)
class Plan:
    """How many rows of a kind a step has, in how many batches.

    more: families that are drawn more often, named once for each extra share; for "see" and "look" the only ones. For
    these two also: glance: the share of a family's chains that name the answer at a glance (`teacher.glance`), all
    others being careful; asked: which questions, as a regular expression. "look" differs from "see" only in its prompt,
    which says to look.
    """

    kind: str  # caption | reason | direct | see | look
    rows: int
    batches: int
    more: tuple[str, ...] = ()
    glance: Mapping[str, float] = field(default_factory=dict)
    asked: str = ""


@dataclass(frozen=True)
class Row:
    """Token ids, where the completion starts in them, and the picture (112, 112, 3) uint8 where there is one."""

    ids: list[int]
    start: int
    picture: np.ndarray | None


@dataclass(frozen=True)
class Batch:
    """ids (n, length + 1); weights (n, length) of the targets ids[:, 1:], 0 outside completions."""

    kind: str
    ids: torch.Tensor
    weights: torch.Tensor
    pixels: torch.Tensor | None
    skip: int


def drawn_families(plan: Plan, families: Sequence[str]) -> Sequence[str]:
    """The families that a plan's figures are drawn from."""
    return plan.more if plan.kind in PROMPTS else [*families, *plan.more]


def draw_figure(seed: int, kind: str, index: int, families: Sequence[str]) -> tuple[Figure, random.Random]:
    """The figure of a row and the random source of its texts."""
    rng = random.Random(f"{seed}/{kind}/{index}")
    return pocket.draw(rng.choice(families), FIRST_SEED + rng.getrandbits(40)), rng


def make_text(kind: str, figure: Figure, rng: random.Random, seen: Plan | None = None) -> tuple[str, str]:
    """Prompt and completion of a row, as the model sees them; seen: the plan, of a row asked beside a picture."""
    if kind == "caption":
        return user_turn(CAPTION_PROMPT, VISUAL_TOKENS), figure.caption
    question = rng.choice([one for one in figure.questions if not seen or re.search(seen.asked, one.question)])
    asked = ask(question.question, question.choices)
    if seen:
        hasty = rng.random() < seen.glance.get(figure.family, 0.0)
        said = teacher.glance(question, rng) if hasty else teacher.seen_chain(question, rng)
        return user_turn(PROMPTS[kind].format(question=asked), VISUAL_TOKENS), said
    if kind == "direct":
        return user_turn(DIRECT_PROMPT.format(question=asked), VISUAL_TOKENS), teacher.direct(question, rng)
    return user_turn(REASON_PROMPT.format(caption=figure.caption, question=asked)), teacher.chain(question, rng)


def make_rows(
    seed: int,
    kind: str,
    indexes: Sequence[int],
    families: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    seen: Plan | None = None,
) -> list[Row]:
    """The rows of one kind with these indexes."""
    drawn = [draw_figure(seed, kind, index, families) for index in indexes]
    texts = [make_text(kind, figure, rng, seen) for figure, rng in drawn]
    prompts = tokenizer([prompt for prompt, _ in texts])["input_ids"]
    completions = tokenizer([completion + "<|im_end|>" for _, completion in texts])["input_ids"]
    pictures = [None if kind == "reason" else np.asarray(figure.image) for figure, _ in drawn]
    return [Row(p + c, len(p), picture) for p, c, picture in zip(prompts, completions, pictures, strict=True)]


def make_batch(kind: str, rows: Sequence[Row], step: int = 16) -> Batch:
    """Pad on the right to a multiple of `step` tokens: few shapes, so that few are compiled."""
    length = -(-(max(len(row.ids) for row in rows) - 1) // step) * step
    ids, weights = torch.zeros(len(rows), length + 1, dtype=torch.long), torch.zeros(len(rows), length)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weights[i, row.start - 1 : len(row.ids) - 1] = 1.0
    pictures = [row.picture for row in rows if row.picture is not None]
    pixels = torch.from_numpy(np.stack(pictures)) if pictures else None
    return Batch(kind, ids, weights, pixels, (min(row.start for row in rows) - 1) // step * step)


def group_batches(
    plans: Sequence[Plan],
    seed: int,
    group: int,
    families: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    first: int = 0,
) -> list[list[Batch]]:
    """The batches of GROUP consecutive steps: rows sorted by length, each step with short and long ones.

    Rows are counted from `first`.
    """
    steps: list[list[Batch]] = [[] for _ in range(GROUP)]
    for plan in plans:
        n = plan.rows * GROUP
        indexes = range(first + group * n, first + (group + 1) * n)
        seen = plan if plan.kind in PROMPTS else None
        rows = make_rows(seed, plan.kind, indexes, drawn_families(plan, families), tokenizer, seen)
        rows.sort(key=lambda row: len(row.ids))
        cuts = [n * i // (plan.batches * GROUP) for i in range(plan.batches * GROUP + 1)]
        batches = [make_batch(plan.kind, rows[at:end]) for at, end in pairwise(cuts)]
        for i in range(plan.batches):
            layer = batches[i * GROUP : (i + 1) * GROUP]
            for step, batch in zip(steps, layer if i % 2 == 0 else reversed(layer), strict=True):
                step.append(batch)
    return steps
