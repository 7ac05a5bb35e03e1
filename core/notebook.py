"""In a notebook, shows a build's progress below the cell that runs it; shows nothing elsewhere."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from ovt.core.progress import COLUMNS, Progress, stage_lines
from ovt.core.report import Table, bars, names, numbers

REDRAWN_EVERY = 0.5  # seconds


@contextmanager
def follow(progress: Progress) -> Generator[None]:
    """Redraws a table of the current stages until the block ends, if this process is a notebook kernel."""
    if not in_notebook():
        yield
        return
    from IPython.display import display

    shown = display(stage_table(progress), display_id=True)
    over = threading.Event()

    def redraw() -> None:
        while not over.wait(REDRAWN_EVERY):
            shown.update(stage_table(progress))

    redrawing = threading.Thread(target=redraw, daemon=True)
    redrawing.start()
    try:
        yield
    finally:
        over.set()
        redrawing.join()
        shown.update(stage_table(progress))


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.has_trait("kernel")


def stage_table(progress: Progress) -> Table:
    """A row per started stage: a bar and its numbers."""
    rows = [[line.stage, line.share or 0.0, *line.cells.values()] for line in stage_lines(progress)]
    return Table([*names("stage"), *bars(""), *numbers(*COLUMNS)], rows)
