"""What the view answers: one function per name, from parameters to JSON. docs/view.md documents them for other tools.

The server answers GET /api/NAME?…; a static view holds the same answers, computed beforehand.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.report import Table, cell_text
from ovt.core.text import did_you_mean, without_surrogates
from ovt.curate.labels import USUAL
from ovt.curate.reports import funnel
from ovt.curate.reports.diff.diff import compare, open_side
from ovt.curate.reports.diff.examples import examples
from ovt.curate.reports.figures import compared
from ovt.curate.reports.what_if import what_if
from ovt.curate.stages.behaviours import FAMILIES, pattern
from ovt.curate.versions.profile import outline, profile
from ovt.curate.versions.read import Version, on_hub, open_version
from ovt.evaluation.results import open_evaluation
from ovt.view import catalog, question
from ovt.view.compare import flips, gain
from ovt.view.labels import label, labelled, labels_of
from ovt.view.listing import Wanted, answer
from ovt.view.rows import RANGES, VALUES, Rows, read_rows
from ovt.view.shelf import open_shelf
from ovt.view.whatif import controls

Params = Mapping[str, Sequence[str]]  # as in a query string: names may repeat
REFS = ("version", "a", "b")  # parameters that name what is on view
KEPT = 3  # shelves whose rows stay in memory


@dataclass(frozen=True)
class View:
    """The home on view, the rows in memory, and slow answers, by what they are about.

    who: the name recorded with labels, along with the time; None records neither
    folders: the versions outside the home that were named when the view was opened; no request opens others
    """

    home: Home
    who: str | None = None
    folders: Collection[str] = ()
    shelves: "OrderedDict[str, Rows]" = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: dict[str, Any] = field(default_factory=dict)
    telling: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, ref: str) -> Rows:
        """The rows of a shelf, read again only after it has changed."""
        shelf = open_shelf(ref, self.home)
        with self.lock:
            kept = self.shelves.get(shelf.ref)
            if kept is None or kept.shelf.stamp != shelf.stamp:
                kept = self.shelves[shelf.ref] = read_rows(shelf)
            self.shelves.move_to_end(shelf.ref)
            while len(self.shelves) > KEPT:
                self.shelves.popitem(last=False)
            return kept

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once; others who ask meanwhile wait for it."""
        with self.telling:
            if key not in self.told:
                self.told[key] = make()
            return self.told[key]

    def warm(self, ref: str) -> None:
        """Reads the rows of a shelf, and then its texts, so that they are ready when somebody asks for them."""
        with suppress(OvtError):  # reported to whoever asks
            self.rows(ref).texts.begin(self.home.path)


def get(view: View, name: str, params: Params) -> Any:
    """The answer to NAME with these parameters. OvtError for an unknown name, or as its function raises it."""
    if name not in ANSWERS:
        raise OvtError(f"{name[:40]!a} is not a known answer; {did_you_mean(name, ANSWERS, ', '.join(ANSWERS))}")
    check(view, params)
    return ANSWERS[name](view, params)


def check(view: View, params: Params) -> None:
    """OvtError for parameters that are not texts, and for the folder of a version that is not on view."""
    for text in (*params, *(value for values in params.values() for value in values)):
        if without_surrogates(text) != text:
            raise OvtError(f"{text[:40]!a} is not a text: it holds half of a surrogate pair")
    for ref in (ref for name in REFS for ref in params.get(name, ())):
        by_name = "/" not in ref and ref not in (".", "..")
        if not (by_name or on_hub(ref) or ref.startswith(("eval:", "run:")) or ref in view.folders):
            raise OvtError(f"{ref[:80]!a} is not on view: open a version's folder with `ovt view FOLDER`")


def one(params: Params, name: str, default: str | None = None) -> str:
    """A parameter's only value. OvtError if it is missing."""
    found = params.get(name) or ([] if default is None else [default])
    if not found:
        raise OvtError(f"the parameter {name} is missing")
    return found[-1]


def number(params: Params, name: str, default: int) -> int:
    """A parameter as a whole number."""
    text = one(params, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise OvtError(f"{name} is {text[:40]!a}: expected a whole number")
    return int(text)


def query(params: Mapping[str, str]) -> str:
    """Parameters as the pages write them into an address, ordered by name."""
    return urlencode(sorted(params.items()), safe="*")


def version_of(view: View, params: Params, name: str = "version") -> Version:
    return open_version(one(params, name), view.home)


def settings(view: View, params: Params) -> dict[str, Any]:
    """What the pages need to know before anything else."""
    cues = {family: pattern(words).removeprefix("(?i-u:").removesuffix(")") for family, words in FAMILIES.items()}
    filters = {"values": VALUES, "ranges": RANGES}
    return {"ovt": __version__, "cues": cues, "filters": filters, "labels": USUAL}


def home(view: View, params: Params) -> dict[str, Any]:
    """Versions, runs, evaluations, loops, and what was made from what (`catalog.contents`)."""
    return catalog.contents(view.home)


def version(view: View, params: Params) -> dict[str, Any]:
    """A version in a few numbers, its funnel and how it was made, all from its manifest (`ovt data show`)."""
    found = version_of(view, params)
    threading.Thread(target=view.warm, args=(found.ref,), daemon=True).start()
    manifest = found.manifest.model_dump(mode="json")
    return (
        outline(found)
        | {"tables": manifest["rows"]}
        | {key: manifest[key] for key in ("funnel", "usage", "provenance")}
    )


def funnel_by(view: View, params: Params) -> list[dict[str, Any]]:
    """`ovt data funnel --json`; by=stage, source, reason or model."""
    by = one(params, "by", "stage")
    counts = {
        "stage": funnel.by_stage,
        "source": funnel.by_column,
        "reason": funnel.by_reason,
        "model": funnel.by_model,
    }
    if by not in counts:
        raise OvtError(f"by is {by[:40]!a}: choose one of {', '.join(counts)}")
    return counts[by](version_of(view, params))


def stats(view: View, params: Params) -> dict[str, Any]:
    """`ovt data stats --json` of one version."""
    found = version_of(view, params)
    return view.once(f"{found.path} {found.manifest.content_hash}", lambda: profile(found))


def rows(view: View, params: Params) -> dict[str, Any]:
    """A page of rows, the bars and the histograms under the filters (`rows.answer`)."""
    names = [name for name in params if name not in PLAIN]
    texts = {name: one(params, name, "") for name in ("text", "each", "sort", "after", "before")}
    wanted = Wanted(
        one(params, "level", "sample"),
        {name: params[name] for name in names},
        **texts,
        offset=number(params, "offset", 0),
        limit=number(params, "limit", 48),
    )
    found = view.rows(one(params, "version"))
    found.texts.begin(view.home.path)
    return answer(found, wanted, labelled(found))


PLAIN = {"version", "level", "text", "each", "sort", "after", "before", "offset", "limit"}


def story(view: View, params: Params) -> dict[str, Any]:
    """Everything about a question (`ovt data why --json`)."""
    return question.story(open_shelf(one(params, "version"), view.home), one(params, "id"))


def life(view: View, params: Params) -> list[dict[str, Any]]:
    """Where else a question was asked, and how it went there."""
    told = story(view, params)["question"]
    return question.life(told, view.home) if told else []


def diff(view: View, params: Params) -> dict[str, Any]:
    """`ovt data diff --json` of two versions."""
    return compare(*(open_side(version_of(view, params, side).ref, view.home) for side in "ab")).about


def compare_rows(view: View, params: Params) -> dict[str, Any]:
    """Two versions, evaluations or runs by question: which flipped, and how much better b is."""
    a, b = (one(params, side) for side in "ab")
    return flips(view.rows(a), view.rows(b), view.home) | {"gain": gain(a, b, view.home)}


def drift(view: View, params: Params) -> dict[str, Any]:
    """The figures of `ovt data diff` as its table shows them, and rows that were added, removed or changed."""
    found = compare(*(version_of(view, params, side) for side in "ab"))
    told = (
        (row.title, row.cells, row.changed_by, row.interval, row.direction) for row in compared(found.about["drift"])
    )
    figures = [dict(zip(("title", "cells", "change", "interval", "direction"), row, strict=True)) for row in told]
    return {"about": found.about, "figures": figures, "examples": examples(found, number(params, "limit", 6))}


def settings_of(view: View, params: Params) -> list[dict[str, Any]]:
    """The settings of a version that can be tried on its stored samples (`whatif.controls`)."""
    return controls(version_of(view, params))


def decided_again(view: View, params: Params) -> dict[str, Any]:
    """`ovt data what-if --json` with set=KEY=VALUE, repeated, for the keys of `controls`. Others may name files."""
    version, changes = version_of(view, params), params.get("set", ())
    offered = {control["key"] for control in controls(version)}
    for change in changes:
        if (key := change.partition("=")[0].strip()) not in offered:
            raise OvtError(f"{key[:80]!a} has no control here: use `ovt data what-if --set`")
    return what_if(version, changes, examples=number(params, "limit", 3))


def labels(view: View, params: Params) -> dict[str, Any]:
    """The labels in force on a version's questions and samples, and the file they are in."""
    return labels_of(open_shelf(one(params, "version"), view.home))


def give_label(view: View, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Labels a question or a sample, or takes a label back (`labels.label`). Returns the labels in force."""
    version = asked.get("version")
    check(view, {name: [value] for name, value in asked.items() if isinstance(value, str)})
    if not isinstance(version, str):
        raise OvtError("the parameter version is missing")
    return label(view.rows(version), asked, view.who)


def evaluation(view: View, params: Params) -> dict[str, Any]:
    """What was asked, the scores, `headline`: the accuracy that it is known by, and `report`: what `ovt eval run`
    prints."""
    found = open_evaluation(one(params, "name"), view.home)
    parts = [shown(part) for part in found.report().parts]
    return found.model_dump(mode="json") | {"headline": catalog.known_by(found), "report": parts}


def shown(part: Table | str) -> dict[str, Any]:
    """A part of a report as JSON: text, or columns (title, holds) and rows of texts (bars: of shares)."""
    if isinstance(part, str):
        return {"text": part}
    columns = [{"title": column.title, "holds": column.holds} for column in part.columns]
    rows = [
        [cell if column.holds == "bar" else cell_text(cell) for column, cell in zip(part.columns, row, strict=True)]
        for row in part.rows
        if row
    ]
    return {"columns": columns, "rows": rows}


def run(view: View, params: Params) -> dict[str, Any]:
    """A training run and its curves so far."""
    return catalog.run_page(one(params, "name"), view.home)


ANSWERS: dict[str, Callable[[View, Params], Any]] = {
    "settings": settings,
    "home": home,
    "version": version,
    "funnel": funnel_by,
    "stats": stats,
    "rows": rows,
    "question": story,
    "life": life,
    "diff": diff,
    "compare": compare_rows,
    "drift": drift,
    "settings-of": settings_of,
    "what-if": decided_again,
    "labels": labels,
    "evaluation": evaluation,
    "run": run,
}
