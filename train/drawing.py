"""Draws the next token of each reply by its own temperature, top_k, top_p and random numbers: a reply depends on its
request, and not on its neighbours in a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ovt.curate.endpoints.embedded import Row


def choose(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    """Sample the next token of each row by its own temperature, top_k, top_p and random numbers."""
    temperature = torch.tensor([max(row.temperature, 1e-6) for row in rows], dtype=torch.float64)[:, None]
    scaled = logits.double() / temperature
    for i, row in enumerate(rows):
        if 0 < row.top_k < scaled.shape[1]:
            scaled[i][scaled[i] < scaled[i].topk(row.top_k).values[-1]] = -torch.inf
    probs = scaled.softmax(-1)
    tokens = draw(probs, rows)
    outside = outside_nucleus(probs, tokens, rows)
    if outside:
        # Resampling within the nucleus gives the same distribution as sorting every row first, and is faster.
        tokens[outside] = draw(nucleus(probs[outside], [rows[i] for i in outside]), [rows[i] for i in outside])
    greedy = torch.tensor([row.temperature <= 0 for row in rows])
    return torch.where(greedy, logits.argmax(-1), tokens).tolist()


def draw(probs: Tensor, rows: Sequence[Row]) -> Tensor:
    """A token for each row, by the next of its random numbers."""
    total = probs.cumsum(-1)
    at = torch.tensor([row.random.random() for row in rows], dtype=torch.float64)[:, None] * total[:, -1:]
    return torch.searchsorted(total, at, right=True).squeeze(1).clamp(max=probs.shape[1] - 1)


def outside_nucleus(probs: Tensor, tokens: Tensor, rows: Sequence[Row]) -> list[int]:
    """The rows whose token is outside the top_p nucleus."""
    if all(row.top_p >= 1 for row in rows):
        return []
    limits = torch.tensor([row.top_p if row.top_p < 1 else 2.0 for row in rows], dtype=torch.float64)
    above = (probs * (probs > probs.gather(1, tokens[:, None]))).sum(-1)
    return (above >= limits).nonzero().flatten().tolist()


def nucleus(probs: Tensor, rows: Sequence[Row]) -> Tensor:
    """The probabilities with all tokens outside top_p set to zero."""
    ordered, order = probs.sort(-1, descending=True)
    limits = torch.tensor([row.top_p for row in rows], dtype=torch.float64)[:, None]
    ordered = ordered.masked_fill(ordered.cumsum(-1) - ordered >= limits, 0.0)
    return torch.zeros_like(probs).scatter(1, order, ordered)
