"""The embedded endpoint for any vision-language model that transformers has: it behaves like an OpenAI server, in this
process, on a GPU where there is one.

`load("some/folder")` is a model on disk or a LoRA adapter, `load("owner/name")` one on the Hub. A batch of requests is
one call of `generate`; each reply is drawn with its own settings and random numbers. Qwen2.5-VL on a CPU is left to the
engine made for it (`pocket`), which is several times as fast on small models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jinja2 import TemplateError
from PIL import Image
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from ovt.core.errors import OvtError
from ovt.core.files import find_folder
from ovt.core.registry import MODELS
from ovt.curate.endpoints import desk
from ovt.curate.endpoints.desk import Waiting
from ovt.curate.endpoints.embedded import (
    Row,
    advance,
    check_room,
    control_tokens,
    make_random,
    read_messages,
    read_rows,
    refuse,
    response,
)
from ovt.train import devices
from ovt.train.adapters import ADAPTER
from ovt.train.drawing import choose
from ovt.train.lengths import length_limit
from ovt.train.models import HUB_ID, ending_tokens, load_config, load_model, load_processor, weights_revision

ENGINE = "pocket"  # for Qwen2.5-VL on a CPU
UNLIMITED = 1 << 20  # tokens of a context that the configuration does not state


def load(name: str) -> desk.Engine:
    """The engine of the model in a local folder or of the Hub. OvtError if there is none."""
    folder = find_folder(name)
    if not folder and not HUB_ID.fullmatch(name):
        raise OvtError(
            f'embedded model "{name}" not found: expected "pocket", "pocket-vl", a folder with a vision-language '
            "model, or a Hub id"
        )
    where = str(folder or name)
    own = folder and not (folder / ADAPTER).is_file() and load_config(where).model_type == "qwen2_5_vl"
    return MODELS.get(ENGINE)(where) if own and not devices.on_accelerator() else Engine(where)


@dataclass(frozen=True)
class Asked:
    """A request, ready to run: its prompt as rendered text and pictures, and a row for each reply."""

    prompt: str
    images: list[Image.Image]
    length: int
    rows: tuple[Row, ...]

    @property
    def pictures(self) -> bool:
        return bool(self.images)


class Engine(desk.Engine):
    """An endpoint's transport, served by `generate`."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.revision = weights_revision(where)
        self._name = where
        device = torch.accelerator.current_accelerator() if devices.on_accelerator() else torch.device("cpu")
        dtype = "auto" if devices.on_accelerator() else torch.float32
        self._model: Any = load_model(where, dtype=dtype).eval().to(device)
        self._processor: Any = load_processor(where)
        self._context = length_limit(where, None) or UNLIMITED
        self._ends = ending_tokens(self._model.generation_config, self._processor.tokenizer)
        # Its own would add what nobody asked for, such as a repetition penalty.
        self._model.generation_config = GenerationConfig(eos_token_id=sorted(self._ends), pad_token_id=min(self._ends))

    def read(self, body: Mapping[str, Any]) -> Asked:
        tokenizer = self._processor.tokenizer
        messages, pictures = read_messages(body.get("messages"), control_tokens(tokenizer))
        try:
            prompt = self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            ids = self._encode([prompt], [pictures])["input_ids"][0]
        except (ValueError, TypeError, KeyError, IndexError, TemplateError) as error:
            raise refuse(f"the prompt cannot be read: {' '.join(str(error).split())[:120]}") from None
        draw = partial(make_random, ids.tolist(), [picture.tobytes() for picture in pictures])
        return Asked(prompt, pictures, len(ids), read_rows(body, check_room(len(ids), self._context), draw))

    def run(self, batch: Sequence[Waiting]) -> None:
        try:
            self._answer(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.accelerator.empty_cache()
            self.run(batch[: len(batch) // 2])
            self.run(batch[len(batch) // 2 :])

    def _answer(self, batch: Sequence[Waiting]) -> None:
        asked = [(waiting.asked, row) for waiting in batch for row in waiting.asked.rows]
        for _, row in asked:  # a batch that did not fit starts again
            row.ids, row.finish = [], None
        rows = [row for _, row in asked]
        given = self._encode([one.prompt for one, _ in asked], [one.images for one, _ in asked])
        given = given.to(self._model.device, self._model.dtype)
        sampling = Sampling(rows, self._ends, self._decode)
        with torch.inference_mode():
            self._model.generate(
                **given,
                do_sample=False,
                max_new_tokens=max(row.max_tokens for row in rows),
                logits_processor=LogitsProcessorList([sampling]),
                stopping_criteria=StoppingCriteriaList([Finished(rows)]),
            )
        for waiting in batch:
            told = response(self._name, waiting.asked.rows, waiting.asked.length, self._decode)
            waiting.answer.set_result(told)

    def _encode(self, prompts: list[str], images: list[list[Image.Image]]) -> Any:
        """Rendered prompts with their pictures, padded on the left."""
        return self._processor(
            images=images if any(images) else None,
            text=prompts,
            padding=True,
            padding_side="left",
            add_special_tokens=False,  # a rendered prompt has them
            return_tensors="pt",
        )

    def _decode(self, ids: list[int]) -> str:
        return self._processor.tokenizer.decode(ids, skip_special_tokens=True)


class Sampling(LogitsProcessor):
    """Leaves only the token that each row's own settings and random numbers draw, and adds it to the row."""

    def __init__(self, rows: Sequence[Row], ends: frozenset[int], decode: Any) -> None:
        self._rows, self._ends, self._decode = rows, ends, decode

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        drawn = choose(scores.float().cpu(), self._rows)
        for row, token in zip(self._rows, drawn, strict=True):
            if row.finish is None:
                advance(row, token, self._ends, self._decode)
        tokens = torch.tensor(drawn, device=scores.device)[:, None]
        left: Any = torch.full_like(scores, -torch.inf).scatter(1, tokens, 0.0)
        return left


class Finished(StoppingCriteria):
    """Ends each row's generation when the row is finished."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any) -> Any:
        return torch.tensor([row.finish is not None for row in self._rows], device=input_ids.device)
