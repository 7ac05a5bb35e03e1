"""Output of `ovt data list`, `show`, `head` and `stats`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from ovt.commands.views.tables import Table, bar, block, facts, names, numbers, short, shown, texts, told, view
from ovt.core.text import size
from ovt.curate.reports import why
from ovt.curate.reports.figures import LENGTHS, model_table, number, report, source_table, usage_table
from ovt.curate.reports.funnel import STYLES as DECISIONS
from ovt.curate.reports.funnel import stage_table
from ovt.curate.versions.profile import BUCKETS

STYLES = DECISIONS | {"correct": "green", "wrong": "red", "abstain": "yellow"}


def version_list(outlines: list[dict[str, Any]]) -> RenderableType:
    """`show.listing` of several versions."""
    columns = [
        *names("version", "hash", "written"),
        *numbers("sft", "rl", "questions", "size", "US$"),
        *texts("differs in"),
    ]
    return Table(
        columns,
        [
            [
                f"{one['ref']} (incomplete)" if "incomplete" in one else one["ref"],
                one["content_hash"][:12],
                one["written"][:16].replace("T", " "),
                one["sft"],
                one["rl"],
                one["questions"],
                size(one["bytes"]),
                "unknown" if one["cost_usd"] is None else f"{one['cost_usd']:,.2f}",
                one["differs"],
            ]
            for one in outlines
        ],
    )


def unused_table(found: list[dict[str, Any]]) -> RenderableType:
    """`tidy.Unused`: each version, import and leftover; images together."""
    if not found:
        return Text("nothing to remove")
    rows = [[one["what"], one["path"], size(one["bytes"]), one["why"]] for one in found if one["what"] != "image"]
    if images := [one for one in found if one["what"] == "image"]:
        total = size(sum(one["bytes"] for one in images))
        rows.append([f"{len(images):,} images", "", total, images[0]["why"]])
    return Table([*names("what"), *texts("where"), *numbers("size"), *names("why")], rows)


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
    """`head.head`: one panel per row."""
    panels = [row_panel(row) if "split" in row else dropped_panel(row) for row in rows]
    return Group(*panels) if rows else Text("no such rows")


def dropped_panel(row: dict[str, Any]) -> RenderableType:
    """A dropped row: where it ended and why, its question, and a sample's reply."""
    ended = f"{row['stage']}: {row['reason']}" + (f" ({row['detail']})" if row["detail"] else "")
    about = {
        "dropped at": ended,
        "source": f"{row['source']} {row['source_id']}" if row["source"] else None,
        "gold": row["gold"],
        "choices": "; ".join(row["choices"]) if row["choices"] else None,
        "images": why.images_line(row["images"]),
        "verdict": row["explanation"],
    }
    texts = {"question": row["question"], "reply": row["text"]}
    parts = [facts(about), *(block(name, text) for name, text in texts.items() if text is not None)]
    return Panel(Group(*parts), title=shown(f"{row['level']} {row['id']}"), title_align="left")


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


# `stats`: one version as histograms; several are a table (`figures.report`).

WIDTH = 20  # characters of the longest bar
FILLS = {"█": "", "▒": "yellow", "░": "dim"}  # of a bar's parts, distinguishable without colours too

Line = tuple[str, Sequence[int]]  # a name, and the counts of the parts of its bar


def profiles_shown(profiles: list[dict[str, Any]]) -> RenderableType:
    """`profile.profile` of one or several versions."""
    return one_version(profiles[0]) if len(profiles) == 1 else told(report(profiles))


def one_version(profile: dict[str, Any]) -> RenderableType:
    """`profile.profile` of a version: histograms side by side if they fit, then its sources and cost."""
    each = profile["per_row"]
    line = f"per kept row: {number(each['tokens'], 'tokens')} tokens, US$ {number(each['cost_usd'], 'US$')}"
    head = shown(profile["ref"], "bold") + shown(f"  @{profile['content_hash'][:12]}", "dim")
    head += shown(f"  {profile['sft']:,} sft, {profile['rl']:,} rl, of {profile['questions']:,} questions")
    blocks = [Padding(block, (1, 3, 0, 0)) for block in histograms(profile)]
    tables = [source_table(profile), usage_table(profile["usage"])]
    if "by_model" in profile:
        tables.append(model_table([(profile["ref"], profile["by_model"])]))
    below = [part for table in tables for part in (Text(), view(table))]
    return Group(head, Columns(blocks), *below, shown(line, "dim"))


def histograms(profile: dict[str, Any]) -> Iterator[RenderableType]:
    """The blocks of one version, each a title over bars."""
    if words := profile["words"]:
        yield chart("words of a response", bin_lines(words))
    splits, outcomes = ("sft", "rl"), ("correct", "wrong", "abstain")
    rates = [
        one | {"value": "none" if one["value"] is None else f"{one['value']:.0%}"} for one in profile["pass_rates"]
    ]
    yield chart("pass rate, rows", part_lines(rates, "value", splits), splits)
    by_name = {one["value"]: one for one in profile["difficulty"]}
    buckets = [by_name[name] for name in BUCKETS if name in by_name]
    yield chart("difficulty, rows", part_lines(buckets, "value", splits), splits)
    yield chart("answers, samples", part_lines(profile["kinds"][:10], "kind", outcomes), outcomes)
    yield rates_chart("behaviours, cues per 1,000 words", profile["behaviours"])
    for stage in profile["tokens"]:
        yield chart(f"tokens of a {stage['stage']} reply", bin_lines(stage))
    yield chart(
        "how replies end", [(f"{one['stage']} {one['finish_reason']}", [one["samples"]]) for one in profile["finishes"]]
    )


def bin_lines(spread: dict[str, Any]) -> list[Line]:
    """The bins of `profile.lengths`."""
    return [(f"{one['from']:,}-{one['to']:,}", [one["rows"]]) for one in spread["histogram"]]


def part_lines(counts: Iterable[dict[str, Any]], name: str, parts: Sequence[str]) -> list[Line]:
    """A line per dict of counts."""
    return [(one[name], [one[part] for part in parts]) for one in counts]


def chart(title: str, lines: Sequence[Line], parts: Sequence[str] = ()) -> RenderableType:
    """A bar per line and its count; the parts of the bars have names."""
    most = max((sum(counts) for _, counts in lines), default=0) or 1
    legend = "  ".join(f"{fill} {name}" for fill, name in zip(FILLS, parts, strict=False))
    rows = [
        (name, bar(counts[0] / most, WIDTH) if len(counts) == 1 else parts_bar(counts, most), f"{sum(counts):,}")
        for name, counts in lines
    ]
    return _bars(title, legend, rows)


def parts_bar(counts: Sequence[int], most: int) -> Text:
    """A bar of several parts, in whole characters."""
    drawn, so_far, letters = Text(), 0, 0
    for (fill, colour), count in zip(FILLS.items(), counts, strict=False):
        so_far += count
        upto = round(so_far / most * WIDTH)
        drawn += Text(fill * (upto - letters), colour)
        letters = upto
    return drawn


def rates_chart(title: str, rates: dict[str, float]) -> RenderableType:
    """A bar per rate."""
    most = max(rates.values(), default=0) or 1
    return _bars(title, "", [(name, bar(rate / most, WIDTH), f"{rate:.2f}") for name, rate in rates.items()])


def _bars(title: str, parts: str, rows: Sequence[tuple[str, str | Text, str]]) -> RenderableType:
    """A name, a bar and a number per line, under a title that names the parts of the bars."""
    cells = [(short(name, 24), drawn, count) for name, drawn, count in rows]
    named = Text(title, "bold") + Text(f"  {parts}" if parts else "", "dim")
    return Group(named, Table([*numbers(""), *names("", style="cyan"), *numbers("")], cells, header=False))
