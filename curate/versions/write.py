"""Writing a version: chunk by chunk into a temporary folder, which becomes vN in one rename."""

from types import TracebackType
from typing import Self

import polars as pl

from ovt.curate.home import Home
from ovt.curate.versions.manifest import Provenance
from ovt.curate.versions.read import Version


class VersionWriter:
    """A version being written: `with VersionWriter(home, name) as writer: writer.append(…) …; writer.finish(…)`.

    Two builds of one name may write at once. Leaving the block without `finish` leaves no version.
    """

    def __init__(self, home: Home, name: str) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def append(
        self,
        *,
        questions: pl.DataFrame,
        samples: pl.DataFrame,
        verdicts: pl.DataFrame,
        decisions: pl.DataFrame,
        rows: pl.DataFrame,
    ) -> None:
        """Adds a chunk: tables of the schemas QUESTIONS, SAMPLES, VERDICTS, DECISIONS and ROWS, each in its final order.

        How the work is cut into chunks leaves no trace in the files. Images of `rows` are read from the home by id.
        """
        raise NotImplementedError

    def finish(self, provenance: Provenance) -> Version:
        """Checks the ledger, writes the card and the manifest, and gives the version its place.

        Where the same content is already a version of this name, that version is returned and nothing is added.
        """
        raise NotImplementedError
