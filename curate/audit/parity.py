"""`ovt verify parity NAME`: a version's verdicts again, on every path that comes to one. There must be no difference.

curation     the verify stage over the samples' table
evaluation   `verify_many` over all responses
reward       `verify_response`, one response at a time, as a trainer's reward function calls it: in this process,
             in a fork of it (as data loaders start) and in a fresh process
stored       what the version's ledger says, where the verifier is still of the version that wrote it
"""

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from typing import Any

import polars as pl

from ovt.core.errors import GateFailed
from ovt.core.schema import VERDICTS
from ovt.curate.stages import verify
from ovt.curate.versions.read import Version, reading, scan
from ovt.verifiers import VERSION, verify_many, verify_response

CHUNK = 5_000  # samples looked at together; bounds the memory

FIELDS = tuple(VERDICTS.names()[2:])
Row = tuple[str, str, list[str] | None]
Told = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """A sample on which one path differs from the curation path: the fields that do, as (there, in curation)."""

    sample_id: str
    path: str
    gold: str
    fields: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Report:
    """What came of it. `stored_version` is the verifier that the ledger's verdicts are of; `changed` counts verdicts
    that have become others since, where it is not the verifier here. `judged` were given by a model, `judged_correct`
    of them "correct": there the rules must still abstain, and RL and evaluation, which ask no model, give nothing."""

    version: str
    verifier: str
    stored_version: str
    samples: int
    judged: int
    judged_correct: int
    changed: int
    paths: tuple[str, ...]
    differences: tuple[Difference, ...]


def check_parity(version: Version, limit: int | None = None) -> Report:
    """Judge the version's samples (at most `limit`) on every path. GateFailed where a path's process dies."""
    provenance = version.manifest.provenance
    section = verify.VerifySection.model_validate(provenance.recipe.get("verify", {}))
    same = provenance.verifier_version == VERSION
    differences: list[Difference] = []
    counts: Counter[str] = Counter()
    paths: dict[str, None] = {}
    with ExitStack() as stack:
        processes = {
            f"reward, {method}ed": stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context(method)))
            for method in ("fork", "spawn")
        }
        for samples in judged_samples(version, limit):
            told = tell(samples, section, processes)
            stored = [tuple(row) for row in samples.select(FIELDS).iter_rows()]
            by_model = [row[FIELDS.index("reason")] == "judge" for row in stored]
            expected = told["curation"]
            counts["samples"] += len(samples)
            counts["judged"] += sum(by_model)
            counts["judged_correct"] += sum(
                model and row[0] == "correct" for model, row in zip(by_model, stored, strict=True)
            )
            counts["changed"] += sum(old != new for old, new in zip(stored, expected, strict=True)) if not same else 0
            if same:
                told["stored"] = [as_ruled(*row) for row in zip(stored, expected, by_model, strict=True)]
            paths |= dict.fromkeys(told)
            differences += compare(samples, told)
    return Report(
        version=version.ref,
        verifier=VERSION,
        stored_version=provenance.verifier_version,
        samples=counts["samples"],
        judged=counts["judged"],
        judged_correct=counts["judged_correct"],
        changed=counts["changed"],
        paths=tuple(paths),
        differences=tuple(differences),
    )


def as_ruled(stored: Told, expected: Told, by_model: bool) -> Told:
    """A stored verdict as the rules gave it: one by a model stands for an abstention, and for nothing else."""
    return expected if by_model and expected[0] == "abstain" else stored


def judged_samples(version: Version, limit: int | None) -> Iterator[pl.DataFrame]:
    """The judged samples in the ledger's order, chunk by chunk: the verdict's columns, text, gold and choices."""
    samples = scan(version, "samples").select("sample_id", "text")
    golds = scan(version, "questions").select("question_id", "gold", "choices")
    total = version.manifest.rows["verdicts"] if limit is None else min(limit, version.manifest.rows["verdicts"])
    for start in range(0, total, CHUNK):
        verdicts = scan(version, "verdicts").slice(start, min(CHUNK, total - start))
        with_text = verdicts.join(samples, on="sample_id", maintain_order="left")
        with reading(version):
            chunk = with_text.join(golds, on="question_id", maintain_order="left").collect()
        yield chunk


def tell(
    samples: pl.DataFrame, section: verify.VerifySection, processes: Mapping[str, Executor]
) -> dict[str, list[Told]]:
    """What each path says of each sample, as the fields of a verdict; the one to compare with is first.

    Every path is asked as curation was: to leave open what a judge was there for, or not.
    """
    how = {"kind": section.kind, "presume_wrong": section.presumes_wrong}
    rows: list[Row] = samples.select("text", "gold", "choices").rows()
    elsewhere = {path: pool.submit(reward, rows, how) for path, pool in processes.items()}
    questions = samples.select("question_id", "gold", "choices").unique("question_id", maintain_order=True)
    curated = verify.judge(samples, questions, section)
    told = {
        "curation": [tuple(row) for row in curated.select(FIELDS).iter_rows()],
        "evaluation": [astuple(verdict) for verdict in verify_many(rows, responses=True, **how)],
        "reward": reward(rows, how),
    }
    for path, future in elsewhere.items():
        try:
            told[path] = future.result()
        except BrokenProcessPool:
            raise GateFailed(f"path {path!r}: its process died while it judged; see the samples with --limit") from None
    return told


def reward(rows: list[Row], how: dict[str, Any]) -> list[Told]:
    """One verdict after another, as a reward function comes to them."""
    return [astuple(verify_response(text, gold, choices=choices, **how)) for text, gold, choices in rows]


def compare(samples: pl.DataFrame, told: Mapping[str, Sequence[Told]]) -> Iterator[Difference]:
    """Every sample on which a path differs from curation, sample by sample."""
    ids = samples.select("sample_id", "gold").rows()
    for place, (sample_id, gold) in enumerate(ids):
        expected = told["curation"][place]
        for path, verdicts in told.items():
            pairs = zip(FIELDS, verdicts[place], expected, strict=True)
            fields = {name: (here, there) for name, here, there in pairs if here != there}
            if fields:
                yield Difference(sample_id, path, gold, fields)


def as_dict(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return vars(report) | {"differences": [vars(difference) for difference in report.differences]}
