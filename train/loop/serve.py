"""Serves a model of the loop: in this process, or on a server that is started for it and stopped afterwards.

A server that is started gets a token in its environment ($VLLM_API_KEY, $LLAMA_API_KEY), where no list of processes
shows it, and only a listener of this user is taken for it: others may be on the machine.
"""

import os
import secrets
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ovt.core.errors import OvtError
from ovt.core.files import make_folder
from ovt.core.home import Home
from ovt.core.untrusted import parse_json
from ovt.curate.claims import Claim, check_agreed, claims, own_folders, read_claims, server_claims, strangers
from ovt.curate.endpoints.keys import TOKENS, hosts, server
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.transport import LOOPBACK
from ovt.train.loop.recipe import LoopRecipe, ServingSection

POLL_S = 0.5
STOP_S = 30  # seconds for a server to end by itself
LONGEST = 1 << 20  # bytes of a list of models
TOKEN_NAMES = ("VLLM_API_KEY", "LLAMA_API_KEY")
LISTENS = "0A"  # a socket's state in /proc/net/tcp


@contextmanager
def served(
    section: ServingSection, model: str, name: str, revision: str | None, log: Path
) -> Generator[EndpointSection]:
    """The endpoint where the model in folder `model` answers as `name`, for the duration of the block.

    `revision` identifies the weights, so that replies of another model served under the same name are not reused.
    """
    endpoint = fill_in(section.endpoint, model, name, revision)
    if section.command is None:
        yield endpoint
        return
    check_agreed(serving_claims(section))
    if taken := next((url for url in endpoint.urls if lists_models(url)), None):
        raise OvtError(
            f"a server answers at {taken} before serving.command is started, perhaps left over from a killed loop:"
            " stop it, or choose another port"
        )
    command = [part.replace("{model}", model).replace("{name}", name) for part in shlex.split(section.command)]
    make_folder(log.parent)
    with log.open("ab") as out, token_for(endpoint) as environ:
        process = start(on_loopback(command, endpoint), environ, out)
        try:
            wait_until_ready(process, endpoint, section.ready_s, log)
            check_listeners(endpoint)
            yield endpoint
        finally:
            stop(process)


def serving_claims(section: ServingSection) -> list[Claim]:
    """The program that is started, which the user must agree to."""
    return [Claim("run", section.command, asked=True)] if section.command else []


def loop_claims(recipe: LoopRecipe, home: Home, where: str | Path) -> list[Claim]:
    """What a loop does beyond its folder and the home, over all iterations."""
    own = own_folders(home, where)
    found = [*serving_claims(recipe.serving), *server_claims({"serving": recipe.serving.endpoint})]
    found += read_claims(recipe.evaluate.sources, own, strangers([recipe.serving.endpoint]))
    for iteration in recipe.iterations:
        found += claims(iteration.curate, home, where)
        found += [Claim("ask", url) for stage in iteration.rl if (url := stage.vllm_server_base_url)]
    return list(dict.fromkeys(found))


@contextmanager
def token_for(endpoint: EndpointSection) -> Generator[dict[str, str]]:
    """The environment of a server to start, with a new token in it, which calls carry during the block; the user's own
    settings stay where there are some."""
    if endpoint.api_key_env or not hosts(endpoint) <= LOOPBACK or any(name in os.environ for name in TOKEN_NAMES):
        yield dict(os.environ)
        return
    token, places = secrets.token_urlsafe(32), [server(url) for url in endpoint.urls]
    TOKENS.update(dict.fromkeys(places, token))
    try:
        yield {**os.environ, **dict.fromkeys(TOKEN_NAMES, token)}
    finally:
        for place in places:
            TOKENS.pop(place, None)


def on_loopback(command: list[str], endpoint: EndpointSection) -> list[str]:
    """The command; `vllm serve` listens on every network of the machine unless it is told otherwise."""
    told = any(part.partition("=")[0] == "--host" for part in command)
    near = hosts(endpoint) <= LOOPBACK
    return [*command, "--host", "127.0.0.1"] if command[:2] == ["vllm", "serve"] and near and not told else command


def check_listeners(endpoint: EndpointSection) -> None:
    """OvtError if another user's program listens where the server should: it would get every prompt."""
    for url in endpoint.urls:
        parts = urlsplit(url)
        if parts.hostname in LOOPBACK and (others := listeners(parts.port or 80) - {os.getuid()}):
            raise OvtError(
                f"port {parts.port or 80} of this machine belongs to another user (uid {min(others)}), not to the "
                "server of serving.command: choose another port"
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


def fill_in(endpoint: EndpointSection, model: str, name: str, revision: str | None) -> EndpointSection:
    """The endpoint with {model} and {name} in its URLs and model name replaced."""

    def filled(text: str) -> str:
        return text.replace("{model}", model).replace("{name}", name)

    urls = [filled(url) for url in endpoint.urls]
    known = {} if endpoint.embedded is not None else {"revision": endpoint.revision or revision}
    return endpoint.model_copy(
        update={"base_url": urls[0] if len(urls) == 1 else urls, "model": filled(endpoint.model), **known}
    )


def start(command: list[str], environ: Mapping[str, str], out: IO[bytes]) -> subprocess.Popen:
    try:
        return subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)  # noqa: S603
    except OSError as error:
        raise OvtError(
            f"serving.command cannot be run: {command[0]}: {error.strerror}; fix it, or serve the model yourself"
        ) from None


def wait_until_ready(process: subprocess.Popen, endpoint: EndpointSection, ready_s: float, log: Path) -> None:
    """Waits until the server lists its models at every URL; OvtError if it ends or takes too long."""
    give_up = time.monotonic() + ready_s
    waiting = list(endpoint.urls)
    while waiting:
        if process.poll() is not None:
            raise OvtError(f"serving.command ended with exit code {process.returncode} before it answered: see {log}")
        if time.monotonic() > give_up:
            raise OvtError(
                f"the server did not answer at {waiting[0]} within {ready_s:g} s: see {log}, or raise serving.ready_s"
            )
        waiting = [url for url in waiting if not lists_models(url)]
        if waiting:
            time.sleep(POLL_S)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def lists_models(url: str) -> bool:
    """Whether an OpenAI-compatible server answers there (also one that requires a key)."""
    try:
        with urllib.request.build_opener(_Stay).open(f"{url.rstrip('/')}/models", timeout=5) as response:
            return isinstance(parse_json(response.read(LONGEST)), dict)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (OSError, ValueError):
        return False


def stop(process: subprocess.Popen) -> None:
    """End a server, killing what does not end by itself."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)  # its children, too
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
