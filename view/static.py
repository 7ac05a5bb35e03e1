"""`ovt view --out`: the same view as files, for any web host, or opened from disk. The pages are the server's own; what
they would ask it for lies beside them as scripts, since a page on disk can load nothing else.

    index.html view.js view.css vendor/…     as the server sends them
    data/first.js                            every answer but rows and questions
    data/rows-0.js                           the rows of a version (an evaluation, a run), filtered in the browser
    data/questions-0-0.js                    the stories of some questions
    images/HASH.png                          their images, smaller copies of large ones
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

from pydantic_core import to_json

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, new_folder, write_file
from ovt.view import answers
from ovt.view.answers import View
from ovt.view.images import SUFFIXES, image
from ovt.view.listing import Wanted, answer
from ovt.view.pages import STATIC_POLICY, assets, page
from ovt.view.question import life
from ovt.view.rows import Rows
from ovt.view.shelf import open_shelf

MARK = "data/first.js"  # what only a saved view has
MOST_QUESTIONS = 2_000  # of a version
TOGETHER = 40  # stories in a file
WIDEST = 768  # pixels of an image
MODELS = ("model", "models", "base_url")  # keys whose values may be folders of this machine


@dataclass
class Saved:
    """What first.js holds: answers by "name?query", the files of rows and stories by ref, images by hash."""

    answers: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    stories: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def write_view(view: View, refs: Sequence[str], out: Path, limit: int = MOST_QUESTIONS) -> dict[str, Any]:
    """Writes the view of these versions, evaluations ("eval:NAME") and runs ("run:NAME") into `out`.

    An older view there is replaced, anything else left alone (OvtError). Returns folder, files, bytes and notes.
    """
    refs = [open_shelf(ref, view.home).ref if not ref.startswith("run:") else ref for ref in refs]
    view = replace(view, folders=refs)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).is_file())):
        raise OvtError(f"{out} exists and is not a saved view: choose another folder")
    with disk_errors(out), new_folder(out.absolute()) as folder:
        saved = Saved()
        for path, asset in assets().items():
            if path != "/":
                write_file(folder / path[1:], asset.content, durable=False)
        write_file(folder / "index.html", page((MARK,), STATIC_POLICY).content, durable=False)
        for number, ref in enumerate(refs):
            _save(view, ref, number, limit, folder, saved)
        saved.answers |= _shared(view, refs)
        write_file(folder / MARK, b"window.ovtFiles = " + to_json(saved, inf_nan_mode="null") + b";\n", durable=False)
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    return {"folder": str(out), "files": len(files), "bytes": size, "notes": saved.notes}


def _shared(view: View, refs: Sequence[str]) -> dict[str, Any]:
    """The answers not about a single ref: settings, home (only what is saved), and neighbours compared."""
    home = answers.home(view, {})
    kept = {
        "versions": [one for one in home["versions"] if one["ref"] in refs],
        "runs": [one for one in home["runs"] if f"run:{one['name']}" in refs],
        "evaluations": [one for one in home["evaluations"] if f"eval:{one['name']}" in refs],
        "made": [pair for pair in home["made"] if set(pair) <= set(refs)],
    }
    kept["versions"] = _without_paths(kept["versions"])
    told = {
        "settings?": answers.settings(view, {}),
        "home?": home | kept | {"home": "ovt view", "loops": [], "running": [], "broken": []},
    }
    for a, b in pairwise(refs):
        if ("eval:" in a) == ("eval:" in b) and "run:" not in a + b:
            told |= _told(view, "compare", {"a": a, "b": b})
            told |= {} if ":" in a else _told(view, "drift", {"a": a, "b": b})
    return told


def _told(view: View, name: str, params: Mapping[str, str]) -> dict[str, Any]:
    """An answer under the key by which the pages ask for it."""
    found = answers.get(view, name, {key: [value] for key, value in params.items()})
    return {f"{name}?{answers.query(params)}": _without_paths(found)}


def _without_paths(found: Any, but: Collection[str] = ("path",)) -> Any:
    """An answer without the paths of this machine: its keys in `but`, and the folders of models."""
    if isinstance(found, dict):
        return {
            name: _without_paths(_named(value) if name in MODELS else value, but)
            for name, value in found.items()
            if name not in but
        }
    return [_without_paths(one, but) for one in found] if isinstance(found, list) else found


def _named(model: Any) -> Any:
    """A model, or several, by name: of one in a folder the folder's, of a run's the run's."""
    if isinstance(model, list):
        return [_named(one) for one in model]
    folder = PurePath(re.sub("^(embedded|vllm):", "", model)) if isinstance(model, str) else PurePath()
    if not folder.is_absolute():
        return model
    return folder.parent.name if folder.name == "model" else folder.name


def _save(view: View, ref: str, number: int, limit: int, folder: Path, saved: Saved) -> None:
    """A ref's own answers, rows, stories and images."""
    kind, _, name = ref.rpartition(":")
    for asked in {"": ("version", "stats"), "eval": ("evaluation",), "run": ("run",)}[kind]:
        found = _told(view, asked, {"name": name} if kind else {"version": ref})
        saved.answers |= found
    if kind == "run" and not saved.answers[f"run?{answers.query({'name': name})}"]["rollouts"]:
        return
    rows = view.rows(ref)
    every = rows.questions["question_id"].to_list()
    ids, beyond = every[:limit], set(every[limit:])
    if beyond:
        saved.notes.append(f"{ref}: the first {limit:,} of {len(every):,} questions")
    saved.rows[ref] = f"data/rows-{number}.js"
    _script(folder / saved.rows[ref], "rows", ref, _row_file(rows, beyond))
    saved.stories[ref] = {}
    for place, part in enumerate(ids[at : at + TOGETHER] for at in range(0, len(ids), TOGETHER)):
        path = f"data/questions-{number}-{place}.js"
        _script(folder / path, "stories", ref, dict(_stories(view, ref, part)))
        saved.stories[ref] |= dict.fromkeys(part, path)
    _images(view, rows, beyond, folder, saved)


def _script(path: Path, what: str, ref: str, value: Any) -> None:
    text = to_json([what, ref, value], inf_nan_mode="null").decode()
    write_file(path, f"ovtFilesAdd(...{text});\n", durable=False)


def _row_file(rows: Rows, beyond: set[str]) -> dict[str, Any]:
    """Every level's rows as `listing.answer` has them, with the families of cues; and the edges of the histograms."""
    held = answers.labelled(rows)
    told: dict[str, Any] = {"rows": [], "bins": {}, "values": rows.values}
    for level in ("sample", "question", "caption"):
        page = answer(rows, Wanted(level, limit=0), held)
        told["bins"][level] = page["ranges"]
        for start in range(0, page["total"], 500):
            part = answer(rows, Wanted(level, offset=start, limit=500), held)["rows"]
            told["rows"] += _without_paths([one for one in part if one["question_id"] not in beyond], ())
    return told


def _stories(view: View, ref: str, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for id_ in ids:
        story = answers.get(view, "question", {"version": [ref], "id": [id_]})
        places = life(story["question"], view.home) if story["question"] else []
        yield id_, _without_paths({"question": story, "life": places}, ())


def _images(view: View, rows: Rows, beyond: set[str], folder: Path, saved: Saved) -> None:
    for one in rows.questions.select("question_id", "images").iter_rows(named=True):
        for image_id in (one["images"] or ()) if one["question_id"] not in beyond else ():
            if image_id in saved.images:
                continue
            try:
                found = image(view.home, image_id, WIDEST)
            except OvtError:  # not in the home any more, and dropped, so in no data either
                continue
            saved.images[image_id] = f"images/{image_id}{SUFFIXES[found.kind]}"
            write_file(folder / saved.images[image_id], found.content, durable=False)
