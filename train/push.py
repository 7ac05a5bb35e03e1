"""A trained model as a tagged revision of a Hub model repository, under the same rules as data (`hub.push`).

It consists of what loads the model (weights, config, tokenizer, processor), its card README.md, and run.json, the
record of its run. Optimizer states and anything pickled are not sent.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.curate.hub.checks import check_secrets
from ovt.curate.hub.client import check_tag
from ovt.curate.hub.push import Content, Revision
from ovt.train.runs import CARD, RECORD, Run

# Never needed to load a model, and a pickle can run code when it is loaded.
STAYS = re.compile(r"(?:^|/)\.|\.(?:pt|pth|bin|pkl|ckpt)$|(?:^|/)(?:trainer_state\.json|optimizer\.|__pycache__/)")
TELLING = (CARD, "curves.png")  # what only describes the model, and may be redrawn
OWNED = ("*.safetensors", "*.safetensors.index.json")


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
