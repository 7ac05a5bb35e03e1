"""`[endpoints.NAME]`: a model behind URLs."""

import re
import shlex
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from ovt.core.hashing import canonical_json
from ovt.core.section import Section, added_later, nearest_key, read_section
from ovt.core.text import without_secrets
from ovt.curate.endpoints.families import FamilyName
from ovt.curate.endpoints.sampling import SamplingSection

EMBEDDED, OFFLINE = "embedded:", "vllm:"
# The arguments that vLLM's offline engine may be given: none that names code, files or other machines.
ENGINE_KEYS = {
    "dtype", "enforce_eager", "gpu_memory_utilization", "kv_cache_dtype", "limit_mm_per_prompt", "max_model_len",
    "max_num_batched_tokens", "max_num_seqs", "pipeline_parallel_size", "quantization", "revision", "seed",
    "tensor_parallel_size",
}  # fmt: skip
ENGINE_BODY = SamplingSection.model_fields.keys() | {"chat_template_kwargs"}  # what it reads of a request's body
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LAST_PORT = 65_535
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")  # the same host for everybody who reads the URL
VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
SECRET_NAME = re.compile(r"(?:key|token|secret|password|cookie|(?:^|[-_])auth\w*)$", re.IGNORECASE)
# Headers that the client sets itself.
OURS = {"authorization", "host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
RESERVED = {"model", "messages", "n", "stream"}


class ServeSection(Section):
    """`[endpoints.NAME.serve]`: servers on this machine that ovt starts and stops for the endpoint.

    command    their command line, where {model}, {port} and {gpus} are filled in; unset: vLLM
    replicas   how many, at consecutive ports from base_url's on
    gpus       per replica, which sees no others; 0: whatever is visible
    ready_s    seconds within which a server must list its models
    """

    command: str | None = None
    replicas: int = Field(1, gt=0, le=1_000)
    gpus: int = Field(0, ge=0, le=64)
    ready_s: PositiveInt = 1200

    @field_validator("command")
    @classmethod
    def check_command(cls, command: str | None) -> str | None:
        if command is not None and not shlex.split(command):
            raise ValueError("it is empty: give the server's command line, or leave it out for vLLM")
        if command is not None and "{port}" not in command:
            raise ValueError("it has no {port}: say where the server listens, as in `--port {port}`")
        return command

    @property
    def line(self) -> str:
        """The command line, before its words are filled in."""
        split = " --tensor-parallel-size {gpus}" if self.gpus > 1 else ""
        return self.command or f"vllm serve {{model}} --port {{port}}{split}"

    def words(self, model: str, port: int | str) -> list[str]:
        """The command of the replica at a port; what is filled in stays one word, whatever is in it."""
        known = {"{model}": model, "{port}": str(port), "{gpus}": str(self.gpus)}
        found = re.compile("|".join(map(re.escape, known)))
        return [found.sub(lambda match: known[match[0]], word) for word in shlex.split(self.line)]


class EndpointSection(Section):
    """`[endpoints.NAME]`: where a model answers.

    base_url             an OpenAI-compatible URL (".../v1"), several, or in this process: "embedded:NAME_OR_FOLDER",
                         "vllm:NAME_OR_FOLDER" (vLLM's offline engine)
    model                the name the server knows it by; an embedded one needs none
    revision             identifies the weights behind the name, if known: part of a reply's address
    api_key_env          the environment variable that holds the key; unset: a known provider's usual one, else none
    max_concurrency      concurrent requests per URL
    requests_per_minute  limits of the endpoint as a whole, kept by pacing; unset: no limit
    tokens_per_minute
    timeout              seconds per request (no limit for an embedded model)
    max_retries          retries after the first try, for transient failures: 429, 5xx, dropped connections, timeouts, …
    usd_per_million_…    prices in US dollars; neither set: cost is unknown (an embedded model is free)
    extra_body           further keys of every request's body; part of a reply's address
    family               what kind of server it is, where the host does not tell (families.py): "azure", "ollama", …
    headers, query       sent with each request; "$NAME" as a value stands for an environment variable
    key_header           where the key goes; unset: Authorization, as a bearer token, or where the family has it
    stream               ask for replies as server-sent events: for servers and gateways that cut silent connections
    image_detail         OpenAI's "low", "high" or "auto", for each image; part of a reply's address
    max_pixels           larger images are scaled down for this endpoint; part of a reply's address
    batch                requests go through the server's batch API: cheaper, and answered within a day
    batch_price          what a batch costs, as a share of the two prices
    serve                servers for it that ovt starts and stops; base_url is then that of the first one
    engine               arguments of vLLM's offline engine, for "vllm:…"
    """

    base_url: str | list[str]
    model: str = ""
    revision: str | None = None
    api_key_env: str | None = None
    max_concurrency: PositiveInt = 64
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    timeout: PositiveFloat = 600.0
    max_retries: NonNegativeInt = 8
    usd_per_million_prompt_tokens: NonNegativeFloat | None = None
    usd_per_million_completion_tokens: NonNegativeFloat | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)
    family: FamilyName | None = added_later(None)
    headers: dict[str, str] = added_later({})
    query: dict[str, str] = added_later({})
    key_header: str | None = added_later(None)
    stream: bool = added_later(False)
    image_detail: Literal["auto", "low", "high"] | None = added_later(None)
    max_pixels: PositiveInt | None = added_later(None)
    batch: bool = added_later(False)
    batch_price: NonNegativeFloat = added_later(0.5)
    serve: ServeSection | None = added_later(None)
    engine: dict[str, Any] = added_later({})

    @property
    def image_settings(self) -> dict[str, Any]:
        """The settings that shape replies to images, part of their address; empty unless set."""
        given = {"image_detail": self.image_detail, "max_pixels": self.max_pixels}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def urls(self) -> list[str]:
        """The URLs, always as a list; with `serve`, of all replicas."""
        if self.serve is not None and isinstance(self.base_url, str):
            parts = urlsplit(self.base_url)
            ports = range(parts.port or 80, (parts.port or 80) + self.serve.replicas)
            host = parts.netloc.rpartition(":")[0]
            return [parts._replace(netloc=f"{host}:{port}").geturl() for port in ports]
        return [self.base_url] if isinstance(self.base_url, str) else self.base_url

    @property
    def gpus(self) -> int | None:
        """How many GPUs answer, where the recipe says: for servers that ovt starts, and for vLLM's offline engine."""
        if self.serve is not None and self.serve.gpus:
            return self.serve.replicas * self.serve.gpus
        if self.urls[0].startswith(OFFLINE):
            return self.engine.get("tensor_parallel_size", 1) * self.engine.get("pipeline_parallel_size", 1)
        return None

    @property
    def embedded(self) -> str | None:
        """NAME_OR_FOLDER where the model runs in this process; with "vllm:" before it in vLLM's engine."""
        first = self.urls[0]
        return first.removeprefix(EMBEDDED) if first.startswith((EMBEDDED, OFFLINE)) else None

    def cost_usd(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """The price of these tokens, in US dollars; None if no price is known."""
        prices = (self.usd_per_million_prompt_tokens, self.usd_per_million_completion_tokens)
        if prices == (None, None) and self.embedded is None:
            return None
        whole = (prompt_tokens * (prices[0] or 0.0) + completion_tokens * (prices[1] or 0.0)) / 1e6
        return whole * self.batch_price if self.batch else whole

    @field_validator("base_url")
    @classmethod
    def check_urls(cls, base_url: str | list[str]) -> str | list[str]:
        urls = [base_url] if isinstance(base_url, str) else base_url
        if not urls or len(set(urls)) < len(urls):
            raise ValueError("expected one or more different URLs")
        if len(urls) > 1 and any(url.startswith((EMBEDDED, OFFLINE)) for url in urls):
            raise ValueError(
                'a model in this process ("embedded:…", "vllm:…") stands alone: it cannot be one of several URLs'
            )
        for url in urls:
            check_url(url)
        return base_url

    @field_validator("headers")
    @classmethod
    def check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not HEADER.fullmatch(name) or name.lower() in OURS:
                raise ValueError(f"{name!r} cannot be set here: expected the name of a header that ovt does not set")
            check_value(name, value)
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"{name} is {value!r}: expected printable ASCII")
        return headers

    @field_validator("query")
    @classmethod
    def check_query(cls, query: dict[str, str]) -> dict[str, str]:
        for name, value in query.items():
            check_value(name, value)
        return query

    @field_validator("key_header")
    @classmethod
    def check_key_header(cls, name: str | None) -> str | None:
        if name is not None and (not HEADER.fullmatch(name) or name.lower() in OURS - {"authorization"}):
            raise ValueError("expected the name of a header, such as api-key")
        return name

    @field_validator("engine")
    @classmethod
    def check_engine(cls, engine: dict[str, Any]) -> dict[str, Any]:
        for name in engine.keys() - ENGINE_KEYS:
            raise ValueError(f"{name} cannot be set for vLLM's engine; {nearest_key(name, ENGINE_KEYS)}")
        for name in ("tensor_parallel_size", "pipeline_parallel_size"):
            if type(size := engine.get(name, 1)) is not int or size < 1:
                raise ValueError(f"{name} is {size!r:.40}: expected a number of GPUs, 1 or more")
        return engine

    @field_validator("extra_body")
    @classmethod
    def check_extra_body(cls, extra_body: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(RESERVED & extra_body.keys()):
            raise ValueError(f"{', '.join(taken)} cannot be set here: ovt sets it for each request")
        known = {name: value for name, value in extra_body.items() if name in SamplingSection.model_fields}
        SamplingSection.model_validate(known, strict=True)
        try:
            canonical_json(extra_body)
        except (TypeError, ValueError):
            raise ValueError("expected values that JSON can hold: no dates, no times, no inf, no nan") from None
        return extra_body

    @model_validator(mode="after")
    def check_model(self) -> Self:
        if not self.model and self.embedded is None:
            raise ValueError("`model` is missing: the name the server at base_url knows its model by")
        if self.batch and (self.embedded is not None or len(self.urls) > 1 or self.stream):
            raise ValueError("batch = true needs a single base_url, of a server, and no stream")
        return self

    @model_validator(mode="after")
    def check_engine_is_there(self) -> Self:
        if self.engine and not self.urls[0].startswith(OFFLINE):
            raise ValueError('engine is only for base_url = "vllm:NAME_OR_FOLDER"; a server has its own command line')
        return self

    @model_validator(mode="after")
    def check_engine_body(self) -> Self:
        """The engine has no server to refuse what it does not know."""
        if self.urls[0].startswith(OFFLINE):
            for name in self.extra_body.keys() - ENGINE_BODY:
                raise ValueError(f"vLLM's engine does not read extra_body.{name}; {nearest_key(name, ENGINE_BODY)}")
            if not isinstance(self.extra_body.get("chat_template_kwargs") or {}, dict):
                raise ValueError("extra_body.chat_template_kwargs should be a table, as in { enable_thinking = false }")
        return self

    @model_validator(mode="after")
    def check_serve(self) -> Self:
        """Servers are started on this machine, at a port that can be named."""
        if self.serve is None:
            return self
        parts = urlsplit(self.base_url if isinstance(self.base_url, str) else "")
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.port is None:
            raise ValueError('with serve, base_url must be on this machine and name a port: "http://127.0.0.1:8000/v1"')
        if parts.port + self.serve.replicas - 1 > LAST_PORT:
            raise ValueError(f"the ports of {self.serve.replicas} replicas end above {LAST_PORT}: choose a lower one")
        return self


def server_section(where: str, url: str, model: str, revision: str | None = None) -> EndpointSection:
    """The endpoint of a server that was named outside a recipe; `where` begins the line of a RecipeError."""
    return read_section(EndpointSection, {"base_url": url, "model": model, "revision": revision}, where)


def is_url(url: str) -> bool:
    """Whether a text is a whole HTTP URL."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # for an invalid port number, or half an IPv6 address
        return False
    return named and url.isprintable() and " " not in url


def check_value(name: str, value: str) -> None:
    """ValueError for a header's or a query's value that is a key, which would end up in manifests, or that names no
    variable."""
    if value.startswith("$") and not VARIABLE.fullmatch(value):
        raise ValueError(f"{name} is {value!r}: expected text, or $NAME for an environment variable")
    if not value.startswith("$") and SECRET_NAME.search(name):
        raise ValueError(f'{name} holds a key, and a recipe must not: name a variable, {name} = "$MY_KEY"')


def check_url(url: str) -> None:
    """ValueError for an invalid base_url; a URL with a password in it would end up in manifests."""
    if url.startswith((EMBEDDED, OFFLINE)):
        if not url.partition(":")[2]:
            raise ValueError(f'expected "{url}NAME_OR_FOLDER"')
        return
    if not is_url(url):
        shown = without_secrets(url)
        raise ValueError(f'{shown!r} is not a URL: expected "http://HOST:PORT/v1" or "embedded:NAME_OR_FOLDER"')
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise ValueError(
            "a base_url holds no user, password or query: put the key into the variable that api_key_env names"
        )
    if not HOST.fullmatch(parts.hostname or ""):
        raise ValueError(f"the host of {url!r} is not an address or a name in ASCII (bücher.de is xn--bcher-kva.de)")
