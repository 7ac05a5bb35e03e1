"""The chaos benchmark in small: a build that is killed while its calls fail ends as an undisturbed one."""

import pytest


@pytest.mark.slow
def test_a_killed_build_among_failures_ends_as_an_undisturbed_one(load_file, tmp_path):
    chaos = load_file("../benchmarks/chaos")
    found = chaos.disturb(tmp_path, questions=150, kills=2, share=0.2)
    assert found["kills"] == 2
    assert (found["requests"], found["questions_decided"]) == (300, 150)
    assert found["answered_twice"] <= found["in_flight_at_kills"]
    assert found["samples_equal"]
    assert found["files_equal"]
