"""Behaviours that users of other clients reported, each with where: what a server says → what becomes of it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from ovt.core.errors import OvtError
from ovt.curate.endpoints import client
from ovt.curate.endpoints.chat import ChatRequest, kind_of

TEXT = "<think>1+1</think>2"


def body(*contents: Any, usage: Any = None, **message: Any) -> dict[str, Any]:
    messages = [{"role": "assistant", "content": content, **message} for content in contents]
    choices = [{"index": at, "message": one, "finish_reason": "stop"} for at, one in enumerate(messages)]
    return {"choices": choices, "usage": usage or {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}


def answered(*contents: Any, **more: Any) -> web.Response:
    return web.json_response(body(*(contents or (TEXT,)), **more))


def refused(status: int, error: Any, **headers: str) -> web.Response:
    said = {"error": {"message": error}} if isinstance(error, str) else error
    return web.json_response(said, status=status, headers=headers)


def ended(finish: str) -> web.Response:
    """Part of a chain, and how it ended."""
    return web.json_response(
        {"choices": [{"index": 0, "message": {"content": "<think>Let me"}, "finish_reason": finish}]}
    )


def events(*lines: Any, end: str = "\n\n") -> web.Response:
    spelt = [line if isinstance(line, str) else f"data: {json.dumps(line)}" for line in lines]
    return web.Response(text="".join(line + end for line in spelt), content_type="text/event-stream")


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}}
WHOLE = [delta(role="assistant", content=""), delta(reasoning="1+1"), delta(content="2"), delta(finish="stop")]


def refusing(name: str, status: int, error: Any) -> Callable[[dict[str, Any]], web.Response | None]:
    """Refuses a request that has a key called `name` (or `name` = a value), and answers any other."""
    key, _, value = name.partition("=")

    def answer(sent: dict[str, Any]) -> web.Response | None:
        return refused(status, error) if key in sent and (not value or json.dumps(sent[key]) == value) else None

    return answer


EXTRA = {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "NAME"],
         "msg": "Extra inputs are not permitted"}]}}  # fmt: skip


def extra(name: str) -> dict[str, Any]:
    return json.loads(json.dumps(EXTRA).replace('"NAME"', ", ".join(f'"{part}"' for part in name.split("."))))


SPELLINGS = [
    ("Mistral takes no include_usage (openai/openai-agents-python#442)", {"stream": True},
     refusing("stream_options", 422, extra("stream_options.include_usage"))),
    ("Databricks neither (anomalyco/opencode#4698)", {"stream": True},
     refusing("stream_options", 400, "stream_options: Extra inputs are not permitted")),
    ("Mistral takes no max_completion_tokens (editor-code-assistant/eca#231)", {"family": "openai"},
     refusing("max_completion_tokens", 422, extra("max_completion_tokens"))),
    ("Mistral's seed is random_seed (simonw/llm-mistral#2)", {}, refusing("seed", 422, extra("seed"))),
    ("ModelScope thinks only in streams (musistudio/claude-code-router#948)", {},
     lambda sent: None if sent.get("stream") else refused(400, "enable thinking not supported when `stream=False`.")),
    ("Groq takes no n but 1 (console.groq.com/docs/openai)", {},
     lambda sent: refused(400, "'n' : number must be at most 1") if sent.get("n", 1) > 1 else None),
    ("Fireworks streams what may get long (nextlevelbuilder/goclaw#660)", {},
     lambda sent: None if sent.get("stream") else refused(400, "max_tokens > 4096 must have stream=true")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "refusal"), SPELLINGS, ids=[name for name, *_ in SPELLINGS])
def test_a_spelling_that_a_server_refuses_is_learned_once(
    server: Any, fill_all: Callable, name: str, settings: dict[str, Any], refusal: Callable
) -> None:
    server.answer = lambda request: refusal(server.bodies[-1]) or answered()
    asked = [ChatRequest(({"role": "user", "content": f"q{at}"},), {"max_tokens": 9, "seed": 1}, 2) for at in range(8)]
    filled = fill_all(asked, base_url=server.url, model="m", max_concurrency=1, **settings)
    assert (filled.tally.done, filled.tally.failed) == (16, 0)
    assert len(server.bodies) <= 18


STREAMS = [
    ("Azure begins with a chunk without choices (meilisearch/meilisearch#6477)",
     [{"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, *WHOLE, USAGE, "data: [DONE]"]),
    ("usage comes after the last choice (langchain-ai/langchain-litellm#56)", [*WHOLE, USAGE, "data: [DONE]"]),
    ("usage in every chunk, growing",
     [{**one, "usage": {"prompt_tokens": 5, "completion_tokens": at}} for at, one in enumerate(WHOLE)] + [USAGE]),
    ("no [DONE]", [*WHOLE, USAGE]),
    ("usage within a choice, at Moonshot (earendil-works/pi#2017)",
     [*WHOLE[:3], {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE["usage"]}]}]),
    ("an empty finish_reason in every chunk (farion1231/cc-switch#5093)",
     [delta(reasoning="1+1", finish=""), delta(content="2", finish=""), delta(finish="stop"), USAGE, "data: [DONE]"]),
    ("no finish_reason, and no [DONE] after the usage (earendil-works/pi#7441)", [*WHOLE[:3], USAGE]),
    ("comments and event names between", [": OPENROUTER PROCESSING", "event: message", *WHOLE, ": ping", USAGE]),
    ("data: without a blank", [f"data:{json.dumps(one)}" for one in [*WHOLE, USAGE]]),
    ("thinking as parts of the content",
     [delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "1+"}]}]),
      delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "1"}]}]), delta(content="2"),
      delta(finish="stop"), USAGE]),
    ("reasoning_details beside reasoning (OpenRouter)",
     [delta(reasoning="1+", reasoning_details=[{"type": "reasoning.text", "text": "1+"}]),
      delta(reasoning="1", reasoning_details=[{"type": "reasoning.text", "text": "1"}]), *WHOLE[2:], USAGE]),
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n"])
@pytest.mark.parametrize(("name", "lines"), STREAMS, ids=[name for name, _ in STREAMS])
def test_a_stream_is_put_together(server: Any, fill_all: Callable, name: str, lines: list, end: str) -> None:
    server.answer = lambda request: events(*lines, end=end)
    filled = fill_all([ChatRequest(({"role": "user", "content": "q"},))], base_url=server.url, model="m", stream=True)
    assert filled.texts == [[TEXT]]
    assert filled.replies[0][0].completion_tokens == 9
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


def test_choices_of_a_stream_are_told_apart(server: Any, fill_all: Callable) -> None:
    mixed = [delta(1, content="b"), delta(0, content="a"), delta(1, content="B"), delta(0, content="A")]
    server.answer = lambda request: events(*mixed, delta(0, "stop"), delta(1, "length"), USAGE, "data: [DONE]")
    asked = [ChatRequest(({"role": "user", "content": "q"},), {}, 2)]
    filled = fill_all(asked, base_url=server.url, model="m", stream=True)
    assert filled.texts == [["aA", "bB"]]
    assert [kind_of(reply) for reply in filled.replies[0]] == ["answered", "truncated"]


BROKEN = [
    ("an error amid the stream (openrouter.ai/docs)", [WHOLE[1], {"error": {"code": 502, "message": "gone"}}]),
    (
        "a choice that ends with an error",
        [WHOLE[1], {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}],
    ),
    ("a stream that vLLM aborts (vllm-project/vllm#57082)", [WHOLE[1], delta(finish="abort"), USAGE, "data: [DONE]"]),
    ("it stops short", WHOLE[:2]),
    ("half an event", [WHOLE[1], 'data: {"choices": [']),
    ("nothing at all", []),
]


@pytest.mark.parametrize(("name", "lines"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_broken_stream_is_asked_for_again(
    server: Any, fill_all: Callable, name: str, lines: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.01)
    server.answer = lambda request: events(*(lines if len(server.bodies) < 3 else [*WHOLE, USAGE]))
    filled = fill_all([ChatRequest(({"role": "user", "content": "q"},))], base_url=server.url, model="m", stream=True)
    assert filled.texts == [[TEXT]]
    assert len(server.bodies) == 3


def test_a_stream_that_stalls_ends(server: Any, fill_all: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovt.curate.endpoints.bodies.STALL_S", 0.2)

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n')
        await asyncio.sleep(1.0)
        return response

    server.answer = stall
    asked = [ChatRequest(({"role": "user", "content": "q"},))]
    filled = fill_all(asked, base_url=server.url, model="m", stream=True, max_retries=0)
    assert (filled.replies[0][0].error or "").startswith("no answer within")


WAITS = [
    ("retry-after-ms that nobody can read (openclaw/openclaw#111353)", 429, "slow",
     {"retry-after-ms": "soon", "Retry-After": "0.05"}),
    ("how long in words (openai/openai-node#1108)", 429, "Limit reached. Please try again in 50ms.", {}),
    ("limits that say when they end (vectorize-io/hindsight#3508)", 429, "slow", {"x-ratelimit-reset-tokens": "50ms"}),
    ("a model that is loading (openinterpreter/openinterpreter#540)", 503,
     {"error": "Model m is currently loading", "estimated_time": 0.05}, {}),
    ("llama.cpp while it loads", 503, "Loading model", {}),
    ("tower_governor, in plain text (userFRM/ThetaDataDx#645)", 429, "Too Many Requests! Wait for 0.05 s", {}),
    ("an inner server that is away (gpustack/gpustack#2128)", 504,
     {"message": "The upstream server is timing out"}, {}),
    ("an error within an error's message (vercel/ai#2698)", 200,
     {"error": {"code": 429, "message": json.dumps({"error": {"code": 429, "message": "exhausted"}})}}, {}),
    ("overloaded, at Anthropic", 529, "Overloaded", {}),
    ("overloaded, at Gemini (google-gemini/gemini-cli#5191)", 503,
     [{"error": {"code": 503, "message": "The model is overloaded. Please try again later."}}], {}),
    ("overloaded, behind LiteLLM (BerriAI/litellm#18118)", 500,
     'litellm.InternalServerError: geminiException - {"error": {"code": 503, "message": "The model is overloaded."}}',
     {}),
    ("Ollama's queue is full (ollama/ollama#4159)", 503,
     {"error": "server busy, please try again. maximum pending requests exceeded"}, {}),
    ("Groq's flex tier (console.groq.com/docs/flex-processing)", 498, "capacity_exceeded", {}),
    ("a gateway in front of a server that restarts", 502, "Bad Gateway", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "error", "headers"), WAITS, ids=[name for name, *_ in WAITS])
def test_waiting_costs_no_try(
    server: Any, fill_all: Callable, name: str, status: int, error: Any, headers: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr("ovt.curate.endpoints.urls.rest_s", lambda times: 0.02)
    server.answer = lambda request: refused(status, error, **headers) if len(server.bodies) < 6 else answered()
    filled = fill_all([ChatRequest(({"role": "user", "content": "q"},))], base_url=server.url, model="m", max_retries=1)
    assert filled.texts == [[TEXT]]
    assert filled.tally.retries == 5


# The server's answer → what it is, and how many calls it costs.
ANSWERS = [
    ("choices are null where the upstream is exhausted (decolua/9router#2727)",
     lambda: web.json_response({"id": None, "choices": None}), "failed", "the answer has no choices", 3),
    ("an aborted reply (vllm-project/vllm#57082)",
     lambda: web.json_response({"choices": [{"index": 0, "message": {"content": "Th"}, "finish_reason": "abort"}]}),
     "failed", "broken off by the server: no reason given", 3),
    ("a router's upstream in its own words (open-webui/computer#293)",
     lambda: refused(400, {"error": {"message": "Provider returned error", "code": 400,
                                     "metadata": {"raw": '{"error": {"message": "m takes one image"}}'}}}),
     "failed", "HTTP 400: Provider returned error m takes one image", 1),
    ("no images at a server without a projector (ggml-org/llama.cpp#15377)",
     lambda: refused(500, "image input is not supported - hint: you may need to provide the mmproj"),
     "failed", "HTTP 500: image input is not supported - hint: you may need to provide the mmproj", 1),
    ("thinking took all tokens (vllm-project/vllm#52640)",
     lambda: web.json_response({"choices": [{"index": 0, "message": {"content": None, "reasoning": "Let me"},
                                             "finish_reason": "length"}]}), "truncated", None, 1),
    ("the context is full while it writes (ggml-org/llama.cpp#19774)",
     lambda: refused(500, {"error": {"code": 500, "message": "Context size has been exceeded.",
                                     "type": "server_error"}}),
     "failed", "HTTP 500: Context size has been exceeded.", 1),
    ("more tokens than a minute has (plandex-ai/plandex#144)",
     lambda: refused(429, "Request too large for m on tokens per min (TPM): Limit 30000, Requested 30182."),
     "failed", "HTTP 429: Request too large for m on tokens per min (TPM): Limit 30000, Requested 30182.", 1),
    ("a moderator objects to one prompt (openrouter.ai/docs/errors)",
     lambda: refused(403, "Your chosen model requires moderation and your input was flagged"),
     "failed", "HTTP 403: Your chosen model requires moderation and your input was flagged", 1),
    ("400 within 200 (oobabooga/textgen#7257)",
     lambda: refused(200, {"error": {"code": 400, "message": "the request exceeds the available context size"}}),
     "failed", "HTTP 400: the request exceeds the available context size", 1),
    ("an error where the answer should be (UKGovernmentBEIS/inspect_ai#3687)",
     lambda: refused(200, {"object": "error", "message": "The input (61709 tokens) is too long.", "code": 400}),
     "failed", "HTTP 400: The input (61709 tokens) is too long.", 1),
    ("the model crashed and is loaded again (lmstudio-ai/lmstudio-bug-tracker#2255)",
     lambda: refused(400, "The model has crashed without additional information. (Exit code: null)"),
     "failed", "HTTP 400: The model has crashed without additional information. (Exit code: null)", 3),
    ("424 of TGI (huggingface/text-generation-inference#2593)",
     lambda: refused(424, {"error": "Request failed during generation: Server error", "error_type": "generation"}),
     "failed", "HTTP 424: Request failed during generation: Server error", 3),
    ("broken off at Z.ai (earendil-works/pi#2313)", lambda: ended("network_error"),
     "failed", "broken off by the server: no reason given", 3),
    ("broken off at DeepSeek (api-docs.deepseek.com/api/create-chat-completion)",
     lambda: ended("insufficient_system_resource"), "failed", "broken off by the server: no reason given", 3),
    ("the context is full at Z.ai (mozilla-ai/any-llm#1204)", lambda: ended("model_context_window_exceeded"),
     "truncated", None, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "kind", "error", "calls"), ANSWERS, ids=[name for name, *_ in ANSWERS])
def test_an_answer_that_is_none(
    server: Any,
    fill_all: Callable,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    answer: Callable,
    kind: str,
    error: str | None,
    calls: int,
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.01)
    server.answer = lambda request: answered() if "fine" in str(server.bodies[-1]) else answer()
    asked = [ChatRequest(({"role": "user", "content": text},)) for text in ("fine", "q")]
    filled = fill_all(asked, base_url=server.url, model="m", max_retries=2, max_concurrency=1)
    reply = filled.replies[1][0]
    assert (kind_of(reply), reply.error, len(server.bodies) - 1) == (kind, error, calls)
    assert reply.text == ("<think>Let me" if kind == "truncated" else None)


STOPS = [
    ("no balance at Moonshot (continuedev/continue#11443)", 429,
     "Your account org-1 <ak-1> is suspended due to insufficient balance, please recharge your account",
     "check the account's balance", 1),
    ("a key that Gemini has not (Vali-98/ChatterUI#227)", 400,
     [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}}],
     r'put unset = \["seed"\] into the section of that stage', 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "error", "advice", "calls"), STOPS, ids=[name for name, *_ in STOPS])
def test_a_build_ends_with_what_to_do(
    server: Any, fill_all: Callable, name: str, status: int, error: Any, advice: str, calls: int
) -> None:
    server.answer = lambda request: refused(status, error)
    asked = [ChatRequest(({"role": "user", "content": text},), {"seed": 1}) for text in "abc"]
    with pytest.raises(OvtError, match=advice):
        fill_all(asked, base_url=server.url, model="m", max_concurrency=1)
    assert len(server.bodies) == calls


def test_a_router_without_a_provider_for_the_model_is_told_at_once(server: Any, fill_all: Callable) -> None:
    server.answer = lambda request: refused(404, "No allowed providers are available for the selected model.")
    with pytest.raises(OvtError, match="No allowed providers are available") as raised:  # cline/cline#5449
        fill_all([ChatRequest(({"role": "user", "content": "q"},))], base_url=server.url, model="m")
    assert "\n" not in str(raised.value)
    assert len(server.bodies) == 1


def test_headers_and_query_of_an_endpoint(server: Any, fill_all: Callable) -> None:
    server.answer = lambda request: answered()
    headers = {"HTTP-Referer": "https://example.org", "X-Gateway-Key": "$TEST_KEY"}
    query, asked = {"api-version": "2024-10-21"}, [ChatRequest(({"role": "user", "content": "q"},))]
    fill_all(asked, base_url=server.url, model="m", headers=headers, query=query)
    path, sent = server.asked[0]
    assert path == "/v1/chat/completions?api-version=2024-10-21"
    sent = {name.lower(): value for name, value in sent.items()}
    assert (sent["http-referer"], sent["x-gateway-key"]) == ("https://example.org", "sk-very-secret-1234")


def test_a_header_that_comes_back_does_not_stay(server: Any, fill_all: Callable) -> None:
    server.answer = lambda request: answered(f"you sent {request.headers['X-Gateway-Key']}")
    asked = [ChatRequest(({"role": "user", "content": "q"},))]
    filled = fill_all(asked, base_url=server.url, model="m", headers={"X-Gateway-Key": "$TEST_KEY"})
    assert filled.texts == [["you sent [key]"]]


def test_a_word_in_a_header_stays_in_replies(server: Any, fill_all: Callable) -> None:
    server.answer = lambda request: answered("the blue bar")
    asked = [ChatRequest(({"role": "user", "content": "q"},))]
    filled = fill_all(asked, base_url=server.url, model="m", headers={"X-Team": "$TEST_TEAM"})
    assert filled.texts == [["the blue bar"]]


def test_a_variable_in_the_query_is_sent_and_does_not_stay(server: Any, fill_all: Callable) -> None:
    server.answer = lambda request: answered(f"{request.query['sig']} and {request.query_string} and a%2Bb%2Fc%3D1234")
    asked = [ChatRequest(({"role": "user", "content": "q"},))]
    filled = fill_all(asked, base_url=server.url, model="m", query={"sig": "$TEST_SIGNATURE"})
    assert server.asked[0][0] == "/v1/chat/completions?sig=a%2Bb/c%3D1234"
    assert filled.texts == [["[key] and sig=[key] and [key]"]]


SMALL = {"image_detail": "low", "max_pixels": 784}


@pytest.mark.parametrize(("settings", "detail", "side"), [({}, None, 112), (SMALL, "low", 28)])
def test_images_as_an_endpoint_wants_them(
    server: Any, fill_all: Callable, settings: dict[str, Any], detail: str | None, side: int
) -> None:
    import base64
    import io

    from PIL import Image

    server.answer = lambda request: answered()
    asked = [ChatRequest(({"role": "user", "content": [{"type": "image", "image": "a"}]},))]
    fill_all(asked, base_url=server.url, model="m", **settings)
    sent = server.bodies[0]["messages"][0]["content"][0]["image_url"]
    assert sent.get("detail") == detail
    with Image.open(io.BytesIO(base64.b64decode(sent["url"].partition(",")[2]))) as image:
        assert image.size == (side, side)


def test_an_unknown_header_variable_is_told(fill_all: Callable) -> None:
    with pytest.raises(OvtError, match=r"\$NOT_THERE, for the header X-Key, is not set"):
        fill_all([], base_url="http://127.0.0.1:9/v1", model="m", headers={"X-Key": "$NOT_THERE"})
    with pytest.raises(OvtError, match=r"\$NOT_THERE, for the query key sig, is not set"):
        fill_all([], base_url="http://127.0.0.1:9/v1", model="m", query={"sig": "$NOT_THERE"})
