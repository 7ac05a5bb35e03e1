"""The servers of `[endpoints.NAME.serve]` on the machines of a Ray cluster: an actor for each replica.

An actor does on its machine what a build does on this one (servers.py): it starts the server, starts it again when it
ends, and stops it. When the actor itself dies, Ray starts another, which takes over the server left behind, or starts
one on its own machine; calls then go there.
"""

import os
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.progress import Progress, Tally
from ovt.curate.claims import check_agreed, server_claims
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.keys import TOKENS, server
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.serving import POLL_S
from ovt.curate.endpoints.transport import HttpTransport
from ovt.curate.on_ray import OnRay, ray_module
from ovt.curate.servers import MOST_ENDS, kept_running

STOP_S = 90  # for all servers to stop
Where = tuple[str, str | None]  # URL and token


class Server:
    """An actor: one replica, on the machine where the actor is."""

    def __init__(self, name: str, section: EndpointSection, everywhere: bool) -> None:
        """section: with one replica and its port. everywhere: whether other machines call it."""
        self._stack = ExitStack()
        serve, url = section.serve, section.urls[0]
        if everywhere and serve is not None:
            port = urlsplit(url).port
            url = f"http://{ray_module().util.get_node_ip_address()}:{port}/v1"
            line = serve.line + (" --host 0.0.0.0" if serve.command is None else "")
            serve = serve.model_copy(update={"command": line})
        os.environ.pop("OMP_NUM_THREADS", None)  # a server may use the whole machine
        here = {name: section.model_copy(update={"base_url": url, "serve": serve})}
        (self._replica,) = self._stack.enter_context(kept_running(here, Home(own_folder()), Progress()))

    def where(self) -> Where:
        """Its URL and token, once it answers."""
        return self._replica.url, self._replica.token

    def stop(self) -> None:
        self._stack.close()


def own_folder() -> Path:
    """A folder of this machine for the notes and logs of its servers; OvtError if it is another user's."""
    folder = Path(tempfile.gettempdir()) / f"ovt-ray-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise OvtError(f"{folder} belongs to another user: remove it there")
    return folder


@dataclass(eq=False)
class Placed:
    """A replica: its actor, and where it was last seen."""

    name: str
    actor: Any
    where: Where = ("", None)


@dataclass(eq=False)
class Servers:
    """All replicas, and the endpoints that call them."""

    placed: list[Placed]
    sections: Mapping[str, EndpointSection]
    endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def move(self, one: Placed, where: Where) -> None:
        """Sends calls to where a replica is now."""
        if where[1]:
            TOKENS[server(where[0])] = where[1]
        for url in self.endpoints[one.name].urls.all if one.name in self.endpoints else ():
            if url.name == one.where[0] and isinstance(url.transport, HttpTransport):
                url.transport.move(*where)
                url.name = where[0]
        one.where = where


@contextmanager
def serving_on_ray(endpoints: Mapping[str, EndpointSection], engine: OnRay, progress: Progress) -> Generator[Servers]:
    """The servers of endpoints, ready, for the duration of the block. OvtError if one does not come up."""
    check_agreed(server_claims(endpoints))
    engine.start()
    servers = Servers([*placed(endpoints, engine)], endpoints)
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(servers, progress, over), daemon=True)
    try:
        wait(servers, progress)
        found = {name: [one.where[0] for one in servers.placed if one.name == name] for name in endpoints}
        servers.sections = {
            name: section.model_copy(update={"base_url": found[name]}) for name, section in endpoints.items()
        }
        watcher.start()
        yield servers
    finally:
        over.set()
        stop_all(servers)


def placed(endpoints: Mapping[str, EndpointSection], engine: OnRay) -> Generator[Placed]:
    """An actor for each replica, with its GPUs; it is started again when it dies."""
    ray = ray_module()
    for name, section in endpoints.items():
        serve = section.serve
        assert serve is not None
        options = {"num_cpus": 0, "num_gpus": serve.gpus, "max_restarts": MOST_ENDS, "max_task_retries": -1}
        for url in section.urls:
            alone = {"base_url": url, "serve": serve.model_copy(update={"replicas": 1})}
            own = section.model_copy(update=alone)
            yield Placed(name, ray.remote(**options)(Server).remote(name, own, engine.is_elsewhere))


def wait(servers: Servers, progress: Progress) -> None:
    """Waits until every replica answers."""
    ray = ray_module()
    tallies: dict[str, Tally] = {}
    for one in servers.placed:
        tallies.setdefault(one.name, progress.begin(f"serve {one.name}")).total += 1
    waiting = {one.actor.where.remote(): one for one in servers.placed}
    while waiting:
        ready, _ = ray.wait([*waiting], timeout=POLL_S)  # in short waits, so that Ctrl-C works
        for reference in ready:
            one = waiting.pop(reference)
            try:
                servers.move(one, ray.get(reference))
            except ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None) or error
                raise OvtError(f"endpoints.{one.name}.serve: {str(cause).strip().splitlines()[-1][:300]}") from None
            tallies[one.name].done += 1


def watch(servers: Servers, progress: Progress, over: threading.Event) -> None:
    """Follows replicas whose actors are started again elsewhere, until `over`."""
    ray = ray_module()
    asked = {one.actor.where.remote(): one for one in servers.placed}
    while not over.wait(POLL_S):
        ready, _ = ray.wait([*asked], timeout=0) if asked else ([], [])
        for reference in ready:
            one = asked.pop(reference)
            with suppress(ray.exceptions.RayError):
                where = ray.get(reference)
                if where != one.where:
                    progress.notes.append(f"the server for {one.where[0]} is now at {where[0]}")
                    servers.move(one, where)
                asked[one.actor.where.remote()] = one


def stop_all(servers: Servers) -> None:
    ray = ray_module()
    with suppress(ray.exceptions.RayError):
        ray.wait([one.actor.stop.remote() for one in servers.placed], num_returns=len(servers.placed), timeout=STOP_S)
    for one in servers.placed:
        ray.kill(one.actor)
        TOKENS.pop(server(one.where[0]), None)
