"""Runs a piece of work in its own process, so that the peak memory reported is that of the work alone."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """What a piece of work gave, the wall and CPU seconds it took, and the peak memory of its process in GB."""

    result: Any
    seconds: float
    cpu: float
    peak: float


def measure(work: Callable[..., Any], *arguments: Any, first: tuple[Any, ...] | None = None) -> Measured:
    """`work` of `arguments`; `first`: the arguments of an unmeasured call before it, which imports what is needed."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, work, arguments, first).result()


def _measured(work: Callable[..., Any], arguments: tuple[Any, ...], first: tuple[Any, ...] | None) -> Measured:
    if first is not None:
        work(*first)
    start, cpu = time.perf_counter(), time.process_time()
    result = work(*arguments)
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    return Measured(result, seconds, used, peak_of(resource.RUSAGE_SELF))


def peak_of(who: int) -> float:
    """The peak memory of this process, or of its largest child, in GB."""
    return resource.getrusage(who).ru_maxrss / 1e6
