"""Training: from a dataset version to a model, and the loop.

    run = ovt.train.sft("charts@2", "Qwen/Qwen2.5-VL-7B-Instruct", {"max_steps": 100})
    run = ovt.train.rl("charts@2", run)
    run.model, run.result, run.log, run.card

Names are imported on first use: importing this package loads neither torch nor anything else heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ovt.train.dpo_trainer import dpo
    from ovt.train.rl_trainer import rl
    from ovt.train.runs import Run, list_runs, open_run
    from ovt.train.settings import DpoSection, RlSection, SftSection
    from ovt.train.sft_trainer import sft
    from ovt.train.weights import merge

__all__ = ["DpoSection", "RlSection", "Run", "SftSection", "dpo", "list_runs", "merge", "open_run", "rl", "sft"]
HOMES = {
    "DpoSection": "settings", "RlSection": "settings", "Run": "runs", "SftSection": "settings", "dpo": "dpo_trainer",
    "list_runs": "runs", "merge": "weights", "open_run": "runs", "rl": "rl_trainer", "sft": "sft_trainer",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"ovt.train.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
