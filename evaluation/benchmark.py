"""A public benchmark: where its rows are, what they mean, how they are asked, and its own rules of scoring.

Benchmark("mathvista", …)       one file in benchmarks/, or a package's entry point in `ovt.benchmarks`
  read(row) -> Item             a row in the benchmark's own schema
  prompts                       named ways to ask: official, and those of the evaluation kits
  rules                         named ways to score: the official one first; deterministic, pure, no model asked
  variants                      its subsets ("mathvista:testmini"); the name alone means the first

benchmark, variant = find_benchmark("mmmu-pro:vision")
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.hashing import hash_json
from ovt.core.registry import BENCHMARKS
from ovt.core.text import did_you_mean

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Item:
    """One question of a benchmark.

    id        the benchmark's own
    gold      what the verifier compares with: a letter where `choices` are given and the benchmark's gold is one
    choices   option texts; None for an open question, and where the options are only letters in the picture
    cluster   items with the same one are about the same figure or problem, and not independent
    groups    group → this item's value, or several of them
    images    cells in the order of <image 1>, <image 2>, …
    row       the row as it came, for the prompts and the rules
    """

    id: str
    question: str
    gold: str
    choices: tuple[str, ...] | None
    cluster: str
    groups: Mapping[str, str | tuple[str, ...]]
    images: tuple[Any, ...]
    row: Row

    def question_id(self, benchmark: str) -> str:
        """First 16 hex digits of sha256 over the benchmark and the item's id: the same for every way to ask it."""
        return hash_json([benchmark, self.id])[:16]


class Said(NamedTuple):
    """A reply to an item, as a rule gets it.

    extraction   the answer that a kit's model has extracted from it, where the file has one
    verdict      what a judge said of it, in the benchmark's own words, where the file has that
    """

    response: str
    extraction: str | None = None
    verdict: str | None = None


class Ruling(NamedTuple):
    """A rule's verdict. right is None where the rule needs a model's opinion that is missing.

    luck: what the official code adds by guessing (the nearest option, a random one), as an expected share; `right`
    leaves it out.
    """

    answer: str | None
    right: bool | None
    luck: float = 0.0


@dataclass(frozen=True)
class Rule:
    """A way to score a reply, and what it is, in a sentence."""

    name: str
    about: str
    judge: Callable[[Item, Said], Ruling]


@dataclass(frozen=True)
class Prompt:
    """A named way to ask. ask: an item → the user's turn, with `<image k>` where images go, else they come first.

    sampling: the kit's own settings, as in `[sampling]`, over the defaults. rule: the rule that goes with it.
    """

    about: str
    ask: Callable[[Item], str]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    rule: str = "official"


@dataclass(frozen=True)
class Part:
    """A piece of a benchmark on the Hub. name: what tells its rows from another part's, where their ids are equal;
    revision: the commit that is read, so that everyone reads the same rows; None: the newest."""

    path: str
    split: str
    config: str | None = None
    name: str = ""
    revision: str | None = None


@dataclass(frozen=True)
class Variant:
    """The parts of a benchmark that are evaluated together, and their number of rows."""

    parts: tuple[Part, ...]
    rows: int


@dataclass(frozen=True)
class Benchmark:
    """See the module.

    example     a row in its schema, made up, without images
    known_bad   golds that are known to be wrong or unreadable, and why, by id
    further     more scores than accuracies (HallusionBench's fAcc), from a table with `right` and a column per group
    """

    name: str
    title: str
    license: str
    url: str
    variants: Mapping[str, Variant]
    read: Callable[[Row, Part], Item]
    prompts: Mapping[str, Prompt]
    rules: tuple[Rule, ...]
    groups: tuple[str, ...] = ()
    example: Row = field(default_factory=dict)
    headline: str = "accuracy"
    known_bad: Mapping[str, str] = field(default_factory=dict)
    further: Callable[[pl.DataFrame], dict[str, float]] | None = None

    @property
    def default(self) -> str:
        return next(iter(self.variants))

    def rule(self, name: str) -> Rule:
        """The rule of that name; RecipeError naming the known ones."""
        named = {rule.name: rule for rule in self.rules}
        return named[_known(name, named, f"a rule of {self.name}")]

    def prompt(self, name: str) -> Prompt:
        """The prompt of that name; RecipeError naming the known ones."""
        return self.prompts[_known(name, self.prompts, f"a prompt of {self.name}")]


def find_benchmark(name: str) -> tuple[Benchmark, str]:
    """(benchmark, variant) of "mathvista" or "mathvision:testmini". RecipeError with the nearest known name."""
    first, _, variant = name.strip().partition(":")
    benchmark: Benchmark = BENCHMARKS.get(first)
    return benchmark, _known(variant or benchmark.default, benchmark.variants, f"a subset of {first}")


def benchmark_title(name: str) -> str:
    """The name with its subset: "emma:mini", "mathvista:testmini" for "mathvista"."""
    benchmark, variant = find_benchmark(name)
    return f"{benchmark.name}:{variant}"


def benchmark_names(names: str) -> list[str] | None:
    """The names in "mathvista,emma:mini"; None if the first is not a benchmark, so they mean something else."""
    listed = [name.strip() for name in names.split(",")]
    known = BENCHMARKS.names()
    if listed[0].partition(":")[0] not in known:
        return None
    for name in listed:
        find_benchmark(name)
    return listed


def _known(name: str, known: Mapping[str, Any], what: str) -> str:
    if name not in known:
        hint = did_you_mean(name, known, f"choose one of {', '.join(known)}")
        raise RecipeError(f"{name[:40]!r} is not {what}; {hint}")
    return name


def prompt_hash(texts: Sequence[str]) -> str:
    """First 12 hex digits of sha256 over the prompts as they are sent, in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()[:12]
