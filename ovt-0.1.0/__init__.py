"""ovt: verified, versioned reasoning data for vision-language models, and a trainer on top of it.

    import ovt

    v = ovt.build("pocket", limit=20)       # caption → reason → verify → select → filter
    v.funnel()                              # where every question and sample ended, and why
    v.data("sft")                           # the kept rows, as a datasets.Dataset
    ovt.verify("x = 1/2", "0.5").outcome    # "correct"

Nothing heavy is imported before it is used. `ovt.core.errors` draws the exception tree; docs/python.md has
the tour.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ovt import train
    from ovt.api import (
        Version,
        abuild,
        aevaluate,
        agree,
        build,
        compare,
        diff,
        evaluate,
        evaluations,
        load,
        plan,
        preview,
        pull,
        rescore,
        score,
        versions,
        what_if,
    )
    from ovt.core.errors import (
        BudgetReached,
        CallError,
        EndpointError,
        GateFailed,
        OvtError,
        RecipeError,
        TooManyFailed,
    )
    from ovt.core.home import Home
    from ovt.core.registry import BENCHMARKS as benchmark
    from ovt.core.registry import EXPORTERS as exporter
    from ovt.core.registry import FILTERS as filter
    from ovt.core.registry import KINDS as kind
    from ovt.core.registry import SOURCES as source
    from ovt.core.section import Section
    from ovt.evaluation.posing import How
    from ovt.evaluation.results import Evaluation
    from ovt.verifiers import Verdict, verify, verify_many, verify_response

# name → where it lives, as "module" (same attribute name) or "module:attribute"
_PLACES = {
    **dict.fromkeys(
        (
            "Version", "abuild", "aevaluate", "agree", "build", "compare", "diff", "evaluate", "evaluations",
            "load", "plan", "preview", "pull", "rescore", "score", "versions", "what_if",
        ),
        "ovt.api",
    ),
    **dict.fromkeys(
        ("BudgetReached", "CallError", "EndpointError", "GateFailed", "OvtError", "RecipeError", "TooManyFailed"),
        "ovt.core.errors",
    ),
    **dict.fromkeys(("Verdict", "verify", "verify_many", "verify_response"), "ovt.verifiers"),
    "Evaluation": "ovt.evaluation.results",
    "Home": "ovt.core.home",
    "How": "ovt.evaluation.posing",
    "Section": "ovt.core.section",
    "benchmark": "ovt.core.registry:BENCHMARKS",
    "exporter": "ovt.core.registry:EXPORTERS",
    "filter": "ovt.core.registry:FILTERS",
    "kind": "ovt.core.registry:KINDS",
    "source": "ovt.core.registry:SOURCES",
}  # fmt: skip

__all__ = [
    "BudgetReached", "CallError", "EndpointError", "Evaluation", "GateFailed", "Home", "How", "OvtError", "RecipeError",
    "Section", "TooManyFailed", "Verdict", "Version",
    "abuild", "aevaluate", "agree", "benchmark", "build", "compare", "diff", "evaluate", "evaluations", "exporter",
    "filter", "kind", "load", "plan", "preview", "pull", "rescore", "score", "source", "train", "verify", "verify_many",
    "verify_response", "versions", "what_if",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imports the names in `__all__` on first use."""
    if name == "train":
        return import_module("ovt.train")
    if name not in _PLACES:
        raise AttributeError(f"module 'ovt' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    found = getattr(import_module(module), attribute or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
