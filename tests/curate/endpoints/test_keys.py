"""Keys go where they belong or where the user agreed, and never unencrypted over a network."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ovt.core.agreed import agree
from ovt.core.errors import EndpointError
from ovt.core.used_keys import used_keys
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.families import provider
from ovt.curate.endpoints.keys import check_key, needs_key, read_key, sent_keys
from ovt.curate.endpoints.section import EndpointSection

KEY = "s3cr3t-of-the-user-1234"


def section(url: str | list[str], variable: str | None = None) -> EndpointSection:
    return EndpointSection(base_url=url, model="m", api_key_env=variable)


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("http://llm.example.org/v1", "MY_KEY"),
        ("http://api.openai.com/v1", None),
        ("http://10.0.0.7:8000/v1", "VLLM_API_KEY"),
        ("http://localhost.example.org/v1", "MY_KEY"),
        ("http://127.0.0.1.nip.io/v1", "MY_KEY"),
        (["http://127.0.0.1:8000/v1", "http://llm.example.org/v1"], "MY_KEY"),
    ],
)
def test_no_key_goes_over_a_network_unencrypted(config: Path, url: Any, variable: str | None) -> None:
    agree(sent_keys(section(url, variable)))  # not even then
    with pytest.raises(EndpointError, match=r"\$\w+ would be sent to http://.* unencrypted; use https, or an SSH"):
        check_key("far", section(url, variable), KEY)


def test_a_variable_in_the_query_is_agreed_to_like_any_key() -> None:
    far = EndpointSection(base_url="https://llm.example.org/v1", model="m", query={"sig": "$MY_KEY"})
    assert sent_keys(far) == ["send $MY_KEY to https://llm.example.org"]


@pytest.mark.parametrize(
    ("url", "variable", "line"),
    [
        ("https://llm.example.org/v1", "MY_BANK_PASSWORD", "send $MY_BANK_PASSWORD to https://llm.example.org"),
        ("https://LLM.example.org:8443/x", "MY_KEY", "send $MY_KEY to https://llm.example.org:8443"),
        ("https://evil.api.openai.com/v1", "OPENAI_API_KEY", "send $OPENAI_API_KEY to https://evil.api.openai.com"),
        ("https://api.openai.com.evil.org/v1", "OPENAI_API_KEY", None),
        ("https://api.openai.com/v1", "AWS_SECRET_ACCESS_KEY", "send $AWS_SECRET_ACCESS_KEY to https://api.openai.com"),
        ("https://me.openai.azure.com/openai/v1", "AZURE_OPENAI_API_KEY", None),
    ],
)
def test_a_new_pair_of_key_and_server_is_agreed_to_once(
    config: Path, url: str, variable: str, line: str | None
) -> None:
    wanted = section(url, variable)
    assert line is None or sent_keys(wanted) == [line]
    with pytest.raises(EndpointError, match=r"which you have not agreed to; agree once: .* --yes-send-key") as raised:
        check_key("far", wanted, KEY)
    assert raised.value.kind == "denied"
    agree(sent_keys(wanted))
    check_key("far", wanted, KEY)
    with pytest.raises(EndpointError, match="not agreed"):  # the pair, not the key
        check_key("far", section("https://other.example.org/v1", variable), KEY)


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://api.openai.com/v1", None),
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://openrouter.ai/api/v1", None),
        ("http://127.0.0.1:8000/v1", "ANYTHING"),
        ("http://localhost:8000/v1", "ANYTHING"),
        ("http://[::1]:8000/v1", None),
        ("http://10.0.0.7:8000/v1", None),
        ("https://llm.example.org/v1", None),
    ],
)
def test_what_needs_no_question(config: Path, url: str, variable: str | None) -> None:
    assert sent_keys(section(url, variable)) == []
    check_key("near", section(url, variable), KEY)
    assert not config.exists()


def test_subdomains_are_no_providers() -> None:
    assert provider("https://api.openai.com/v1") == "OPENAI_API_KEY"
    assert provider("https://x.api.openai.com/v1") is None
    assert provider("https://API.openai.com:443/v1") == "OPENAI_API_KEY"
    assert not needs_key(section("https://x.api.openai.com/v1"))


def test_nothing_is_sent_before_the_user_agreed(config: Path, loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovt.curate.endpoints.keys.LOOPBACK", set())  # as if it were far away
    monkeypatch.setattr("ovt.curate.endpoints.keys.is_readable", lambda url: False)
    wanted = section(loopback.url, "MY_KEY")

    async def enter() -> None:
        async with open_endpoint("far", wanted, environ={"MY_KEY": KEY}) as endpoint:
            await endpoint.urls.all[0].transport.send({"model": "test-model", "messages": []})

    with pytest.raises(EndpointError, match=r'endpoint "far": it would send \$MY_KEY to http://127\.0\.0\.1'):
        asyncio.run(enter())
    assert loopback.seen == []
    assert used_keys() == []
    agree(sent_keys(wanted))
    asyncio.run(enter())
    assert loopback.seen[0].authorization == f"Bearer {KEY}"
    assert [one.length for one in used_keys()] == [len(KEY)]


def test_a_server_that_ovt_started_gets_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovt.curate.endpoints.keys.TOKENS", {"http://127.0.0.1:8000": "t0ken"})
    assert read_key("a", section("http://127.0.0.1:8000/v1"), {}) == "t0ken"
    assert read_key("a", section("http://127.0.0.1:8001/v1"), {}) is None
    assert read_key("a", section("http://127.0.0.1:8000/v1", "MINE"), {"MINE": "m"}) == "m"


def test_a_key_over_plain_http_is_no_question_but_refused() -> None:
    section = EndpointSection(base_url="http://example.invalid/v1", model="m", api_key_env="MY_KEY")
    assert sent_keys(section) == []
    with pytest.raises(EndpointError, match=r"\$MY_KEY would be sent to http://example.invalid/v1 unencrypted"):
        check_key("near", section, "secret-of-mine")
