"""The embedded endpoint: a local Qwen2.5-VL that behaves like an OpenAI server, in this process.

`load("pocket")` and `load("pocket-vl")` are shipped with ovt, `load("some/folder")` is any Qwen2.5-VL on disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ovt.core.errors import OvtError
from ovt.core.hashing import hash_weights
from ovt.curate.endpoints import desk
from ovt.curate.endpoints.desk import Waiting
from ovt.curate.endpoints.embedded import (
    Row,
    check_room,
    control_tokens,
    make_random,
    read_messages,
    read_rows,
    refuse,
    response,
)
from ovt.pocket import SHIPPED
from ovt.pocket.model import ImageProcessor, load_model, load_processor
from ovt.train.decoding import Prompt, Vocabulary, generate

SMALL = 50_000_000  # parameters below which a worker with one thread for each core beats many threads per operation


def load(name: str) -> "Engine":
    """The engine of a shipped model, or of the Qwen2.5-VL in a local folder. OvtError if there is none."""
    folder = SHIPPED.get(name) or Path(name).expanduser()
    if not folder.is_dir():
        raise OvtError(
            f'embedded model "{name}" not found: expected "pocket", "pocket-vl" or a folder with a Qwen2.5-VL model'
        )
    return Engine(folder, name)


@dataclass(frozen=True)
class Asked:
    """A request, ready to run: its prompt, the settings of each of its replies, and their seeds."""

    prompt: Prompt
    rows: tuple[Row, ...]

    @property
    def length(self) -> int:
        return len(self.prompt.ids)

    @property
    def pictures(self) -> bool:
        return self.prompt.grids is not None


class Engine(desk.Engine):
    """An endpoint's transport, served by a Qwen2.5-VL in this process."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self.revision = hash_weights(folder)
        self._name = name
        self._model = load_model(folder)
        self._processor = load_processor(folder)
        text: Any = self._model.config.text_config
        self._context: int = text.max_position_embeddings
        ends = self._model.generation_config.eos_token_id
        self._vocabulary = Vocabulary(frozenset(ends if isinstance(ends, list) else [ends]), self._decode)
        cores = torch.get_num_threads()
        small = self._model.num_parameters() < SMALL
        self.workers, self._threads = (cores, 1) if small else (1, cores)

    def read(self, body: Mapping[str, Any]) -> Asked:
        return read_request(body, self._processor, self._context)

    def prepare(self) -> None:
        torch.set_num_threads(self._threads)  # torch keeps this number per thread

    def run(self, batch: Sequence[Waiting]) -> None:
        rows = [[replace(row, prompt=i) for row in waiting.asked.rows] for i, waiting in enumerate(batch)]
        owner = {id(row): i for i, of_one in enumerate(rows) for row in of_one}
        left = [len(of_one) for of_one in rows]

        def finished(row: Row) -> None:
            i = owner[id(row)]
            left[i] -= 1
            if not left[i]:
                told = response(self._name, rows[i], batch[i].asked.length, self._decode)
                batch[i].answer.set_result(told)

        prompts = [waiting.asked.prompt for waiting in batch]
        generate(self._model, prompts, [row for of_one in rows for row in of_one], self._vocabulary, finished)

    def _decode(self, ids: list[int]) -> str:
        return self._processor.tokenizer.decode(ids, skip_special_tokens=True)


def make_prompt(processor: ImageProcessor, messages: list[dict[str, Any]], pictures: list[Image.Image]) -> Prompt:
    """Messages through the chat template and the processor."""
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    try:
        seen = processor(images=pictures or None, text=[text], return_tensors="pt")
    except ValueError as error:
        raise refuse(f"the image cannot be read: {str(error)[:120]}") from None
    return Prompt(seen["input_ids"][0].tolist(), seen.get("pixel_values"), seen.get("image_grid_thw"))


def read_request(body: Mapping[str, Any], processor: ImageProcessor, context: int) -> Asked:
    """Prompt and rows of a request body; CallError("refused") if it is invalid or does not fit `context`."""
    plain, pictures = read_messages(body.get("messages"), control_tokens(processor.tokenizer))
    prompt = make_prompt(processor, plain, pictures)
    seen = [] if prompt.patches is None else [prompt.patches.numpy().tobytes()]
    draw = partial(make_random, prompt.ids, seen)
    return Asked(prompt, read_rows(body, check_room(len(prompt.ids), context), draw))
