"""Disagreements to label, and labels turned into regression cases: two JSON-lines files.

`ovt verify audit NAME --out FILE` writes

    {"answer": "3:1", "gold": "3:7", "choices": null, "kind": "ratio", "asked_kind": "auto", "reason": "different",
     "samples": 2, "verdicts": {"ovt": "wrong", "math-verify": "correct"}, "question": "…", "label": null}

A person sets `label` to "correct" or "wrong", and `ovt verify labels FILE` appends to regressions.jsonl

    {"answer": "3:1", "gold": "3:7", "choices": null, "kind": "auto", "label": "wrong"}

`kind` there is the requested kind of comparison, not the one used. `tests/verifiers/test_regressions.py` runs them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ValidationError

from ovt.core.errors import OvtError
from ovt.core.files import write_file
from ovt.core.section import Section
from ovt.curate.audit.audit import Audit, example
from ovt.curate.labels import read_objects
from ovt.verifiers import known_kind, verify

Label = Literal["correct", "wrong"]


class Case(Section):
    """A regression case: what a careful person says about an answer. `why` is for readers."""

    answer: str
    gold: str
    choices: tuple[str, ...] | None = None
    kind: Annotated[str, AfterValidator(known_kind)] = "auto"
    label: Label
    why: str = ""

    @property
    def asks(self) -> tuple[Any, ...]:
        """The case's identity, whatever its label."""
        return self.answer, self.gold, self.choices, self.kind

    @property
    def holds(self) -> bool:
        """Whether the rules agree with the label ("wrong" also matches an abstention: it earns nothing either)."""
        verdict = verify(self.answer, self.gold, choices=self.choices, kind=self.kind)
        return bool(verdict) == (self.label == "correct")


@dataclass(frozen=True)
class Adopted:
    """The result of importing labels; `failing` are the cases that the rules currently get wrong."""

    added: int
    known: int
    unlabelled: int
    failing: tuple[Case, ...]

    def as_dict(self) -> dict[str, Any]:
        """The counts and cases as plain data."""
        return vars(self) | {"failing": [case.model_dump(mode="json") for case in self.failing]}


def write_disputed(audit: Audit, path: Path) -> int:
    """Write the audit's disagreements for labelling; returns their number. OvtError if the file already has labels."""
    if path.exists() and any(row.get("label") for _, row in read_objects(path)):
        raise OvtError(f"{path} already holds labels: give another --out, or import them with `ovt verify labels`")
    rows = [
        example(one) | {"asked_kind": audit.asked_kind, "question": one.pair.question, "label": None}
        for one in audit.disputed
    ]
    write_lines(path, rows)
    return len(rows)


def adopt(labels: Path, cases: Path) -> Adopted:
    """Append the labelled rows of `labels` to the regression cases; those already there stay as they are.

    OvtError for a label that is neither "correct" nor "wrong", and for one that contradicts a known case.
    """
    known = {case.asks: case for case in (read_cases(cases) if cases.exists() else ())}
    rows = read_objects(labels)
    labelled = [(number, case_of(labels, number, row)) for number, row in rows if row.get("label") is not None]
    new: dict[tuple[Any, ...], Case] = {}
    for number, case in labelled:
        earlier = known.get(case.asks) or new.get(case.asks)
        if earlier and earlier.label != case.label:
            raise OvtError(
                f"{labels} line {number} labels {case.answer[:40]!r} against {case.gold[:40]!r} {case.label}, but it is"
                f" already labelled {earlier.label}: fix one of the two"
            )
        if not earlier:
            new[case.asks] = case
    before = [case.model_dump(mode="json") for case in known.values()]
    write_lines(cases, [*before, *(case.model_dump(mode="json") for case in new.values())])
    failing = tuple(case for _, case in labelled if not case.holds)
    return Adopted(len(new), len(labelled) - len(new), len(rows) - len(labelled), failing)


def read_cases(path: Path) -> list[Case]:
    """The regression cases of a file. OvtError names the first invalid line."""
    return [parse_case(path, number, row) for number, row in read_objects(path)]


def case_of(path: Path, number: int, row: dict[str, Any]) -> Case:
    """The case for a labelled row of an audit."""
    fields = {name: row.get(name) for name in ("answer", "gold", "choices", "label")}
    return parse_case(path, number, fields | {"kind": row.get("asked_kind", "auto"), "why": row.get("why", "")})


def parse_case(path: Path, number: int, row: dict[str, Any]) -> Case:
    try:
        return Case.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "row"
        raise OvtError(f"{path} line {number}: {place} is {first['input']!r:.60}: {first['msg']}") from None


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Replace the file's content with `rows`, atomically. Lone surrogates are written as escapes."""
    text = "".join(json.dumps(row, ensure_ascii=not is_encodable(row), sort_keys=False) + "\n" for row in rows)
    write_file(path, text)


def is_encodable(row: dict[str, Any]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
