"""What is shown while a build runs."""

import io
import time

from rich.console import Console

from ovt.commands.panel import live_panel, rows, table
from ovt.core.progress import Progress


def progress_of(**counts) -> Progress:
    progress = Progress()
    tally = progress.begin("caption", 100)
    for name, value in counts.items():
        setattr(tally, name, value)
    progress.began["caption"] -= 10  # ten seconds ago
    return progress


def test_a_stage_under_way_says_how_fast_and_how_long():
    progress = progress_of(done=40, cached=10, failed=10, prompt_tokens=500, completion_tokens=500, cost_usd=1.5)
    ((stage, over, cells),) = rows(progress)
    assert (stage, over) == ("caption", False)
    assert (cells["done"], cells["cached"], cells["failed"]) == ("40/100", "10", "10")
    assert cells["rate"] in ("5.0/s", "4.9/s")
    assert cells["tokens/s"] in ("100", "99")
    assert cells["spent"] == "$1.50"
    assert cells["left"] in ("0:07", "0:08")


def test_what_is_spent_at_no_known_price_is_unknown():
    assert rows(progress_of(done=1, cost_usd=None))[0][2]["spent"] == "unknown"
    assert rows(progress_of(done=1))[0][2]["spent"] == ""


def test_a_stage_is_over_when_all_is_settled_or_the_next_begins():
    progress = progress_of(done=40)
    assert rows(progress)[0][1] is False
    progress.begin("reason", 400)
    assert [over for _, over, _ in rows(progress)] == [True, False]
    assert rows(progress_of(done=90, cached=5, failed=5))[0][1] is True


def test_nothing_to_count_is_not_a_division_by_zero():
    progress = Progress()
    progress.begin("import")
    assert rows(progress)[0][2]["done"] == "0"


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
    assert table(progress_of(done=40)).row_count == 1
