"""The story of a question or a sample: what was asked, what was said, what was decided and why, dropped or not."""

from typing import Any

import polars as pl

from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.errors import OvtError
from ovt.curate.stages import caption, reason
from ovt.curate.versions.data import COLUMNS
from ovt.curate.versions.read import Version, scan, scan_rows
from ovt.curate.versions.schema import QUESTIONS

ROW_COLUMNS = [name for name in COLUMNS if name != "images"]


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


def _find(version: Version, prefix: str) -> dict[str, Any]:
    """The decision on the one question or sample that `prefix` names; an exact id comes before a prefix."""
    ends = scan(version, "decisions").filter(pl.col("id").str.starts_with(prefix)).collect()
    for level in ("question", "sample"):
        found = ends.filter(pl.col("level") == level)
        exact = found.filter(pl.col("id") == prefix)
        if len(exact) or len(found) == 1:
            return (exact if len(exact) else found).to_dicts()[0]
        if len(found):
            some = ", ".join(found["id"].head(3))
            raise OvtError(f"{len(found)} {level}s of {version.ref} start with {prefix[:80]!r} ({some}…): give more")
    raise OvtError(f"{version.ref} has no question or sample {prefix[:80]!r}: `ovt data head` shows some ids")


def _said(version: Version, of_question: pl.Expr) -> list[dict[str, Any]]:
    samples = scan(version, "samples").filter(of_question).collect().to_dicts()
    verdicts = {row["sample_id"]: row for row in scan(version, "verdicts").filter(of_question).collect().to_dicts()}
    ends = {row["id"]: _decision(row) for row in scan(version, "decisions").filter(of_question).collect().to_dicts()}
    return [one | {"verdict": verdicts.get(one["sample_id"]), "decision": ends[one["sample_id"]]} for one in samples]


def _decision(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("stage", "decision", "reason", "detail")}
