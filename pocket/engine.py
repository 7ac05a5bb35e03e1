"""The embedded endpoint: a local Qwen2.5-VL that behaves like an OpenAI server, in this process.

`load("pocket")` is the model shipped with ovt, `load("some/folder")` any Qwen2.5-VL on disk. Requests waiting at the
same moment are answered as a batch, by worker threads, so the event loop stays free.
"""

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ovt.core.errors import OvtError
from ovt.core.hashing import hash_weights
from ovt.pocket import WEIGHTS
from ovt.pocket.model import Row, Vocabulary, generate, load_model, load_processor
from ovt.pocket.request import Asked, read_request

BATCH = 128  # replies written at once
SMALL = 50_000_000  # parameters below which a worker with one thread for each core beats many threads per operation
PATIENCE_S = 0.01  # how long an incomplete batch waits for more requests


@dataclass(frozen=True)
class Waiting:
    """A pending request: its content, and where the response goes."""

    asked: Asked
    answer: Future

    @property
    def pictures(self) -> bool:
        return self.asked.prompt.grids is not None


def load(name: str) -> "Engine":
    """The engine of "pocket", or of the Qwen2.5-VL in a local folder. OvtError if there is none."""
    folder = WEIGHTS if name == "pocket" else Path(name).expanduser()
    if not folder.is_dir():
        raise OvtError(f'embedded model "{name}" not found: expected "pocket" or a folder with a Qwen2.5-VL model')
    return Engine(folder, name)


class Desk:
    """The queue of requests for the workers, from the first `send` to `close`."""

    def __init__(self) -> None:
        self.new: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._backlog: list[Waiting] = []
        self._closing = False
        self._turn = threading.Lock()

    def take(self) -> list[Waiting] | None:
        """The next batch, as soon as there is one; None when the desk is closed and the queue is empty."""
        with self._turn:
            while not (self._closing and not self._backlog):
                self._closing = collect(self.new, self._backlog, block=not self._closing) or self._closing
                if batch := [w for w in take_batch(self._backlog) if w.answer.set_running_or_notify_cancel()]:
                    return batch
            return None


class Engine:
    """An endpoint's transport, served by a model in this process. A later `send` reopens what `close` closed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.revision: str | None = hash_weights(folder)
        self._name = name
        self._model = load_model(folder)
        self._processor = load_processor(folder)
        text: Any = self._model.config.text_config
        self._context: int = text.max_position_embeddings
        ends = self._model.generation_config.eos_token_id
        self._vocabulary = Vocabulary(frozenset(ends if isinstance(ends, list) else [ends]), self._decode)
        cores = torch.get_num_threads()
        small = self._model.num_parameters() < SMALL
        self._workers, self._threads = (cores, 1) if small else (1, cores)
        self._desk: tuple[Desk, list[threading.Thread]] | None = None

    async def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The response to a chat-completions request body; CallError("refused", …) if it cannot be answered."""
        asked = await asyncio.to_thread(read_request, body, self._processor, self._context)
        if self._desk is None:
            desk = Desk()
            workers = [threading.Thread(target=self._work, args=(desk,), daemon=True) for _ in range(self._workers)]
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
        torch.set_num_threads(self._threads)  # torch keeps this number per thread
        while batch := desk.take():
            try:
                self._run(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the next batch may do
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)

    def _run(self, batch: Sequence[Waiting]) -> None:
        rows = [[replace(row, prompt=i) for row in waiting.asked.rows] for i, waiting in enumerate(batch)]
        owner = {id(row): i for i, of_one in enumerate(rows) for row in of_one}
        left = [len(of_one) for of_one in rows]

        def finished(row: Row) -> None:
            i = owner[id(row)]
            left[i] -= 1
            if not left[i]:
                batch[i].answer.set_result(self._response(batch[i].asked, rows[i]))

        prompts = [waiting.asked.prompt for waiting in batch]
        generate(self._model, prompts, [row for of_one in rows for row in of_one], self._vocabulary, finished)

    def _decode(self, ids: list[int]) -> str:
        return self._processor.tokenizer.decode(ids, skip_special_tokens=True)

    def _response(self, asked: Asked, rows: Sequence[Row]) -> dict[str, Any]:
        """The body of the response, in OpenAI's format."""
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": cut(self._decode(row.ids), row.stops)},
                "finish_reason": row.finish,
            }
            for index, row in enumerate(rows)
        ]
        read, written = len(asked.prompt.ids), sum(len(row.ids) for row in rows)
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        return {"object": "chat.completion", "model": self._name, "choices": choices, "usage": usage}


def collect(waiting: "queue.SimpleQueue[Waiting | None]", backlog: list[Waiting], block: bool) -> bool:
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
        timeout = PATIENCE_S if sum(len(w.asked.rows) for w in backlog) < BATCH else 0


def take_batch(backlog: list[Waiting]) -> list[Waiting]:
    """Take the oldest request out of the backlog, and those closest to it in length, up to BATCH replies."""
    if not backlog:
        return []
    first = backlog[0]
    alike = [w for w in backlog if w.pictures == first.pictures]
    alike.sort(key=lambda w: abs(len(w.asked.prompt.ids) - len(first.asked.prompt.ids)))
    batch: list[Waiting] = []
    for waiting in alike:
        if batch and sum(len(w.asked.rows) for w in batch) + len(waiting.asked.rows) > BATCH:
            break
        batch.append(waiting)
    chosen = {id(waiting) for waiting in batch}
    backlog[:] = [waiting for waiting in backlog if id(waiting) not in chosen]
    return batch


def cut(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings."""
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]
