r"""The public functions: one row or many, each judged in a worker process, so that each gold takes at most two seconds.

    verify("\\frac12", "0.5").outcome                      # "correct"

    verdicts = verify_many(df.select("response", "gold", "choices").iter_rows(), responses=True)
    df = df.with_columns(verdict=pl.Series([v.outcome for v in verdicts]))

Every path (curation, reward, evaluation) goes through here, and gets the same verdict in any thread or process.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.registry import KINDS
from ovt.verifiers.process import pool
from ovt.verifiers.verdict import Kind, Verdict, undecided

SPREAD_FROM = 1_000
"""With fewer rows, starting a second process costs more than it saves."""

CHUNK = 200
"""Rows sent to a worker at once."""

MAX_CHARS = 2_000_000
"""Longer texts are not judged, and no batch sent to a worker is longer in total."""

OR = " ||| "
"""Between the golds of a question that has several right answers (`join_golds`)."""

_RANK = {"correct": 0, "abstain": 1, "wrong": 2}

Row = tuple[str, str] | tuple[str, str, Sequence[str] | None]
Key = tuple[str, str, tuple[str, ...] | None]


def verify(
    prediction: str, gold: str, *, choices: Sequence[str] | None = None, kind: str = "auto", presume_wrong: bool = True
) -> Verdict:
    """Judge a bare answer, or a sentence that gives one.

    choices: the options' texts, labelled (`A. 30°`) or not. kind: one of `kind_names()`, if the caller knows better
    than the gold's form suggests, or "auto+NAME" to also try a plugin's kind. presume_wrong: free texts that differ
    are wrong; without it they are an abstention, to be judged by something else. Never raises on any
    text, and takes two seconds at most for each gold of `join_golds`; a timeout is an abstention.
    """
    return _judge([_key(prediction, gold, choices)], known_kind(kind), presume_wrong)[0]


def verify_response(
    response: str, gold: str, *, choices: Sequence[str] | None = None, kind: str = "auto", presume_wrong: bool = True
) -> Verdict:
    """Judge a whole response: what it gives as its answer (`response.py`). Anything inside `<think>` is ignored.

    The same as `verify`: a bare answer is a response that holds nothing else.
    """
    return _judge([_key(response, gold, choices)], known_kind(kind), presume_wrong)[0]


def verify_many(
    rows: Iterable[Row], *, responses: bool = False, kind: str = "auto", presume_wrong: bool = True
) -> list[Verdict]:
    """Judge rows of (prediction, gold) or (prediction, gold, choices); the verdicts are in row order.

    responses: whether the first column holds whole responses, which are judged like bare answers.
    Equal rows are judged once, and long tables are spread over the worker processes.
    """
    known_kind(kind)
    keys = [_key(*row) for row in rows]
    unique = list(dict.fromkeys(keys))
    chunks = list(_chunks(unique))

    def judge(chunk: list[Key]) -> list[Verdict]:
        return _judge(chunk, kind, presume_wrong)

    judged = map(judge, chunks) if len(unique) < SPREAD_FROM or pool.MAX_WORKERS == 1 else _spread(judge, chunks)
    known = dict(zip(unique, chain.from_iterable(judged), strict=True))
    return [known[key] for key in keys]


def lint_gold(gold: str, choices: Sequence[str] | None = None, kind: str = "auto") -> str | None:
    """Why a gold cannot be used (a reason code), or None if it can.

    `empty_gold`, `gold_too_long`, `gold_too_nested`, `gold_not_in_choices`; `duplicate_choices`: it matches two
    options; `unparseable_gold`: the requested kind cannot read it; `gold_not_accepted`: its own verifier rejects it
    or fails on it; `gold_takes_too_long`.
    """
    return lint_golds([(gold, choices)], kind)[0]


def lint_golds(rows: Iterable[tuple[str, Sequence[str] | None]], kind: str = "auto") -> list[str | None]:
    """`lint_gold` for each (gold, choices), in order, in one batch; equal ones are checked once."""
    each = [[_key(one, "", choices) for one in split_golds(_text(gold))] for gold, choices in rows]
    unique = [key for key in dict.fromkeys(chain.from_iterable(each)) if len(key[0]) <= MAX_CHARS]
    sent = [(text, options) for text, _, options in unique]
    replies = pool.run("lint", sent, _added(known_kind(kind)), kind)
    known = {key: _why(reply) for key, reply in zip(unique, replies, strict=True)}
    return [next(filter(None, (known.get(key, "gold_too_long") for key in keys)), None) for keys in each]


def _why(reply: Any) -> str | None:
    return reply[0] if isinstance(reply, list) else "gold_takes_too_long" if reply == pool.TIMEOUT else "worker_lost"


def _key(text: str | None, gold: str | None, choices: Sequence[str] | None = None) -> Key:
    return _text(text), _text(gold), tuple(map(str, choices)) if choices else None


def _text(cell: object) -> str:
    """What a table holds, as text: the number 0 is an answer, and null is none."""
    return "" if cell is None else str(cell)


def kind_names() -> list[str]:
    """The values of `kind`: "auto", which infers it from each gold, ours in the order they are tried, then plugins'."""
    return ["auto", *KINDS.names()]


def known_kind(kind: str) -> str:
    """`kind` itself, if valid. ValueError otherwise; OvtError for one that no worker can load.

    "auto+NAME" also tries a package's or module's kind on golds that would otherwise be text.
    """
    for name in _named(kind):
        if name not in KINDS or (name != kind and name in KINDS.ours):
            raise ValueError(f"unknown kind {kind!r}: expected one of {', '.join(kind_names())}")
        if name in KINDS.added:
            _reference(name, KINDS.added[name])
        elif name not in KINDS.ours:
            KINDS.get(name)
    return kind


def _named(kind: str) -> list[str]:
    first, *others = kind.split("+")
    return others if first == "auto" else [kind]


def _added(kind: str) -> dict[str, Any]:
    """What a worker needs to import the kinds that this process added; empty for all others."""
    references = {name: _reference(name, KINDS.added[name]) for name in _named(kind) if name in KINDS.added}
    return {"kinds": references, "paths": [path or str(Path.cwd()) for path in sys.path]} if references else {}


@lru_cache
def _reference(name: str, thing: Any) -> str:
    """The "module:attribute" of a kind that this process added. OvtError if no other process can import it."""
    if isinstance(thing, Kind):
        modules = [(module, vars(found)) for module, found in list(sys.modules.items()) if hasattr(found, "__dict__")]
        places = [(module, key) for module, names in modules for key, value in names.items() if value is thing]
    else:
        places = [(thing.__module__, thing.__qualname__)]
    for module, attribute in places:
        if module != "__main__" and "<locals>" not in attribute:
            return f"{module}:{attribute}"
    raise OvtError(
        f"kind {name!r} is defined in a notebook, in __main__ or inside a function, where worker processes "
        "cannot import it; define it at the top level of a module of its own, and import that"
    )


def _chunks(keys: list[Key]) -> Iterator[list[Key]]:
    """The rows in batches that a worker can take at once."""
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


def join_golds(golds: Iterable[str]) -> str:
    """Several golds, any of which is right, as one text."""
    return OR.join(dict.fromkeys(golds))


def split_golds(gold: str) -> list[str]:
    """The golds in a text: the text itself, unless `join_golds` wrote it."""
    return gold.split(OR)


def _judge(keys: list[Key], kind: str, presume_wrong: bool) -> list[Verdict]:
    """A verdict for each row. With several golds the best verdict counts: correct, else an abstention."""
    apart = [[(text, gold, choices) for gold in split_golds(joined)] for text, joined, choices in keys]
    verdicts = iter(_judge_each([key for golds in apart for key in golds], kind, presume_wrong))
    return [min((next(verdicts) for _ in golds), key=lambda one: _RANK[one.outcome]) for golds in apart]


def _judge_each(keys: list[Key], kind: str, presume_wrong: bool) -> list[Verdict]:
    sent = [key for key in keys if _size(key) <= MAX_CHARS]
    replies = iter(pool.run("judge", sent, _added(kind), kind, presume_wrong))
    return [
        _verdict(next(replies), key, kind) if _size(key) <= MAX_CHARS else undecided("too_long", kind, "", key[1])
        for key in keys
    ]


def _size(key: Key) -> int:
    return len(key[0]) + len(key[1]) + sum(map(len, key[2] or ()))


def _verdict(reply: Any, key: Key, kind: str) -> Verdict:
    """The worker's verdict, or an abstention for a row whose workers died."""
    if reply in (pool.TIMEOUT, pool.LOST):
        reason = "timeout" if reply == pool.TIMEOUT else "worker_lost"
        (reply,) = pool.run("undecided", [key[:2]], _added(kind), reason, kind)
        if not isinstance(reply, list):
            return undecided(reason, kind, "", key[1])
    return Verdict(*reply)
