"""Runs coroutines when another event loop may be running, as in a notebook cell."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


def run_to_end(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The result of `work`, for synchronous callers. Ctrl-C cancels it and is raised once it has ended.

    If this thread already runs an event loop (as in a notebook), it runs in its own thread and loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome, stop = start(work)
    try:
        return outcome.result()
    except BaseException:
        stop()
        wait([outcome])
        raise


async def run_beside(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The result of `work`, run in its own thread and loop so that the caller's stays free. Cancelling cancels it."""
    outcome, stop = start(work)
    try:
        return await asyncio.wrap_future(outcome)
    except asyncio.CancelledError:
        stop()
        with suppress(BaseException):
            await asyncio.wrap_future(outcome)
        raise


def start(work: Coroutine[Any, Any, Outcome]) -> tuple[Future[Outcome], Callable[[], None]]:
    """Starts `work` in its own thread; returns its future outcome, and a function that cancels it at any time."""
    outcome: Future[Outcome] = Future()
    outcome.set_running_or_notify_cancel()  # from here on only `work` decides the outcome
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> None:
        try:
            outcome.set_result(loop.run_until_complete(task))
        except BaseException as error:  # noqa: BLE001 (whoever waits for the outcome gets it)
            outcome.set_exception(error)
        finally:
            loop.close()

    def stop() -> None:
        with suppress(RuntimeError):  # if its loop has ended
            loop.call_soon_threadsafe(task.cancel)

    threading.Thread(target=run, name="ovt", daemon=True).start()
    return outcome, stop
