"""Requests to a model in this process: those that wait at the same time are answered as a batch, by worker threads, so
the event loop stays free.
"""

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

BATCH = 128  # replies written at once
PATIENCE_S = 0.01  # how long an incomplete batch waits for more requests


@dataclass(frozen=True)
class Waiting:
    """A pending request: its content (`rows`, one per reply; `length` of the prompt in tokens; whether it has
    `pictures`), and where the response goes."""

    asked: Any
    answer: Future


class Desk:
    """The queue of requests for the workers, from the first `send` to `close`. most: replies per batch."""

    def __init__(self, most: int = BATCH) -> None:
        self._most = most
        self.new: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._backlog: list[Waiting] = []
        self._closing = False
        self._turn = threading.Lock()

    def take(self) -> list[Waiting] | None:
        """The next batch, as soon as there is one; None when the desk is closed and the queue is empty."""
        with self._turn:
            while not (self._closing and not self._backlog):
                self._closing = collect(self.new, self._backlog, not self._closing, self._most) or self._closing
                if batch := [
                    w for w in take_batch(self._backlog, self._most) if w.answer.set_running_or_notify_cancel()
                ]:
                    return batch
            return None


class Engine:
    """An endpoint's transport, served in this process by `workers` threads; a subclass reads and answers. A later
    `send` reopens what `close` closed."""

    revision: str | None = None
    workers = 1
    batch = BATCH

    def __init__(self) -> None:
        self._desk: tuple[Desk, list[threading.Thread]] | None = None

    def read(self, body: Mapping[str, Any]) -> Any:
        """What a request's body asks for (`Waiting`); CallError("refused", …) if it cannot be answered."""
        raise NotImplementedError

    def run(self, batch: Sequence[Waiting]) -> None:
        """Answers a batch: each request as soon as its replies are known."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Called in each worker thread before its first batch."""

    async def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The response to a chat-completions request body; CallError("refused", …) if it cannot be answered."""
        asked = await asyncio.to_thread(self.read, body)
        if self._desk is None:
            desk = Desk(self.batch)
            workers = [threading.Thread(target=self._work, args=(desk,), daemon=True) for _ in range(self.workers)]
            self._desk = desk, workers
            for worker in workers:
                worker.start()
        answer: Future = Future()
        self._desk[0].new.put(Waiting(asked, answer))
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Let the workers finish the queue, then end them."""
        if self._desk is not None:
            (desk, workers), self._desk = self._desk, None
            desk.new.put(None)
            for worker in workers:
                await asyncio.to_thread(worker.join)

    def _work(self, desk: Desk) -> None:
        """A worker thread: answers batch after batch until the desk is closed."""
        prepared = False
        while batch := desk.take():
            try:
                if not prepared:
                    self.prepare()
                    prepared = True
                self.run(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the next batch may succeed
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)


def collect(
    waiting: "queue.SimpleQueue[Waiting | None]", backlog: list[Waiting], block: bool, most: int = BATCH
) -> bool:
    """Move queued requests to the backlog; returns whether the end was requested. Waits for a first one if empty."""
    timeout = None if block and not backlog else PATIENCE_S
    while True:
        try:
            item = waiting.get(timeout=timeout)
        except queue.Empty:
            return False
        if item is None:
            return True
        backlog.append(item)
        timeout = PATIENCE_S if sum(len(w.asked.rows) for w in backlog) < most else 0


def take_batch(backlog: list[Waiting], most: int = BATCH) -> list[Waiting]:
    """Take the oldest request out of the backlog, and those closest to it in length, up to `most` replies."""
    if not backlog:
        return []
    first = backlog[0].asked
    alike = [w for w in backlog if w.asked.pictures == first.pictures]
    alike.sort(key=lambda w: abs(w.asked.length - first.length))
    batch: list[Waiting] = []
    for waiting in alike:
        if batch and sum(len(w.asked.rows) for w in batch) + len(waiting.asked.rows) > most:
            break
        batch.append(waiting)
    chosen = {id(waiting) for waiting in batch}
    backlog[:] = [waiting for waiting in backlog if id(waiting) not in chosen]
    return batch
