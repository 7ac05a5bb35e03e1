"""A diff in a few lines and two tables, for a terminal, a notebook and Python's `print`; what-if reports share them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ovt.core.report import Report, Styled, Table, facts, names, numbers
from ovt.curate.reports.diff.changes import STATUSES
from ovt.curate.reports.diff.recipes import marked, sides
from ovt.curate.reports.figures import compared, drift_table, model_table


def report(about: dict[str, Any], examples: Iterable[dict[str, Any]] = ()) -> Report:
    """`diff.compare`, and rows of `examples.examples`."""
    a, b = about["a"], about["b"]
    title = f"{a['ref']} → {b['ref']}  @{a['content_hash'][:12]} → @{b['content_hash'][:12]}"
    tables = [facts(lines(about)), drift_table(compared(about["drift"])), difficulty_table(about["difficulty"])]
    return Report(title, about, [*about["notes"], *tables, *model_tables(about), *map(example_text, examples)])


def lines(about: dict[str, Any]) -> dict[str, str]:
    """Row counts by status, and changed settings; an empty line if there is nothing to report."""
    rows = about["rows"]
    splits = ", ".join(f"{split} {rows['a'][split]:,} → {rows['b'][split]:,}" for split in ("sft", "rl"))
    return {
        "rows": f"{splits}: {', '.join(f'{rows[name]:,} {name}' for name in STATUSES)}",
        **change_lines(about),
        "set": "; ".join(map(_setting, about["settings"])),
        "also": "; ".join(_also(about)),
    }


def change_lines(about: dict[str, Any]) -> dict[str, str]:
    """Kinds of change, and reasons for added and removed rows: "filter too_long 18, verify wrong 3"."""
    reasons = {
        status: ", ".join(f"{one['stage']} {one['reason']} {one['rows']:,}" for one in about[status])
        for status in ("removed", "added")
    }
    return {"changed": ", ".join(f"{one['kind']} {one['rows']:,}" for one in about["changed"]), **reasons}


def _setting(one: dict[str, Any]) -> str:
    return f"{one['key']} {' → '.join(sides(one))}"


def _also(about: dict[str, Any]) -> Iterator[str]:
    if about["prompts"]:
        yield f"prompts of {', '.join(one['stage'] for one in about['prompts'])} differ"
    for one in about["origins"]:
        yield f"{one['what']}: {one['a'] or 'none'} → {one['b'] or 'none'}"
    if count := about["questions"]["renamed"]:
        yield f"{count:,} questions have a different id ({about['questions']['gold_corrected']:,} golds corrected)"
    for flip in about["verdicts"]["flips"]:
        yield f"{flip['replies']:,} replies judged {flip['from']} → {flip['to']}"


def model_tables(about: dict[str, Any]) -> list[Table]:
    """The reasoners of both versions, if one of them has several."""
    models = about.get("models")
    return [model_table([(about[side]["ref"], models[side]) for side in "ab"])] if models else []


def difficulty_table(difficulty: dict[str, Any]) -> Table:
    """Questions by their difficulty in a (down) and in b (across)."""
    buckets: Sequence[str] = difficulty["buckets"]
    rows = [
        [bucket, *(_shaded(row, column, count) for column, count in enumerate(counts))]
        for row, (bucket, counts) in enumerate(zip(buckets, difficulty["questions"], strict=True))
    ]
    return Table([*names("difficulty a ↓ b →"), *numbers(*buckets)], rows)


def _shaded(row: int, column: int, count: int) -> Styled:
    return Styled(f"{count:,}", "dim" if not count else "" if row == column else "bold cyan")


def example_text(one: dict[str, Any]) -> str:
    """An example on several lines, with its response differences between marks."""
    side = one["a"] or one["b"]
    text = marked(one["pieces"]) if one["pieces"] else response(one) or ""
    return f"{one['status']} {one['question_id']}  {why(one)}\n{side['question']}\n{example_facts(one)}\n{text}\n"


def why(one: dict[str, Any]) -> str:
    """An example's status: "sample, verdict"; "not in b: filter too_long (61 words, more than 45)"."""
    if one["status"] == "changed":
        return ", ".join(one["kinds"])
    detail = f" ({one['detail']})" if one["detail"] else ""
    return f"not in {'b' if one['status'] == 'removed' else 'a'}: {one['stage']} {one['reason']}{detail}"


def example_facts(one: dict[str, Any]) -> str:
    """An example's other facts: "answer 4 → 5, 3 of 4 correct (easy), sft, reason-0"."""
    sides = [_facts(side) for side in (one["a"], one["b"]) if side]
    if len(sides) == 1:
        return ", ".join(sides[0])
    return ", ".join(old if old == new else f"{old} → {new}" for old, new in zip(*sides, strict=True))


def _facts(side: dict[str, Any]) -> list[str]:
    solved = f"{side['n_correct']} of {side['n_samples']} correct ({side['difficulty']})"
    sample = (side["sample_id"] or "no sample").removeprefix(f"{side['question_id']}-")
    return [f"answer {side['answer']}", solved, side["split"], sample]


def response(one: dict[str, Any]) -> str | None:
    """The response of an example whose texts are not compared: the newer one if both exist."""
    return next((side["completion"] for side in (one["b"], one["a"]) if side and side["completion"]), None)
