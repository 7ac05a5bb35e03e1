"""Serves a model of the loop: in this process, or on a server that is started for it and stopped afterwards."""

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.core.files import make_folder
from ovt.core.home import Home
from ovt.curate.claims import Claim, check_agreed, claims, own_folders, read_claims, server_claims, strangers
from ovt.curate.endpoints.keys import TOKENS, hosts, server
from ovt.curate.endpoints.section import LOOPBACK, EndpointSection
from ovt.curate.endpoints.serving import (
    check_listeners,
    environment,
    lists_models,
    new_token,
    on_loopback,
    start,
    stop,
    wait_until_ready,
)
from ovt.train.loop.recipe import LoopRecipe, ServingSection

COMMAND = "serving.command"


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
        process = start(COMMAND, on_loopback(command, hosts(endpoint) <= LOOPBACK), environ, out)

        def check() -> None:
            if process.poll() is not None:
                raise OvtError(f"{COMMAND} ended with exit code {process.returncode} before it answered: see {log}")

        try:
            if late := wait_until_ready(endpoint.urls, section.ready_s, check):
                said = f"the server did not answer at {late} within {section.ready_s:g} s"
                raise OvtError(f"{said}: see {log}, or raise serving.ready_s")
            check_listeners(endpoint.urls, COMMAND)
            yield endpoint
        finally:
            stop([process.pid], lambda _: process.poll() is not None)


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
    key, if there is one, is left alone."""
    token = None if endpoint.api_key_env or not hosts(endpoint) <= LOOPBACK else new_token()
    places = [server(url) for url in endpoint.urls] if token else []
    TOKENS.update(dict.fromkeys(places, token or ""))
    try:
        yield environment(token)
    finally:
        for place in places:
            TOKENS.pop(place, None)


def fill_in(endpoint: EndpointSection, model: str, name: str, revision: str | None) -> EndpointSection:
    """The endpoint with {model} and {name} in its URLs and model name replaced."""

    def filled(text: str) -> str:
        return text.replace("{model}", model).replace("{name}", name)

    urls = [filled(url) for url in endpoint.urls]
    known = {} if endpoint.embedded is not None else {"revision": endpoint.revision or revision}
    return endpoint.model_copy(
        update={"base_url": urls[0] if len(urls) == 1 else urls, "model": filled(endpoint.model), **known}
    )
