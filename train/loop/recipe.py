"""A loop's recipe: one TOML file for every iteration of data, SFT, RL and evaluation.

    name = "pocket-loop"
    base = "pocket"
    curate = "pocket"            # a recipe by name or path, or its tables, [curate.reason] and so on
    [sft]
    learning_rate = 1e-3
    [[rl]]                       # one table per RL stage, each from the model of the one before
    max_steps = 60
    [evaluate]
    sources = [{ path = "pocket:figures", seed = 900, limit = 500 }]
    [[iterations]]               # one table per iteration, merged over the tables above
    [[iterations]]
    curate.sources = [{ path = "pocket:figures", seed = 2, limit = 1000 }]

From the second iteration on, the previous iteration's RL model reasons, and sees the images (paper, v1 and v3).
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from ovt.core.errors import RecipeError
from ovt.core.section import Section, added_later, nearest_key, read_section, set_key
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.recipe import Name, Recipe, load_tree
from ovt.evaluation.benchmark import find_benchmark
from ovt.evaluation.question_set import QuestionSet
from ovt.train.settings import RlSection, SftSection, check_trainer

PREVIOUS = "previous"  # the endpoint of the model trained in the previous iteration


class GateSection(Section):
    """How an iteration must compare with the previous one (the first one: with the base), or the loop stops.

    enabled: false lets every iteration pass; the report is still written.
    max_drop: how far accuracy may fall, on the held-out questions and on each benchmark, as a share (0.02: two points);
        unset: to the lower end of the 95% interval of the previous accuracy.
    min_format_valid, max_truncated: shares of answers.
    max_words_ratio: how much longer or shorter answers may get, as a factor of their mean words.
    max_behaviour_drift: change of behaviour cues per 1,000 words, added up over the families. Words and behaviours are
        not compared with the base, which SFT is meant to change.
    """

    enabled: bool = True
    max_drop: NonNegativeFloat | None = None
    min_format_valid: float = Field(0.9, ge=0, le=1)
    max_truncated: float = Field(0.1, ge=0, le=1)
    max_words_ratio: float = Field(3.0, ge=1)
    max_behaviour_drift: PositiveFloat = 50.0


class LoopBenchmark(Section):
    """A benchmark that each model of the loop is evaluated on. data: a file or folder with its rows [the Hub's]."""

    name: str
    prompt: str = "official"
    data: str | None = None
    limit: PositiveInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _known(self) -> "LoopBenchmark":
        try:
            find_benchmark(self.name)[0].prompt(self.prompt)
        except RecipeError as error:
            raise ValueError(str(error)) from None
        return self


class LoopQuestions(QuestionSet):
    """The held-out questions, and benchmarks beside them: "mathvista", or {name, prompt, data, limit}."""

    benchmarks: tuple[LoopBenchmark, ...] = added_later(())


class ServingSection(Section):
    """How the loop's models are served, for evaluation and for the next iteration's data.

    endpoint: {model} in its base_url or model stands for the folder with the weights, {name} for the name of the run.
    command: starts a server for the model before it is needed, and is stopped after; unset: nothing is started.
    ready_s: seconds for the server to list its models.
    """

    endpoint: EndpointSection = EndpointSection(base_url="embedded:{model}", model="{name}", max_concurrency=128)
    command: str | None = None
    ready_s: PositiveInt = 1200

    @field_validator("command")
    @classmethod
    def _words(cls, command: str | None) -> str | None:
        if command is not None and not shlex.split(command):
            raise ValueError("it is empty: give the server's command line, or leave it out")
        return command


class Iteration(Section):
    """One complete iteration: its data, its SFT from the base (false: RL starts from the base), and its RL stages."""

    curate: Recipe
    sft: SftSection | None = SftSection()
    rl: list[RlSection] = Field(default_factory=list)

    @field_validator("sft", mode="before")
    @classmethod
    def _without(cls, sft: Any) -> Any:
        return None if sft is False else sft

    @model_validator(mode="after")
    def check_trains(self) -> "Iteration":
        if not self.sft and not self.rl:
            raise ValueError("it trains nothing, without SFT and without RL: add [[rl]], or leave out sft = false")
        return self


SHARED = tuple(Iteration.model_fields)  # tables that may stand above all iterations


class LoopRecipe(Section):
    """A loop, with every iteration spelled out."""

    name: Name
    base: str
    serving: ServingSection = ServingSection()
    evaluate: LoopQuestions
    gate: GateSection = GateSection()
    iterations: list[Iteration] = Field(min_length=1)

    @model_validator(mode="after")
    def check_previous(self) -> "LoopRecipe":
        """The first iteration has no previous model."""
        if any(reasoner.endpoint == PREVIOUS for reasoner in self.iterations[0].curate.reasoners):
            raise ValueError(f'the first iteration has no model before it: its reason.endpoint cannot be "{PREVIOUS}"')
        return self


def load_loop(path: str | Path, overrides: Iterable[str] = ()) -> LoopRecipe:
    """The loop in the TOML file at `path` (or shipped under that name). Raises RecipeError as recipes do."""
    where, tree = load_tree(path)
    if {"reason", "endpoints"} & tree.keys():
        raise RecipeError(
            f"{where} is a recipe for data alone: give it to `ovt curate build`, or name it as a loop's `curate`"
        )
    if "curate" in tree:  # first, so that overrides also apply to a recipe given by name
        tree["curate"] = curate_tree(tree["curate"])
    for override in overrides:
        set_key(tree, override)
    known = {*LoopRecipe.model_fields, *SHARED}
    if unknown := next((key for key in tree if key not in known), None):
        raise RecipeError(f"{where}: {unknown} is not a known key; {nearest_key(unknown, known)}")
    recipe = read_section(LoopRecipe, spell_out(tree), where)
    for iteration in recipe.iterations:  # before the first one calls a model
        for settings in (iteration.sft, *iteration.rl):
            if settings is not None:
                check_trainer(settings)
    return recipe


def spell_out(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with the shared tables merged into each iteration and removed."""
    shared = {key: tree[key] for key in SHARED if key in tree}
    shared["curate"] = curate_tree(shared.get("curate", {}))
    whole = {key: value for key, value in tree.items() if key not in shared}
    name = str(tree.get("name", ""))
    iterations = tree.get("iterations", [{}])
    if isinstance(iterations, list):
        whole["iterations"] = [one_iteration(shared, own, name, at) for at, own in enumerate(iterations, 1)]
    return whole


def curate_tree(curate: Any) -> dict[str, Any]:
    """A curation recipe's tree, given inline, by name or by path."""
    tree = load_tree(curate)[1] if isinstance(curate, str) else curate
    if not isinstance(tree, Mapping):
        raise RecipeError(f"curate is {tree!r:.80}: expected a recipe's name or path, or its tables: [curate.reason] …")
    return dict(tree)


def one_iteration(shared: dict[str, Any], own: Any, loop: str, number: int) -> Any:
    """The tree of iteration `number`: the shared tables, the paper's changes from the second on, and its own."""
    if not isinstance(own, Mapping):
        return own
    own = {**own, "curate": curate_tree(own["curate"])} if "curate" in own else own
    own = {**own, "rl": stages_over(shared.get("rl"), own["rl"])} if "rl" in own else own
    tree = shared if number == 1 else lay_over(shared, {"curate": sees_images(shared["curate"])})
    tree = lay_over(tree, own)
    named = lay_over(tree["curate"], {"name": f"{loop}-{number}"})
    if number > 1:  # a placeholder until the previous model has a name and a place
        named = lay_over(named, {"endpoints": {PREVIOUS: {"base_url": f"embedded:{PREVIOUS}", "model": PREVIOUS}}})
    return {**tree, "curate": {key: value for key, value in named.items() if value is not None}}


def stages_over(below: Any, above: Any) -> Any:
    """RL stages merged over the shared ones of the same number; additional ones over the last."""
    tables = isinstance(above, list) and all(isinstance(stage, Mapping) for stage in above)
    if not (tables and isinstance(below, list) and below):
        return above
    return [lay_over(below[min(at, len(below) - 1)], stage) for at, stage in enumerate(above)]


def sees_images(curate: Mapping[str, Any]) -> dict[str, Any]:
    """The changes from the second iteration on: no captions, and the previous model reasons over the images, alone,
    with the settings of the first of several reasoners."""
    data = curate.get("data")
    prompt = data.get("prompt", "") if isinstance(data, Mapping) else ""
    several = curate.get("reason")
    first = several[0] if isinstance(several, list) and several and isinstance(several[0], dict) else {}
    return {"caption": None, "reason": {**first, "endpoint": PREVIOUS, "see": "image", "prompt": prompt}}


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: tables are merged key by key, anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = lay_over(merged[key], value) if both else value
    return merged
