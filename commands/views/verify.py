"""Output of the `ovt verify` commands. All texts are untrusted: shown as plain text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ovt.commands.views.tables import Column, Table, names, numbers, short, texts
from ovt.curate.audit.attack import Report as AttackReport
from ovt.curate.audit.labels import Adopted

EXAMPLES = 10
NARROW = 16  # characters


def attack_report(report: AttackReport) -> RenderableType:
    """The number of hacks, how many were accepted, and some examples."""
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
    """`audit.as_dict`: counts by kind, and the first disagreements."""
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
    """`audit.count_by_kind` in 80 columns. "only ovt": only our rules say correct; "only it": only the grader does."""
    titles = {"only ovt correct": "only ovt", "only grader correct": "only it"}
    columns = [
        Column(titles.get(name, name), "number" if isinstance(cell, int) else "name")
        for name, cell in counts[0].items()
    ]
    return Table(columns, [tuple(row.values()) for row in counts])


def labels_report(adopted: Adopted) -> RenderableType:
    """The result of importing a file of labels."""
    failing = [{"answer": one.answer, "gold": one.gold, "label": one.label} for one in adopted.failing[:EXAMPLES]]
    counts = f"{adopted.added:,} added, {adopted.known:,} known already, {adopted.unlabelled:,} without a label"
    parts = titled("the rules get these wrong:", failing) if failing else []
    return Group(*parts, Text(f"{counts}; the rules get {len(adopted.failing):,} of them wrong"))


def choices(options: Sequence[str] | None) -> str:
    return " | ".join(options or ())


def titled(title: str, rows: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """A heading and a table of rows with the same names."""
    return [Text(f"\n{title}", "bold"), table(tuple(rows[0]), (tuple(row.values()) for row in rows))]


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Texts on lines of their own, truncated if long; a column of short ones is never wrapped."""
    listed = [[cell if isinstance(cell, int) else short(cell, 70) for cell in row] for row in rows]
    columns = []
    for place, title in enumerate(titles):
        cells = [row[place] for row in listed]
        if all(isinstance(cell, int) for cell in cells):
            columns += numbers(title)
        else:
            columns += names(title) if all(len(str(cell)) <= NARROW for cell in cells) else texts(title)
    return Table(columns, listed)
