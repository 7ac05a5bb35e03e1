"""What plugins can add without a fork: filters, kinds of answers, sources, exporters, benchmarks and embedded models.

A package lists its additions as entry points, and is found wherever it is installed:

    [project.entry-points."ovt.filters"]
    min_words = "ovt_min_words:min_words"

A notebook or script adds to its own process with a decorator: `@ovt.filter`. Built-ins are listed in the tables
below, in entry-point form. Nothing is imported before it is requested, so an addition costs nothing to a build
that does not use it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module, metadata
from typing import Any, TypeVar, overload

from ovt.core.errors import OvtError, RecipeError
from ovt.core.text import did_you_mean

Thing = TypeVar("Thing")


@dataclass
class Registry:
    """One extension point: everything of one kind, by name.

    noun   what messages call one of them; group: the entry point group for plugins
    ours   name → "module:attribute" of the built-ins; their names are reserved
    """

    noun: str
    group: str
    ours: Mapping[str, str]
    added: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def installed(self) -> dict[str, metadata.EntryPoint]:
        """What installed packages define, by name. Raises OvtError if two use the same name, or a built-in's."""
        found: dict[str, metadata.EntryPoint] = {}
        for point in metadata.entry_points(group=self.group):
            if point.name in self.ours or (point.name in found and found[point.name].value != point.value):
                raise OvtError(
                    f"{self.noun} {point.name!r} of the package {_package(point)} uses a name that is already taken; "
                    "uninstall one of the packages that use it"
                )
            found[point.name] = point
        return found

    def names(self) -> list[str]:
        """Built-ins in order, then plugins by name."""
        return list(dict.fromkeys([*self.ours, *sorted([*self.installed, *self.added])]))

    def __contains__(self, name: str) -> bool:
        return name in self.ours or name in self.added or name in self.installed

    def get(self, name: str) -> Any:
        """What is registered as `name`, imported if needed. Raises RecipeError with the nearest known name."""
        if name in self.added:
            return self.added[name]
        if name in self.ours:
            module, _, attribute = self.ours[name].partition(":")
            return getattr(import_module(module), attribute)
        if name in self.installed:
            return self._load(self.installed[name])
        known = self.names()
        hint = did_you_mean(name, known, f"choose one of {', '.join(known)}" if known else "there are none")
        raise RecipeError(f"{name[:40]!a} is not a known {self.noun}; {hint}")

    def origin(self, name: str) -> str | None:
        """The origin of what is registered as `name`: "PACKAGE VERSION", "a script", or None for built-ins."""
        if name in self.added:
            return "a script"
        if (point := self.installed.get(name)) is None:
            return None
        return f"{point.dist.name} {point.dist.version}" if point.dist else point.value

    def _load(self, point: metadata.EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise OvtError(
                f"{self.noun} {point.name!r} of the package {_package(point)} cannot be loaded ({said}); "
                "update or uninstall that package"
            ) from error

    @overload
    def __call__(self, thing: Thing) -> Thing: ...
    @overload
    def __call__(self, *, name: str) -> Callable[[Thing], Thing]: ...
    def __call__(self, thing: Any = None, *, name: str | None = None) -> Any:
        """The decorator: registers `thing` under its own name or `name`, for this process."""
        return (lambda decorated: self._add(name, decorated)) if thing is None else self._add(name, thing)

    def _add(self, name: str | None, thing: Any) -> Any:
        name = name or getattr(thing, "name", None) or thing.__name__
        if name in self.ours or name in self.installed:
            raise OvtError(f"{self.noun} {name!r} is already taken; choose another name")
        self.added[name] = thing
        return thing


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


FILTERS = Registry(
    "filter",
    "ovt.filters",
    {
        name: f"ovt.curate.filters.{name}:apply"
        for name in ("format", "reflection", "mentions", "repetition", "length", "labels")
    },
)
EXPORTERS = Registry(
    "export format",
    "ovt.exports",
    {
        "trl": "ovt.curate.export.formats:TRL",
        "llamafactory": "ovt.curate.export.formats:LLAMAFACTORY",
        "easyr1": "ovt.curate.export.formats:EASYR1",
        "ms-swift": "ovt.curate.export.formats:SWIFT",
        "openai": "ovt.curate.export.formats:OPENAI",
        "trl-dpo": "ovt.curate.export.pairs:TRL_DPO",
        "trl-kto": "ovt.curate.export.pairs:TRL_KTO",
        "llamafactory-dpo": "ovt.curate.export.pairs:LLAMAFACTORY_DPO",
    },
)
# By NAME for paths "NAME:REST", and by file suffix; `curate/sources/source.py` documents both contracts.
SOURCES = Registry(
    "kind of source",
    "ovt.sources",
    {
        "files": "ovt.curate.sources.files:open_files",
        "package": "ovt.curate.sources.files:open_package",
        "hf": "ovt.curate.sources.hub:open_hub",
        "pocket": "ovt.pocket.figures:open_figures",
        ".parquet": "ovt.curate.sources.arrow:parquet_part",
        ".jsonl": "ovt.curate.sources.texts:jsonl_part",
        ".ndjson": "ovt.curate.sources.texts:jsonl_part",
        ".jsonl.gz": "ovt.curate.sources.texts:jsonl_part",
        ".json": "ovt.curate.sources.texts:json_part",
        ".json.gz": "ovt.curate.sources.texts:json_part",
        ".csv": "ovt.curate.sources.texts:csv_part",
        ".csv.gz": "ovt.curate.sources.texts:csv_part",
        ".tsv": "ovt.curate.sources.texts:csv_part",
        ".tsv.gz": "ovt.curate.sources.texts:csv_part",
        ".arrow": "ovt.curate.sources.arrow:arrow_part",
        ".tar": "ovt.curate.sources.archives:tar_part",
        ".tar.gz": "ovt.curate.sources.archives:tar_part",
        ".tgz": "ovt.curate.sources.archives:tar_part",
    },
)
KINDS = Registry(
    "kind of answer",
    "ovt.kinds",
    {
        name: f"ovt.verifiers.values:{name.upper()}"
        for name in (
            *("choice", "yes_no", "number", "time", "date", "range", "ratio", "quantity", "matrix", "interval"),
            *("equation", "list", "set", "tuple", "inequality", "expression", "text"),
        )
    },
)
BENCHMARKS = Registry(
    "benchmark",
    "ovt.benchmarks",
    {
        name: f"ovt.evaluation.benchmarks.{name.replace('-', '_')}:{name.replace('-', '_').upper()}"
        for name in (
            "mathvista",
            "mathverse",
            "mathvision",
            "mmmu-pro",
            "emma",
            "hallusionbench",
            "mmmu",
            "ai2d",
            "chartqa",
        )
    },
)
MODELS = Registry(
    "embedded model",
    "ovt.models",
    {
        "pocket": "ovt.pocket.engine:load",
        "pocket-vl": "ovt.pocket.engine:load",
        "transformers": "ovt.train.answering:load",
        "vllm": "ovt.curate.endpoints.offline:load",
    },
)
WEIGHTS = Registry(  # folders that can be trained on
    "model", "ovt.weights", {"pocket": "ovt.pocket:WEIGHTS", "pocket-vl": "ovt.pocket:WEIGHTS_VL"}
)
