"""A live endpoint: a model behind URLs, its limits, and what was learned about it at run time."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Self

from ovt.core.errors import OvtError
from ovt.core.registry import MODELS
from ovt.core.text import duration
from ovt.core.used_keys import remember_key
from ovt.curate.endpoints.chat import ChatRequest, ImageBytes, reply_keys, request_body, with_detail
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.failures import Streak
from ovt.curate.endpoints.families import family_of
from ovt.curate.endpoints.keys import check_key, hosts, read_key, read_variables, variables
from ovt.curate.endpoints.pictures import Pictures
from ovt.curate.endpoints.secrets import is_secret, spellings
from ovt.curate.endpoints.section import LOOPBACK, OFFLINE, EndpointSection
from ovt.curate.endpoints.transport import HttpTransport, Transport
from ovt.curate.endpoints.urls import Urls

FOLDERS = "transformers"  # the engine among MODELS that runs a model in any folder


class Pace:
    """Requests or tokens per minute, spread evenly instead of in bursts.

    Admits a cost of `per_minute` in any 60 s, one after the other; None means no limit.

    Each admission delays the next one by its share of the minute.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._free_at = 0.0
        self._turn = asyncio.Lock()

    def enter_loop(self) -> None:
        """Call this in each event loop that uses it, before any admission."""
        self._turn = asyncio.Lock()

    async def admit(self, cost: float = 1.0) -> None:
        """Waits for its turn, in FIFO order."""
        if self.per_minute is None:
            return
        async with self._turn:
            # Sleeps are short, since a refund can bring the moment forward.
            while (wait := self._free_at - time.monotonic()) > 0:  # noqa: ASYNC110 (time passes, no event)
                await asyncio.sleep(min(wait, 0.1))
            self._free_at = max(self._free_at, time.monotonic()) + cost * 60.0 / self.per_minute

    @property
    def wait_s(self) -> float:
        """Seconds until the next admission."""
        return self._free_at - time.monotonic() if self.per_minute is not None else 0.0

    def refund(self, cost: float) -> None:
        """Refunds the difference between the admitted and the real cost (negative: charges more)."""
        if self.per_minute is not None:
            self._free_at -= cost * 60.0 / self.per_minute


class Turnstile:
    """Lets a few calls start per turn of the event loop, in the order in which they came, so that replies are read and
    stored meanwhile, however many calls wait to go out."""

    FEW = 4

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def go_through(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._turn, loop)
        self._waiting.append(mine := loop.create_future())
        await mine

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(self.FEW, len(self._waiting))):
            if not (one := self._waiting.popleft()).done():
                one.set_result(None)
        if self._waiting:
            loop.call_soon(self._turn, loop)


class Endpoint:
    """What `open_endpoint` opens; `async with` around the work closes its connections.

    honours_n      false once the server has answered n > 1 with fewer choices; proved_n: true once it has honoured it
    prompt_scale   the largest ratio of real to estimated prompt tokens seen, at least 1; completion_scale: of real to
                   requested ones, as thinking may not count against the limit
    measured       whether an answer has shown what replies cost; until then a build with a budget asks one at a time
    answered       replies so far; failed: requests given up since the last reply
    """

    def __init__(self, name: str, section: EndpointSection, urls: Urls, key: str | None = None) -> None:
        self.name = name
        self.section = section
        self.urls = urls
        self.model = section.model or PurePath(section.embedded or "").name
        self.revision = section.revision or urls.all[0].transport.revision
        self.requests_pace = Pace(section.requests_per_minute)
        self.tokens_pace = Pace(section.tokens_per_minute)
        self.honours_n = not family_of(section.family, section.urls[0]).single
        self.proved_n = False
        self.prompt_scale = 1.0
        self.completion_scale = 1.0
        self.measured = False
        self.first_turn = asyncio.Lock()
        self.turnstile = Turnstile()
        self.answered = 0
        self.failed = Streak()
        self.key = key
        self.secrets: tuple[str, ...] = (key,) if key and is_secret(key) else ()
        # Only what goes out over HTTP takes images as bytes (`chat.body_pieces`).
        self._in_bytes = not (section.embedded or section.batch)
        self._pictures: Pictures | None = None

    @property
    def own_machine(self) -> bool:
        """Whether the model runs in this process or on this machine, where calls are free."""
        return self.section.embedded is not None or hosts(self.section) <= LOOPBACK

    def waits_for(self) -> str:
        """What the next reply waits for, to be shown."""
        paces = {"requests_per_minute": self.requests_pace, "tokens_per_minute": self.tokens_pace}
        name = max(paces, key=lambda name: paces[name].wait_s)
        if paces[name].wait_s < 1 or any(url.in_flight for url in self.urls.all):
            return self.urls.waits_for()
        return f"{name} = {paces[name].per_minute:,g} allows the next call in {duration(paces[name].wait_s)}"

    def sampling(self, request: ChatRequest) -> dict[str, Any]:
        """The parameters that affect `request`'s replies: the endpoint's `extra_body`, then the request's own."""
        return {**self.section.extra_body, **request.sampling}

    def keys(self, request: ChatRequest) -> list[str]:
        """The addresses of `request`'s replies, index 0 … n-1."""
        shape = {**self.sampling(request), **self.section.image_settings}
        return reply_keys(self.model, self.revision, request.messages, shape, range(request.n))

    def body(self, request: ChatRequest, first: int, n: int, images: ImageBytes) -> dict[str, Any]:
        """The request body for the samples `first` … `first + n - 1`.

        A seed is shifted by the index, as vLLM does within one call of n, so sample i does not depend on batching.
        """
        sampling = {name: value for name, value in self.sampling(request).items() if value is not None}
        if "seed" in sampling:
            sampling["seed"] += first
        pictures = self._pictures = self._pictures or Pictures(images, self.section.max_pixels)
        urls = pictures if self._in_bytes else lambda image: str(pictures(image))
        body = request_body(self.model, request.messages, sampling, n, urls)
        return with_detail(body, self.section.image_detail) if self.section.image_detail else body

    async def __aenter__(self) -> Self:
        check_key(self.name, self.section, self.key)
        if variables(self.section):
            for secret in self.secrets:
                remember_key(secret)
        # Locks and connections belong to the running event loop.
        self.requests_pace.enter_loop()
        self.tokens_pace.enter_loop()
        self.first_turn = asyncio.Lock()
        self.turnstile = Turnstile()
        return self

    async def __aexit__(self, *raised: object) -> None:
        for url in self.urls.all:
            await url.transport.close()


def open_endpoint(name: str, section: EndpointSection, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint `name` of a recipe, ready for `fill`; nothing is sent yet. Keys come from `environ`."""
    if section.embedded is not None:
        transport = load_embedded(section.embedded, section.engine)
        return Endpoint(name, section, Urls([(section.urls[0], transport)], section.max_concurrency, steady=True))
    key = read_key(name, section, environ)
    values = read_variables(name, section, environ)
    transports = [(url, HttpTransport(url, key, way_to(url, section, values))) for url in section.urls]
    urls = Urls(transports, section.max_concurrency)
    if section.serve is not None:  # servers that end are started again, and may take as long to load as the first time
        urls.patience_s = max(urls.patience_s, section.serve.ready_s)
    endpoint = Endpoint(name, section, urls, key)
    endpoint.secrets += secrets_in(values)
    return endpoint


def way_to(url: str, section: EndpointSection, values: Mapping[str, str]) -> Way:
    """How requests travel to one of the endpoint's URLs. values: of the variables that headers and query name."""
    family = family_of(section.family, url)
    return Way(
        section.timeout,
        section.max_concurrency,
        {name: values.get(value, value) for name, value in section.headers.items()},
        {name: values.get(value, value) for name, value in section.query.items()},
        section.key_header or family.key_header,
        Dialect(section.stream, family.usage, family.tokens, family.seed),
        secrets_in(values),
    )


def secrets_in(values: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables that must not be in a reply, in each of their spellings."""
    return tuple(spelling for value in values.values() if is_secret(value) for spelling in spellings(value))


def load_embedded(model: str, options: Mapping[str, Any] = MappingProxyType({})) -> Transport:
    """The transport of "embedded:MODEL" or "vllm:MODEL", from the registry's loaders; the only line that imports torch
    into a build. options: arguments of vLLM's engine."""
    try:
        if model.startswith(OFFLINE):
            return MODELS.get(OFFLINE.removesuffix(":"))(model.removeprefix(OFFLINE), **options)
        return MODELS.get(model if model in MODELS else FOLDERS)(model)
    except ModuleNotFoundError as error:
        extra, named = ("vllm", model) if model.startswith(OFFLINE) else ("train", f"embedded:{model}")
        raise OvtError(
            f"{named} needs {error.name}, which is not installed: pip install 'ovt[{extra}]', or give the endpoint a "
            "server's base_url"
        ) from error
