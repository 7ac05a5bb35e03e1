"""The same road against a real vLLM server; set OVT_TEST_VLLM_URL to one that serves a vision-language model."""

import os
from collections.abc import Callable

import pytest

from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.transport import HttpTransport

URL = os.environ.get("OVT_TEST_VLLM_URL", "")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not URL, reason="OVT_TEST_VLLM_URL names no running vLLM server"),
]


@pytest.fixture
def model() -> str:
    """OVT_TEST_VLLM_MODEL, or the only model that the server lists."""
    import asyncio

    async def first() -> str:
        transport = HttpTransport(URL, None, Way(30.0, 1))
        try:
            return (await transport.models())[0]
        finally:
            await transport.close()

    return os.environ.get("OVT_TEST_VLLM_MODEL") or asyncio.run(first())


def requests(n: int) -> list[ChatRequest]:
    content = [{"type": "image", "image": "any"}, {"type": "text", "text": "What is shown?"}]
    return [ChatRequest(({"role": "user", "content": content},), {"seed": 3, "max_tokens": 24, "temperature": 1.0}, n)]


def test_four_samples_of_an_image_and_then_eight(fill_all: Callable, model: str) -> None:
    four = fill_all(requests(4), base_url=URL, model=model)
    assert (four.tally.done, four.tally.failed) == (4, 0)
    assert four.endpoint.honours_n
    assert four.tally.prompt_tokens > 0
    assert all(reply.finish_reason in ("stop", "length") for reply in four.replies[0])
    eight = fill_all(requests(8), base_url=URL, model=model)
    assert eight.texts[0][:4] == four.texts[0]
    assert (eight.tally.cached, eight.tally.done) == (4, 4)


def test_doctor_finds_what_vllm_can_do(model: str) -> None:
    import asyncio

    from ovt.curate.doctor import Probe, probe

    async def run() -> list[Probe]:
        async with open_endpoint("vllm", EndpointSection(base_url=URL, model=model)) as endpoint:
            return await probe(endpoint)

    (found,) = asyncio.run(run())
    assert found.error is None
    assert (found.model_listed, found.honours_n, found.accepts_images) == (True, True, True)
