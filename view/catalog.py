"""What a home holds, and what was made from what: the first screen, and the pages of runs and loops."""

from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.files import is_locked
from ovt.core.home import Home
from ovt.core.progress import read_shared
from ovt.curate.versions.profile import outline
from ovt.curate.versions.read import Version, list_versions
from ovt.evaluation.results import Evaluation, evaluation_names, headline, list_evaluations
from ovt.evaluation.scores import Accuracy
from ovt.train.loop.steps import loop_names, read_status
from ovt.train.runs import Run, list_runs, open_run, read_log

MOST_POINTS = 600  # of a curve
NOW = ("step", "loss", "reward")  # what is shown of a run in progress


def contents(home: Home) -> dict[str, Any]:
    """Versions, runs, evaluations and loops with their dates (seconds since 1970), and `made`: pairs of refs
    [from, to]; `running`: builds and evaluations; `broken`: a line for each folder that cannot be read."""
    versions, broken = list_versions(home)
    evaluations, damaged = list_evaluations(home)
    runs = list_runs(home)
    told = {
        "home": str(home.path),
        "versions": [_of_version(one) for one in versions],
        "runs": [_of_run(one) for one in runs],
        "evaluations": [of_evaluation(one, home) for one in evaluations],
        "loops": [_of_loop(name, home) for name in loop_names(home)],
        "running": _running(home),
        "broken": broken + damaged,
    }
    return told | {"made": _made(versions, runs, evaluations)}


def _running(home: Home) -> list[dict[str, Any]]:
    """Builds and evaluations that are running: name ("build-charts"), stages (`progress.StageLine`)."""
    found = {path.stem: read_shared(path) for path in sorted(home.live.glob("[!.]*.json"))}
    return [{"name": name, "stages": told["stages"]} for name, told in found.items() if told]


def refs_of(home: Home) -> list[str]:
    """Everything in a home that has rows: versions, evaluations, and runs."""
    versions, evaluations = [one.ref for one in list_versions(home)[0]], evaluation_names(home)
    return versions + [f"eval:{name}" for name in evaluations] + [f"run:{one.name}" for one in list_runs(home)]


def _of_version(version: Version) -> dict[str, Any]:
    made = version.manifest.provenance
    models = sorted({use.model for use in made.models})
    return outline(version) | {
        "written": _written(version.path / "manifest.json"),
        "models": models,
        "rebuild": made.rebuild,
    }


def _of_run(run: Run) -> dict[str, Any]:
    record = run.record.model_dump(mode="json", include={"name", "kind", "model", "data", "status", "result"})
    live = not run.done and is_locked(run.path)
    return record | {
        "status": record["status"] if run.done or live else "stopped",
        "written": _written(run.path / "run.json"),
        "now": _now(run) if live else {},
    }


def _now(run: Run) -> dict[str, float]:
    """The step, loss and reward last logged."""
    told: dict[str, float] = {}
    for line in read_log(run.log_path):
        told |= {name: line[name] for name in NOW if isinstance(line.get(name), int | float)}
    return told


def of_evaluation(one: Evaluation, home: Home) -> dict[str, Any]:
    """An evaluation in one line."""
    about = {"name": one.name, "model": one.asked.model, "failed": one.failed, "truncated": one.scores.truncated}
    return about | known_by(one) | {"written": _written(home.evals / one.name / "result.json")}


def known_by(one: Evaluation) -> dict[str, Any]:
    """The accuracy that an evaluation is known by, as `ovt eval list` shows it."""
    return headline(one).model_dump(include=set(Accuracy.model_fields))


def _of_loop(name: str, home: Home) -> dict[str, Any]:
    try:
        found = read_status(name, home)
    except OvtError as error:
        return {"loop": name, "running": False, "steps": [], "error": str(error)}
    return found | {"written": _written(home.loops / name / "recipe.json")}


def _written(path: Path) -> float | None:
    return path.stat().st_mtime if path.exists() else None


def _made(versions: list[Version], runs: list[Run], evaluations: list[Evaluation]) -> list[tuple[str, str]]:
    """[from, to] for everything whose origin is in this home: "pocket@v1", "run:NAME", "eval:NAME"."""
    by_hash = {one.manifest.hash_ref: one.ref for one in versions}
    by_content = {one.manifest.content_hash: one.ref for one in versions}
    named = {run.name for run in runs}
    pairs = []
    for version in versions:
        made = version.manifest.provenance
        pairs += [(by_hash[made.parent], version.ref)] if made.parent in by_hash else []
        pairs += [(f"run:{use.model}", version.ref) for use in made.models if use.model in named]
    for run in runs:
        data, model = by_content.get(run.record.data_hash or ""), run.record.model
        pairs += [(data, f"run:{run.name}")] if data else []
        pairs += [(f"run:{model}", f"run:{run.name}")] if model in named else []
    pairs += [(f"run:{one.asked.model}", f"eval:{one.name}") for one in evaluations if one.asked.model in named]
    return list(dict.fromkeys(pairs))


def run_page(name: str, home: Home) -> dict[str, Any]:
    """A run: its record, and `curves`: by name, [step, value] of its log so far."""
    run = open_run(name, home)
    curves: dict[str, list[list[float]]] = {}
    for place, line in enumerate(read_log(run.log_path)):
        step = line.get("step", place)
        for key, value in line.items():
            if (
                key not in ("step", "epoch", "time_s")
                and isinstance(value, int | float)
                and not isinstance(value, bool)
            ):
                curves.setdefault(key, []).append([step, value])
    told = {key: _thinned(points) for key, points in curves.items() if len(points) > 1}
    rollouts = len(list(run.rollouts.glob("step-*.parquet"))) if run.rollouts.exists() else 0
    return run.record.model_dump(mode="json") | _of_run(run) | {"curves": told, "rollouts": rollouts}


def _thinned(points: list[list[float]]) -> list[list[float]]:
    """At most about MOST_POINTS of them, the last included."""
    every = -(-len(points) // MOST_POINTS)
    return points[::-every][::-1]
