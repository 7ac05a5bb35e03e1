"""A finished model for others: its card, and its push to the Hub.

The card is README.md beside the weights, from data_cards/model.md.j2. A push is a tagged revision of a model
repository, under the same rules as data (`hub.push`): what loads the model (weights, config, tokenizer, processor), the
card, and run.json, the record of its run. Optimizer states and anything pickled are not sent.
"""

import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import write_file
from ovt.core.home import Home
from ovt.curate.hub.checks import check_secrets
from ovt.curate.hub.client import check_tag
from ovt.curate.hub.push import Content, Revision
from ovt.curate.versions.card import Markdown, fence, template, to_json
from ovt.curate.versions.read import on_hub, open_version
from ovt.train import devices
from ovt.train.adapters import ADAPTER
from ovt.train.mixture import read_mixture
from ovt.train.models import HUB_ID, weights_revision
from ovt.train.runs import CARD, RECORD, Run, RunRecord, forget_checkpoints, list_runs, read_log

KINDS = {
    "sft": "A vision-language model fine-tuned on verified reasoning",
    "dpo": "A vision-language model trained on pairs of verified right and wrong reasoning",
    "rl": "A vision-language model trained by reinforcement with a verified reward",
    "merge": "A vision-language model with its LoRA adapters added into the weights",
}
CURVE = ("step", "loss", "reward", "kl", "learning_rate", "mean_token_accuracy")
CURVE_LINES = 10
# Never needed to load a model, and a pickle can run code when it is loaded.
STAYS = re.compile(r"(?:^|/)\.|\.(?:pt|pth|bin|pkl|ckpt)$|(?:^|/)(?:trainer_state\.json|optimizer\.|__pycache__/)")
TELLING = (CARD, "curves.png")  # what only describes the model, and may be redrawn
OWNED = ("*.safetensors", "*.safetensors.index.json")


def write_card(run: Run, home: Home) -> None:
    """Writes the card of a run whose model is in place, with the plots and evaluations available by now."""
    curves = run.path / "plots" / "curves.png"
    if curves.is_file():
        shutil.copyfile(curves, run.model / curves.name)
    text = render_card(run, evaluations(run, home), first_model(run.record, home), data_recipe(run.record, home))
    write_file(run.model / CARD, text)


def wrap_up(run: Run, home: Home, keep_checkpoints: bool = False) -> Run:
    """A run that is done, without its checkpoints unless they are kept, and then with its card; one with a card already
    as it is. A process that was stopped in between leaves the rest to the next."""
    if not (run.model / CARD).is_file():
        if not keep_checkpoints:
            forget_checkpoints(run)
        write_card(run, home)
    return run


def renew_card(run: Run, home: Home) -> None:
    """Like `write_card`, with the curves drawn from the current log."""
    from ovt.train.plots import curves, plot_run

    if curve(read_log(run.log_path)):
        plot_run(run.name, curves(run), run.path / "plots")
    write_card(run, home)


def render_card(run: Run, evaluated: list[dict[str, Any]], first: str, recipe: dict[str, str] | None = None) -> str:
    """The card's text. first: the original base model; recipe: name, hash and command of the data's recipe."""
    record = run.record
    return template("model.md.j2").render(
        record=record,
        kind=KINDS[record.kind],
        metadata=metadata(record, first),
        first=first,
        recipe=recipe,
        libraries=", ".join(f"{name} {version}" for name, version in record.libraries.items()),
        result=[(name.replace("_", " "), told(value)) for name, value in record.result.items() if value is not None],
        curve=curve(read_log(run.log_path)),
        plots=(run.model / "curves.png").is_file(),
        evaluations=evaluated,
        adapter=(run.model / ADAPTER).is_file(),
        fence=fence,
        to_json=to_json,
    )


def first_model(record: RunRecord, home: Home) -> str:
    """The model at the start of a run's chain, following its earlier runs while they exist."""
    known = {run.name: run.record for run in list_runs(home)}
    while record.model in known:
        record = known.pop(record.model)  # at most once: a run that was replaced may come from itself
    return record.model


def data_recipe(record: RunRecord, home: Home) -> dict[str, str] | None:
    """name, hash and command of the data's recipe; None if the version is not in this home."""
    try:
        manifest = open_version(record.data or "", home).manifest
    except OvtError:
        return None
    if manifest.content_hash != record.data_hash:
        return None
    return {"name": manifest.name, "hash": manifest.recipe_hash, "made_by": manifest.provenance.rebuild}


def metadata(record: RunRecord, first: str) -> Markdown:
    """The YAML head that the Hub reads."""
    fields: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["ovt", "trl", record.kind, "reasoning", "vision-language"],
    }
    if HUB_ID.fullmatch(first):
        fields["base_model"] = first
    if found := hub_datasets(record.data or ""):
        fields["datasets"] = found
    return Markdown(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).rstrip())


def hub_datasets(data: str) -> list[str]:
    """The Hub's data sets among the versions that a run was trained on (`mixture`)."""
    try:
        refs = [ref for ref, _ in read_mixture(data)]
    except RecipeError:
        return []
    return [ref.removeprefix("hf://").partition("@")[0] for ref in refs if on_hub(ref)]


def evaluations(run: Run, home: Home) -> list[dict[str, Any]]:
    """The evaluations of exactly these weights. One that cannot be read is left out, and told on stderr."""
    if not home.evals.is_dir():
        return []
    from ovt.evaluation.results import headline, list_evaluations

    revision = weights_revision(str(run.model))
    found, broken = list_evaluations(home)
    for line in broken:
        devices.tell(f"warning: not on the model's card: {line}")
    return [
        {
            "name": one.name,
            "answers": one.scores.answers,
            "accuracy": f"{headline(one).accuracy:.1%}",
            "interval": f"{headline(one).low:.1%} to {headline(one).high:.1%}",
            "benchmark": one.asked.benchmark,
            "readings": {name: f"{read.accuracy:.1%}" for name, read in one.benchmark.readings.items()}
            if one.benchmark
            else {},
            "words": f"{one.scores.words:.0f}",
            "verifier": one.asked.verifier_version,
        }
        for one in found
        if one.asked.revision == revision
    ]


def curve(log: list[dict[str, Any]]) -> Markdown | None:
    """A table of about CURVE_LINES evenly spaced log lines, including the last one."""
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
    if isinstance(value, list):
        return ", ".join(map(told, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def prepare_run(
    run: Run, repo: str, tag: str | None, environ: Mapping[str, str], not_secret: Collection[str] = ()
) -> Revision:
    """What a push of a finished run's model would send; sends nothing. The default tag is the run's name.

    Raises OvtError if the model cannot be loaded, has no card, or contains a secret.
    """
    if not run.done:
        raise OvtError(f"run {run.name} is not finished: resume it first, then push")
    folder, tag = run.model, tag or run.name
    files: dict[str, Content] = {**model_files(folder), RECORD: (run.path / RECORD).read_bytes()}
    if not {"config.json", "adapter_config.json"} & set(files):
        raise OvtError(f"{folder} has no config.json and cannot be loaded as a model: train the run again")
    if not any(path.endswith(".safetensors") for path in files):
        raise OvtError(f"{folder} has no *.safetensors: save the model with safetensors, since pickles are not pushed")
    if CARD not in files:
        raise OvtError(f"{folder} has no {CARD}: write it with `ovt train card {run.name}`")
    check_secrets(files, environ, not_secret)
    return Revision(
        repo=repo,
        kind="model",
        tag=check_tag(tag),
        title=f"{run.name} as {tag}",
        files=files,
        is_content=lambda path: (path in files and path not in TELLING) or path.endswith(".safetensors"),
        owned=OWNED,
        marker=RECORD,
    )


def model_files(folder: Path) -> dict[str, Path]:
    """The files of a model folder to send, by path."""
    inside = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in inside.items() if not STAYS.search(name)}
