"""One answer of an evaluation, and why it counts as it does: the reply with its answer marked, and every reading.

ovt eval why pocket-mathvista 17
"""

from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.report import Report, Table, facts, names, texts
from ovt.evaluation.benchmark import find_benchmark
from ovt.evaluation.results import Evaluation, open_evaluation, read_readings, read_table

LEFT, RIGHT = "⟦", "⟧"


def why(name: str, what: str, home: Home) -> Report:
    """The answers to a question, found by the benchmark's id, or the question's id or its start.

    OvtError if there is none, or several questions start like that.
    """
    done = open_evaluation(name, home)
    questions, samples = read_table(name, "questions", home), read_table(name, "samples", home)
    found = questions.filter((pl.col("source_id") == what) | (pl.col("question_id") == what))
    if found.is_empty():
        found = questions.filter(pl.col("question_id").str.starts_with(what)) if len(what) >= 4 else found
    if len(found) != 1:
        some = ", ".join(questions["source_id"].head(3))
        raise OvtError(f"{len(found)} questions of {name} match {what[:60]!r}; give one of its ids, such as {some}")
    asked = found.row(0, named=True)
    parts: list[Table | str] = [facts(_facts(asked, done))]
    data = []
    for sample in samples.filter(pl.col("question_id") == asked["question_id"]).iter_rows(named=True):
        lines, told = _answer(sample, done, home)
        parts += lines
        data.append(told)
    return Report(f"{name} {asked['source_id']}", {"question": asked, "answers": data}, parts)


def _facts(asked: dict[str, Any], done: Evaluation) -> dict[str, Any]:
    known = find_benchmark(done.asked.benchmark.title)[0].known_bad if done.asked.benchmark else {}
    name = asked["source_id"].rpartition("/")[2]
    return {
        "question": asked["question"],
        "gold": asked["gold"],
        "choices": "; ".join(asked["choices"] or ()) or None,
        "known bad gold": known.get(name),
        "id": f"{asked['source_id']} ({asked['question_id']})",
    }


def _answer(sample: dict[str, Any], done: Evaluation, home: Home) -> tuple[list[Table | str], dict[str, Any]]:
    table = read_readings(done.name, home) if done.benchmark else read_table(done.name, "verdicts", home)
    rows = table.filter(pl.col("sample_id") == sample["sample_id"])
    if sample["text"] is None or rows.is_empty():
        return [f"no reply: {sample['error'] or 'it was not kept'}"], {"reply": None}
    row = rows.row(0, named=True)
    reply = marked(sample["text"], row.get("answer") or row.get("extracted") or "")
    told = {"reply": sample["text"], "finish_reason": sample["finish_reason"], **row}
    if not done.benchmark:
        return [reply, Table(texts("outcome", "why"), [(row["outcome"], row["explanation"])])], told
    rule = done.benchmark.rule
    read = [
        ("ours", row["ours"], row["explanation"]),
        ("strict", row["strict"], row["strict_reason"]),
        (rule, row["official"], f"it reads {row['official_answer']!r}" if row["official_answer"] is not None
         else f"it reads nothing; a guess is right with a chance of {row['luck']:.0%}"),
        *((name, row[name], "") for name in ("judge", "filed") if row[name] is not None),
    ]  # fmt: skip
    verdicts = [
        (name, {True: "right", False: "wrong", None: "left open"}[right], reason) for name, right, reason in read
    ]
    return [reply, Table([*names("reading", "verdict"), *texts("why")], verdicts)], told


def marked(text: str, answer: str) -> str:
    """The reply with the last place of its answer between ⟦ and ⟧."""
    at = text.rfind(answer) if answer.strip() else -1
    if at < 0:
        return text
    return f"{text[:at]}{LEFT}{answer}{RIGHT}{text[at + len(answer) :]}"
