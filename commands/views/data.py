"""Output of `ovt data list`, `show` and `head`."""

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from ovt.commands.views.tables import Table, block, facts, names, numbers, shown, view
from ovt.core.text import size
from ovt.curate.reports import why
from ovt.curate.reports.figures import LENGTHS
from ovt.curate.reports.funnel import stage_table

STYLES = {"kept": "green", "dropped": "red", "correct": "green", "wrong": "red", "abstain": "yellow"}


def version_list(outlines: list[dict[str, Any]]) -> RenderableType:
    """`show.outline` of several versions."""
    columns = [*names("version", "hash", "parent"), *numbers("sft", "rl", "questions", "size", "US$")]
    return Table(
        columns,
        [
            [
                f"{one['ref']} (incomplete)" if "incomplete" in one else one["ref"],
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


def description(about: dict[str, Any]) -> RenderableType:
    """`show.describe` of a version."""
    made = about["provenance"]
    commit = f", commit {made['git_commit']}" if made["git_commit"] else ""
    told = {
        "version": f"{about['ref']}  @{about['content_hash'][:12]}",
        "incomplete": "many requests failed: see `ovt data failures`" if "incomplete" in about else None,
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
    return Group(facts(told), Text(), view(stage_table(about["funnel"])))


def words_line(words: dict[str, Any] | None) -> str | None:
    """The lengths of the responses, in words."""
    return ", ".join(f"{name} {words[key]}" for name, key in LENGTHS.items()) if words else None


def rows_head(rows: list[dict[str, Any]]) -> RenderableType:
    """`show.head`: one panel per row."""
    return Group(*(row_panel(row) for row in rows)) if rows else Text("no rows were kept")


def row_panel(row: dict[str, Any]) -> RenderableType:
    """A kept row: its metadata, prompt and completion."""
    rate = f"{row['n_correct']} of {row['n_samples']} samples correct ({row['difficulty']})"
    about = {
        "source": row["source"],
        "answer": row["answer"],
        "pass rate": rate,
        "images": why.images_line(row["images"]),
    }
    parts = [facts(about), block("prompt", row["prompt"])]
    if row["completion"] is not None:
        parts.append(block("completion", row["completion"]))
    return Panel(
        Group(*parts), title=shown(f"{row['split']} {row['sample_id'] or row['question_id']}"), title_align="left"
    )
