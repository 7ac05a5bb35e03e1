"""The work of a loop's steps: build, train, evaluate, compare; each returns the content of its record."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.files import write_file
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.section import to_toml
from ovt.curate.build import build
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.recipe import Recipe
from ovt.curate.run import Session
from ovt.evaluation.evaluate import evaluate, questions_hash
from ovt.evaluation.posing import How, pose
from ovt.evaluation.question_set import default_name
from ovt.evaluation.results import headline, open_evaluation, read_answers
from ovt.evaluation.scores import difference
from ovt.train.adapters import adapter_base
from ovt.train.devices import Launch
from ovt.train.loop.gate import GateReport, check, check_benchmarks, report_text
from ovt.train.loop.recipe import PREVIOUS, LoopBenchmark, LoopRecipe
from ovt.train.loop.serve import served
from ovt.train.loop.steps import BASE, Step, StepRecord
from ovt.train.models import resolve_model, weights_revision
from ovt.train.plots import plot_loop
from ovt.train.publish import renew_card
from ovt.train.runs import Run, open_run
from ovt.train.settings import RlSection, SftSection, TrainerSection
from ovt.train.training import Order, train
from ovt.train.weights import merge
from ovt.verifiers import VERSION as VERIFIER_VERSION

Outcome = dict[str, Any]  # what a step adds to its record: ref, content, numbers


def watch_nothing(step: Step, progress: Progress) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Tools:
    """The context of a loop.

    launch: how to train as a separate process under accelerate; None: in this one. rebuild: the command that
    made a version, for its card. watch: shows the progress of a step that calls models. say: receives a message at
    the start of each step.
    """

    budget: Budget = field(default_factory=Budget)
    git_commit: str | None = None
    rebuild: str = ""
    launch: Launch | None = None
    watch: Callable[[Step, Progress], AbstractContextManager[None]] = watch_nothing
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Work:
    """A loop in progress: `questions` are the held-out ones, `records` the steps done so far; base: the revision of the
    base's weights, computed once, as hashing a large model takes time."""

    recipe: LoopRecipe
    home: Home
    folder: Path
    tools: Tools
    questions: pl.DataFrame
    base: str | None
    records: dict[str, StepRecord] = field(default_factory=dict)

    def name(self, step: str) -> str:
        """The name of a step's version, run or evaluation."""
        return f"{self.recipe.name}-{step}"


def ingredients(step: Step, work: Work) -> dict[str, Any]:
    """All inputs of a step, as JSON values."""
    if step.kind == "eval":
        asked = work.recipe.evaluate.settings.model_dump(mode="json")
        ids = questions_hash(work.questions)
        made_of = {"model": content(step.model, work), "questions": ids, "evaluate": asked}
        benchmarks = [one.model_dump(mode="json") for one in work.recipe.evaluate.benchmarks]
        return made_of | {"verifier": VERIFIER_VERSION} | ({"benchmarks": benchmarks} if benchmarks else {})
    if step.kind == "gate":
        return {"before": step.before, "gate": work.recipe.gate.model_dump(mode="json")}
    iteration = work.recipe.iterations[step.iteration - 1]
    if step.kind == "data":
        writer = content(step.model, work) if step.model else None
        return {"curate": iteration.curate.model_dump(mode="json"), "model": writer, "verifier": VERIFIER_VERSION}
    settings = settings_of(step, work).model_dump(mode="json")
    data = work.records[step.data or ""].content
    return {"model": content(step.model, work), "data": data, step.kind: settings}


def settings_of(step: Step, work: Work) -> SftSection | RlSection:
    """The settings of a training step."""
    iteration = work.recipe.iterations[step.iteration - 1]
    return iteration.rl[step.stage] if step.kind == "rl" else iteration.sft or SftSection()


def content(model: str | None, work: Work) -> str | None:
    """The revision of a step's model."""
    return work.base if model == BASE else work.records[model or ""].content


def model_of(step: Step, work: Work) -> str:
    """The model that a step starts from, queries or judges: the recipe's base, or a run's name."""
    return work.recipe.base if step.model in (None, BASE) else work.records[step.model].ref or ""


def ask(step: Step, work: Work) -> AbstractContextManager[EndpointSection]:
    """The endpoint of the step's model, for the duration of a block."""
    name = model_of(step, work)
    log = work.folder / "logs" / f"{step.name}-server.log"
    folder = resolve_model(name, work.home)
    return served(work.recipe.serving, folder, Path(name).name, content(step.model, work), log)


def make_data(step: Step, work: Work) -> Outcome:
    """A version: from captions and a text reasoner, or by the previous iteration's model."""
    curate = work.recipe.iterations[step.iteration - 1].curate
    if step.model is None:
        version = build_version(curate, step, work)
    else:
        with ask(step, work) as endpoint:
            endpoints = {**curate.endpoints, PREVIOUS: endpoint}
            version = build_version(curate.model_copy(update={"endpoints": endpoints}), step, work)
    rows = version.manifest.rows
    return {"ref": version.ref, "content": version.manifest.content_hash, "numbers": dict(rows)}


def build_version(recipe: Recipe, step: Step, work: Work) -> Any:
    progress = Progress()
    with work.tools.watch(step, progress):
        return build(
            recipe,
            Session(work.home, work.tools.budget, progress, None, work.tools.rebuild, work.tools.git_commit),
        )


def train_step(step: Step, work: Work) -> Outcome:
    """An SFT or RL run, in this process or under accelerate; LoRA adapters are merged, since later steps need whole
    models."""
    data, tools = work.records[step.data or ""].ref or "", work.tools
    order = Order(
        data, model_of(step, work), settings_of(step, work), work.home, work.name(step.name),
        git_commit=tools.git_commit, again=tools.rebuild,
    )  # fmt: skip
    run = train_apart(order, tools.launch) if tools.launch else train_here(order)
    if adapter_base(str(run.model)):
        run = merge(run.name, work.home, git_commit=tools.git_commit)
    numbers = {key: value for key, value in run.record.result.items() if isinstance(value, int | float)}
    return {"ref": run.name, "content": weights_revision(str(run.model)), "numbers": numbers}


def train_here(order: Order[Any]) -> Run:
    """Trains in this process and frees its memory: on the GPU, too, the next step may need all of it."""
    import torch

    from ovt.train.rl_trainer import RL
    from ovt.train.sft_trainer import SFT

    try:
        return train(SFT if isinstance(order.settings, SftSection) else RL, order)
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def train_apart(order: Order[Any], launch: Launch) -> Run:
    """Trains in separate processes, under accelerate."""
    kind = "sft" if isinstance(order.settings, SftSection) else "rl"
    arguments = ["train", kind, order.data, "--model", order.model, "--name", str(order.name)]
    arguments += ["--home", str(order.home.path)]
    arguments += [part for line in lines_of(order.settings) for part in ("--set", line)]
    if code := launch.run(arguments):
        raise OvtError(f"run {order.name} ended with exit code {code}; its own messages are above")
    return open_run(str(order.name), order.home)


def lines_of(settings: TrainerSection) -> list[str]:
    """What `--set` takes to make these settings of the defaults. TOML has no null, and nulls are defaults."""
    told = settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    return [f"{key}={to_toml(value)}" for key, value in told.items()]


def evaluate_step(step: Step, work: Work) -> Outcome:
    """The held-out questions, answered by the step's model."""
    progress, name = Progress(), work.name(step.name)
    session = Session(work.home, work.tools.budget, progress)
    with ask(step, work) as endpoint, work.tools.watch(step, progress):
        done = evaluate(name, work.questions, endpoint, work.recipe.evaluate.settings, session)
        benchmarks = {one.name: on_benchmark(name, one, endpoint, session) for one in work.recipe.evaluate.benchmarks}
    scores = done.scores
    if done.failed:
        raise OvtError(
            f"{done.failed:,} held-out questions got no answer ({name}): see `ovt doctor`, and run the loop again"
        )
    if step.model != BASE:
        renew_card(open_run(model_of(step, work), work.home), work.home)
    numbers = scores.model_dump(include={"accuracy", "low", "high", "questions", "words", "format_valid", "truncated"})
    numbers |= {"behaviours": scores.behaviours} | ({"benchmarks": benchmarks} if benchmarks else {})
    return {"ref": name, "content": done.asked.questions_hash, "numbers": numbers}


def on_benchmark(name: str, one: LoopBenchmark, endpoint: EndpointSection, session: Session) -> dict[str, float]:
    """The accuracy (ours) of the step's model on a benchmark, with its interval; the evaluation is NAME-BENCHMARK."""
    asked = replace(session, limit=one.limit)
    posed, settings = pose(one.name, How(one.prompt, data=one.data, stratify=True), (), asked)
    done = evaluate(default_name(name, one.name), posed, endpoint, settings, asked)
    if done.failed:
        raise OvtError(f"{done.failed:,} questions of {one.name} got no answer ({done.name}): run the loop again")
    return headline(done).model_dump(include={"questions", "accuracy", "low", "high"})


def gate_step(step: Step, work: Work) -> Outcome:
    """The gate's report, as Markdown and JSON, and the loop's curves so far."""
    names = [work.records[evaluation].ref or "" for evaluation in (step.before, f"eval-{step.model}")]
    before, after = (open_evaluation(name, work.home).scores for name in names)
    findings = check(before, after, work.recipe.gate, first=step.iteration == 1)
    told = [work.records[name].numbers.get("benchmarks", {}) for name in (step.before, f"eval-{step.model}")]
    findings += check_benchmarks(*told, work.recipe.gate)
    gain = difference(read_answers(names[1], work.home), read_answers(names[0], work.home))
    report = GateReport(before=names[0], after=names[1], findings=findings, gain=tuple(gain))
    path = work.folder / f"{step.name}.md"
    write_file(path, report_text(report, work.recipe.name, step.iteration))
    write_file(path.with_suffix(".json"), report.model_dump_json(indent=2) + "\n")
    plot_loop(work.recipe.name, evaluated(work.records), work.folder / "plots")
    numbers = {"gain": gain.value, "low": gain.low, "high": gain.high, "failed": report.failed}
    return {"ref": str(path), "status": "done" if report.held else "failed", "numbers": numbers}


def evaluated(records: dict[str, StepRecord]) -> list[dict[str, Any]]:
    """The evaluations of the steps done so far, as `plot_loop` takes them."""
    return [
        {"label": name.removeprefix("eval-"), **record.numbers}
        for name, record in records.items()
        if record.kind == "eval" and record.status == "done"
    ]


DO: dict[str, Callable[[Step, Work], Outcome]] = {
    "data": make_data,
    "sft": train_step,
    "rl": train_step,
    "eval": evaluate_step,
    "gate": gate_step,
}
