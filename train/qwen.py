"""Qwen2.5-VL's text model as plain tensor arithmetic, for small models on a CPU, where the time goes into what a
framework does around each operation: used by the sampler (decoding.py) and by what learns from its replies
(log_probs.py). A test compares both with transformers' own forward.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values (rows, heads, length, size) -> the heads' outputs, of the queries' shape."""
Projection = tuple[Tensor, Tensor | None]
"""A matrix and its bias."""
JOINED = 50_000_000  # parameters below which copying matrices, to multiply them at once, costs less than it saves


class Layer(NamedTuple):
    """The weights of a decoder layer. window: the tokens that it looks back at, its own included (None: all)."""

    before: Tensor
    qkv: list[Projection]
    out: Tensor
    after: Tensor
    gate_up: list[Projection]
    down: Tensor
    window: int | None


class Text(NamedTuple):
    """The weights of a text model and its head, and what else its arithmetic needs. heads: of queries, of keys."""

    table: Tensor
    layers: list[Layer]
    norm: Tensor
    head: Tensor
    heads: tuple[int, int]
    eps: float
    act: Callable[[Tensor], Tensor]


def is_plain(model: Any) -> bool:
    """Whether a model is a Qwen2.5-VL on a CPU as transformers has it: no adapters, nothing quantized or sharded, no
    window on attention and no dropout."""
    if type(model) is not Qwen2_5_VLForConditionalGeneration:
        return False
    config: Any = model.config.get_text_config()
    full = set(config.layer_types) == {"full_attention"} and not config.attention_dropout
    linear = all(type(layer) is torch.nn.Linear for name, layer in model.named_modules() if name.endswith("_proj"))
    return full and linear and all(weight.device.type == "cpu" for weight in model.parameters())


def native_half() -> torch.dtype:
    """bfloat16 on a CPU with instructions for it, else float32: without them it takes several times as long."""
    can = getattr(torch.cpu, "get_capabilities", dict)()  # in later releases
    return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") or can.get("bf16") else torch.float32


def text_of(model: Any, dtype: torch.dtype) -> Text:
    """A plain model's weights as they are now; what is computed from them is differentiable where gradients are on."""
    text = model.model.language_model
    config = text.config
    small = sum(weight.numel() for weight in text.parameters()) < JOINED
    return Text(
        text.embed_tokens.weight.to(dtype),
        [_layer_of(layer, dtype, small) for layer in text.layers],
        text.norm.weight.to(dtype),
        model.lm_head.weight.to(dtype),
        (config.num_attention_heads, config.num_key_value_heads),
        config.rms_norm_eps,
        text.layers[0].mlp.act_fn,
    )


def _layer_of(layer: Any, dtype: torch.dtype, small: bool) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        layer.input_layernorm.weight.to(dtype),
        _projections([attention.q_proj, attention.k_proj, attention.v_proj], dtype, small),
        attention.o_proj.weight.to(dtype),
        layer.post_attention_layernorm.weight.to(dtype),
        _projections([mlp.gate_proj, mlp.up_proj], dtype, small),
        mlp.down_proj.weight.to(dtype),
        attention.sliding_window,
    )


def _projections(linears: list[Any], dtype: torch.dtype, joined: bool) -> list[Projection]:
    """Matrices that the same input goes through: as one, or as they are."""
    weights = [(one.weight, one.bias) for one in linears]
    if joined:
        biases = [bias for _, bias in weights if bias is not None]
        weights = [(torch.cat([weight for weight, _ in weights]), torch.cat(biases) if biases else None)]
    return [(weight.to(dtype), None if bias is None else bias.to(dtype)) for weight, bias in weights]


def _project(x: Tensor, projections: list[Projection]) -> Tensor:
    parts = [F.linear(x, weight, bias) for weight, bias in projections]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def run_layers(text: Text, x: Tensor, turns: tuple[Tensor, Tensor], attends: Sequence[Attend]) -> Tensor:
    """The residual stream (rows, length, width) after all layers, in float32.

    turns     cos and sin (rows, 1, length, size) of the positions
    attends   one per layer; a cache is the caller's
    """
    for layer, attend in zip(text.layers, attends, strict=True):
        x = _run_layer(text, layer, x, turns, attend)
    return x


def _run_layer(text: Text, layer: Layer, x: Tensor, turns: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
    rows, length, _ = x.shape
    queries, keys = text.heads
    qkv = _project(normed(x, layer.before, text.eps), layer.qkv)
    qkv = qkv.view(rows, length, queries + 2 * keys, -1).transpose(1, 2)
    turned = _turn(qkv[:, : queries + keys], *turns)
    seen = attend(turned[:, :queries], turned[:, queries:], qkv[:, queries + keys :])
    x = x + F.linear(seen.transpose(1, 2).reshape(rows, length, -1), layer.out)
    gate, up = _project(normed(x, layer.after, text.eps), layer.gate_up).chunk(2, -1)
    return x + F.linear(text.act(gate) * up, layer.down)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def normed(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMS norm of a float32 stream, in the weights' type."""
    return F.rms_norm(x, x.shape[-1:], eps=eps).to(weight.dtype) * weight


def logits_of(text: Text, x: Tensor) -> Tensor:
    """(…, width) -> (…, vocabulary) in float32."""
    return F.linear(normed(x, text.norm, text.eps), text.head).float()


def turns_of(model: Any, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """cos and sin (rows, 1, length, size) of positions (3, rows, length)."""
    cos, sin = model.model.language_model.rotary_emb(torch.zeros(1), positions)
    return cos[:, None].to(dtype), sin[:, None].to(dtype)
