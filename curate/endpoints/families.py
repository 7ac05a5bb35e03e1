"""What common servers expect, according to their documentation; the rest is learned by asking (dialect.py).

A provider's family is found by its exact host; `family = "azure"` names it where the host does not. Your own servers
need none: vLLM, SGLang, llama.cpp and transformers serve are asked in plain OpenAI format.

variable    the environment variable with the key; key_header: where the key goes
tokens      the name of the limit of a reply, where it has only one
seed        the name of the seed
single      answers one choice per call: n > 1 is refused or ignored
usage       whether a stream may be asked for its token counts
source      where it says so
"""

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

BEARER = "Authorization"

FamilyName = Literal[
    "openai", "azure", "anthropic", "openrouter", "dashscope", "gemini", "mistral", "together", "fireworks", "groq",
    "deepseek", "huggingface", "ollama", "lmstudio",
]  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A kind of server, as above."""

    hosts: tuple[str, ...] = ()
    variable: str | None = None
    key_header: str = BEARER
    tokens: Literal["max_tokens", "max_completion_tokens"] | None = None
    seed: str = "seed"
    single: bool = False
    usage: bool = True
    source: str = ""


FAMILIES: dict[FamilyName, Family] = {
    "openai": Family(
        ("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
        "OPENAI_API_KEY",
        tokens="max_completion_tokens",
        source="https://platform.openai.com/docs/api-reference/chat/create",
    ),
    # Its hosts belong to its customers: a key goes there once the user has agreed.
    "azure": Family(
        key_header="api-key",
        source="https://learn.microsoft.com/azure/ai-services/openai/reference",
    ),
    "anthropic": Family(
        ("api.anthropic.com",),
        "ANTHROPIC_API_KEY",
        single=True,
        source="https://docs.anthropic.com/en/api/openai-sdk",
    ),
    "openrouter": Family(("openrouter.ai",), "OPENROUTER_API_KEY", source="https://openrouter.ai/docs/api-reference"),
    "dashscope": Family(
        ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
        "DASHSCOPE_API_KEY",
        source="https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api",
    ),
    "gemini": Family(
        ("generativelanguage.googleapis.com",),
        "GEMINI_API_KEY",
        source="https://ai.google.dev/gemini-api/docs/openai",
    ),
    "mistral": Family(
        ("api.mistral.ai",),
        "MISTRAL_API_KEY",
        tokens="max_tokens",
        seed="random_seed",
        usage=False,
        source="https://docs.mistral.ai/api/",
    ),
    "together": Family(("api.together.xyz",), "TOGETHER_API_KEY", source="https://docs.together.ai/reference"),
    "fireworks": Family(("api.fireworks.ai",), "FIREWORKS_API_KEY", source="https://docs.fireworks.ai/api-reference"),
    "groq": Family(
        ("api.groq.com",),
        "GROQ_API_KEY",
        single=True,
        source="https://console.groq.com/docs/openai",
    ),
    "deepseek": Family(("api.deepseek.com",), "DEEPSEEK_API_KEY", source="https://api-docs.deepseek.com/"),
    "huggingface": Family(
        ("router.huggingface.co",), "HF_TOKEN", source="https://huggingface.co/docs/inference-providers"
    ),
    "ollama": Family(single=True, source="https://github.com/ollama/ollama/issues/305"),
    "lmstudio": Family(single=True, source="https://lmstudio.ai/docs/developer/openai-compat"),
}
if set(FAMILIES) != set(get_args(FamilyName)):
    raise AssertionError("every family has its row")

BY_HOST = {host: family for family in FAMILIES.values() for host in family.hosts}


def family_of(name: FamilyName | None, url: str) -> Family:
    """The family called `name`, else that of the URL's host; a plain one if nothing is known."""
    return FAMILIES[name] if name else BY_HOST.get(urlsplit(url).hostname or "", Family())


def provider(url: str) -> str | None:
    """The key variable of the provider at `url`, by its exact host (subdomains may be anybody's); None for others."""
    return family_of(None, url).variable
