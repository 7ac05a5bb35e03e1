"""What is shown while a build runs."""

import io
import time

from rich.console import Console

from ovt.commands.panel import live_panel, panel
from ovt.core.progress import Progress


def progress_of(**counts) -> Progress:
    progress = Progress()
    tally = progress.begin("caption", 100)
    for name, value in counts.items():
        setattr(tally, name, value)
    progress.began["caption"] -= 10  # ten seconds ago
    return progress


def test_without_a_terminal_each_stage_prints_one_line_at_its_end():
    out = io.StringIO()
    progress = Progress()
    with live_panel(progress, Console(file=out, width=100)):
        for stage in ("import", "caption"):
            progress.begin(stage, 3).done = 3
            time.sleep(0.3)
    assert [line.split(":")[0] for line in out.getvalue().splitlines()] == ["import", "caption"]
    assert "3/3 done" in out.getvalue()


def test_on_a_terminal_it_is_a_table():
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    with live_panel(progress_of(done=40), console):
        pass
    assert "40/100" in out.getvalue()


def drawn(progress: Progress, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(panel(progress))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_each_stage_has_a_bar_as_long_as_what_is_settled():
    progress = progress_of(done=40, cached=10)
    progress.begin("reason", 400)
    caption, reason = drawn(progress, 80)[1:]
    assert caption.count("━") == 24  # the next stage has begun
    progress.stages["reason"].done = 200
    assert drawn(progress, 80)[2].count("━") == 12
    assert reason.startswith("reason")


def test_columns_without_a_value_are_left_out():
    assert drawn(progress_of(done=40), 80)[0].split() == ["stage", "done", "rate", "left"]


def test_seven_digits_fit_into_80_columns():
    about = {"done": 1_234_567, "cached": 345_678, "failed": 1_234, "prompt_tokens": 10**8, "cost_usd": 1234.5}
    progress = progress_of(**about)
    progress.stages["caption"].total = 7_654_321
    lines = drawn(progress, 80)
    assert all(len(line) <= 80 for line in lines)
    assert all(cell in "\n".join(lines) for cell in ("1,234,567/7,654,321", "345,678", "$1,234.50"))
