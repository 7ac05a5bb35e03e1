"""The live panel of a build: a table that refreshes on a terminal, a line every ten seconds elsewhere.

stage     done   cached  failed  rate    tokens/s  spent   left
caption   512    0       0       41.2/s  1,930     $0.12   0:14
"""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ovt.core.progress import Progress, Tally

LINE_EVERY = 10.0  # seconds between lines where there is no terminal
COLUMNS = ("done", "cached", "failed", "rate", "tokens/s", "spent", "left")


@contextmanager
def live_panel(progress: Progress, console: Console) -> Generator[None]:
    """Shows `progress` on `console` until the block ends, and its last state then."""
    if console.is_terminal:
        with Live(console=console, get_renderable=lambda: table(progress), refresh_per_second=5):
            yield
        return
    stop = threading.Event()
    printer = threading.Thread(target=print_lines, args=(progress, console, stop), daemon=True)
    printer.start()
    try:
        yield
    finally:
        stop.set()
        printer.join()


def print_lines(progress: Progress, console: Console, stop: threading.Event) -> None:
    """One line per running stage every LINE_EVERY seconds, and one per stage at its end."""
    finished: set[str] = set()
    next_line = time.monotonic() + LINE_EVERY
    while True:
        last_round = stop.wait(0.2)
        due = time.monotonic() >= next_line
        for stage, over, cells in rows(progress):
            if stage not in finished and (due or over or last_round):
                shown = ", ".join(f"{cell} {name}" if name != "rate" else cell for name, cell in cells.items() if cell)
                console.print(f"{stage}: {shown}", highlight=False, soft_wrap=True)
            if over:
                finished.add(stage)
        if due:
            next_line += LINE_EVERY
        if last_round:
            return


def table(progress: Progress) -> Table:
    """The panel's table as of now."""
    view = Table(box=None, pad_edge=False, header_style="dim")
    view.add_column("stage")
    for name in COLUMNS:
        view.add_column(name, justify="right", min_width=8)
    for stage, over, cells in rows(progress):
        view.add_row(stage, *cells.values(), style="dim" if over else None)
    return view


def rows(progress: Progress) -> list[tuple[str, bool, dict[str, str]]]:
    """(stage, is it over?, cells by COLUMNS) for every stage that has begun."""
    stages = list(progress.stages.items())
    ends = [*list(progress.began.values())[1 : len(stages)], time.monotonic()]
    lines = []
    for place, ((stage, tally), end) in enumerate(zip(stages, ends, strict=False)):
        over = place < len(stages) - 1 or (tally.total > 0 and settled(tally) >= tally.total)
        lines.append((stage, over, cells(tally, max(end - progress.began[stage], 1e-3))))
    return lines


def settled(tally: Tally) -> int:
    return tally.done + tally.cached + tally.failed


def cells(tally: Tally, seconds: float) -> dict[str, str]:
    """What the panel says of one stage; empty where it has nothing to say."""
    worked = tally.done + tally.failed
    tokens = tally.prompt_tokens + tally.completion_tokens
    left = (tally.total - settled(tally)) * seconds / worked if worked and tally.total else 0.0
    values = (
        f"{tally.done:,}/{tally.total:,}" if tally.total else f"{tally.done:,}",
        f"{tally.cached:,}" if tally.cached else "",
        f"{tally.failed:,}" if tally.failed else "",
        f"{worked / seconds:,.1f}/s" if worked else "",
        f"{tokens / seconds:,.0f}" if tokens else "",
        "unknown" if tally.cost_usd is None else f"${tally.cost_usd:,.2f}" if tally.cost_usd else "",
        f"{int(left) // 60}:{int(left) % 60:02d}" if left >= 1 else "",
    )
    return dict(zip(COLUMNS, values, strict=True))
