"""What the `ovt verify` commands print. All texts are other people's: shown as plain text, never obeyed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ovt.commands.views.tables import short, shown
from ovt.curate.audit.attack import Report as AttackReport
from ovt.curate.audit.labels import Adopted

EXAMPLES = 10
NARROW = 16  # characters


def attack_report(report: AttackReport) -> RenderableType:
    """The hacks, what was accepted, and some of it."""
    rows = [
        (one.hack.replace("_", " "), one.tried, len(one.accepted), f"{one.slowest_s:.3f}", one.what)
        for one in report.outcomes
    ]
    accepted = [one for outcome in report.outcomes for one in (*outcome.accepted[:1], *outcome.accepted[-1:])]
    examples = [{"response": repr(one.response), "gold": one.gold, "choices": choices(one.choices)} for one in accepted]
    line = f"false-accept rate {report.false_accept_rate:.3%}: {report.accepted:,} of {report.tried:,} hacks accepted"
    return Group(
        table(("hack", "tried", "accepted", "slowest s", "what"), rows),
        *(titled("accepted, the first and last of each hack:", examples) if examples else ()),
        Text(f"\n{line}", "red" if report.accepted else "green"),
    )


def audit_report(about: Mapping[str, Any]) -> RenderableType:
    """`audit.as_dict`: the counts by kind, and the first disagreements."""
    counts = about["by_kind"]
    verdicts = [
        {
            "answer": one["answer"],
            "gold": one["gold"],
            "choices": choices(one["choices"]),
            "kind": one["kind"],
            "verdicts": ", ".join(f"{name} {verdict}" for name, verdict in one["verdicts"].items()),
        }
        for one in about["examples"][:EXAMPLES]
    ]
    parts: list[RenderableType] = []
    if counts:
        parts.append(count_table(counts))
    if verdicts:
        parts += titled("disagreements, the most frequent first:", verdicts)
    parts.append(Text())
    if about["not_installed"]:
        parts.append(Text(f"not installed, so not asked: {', '.join(about['not_installed'])}"))
    parts.append(
        Text(
            f"{about['samples']:,} samples of {about['version']} ({about['without_answer']:,} without an answer): "
            f"{about['answers']:,} different answers, {about['disagreements']:,} disputed"
        )
    )
    return Group(*parts)


def count_table(counts: Sequence[Mapping[str, Any]]) -> Table:
    """`audit.count_by_kind` in 80 columns. "only ovt": what only our rules call correct; "only it": only the grader."""
    titles = {"only ovt correct": "only ovt", "only grader correct": "only it"}
    view = Table(box=None, pad_edge=False, header_style="dim")
    for name, cell in counts[0].items():
        is_number = isinstance(cell, int)
        side = "right" if is_number else "left"
        view.add_column(titles.get(name, name), justify=side, overflow="fold", no_wrap=not is_number)
    for row in counts:
        view.add_row(*(shown(f"{cell:,}" if isinstance(cell, int) else cell) for cell in row.values()))
    return view


def labels_report(adopted: Adopted) -> RenderableType:
    """What became of a file of labels."""
    failing = [{"answer": one.answer, "gold": one.gold, "label": one.label} for one in adopted.failing[:EXAMPLES]]
    counts = f"{adopted.added:,} added, {adopted.known:,} known already, {adopted.unlabelled:,} without a label"
    parts = titled("the rules get these wrong:", failing) if failing else []
    return Group(*parts, Text(f"{counts}; the rules get {len(adopted.failing):,} of them wrong"))


def choices(options: Sequence[str] | None) -> str:
    return " | ".join(options or ())


def titled(title: str, rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """A heading and a table of rows with the same names."""
    return [Text(f"\n{title}", "bold"), table(tuple(rows[0]), (tuple(row.values()) for row in rows))]


def table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Each text on a line of its own, cut where it is long; a column of short ones keeps its width."""
    view = Table(box=None, pad_edge=False, header_style="dim")
    listed = list(rows)
    for place, name in enumerate(names):
        is_narrow = all(len(str(row[place])) <= NARROW for row in listed)
        view.add_column(name, overflow="ellipsis", no_wrap=is_narrow)
    for row in listed:
        view.add_row(*(shown(f"{cell:,}") if isinstance(cell, int) else short(cell, 70) for cell in row))
    return view
