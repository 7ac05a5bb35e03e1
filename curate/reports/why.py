"""The story of a question or sample, kept or dropped: its prompts, replies and decisions, with reasons.

`story` gives one story from one version; `look_up` finds the target of a command line (an id, an id prefix, or a text)
in one or more versions.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import polars as pl
from pydantic import ValidationError

from ovt.core.errors import OvtError
from ovt.core.report import Report, Styled, Table, facts, names, texts
from ovt.core.schema import QUESTIONS, SCREENS, SPLITS, TABLE_COLUMNS
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.reports.diff.changes import find_same
from ovt.curate.reports.funnel import STYLES
from ovt.curate.stages import caption, reason
from ovt.curate.versions.read import Version, reading, rows_where, scan

OURS = TABLE_COLUMNS | {"split"}
MOST_LISTED = 20
LONGEST_SEARCHED = 500  # characters
AROUND = 60  # characters shown on each side of a match


def look_up(versions: Sequence[Version], wanted: str, as_text: bool = False) -> dict[str, Any]:
    """Finds `wanted`: an id, the source's own id, an id prefix, else (or with `as_text`) a text of questions, golds,
    replies and decisions.

    stories   per version: its `story`, or {"version", "absent": why there is none}; empty if several questions
              match the text
    matches   the questions that match the text: question_id, version, place ("question", or the sample), text
              around it; at most MOST_LISTED of `total`
    A question that another version has under a different id, after an edit, is found by its images and text.
    Raises OvtError if no version has it, an id is ambiguous, or files were changed.
    """
    with ExitStack() as stack:
        for version in versions:
            stack.enter_context(reading(version))
        return _look_up(versions, wanted, as_text)


def _look_up(versions: Sequence[Version], wanted: str, as_text: bool) -> dict[str, Any]:
    found = pl.DataFrame() if as_text else _by_source_id(versions, wanted)
    if found.is_empty():
        told = [None if as_text else _story_or_none(version, wanted) for version in versions]
        if any(told):
            return {"stories": _complete(versions, told), "matches": [], "total": 0}
        found = _search(versions, wanted)
    matches, questions = found.head(MOST_LISTED).to_dicts(), found["question_id"].unique(maintain_order=True)
    if not matches:
        names = ", ".join(version.ref for version in versions)
        known = "text" if as_text else "question, sample or text"
        raise OvtError(f"{names} has no {known} {wanted[:80]!r}: `ovt data head` shows some ids")
    if len(questions) > 1:
        return {"stories": [], "matches": matches, "total": len(questions)}
    told = [_story_or_none(version, questions[0]) for version in versions]
    return {"stories": _complete(versions, told), "matches": matches, "total": 1}


def _story_or_none(version: Version, prefix: str) -> dict[str, Any] | None:
    own = _find(version, prefix)
    return None if own is None else _tell(version, own)


def _complete(versions: Sequence[Version], told: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """The stories, including versions with the question under another id, and a line for the others."""
    known = next(story for story in told if story)
    stories = []
    for version, story in zip(versions, told, strict=True):
        if story is None and known["question"]:
            same = find_same(version, known["question"])
            own = same and known["id"].replace(known["question"]["question_id"], same)
            story = _story_or_none(version, own) if own else None
        stories.append(story or {"version": version.ref, "absent": f"{version.ref} has no such {known['level']}"})
    return stories


def _by_source_id(versions: Sequence[Version], wanted: str) -> pl.DataFrame:
    """As `_search`: the rows with this id in their source, given alone or after the source's name; also those
    dropped at import. Empty if it is an id of ours."""
    asked_for = pl.format("{} {}", "source", "source_id") == wanted
    found = []
    for version in versions:
        asked = scan(version, "questions").filter((pl.col("source_id") == wanted) | asked_for)
        named = [one.source for one in version.manifest.provenance.inputs]
        places = [wanted, *(f"{name} {wanted}" for name in named)]
        left_out = pl.col("detail").is_in(places) | pl.any_horizontal(
            pl.col("detail").str.starts_with(f"{place}: ") for place in places
        )
        ends = scan(version, "decisions").filter(pl.col("stage") == "import", left_out)
        tables = [
            asked.select("question_id", pl.lit("source id").alias("place"), text="question"),
            ends.select("question_id", pl.lit("import").alias("place"), text="detail"),
        ]
        exact = scan(version, "decisions").filter(pl.col("id") == wanted).head(1).collect()
        if len(exact):
            return pl.DataFrame()
        found.append(pl.concat(pl.collect_all(tables)).with_columns(version=pl.lit(version.ref)))
    return pl.concat(found)


def _search(versions: Sequence[Version], text: str) -> pl.DataFrame:
    """question_id, place, text, version: one match per version and question; the question's text before its gold, its
    replies and the details of its decisions.

    Case and white space are ignored.
    """
    words = text.split()
    if not 0 < len(text) <= LONGEST_SEARCHED or not words:
        raise OvtError(f"a text of {len(text)} characters cannot be searched: give an id, or some words of the text")
    wanted = "(?i)" + r"\s+".join(map(pl.escape_regex, words))
    found = []
    for version in versions:
        asked = scan(version, "questions").select("question_id", place=pl.lit("question"), text="question")
        golds = scan(version, "questions").select("question_id", place=pl.lit("gold"), text="gold")
        said = scan(version, "samples").select("question_id", place="sample_id", text="text")
        ends = scan(version, "decisions").select("question_id", place="stage", text="detail")
        tables = [table.filter(pl.col("text").str.contains(wanted)) for table in (asked, golds, said, ends)]
        both = pl.concat(pl.collect_all(tables, engine="streaming")).unique(
            "question_id", keep="first", maintain_order=True
        )
        found.append(both.with_columns(_around(wanted), version=pl.lit(version.ref)))
    return pl.concat(found)


def _around(wanted: str) -> pl.Expr:
    """The match of `wanted` in a text, on one line."""
    return pl.col("text").str.replace_all(r"\s+", " ").str.extract(rf"(.{{0,{AROUND}}}{wanted}.{{0,{AROUND}}})")


def story(version: Version, prefix: str) -> dict[str, Any]:
    """Everything a version knows about the question or sample with the id or unique id prefix `prefix`.

    version, id, level   which one it is; level "question" or "sample"
    decision             where it ended: stage, decision, reason, detail
    question             its row of the questions table; null for what was left out at import
    prompts              the models' prompts by stage: a list of messages, rendered again from the recipe
    captions, samples    rows of the samples table, each with its `decision` and its `verdict` (or null); the story of a
                         sample has that sample only, and the captions that led to it
    rows                 rows of the data, without the images
    own                  the question's own metadata: columns of the questions or the data that are not ovt's, by name
    notes                lines on missing information
    Raises OvtError if no id, or more than one, starts with `prefix`.
    """
    own = _find(version, prefix)
    if own is None:
        raise OvtError(f"{version.ref} has no question or sample {prefix[:80]!r}: `ovt data head` shows some ids")
    return _tell(version, own)


def _tell(version: Version, own: dict[str, Any]) -> dict[str, Any]:
    of_question = pl.col("question_id") == own["question_id"]
    question = next(iter(rows_where(scan(version, "questions"), of_question).to_dicts()), None)
    said = _said(version, of_question)
    captions = [sample for sample in said if sample["stage"] == "caption"]
    told = [sample for sample in said if own["level"] == "question" or own["id"] == sample["sample_id"]]
    rows = _rows(version, of_question)
    asked = None if own["stage"] in SCREENS else question
    shown, notes = _prompts_or_note(version, asked, captions)
    return {
        "version": version.ref,
        "id": own["id"],
        "level": own["level"],
        "decision": _decision(own),
        "question": question,
        "prompts": shown,
        "captions": captions,
        "samples": [sample for sample in told if sample["stage"] == "reason"],
        "rows": [row for row in rows if own["level"] == "question" or own["id"] == row["sample_id"]],
        "own": {
            name: value for row in (*rows, question or {}) for name, value in row.items() if name not in TABLE_COLUMNS
        },
        "notes": notes,
    }


def _prompts_or_note(
    version: Version, question: dict[str, Any] | None, captions: list[dict[str, Any]]
) -> tuple[dict[str, list], list[str]]:
    made = version.manifest.provenance
    try:
        return (prompts(made.recipe, question, captions) if question else {}), []
    except (ValidationError, KeyError):
        return {}, [f"its recipe was written by another ovt ({made.ovt_version}), so its prompts cannot be shown"]


def prompts(recipe: dict[str, Any], question: dict[str, Any], captions: list[dict[str, Any]]) -> dict[str, list]:
    """The messages of each stage for a question, by stage ("reason 1: teacher", … for several reasoners); without a
    caption, none of those that reason over one."""
    questions = pl.DataFrame([question], schema=QUESTIONS)
    described = [(one["question_id"], one["text"]) for one in captions if one["decision"]["decision"] == "kept"]
    shown: dict[str, list] = {}
    if recipe.get("caption") and question["images"]:
        section = caption.CaptionSection.model_validate(recipe["caption"])
        shown["caption"] = _messages(next(caption.requests(questions, section)))
    table = pl.DataFrame(described, schema={"question_id": pl.String, "caption": pl.String}, orient="row")
    several = recipe["reason"] if isinstance(recipe["reason"], list) else []
    for number, asked in enumerate(several or [recipe["reason"]], start=1):
        section = reason.ReasonSection.model_validate(asked)
        if section.see == "image" or described or not question["images"]:
            name = f"reason {number}: {section.endpoint}" if several else "reason"
            shown[name] = _messages(next(reason.requests(questions, table, section)))
    return shown


def prompts_of(story: dict[str, Any], stage: str) -> list[tuple[str, dict[str, Any]]]:
    """The messages of a stage's prompts in a story, each with its title."""
    shown = {name: said for name, said in story["prompts"].items() if name.partition(" ")[0] == stage}
    return [(f"{name} prompt", message) for name, said in shown.items() for message in said]


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    return [dict(message) for message in request.messages]


def _find(version: Version, prefix: str) -> dict[str, Any] | None:
    """The decision on the only question or sample that `prefix` matches; an exact id takes precedence."""
    ends = rows_where(scan(version, "decisions"), pl.col("id").str.starts_with(prefix))
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


def _rows(version: Version, of_question: pl.Expr) -> list[dict[str, Any]]:
    """The rows of the data about a question, with the columns that every split has."""
    tables = {split: scan(version, split) for split in SPLITS}
    known = set.intersection(*(set(table.collect_schema()) for table in tables.values()))
    there = [name for name in tables[SPLITS[0]].collect_schema() if name in known and name != "images"]
    found = {split: rows_where(table.select(there), of_question) for split, table in tables.items()}
    return [{"split": split, **row} for split, rows in found.items() for row in rows.to_dicts()]


def _said(version: Version, of_question: pl.Expr) -> list[dict[str, Any]]:
    samples, judged, ended = (
        rows_where(scan(version, table), of_question).to_dicts() for table in ("samples", "verdicts", "decisions")
    )
    verdicts = {row["sample_id"]: row for row in judged}
    ends = {row["id"]: _decision(row) for row in ended}
    return [one | {"verdict": verdicts.get(one["sample_id"]), "decision": ends[one["sample_id"]]} for one in samples]


def _decision(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("stage", "decision", "reason", "detail")}


def report(found: dict[str, Any]) -> Report:
    """`look_up`: the story, its counterparts in several versions, or the questions that match the text."""
    stories = found["stories"]
    if not stories:
        return Report(f"{found['total']:,} questions contain the text", found, [match_table(found["matches"])])
    if len(stories) == 1:
        return Report(f"{stories[0]['version']}  {ending(stories[0])}", stories[0], tell(stories[0])[1:])
    told = [part for story in stories for part in (story["version"], *tell(story))]
    return Report(f"{len(stories)} versions", found, [overview_table(stories), *told])


def match_table(matches: Sequence[dict[str, Any]]) -> Table:
    """The questions that match a text, one line each."""
    rows = [
        [one["version"], one["question_id"], one["place"].removeprefix(f"{one['question_id']}-"), one["text"]]
        for one in matches
    ]
    return Table([*names("version", "question", "where"), *texts("text")], rows)


def overview_table(stories: Sequence[dict[str, Any]]) -> Table:
    """A line per version: where the question or sample ended, its verdicts, its rows in the data."""
    rows = []
    for story in stories:
        if "absent" in story:
            rows.append([story["version"], "", Styled("not there", "dim"), "", ""])
            continue
        end = story["decision"]
        judged = [sample["verdict"]["outcome"] for sample in story["samples"] if sample["verdict"]]
        ended = Styled(f"{end['decision']} at {end['stage']}, {end['reason']}", STYLES[end["decision"]])
        held = ", ".join(map(_held, story["rows"]))
        rows.append([story["version"], story["id"], ended, f"{judged.count('correct')} of {len(judged)}", held])
    return Table([*names("version", "id"), *texts("ended"), *names("correct"), *texts("in the data")], rows)


def _held(row: dict[str, Any]) -> str:
    """ "sft reason-2"; "rl"."""
    return " ".join([row["split"], *((row["sample_id"] or "").removeprefix(f"{row['question_id']}-").split())])


def tell(story: dict[str, Any]) -> list[Table | str]:
    """A story from question to data, as a table and texts."""
    if "absent" in story:
        return [story["absent"]]
    parts: list[Table | str] = [ending(story), *story["notes"]]
    if story["question"]:
        parts.append(facts(question_facts(story)))
    for stage, said in (("caption", story["captions"]), ("reason", story["samples"])):
        parts += [f"{title}\n{message_text(message)}" for title, message in prompts_of(story, stage)]
        parts += [f"{ending(one)}\n{reply_line(one)}\n{verdict_line(one)}\n{reply_text(one)}" for one in said]
    return parts + [f"in the data, split {row['split']}\n{turns_text(row)}" for row in story["rows"]]


def ending(of: dict[str, Any]) -> str:
    """Where a story or a sample ended: "1f0c…-reason-2: dropped at verify, wrong (12 against 14)"."""
    what, end = of.get("sample_id") or f"{of['level']} {of['id']}", of["decision"]
    reason = "" if end["reason"] == "kept" else f", {end['reason']}"
    detail = f" ({end['detail']})" if end["detail"] else ""
    return f"{what}: {end['decision']} at {end['stage']}{reason}{detail}"


def question_facts(story: dict[str, Any]) -> dict[str, str | None]:
    """The fields of a story's question, by name, and its own metadata."""
    question = story["question"]
    own = {name: str(one) for name, one in story["own"].items() if one is not None}
    return {
        "source": f"{question['source']} {question['source_id']}",
        "question": question["question"],
        "choices": "; ".join(question["choices"]) if question["choices"] else None,
        "gold": question["gold"],
        "images": images_line(question["images"]),
    } | own


def images_line(images: Sequence[str] | None) -> str:
    """Image ids, short."""
    return ", ".join(image[:12] for image in images or ())


def reply_line(sample: dict[str, Any]) -> str:
    """The model and length of a reply."""
    cut = ", cut off" if sample["finish_reason"] == "length" else ""
    return f"{sample['model']}, {sample['completion_tokens']} tokens{cut}"


def verdict_line(sample: dict[str, Any]) -> str:
    """ "verdict wrong: different (12 against 14)"; empty without a verdict."""
    verdict = sample["verdict"]
    return f"verdict {verdict['outcome']}: {verdict['reason']} ({verdict['explanation']})" if verdict else ""


def reply_text(sample: dict[str, Any]) -> str:
    """The reply, or why there is none."""
    return sample["text"] if sample["text"] is not None else f"no reply: {sample['error']}"


def message_text(message: dict[str, Any]) -> str:
    """A chat message as text, its images by id."""
    if isinstance(message["content"], str):
        return message["content"]
    parts = (part["text"] if part["type"] == "text" else f"[image {part['image'][:12]}]" for part in message["content"])
    return "\n".join(parts)


def turns_text(row: dict[str, Any]) -> str:
    """The turns of a row of the data."""
    return "\n".join(f"[{turn['role']}] {turn['content']}" for turn in row["prompt"] + row["completion"])
