"""A benchmark as questions that a model can be asked: its rows, a prompt, pictures scaled to a size, its sampling.

    posed, settings = pose("mathvista", How(prompt="openvlthinker", data="MathVista/"), ("k=4",), session)

`<image k>` stands where the benchmark puts it; the question is the whole prompt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import PositiveInt

from ovt.core.errors import RecipeError
from ovt.core.section import read_section, set_key
from ovt.curate.run import Session
from ovt.evaluation.benchmark import Benchmark, find_benchmark, prompt_hash
from ovt.evaluation.question_set import EvaluateSection
from ovt.evaluation.results import AskedBenchmark, Posed
from ovt.evaluation.rows import Loaded, choose, load_items, to_questions
from ovt.evaluation.vision import altered

MAX_PIXELS = 1_003_520  # 1,280 visual tokens of Qwen2.5-VL: about a megapixel


class BenchmarkSection(EvaluateSection):
    """`EvaluateSection` for a benchmark, whose prompt has a name instead. max_pixels: larger images are scaled down."""

    max_pixels: PositiveInt = MAX_PIXELS


@dataclass(frozen=True)
class How:
    """How a benchmark is asked.

    prompt    one of its prompts; images: a mode of `vision.py`
    data      a file or folder that holds its rows, instead of the Hub; or "@main", a revision of the Hub's dataset
    stratify  whether a limit takes the same share of each value of its first group
    """

    prompt: str = "official"
    images: str = "real"
    data: str | None = None
    stratify: bool = False

    @property
    def marks(self) -> list[str]:
        """What the default name of an evaluation says of this."""
        return [value for value, usual in ((self.prompt, "official"), (self.images, "real")) if value != usual]


def pose(name: str, how: How, overrides: Iterable[str], session: Session) -> tuple[Posed, EvaluateSection]:
    """The questions of a benchmark, and how they are sampled: by the prompt's own settings, then `overrides`."""
    benchmark, variant = find_benchmark(name)
    prompt = benchmark.prompt(how.prompt)
    section = _section(dict(prompt.sampling), overrides, name)
    session.progress.begin("import")
    loaded = load_items(benchmark, variant, how.data)
    loaded = Loaded(choose(loaded.items, session.limit, group_of(benchmark, how)), loaded.places, loaded.revision)
    questions = altered(
        to_questions(loaded, benchmark, how.prompt, session.home, section.max_pixels), how.images, session.home
    )
    if blind := questions.filter(pl.col("images").list.len() == 0).height:
        session.progress.notes += (f"{name}: {blind:,} of {len(questions):,} questions have no picture",)
    asked = AskedBenchmark(
        name=benchmark.name,
        variant=variant,
        prompt=how.prompt,
        prompt_hash=prompt_hash(questions["question"].to_list()),
        rule=prompt.rule,
        images=how.images,
        max_pixels=section.max_pixels,
        data=loaded.revision,
    )
    items = {item.question_id(benchmark.name): item for item in loaded.items}
    settings = EvaluateSection(**section.model_dump(include=set(EvaluateSection.model_fields)))
    return Posed(questions, asked, items), settings


def group_of(benchmark: Benchmark, how: How) -> str | None:
    """The group of whose values a limit takes the same share, if asked to. RecipeError if there is none."""
    if how.stratify and not benchmark.groups:
        raise RecipeError(f"stratify: {benchmark.name} has no groups to stratify by; evaluate it without")
    return benchmark.groups[0] if how.stratify else None


def _section(sampling: dict[str, Any], overrides: Iterable[str], name: str) -> BenchmarkSection:
    tree: dict[str, Any] = {"prompt": "{question}", "sampling": sampling}
    for override in overrides:
        if override.partition("=")[0].strip() == "prompt":
            raise RecipeError(f"--set {override[:40]}: {name} has named prompts; choose one with --prompt")
        set_key(tree, override)
    return read_section(BenchmarkSection, tree, name)
