"""Reads the bodies of responses, up to limits. Nothing in them is trusted."""

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from ovt.core.errors import CallError
from ovt.core.untrusted import parse_json
from ovt.curate.endpoints.budget import completion_bound
from ovt.curate.endpoints.streams import Stream
from ovt.curate.endpoints.timing import Deadline

STALL_S = 100.0  # between two pieces of a stream; gateways cut silent connections after that time

# Bytes of a reply after decompression. The limit follows from the request: a token is rarely more than 8 bytes of JSON,
# thinking may be in it twice, and escapes take six bytes for one.
REPLY_BYTES, TOKEN_BYTES = 1 << 20, 256
LONGEST_REPLY = 16 << 20  # where the tokens have no bound
LONGEST_LOGPROBS = 64 << 20  # ovt does not read them, but a request may ask for them
STREAM_OVERHEAD = 4  # times the bytes when it comes as a stream: names around every few letters
LONGEST_LIST = 8 << 20  # of models
LONGEST_ERROR = 1 << 18  # the rest of an error is not read
NO_COMMENT = re.compile(rb"^[^\S\n]*([^:\s])", re.MULTILINE)  # where a line begins that is not a comment


@dataclass(frozen=True)
class Reading:
    """The limits on reading a body: its bytes, and the deadline, which each piece of a stream puts off."""

    longest: int
    deadline: Deadline

    def go_on(self) -> None:
        self.deadline.put_off(STALL_S)


def read_body(content: bytes) -> Any:
    """The JSON in a body, after any keep-alive comments, or the stream in a body that claims to be JSON; None if it is
    neither."""
    content = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    begin = NO_COMMENT.search(content)
    content = content[begin.start(1) :] if begin else b""
    try:
        if content.startswith((b"data:", b"event:")):
            stream = Stream()
            stream.feed(content)
            return stream.completion()
        return parse_json(content)
    except ValueError:
        return None


def too_long(longest: int) -> CallError:
    return CallError("refused", f"its reply is longer than {longest >> 20} MiB", billed=True)


async def read_up_to(response: Any, longest: int) -> tuple[bytes, bool]:
    """The first bytes of a body, decompressed, and whether they are all of it; the response is released."""
    parts, length = [], 0
    try:
        async for part in response.content.iter_any():
            parts.append(part)
            length += len(part)
            if length > longest:
                break
    finally:
        response.release()
    return b"".join(parts)[:longest], length <= longest


async def lines_of(response: Any, reading: Reading) -> AsyncGenerator[bytes]:
    """The lines of a body of any size, none of them longer than `reading` allows; the response is released."""
    parts, length = [], 0
    try:
        async for piece in response.content.iter_any():
            reading.go_on()
            *ends, rest = piece.split(b"\n")
            for end in ends:
                yield b"".join([*parts, end])
                parts, length = [], 0
            parts.append(rest)
            length += len(rest)
            if length > reading.longest:
                raise too_long(reading.longest)
        yield b"".join(parts)
    finally:
        response.release()


def longest_reply(body: Mapping[str, Any]) -> int:
    """The most bytes that the reply to a request may have."""
    if body.get("logprobs"):
        return LONGEST_LOGPROBS
    tokens = completion_bound(body)
    if tokens is None:
        return LONGEST_REPLY
    return min(LONGEST_REPLY, REPLY_BYTES + TOKEN_BYTES * tokens * body.get("n", 1))


def moved(response: Any, address: str) -> str | None:
    """The address that a redirect names; None if the response is not a redirect."""
    if not 300 <= response.status < 400 or not (location := response.headers.get("location")):
        return None
    try:
        return urljoin(address, location)
    except ValueError:
        return location


def same_server(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    try:
        first, second = urlsplit(one), urlsplit(other)
        return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)
    except ValueError:
        return False
