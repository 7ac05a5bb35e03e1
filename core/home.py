"""Where ovt stores everything: one folder, `ovt-home/` unless `--home` or `OVT_HOME` says otherwise."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ovt.core.errors import OvtError


@dataclass(frozen=True)
class Home:
    """The folder that holds the reply store, the images and the versions.

    replies/                every model reply, in order of arrival; replies.sqlite: where each is, by content address
    images/ab/abcdef…       image files by sha256 of their bytes
    imports/FINGERPRINT/    questions already imported from a source, with their import decisions
    versions/NAME/vN/       dataset versions, immutable; a folder without manifest.json is not a version
    versions/@OWNER/NAME/   versions that were pulled from the Hub
    runs/NAME/              training runs: settings, log, checkpoints, model
    evals/NAME/             evaluations of a model on held-out questions
    loops/NAME/             loops: which version, run and evaluation each iteration made
    rates/                  how fast models answered, for plans
    live/                   the progress of builds and evaluations that are running now
    servers/                model servers that were started, by port, and their logs

    It is made for its owner alone (0700), whatever the umask, and so is everything in it (`core/files.py`). A folder
    that already exists, made with `mkdir` or opened with `chmod`, keeps its permissions.
    """

    path: Path
    versions: Path = field(default=Path())  # in `path` unless given

    def __post_init__(self) -> None:
        if self.versions == Path():
            object.__setattr__(self, "versions", self.path / "versions")

    @classmethod
    def locate(cls, path: "Home | Path | str | None" = None) -> "Home":
        """The home at `path` (a Home is returned as is), else at $OVT_HOME, else ./ovt-home; created on first write."""
        there = path or os.environ.get("OVT_HOME") or "ovt-home"
        return there if isinstance(there, Home) else cls(Path(there).absolute())

    def make(self) -> "Home":
        """Creates the folder unless it exists; whatever writes to a home does this first."""
        if not self.path.is_dir():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
        return self

    @property
    def replies(self) -> Path:
        return self.path / "replies.sqlite"

    @property
    def images(self) -> Path:
        return self.path / "images"

    @property
    def imports(self) -> Path:
        return self.path / "imports"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def evals(self) -> Path:
        return self.path / "evals"

    @property
    def rates(self) -> Path:
        return self.path / "rates"

    @property
    def live(self) -> Path:
        return self.path / "live"

    @property
    def servers(self) -> Path:
        return self.path / "servers"

    @property
    def loops(self) -> Path:
        return self.path / "loops"


def check_name(name: str, what: str = "a run") -> str:
    """The name, if it is valid as a folder name; OvtError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise OvtError(
            f"{name[:80]!r} cannot name {what}: use letters, digits, '.', '_' and '-', 100 characters at most"
        )
    return name
