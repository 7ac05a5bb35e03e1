"""The log-probabilities and entropies that a small Qwen2.5-VL on a CPU gives the tokens of replies: what TRL's learning
pass takes from transformers, at a fraction of the time.

shared      a prompt with several replies is read once, and each of them looks back at it
unpadded    only attention sees padding; all else runs over the tokens that are there
seen once   a picture that several rows share goes through the vision tower once; a frozen tower remembers it
idle        rows that nothing is learned from get no gradients
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ovt.train.decoding import positions_of
from ovt.train.qwen import Text, logits_of, run_layers, text_of, turns_of

PIECE = 4096  # tokens computed together
REMEMBERED = 1024  # pictures whose features are kept, if the tower is frozen


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
    """What the vision tower of a model made of pictures, by name: kept only while it is frozen."""

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
        names = [name_of(grid, part) for grid, part in zip(replies.grids, parts, strict=True)]
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


def name_of(grid: Tensor, patches: Tensor) -> bytes:
    """A picture's name: a digest, as the patches themselves are megabytes."""
    return sha256(grid.numpy().tobytes() + patches.numpy().tobytes()).digest()


@dataclass(frozen=True)
class Row:
    """A row without its padding: token ids, the numbers of its images, and what tells its prompt apart from others."""

    prompt: Tensor
    reply: Tensor
    images: range
    name: tuple[Any, ...]


def score(
    eyes: Eyes, replies: Replies, dtype: torch.dtype, temperature: float, idle: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies (rows, kept) in float32, 0 beyond a reply's end; the former differentiable, where
    gradients are on. idle: (rows,) those that nothing is learned from."""
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        features = eyes.see(replies)
    rows, text, logps, entropies = unpad(replies, features), text_of(eyes.model, dtype), [], []
    pieces = cut(rows, idle)
    for piece in pieces:
        learns = torch.is_grad_enabled() and not (idle is not None and bool(idle[piece[0]]))
        with torch.set_grad_enabled(learns):
            laid = lay(eyes.model, [rows[at] for at in piece], features, replies.grids)
            logp, entropy = score_piece(eyes.model, text, laid, temperature)
        beyond = (0, replies.kept - logp.shape[1])
        logps.append(F.pad(logp, beyond))
        entropies.append(F.pad(entropy, beyond))
    back = torch.tensor([at for piece in pieces for at in piece]).argsort()
    return torch.cat(logps)[back], torch.cat(entropies)[back]


def unpad(replies: Replies, features: Sequence[Tensor]) -> list[Row]:
    """The rows. features: of each image, one object for all that look the same."""
    begins, mask = replies.ids.shape[1] - replies.kept, replies.mask.bool()
    rows = []
    for ids, there, (first, end) in zip(
        replies.ids, mask, pairwise(accumulate(replies.counts, initial=0)), strict=True
    ):
        prompt, images = ids[:begins][there[:begins]], range(first, end)
        name = (prompt.numpy().tobytes(), *(id(features[at]) for at in images))
        rows.append(Row(prompt, ids[begins:][there[begins:]], images, name))
    return rows


def cut(rows: Sequence[Row], idle: Tensor | None) -> list[list[int]]:
    """The rows in pieces of at most PIECE tokens, those of a prompt side by side, with replies of similar length, and
    those that are idle apart from all others."""
    apart = [False] * len(rows) if idle is None else idle.tolist()
    groups = list(zip(apart, (row.name for row in rows), strict=True))
    longest = dict.fromkeys(groups, 0)
    for group, row in zip(groups, rows, strict=True):
        longest[group] = max(longest[group], len(row.reply))
    place = {group: at for at, group in enumerate(sorted(longest, key=lambda group: (group[0], longest[group])))}
    pieces: list[list[int]] = []
    tokens = 0
    for at in sorted(range(len(rows)), key=lambda at: (place[groups[at]], len(rows[at].reply))):
        last = pieces[-1][-1] if pieces else at
        more = len(rows[at].reply) + len(rows[at].prompt) * (groups[at] != groups[last])
        if pieces and apart[last] == apart[at] and tokens + more <= PIECE:
            pieces[-1].append(at)
            tokens += more
        else:
            pieces.append([at])
            tokens = len(rows[at].prompt) + len(rows[at].reply)
    return pieces


@dataclass(frozen=True)
class Laid:
    """Prompts and the replies to them, each padded after its end.

    prompts, asked      (prompts, length): token ids, and which of them are there
    replies, said       (replies, length): the same
    of                  (replies,): the prompt of each
    pictures, features  which tokens of prompts stand for pictures, and what takes their place, in order (None: none)
    positions           (3, prompts, length), as Qwen2.5-VL counts them
    """

    prompts: Tensor
    asked: Tensor
    replies: Tensor
    said: Tensor
    of: Tensor
    pictures: Tensor
    features: Tensor | None
    positions: Tensor


def lay(model: Any, rows: Sequence[Row], features: Sequence[Tensor], grids: Tensor | None) -> Laid:
    """Some rows, each of their prompts once."""
    once = {row.name: row for row in rows}
    place = {name: at for at, name in enumerate(once)}
    prompts, asked = padded([row.prompt for row in once.values()])
    replies, said = padded([row.reply for row in rows])
    images = [at for row in once.values() for at in row.images]
    positions = positions_of(model, prompts, asked.long(), grids[images] if images and grids is not None else None)
    return Laid(
        prompts,
        asked,
        replies,
        said,
        torch.tensor([place[row.name] for row in rows]),
        asked & (prompts == model.config.image_token_id),
        torch.cat([features[at] for at in images]).float() if images else None,
        positions,
    )


def padded(parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Token ids of several lengths as one tensor, and which of them are there."""
    ids = pad_sequence(parts, batch_first=True)
    return ids, torch.arange(ids.shape[1]) < torch.tensor([len(part) for part in parts])[:, None]


def score_piece(model: Any, text: Text, laid: Laid, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of the replies, 0 beyond their ends."""
    asked, said = laid.asked, laid.said
    x = F.embedding(laid.prompts, text.table).float()
    if laid.features is not None:
        x = x.masked_scatter(laid.pictures[..., None], laid.features)
    x = torch.cat([x[asked], F.embedding(laid.replies[said], text.table).float()])[None]
    turns = turns_of(model, positions(laid), text.table.dtype)
    x = run_layers(text, x, turns, [attention(laid, text.heads[0] != text.heads[1])] * len(text.layers))
    at, before = places(asked), places(said, int(asked.sum()))
    begins = at.gather(1, asked.sum(1, keepdim=True) - 1)[laid.of]  # the last token of the prompt predicts the first
    foretold = torch.cat([begins, before[:, :-1]], 1)[:, : said.shape[1]][said]
    logits = (logits_of(text, x[0].index_select(0, foretold)) / temperature).log_softmax(-1)
    logp = logits.gather(1, laid.replies[said][:, None]).squeeze(1)
    entropy = -(logits.detach().exp() * logits.detach()).sum(-1)
    blank = torch.zeros(said.shape)
    return blank.masked_scatter(said, logp), blank.masked_scatter(said, entropy)


def positions(laid: Laid) -> Tensor:
    """(3, 1, tokens): of all that are there, prompts first; a reply goes on where its prompt ends."""
    ends = laid.positions.masked_fill(~laid.asked, -1).amax((0, 2))[laid.of]
    replies = (ends[:, None] + 1 + torch.arange(laid.said.shape[1]))[laid.said]
    return torch.cat([laid.positions[:, laid.asked], replies.expand(3, -1)], 1)[:, None]


def places(there: Tensor, first: int = 0) -> Tensor:
    """The number of each token among those that are there, from `first`; where there is none, that of another."""
    return (there.flatten().cumsum(0).view(there.shape) - 1).clamp(min=0) + first


def attention(laid: Laid, grouped: bool) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Attention (1, heads, tokens, size) of prompts to themselves, and of replies to their prompts and themselves.
    grouped: several heads of queries share one of keys."""
    asked, said, of = laid.asked, laid.said, laid.of
    at = places(asked), places(said, int(asked.sum()))
    inside = [there.flatten().nonzero().squeeze(1) for there in (asked, said)]
    length = said.shape[1]
    own = torch.ones(length, length, dtype=torch.bool).tril().expand(len(said), -1, -1)
    seen = torch.cat([asked[of][:, None].expand(-1, length, -1), own], 2)[:, None]

    def attend(*parts: Tensor) -> Tensor:
        (q, k, v), (queries, keys, values) = ([folded(part, one) for part in parts] for one in at)
        first = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        keys, values = (torch.cat([one[of], other], 2) for one, other in ((k, keys), (v, values)))
        second = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen, enable_gqa=grouped)
        flat = [
            one.transpose(1, 2).flatten(0, 1).index_select(0, there)
            for one, there in zip((first, second), inside, strict=True)
        ]
        return torch.cat(flat).transpose(0, 1)[None]

    return attend


def folded(part: Tensor, at: Tensor) -> Tensor:
    """(1, heads, tokens, size) -> (rows, heads, length, size), of the tokens `at` (rows, length)."""
    return part[0].transpose(0, 1).index_select(0, at.flatten()).unflatten(0, at.shape).transpose(1, 2)
