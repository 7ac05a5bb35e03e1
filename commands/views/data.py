"""What the data commands print: plain data of `show.py`, `why.py` and `ledger.py` as rich renderables."""

from collections.abc import Iterable
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from ovt.commands.views.tables import Table, bars, facts, names, numbers, short, shown, size, texts
from ovt.core.schema import STAGES

STYLES = {"kept": "green", "dropped": "red", "correct": "green", "wrong": "red", "abstain": "yellow"}


def version_list(outlines: list[dict[str, Any]]) -> RenderableType:
    """`show.outline` of several versions."""
    columns = [*names("version", "hash", "parent"), *numbers("sft", "rl", "questions", "size", "US$")]
    return Table(
        columns,
        [
            [
                one["ref"],
                one["content_hash"][:12],
                one["parent"],
                one["sft"],
                one["rl"],
                one["questions"],
                size(one["bytes"]),
                "unknown" if one["cost_usd"] is None else f"{one['cost_usd']:,.2f}",
            ]
            for one in outlines
        ],
    )


def funnel_table(funnel: pl.DataFrame | list[dict[str, Any]]) -> RenderableType:
    """`ledger.funnel`: in, dropped and out by stage, and why."""
    rows = funnel.to_dicts() if isinstance(funnel, pl.DataFrame) else funnel
    return Table(
        [*names("", "stage"), *numbers("in", "dropped", "out"), *texts("why")],
        [
            [
                level,
                row["stage"],
                row["rows_in"],
                row["rows_in"] - row["rows_out"],
                row["rows_out"],
                short(reasons(row["dropped"] or row["kept_as"]), 200),
            ]
            for level, row in zip(levels(rows), rows, strict=True)
        ],
    )


def levels(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The level of each row, where it is another than the row's before: "questions", "", "samples", ""."""
    told = [f"{row['level']}s" for row in rows]
    return ["" if place and told[place - 1] == level else level for place, level in enumerate(told)]


def source_table(funnel: list[dict[str, Any]]) -> RenderableType:
    """`funnel.by_source`: for each level, what is left of each source after each stage, and why the rest is not."""
    parts: list[RenderableType] = []
    for level in dict.fromkeys(row["level"] for row in funnel):
        rows = [row for row in funnel if row["level"] == level]
        stages = [stage for stage in STAGES if any(row["stage"] == stage for row in rows)]
        columns = [*names(f"{level}s"), *numbers("in", *stages[:-1], "kept"), *texts("why not")]
        sources = list(dict.fromkeys(row["source"] for row in rows))
        lines = [source_cells(one, [row for row in rows if row["source"] == one], stages) for one in sources]
        if len(sources) > 1:
            lines.append([Text(str(cell), "bold") for cell in source_cells("all", rows, stages)])
        parts += [Table(columns, lines), Text()]
    return Group(*parts[:-1])


def source_cells(name: str, rows: list[dict[str, Any]], stages: list[str]) -> list[Text]:
    """A line of `source_table`: the rows of one source or of several, added up."""
    came = sum(row["rows_in"] for row in rows if row["stage"] == stages[0])
    out = [sum(row["rows_out"] for row in rows if row["stage"] == stage) for stage in stages]
    lost: dict[str, int] = {}
    for end in (end for row in rows for end in row["dropped"]):
        lost[end["reason"]] = lost.get(end["reason"], 0) + end["rows"]
    why = [
        {"reason": reason, "rows": count} for reason, count in sorted(lost.items(), key=lambda one: (-one[1], one[0]))
    ]
    counts = [shown(f"{count:,}") for count in (came, *out[:-1])]
    return [short(name), *counts, shown(f"{out[-1] / came:.0%}" if came else ""), short(reasons(why), 200)]


def reason_table(ends: list[dict[str, Any]]) -> RenderableType:
    """`funnel.by_reason`: how often each reason ended a question or a sample."""
    return Table(
        [*names("", "stage", "reason"), *numbers("rows", "of stage", "of all"), *bars("")],
        [
            [
                level,
                end["stage"],
                shown(end["reason"], STYLES[end["decision"]]),
                end["rows"],
                f"{end['of_stage']:.1%}",
                f"{end['of_all']:.1%}",
                end["of_all"],
            ]
            for level, end in zip(levels(ends), ends, strict=True)
        ],
    )


def reasons(counts: list[dict[str, Any]]) -> str:
    """ "wrong 12, abstain 3"."""
    return ", ".join(f"{count['reason']} {count['rows']:,}" for count in counts)


def description(about: dict[str, Any]) -> RenderableType:
    """`show.describe` of a version."""
    made = about["provenance"]
    commit = f", commit {made['git_commit']}" if made["git_commit"] else ""
    told = {
        "version": f"{about['ref']}  @{about['content_hash'][:12]}",
        "folder": about["path"],
        "parent": made["parent"],
        "rows": f"sft {about['sft']:,}, rl {about['rl']:,}",
        "sources": ", ".join(f"{one['source']} ({one['rows']:,})" for one in made["inputs"]),
        "models": ", ".join(f"{one['stage']}: {one['model']}" for one in made["models"]),
        "words": words_line(about["stats"]["words"]),
        "behaviours": ", ".join(f"{name} {rate}" for name, rate in about["stats"]["behaviours"].items()),
        "difficulty": ", ".join(f"{one['value']} {one['sft'] + one['rl']:,}" for one in about["stats"]["difficulty"]),
        "made by": f"ovt {made['ovt_version']}, verifier {made['verifier_version']}{commit}",
        "rebuild": made["rebuild"],
    }
    return Group(facts(told), Text(), funnel_table(about["funnel"]))


def words_line(words: dict[str, Any] | None) -> str | None:
    """The lengths of the responses, in words."""
    return "mean {mean}, median {median}, 95th percentile {p95}, longest {max}".format(**words) if words else None


def rows_head(rows: list[dict[str, Any]]) -> RenderableType:
    """`show.head`: one panel per row."""
    return Group(*(row_panel(row) for row in rows)) if rows else Text("no rows were kept")


def row_panel(row: dict[str, Any]) -> RenderableType:
    """A kept row: what it is, its prompt and its completion."""
    rate = f"{row['n_correct']} of {row['n_samples']} samples correct ({row['difficulty']})"
    about = {"source": row["source"], "answer": row["answer"], "pass rate": rate, "images": images_line(row["images"])}
    parts = [facts(about), block("prompt", row["prompt"])]
    if row["completion"] is not None:
        parts.append(block("completion", row["completion"]))
    return Panel(
        Group(*parts), title=shown(f"{row['split']} {row['sample_id'] or row['question_id']}"), title_align="left"
    )


def story_told(story: dict[str, Any]) -> RenderableType:
    """`why.story`, from the question to the data."""
    parts: list[RenderableType] = [ending(f"{story['level']} {story['id']}", story["decision"])]
    parts += [shown(note, "yellow") for note in story["notes"]]
    if question := story["question"]:
        choices = "; ".join(question["choices"]) if question["choices"] else None
        about = {"source": f"{question['source']} {question['source_id']}", "question": question["question"]}
        about |= {"choices": choices, "gold": question["gold"], "images": images_line(question["images"])}
        parts.append(facts(about))
    for stage, said in (("caption", story["captions"]), ("reason", story["samples"])):
        parts += [block(f"{stage} prompt", message_text(message)) for message in story["prompts"].get(stage, [])]
        parts += [sample_told(sample) for sample in said]
    for row in story["rows"]:
        turns = [f"[{turn['role']}] {turn['content']}" for turn in row["prompt"] + row["completion"]]
        parts += [Text(), block(f"in the data, split {row['split']}", "\n".join(turns))]
    return Group(*parts)


def sample_told(sample: dict[str, Any]) -> RenderableType:
    """A sample: its end, its text or error, its verdict."""
    parts: list[RenderableType] = [Text(), ending(sample["sample_id"], sample["decision"])]
    cut = ", cut off" if sample["finish_reason"] == "length" else ""
    parts.append(Padding(shown(f"{sample['model']}, {sample['completion_tokens']} tokens{cut}", "dim"), (0, 0, 0, 2)))
    if verdict := sample["verdict"]:
        line = Text.assemble("verdict ", (verdict["outcome"], STYLES.get(verdict["outcome"], "")), ": ")
        parts.append(Padding(line + shown(f"{verdict['reason']} ({verdict['explanation']})"), (0, 0, 0, 2)))
    parts.append(block(None, sample["text"] if sample["text"] is not None else f"no reply: {sample['error']}"))
    return Group(*parts)


def ending(what: str, decision: dict[str, Any]) -> Text:
    """ "1f0c…-reason-2: dropped at verify, wrong (12 against 14)"; "question 1f0c…: kept at version, sft"."""
    reason = "" if decision["reason"] == "kept" else f", {decision['reason']}"
    detail = f" ({decision['detail']})" if decision["detail"] else ""
    line = shown(f"{what}: ", "bold") + Text(decision["decision"], STYLES.get(decision["decision"], ""))
    return line + shown(f" at {decision['stage']}{reason}{detail}")


def message_text(message: dict[str, Any]) -> str:
    """A chat message as text, its images by id."""
    if isinstance(message["content"], str):
        return message["content"]
    parts = (part["text"] if part["type"] == "text" else f"[image {part['image'][:12]}]" for part in message["content"])
    return "\n".join(parts)


def block(title: str | None, text: str) -> RenderableType:
    """A text of any length, set in under its title."""
    body = Padding(shown(text), (0, 0, 0, 4))
    return Group(shown(f"  {title}", "cyan"), body) if title else body


def images_line(images: list[str] | None) -> str:
    """Image ids, short."""
    return ", ".join(image[:12] for image in images or ())
