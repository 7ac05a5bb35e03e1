"""How a server wants a request spelt, learned from what it refuses: spellings only, nothing that shapes a reply.

Unsupported parameter: 'max_tokens' … Use 'max_completion_tokens' instead       OpenAI's o-series, gpt-5
parameter.enable_thinking must be set to false for non-streaming calls          DashScope, ModelScope
Requests with max_tokens > 4096 must have stream=true                           Fireworks
["body", "stream_options", "include_usage"]: Extra inputs are not permitted     Mistral, Databricks
["body", "max_completion_tokens"]: Extra inputs are not permitted               Mistral
["body", "seed"]: Extra inputs are not permitted                                Mistral, which calls it random_seed
"""

import re
from dataclasses import dataclass, replace
from typing import Any

NOT_TAKEN = r"unsupported|not supported|not permitted|unrecogni[sz]ed|unknown|extra|unexpected|invalid"
NEW_TOKENS = re.compile(r"max_tokens.*max_completion_tokens", re.IGNORECASE)
OLD_TOKENS = re.compile(
    rf"(?:{NOT_TAKEN}).*max_completion_tokens|max_completion_tokens.*(?:{NOT_TAKEN})", re.IGNORECASE
)
ONLY_STREAMS = re.compile(
    r"non-stream|stream\W{0,4}false|only supports? stream|stream(?:ing)? (?:mode )?is required"
    r"|must (?:be|have) stream",
    re.IGNORECASE,
)
NO_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)
NO_SEED = re.compile(r"extra_forbidden.*\bseed\b|\bseed\b.*extra inputs", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """stream: replies are requested as events, usage: with their token counts; tokens: the name of the limit (None: as
    given); seed: the name of the seed."""

    stream: bool = False
    usage: bool = True
    tokens: str | None = None
    seed: str = "seed"

    def spell(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body as this server reads it. If both limits are given, the newer name counts."""
        spelt = dict(body)
        if "max_completion_tokens" in spelt:
            spelt.pop("max_tokens", None)
        limit = spelt.get("max_completion_tokens", spelt.get("max_tokens"))
        if self.tokens is not None and limit is not None:
            spelt = {
                name: value for name, value in spelt.items() if name not in ("max_tokens", "max_completion_tokens")
            }
            spelt[self.tokens] = limit
        if self.seed != "seed" and "seed" in spelt:
            spelt[self.seed] = spelt.pop("seed")
        if self.stream:
            spelt["stream"] = True
            if self.usage:
                spelt["stream_options"] = {"include_usage": True}
        return spelt

    def learn(self, refusal: str) -> "Dialect":
        """The dialect after a refusal; the same one if it says nothing about spelling."""
        if NEW_TOKENS.search(refusal):
            return self if self.tokens else replace(self, tokens="max_completion_tokens")
        if self.tokens != "max_tokens" and OLD_TOKENS.search(refusal):
            return replace(self, tokens="max_tokens")
        if not self.stream and ONLY_STREAMS.search(refusal):
            return replace(self, stream=True)
        if self.stream and self.usage and NO_USAGE.search(refusal):
            return replace(self, usage=False)
        if self.seed == "seed" and NO_SEED.search(refusal):
            return replace(self, seed="random_seed")
        return self
