"""Counters of a stage's model calls, polled by the live panel."""

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ovt.core.files import write_file
from ovt.core.text import duration


@dataclass
class Tally:
    """Counts replies, not calls: after a fill, done + cached + failed is the number of replies wanted.

    The caller, who knows how many are wanted, sets `total`, and `rows`, the number of questions; `fill` counts the
    rest. `done` replies were received in this run, `cached` ones came from the store; tokens and US dollars (None:
    unknown) are this run's; `in_flight` counts calls, `width` of which its servers are given at once (0: unknown),
    `begun` these and those waiting to be sent, `retries` those sent again, the latest after `error`; `heard` is the
    time of the last reply, on the monotonic clock. `note`: what it does besides asking, in a line, or ""; `waits` tells
    what the calls begun are waiting for.
    """

    total: int = 0
    rows: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    in_flight: int = 0
    begun: int = 0
    width: int = 0
    retries: int = 0
    error: str = ""
    heard: float = 0.0
    note: str = ""
    waits: Callable[[], str] = str


# A build's progress: one tally per stage, written by the build and read by any display.


@dataclass
class Progress:
    """The current and finished stages, in order. Stages without model calls count rows, in `total` and `done` only.

    began, ended  when each stage began and ended, on the monotonic clock, in seconds
    beside        stages that run alongside others; any other one ends when the next begins
    notes         the build's guesses that the user should know, such as the columns it chose
    alarms        what looks wrong and is worth stopping for, shown at once
    """

    stages: dict[str, Tally] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    def begin(self, stage: str, total: int = 0, beside: bool = False) -> Tally:
        """Starts a new tally for `stage` now. beside: it runs until `end`, alongside others."""
        for other in self.stages.keys() - self.beside if beside else list(self.stages):
            self.end(other)
        self.began[stage] = time.monotonic()
        self.stages[stage] = Tally(total=total)
        if beside:
            self.beside.add(stage)
        return self.stages[stage]

    def end(self, stage: str) -> None:
        """Marks `stage` as ended."""
        self.ended.setdefault(stage, time.monotonic())


# Formatting for displays: a terminal, a log, a notebook.

LINE_EVERY = 10.0  # seconds between progress lines when redrawing is not possible
QUIET_S = 10.0  # seconds without a reply, after which a stage says so
COLUMNS = ("done", "cached", "failed", "rate", "tokens/s", "spent", "left")


@dataclass(frozen=True)
class StageLine:
    """One stage as of now.

    over    whether it has ended
    share   the finished fraction, 0 to 1; None if the total is unknown
    cells   display text, by COLUMNS: "512/1,000", "41.2/s", "$0.12", "0:14"; empty if there is none
    note    what is under way, and what it waits for
    """

    stage: str
    over: bool
    share: float | None
    cells: dict[str, str]
    note: str = ""

    def __str__(self) -> str:
        """ "caption: 512/1,000 done, 41.2/s, 1,930 tokens/s"."""
        told = (cell if name == "rate" else f"{cell} {name}" for name, cell in self.cells.items() if cell)
        return f"{self.stage}: {', '.join(filter(None, (*told, self.note)))}"


def stage_lines(progress: Progress) -> list[StageLine]:
    """A line per started stage, in order."""
    lines = []
    for stage, tally in list(progress.stages.items()):  # the work may begin another meanwhile
        settled = tally.done + tally.cached + tally.failed
        over = stage in progress.ended or (stage not in progress.beside and settled >= tally.total > 0)
        share = min(settled / tally.total, 1.0) if tally.total else None
        now, began = progress.ended.get(stage, time.monotonic()), progress.began[stage]
        note = _note(tally, now - max(began, tally.heard))
        lines.append(StageLine(stage, over, share, _cells(tally, max(now - began, 1e-3)), note))
    return lines


def _note(tally: Tally, quiet_s: float) -> str:
    """ "128 of 256 calls in flight, no reply for 0:12: waiting for …, 12 sent again (HTTP 503: overloaded)"."""
    waits = tally.waits() if tally.begun and quiet_s >= QUIET_S else ""
    parts = (
        f"{tally.in_flight:,}{f' of {tally.width:,}' if tally.width else ''} calls in flight"
        if tally.in_flight
        else "",
        f"no reply for {duration(quiet_s)}: {waits}" if waits else "",
        tally.note,
        f"{tally.retries:,} sent again ({tally.error})" if tally.retries else "",
    )
    return ", ".join(filter(None, parts))


def _cells(tally: Tally, seconds: float) -> dict[str, str]:
    worked = tally.done + tally.failed
    tokens = tally.prompt_tokens + tally.completion_tokens
    to_do = max(tally.total - worked - tally.cached, 0)
    values = (
        f"{tally.done:,}/{tally.total:,}" if tally.total else f"{tally.done:,}",
        f"{tally.cached:,}" if tally.cached else "",
        f"{tally.failed:,}" if tally.failed else "",
        f"{worked / seconds:,.1f}/s" if worked else "",
        f"{tokens / seconds:,.0f}" if tokens else "",
        "unknown" if tally.cost_usd is None else f"${tally.cost_usd:,.2f}" if tally.cost_usd else "",
        duration(to_do * seconds / worked) if worked else "",
    )
    return dict(zip(COLUMNS, values, strict=True))


# Progress that other processes can see: a file that is written while the work runs, and is gone afterwards.

SHARED_EVERY = 1.0  # seconds


@contextmanager
def shared(progress: Progress, path: Path) -> Generator[None]:
    """Keeps `path` (JSON: when, stages with their `cells`) up to date until the block ends; never fails the work."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(SHARED_EVERY):
            with suppress(OSError):  # a full disk
                told = {"when": time.time(), "stages": [asdict(line) for line in stage_lines(progress)]}
                write_file(path, json.dumps(told), durable=False)

    writer = threading.Thread(target=keep, daemon=True)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def read_shared(path: Path) -> dict[str, Any] | None:
    """What `shared` last wrote; None if there is nothing, or its process was killed."""
    try:
        found = json.loads(path.read_bytes())
        return found if time.time() - found["when"] < 10 * SHARED_EVERY else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
