"""How far a build is, in numbers."""

import re
import time

from ovt.core.progress import Progress, Tally, read_shared, shared, stage_lines


def progress_of(**counts) -> Progress:
    progress = Progress()
    tally = progress.begin("caption", 100)
    for name, value in counts.items():
        setattr(tally, name, value)
    progress.began["caption"] -= 10  # ten seconds ago
    return progress


def test_a_stage_under_way_says_how_fast_and_how_long():
    progress = progress_of(done=40, cached=10, failed=10, prompt_tokens=500, completion_tokens=500, cost_usd=1.5)
    (line,) = stage_lines(progress)
    assert (line.stage, line.over, line.share) == ("caption", False, 0.6)
    cells = line.cells
    assert (cells["done"], cells["cached"], cells["failed"]) == ("40/100", "10", "10")
    assert cells["rate"] in ("5.0/s", "4.9/s")
    assert cells["tokens/s"] in ("100", "99")
    assert cells["spent"] == "$1.50"
    assert cells["left"] in ("0:07", "0:08")


def test_a_stage_under_way_says_what_it_waits_for():
    def note(**counts) -> str:
        return stage_lines(progress_of(**counts))[0].note

    assert note(done=1) == ""
    soon = time.monotonic() + 1
    told = note(in_flight=128, width=256, retries=12, error="HTTP 503: overloaded", heard=soon)
    assert told == "128 of 256 calls in flight, 12 sent again (HTTP 503: overloaded)"
    told = note(in_flight=8, begun=8, waits=lambda: "waiting for http://a/v1 to answer")
    assert re.fullmatch(r"8 calls in flight, no reply for 0:1\d: waiting for http://a/v1 to answer", told)
    assert (
        note(in_flight=8, begun=8, waits=lambda: "waiting for http://a/v1 to answer", heard=soon) == "8 calls in flight"
    )
    assert note(waits=lambda: "waiting for what the stage before has not said yet") == ""
    assert note(note="the rest is being requested by another build") == "the rest is being requested by another build"


def test_what_is_spent_at_no_known_price_is_unknown():
    assert stage_lines(progress_of(done=1, cost_usd=None))[0].cells["spent"] == "unknown"
    assert stage_lines(progress_of(done=1))[0].cells["spent"] == ""


def test_a_stage_is_over_when_all_is_settled_or_the_next_begins():
    progress = progress_of(done=40)
    assert stage_lines(progress)[0].over is False
    progress.begin("reason", 400)
    assert [line.over for line in stage_lines(progress)] == [True, False]
    assert stage_lines(progress_of(done=90, cached=5, failed=5))[0].over


def test_a_stage_may_begin_while_others_are_told():
    progress = progress_of(begun=1)
    progress.began["caption"] -= 60

    def waits() -> str:
        progress.stages["reason"], progress.began["reason"] = Tally(), time.monotonic()
        return ""

    progress.stages["caption"].waits = waits
    assert [line.stage for line in stage_lines(progress)] == ["caption"]


def test_nothing_to_count_is_not_a_division_by_zero():
    progress = Progress()
    progress.begin("import")
    assert stage_lines(progress)[0].cells["done"] == "0"


def test_others_see_progress_while_the_work_runs_and_not_after(tmp_path, monkeypatch):
    monkeypatch.setattr("ovt.core.progress.SHARED_EVERY", 0.01)
    path, work = tmp_path / "live" / "build-charts.json", Progress()
    work.begin("caption", 8).done = 2
    with shared(work, path):
        while (seen := read_shared(path)) is None:
            time.sleep(0.005)
    assert [(stage["stage"], stage["cells"]["done"], stage["share"]) for stage in seen["stages"]] == [
        ("caption", "2/8", 0.25)
    ]
    assert read_shared(path) is None
    assert not path.exists()


def test_a_killed_process_is_not_running(tmp_path):
    path = tmp_path / "build-charts.json"
    for left in ('{"when": 1.0, "stages": []}', '{"when"', "[]", '{"when": null}'):
        path.write_text(left)
        assert read_shared(path) is None


def test_progress_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("ovt.core.progress.SHARED_EVERY", 0.01)
    (tmp_path / "live").write_text("a file where a folder would be")
    with shared(Progress(), tmp_path / "live" / "build-charts.json"):
        time.sleep(0.03)
    assert (tmp_path / "live").read_text() == "a file where a folder would be"
