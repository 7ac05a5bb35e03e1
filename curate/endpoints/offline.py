"""`base_url = "vllm:MODEL"`: vLLM's offline engine in this process, behind the interface of a server.

    vllm:Qwen/Qwen2.5-VL-3B-Instruct      a model on the Hub; or a folder: vllm:/models/rl-1

A batch of requests is one call to the engine, which schedules them itself; replies go into the same store as those of a
server. vLLM needs an environment of its own, with its torch and transformers (`pip install 'ovt[vllm]'`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovt.core.errors import CallError
from ovt.curate.endpoints import desk
from ovt.curate.endpoints.budget import completion_bound
from ovt.curate.endpoints.desk import Waiting
from ovt.curate.endpoints.embedded import refuse
from ovt.curate.endpoints.sampling import SamplingSection

PARAMS = SamplingSection.model_fields.keys() - {"max_tokens", "max_completion_tokens"}
BATCH = 1024  # replies requested at once, at most: the engine runs as many of them together as its cache holds


@dataclass(frozen=True)
class Asked:
    """A request, ready to run. rows: its replies; length: of its texts, in characters; template: what its chat template
    is given besides, the same for all requests of an endpoint."""

    messages: list[dict[str, Any]]
    params: Any
    rows: range
    length: int
    pictures: bool
    template: dict[str, Any]


class Engine(desk.Engine):
    """An endpoint's transport, served by `vllm.LLM`. options: its arguments (`[endpoints.NAME.engine]`)."""

    batch = BATCH

    def __init__(self, where: str, options: Mapping[str, Any]) -> None:
        super().__init__()
        from vllm import LLM  # ty: ignore[import-not-found] (an environment of its own)

        self._name = where
        folder = Path(where).expanduser()
        self._model = LLM(model=str(folder) if folder.is_dir() else where, trust_remote_code=False, **options)

    def read(self, body: Mapping[str, Any]) -> Asked:
        from vllm import SamplingParams  # ty: ignore[import-not-found] (an environment of its own)

        wanted = {name: body[name] for name in body.keys() & PARAMS}
        number = int(body.get("n") or 1)
        messages = list(body["messages"])
        parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
        try:
            params = SamplingParams(n=number, max_tokens=completion_bound(body), **wanted)
        except (TypeError, ValueError) as error:
            raise refuse(" ".join(str(error).split())[:200]) from None
        length = sum(len(str(message["content"])) for message in messages)
        pictures = any(part.get("type") == "image_url" for part in parts)
        return Asked(messages, params, range(number), length, pictures, body.get("chat_template_kwargs") or {})

    def run(self, batch: Sequence[Waiting]) -> None:
        """A request that the engine refuses, such as one that is too long, fails by itself."""
        try:
            found = self._model.chat(
                [waiting.asked.messages for waiting in batch],
                [waiting.asked.params for waiting in batch],
                use_tqdm=False,
                chat_template_kwargs=batch[0].asked.template,
            )
        except ValueError as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(CallError("refused", " ".join(str(error).split())[:200]))
                return
            for waiting in batch:
                self.run([waiting])
            return
        for waiting, one in zip(batch, found, strict=True):
            waiting.answer.set_result(response(self._name, one))


def response(model: str, found: Any) -> dict[str, Any]:
    """What a server would have sent for a `vllm.RequestOutput`."""
    choices = [
        {
            "index": one.index,
            "message": {"role": "assistant", "content": one.text},
            "finish_reason": one.finish_reason,
        }
        for one in sorted(found.outputs, key=lambda one: one.index)
    ]
    read, written = len(found.prompt_token_ids), sum(len(one.token_ids) for one in found.outputs)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {"object": "chat.completion", "model": model, "choices": choices, "usage": usage}


def load(name: str, **options: Any) -> Engine:
    """The engine for a model on the Hub or in a local folder."""
    return Engine(name, options)
