"""Pocket's forward pass for training: Qwen2.5-VL's arithmetic over one static shape, compiled; in bfloat16 where the
CPU has instructions for it, else in float32, which is several times as fast there.

All pictures are 112x112 px and every row of a batch has its picture at the same place, so positions, rotations and
masks are constants. Rows are padded on the right, where causal attention needs no mask. A test holds the result
against transformers' own forward.
"""

from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from ovt.train.qwen import native_half

GRID = 8  # patches along a side of a picture
HALF = native_half()
Rotation = tuple[Tensor, Tensor]


def to_patches(pixels: Tensor) -> Tensor:
    """(n, 112, 112, 3) uint8 -> (n, 64, 588) in [-1, 1], in the order of the image processor, one time step."""
    n = len(pixels)
    x = pixels.view(n, GRID // 2, 2, 14, GRID // 2, 2, 14, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    return x.reshape(n, GRID * GRID, -1).to(torch.float32) / 127.5 - 1


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions over (…, length, heads, size); cos and sin are (length, 1, size)."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def norm(x: Tensor, weight: Tensor) -> Tensor:
    x = x.float()
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight).to(HALF)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight.to(HALF), None if bias is None else bias.to(HALF))


def attend(qkv: Tensor, heads: int, cos: Tensor, sin: Tensor, causal: bool) -> Tensor:
    """(n, length, 3 * width) -> (n, length, width)."""
    n, length, _ = qkv.shape
    q, k, v = qkv.view(n, length, 3, heads, -1).unbind(2)
    q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    scores = (q.transpose(1, 2) @ k.permute(0, 2, 3, 1)).float() * q.shape[-1] ** -0.5
    if causal:
        scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
    out = scores.softmax(-1).to(HALF) @ v.transpose(1, 2)
    return out.transpose(1, 2).reshape(n, length, -1)


def text_layer(x: Tensor, cos: Tensor, sin: Tensor, heads: int, w: list[Tensor]) -> Tensor:
    """One decoder layer over the float32 residual stream (n, length, width)."""
    norm1, wq, wk, wv, bq, bk, bv, wo, norm2, gate, up, down = w
    qkv = linear(norm(x, norm1), torch.cat((wq, wk, wv)), torch.cat((bq, bk, bv)))
    x = x + linear(attend(qkv, heads, cos, sin, causal=True), wo)
    h = norm(x, norm2)
    return x + linear(F.silu(linear(h, gate)) * linear(h, up), down)


def vision_layer(x: Tensor, cos: Tensor, sin: Tensor, heads: int, w: list[Tensor]) -> Tensor:
    """One layer of the vision tower over (n, 64, width)."""
    norm1, wqkv, bqkv, wo, bo, norm2, gate, bgate, up, bup, down, bdown = w
    x = x + linear(attend(linear(norm(x, norm1), wqkv, bqkv), heads, cos, sin, causal=False), wo, bo)
    h = norm(x, norm2)
    return x + linear(F.silu(linear(h, gate, bgate)) * linear(h, up, bup), down, bdown)


def cross_entropy(x: Tensor, weight: Tensor, table: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of -log p(target) over (n, length) positions; `table` is the tied embedding."""
    logits = linear(norm(x, weight), table).float()
    loss = torch.logsumexp(logits, -1) - logits.gather(-1, targets[..., None]).squeeze(-1)
    return (loss * weights).sum()


def text_weights(layer) -> list[Tensor]:
    a, m = layer.self_attn, layer.mlp
    return [layer.input_layernorm.weight, a.q_proj.weight, a.k_proj.weight, a.v_proj.weight, a.q_proj.bias,
            a.k_proj.bias, a.v_proj.bias, a.o_proj.weight, layer.post_attention_layernorm.weight, m.gate_proj.weight,
            m.up_proj.weight, m.down_proj.weight]  # fmt: skip


def vision_weights(block) -> list[Tensor]:
    a, m = block.attn, block.mlp
    return [block.norm1.weight, a.qkv.weight, a.qkv.bias, a.proj.weight, a.proj.bias, block.norm2.weight,
            m.gate_proj.weight, m.gate_proj.bias, m.up_proj.weight, m.up_proj.bias, m.down_proj.weight,
            m.down_proj.bias]  # fmt: skip


def image_positions(start: int, length: int) -> Tensor:
    """(3, length) positions of a row whose 16 visual tokens begin at `start`, as Qwen2.5-VL counts them."""
    side = GRID // 2
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    picture = torch.stack((torch.zeros(side * side).long(), rows.flatten(), columns.flatten())) + start
    before = torch.arange(start).expand(3, -1)
    after = torch.arange(length - start - side * side).expand(3, -1) + start + side
    return torch.cat((before, picture, after), 1)


def text_rotation(model: Qwen2_5_VLForConditionalGeneration, length: int, picture_at: int | None) -> Rotation:
    """cos and sin (length, 1, size) of a row of text, with its picture at `picture_at` where it has one."""
    positions = torch.arange(length).expand(3, -1) if picture_at is None else image_positions(picture_at, length)
    cos, sin = model.model.language_model.rotary_emb(torch.zeros(1), positions[:, None])
    return cos[0, :, None].to(HALF), sin[0, :, None].to(HALF)


def vision_rotation(model: Qwen2_5_VLForConditionalGeneration) -> Rotation:
    """cos and sin (64, 1, size) of a picture's patches, in the order of `to_patches`."""
    cells = torch.arange(GRID).view(GRID // 2, 2)
    blocks = (GRID // 2, GRID // 2, 2, 2)
    rows, columns = cells[:, None, :, None].expand(blocks), cells[None, :, None, :].expand(blocks)
    places = torch.stack((rows.flatten(), columns.flatten()), 1)
    cos, sin = model.model.visual.rotary_pos_emb(torch.zeros(1), places)
    return cos[:, None].to(HALF), sin[:, None].to(HALF)


class Net:
    """A Qwen2.5-VL model seen as its training loss. Holds no weights of its own: gradients land on the model."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, compiled: bool = True):
        wrap = (lambda f: torch.compile(f, dynamic=True)) if compiled else (lambda f: f)
        self.text_layer, self.vision_layer, self.cross_entropy = map(wrap, (text_layer, vision_layer, cross_entropy))
        self.model = model
        self.parameters = list(model.parameters())
        self.text_parameters = list(model.model.language_model.parameters())
        self.text_rotation = cache(partial(text_rotation, model))
        self.vision_rotation = vision_rotation(model)

    def see(self, pixels: Tensor) -> Tensor:
        """(n, 112, 112, 3) uint8 -> (n, 16, width) visual tokens."""
        visual = self.model.model.visual
        cos, sin = self.vision_rotation
        kernel = visual.patch_embed.proj.weight.sum(2).flatten(1)  # both time steps of a still are equal
        x = linear(to_patches(pixels).to(HALF), kernel).float()
        for block in visual.blocks:
            x = self.vision_layer(x, cos, sin, block.attn.num_heads, vision_weights(block))
        merger = visual.merger
        x = norm(x, merger.ln_q.weight).view(len(pixels), (GRID // 2) ** 2, -1)
        return linear(F.gelu(linear(x, merger.mlp[0].weight, merger.mlp[0].bias)), merger.mlp[2].weight,
                      merger.mlp[2].bias)  # fmt: skip

    def loss(self, ids: Tensor, weights: Tensor, pixels: Tensor | None, picture_at: int | None, skip: int) -> Tensor:
        """Weighted sum of the losses of ids[:, 1:]; `weights` belongs to the targets; no target lies before `skip`."""
        text = self.model.model.language_model
        x = text.embed_tokens(ids[:, :-1])
        if pixels is not None and picture_at is not None:
            x = torch.cat((x[:, :picture_at], self.see(pixels).float(), x[:, picture_at + 16 :]), 1)
        cos, sin = self.text_rotation(x.shape[1], picture_at)
        for layer in text.layers:
            x = self.text_layer(x, cos, sin, text.config.num_attention_heads, text_weights(layer))
        return self.cross_entropy(
            x[:, skip:], text.norm.weight, text.embed_tokens.weight, ids[:, 1 + skip :], weights[:, skip:]
        )
