"""The live panel of a build: a table that refreshes on a terminal, a line every ten seconds elsewhere.

stage                        done  cached  rate    tokens/s  spent  left
caption  ━━━━━━━━━━╸━━━  512/800      20  41.2/s     1,930  $0.12  0:06
"""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ovt.commands.views.tables import Table, bars, names, numbers, short
from ovt.core.progress import COLUMNS, LINE_EVERY, Progress, stage_lines
from ovt.core.text import plain

ALWAYS = ("done", "rate", "left")  # the other columns appear once a stage has a value for them


@contextmanager
def live_panel(progress: Progress, console: Console) -> Generator[None]:
    """Shows `progress` on `console` until the block ends, then its final state."""
    if console.is_terminal:
        with Live(console=console, get_renderable=lambda: panel(progress), refresh_per_second=5):
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
    told = 0
    next_line = time.monotonic() + LINE_EVERY
    while True:
        last_round = stop.wait(0.2)
        due = time.monotonic() >= next_line
        for line in stage_lines(progress):
            if line.stage not in finished and (due or line.over or last_round):
                console.print(plain(str(line)), highlight=False, markup=False, soft_wrap=True)
            if line.over:
                finished.add(line.stage)
        for alarm in progress.alarms[told:]:
            told += 1
            console.print(plain(alarm), style="yellow", highlight=False, markup=False, soft_wrap=True)
        if due:
            next_line += LINE_EVERY
        if last_round:
            return


def panel(progress: Progress) -> RenderableType:
    """The panel's table as of now, and what stages wait for; finished stages are dim, those without a total pulse."""
    lines = stage_lines(progress)
    told = [name for name in COLUMNS if name in ALWAYS or any(line.cells[name] for line in lines)]
    rows = []
    for line in lines:
        bar = ProgressBar(1, 1 if line.over else line.share or 0, pulse=line.share is None and not line.over)
        cells = (line.stage, *(line.cells[name] for name in told))
        stage, *values = (Text(cell, "dim" if line.over else "") for cell in cells)
        rows.append([stage, bar, *values])
    notes = [short(f"{line.stage}: {line.note}", 160) for line in lines if line.note and not line.over]
    alarms = [Text(plain(alarm), "yellow") for alarm in progress.alarms]
    return Group(Table([*names("stage"), *bars(""), *numbers(*told)], rows), *notes, *alarms)
