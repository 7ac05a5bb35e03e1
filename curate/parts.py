"""A build's second half, chunk by chunk: from the stored replies to decided tables, wherever the work is done.

    read replies → [rules → judge's replies] → verify → select → filter → rows

This process reads replies; the rest depends on a part alone, and is done by the run's engine (`core/engine.py`). The
result of a part is kept until the version is written, under a hash of its inputs: a killed build resumes from there.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from ovt.core.engine import HERE, map_chunks
from ovt.core.files import disk_errors, write_file
from ovt.core.hashing import hash_bytes
from ovt.curate.decide import Tables, decide, deciding, rule
from ovt.curate.endpoints.chat import Reply
from ovt.curate.recipe import Recipe
from ovt.curate.run import Run, reasoned
from ovt.curate.stages import judge, verify

Frames = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Part:
    """A chunk of questions with all of its samples; verdicts: a judge's; without them the rules decide."""

    questions: pl.DataFrame
    samples: pl.DataFrame
    verdicts: pl.DataFrame | None = None
    mark: str = ""


def marked(part: Part) -> Part:
    """The part with a hash over its tables."""
    return replace(part, mark=mark_of(part.questions, part.samples, part.verdicts))


def mark_of(*tables: pl.DataFrame | None) -> str:
    """A hash over the content of tables, however they are laid out in memory."""
    texts = (hash_bytes(table.write_ndjson().encode()) for table in tables if table is not None)
    return hash_bytes(" ".join(texts).encode())


@dataclass(frozen=True)
class Results:
    """The results of parts, kept in a folder; name: the work that gave them. Without a folder nothing is kept."""

    folder: Path | None
    name: str

    def get(self, part: Part) -> Frames | None:
        return None if self.folder is None else read_frames(self._place(self.folder, part))

    def put(self, part: Part, result: Frames) -> None:
        if self.folder is not None:
            with disk_errors(self.folder):
                write_frames(self._place(self.folder, part), result)

    def _place(self, folder: Path, part: Part) -> Path:
        return folder / f"{self.name}-{part.mark}"


def write_frames(path: Path, frames: Frames) -> None:
    """Writes tables by name, as Arrow, into one file, which appears whole: an uncompressed zip archive, whose checksums
    reveal what a power cut has damaged."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, frame in frames.items():
            inside = io.BytesIO()
            frame.write_ipc(inside, compression="zstd")
            archive.writestr(name, inside.getvalue())
    write_file(path, out.getvalue(), durable=False)


def read_frames(path: Path) -> Frames | None:
    """The tables of a file; None if it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: pl.read_ipc(archive.read(name)) for name in archive.namelist()}
    except Exception:  # noqa: BLE001 - zipfile raises whatever a damaged header leads to
        return None


def decided(run: Run, judgements: dict[str, Reply | None], folder: Path | None = None) -> Iterator[tuple[str, Tables]]:
    """Each chunk of the run's questions, decided from its stored replies, with its mark; the judge's results are added
    to `judgements`. folder: where the results of parts are kept; without one, parts have no mark."""
    engine, recipe = run.session.engine or HERE, deciding(run.recipe)
    mark = marked if folder else lambda part: part  # marks take time, and only kept results are found by them
    parts = (mark(Part(chunk, reasoned(run, chunk)[1])) for chunk in run.chunks())
    if recipe.verify.judge:
        ruled = map_chunks(engine, partial(rule_part, recipe), parts, Results(folder, "ruled"))
        parts = (mark(judged(run, part, found["verdicts"], judgements)) for part, found in ruled)
    for part, made in map_chunks(engine, partial(decide_part, recipe), parts, Results(folder, "decided")):
        yield part.mark, Tables(part.questions, part.samples, **made)


def rule_part(recipe: Recipe, part: Part) -> Frames:
    """The rules' verdicts on a part."""
    return {"verdicts": rule(recipe, part.questions, part.samples)}


def decide_part(recipe: Recipe, part: Part) -> Frames:
    """verdicts, decisions and rows of a part."""
    given = part.verdicts
    rules = partial(verify.judge, section=recipe.verify)
    made = decide(recipe, part.questions, part.samples, rules if given is None else lambda *_: given)
    return {name: table for name, table in vars(made).items() if name not in ("questions", "samples")}


def judged(run: Run, part: Part, verdicts: pl.DataFrame, judgements: dict[str, Reply | None]) -> Part:
    """The part with the judge's verdicts where the rules abstain; its replies are added to `judgements`."""
    section = run.recipe.verify.judge
    assert section is not None
    endpoint = run.endpoints[section.endpoint]
    keys = [endpoint.keys(request)[0] for request in judge.requests(part.questions, verdicts, section)]
    found = run.store.get_many(keys)
    failed = run.store.get_failures(key for key in keys if key not in found)
    # Only their usage is kept: there may be a million.
    judgements |= {key: replace(found[key], text=None) if key in found else failed.get(key) for key in keys}
    return replace(part, verdicts=judge.run(verdicts, keys, found, section, endpoint.model))
