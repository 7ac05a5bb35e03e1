"""Muon for a CPU: torch's optimizer iterates in bfloat16, which takes ten times as long as float32 where the CPU has no
instructions for it (8.4 of the 13 seconds of a step).
"""

import math
from typing import Any

import torch
from torch import Tensor

from ovt.train.qwen import native_half


class Float32Muon(torch.optim.Muon):
    """torch.optim.Muon, with Nesterov momentum and "original" rates, whose iteration is in float32."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for weight in (one for one in group["params"] if one.grad is not None):
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                mean = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
                wanted = orthogonal(weight.grad.lerp(mean, group["momentum"]), group)
                tall = math.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(wanted, alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor, group: dict[str, Any]) -> Tensor:
    """The matrix with its singular values brought near 1, by the group's number of Newton-Schulz iterations."""
    a, b, c = group["ns_coefficients"]
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


def make_muon(weights: list[torch.nn.Parameter]) -> torch.optim.Muon:
    """Muon in the numbers that this CPU is fast in."""
    kind = torch.optim.Muon if native_half() == torch.bfloat16 else Float32Muon
    return kind(weights, lr=0.0, weight_decay=0.01, momentum=0.95)
