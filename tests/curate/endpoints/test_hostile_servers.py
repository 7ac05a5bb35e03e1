"""What a hostile server can do: nothing is sent elsewhere, no key comes back, and no memory is filled."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from ovt.core.errors import CallError
from ovt.curate.endpoints.bodies import LONGEST_REPLY, longest_reply, read_body
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.replies import read_replies
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.streams import Stream
from ovt.curate.endpoints.transport import HttpTransport

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
KEY = "s3cr3t-of-the-user-1234"
MB = 1 << 20


def completion(**message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def send(server: Any, key: str | None = None, timeout: float = 10.0, **body: Any) -> dict[str, Any]:
    async def once() -> dict[str, Any]:
        transport = HttpTransport(server.url, key, Way(timeout, connections=2))
        try:
            return await transport.send({**BODY, **body})
        finally:
            await transport.close()

    return asyncio.run(once())


def failure(server: Any, **arguments: Any) -> CallError:
    with pytest.raises(CallError) as raised:
        send(server, **arguments)
    assert raised.value.reason.isprintable()
    return raised.value


def text_of(response: dict[str, Any]) -> str | None:
    return read_replies(response, 1, EndpointSection(base_url="http://a/v1", model="m"))[0].text


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_server_is_not_followed(make_server: Callable[[], Any], status: int) -> None:
    server, other = make_server(), make_server()
    server.answer = lambda request: web.Response(status=status, headers={"Location": f"{other.url}/chat/completions"})
    error = failure(server, key=KEY)
    assert other.asked == []
    assert (error.kind, error.status) == ("misplaced", status)
    assert error.reason == f"HTTP {status}: redirects to {other.url}/chat/completions, and redirects are not followed"


@pytest.mark.parametrize(
    "location", ["//evil.example/v1", "https://127.0.0.1/v1", "ftp://a/b", "http://[", "?r=1\x85x"]
)
def test_odd_redirects_end_in_one_line(server: Any, location: str) -> None:
    server.answer = lambda request: web.Response(status=302, headers={"Location": location})
    assert failure(server, key=KEY).kind == "misplaced"


def test_a_redirect_within_a_server_is_followed_once(server: Any) -> None:
    def moved(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "?r=1"})

    server.answer = lambda request: web.json_response(completion(content="yes")) if request.query else moved(request)
    assert text_of(send(server)) == "yes"
    server.answer = moved
    assert "redirects are not followed" in failure(server).reason
    assert len(server.asked) == 4


# Headers that the environment holds for others


def test_settings_of_the_openai_package_go_to_openai_alone(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: gate-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    server.answer = lambda request: web.json_response(completion(content="yes"))
    send(server)
    assert "secret" not in str(server.asked)
    assert server.asked[0][1]["Authorization"] == "Bearer none"


# Keys that come back


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


SPELLINGS = (
    KEY,
    escaped(KEY),
    escaped(KEY).upper().replace("\\U", "\\u"),
    escaped(KEY[0]) + KEY[1:],
    KEY.replace("-", escaped("-")),
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_comes_back_in_no_spelling(server: Any, spelling: str) -> None:
    body = json.dumps(completion(content="Your key is HERE.", reasoning="HERE?")).replace("HERE", spelling)
    server.answer = lambda request: web.Response(text=body, content_type="application/json")
    assert text_of(send(server, key=KEY)) == "<think>[key]?</think>Your key is [key]."


def test_a_key_comes_back_in_no_part_and_no_name(server: Any) -> None:
    parts = [{"type": "text", "text": "Your key is "}, {"type": "text", KEY: KEY, "text": KEY}]
    server.answer = lambda request: web.json_response({**completion(content=parts), "model": f"m {KEY}", KEY: 1})
    answer = send(server, key=KEY)
    assert KEY not in str(answer)
    assert text_of(answer) == "Your key is [key]"


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_a_key_comes_back_in_no_error(server: Any, status: int, kind: str) -> None:
    for body in (
        f'{{"error": "no {escaped(KEY)}"}}',
        f"no {KEY} {escaped(KEY)}",
        json.dumps({"error": f"no {escaped(KEY)}"}),
    ):
        server.answer = lambda request, body=body: web.Response(text=body, status=status, content_type=kind)
        error = failure(server, key=KEY)
        assert KEY not in str(error)
        assert escaped(KEY) not in str(error)


def test_a_word_for_a_key_stays_in_replies(server: Any) -> None:
    server.answer = lambda request: web.json_response(completion(content="EMPTY or nothing"))
    assert text_of(send(server, key="EMPTY")) == "EMPTY or nothing"


# Size, depth and time


def squeezed(kind: str, size: int) -> bytes:
    packer = zlib.compressobj(1, wbits={"gzip": 31, "deflate": 15}[kind])
    return b"".join([packer.compress(b" " * MB) for _ in range(size // MB)]) + packer.flush()


@pytest.mark.parametrize("kind", ["gzip", "deflate", "gzip, gzip", "br", "zstd"])
def test_a_bomb_is_a_failed_call(server: Any, kind: str) -> None:
    bomb = squeezed(kind.partition(",")[0], 32 * MB) if kind[0] in "gd" else b"no such thing" * 1000
    bomb = gzip.compress(bomb) if "," in kind else bomb
    headers = {"Content-Encoding": kind, "Content-Type": "application/json"}
    server.answer = lambda request: web.Response(body=bomb, headers=headers)
    error = failure(server)
    assert error.reason == "its reply is longer than 1 MiB" or error.kind == "broken"
    server.answer = lambda request: web.Response(body=bomb, headers=headers, status=400)
    assert failure(server).kind in ("refused", "broken")


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_reply_ends(server: Any, status: int) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    server.answer = endless
    error = failure(server)
    assert (error.kind, error.billed) == (("refused", True) if status == 200 else ("broken", False))


def test_what_was_asked_for_is_read(server: Any) -> None:
    words = "word " * 600_000
    server.answer = lambda request: web.json_response(completion(content=words))
    assert text_of(send(server, max_tokens=32_768)) == words
    assert "longer than 1 MiB" in failure(server).reason
    assert len(words) < LONGEST_REPLY
    assert longest_reply({"max_completion_tokens": 8, "max_tokens": 9_000}) == longest_reply({"max_tokens": 8})


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("levels", [150, 900, 50_000])
def test_deep_json_is_a_failed_call(server: Any, status: int, levels: int) -> None:
    nested = '[{"text":' * levels + '"x"' + "}]" * levels
    for body in (f'{{"choices":[{{"message":{{"content":{nested}}}}}]}}', f'{{"error":{{"message":{nested}}}}}'):
        text = body
        server.answer = lambda request, text=text: web.Response(
            text=text, status=status, content_type="application/json"
        )
        assert failure(server).kind == ("broken" if status == 200 else "refused")


@pytest.mark.parametrize("body", [b":\n" * 400_000 + b'{"a": 1}', b": \r\n\n" * 200_000 + b' {"a": 1}'])
def test_many_comments_take_time_in_proportion_to_their_number(body: bytes) -> None:
    began = time.thread_time()
    assert read_body(body) == {"a": 1}
    assert read_body(body.replace(b'{"a": 1}', b"")) is None
    assert time.thread_time() - began < 2


def test_a_long_line_in_many_pieces_takes_time_in_proportion_to_its_length() -> None:
    stream, event = Stream(), b"data: " + json.dumps({"choices": [{"delta": {"content": "x" * (4 * MB)}}]}).encode()
    began = time.thread_time()
    for start in range(0, len(event), 1024):
        stream.feed(event[start : start + 1024])
    stream.feed(b"\r")
    stream.feed(b"\ndata: [DONE]\r\n")
    assert stream.completion()["choices"][0]["message"]["content"] == "x" * (4 * MB)
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("choices", [5, "x", {"index": 0}, [5]])
def test_an_event_with_odd_choices_is_a_failed_call(server: Any, choices: Any) -> None:
    body = f"data: {json.dumps({'choices': choices})}\n\ndata: [DONE]\n\n"
    server.answer = lambda request: web.Response(text=body, content_type="text/event-stream")
    assert failure(server).kind == "broken"


@pytest.mark.parametrize("beginning", [b"", b'{"data": ['])
def test_a_list_of_models_that_trickles_in_ends_in_time(server: Any, beginning: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr("ovt.curate.endpoints.transport.LISTING_S", 0.3)

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(beginning)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async def list_models() -> None:
        transport = HttpTransport(server.url, None, Way(600.0, connections=2))
        try:
            await transport.models()
        finally:
            await transport.close()

    server.answer = slow
    with pytest.raises(CallError, match=r"no answer within 0\.3 s"):
        asyncio.run(list_models())


MANY = """
import asyncio, resource, sys
from ovt.core.errors import CallError
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.transport import HttpTransport

async def main(url):
    transport = HttpTransport(url, "s3cr3t-of-the-user-1234", Way(60.0, 64))
    body = {"model": "m", "messages": [], "max_tokens": 2048}
    try:
        await transport.models()
    except CallError:
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = await asyncio.gather(*(transport.send(body) for _ in range(64)), return_exceptions=True)
    await transport.close()
    print(len([1 for end in ended if isinstance(end, CallError)]))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("kind", ["gzip", "plain"])
def test_sixty_four_bombs_at_once_take_bounded_memory(server: Any, kind: str) -> None:
    bomb = squeezed("gzip", 64 * MB) if kind == "gzip" else b" " * (8 * MB)
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if kind == "gzip" else {})
    server.answer = lambda request: web.Response(body=bomb, headers=headers)
    command = [sys.executable, "-c", MANY, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    failed, grown = map(int, done.stdout.split())
    assert failed == 64
    assert grown < 250, f"{grown} MiB for 64 replies of {len(bomb)} bytes"
