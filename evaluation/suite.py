"""What one command evaluates: benchmarks by name, each with each kind of pictures; or a set of them, in a file.

    benchmarks = ["mathvista", "mathvision:testmini"]        # openvlthinker/benchmarks.toml
    prompt = "openvlthinker"

A set with the paper's prompt is shown beside the paper's figures (arXiv 2503.17352, read off its bar chart).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import Field

from ovt.core.errors import RecipeError
from ovt.core.home import Home
from ovt.core.registry import BENCHMARKS, SOURCES
from ovt.core.report import Report, Table, names, numbers
from ovt.core.section import Section, read_section
from ovt.curate.recipe import load_tree, shipped_recipes
from ovt.evaluation.benchmark import benchmark_names, benchmark_title, find_benchmark
from ovt.evaluation.compare import vision_report
from ovt.evaluation.posing import How, group_of
from ovt.evaluation.question_set import default_name
from ovt.evaluation.results import Evaluation, headline
from ovt.evaluation.scores import percent
from ovt.evaluation.vision import image_modes

# OpenVLThinker v1.2, and its base Qwen2.5-VL-7B, in points of accuracy.
PAPER: Mapping[str, tuple[float, float]] = {
    "mathvista": (72.3, 68.5),
    "mathverse": (50.3, 46.8),
    "mathvision": (25.9, 24.0),
    "mmmu-pro": (42.9, 42.3),
    "emma": (26.8, 21.5),
    "hallusionbench": (69.1, 67.5),
}


class SuiteSection(Section):
    """A set of benchmarks. prompt: how they are asked; images: modes of `vision.py`."""

    benchmarks: list[str] = Field(min_length=1)
    prompt: str = "official"
    images: str = "real"


@dataclass(frozen=True)
class Member:
    """One evaluation: a benchmark or a question set, and how it is asked."""

    questions: str
    how: How | None = None


@dataclass(frozen=True)
class Suite:
    """The evaluations of one command. modes: of the pictures."""

    members: tuple[Member, ...]
    modes: tuple[str, ...] = ("real",)

    def name_of(self, member: Member, name: str | None) -> str | None:
        """The name of a member's evaluation: `name` itself if it is the only one, else followed by the member."""
        if name is None or len(self.members) == 1:
            return name
        modes = [member.how.images] if member.how and len(self.modes) > 1 else []
        return default_name(name, "-".join([member.questions, *modes]))

    def reports(self, done: Sequence[Evaluation], home: Home) -> Iterator[Report]:
        """What the members' evaluations show together: whether the model looks, and the paper's table."""
        count = len(self.modes)
        for start in range(0, len(done), count) if count > 1 and "real" in self.modes else ():
            yield vision_report(dict(zip(self.modes, done[start : start + count], strict=True)), home)
        if self.is_the_papers:
            yield paper_report(done)

    @property
    def titles(self) -> list[str]:
        """ "emma:mini" for each member that is a benchmark."""
        named = [name for one in self.members for name in benchmark_names(one.questions) or ()]
        return [benchmark_title(name) for name in named]

    @property
    def is_the_papers(self) -> bool:
        """Whether all six are asked with one of the paper's prompts."""
        asked = {one.questions.partition(":")[0] for one in self.members if one.how and _papers(one.how.prompt)}
        return set(PAPER) <= asked


def _papers(prompt: str) -> bool:
    return prompt.startswith("openvlthinker")


def suite_of(
    questions: str, prompt: str | None, images: str | None, data: str | None = None, stratify: bool = False
) -> Suite:
    """The evaluations that `questions` refers to: benchmarks by name, a file that names some, or a question set.

    RecipeError if a benchmark or its prompt is not known, or it has no groups to stratify by, before anything is asked.
    """
    listed, settings = benchmark_names(questions), None
    if listed is None and (questions.endswith(".toml") or questions in dict(shipped_recipes())):
        where, tree = load_tree(questions)
        settings = read_section(SuiteSection, tree, where) if "benchmarks" in tree else None
        listed = benchmark_names(",".join(settings.benchmarks)) if settings else None
        if settings and listed is None:
            find_benchmark(settings.benchmarks[0])
    if listed is None:
        _refuse_misspelt(questions)
        plain = prompt is None and images is None and data is None and not stratify
        return Suite((Member(questions, None if plain else How(prompt or "", images or "", data, stratify)),))
    chosen = prompt or (settings.prompt if settings else "official")
    modes = image_modes(images or (settings.images if settings else "real"))
    if len(listed) > 1 and data is not None:
        raise RecipeError(f"--data {data[:60]} has the rows of one benchmark: evaluate {', '.join(listed)} one by one")
    for name in listed:
        benchmark = find_benchmark(name)[0]
        benchmark.prompt(chosen)
        group_of(benchmark, How(stratify=stratify))
    members = (Member(name, How(chosen, mode, data, stratify)) for name in listed for mode in modes)
    return Suite(tuple(members), tuple(modes))


def _refuse_misspelt(questions: str) -> None:
    """RecipeError for what is not a file, recipe or source, but looks like a benchmark's name."""
    name = questions.partition(",")[0].partition(":")[0]
    elsewhere = Path(questions).expanduser().exists() or questions in dict(shipped_recipes()) or name in SOURCES
    if not elsewhere and re.fullmatch(r"[A-Za-z0-9_-]+", name) and get_close_matches(name, BENCHMARKS.names()):
        find_benchmark(questions.partition(",")[0])


def paper_report(done: Sequence[Evaluation]) -> Report:
    """A model's evaluations beside the paper's figures."""
    rows = []
    for one in done:
        asked = one.asked.benchmark
        if asked and asked.name in PAPER and one.benchmark:
            rule = percent(one.benchmark.readings["official"].accuracy)
            v12, base = PAPER[asked.name]
            rows.append((asked.title, str(headline(one)), rule, f"{v12}%", f"{base}%"))
    columns = [*names("benchmark"), *numbers("ours", "its rule", "OpenVLThinker v1.2", "Qwen2.5-VL-7B")]
    keys = ("benchmark", "ours", "rule", "paper", "paper_base")
    note = "The last two columns are the paper's, read off its bar chart; it asks MathVision's testmini."
    return Report(
        "the paper's table", [dict(zip(keys, row, strict=True)) for row in rows], [Table(columns, rows), note]
    )
