"""`[endpoints.NAME]`: a model behind URLs; and the sampling parameters that a stage asks of it."""

from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ovt.curate.section import Section


class SamplingSection(Section):
    """`[STAGE.sampling]`: names and meanings are OpenAI's and vLLM's. Only what is set is sent; the server defaults the rest.

    `max_tokens` bounds one reply, in tokens. With `seed`, sample number i is asked with seed + i.
    """

    temperature: NonNegativeFloat | None = None
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    min_tokens: NonNegativeInt | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: PositiveFloat | None = None

    def asked(self) -> dict[str, Any]:
        """The parameters that are set, by name, as they go into a `ChatRequest`."""
        return self.model_dump(exclude_none=True)


class EndpointSection(Section):
    """`[endpoints.NAME]`: where a model answers.

    base_url                 one OpenAI-compatible URL (".../v1"), several, or "embedded:NAME_OR_FOLDER" (in process)
    model                    the name the server knows it by; may stay empty with an embedded one
    revision                 the weights behind the name, where you know them: part of a reply's address
    api_key_env              the environment variable that holds the key (never the key itself)
    max_concurrency          requests under way at once, per URL
    requests_per_minute, tokens_per_minute   limits of the endpoint as a whole; unset: none
    timeout                  seconds one request may take
    max_retries              tries after the first one
    usd_per_million_*        prices; unset: nothing is counted
    extra_body               further keys of every request's body; they are part of a reply's address
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
    extra_body: dict[str, Any] = {}
