r"""The way in: one row or many, each judged in a worker process, so that none takes more than two seconds.

    verify("\\frac12", "0.5").outcome                      # "correct"

    verdicts = verify_many(df.select("response", "gold", "choices").iter_rows(), responses=True)
    df = df.with_columns(verdict=pl.Series([v.outcome for v in verdicts]))

Every path (curation, reward, evaluation) comes through here, and gets the same verdict in any thread or process.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ovt.verifiers.process import pool
from ovt.verifiers.verdict import KINDS, Verdict, undecided

SPREAD_FROM = 1_000
"""Rows below which starting a second process costs more than it saves."""

CHUNK = 200
"""Rows that a worker is given at once."""

MAX_CHARS = 2_000_000
"""A text that is longer is judged by nobody; rows that together are longer are not given to a worker at once."""

Row = tuple[str, str] | tuple[str, str, Sequence[str] | None]
Key = tuple[str, str, tuple[str, ...] | None]


def verify(
    prediction: str,
    gold: str,
    *,
    choices: Sequence[str] | None = None,
    kind: str = "auto",
    presume_wrong: bool = True,
) -> Verdict:
    """Judge a bare answer, or a sentence that gives one.

    choices: the options' texts, labelled (`A. 30°`) or not. kind: one of `KINDS`, where the caller knows better than
    the gold's look. presume_wrong: free texts that differ are wrong; without it they are an abstention, for whoever
    can tell whether they mean the same. Never raises on any text and takes two seconds at most; what runs out of them
    is an abstention.
    """
    return _judge("answer", [_key(prediction, gold, choices)], _known(kind), presume_wrong)[0]


def verify_response(
    response: str,
    gold: str,
    *,
    choices: Sequence[str] | None = None,
    kind: str = "auto",
    presume_wrong: bool = True,
) -> Verdict:
    """Judge a whole response: its answer is found first (`extract.py`). Nothing inside `<think>` counts."""
    return _judge("response", [_key(response, gold, choices)], _known(kind), presume_wrong)[0]


def verify_many(
    rows: Iterable[Row], *, responses: bool = False, kind: str = "auto", presume_wrong: bool = True
) -> list[Verdict]:
    """Judge rows of (prediction, gold) or (prediction, gold, choices); the verdicts come in the rows' order.

    responses: the first column holds whole responses (`verify_response`) rather than bare answers (`verify`).
    Equal rows are judged once, and long tables are spread over the worker processes.
    """
    keys = [_key(*row) for row in rows]
    unique = list(dict.fromkeys(keys))
    chunks = list(_chunks(unique))

    def judge(chunk: list[Key]) -> list[Verdict]:
        return _judge("response" if responses else "answer", chunk, _known(kind), presume_wrong)

    judged = map(judge, chunks) if len(unique) < SPREAD_FROM or pool.MAX_WORKERS == 1 else _spread(judge, chunks)
    known = dict(zip(unique, chain.from_iterable(judged), strict=True))
    return [known[key] for key in keys]


def lint_gold(gold: str, choices: Sequence[str] | None = None, kind: str = "auto") -> str | None:
    """Why a gold cannot be used (a reason code), or None where it can.

    `empty_gold`, `gold_too_long`, `gold_too_nested`, `gold_not_in_choices`; `duplicate_choices`: it is two options at
    once; `unparseable_gold`: the kind asked for cannot read it; `gold_not_accepted`: its own verifier refuses it;
    `gold_takes_too_long`.
    """
    text, _, options = _key(gold, "", choices)
    if len(text) > MAX_CHARS:
        return "gold_too_long"
    (reply,) = pool.run("lint", [(text, options)], _known(kind))
    return reply[0] if isinstance(reply, list) else "gold_takes_too_long" if reply == pool.TIMEOUT else "worker_lost"


def _key(text: str | None, gold: str | None, choices: Sequence[str] | None = None) -> Key:
    return str(text or ""), str(gold or ""), tuple(map(str, choices)) if choices else None


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    return kind


def _chunks(keys: list[Key]) -> Iterator[list[Key]]:
    """The rows in parts that a worker can take in at once."""
    chunk: list[Key] = []
    chars = 0
    for key in keys:
        chars += _size(key)
        if chunk and (len(chunk) == CHUNK or chars > MAX_CHARS):
            yield chunk
            chunk, chars = [], _size(key)
        chunk.append(key)
    if chunk:
        yield chunk


def _spread(judge: Callable[[list[Key]], list[Verdict]], chunks: list[list[Key]]) -> list[list[Verdict]]:
    """Each thread feeds one worker process, chunk by chunk."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(pool.MAX_WORKERS) as threads:
        return list(threads.map(judge, chunks))


def _judge(job: str, keys: list[Key], kind: str, presume_wrong: bool) -> list[Verdict]:
    """A verdict for each row."""
    sent = [key for key in keys if _size(key) <= MAX_CHARS]
    replies = iter(pool.run(job, sent, kind, presume_wrong))
    return [
        _verdict(next(replies), job, key, kind) if _size(key) <= MAX_CHARS else undecided("too_long", kind, "", key[1])
        for key in keys
    ]


def _size(key: Key) -> int:
    return len(key[0]) + len(key[1]) + sum(map(len, key[2] or ()))


def _verdict(reply: Any, job: str, key: Key, kind: str) -> Verdict:
    """The verdict that a worker came to, or what can be said of a row that no worker lived to judge."""
    if reply in (pool.TIMEOUT, pool.LOST):
        reason = "timeout" if reply == pool.TIMEOUT else "worker_lost"
        (reply,) = pool.run("undecided", [key[:2]], job, reason, kind)
        if not isinstance(reply, list):
            return undecided(reason, kind, "", key[1])
    return Verdict(*reply)
