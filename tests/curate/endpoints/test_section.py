"""What a recipe may say about endpoints and sampling."""

import asyncio
import re
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from ovt.core.errors import OvtError, RecipeError
from ovt.core.section import read_section
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.keys import key_variable
from ovt.curate.endpoints.sampling import SamplingSection
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.stages.reason import ReasonSection


def test_only_what_is_set_is_sent() -> None:
    assert SamplingSection().asked() == {}
    assert SamplingSection(temperature=0, max_tokens=10).asked() == {"temperature": 0.0, "max_tokens": 10}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"base_url": "localhost:8000"}, "is not a URL"),
        ({"base_url": "ftp://h/v1"}, "is not a URL"),
        ({"base_url": []}, "one or more"),
        ({"base_url": ["http://a/v1", "http://a/v1"]}, "different"),
        ({"base_url": ["embedded:x", "http://a/v1"]}, "stands alone"),
        ({"base_url": "embedded:"}, "NAME_OR_FOLDER"),
        ({"base_url": "https://me:sk-123@host/v1"}, "api_key_env"),
        ({"base_url": "http://a/v1", "model": ""}, "`model` is missing"),
        ({"base_url": "http://a/v1", "extra_body": {"n": 3}}, "n cannot be set here"),
        ({"base_url": "http://a/v1", "max_concurrency": 0}, "greater than 0"),
        ({"base_url": "http://a:port/v1"}, "is not a URL"),
        ({"base_url": "http://a:99999/v1"}, "is not a URL"),
        ({"base_url": "http://a b/v1"}, "is not a URL"),
        ({"base_url": "http://[::1/v1"}, "is not a URL"),
        ({"base_url": "https://evil\u3002com/v1"}, "is not an address or a name in ASCII"),
        ({"base_url": "https://good.org\\.evil.com/v1"}, "is not an address or a name in ASCII"),
        ({"base_url": "http://a/v1", "timeout": float("inf")}, "finite"),
        ({"base_url": "http://a/v1", "usd_per_million_prompt_tokens": float("nan")}, "finite"),
        ({"base_url": "http://a/v1", "extra_body": {"seed": "x"}}, "valid integer"),
        ({"base_url": "http://a/v1", "extra_body": {"max_tokens": "9"}}, "valid integer"),
        ({"base_url": "http://a/v1", "extra_body": {"deep": [{"x": float("nan")}]}}, "JSON"),
        ({"base_url": "http://a/v1", "extra_body": {"day": date(2026, 1, 1)}}, "JSON"),
    ],
)
def test_mistakes_are_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EndpointSection.model_validate({"model": "m", **section})


@pytest.mark.parametrize(
    "url",
    [
        "http://me:pw12@h/v1",
        "http://me:pw12@h:99999/v1",
        "https://h/v1?api_key=pw12",
        "http://me:pw12@ö/v1",
        "me:pw12@h",
        ["http://a/v1", "http://me:pw12@h/v1"],
    ],
)
def test_a_url_with_a_password_is_refused_without_showing_it(url: str | list[str]) -> None:
    tree = {"base_url": url, "model": "m"}
    with pytest.raises(ValidationError) as shown:
        EndpointSection.model_validate(tree)
    with pytest.raises(RecipeError, match=r"^here: base_url is ") as told:
        read_section(EndpointSection, tree, "here")
    for said in (shown, told):
        assert "pw12" not in str(said.value)


def test_a_key_goes_only_where_it_was_meant_to_go() -> None:
    def variable(url: str, **more: Any) -> str | None:
        return key_variable(EndpointSection(base_url=url, model="m", **more))

    assert variable("https://api.openai.com/v1") == "OPENAI_API_KEY"
    assert variable("https://openrouter.ai/api/v1") == "OPENROUTER_API_KEY"
    assert variable("http://127.0.0.1:8000/v1") is None
    assert variable("https://evil-api.openai.com.example/v1") is None
    assert variable("https://gpu7:8000/v1", api_key_env="MINE") == "MINE"


@pytest.mark.parametrize(
    ("section", "variable"),
    [
        ({"base_url": "https://api.openai.com/v1"}, "OPENAI_API_KEY"),
        ({"base_url": "https://models.example.org/v1", "api_key_env": "MINE"}, "MINE"),
    ],
)
def test_a_missing_key_is_told_before_anything_is_sent(section: dict[str, Any], variable: str) -> None:
    import asyncio

    endpoint = open_endpoint("far", EndpointSection(model="m", **section), environ={})

    async def enter() -> None:
        async with endpoint:
            pass

    with pytest.raises(OvtError, match=rf"\${variable} is not set") as raised:
        asyncio.run(enter())
    assert "\n" not in str(raised.value)


def test_an_embedded_model_that_is_nowhere_is_refused() -> None:
    with pytest.raises(OvtError, match='embedded model "no/such/folder" not found'):
        open_endpoint("near", EndpointSection(base_url="embedded:no/such/folder"))


def test_prices_are_per_million_tokens() -> None:
    section = EndpointSection(
        base_url="http://a/v1", model="m", usd_per_million_prompt_tokens=2, usd_per_million_completion_tokens=8
    )
    assert section.cost_usd(1000, 500) == pytest.approx(0.006)
    assert EndpointSection(base_url="http://a/v1", model="m", usd_per_million_prompt_tokens=2).cost_usd(9, 5) == 18e-6


def test_a_price_that_is_not_given_is_not_known() -> None:
    assert EndpointSection(base_url="http://a/v1", model="m").cost_usd(1000, 500) is None
    assert EndpointSection(base_url="embedded:pocket").cost_usd(1000, 500) == 0


@pytest.mark.parametrize("key", ["sk-two\nlines-1234567890", "“sk-quoted-by-a-word-processor”", "sk-a b", "sk-\udcff"])
def test_a_key_that_no_header_can_carry_is_told_and_not_shown(key: str) -> None:
    section = EndpointSection(base_url="https://api.openai.com/v1", model="m")
    with pytest.raises(OvtError, match=r"\$OPENAI_API_KEY does not hold a key") as raised:
        open_endpoint("teacher", section, environ={"OPENAI_API_KEY": key})
    assert "sk-" not in str(raised.value)


def test_a_line_end_after_a_key_is_no_part_of_it(loopback: Any) -> None:
    section = EndpointSection(base_url=loopback.url, model="test-model", api_key_env="TEST_KEY")

    async def ask() -> None:
        async with open_endpoint("teacher", section, environ={"TEST_KEY": "sk-from-a-file\n"}) as endpoint:
            body = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}
            await endpoint.urls.all[0].transport.send(body)

    asyncio.run(ask())
    assert loopback.seen[0].authorization == "Bearer sk-from-a-file"


def test_keys_that_are_unset_are_not_sent() -> None:
    reason = ReasonSection.model_validate({"endpoint": "a", "unset": ["temperature", "top_p"]})
    assert reason.sampling.asked() == {"max_tokens": 2048}
    stored = reason.model_dump(mode="json")
    assert ReasonSection.model_validate(stored) == reason
    assert "unset" not in ReasonSection(endpoint="a").model_dump(mode="json")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"unset": ["temprature"]}, "'temprature' is not a sampling key; did you mean temperature?"),
        ({"unset": ["top_p"], "sampling": {"top_p": 0.9}}, "top_p is in unset and has a value in sampling"),
        ({"unset": 5}, "unset\n  Input should be a valid tuple"),
        ({"unset": "temperature"}, "unset\n  Input should be a valid tuple"),
        ({"unset": [["x"]]}, "unset.0\n  Input should be a valid string"),
        ({"unset": ["top_p"], "sampling": 5}, "sampling\n  Input should be a valid dictionary"),
    ],
)
def test_mistakes_about_unset_keys(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        ReasonSection.model_validate({"endpoint": "a", **section})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"headers": {"Authorization": "x"}}, "'Authorization' cannot be set here"),
        ({"headers": {"X-Api-Key": "abc"}}, 'X-Api-Key = "$MY_KEY"'),
        ({"headers": {"X": "a\nb"}}, "printable ASCII"),
        ({"headers": {"a b": "c"}}, "'a b' cannot be set here"),
        ({"headers": {"X": "$1"}}, "$NAME for an environment variable"),
        ({"headers": {"apikey": "abc"}}, 'apikey = "$MY_KEY"'),
        ({"headers": {"Cookie": "session=abc"}}, 'Cookie = "$MY_KEY"'),
        ({"query": {"key": "AIza"}}, 'key = "$MY_KEY"'),
        ({"query": {"api-key": "abc"}}, 'api-key = "$MY_KEY"'),
        ({"query": {"sig": "$1"}}, "$NAME for an environment variable"),
        ({"key_header": "Host"}, "expected the name of a header"),
        ({"family": "acme"}, "openai"),
        ({"image_detail": "huge"}, "low"),
    ],
)
def test_mistakes_about_headers(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        EndpointSection.model_validate({"base_url": "https://a/v1", "model": "m", **section})


def test_what_was_added_later_is_not_written_at_its_default() -> None:
    written = EndpointSection(base_url="https://a/v1", model="m").model_dump(mode="json")
    assert not {"family", "headers", "query", "key_header", "stream", "image_detail", "max_pixels"} & written.keys()
    request = ChatRequest(({"role": "user", "content": "q"},), {"max_tokens": 5})
    plain, shaped, old = (
        open_endpoint(
            "a", EndpointSection.model_validate({"base_url": "https://a/v1", "model": "m", **more}), environ={}
        )
        for more in ({"stream": True, "family": "azure"}, {"image_detail": "low"}, {})
    )
    assert plain.keys(request) == old.keys(request)
    assert shaped.keys(request) != old.keys(request)
