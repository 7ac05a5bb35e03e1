"""Many verdicts at once: equal rows are judged once, and long work spreads over the worker processes.

df = df.with_columns(correct=pl.Series([bool(v) for v in verify_many(df.select("answer", "gold", "choices").iter_rows())]))
"""

from collections.abc import Iterable, Sequence

from ovt.verifiers.check import verify, verify_response
from ovt.verifiers.verdict import Verdict

Row = tuple[str, str] | tuple[str, str, Sequence[str] | None]


def verify_many(rows: Iterable[Row], *, responses: bool = False, kind: str = "auto") -> list[Verdict]:
    """Judge rows of (prediction, gold) or (prediction, gold, choices); the verdicts come in the rows' order.

    responses: the first column holds whole responses (`verify_response`) rather than bare answers (`verify`).
    """
    judge = verify_response if responses else verify
    known: dict[tuple[str, str, tuple[str, ...]], Verdict] = {}
    verdicts = []
    for text, gold, *rest in rows:
        choices = tuple(map(str, rest[0])) if rest and rest[0] else ()
        key = (text or "", gold or "", choices)
        if key not in known:
            known[key] = judge(text, gold, choices=choices or None, kind=kind)
        verdicts.append(known[key])
    return verdicts
