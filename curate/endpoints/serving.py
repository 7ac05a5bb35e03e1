"""Model servers that ovt starts on this machine, waits for and stops: for an endpoint's `serve`, for a loop's models.

A server that ovt starts gets a token in its environment ($VLLM_API_KEY, $LLAMA_API_KEY), where no list of processes
shows it, and only a listener of this user is accepted as it: the machine may have others.
"""

import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ovt.core.errors import OvtError
from ovt.core.untrusted import parse_json
from ovt.curate.endpoints.connection import proxy_of
from ovt.curate.endpoints.section import LOOPBACK

POLL_S = 0.5
STOP_S = 30  # seconds for a server to exit by itself
LONGEST = 1 << 20  # bytes of a list of models
TOKEN_NAMES = ("VLLM_API_KEY", "LLAMA_API_KEY")
LISTENS = "0A"  # a socket's state in /proc/net/tcp


def new_token() -> str | None:
    """A token for a new server; None if the user's environment has one for it."""
    return None if any(name in os.environ for name in TOKEN_NAMES) else secrets.token_urlsafe(32)


def environment(token: str | None) -> dict[str, str]:
    """The environment of a new server."""
    return {**os.environ, **(dict.fromkeys(TOKEN_NAMES, token) if token else {})}


def on_loopback(command: Sequence[str], near: bool = True) -> list[str]:
    """The command; `vllm serve` listens on every network of the machine unless it is told otherwise."""
    told = any(part.partition("=")[0] == "--host" for part in command)
    is_vllm = list(command[:2]) == ["vllm", "serve"]
    return [*command, "--host", "127.0.0.1"] if is_vllm and near and not told else list(command)


def start(what: str, command: Sequence[str], environ: Mapping[str, str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    """The server's process, in a session of its own; OvtError if there is no such program. what: the setting's name."""
    try:
        return subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)  # noqa: S603
    except (OSError, ValueError) as error:  # ValueError: a null byte
        said = getattr(error, "strerror", None) or error
        raise OvtError(f"{what} cannot be run: {command[0]}: {said}; fix it, or serve the model yourself") from None


def wait_until_ready(
    urls: Iterable[str], ready_s: float, check: Callable[[], None], waiting: Callable[[int], None] = lambda left: None
) -> str | None:
    """Waits until a server lists its models at every URL; returns the first where none does after `ready_s` seconds.

    check: raises to end the wait, as when a server has ended; waiting: is told how many URLs are left.
    """
    give_up = time.monotonic() + ready_s
    left = list(urls)
    over = False  # as of the moment before each look: a late look still counts
    while left := [url for url in left if not lists_models(url)]:
        check()
        if over:
            return left[0]
        over = time.monotonic() > give_up
        waiting(len(left))
        time.sleep(POLL_S)
    check()  # the one that answers may be another server, which kept this one from its port
    return None


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def lists_models(url: str) -> bool:
    """Whether an OpenAI-compatible server answers there (also one that requires a key). Goes through the same proxy as
    calls will, so never through one to this machine."""
    proxy = proxy_of(url)
    proxies = urllib.request.ProxyHandler({urlsplit(url).scheme: proxy} if proxy else {})
    try:
        with urllib.request.build_opener(_Stay, proxies).open(f"{url.rstrip('/')}/models", timeout=5) as response:
            return isinstance(parse_json(response.read(LONGEST)), dict)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (OSError, ValueError, HTTPException):
        return False


def check_listeners(urls: Iterable[str], what: str) -> None:
    """OvtError if another user's program listens where the server should: it would get every prompt. what: the setting
    that starts the server."""
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname in LOOPBACK and (others := listeners(parts.port or 80) - {os.getuid()}):
            raise OvtError(
                f"port {parts.port or 80} of this machine belongs to another user (uid {min(others)}), not to the "
                f"server of {what}: choose another port"
            )


def listeners(port: int) -> set[int]:
    """The users (uids) whose programs listen on a port; empty where the system does not say."""
    found = set()
    for table in map(Path, ("/proc/net/tcp", "/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.is_file() else ():
            fields = line.split()
            if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(int(fields[7]))
    return found


def stop(processes: Iterable[int], gone: Callable[[int], bool]) -> None:
    """Ends servers and their children (by process group), all at once; kills what does not end by itself.

    gone: whether a process has ended.
    """
    left = [process for process in processes if not gone(process)]
    for sent, seconds in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        for process in left:
            _signal(process, sent)
        give_up = time.monotonic() + seconds
        while (left := [process for process in left if not gone(process)]) and time.monotonic() < give_up:
            time.sleep(POLL_S / 10)


def _signal(group: int, sent: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        os.killpg(group, sent)
