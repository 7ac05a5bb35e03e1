"""`ovt doctor`'s round trip: what each URL can do, and why not."""

import asyncio
from typing import Any

from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.probe import Probe, probe
from ovt.curate.endpoints.section import EndpointSection


def probes(*urls: str, model: str = "test-model", **section: Any) -> list[Probe]:
    async def run() -> list[Probe]:
        async with open_endpoint("tester", EndpointSection(base_url=list(urls), model=model, **section)) as endpoint:
            return await probe(endpoint)

    return asyncio.run(run())


def test_a_server_that_does_it_all(loopback: Any) -> None:
    (found,) = probes(loopback.url)
    assert found.error is None
    assert (found.model_listed, found.honours_n, found.accepts_images) == (True, True, True)
    assert found.latency_s > 0
    assert loopback.seen[0].body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png")


def test_a_server_that_ignores_n(loopback: Any) -> None:
    loopback.honours_n = False
    (found,) = probes(loopback.url)
    assert (found.error, found.honours_n, found.accepts_images) == (None, False, True)


def test_a_server_for_text_only(loopback: Any) -> None:
    loopback.status = lambda body: (400, {"error": "no images please"}) if "image_url" in str(body) else None
    (found,) = probes(loopback.url)
    assert (found.error, found.accepts_images) == (None, False)


def test_each_url_is_told_apart(loopback: Any) -> None:
    good, dead = probes(loopback.url, "http://127.0.0.1:9/v1")
    assert good.error is None
    assert dead.error is not None
    assert "Connect" in dead.error


def test_a_model_that_is_not_served(loopback: Any) -> None:
    (found,) = probes(loopback.url, model="another")
    assert (found.models, found.model_listed) == (["test-model"], False)
    assert found.error is not None
    assert "does not exist" in found.error
