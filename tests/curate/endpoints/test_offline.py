"""`base_url = "vllm:MODEL"`: what a recipe may say, and vLLM's own engine where it is installed."""

import asyncio
from importlib.util import find_spec
from typing import Any

import pytest

from ovt.core.errors import CallError, OvtError, RecipeError
from ovt.core.section import read_section
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
        ({"base_url": "http://127.0.0.1:1/v1", "model": "m", "engine": {"seed": 1}}, "engine is for base_url = "),
    ],
)
def test_what_the_engine_cannot_take_is_one_line(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_section(EndpointSection, HERE | changed, "here")


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
