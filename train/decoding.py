"""Samples replies from a Qwen2.5-VL on a CPU for a batch of prompts: one prefill, then one token per row at a time.

Each row has its own random generator, so a reply depends on its request and not on its neighbours. Prompts are padded
on the left; a prompt that is wanted n times is processed once; finished rows leave the batch. transformers reads the
prompts; the tokens after that are plain tensor arithmetic (qwen.py) over a cache that is written in place,
twice as fast as transformers' own on a small model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, Qwen2_5_VLForConditionalGeneration

from ovt.curate.endpoints.embedded import Row, advance
from ovt.train.drawing import choose
from ovt.train.qwen import Text, logits_of, run_layers, text_of, turns_of

SHRINK_BELOW = 0.75  # share of rows still running at which the finished ones are taken out of the batch
ROOM = 64  # tokens by which the cache grows


@dataclass(frozen=True)
class Prompt:
    """Token ids (visual tokens included), and the patches (p, d) and grids (images, 3) of its images."""

    ids: list[int]
    patches: Tensor | None = None
    grids: Tensor | None = None


@dataclass(frozen=True)
class Vocabulary:
    """The parts of a tokenizer that sampling needs: the token ids that end a reply, ids as text, and the ids that are
    never sampled."""

    ends: frozenset[int]
    decode: Callable[[list[int]], str]
    never: tuple[int, ...] = ()


@dataclass
class Cache:
    """What the rows of a batch have read so far.

    keys, values   of each layer, (rows, heads, room, size), of which the first `length` tokens are filled
    bias           (rows, 1, 1, room): -inf at padding, else 0
    position       (rows,): of the next token
    """

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor
    position: Tensor
    length: int

    def pick(self, rows: Tensor) -> None:
        """Keeps only these rows, or repeats them."""
        self.keys, self.values = [one[rows] for one in self.keys], [one[rows] for one in self.values]
        self.bias, self.position = self.bias[rows], self.position[rows]

    def make_room(self) -> None:
        """Makes room for at least one more token."""
        if self.length == self.bias.shape[-1]:
            self.keys = [F.pad(one, (0, 0, 0, ROOM)) for one in self.keys]
            self.values = [F.pad(one, (0, 0, 0, ROOM)) for one in self.values]
            self.bias = F.pad(self.bias, (0, ROOM))

    def attend(self, layer: int, window: int | None, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Adds a token's key and value, and attends to all in the window."""
        end = self.length + 1
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, self.length : end], values[:, :, self.length : end] = k, v
        seen = slice(max(0, end - window) if window else 0, end)
        grouped = q.shape[1] != k.shape[1]
        return F.scaled_dot_product_attention(
            q, keys[:, :, seen], values[:, :, seen], attn_mask=self.bias[..., seen], enable_gqa=grouped
        )


def positions_of(model: Qwen2_5_VLForConditionalGeneration, ids: Tensor, mask: Tensor, grids: Tensor | None) -> Tensor:
    """Positions (3, rows, length) of padded rows, as Qwen2.5-VL counts them."""
    if grids is None:
        return (mask.cumsum(-1) - 1).clamp(min=0).expand(3, -1, -1)
    pictures = (ids == model.config.image_token_id).int()
    qwen: Any = model.model  # its annotations name dtypes, which type checkers cannot know
    return qwen.get_rope_index(ids, pictures, image_grid_thw=grids, attention_mask=mask)[0]


def prefill(
    model: Qwen2_5_VLForConditionalGeneration, prompts: Sequence[Prompt], pad: int, dtype: torch.dtype
) -> tuple[Tensor, Cache]:
    """Process all prompts: logits of the next token, and the cache."""
    length = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), length), pad)
    mask = torch.zeros_like(ids)
    for i, prompt in enumerate(prompts):
        ids[i, length - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[i, length - len(prompt.ids) :] = 1
    grids = [prompt.grids for prompt in prompts if prompt.grids is not None]
    patches = [prompt.patches for prompt in prompts if prompt.patches is not None]
    seen = {"pixel_values": torch.cat(patches), "image_grid_thw": torch.cat(grids)} if grids else {}
    positions = positions_of(model, ids, mask, torch.cat(grids) if grids else None)
    told = DynamicCache()  # whole, whatever a layer's window
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=told, use_cache=True,
                logits_to_keep=1, **seen)  # fmt: skip
    layers: Any = told.layers
    bias = torch.zeros(mask.shape, dtype=dtype).masked_fill(mask == 0, -torch.inf)[:, None, None]
    cache = Cache([one.keys.to(dtype) for one in layers], [one.values.to(dtype) for one in layers], bias,
                  positions.amax((0, 2)) + 1, length)  # fmt: skip
    return out.logits[:, -1], cache


@torch.inference_mode()
def generate(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    rows: Sequence[Row],
    vocabulary: Vocabulary,
    finished: Callable[[Row], None] = lambda row: None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Run every row to its end; `finished` is called with each one as soon as it ends."""
    logits, cache = prefill(model, prompts, min(vocabulary.ends), dtype)
    text = text_of(model, dtype)
    live = list(rows)
    picked = torch.tensor([row.prompt for row in live])
    if picked.tolist() != list(range(len(prompts))):
        cache.pick(picked)
        logits = logits[picked]
    while True:
        if vocabulary.never:
            logits[:, vocabulary.never] = -torch.inf
        tokens = choose(logits, live)
        for row, token in zip(live, tokens, strict=True):
            if row.finish is None:
                advance(row, token, vocabulary.ends, vocabulary.decode)
                if row.finish is not None:
                    finished(row)
        left = [i for i, row in enumerate(live) if row.finish is None]
        if not left:
            return
        if len(left) < SHRINK_BELOW * len(live):
            cache.pick(torch.tensor(left))
            live, tokens = [live[i] for i in left], [tokens[i] for i in left]
        logits = decode(model, text, cache, torch.tensor(tokens))


def decode(model: Qwen2_5_VLForConditionalGeneration, text: Text, cache: Cache, tokens: Tensor) -> Tensor:
    """The logits (rows, vocabulary) after one more token of each row, which goes into the cache."""
    cache.make_room()
    turns = turns_of(model, cache.position.expand(3, 1, -1).transpose(1, 2), text.table.dtype)
    attends = [partial(cache.attend, at, layer.window) for at, layer in enumerate(text.layers)]
    x = run_layers(text, F.embedding(tokens, text.table).float()[:, None], turns, attends)
    cache.length += 1
    cache.position = cache.position + 1
    return logits_of(text, x[:, 0])
