"""`base_url = "vllm:MODEL"`: what a recipe may say, and vLLM's own engine where it is installed."""

import asyncio
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ovt.core.errors import CallError, OvtError, RecipeError
from ovt.core.section import read_section
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.section import EndpointSection
from ovt.pocket import WEIGHTS

HERE = {"base_url": "vllm:owner/model"}
TINY = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512, "max_num_seqs": 4}


def test_the_engine_is_known_by_its_model() -> None:
    section = EndpointSection(base_url=HERE["base_url"], engine={"tensor_parallel_size": 2})
    assert section.embedded == "vllm:owner/model"
    assert section.cost_usd(10, 10) == 0.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base_url": "vllm:"}, 'expected "vllm:NAME_OR_FOLDER"'),
        ({"base_url": ["vllm:a/b", "http://127.0.0.1:1/v1"]}, "stands alone"),
        ({"engine": {"trust_remote_code": True}}, "trust_remote_code cannot be set for vLLM's engine"),
        ({"engine": {"max_model_length": 5}}, "max_model_length cannot be set .* did you mean max_model_len"),
        ({"base_url": "http://127.0.0.1:1/v1", "model": "m", "engine": {"seed": 1}}, "engine is only for base_url = "),
        ({"engine": {"tensor_parallel_size": "a"}}, "tensor_parallel_size is 'a': expected a number of GPUs"),
        ({"extra_body": {"guided_json": {}}}, r"does not read extra_body\.guided_json; known keys: .*top_k"),
        ({"extra_body": {"chat_template_kwargs": 5}}, "chat_template_kwargs should be a table"),
    ],
)
def test_what_the_engine_cannot_take_is_one_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_section(EndpointSection, HERE | changed, "here")


class FakeVllm(ModuleType):
    """vLLM's classes, keeping what they are given."""

    def __init__(self) -> None:
        super().__init__("vllm")
        self.params: list[dict[str, Any]] = []
        self.chats: list[dict[str, Any]] = []

    def LLM(self, **options: Any) -> Any:
        return SimpleNamespace(chat=self._chat)

    def SamplingParams(self, **params: Any) -> dict[str, Any]:
        if "max_completion_tokens" in params:
            raise TypeError("unexpected keyword argument")
        self.params.append(params)
        return params

    def _chat(self, messages: list[Any], params: list[Any], **more: Any) -> list[Any]:
        self.chats.append(more)
        output = SimpleNamespace(index=0, text="yes", finish_reason="stop", token_ids=[1])
        return [SimpleNamespace(prompt_token_ids=[1, 2], outputs=[output]) for _ in messages]


def test_limits_and_extra_keys_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    vllm = FakeVllm()
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    template = {"enable_thinking": False}
    extra = {"chat_template_kwargs": template, "top_k": 5, "repetition_penalty": 1.1}
    section = EndpointSection(base_url=HERE["base_url"], extra_body=extra)
    sampling = {"max_tokens": 2048, "max_completion_tokens": 7}

    async def ask() -> dict[str, Any]:
        async with open_endpoint("a", section) as endpoint:
            request = ChatRequest(({"role": "user", "content": "hi"},), sampling)
            return await endpoint.urls.all[0].transport.send(endpoint.body(request, 0, 1, lambda image: b""))

    assert asyncio.run(ask())["choices"][0]["message"]["content"] == "yes"
    assert vllm.params == [{"n": 1, "max_tokens": 7, "top_k": 5, "repetition_penalty": 1.1}]
    assert vllm.chats == [{"use_tqdm": False, "chat_template_kwargs": template}]


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_without_vllm_one_line_says_what_to_install() -> None:
    with pytest.raises(OvtError, match=r"vllm:owner/model needs vllm.*pip install 'ovt\[vllm\]'"):
        open_endpoint("a", EndpointSection(base_url=HERE["base_url"]))


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed: it has an environment of its own")
def test_it_answers_as_a_server_does() -> None:
    section = EndpointSection(base_url=f"vllm:{WEIGHTS}", engine=TINY)

    async def ask(**more: Any) -> dict[str, Any]:
        async with open_endpoint("a", section) as endpoint:
            body = {"messages": [{"role": "user", "content": "What is shown?"}], "max_tokens": 8, **more}
            return await endpoint.urls.all[0].transport.send(body)

    found = asyncio.run(ask(n=2, seed=3))
    assert [choice["index"] for choice in found["choices"]] == [0, 1]
    assert found["usage"]["completion_tokens"] <= 16
    with pytest.raises(CallError):
        asyncio.run(ask(messages=[{"role": "user", "content": "long " * 2_000}]))
