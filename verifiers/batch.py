"""Many verdicts at once: equal rows are judged once, and long tables are spread over the worker processes.

verdicts = verify_many(df.select("response", "gold", "choices").iter_rows(), responses=True)
df = df.with_columns(verdict=pl.Series([v.outcome for v in verdicts]), reason=pl.Series([v.reason for v in verdicts]))
"""

from collections.abc import Iterable, Sequence

from ovt.verifiers import pool
from ovt.verifiers.check import verify, verify_response
from ovt.verifiers.verdict import Verdict

SPREAD_FROM = 1_000
"""Rows below which starting processes costs more than they save."""

CHUNK = 200

Row = tuple[str, str] | tuple[str, str, Sequence[str] | None]
Key = tuple[str, str, tuple[str, ...]]


def verify_many(rows: Iterable[Row], *, responses: bool = False, kind: str = "auto") -> list[Verdict]:
    """Judge rows of (prediction, gold) or (prediction, gold, choices); the verdicts come in the rows' order.

    responses: the first column holds whole responses (`verify_response`) rather than bare answers (`verify`).
    """
    keys = [_key(*row) for row in rows]
    unique = list(dict.fromkeys(keys))
    if len(unique) < SPREAD_FROM or pool.MAX_WORKERS == 1:
        verdicts = [_judge(key, responses, kind) for key in unique]
    else:
        verdicts = _spread(unique, responses, kind)
    known = dict(zip(unique, verdicts, strict=True))
    return [known[key] for key in keys]


def _key(text: str | None, gold: str | None, choices: Sequence[str] | None = None) -> Key:
    return text or "", gold or "", tuple(map(str, choices)) if choices is not None else ()


def _judge(key: Key, responses: bool, kind: str) -> Verdict:
    text, gold, choices = key
    return (verify_response if responses else verify)(text, gold, choices=choices or None, kind=kind)


def _spread(keys: list[Key], responses: bool, kind: str) -> list[Verdict]:
    """Each thread feeds one worker process, chunk by chunk."""
    from concurrent.futures import ThreadPoolExecutor

    chunks = [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]
    with ThreadPoolExecutor(pool.MAX_WORKERS) as threads:
        return [
            verdict
            for verdicts in threads.map(lambda chunk: _judge_chunk(chunk, responses, kind), chunks)
            for verdict in verdicts
        ]


def _judge_chunk(keys: list[Key], responses: bool, kind: str) -> list[Verdict]:
    verdicts = [Verdict(*fields) for fields in pool.stream("rows", keys, responses, kind)]
    # What a lost worker left undone is judged here, where each symbolic check has a worker to itself.
    return verdicts + [_judge(key, responses, kind) for key in keys[len(verdicts) :]]
