"""`ovt doctor`: a round trip to each URL of an endpoint, with a small image."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

from ovt.core.errors import CallError
from ovt.curate.endpoints.chat import data_url
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.replies import read_replies
from ovt.curate.endpoints.transport import HttpTransport
from ovt.curate.endpoints.urls import Url

SIDE = 112  # pixels of the probe's image
LONGEST_S = 60.0  # for one of the questions asked


@dataclass(frozen=True)
class Probe:
    """What one URL did when asked twice at once about a small image.

    error            why no reply came, in one line; None where one did
    latency_s        seconds of the round trip that was answered
    models           what the server lists; None where it lists nothing (an embedded model)
    model_listed     whether the recipe's model is among them
    honours_n        whether n = 2 brought two choices
    accepts_images   whether it answered with an image in the prompt
    """

    url: str
    error: str | None = None
    latency_s: float = 0.0
    models: list[str] | None = None
    model_listed: bool | None = None
    honours_n: bool = False
    accepts_images: bool = False
    reply: str = ""


async def probe(endpoint: Endpoint) -> list[Probe]:
    """One Probe per URL, in the recipe's order; failures are in them, none is raised. Stores nothing."""
    return [await probe_url(url, endpoint) for url in endpoint.urls.all]


async def probe_url(url: Url, endpoint: Endpoint) -> Probe:
    """Asks with an image and n = 2, then with less as long as the server refuses."""
    found = Probe(url.name)
    if isinstance(url.transport, HttpTransport):
        found = await list_models(found, url.transport, endpoint.model)
    for image, n in ((True, 2), (True, 1), (False, 1)):
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_S):
                response = await url.transport.send(probe_body(endpoint, image, n))
            replies = read_replies(response, n, endpoint.section)
        except CallError as error:
            found = replace(found, error=error.reason)
            if error.status in (400, 413, 422) or (error.status or 0) >= 500:
                continue
            return found
        except TimeoutError:
            return replace(found, error=f"no answer within {LONGEST_S:.0f} s")
        seconds, text = time.monotonic() - began, (replies[0].text or "")[:80]
        honours = len(replies) == 2
        return replace(found, error=None, latency_s=seconds, honours_n=honours, accepts_images=image, reply=text)
    return found


async def list_models(found: Probe, transport: HttpTransport, model: str) -> Probe:
    """`found` with what the server says about its models; some servers list none, which is no error."""
    try:
        async with asyncio.timeout(LONGEST_S):
            models = await transport.models()
    except CallError as error:
        return replace(found, error=error.reason)
    except TimeoutError:
        return found
    return replace(found, models=models, model_listed=model in models)


def probe_body(endpoint: Endpoint, image: bool, n: int) -> dict[str, Any]:
    """A request for at most 8 tokens."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": "What colour is it? One word."}]
    if image:
        parts.insert(0, {"type": "image_url", "image_url": {"url": data_url(red_square())}})
    body = {**endpoint.section.extra_body, "model": endpoint.model, "max_tokens": 8}
    body["messages"] = [{"role": "user", "content": parts}]
    return {**body, "n": n, "temperature": 1.0} if n > 1 else body


def red_square() -> bytes:
    """A PNG of one colour."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()
