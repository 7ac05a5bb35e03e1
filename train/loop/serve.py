"""Serves a model of the loop: in this process, or on a server that is started for it and stopped afterwards."""

import json
import os
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.curate.endpoints.section import EndpointSection
from ovt.train.loop.recipe import ServingSection

POLL_S = 0.5
STOP_S = 30  # seconds for a server to end by itself


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
    if taken := next((url for url in endpoint.urls if lists_models(url)), None):
        raise OvtError(
            f"a server answers at {taken} before serving.command is started, perhaps left over from a killed loop:"
            " stop it, or choose another port"
        )
    command = [part.replace("{model}", model).replace("{name}", name) for part in shlex.split(section.command)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = start(command, out)
        try:
            wait_until_ready(process, endpoint, section.ready_s, log)
            yield endpoint
        finally:
            stop(process)


def fill_in(endpoint: EndpointSection, model: str, name: str, revision: str | None) -> EndpointSection:
    """The endpoint with {model} and {name} in its URLs and model name replaced."""

    def filled(text: str) -> str:
        return text.replace("{model}", model).replace("{name}", name)

    urls = [filled(url) for url in endpoint.urls]
    known = {} if endpoint.embedded is not None else {"revision": endpoint.revision or revision}
    return endpoint.model_copy(
        update={"base_url": urls[0] if len(urls) == 1 else urls, "model": filled(endpoint.model), **known}
    )


def start(command: list[str], out) -> subprocess.Popen:
    try:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)  # noqa: S603
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


def lists_models(url: str) -> bool:
    """Whether an OpenAI-compatible server answers there (also one that requires a key)."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=5) as response:  # noqa: S310 - checked http(s)
            return isinstance(json.load(response), dict)
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
