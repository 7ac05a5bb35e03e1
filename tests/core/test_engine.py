"""Chunks and their results: in order, few at a time, and not done again where they are known."""

import threading

import pytest

from ovt.core.engine import HERE, Here, Threads, map_chunks


class Known(dict):
    """Results by chunk."""

    def put(self, chunk, result):
        self[chunk] = result


def test_results_come_in_the_order_of_the_chunks():
    with Threads() as engine:
        first = threading.Event()

        def square(n):
            if n == 0:
                assert first.wait(30)  # the first chunk ends last
            elif n == 1:
                first.set()
            return n * n

        assert [*map_chunks(engine, square, range(9))] == [(n, n * n) for n in range(9)]


@pytest.mark.parametrize("ahead", [0, 3])
def test_no_more_chunks_are_made_than_may_wait(ahead):
    class Narrow(Here):
        pass

    engine, made = Narrow(), []
    engine.ahead = ahead
    chunks = (made.append(n) or n for n in range(10))
    for number, _ in map_chunks(engine, str, chunks):
        assert len(made) <= number + ahead + 1
    assert len(made) == 10


def test_what_is_known_is_not_done_again():
    memory = Known({2: "two", 4: "four"})
    done = []

    def work(chunk):
        done.append(chunk)
        return str(chunk)

    assert [result for _, result in map_chunks(HERE, work, range(5), memory)] == ["0", "1", "two", "3", "four"]
    assert done == [0, 1, 3]
    assert memory[3] == "3"


def test_an_error_ends_the_work():
    with Threads() as engine, pytest.raises(ZeroDivisionError):
        [*map_chunks(engine, lambda n: 1 // n, [2, 1, 0, 3])]
