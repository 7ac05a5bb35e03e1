"""The log-probabilities and entropies that a small Qwen2.5-VL on a CPU gives the tokens of replies: what TRL's learning
pass takes from transformers, at a fraction of the time.

packed      rows lie without padding before them, with those of like length, so that attention is causal and unmasked
seen once   a picture that several rows share goes through the vision tower once; a frozen tower remembers it
idle        rows from which nothing is learned are only looked at
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ovt.train.decoding import positions_of
from ovt.train.qwen import Text, logits_of, run_layers, text_of, turns_of

PIECE = 4096  # tokens computed together
REMEMBERED = 1024  # pictures whose features are kept, of a frozen tower


@dataclass(frozen=True)
class Replies:
    """Rows of prompt and reply, as TRL pads them.

    ids, mask        (rows, length): prompts are padded before, replies after
    kept             the last positions, those of the replies
    patches, grids   of all images, one after the other (None: there are none); each row has as many as `counts` says
    """

    ids: Tensor
    mask: Tensor
    kept: int
    patches: Tensor | None
    grids: Tensor | None
    counts: Sequence[int]


@dataclass
class Eyes:
    """What the vision tower of a model made of pictures, by their pixels: kept only while it is frozen."""

    model: Any
    known: OrderedDict[bytes, Tensor] = field(default_factory=OrderedDict)

    def see(self, replies: Replies) -> list[Tensor]:
        """The features (tokens, width) of each image, in order."""
        if replies.patches is None or replies.grids is None:
            return []
        tower = self.model.model.visual
        if learns := any(weight.requires_grad for weight in tower.parameters()):
            self.known.clear()
        parts = replies.patches.split(replies.grids.prod(-1).tolist())
        names = [
            grid.numpy().tobytes() + part.numpy().tobytes() for grid, part in zip(replies.grids, parts, strict=True)
        ]
        new = {name: at for at, name in enumerate(names) if name not in self.known}
        if new:
            at = list(new.values())
            with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
                pixels = torch.cat([parts[one] for one in at]).type(tower.dtype)
                made = self.model.model.get_image_features(pixels, replies.grids[at], return_dict=True).pooler_output
            self.known.update(zip(new, made, strict=True))
        seen = [self.known[name] for name in names]
        for name in list(self.known)[: max(0, len(self.known) - REMEMBERED)]:
            del self.known[name]
        return seen


def score(
    eyes: Eyes, replies: Replies, dtype: torch.dtype, temperature: float, idle: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies (rows, kept) in float32, 0 beyond a reply's end; the former differentiable, where
    gradients are on. idle: (rows,) those that nothing is learned from."""
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        features = eyes.see(replies)
    first = [sum(replies.counts[:row]) for row in range(len(replies.counts))]
    text, logps, entropies = text_of(eyes.model, dtype), [], []
    order = cut(replies, idle)
    for rows in order:
        images = [at for row in rows for at in range(first[row], first[row] + replies.counts[row])]
        learns = torch.is_grad_enabled() and not (idle is not None and bool(idle[rows[0]]))
        with torch.set_grad_enabled(learns):
            packed = pack(eyes.model, replies, rows, images)
            logp, entropy = score_piece(eyes.model, text, packed, [features[at] for at in images], temperature)
        length = logp.shape[1]
        logps.append(F.pad(logp, (0, replies.kept - length)))
        entropies.append(F.pad(entropy, (0, replies.kept - length)))
    back = torch.tensor([row for rows in order for row in rows]).argsort()
    return torch.cat(logps)[back], torch.cat(entropies)[back]


def cut(replies: Replies, idle: Tensor | None) -> list[list[int]]:
    """The rows in pieces of at most PIECE tokens, by length, those that are idle apart from all others."""
    lengths = replies.mask.sum(1).tolist()
    apart = [False] * len(lengths) if idle is None else idle.tolist()
    pieces: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: (apart[row], lengths[row])):
        rows = [*pieces[-1], row] if pieces else [row]
        if pieces and apart[rows[0]] == apart[row] and len(rows) * lengths[row] <= PIECE:
            pieces[-1] = rows
        else:
            pieces.append([row])
    return pieces


@dataclass(frozen=True)
class Packed:
    """Rows padded after their ends. ids (rows, length), and which of them stand for pictures; positions (3, rows,
    length); mask (rows, kept) and `begins` (rows,): the tokens of the replies, and where each begins."""

    ids: Tensor
    pictures: Tensor
    positions: Tensor
    begins: Tensor
    mask: Tensor


def pack(model: Any, replies: Replies, rows: list[int], images: list[int]) -> Packed:
    """Rows without the padding of their prompts."""
    masks, written = replies.mask[rows].bool(), replies.mask[rows, -replies.kept :].sum(1)
    lengths = masks.sum(1)
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    at, begins = torch.arange(ids.shape[1]), lengths - written
    there = at < lengths[:, None]
    ids[there] = replies.ids[rows][masks]
    asked = ids.masked_fill(at >= begins[:, None], 0)  # the token of a picture, in a reply, is none
    positions = positions_of(
        model, asked, there.long(), replies.grids[images] if images and replies.grids is not None else None
    )
    said = torch.arange(int(written.max())) < written[:, None]
    return Packed(ids, asked == model.config.image_token_id, positions, begins, said)


def score_piece(
    model: Any, text: Text, packed: Packed, features: list[Tensor], temperature: float
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of the replies of some rows, 0 beyond their ends."""
    dtype = text.table.dtype
    x = F.embedding(packed.ids, text.table).float()
    if features:
        x = x.masked_scatter(packed.pictures[..., None], torch.cat(features).float())
    attend = partial(F.scaled_dot_product_attention, is_causal=True, enable_gqa=text.heads[0] != text.heads[1])
    x = run_layers(text, x, turns_of(model, packed.positions, dtype), [attend] * len(text.layers))
    at = (packed.begins[:, None] + torch.arange(packed.mask.shape[1])).clamp(max=x.shape[1] - 1)[packed.mask]
    row = torch.arange(len(x))[:, None].expand_as(packed.mask)[packed.mask]
    said = (logits_of(text, x[row, at - 1]) / temperature).log_softmax(-1)
    logp = said.gather(1, packed.ids[row, at][:, None]).squeeze(1)
    entropy = -(said.detach().exp() * said.detach()).sum(-1)
    blank = torch.zeros(packed.mask.shape)
    return blank.masked_scatter(packed.mask, logp), blank.masked_scatter(packed.mask, entropy)
