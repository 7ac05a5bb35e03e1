"""What the data commands print: plain data of `show.py`, `why.py` and `ledger.py` as rich renderables."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from ovt.commands.views.tables import Table, facts, names, numbers, shown, size, view
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
    return Group(facts(told), Text(), view(stage_table(about["funnel"])))


def words_line(words: dict[str, Any] | None) -> str | None:
    """The lengths of the responses, in words."""
    return ", ".join(f"{name} {words[key]}" for name, key in LENGTHS.items()) if words else None


def rows_head(rows: list[dict[str, Any]]) -> RenderableType:
    """`show.head`: one panel per row."""
    return Group(*(row_panel(row) for row in rows)) if rows else Text("no rows were kept")


def row_panel(row: dict[str, Any]) -> RenderableType:
    """A kept row: what it is, its prompt and its completion."""
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


def story_told(story: dict[str, Any]) -> RenderableType:
    """`why.story`, from the question to the data."""
    parts: list[RenderableType] = [ended(story)]
    parts += [shown(note, "yellow") for note in story["notes"]]
    if story["question"]:
        parts.append(facts(why.question_facts(story["question"])))
    for stage, said in (("caption", story["captions"]), ("reason", story["samples"])):
        parts += [block(f"{stage} prompt", why.message_text(one)) for one in story["prompts"].get(stage, [])]
        parts += [sample_told(sample) for sample in said]
    for row in story["rows"]:
        parts += [Text(), block(f"in the data, split {row['split']}", why.turns_text(row))]
    return Group(*parts)


def sample_told(sample: dict[str, Any]) -> RenderableType:
    """A sample: its end, its text or error, its verdict."""
    parts: list[RenderableType] = [Text(), ended(sample), Padding(shown(why.reply_line(sample), "dim"), (0, 0, 0, 2))]
    if sample["verdict"]:
        outcome = sample["verdict"]["outcome"]
        parts.append(Padding(coloured(why.verdict_line(sample), f" {outcome}:", STYLES[outcome]), (0, 0, 0, 2)))
    return Group(*parts, block(None, why.reply_text(sample)))


def ended(of: dict[str, Any]) -> Text:
    """Where a story or a sample ended."""
    what, _, end = why.ending(of).partition(": ")
    decision = of["decision"]["decision"]
    return shown(f"{what}: ", "bold") + coloured(end, decision, STYLES[decision])


def coloured(line: str, word: str, style: str) -> Text:
    """A line with the first place of a word in colour."""
    text, at = shown(line), line.find(word)
    text.stylize(style, at, at + len(word))
    return text


def block(title: str | None, text: str) -> RenderableType:
    """A text of any length, set in under its title."""
    body = Padding(shown(text), (0, 0, 0, 4))
    return Group(shown(f"  {title}", "cyan"), body) if title else body
