"""The servers of a recipe's endpoints that ovt starts itself, `[endpoints.NAME.serve]`: started, watched, stopped.

    with serving(endpoints, home, progress):     # all of them answer; one that ends is started again
        ...

Servers are recorded in the home (servers/PORT.json): a build beside `ovt serve` uses its servers, and the build after a
`kill -9` finds those left over. Each replica sees GPUs of its own.
"""

import json
import os
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from ovt.core.errors import OvtError
from ovt.core.files import locked, make_folder, write_file
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.untrusted import read_json
from ovt.curate.claims import check_agreed, server_claims
from ovt.curate.endpoints import serving as machine
from ovt.curate.endpoints.keys import TOKENS, server
from ovt.curate.endpoints.section import EndpointSection

MOST_ENDS = 5  # after which a replica is not started again
TAIL = 4096  # bytes of a log in which its last line is looked for


@dataclass(frozen=True)
class Process:
    """A process, and when it began (in the system's own units), since process numbers are reused."""

    number: int
    began: str

    @classmethod
    def of(cls, number: int) -> "Process":
        return cls(number, _stat(number)[1])

    def is_alive(self) -> bool:
        """Whether that same process runs; false if the system does not say when it began, since a record that came with
        somebody else's home may name any number."""
        try:
            os.kill(self.number, 0)
        except (OSError, OverflowError):
            return False
        state, began = _stat(self.number)
        return state != "Z" and bool(began) and began == self.began


@dataclass(frozen=True)
class Record:
    """A server that was started: by whom, how, and the token that its calls carry."""

    process: Process
    owner: Process
    command: tuple[str, ...]
    token: str | None


@dataclass(eq=False)
class Replica:
    """One server to start.

    section   the setting that asks for it, "endpoints.reasoner.serve"
    devices   the GPUs that it sees, as in CUDA_VISIBLE_DEVICES; None: those that we see
    place     its record; its log lies beside
    mine      whether it is stopped at the end: another process may have started it
    """

    section: str
    url: str
    command: tuple[str, ...]
    devices: str | None
    place: Path
    token: str | None = None
    record: Record | None = None
    child: subprocess.Popen[bytes] | None = None
    mine: bool = False
    ends: int = field(default=0)

    @property
    def log(self) -> Path:
        return self.place.with_suffix(".log")

    def has_ended(self) -> bool:
        if self.child is not None:
            return self.child.poll() is not None
        return self.record is None or not self.record.process.is_alive()

    def check(self) -> None:
        """OvtError if it has ended."""
        if self.has_ended():
            how = f" with exit code {self.child.returncode}" if self.child else ""
            said = f": {line}" if (line := last_line(self.log)) else ""
            raise OvtError(
                f"{self.section}: the server for {self.url} ended{how} before it answered{said}; see {self.log}"
            )


@contextmanager
def serving(endpoints: Mapping[str, EndpointSection], home: Home, progress: Progress) -> Generator[list[Replica]]:
    """The replicas of all endpoints with `serve`, ready, for the duration of the block; one that ends in it is started
    again. OvtError, in one line, if one does not come up."""
    there = {name: section for name, section in endpoints.items() if section.serve is not None}
    if not there:
        yield []
        return
    check_agreed(server_claims(there))
    with kept_running(there, home, progress) as replicas:
        yield replicas


@contextmanager
def kept_running(there: Mapping[str, EndpointSection], home: Home, progress: Progress) -> Generator[list[Replica]]:
    """`serving`, for endpoints that all have `serve`, and that the user has agreed to."""
    replicas = replicas_of(there, home)
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(replicas, home, progress, over), daemon=True)
    try:
        start_all(replicas, home)
        for name, section in there.items():
            wait(name, section, [one for one in replicas if one.section == setting(name)], progress)
        watcher.start()
        yield replicas
    finally:
        over.set()
        if watcher.is_alive():
            watcher.join()
        stop_all(replicas, home)


def setting(name: str) -> str:
    return f"endpoints.{name}.serve"


def replicas_of(endpoints: Mapping[str, EndpointSection], home: Home) -> list[Replica]:
    """The replicas of endpoints, each with its port, GPUs and command."""
    wanted = [(name, section, section.serve) for name, section in endpoints.items() if section.serve is not None]
    given = gpus(sum(serve.gpus * serve.replicas for _, _, serve in wanted))
    found = []
    for name, section, serve in wanted:
        for url in section.urls:
            own = [given.pop(0) for _ in range(serve.gpus)]
            port = urlsplit(url).port or 80
            command = machine.on_loopback(serve.words(section.model, port))
            place = home.servers / f"{port}.json"
            found.append(Replica(setting(name), url, tuple(command), ",".join(own) or None, place))
    return found


def gpus(wanted: int) -> list[str]:
    """At least `wanted` GPUs: the first that this process may see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(number) for number in range(wanted)]
    there = [one.strip() for one in visible.split(",") if one.strip()]
    if len(there) < wanted:
        raise OvtError(
            f"the recipe's servers need {wanted} GPUs and CUDA_VISIBLE_DEVICES has {len(there)}: lower serve.replicas "
            "or serve.gpus"
        )
    return there


def start_all(replicas: Sequence[Replica], home: Home) -> None:
    """Finds or starts each; calls to an endpoint's replicas carry one token."""
    make_folder(home.make().servers)
    with locked(home.servers):
        for one in replicas:
            find(one)
        for one in replicas:
            mates = [other for other in replicas if other.section == one.section]
            one.token = next((mate.token for mate in mates if mate.token), None) or machine.new_token()
            if one.record is None:
                start(one)
            if one.token:
                TOKENS[server(one.url)] = one.token


def find(one: Replica) -> None:
    """Takes over a server that an earlier command, or one beside this, has started; OvtError for any other."""
    known = read_record(one.place)
    if known is not None and known.command == one.command and known.owner.is_alive():
        one.token = known.token  # even if the server has ended: its owner's calls go on with it
    if known is not None and known.process.is_alive():
        one.mine = not known.owner.is_alive()
        if known.command == one.command:
            one.record, one.token = known, known.token
            if one.mine:
                write_record(one)
            return
        if not one.mine:
            raise OvtError(
                f"{one.section}: process {known.owner.number} serves something else at {one.url}: wait until it "
                "ends, or choose another port"
            )
        end([known.process])  # left over, and not what is wanted now
    if machine.lists_models(one.url):
        raise OvtError(
            f"{one.section}: a server that ovt did not start answers at {one.url}: choose another port, or remove "
            "serve to use it"
        )


def start(one: Replica) -> None:
    """Starts a replica's server, and records it."""
    environ = machine.environment(one.token)
    if one.devices is not None:
        environ["CUDA_VISIBLE_DEVICES"] = one.devices
    with one.log.open("ab") as out:
        one.child = machine.start(f"{one.section}.command", one.command, environ, out)
    one.mine = True
    one.record = Record(Process.of(one.child.pid), Process.of(os.getpid()), one.command, one.token)
    write_record(one)


def wait(name: str, section: EndpointSection, replicas: Sequence[Replica], progress: Progress) -> None:
    """Waits until every replica of an endpoint answers, and shows the last one's log meanwhile."""
    tally = progress.begin(f"serve {name}", len(replicas))

    def check() -> None:
        for one in replicas:
            one.check()

    def waiting(left: int) -> None:
        tally.done = len(replicas) - left
        tally.note = last_line(replicas[-1].log)

    ready_s = section.serve.ready_s if section.serve else 0
    late = machine.wait_until_ready([one.url for one in replicas], ready_s, check, waiting)
    tally.note = ""
    if late:
        log = next(one.log for one in replicas if one.url == late)
        said = f"the server did not answer at {late} within {ready_s:g} s"
        raise OvtError(f"{setting(name)}: {said}: see {log}, or raise serve.ready_s")
    machine.check_listeners([one.url for one in replicas], setting(name))
    tally.done = len(replicas)
    progress.end(f"serve {name}")


def watch(replicas: Sequence[Replica], home: Home, progress: Progress, over: threading.Event) -> None:
    """Starts replicas again that have ended, until `over`."""
    while not over.wait(machine.POLL_S):
        for one in replicas:
            if one.ends <= MOST_ENDS and one.has_ended():
                one.ends += 1
                again = "it is started again" if one.ends <= MOST_ENDS else f"giving up after {MOST_ENDS} restarts"
                progress.notes.append(f"the server for {one.url} ended ({last_line(one.log)}); {again}; log: {one.log}")
                if one.ends <= MOST_ENDS:
                    start_again(one, home, progress)


def start_again(one: Replica, home: Home, progress: Progress) -> None:
    """Starts a replica that has ended, unless another command that uses it was quicker."""
    one.record = one.child = None
    try:
        with locked(home.servers):
            find(one)
            if one.record is None:
                start(one)
    except OvtError as error:
        progress.notes.append(str(error))


def stop_all(replicas: Sequence[Replica], home: Home) -> None:
    """Ends the servers that this process is responsible for."""
    mine = [one for one in replicas if one.mine and one.record]
    machine.stop(
        [one.record.process.number for one in mine if one.record],
        lambda number: all(one.has_ended() for one in mine if one.record and one.record.process.number == number),
    )
    for one in mine:
        with locked(home.servers):
            if read_record(one.place) == one.record:  # else another command has started the next one there
                one.place.unlink(missing_ok=True)
    for one in replicas:
        TOKENS.pop(server(one.url), None)


def end(processes: Iterable[Process]) -> None:
    by_number = {process.number: process for process in processes}
    machine.stop(by_number, lambda number: not by_number[number].is_alive())


def last_line(log: Path) -> str:
    """The last line of a server's log; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read(TAIL).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def write_record(one: Replica) -> None:
    """Records a replica's server, with this process as its owner."""
    if one.record is not None:
        one.record = Record(one.record.process, Process.of(os.getpid()), one.command, one.token)
        write_file(one.place, json.dumps(asdict(one.record)), durable=False)


def read_record(place: Path) -> Record | None:
    try:
        return TypeAdapter(Record).validate_python(read_json(place))
    except (OSError, OvtError, ValueError):
        return None


def _stat(number: int) -> tuple[str, str]:
    """A process's state, and when it began; empty where the system does not say."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
