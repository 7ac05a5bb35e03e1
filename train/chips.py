"""What accelerators can do, according to their makers: memory, and multiplications and additions in bfloat16.

The share of the latter that a training uses is its model FLOP/s utilization (MFU; Chowdhery et al., 2022, appendix B):
tokens per second times the operations of a token, which are two per parameter in the forward pass, two where gradients
pass through, and two where the parameter itself is trained. Attention's own are left out, as are those that activation
checkpointing repeats.
"""

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chip:
    """memory: bytes; flops: per second in bfloat16 (float16 where there is none), dense; of a name's larger variant."""

    memory: int
    flops: float


CHIPS = {
    name: Chip(gigabytes * 10**9, teraflops * 1e12)
    for name, gigabytes, teraflops in (
        ("a100-40", 40, 312), ("a100", 80, 312), ("h100", 80, 989), ("h200", 141, 989), ("b200", 180, 2250),
        ("gh200", 96, 989), ("mi300x", 192, 1307), ("l40s", 48, 362), ("a6000", 48, 155), ("a10g", 24, 70),
        ("l4", 24, 121), ("rtx3090", 24, 71), ("rtx4090", 24, 165), ("rtx5090", 32, 209), ("v100", 32, 125),
        ("t4", 16, 65),
    )
}  # fmt: skip


def named(name: str) -> Chip | None:
    """The chip of a device by the name that its driver gives it: "NVIDIA H100 80GB HBM3". None: not in CHIPS."""
    told = re.sub(r"rtx (?=\d)", "rtx", name.lower())
    return next((chip for key, chip in CHIPS.items() if re.search(rf"\b{key}\b", told)), None)


def flops_per_token(model: Any) -> float:
    """The operations of a token in a training step."""
    return 4 * model.num_parameters() + 2 * model.num_parameters(only_trainable=True)


def share_of_peak(model: Any, devices: int) -> float | None:
    """The MFU of one token per second on `devices` of this machine's devices; None if their peak is not known."""
    import torch

    chip = named(torch.cuda.get_device_name()) if torch.cuda.is_available() else None
    return flops_per_token(model) / (chip.flops * devices) if chip else None
