"""The story of a question or a sample: what was asked, what was said, what was decided and why, dropped or not.

`story` has one of one version; `look_up` finds what a command line names (an id, the start of one, or a text) in one
version or in several.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.errors import OvtError
from ovt.curate.stages import caption, reason
from ovt.curate.versions.data import COLUMNS
from ovt.curate.versions.read import Version, scan, scan_rows
from ovt.curate.versions.same import find_same
from ovt.curate.versions.schema import QUESTIONS

ROW_COLUMNS = [name for name in COLUMNS if name != "images"]
MOST_LISTED = 20
AROUND = 60  # letters shown on either side of a text that was found


def look_up(versions: Sequence[Version], wanted: str, as_text: bool = False) -> dict[str, Any]:
    """What `wanted` names: an id or the start of one, else (or with `as_text`) a text of questions and replies.

    stories   of each version: its `story`, or {"version", "absent": why there is none}; empty where several questions
              hold the text
    matches   the questions that hold the text: question_id, version, place ("question", or the sample), text
              around it; at most MOST_LISTED of `total`
    A question that one version has under another id, since it was edited, is found there by its images and text.
    Raises OvtError where no version has it, or an id is not unique.
    """
    told = [None if as_text else _story_or_none(version, wanted) for version in versions]
    if any(told):
        return {"stories": _complete(versions, told), "matches": [], "total": 0}
    matches, questions = _search(versions, wanted)
    if not matches:
        names = ", ".join(version.ref for version in versions)
        known = "text" if as_text else "question, sample or text"
        raise OvtError(f"{names} has no {known} {wanted[:80]!r}: `ovt data head` shows some ids")
    if len(questions) > 1:
        return {"stories": [], "matches": matches[:MOST_LISTED], "total": len(questions)}
    told = [_story_or_none(version, questions[0]) for version in versions]
    return {"stories": _complete(versions, told), "matches": matches[:MOST_LISTED], "total": 1}


def _story_or_none(version: Version, prefix: str) -> dict[str, Any] | None:
    own = _find(version, prefix)
    return None if own is None else _tell(version, own)


def _complete(versions: Sequence[Version], told: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """The stories, with those of versions that know the question under another id, and a line for the others."""
    known = next(story for story in told if story)
    stories = []
    for version, story in zip(versions, told, strict=True):
        if story is None and known["question"]:
            same = find_same(version, known["question"])
            story = (
                _story_or_none(version, known["id"].replace(known["question"]["question_id"], same)) if same else None
            )
        stories.append(story or {"version": version.ref, "absent": f"{version.ref} has no such {known['level']}"})
    return stories


def _search(versions: Sequence[Version], text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """(matches in all versions, the questions that they are of), in the versions' order and the questions'."""
    found = [match for version in versions for match in _search_one(version, text)]
    return found, list(dict.fromkeys(match["question_id"] for match in found))


def _search_one(version: Version, text: str) -> list[dict[str, Any]]:
    """One match per question: its own text comes before its replies. Letter case and white space do not count."""
    wanted = " ".join(text.split()).lower()
    if not wanted:
        raise OvtError("an empty text is everywhere: give an id, or some words")
    flat = pl.col("text").str.replace_all(r"\s+", " ")
    asked = scan(version, "questions").select("question_id", place=pl.lit("question"), text="question")
    said = scan(version, "samples").select("question_id", place="sample_id", text="text")
    holds = flat.str.to_lowercase().str.contains(wanted, literal=True)
    tables = [table.filter(holds).with_columns(text=flat) for table in (asked, said)]
    found = pl.concat(pl.collect_all(tables, engine="streaming")).unique(
        "question_id", keep="first", maintain_order=True
    )
    return [row | {"version": version.ref, "text": _around(row["text"], wanted)} for row in found.to_dicts()]


def _around(text: str, wanted: str) -> str:
    """The place where a text holds `wanted`."""
    at = text.lower().find(wanted)
    start, end = max(at - AROUND, 0), at + len(wanted) + AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def story(version: Version, prefix: str) -> dict[str, Any]:
    """All that a version knows of the question or sample whose id is, or alone starts with, `prefix`.

    version, id, level   which one it is; level "question" or "sample"
    decision             where it ended: stage, decision, reason, detail
    question             its row of the questions table; null for what was left out at import
    prompts              what the models were shown, by stage: a list of messages, rendered again from the recipe
    captions, samples    rows of the samples table, each with its `decision` and its `verdict` (or null); the story of a
                         sample has that sample only, and the captions that led to it
    rows                 rows of the data, without the images
    Raises OvtError where no id, or more than one, starts with `prefix`.
    """
    own = _find(version, prefix)
    if own is None:
        raise OvtError(f"{version.ref} has no question or sample {prefix[:80]!r}: `ovt data head` shows some ids")
    return _tell(version, own)


def _tell(version: Version, own: dict[str, Any]) -> dict[str, Any]:
    of_question = pl.col("question_id") == own["question_id"]
    question = next(iter(scan(version, "questions").filter(of_question).collect().to_dicts()), None)
    said = _said(version, of_question)
    captions = [sample for sample in said if sample["stage"] == "caption"]
    told = [sample for sample in said if own["level"] == "question" or own["id"] == sample["sample_id"]]
    rows = scan_rows(version.path, ROW_COLUMNS).filter(of_question).collect().to_dicts()
    return {
        "version": version.ref,
        "id": own["id"],
        "level": own["level"],
        "decision": _decision(own),
        "question": question,
        "prompts": prompts(version.manifest.provenance.recipe, question, captions) if question else {},
        "captions": captions,
        "samples": [sample for sample in told if sample["stage"] == "reason"],
        "rows": [row for row in rows if own["level"] == "question" or own["id"] == row["sample_id"]],
    }


def prompts(recipe: dict[str, Any], question: dict[str, Any], captions: list[dict[str, Any]]) -> dict[str, list]:
    """The messages that each stage made of a question, by stage; no "reason" where it had no caption to reason over."""
    questions = pl.DataFrame([question], schema=QUESTIONS)
    described = [(one["question_id"], one["text"]) for one in captions if one["decision"]["decision"] == "kept"]
    shown: dict[str, list] = {}
    if recipe.get("caption"):
        section = caption.CaptionSection.model_validate(recipe["caption"])
        shown["caption"] = _messages(next(caption.requests(questions, section)))
    section = reason.ReasonSection.model_validate(recipe["reason"])
    if section.see == "image" or described:
        table = pl.DataFrame(described, schema={"question_id": pl.String, "caption": pl.String}, orient="row")
        shown["reason"] = _messages(next(reason.requests(questions, table, section)))
    return shown


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    return [dict(message) for message in request.messages]


def _find(version: Version, prefix: str) -> dict[str, Any] | None:
    """The decision on the one question or sample that `prefix` names; an exact id comes before a prefix."""
    ends = scan(version, "decisions").filter(pl.col("id").str.starts_with(prefix)).collect()
    for level in ("question", "sample"):
        found = ends.filter(pl.col("level") == level)
        exact = found.filter(pl.col("id") == prefix)
        if len(exact) or len(found) == 1:
            return (exact if len(exact) else found).to_dicts()[0]
        if len(found):
            some = ", ".join(found["id"].head(3))
            raise OvtError(
                f"{len(found)} {level}s of {version.ref} start with {prefix[:80]!r} ({some}…): give more, or --text"
            )
    return None


def _said(version: Version, of_question: pl.Expr) -> list[dict[str, Any]]:
    samples = scan(version, "samples").filter(of_question).collect().to_dicts()
    verdicts = {row["sample_id"]: row for row in scan(version, "verdicts").filter(of_question).collect().to_dicts()}
    ends = {row["id"]: _decision(row) for row in scan(version, "decisions").filter(of_question).collect().to_dicts()}
    return [one | {"verdict": verdicts.get(one["sample_id"]), "decision": ends[one["sample_id"]]} for one in samples]


def _decision(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("stage", "decision", "reason", "detail")}
