"""What a failed round trip means, and how long its server asks clients to wait."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ovt.core.errors import CallError
from ovt.core.untrusted import parse_json

TIMED_OUT = "no answer within"
# Sent by whatever stands in front of a server that is away, restarting or loading its model.
GATEWAY = {502, 503, 504, *range(520, 525), 530}
LIMITED = {429, 498, 529}  # 498: out of capacity, at Groq; 529: overloaded, at Anthropic
# Said with a 404, 429 or 500 instead of 503, by servers whose model is still being loaded.
LOADING = re.compile(
    r"(?:model|server)\b.{0,80}\b(?:is|still) (?:currently )?(?:loading|starting)|loading model|warming up", re.I
)
# Said with a 429 that no waiting will cure.
NO_MONEY = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance|billing_hard_limit|out of credits"
    r"|key limit exceeded|insufficient.balance|欠费",
    re.IGNORECASE,
)
# Said when the model was unloaded or removed: no request will be answered until somebody acts.
MODEL_GONE = re.compile(
    r"model\b.{0,80}(?:not found|does not exist|not loaded|unloaded)|no models? (?:is )?loaded", re.I
)
# Said with a 403, 429 or 500 about a request that would fail again: images that the model does not take, more tokens
# than fit, a prompt that a moderator objects to.
HOPELESS = re.compile(
    r"image input is not supported|unsupported content part type|not a multimodal model"
    r"|(?:does not|doesn't) support (?:image|vision|multimodal)"
    r"|request too large|context (?:size|length|window)\b.{0,40}\bexceeded|exceeds? (?:the )?(?:available )?context"
    r"|context shift is disabled|input was flagged|requires moderation",
    re.IGNORECASE,
)
# Said with a 500 or 503 by overloaded servers, and with a 400 by one whose model has to be restarted.
OVERLOADED = re.compile(r"overload|server busy|pending requests|(?:at|over|exceed\w*)\W+capacity|high demand", re.I)
CRASHED = re.compile(r"model has crashed|channel error", re.I)
# Waiting times in the text of an error.
IN_WORDS = re.compile(
    r"(?:try again in|retry (?:after|in)|retryDelay\W{1,5}|estimated_time\W{1,5}|wait(?: for)?)\s*"
    r"((?:\d[\d.]*\s*(?:ms\b|milliseconds?|sec\w*|s\b|min\w*|m(?=\d|\b)|hours?|h(?=\d|\b))?)+)",
    re.IGNORECASE,
)
UNITS = {
    "ms": 0.001,
    "milli": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
}
PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|sec|s|min|m|hour|h|d)?[a-z]*\s*", re.I)
RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset", "ratelimit-reset")
EPOCH = 1e9  # numbers above are a time, not a duration; above EPOCH * 100 in milliseconds


def status_error(status: int, said: str, headers: Mapping[str, str], now: float) -> CallError:
    """What an error status means; `now` is a Unix timestamp, for times that are given as a date."""
    reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (401, 402) or NO_MONEY.search(said):
        return CallError("denied", reason, status)
    if (status in (403, 429) or status >= 500) and HOPELESS.search(said):
        return CallError("refused", reason, status)
    wait = retry_after(headers, now)
    wait = wait_in_words(said) if wait is None else wait
    if status in LIMITED:
        return CallError("limited", reason, status, reset_after(headers, now) if wait is None else wait)
    if (status == 503 and wait is not None) or (status in (500, 503) and OVERLOADED.search(said)):
        return CallError("limited", reason, status, wait)
    if status in GATEWAY or LOADING.search(said):
        return CallError("away", reason, status, wait)
    if status in (403, 404) or (status == 400 and MODEL_GONE.search(said)) or 300 <= status < 400:
        return CallError("misplaced", reason, status)
    if status in (408, 409, 424, 425) or status >= 500 or CRASHED.search(said):
        return CallError("broken", reason, status, wait)
    return CallError("refused", reason, status)


def connection_error(error: BaseException, scrubbed: Callable[[str], str]) -> CallError:
    """What a failed connection means, according to the underlying aiohttp exception."""
    import aiohttp

    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    said = scrubbed(str(causes[-1]) or type(causes[-1]).__name__)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        said = f"the environment's proxy {error.host}:{error.port} does not answer: {said}"
    opening = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    if any(isinstance(cause, opening) for cause in causes):
        return CallError("unreachable", said)
    return CallError("broken", f"connection dropped: {said}", billed=True)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait according to the headers retry-after-ms and Retry-After: seconds, a duration, a date or a time.
    None if neither can be read; 0 for the past."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (seconds := moment(headers.get(name, ""), now)) is not None:
            return max(0.0, seconds * scale)
    return None


def reset_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the limits that a 429 reports as used up are reset: the longest of those with nothing remaining, or
    of all if none says what remains."""
    found = {name: moment(headers.get(name, ""), now) for name in RESETS}
    known = {name: seconds for name, seconds in found.items() if seconds is not None}
    used_up = [seconds for name, seconds in known.items() if headers.get(name.replace("reset", "remaining")) == "0"]
    return max(0.0, *(used_up or known.values())) if known else None


def moment(text: str, now: float) -> float | None:
    """Seconds from now that "20", "6m0s", "350ms", a Unix time (also in milliseconds) or a date stand for."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        seconds = seconds_in(text)
        return date(text, now) if seconds is None else seconds
    if number > EPOCH * 100:
        return number / 1000 - now if number < EPOCH * 1e5 else None
    if number > EPOCH:
        return number - now
    return number if number > -EPOCH else None  # NaN fails both


def seconds_in(text: str) -> float | None:
    """Seconds of "6m0s", "350ms" or "33 seconds"; None for anything else."""
    parts = PART.findall(text)
    if not parts or PART.sub("", text).strip():
        return None
    return round(sum(float(number) * UNITS.get(unit.lower(), 1.0) for number, unit in parts), 6)


def date(text: str, now: float) -> float | None:
    """Seconds from now until a date in HTTP's format or ISO 8601."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError):  # OverflowError: a year of twenty digits
            continue
    return None


def wait_in_words(said: str) -> float | None:
    """Seconds to wait, from an error's text: "Please try again in 3s", "retryDelay": "2s", "estimated_time": 20.0."""
    found = IN_WORDS.search(said)
    return seconds_in(found[1]) if found else None


def error_message(text: str, deep: int = 3) -> str:
    """The message within an error body, in the formats that servers use, also nested in others (`deep` levels); else
    the body itself."""
    try:
        found: Any = parse_json(text)
    except ValueError:
        return text
    if isinstance(found, list) and found and isinstance(found[0], dict):  # Gemini
        found = found[0]
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            code, more = found.get("code"), further(found)
            found = found[name]
            if isinstance(code, str) and isinstance(found, str):
                found = f"{found} ({code})"
            found = f"{found} {more}" if more and isinstance(found, str) else found
    if isinstance(found, str):
        return error_message(found, deep - 1) if deep and found.lstrip().startswith("{") else found
    return json.dumps(found)


def further(error: Mapping[str, Any]) -> str:
    """What stands beside an error's message: how long to wait, and what a router's upstream said (OpenRouter)."""
    rest = {key: error[key] for key in ("estimated_time", "details") if key in error}
    about = error.get("metadata")
    raw = about.get("raw") if isinstance(about, dict) else None
    upstream = raw if isinstance(raw, str) else json.dumps(raw) if raw else ""
    return " ".join(filter(None, (json.dumps(rest) if rest else "", error_message(upstream) if upstream else "")))
