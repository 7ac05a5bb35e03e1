"""Batches that were submitted: a record of each in the home, removed once its replies are in the store, and the fill
that waits for them.

    replies/batches/TAG.json     {"tag": TAG, "server": URL, "asked": {CUSTOM_ID: [KEY, …]}, "id": …}
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ovt.core.errors import CallError, OvtError
from ovt.core.files import write_json
from ovt.core.untrusted import read_json
from ovt.curate.endpoints.budget import Spending
from ovt.curate.endpoints.dialect import Dialect
from ovt.curate.endpoints.jobs import Job, Work
from ovt.curate.endpoints.transport import HttpTransport


@dataclass
class Batch:
    """One batch on a server, as recorded.

    tag       its name here and in its metadata on the server; id: the server's name for it, "" until it is known
    asked     the addresses of each request's replies, by custom_id
    thinking  whether the replies' thinking is kept
    begun     whether ovt has tried to create it
    """

    tag: str
    server: str
    asked: dict[str, list[str]]
    thinking: bool
    id: str = ""
    begun: bool = False

    @property
    def keys(self) -> set[str]:
        return {key for keys in self.asked.values() for key in keys}


@dataclass
class BatchFill:
    """A stage's fill through batches.

    left     jobs without replies yet; tries: how many batches each of their keys has been part of
    held     the budget reserved for each request that this process submitted, by custom_id
    spoken   how requests were spelt when they were submitted
    own      the single-sample jobs of the batch that is being read, by key; done: the keys that have been answered, by
             a reply or by an answer without one; failed: why others have not
    """

    work: Work
    transport: HttpTransport
    left: list[Job] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    held: dict[str, Spending] = field(default_factory=dict)
    spoken: Dialect = field(default_factory=Dialect)
    own: dict[str, Job] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[str, CallError] = field(default_factory=dict)


def recorded(fill: BatchFill) -> Iterator[Batch]:
    """The records in this home, in the order of their tags."""
    for path in sorted((fill.work.store.folder / "batches").glob("*.json")):
        try:
            yield Batch(**read_json(path))
        except FileNotFoundError:
            continue  # another process has collected it
        except (ValueError, TypeError):
            raise OvtError(f"{path} is not a batch record: restore it, or remove it") from None


def record_of(batch: Batch, fill: BatchFill) -> Path:
    return fill.work.store.folder / "batches" / f"{batch.tag}.json"


def record(batch: Batch, fill: BatchFill) -> None:
    write_json(record_of(batch, fill), asdict(batch))


def forget(batch: Batch, fill: BatchFill) -> None:
    record_of(batch, fill).unlink(missing_ok=True)
