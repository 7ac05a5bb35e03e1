"""The model card: README.md beside a run's weights, from data_cards/model.md.j2, so that a model says what made it."""

import shutil
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from ovt.curate.home import Home
from ovt.curate.versions.card import Markdown, fence, harmless, to_json
from ovt.train.models import ADAPTER, HUB_ID, weights_revision
from ovt.train.runs import Run, RunRecord, read_log

CARD = "README.md"
KINDS = {
    "sft": "A vision-language model fine-tuned on verified reasoning",
    "rl": "A vision-language model trained by reinforcement with a verified reward",
    "merge": "A vision-language model with its LoRA adapters added into the weights",
}
CURVE = ("step", "loss", "reward", "kl", "learning_rate", "mean_token_accuracy")
CURVE_LINES = 10


def write_card(run: Run, home: Home) -> None:
    """Writes the card of a run whose model is in place, with the plots and evaluations that are there by now."""
    curves = run.path / "plots" / "curves.png"
    if curves.is_file():
        shutil.copyfile(curves, run.model / curves.name)
    (run.model / CARD).write_text(render_card(run, evaluations(run, home)), encoding="utf-8")


def render_card(run: Run, evaluated: list[dict[str, Any]]) -> str:
    """The card's text."""
    source = files("ovt.data_cards").joinpath("model.md.j2").read_text(encoding="utf-8")
    environment = Environment(  # noqa: S701 - this is Markdown, not HTML, and `harmless` escapes every value
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=harmless
    )
    record = run.record
    return environment.from_string(source).render(
        record=record,
        kind=KINDS[record.kind],
        metadata=metadata(record),
        libraries=", ".join(f"{name} {version}" for name, version in record.libraries.items()),
        result=[(name.replace("_", " "), told(value)) for name, value in record.result.items() if value is not None],
        curve=curve(read_log(run.log)),
        plots=(run.model / "curves.png").is_file(),
        evaluations=evaluated,
        adapter=(run.model / ADAPTER).is_file(),
        fence=fence,
        to_json=to_json,
    )


def metadata(record: RunRecord) -> Markdown:
    """The YAML head that the Hub reads."""
    fields: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["ovt", "trl", record.kind, "reasoning", "vision-language"],
    }
    if HUB_ID.fullmatch(record.model):
        fields["base_model"] = record.model
    data = (record.data or "").partition("@")[0]
    if HUB_ID.fullmatch(data):
        fields["datasets"] = [data]
    return Markdown(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).rstrip())


def evaluations(run: Run, home: Home) -> list[dict[str, Any]]:
    """The evaluations of exactly these weights."""
    if not home.evals.is_dir():
        return []
    from ovt.train.evaluate import evaluation_names, open_evaluation

    revision = weights_revision(str(run.model))
    found = (open_evaluation(name, home) for name in evaluation_names(home))
    return [
        {
            "name": one.name,
            "answers": one.scores.answers,
            "accuracy": f"{one.scores.accuracy:.1%}",
            "interval": f"{one.scores.low:.1%} to {one.scores.high:.1%}",
            "words": f"{one.scores.words:.0f}",
            "verifier": one.asked.verifier_version,
        }
        for one in found
        if one.asked.revision == revision
    ]


def curve(log: list[dict[str, Any]]) -> Markdown | None:
    """A table of about CURVE_LINES lines of what was logged, evenly spaced, the last one included."""
    lines = [line for line in log if "loss" in line or "reward" in line]
    if not lines:
        return None
    names = [name for name in CURVE if name in lines[0]]
    every = max(1, -(-len(lines) // CURVE_LINES))
    rows = [[told(line.get(name)) for name in names] for line in lines[::-every][::-1]]
    table = [[name.replace("_", " ") for name in names], ["---:"] * len(names), *rows]
    return Markdown("\n".join(f"| {' | '.join(cells)} |" for cells in table))


def told(value: Any) -> str:
    """A number as people write it."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {told(one)}" for name, one in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
