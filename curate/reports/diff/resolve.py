"""The two versions of a diff, wherever they are, and whether they still are as they were written."""

import re
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.read import Version, is_whole, open_version, verify_files

MOST_HASHED = 4 << 30  # bytes; a version that is larger is held against its files' sizes alone


def open_side(ref: str, home: Home) -> Version:
    """The version that `ref` names: a name, a folder, or a Hub id with its revision ("you/pocket@v3"), which is pulled.

    A file that was changed is for `check_files` to tell, since a diff shows what an edit did; one that is missing
    raises OvtError.
    """
    if is_on_hub(ref):
        from ovt.curate.hub.pull import pull_address

        version = pull_address(ref, home)
    else:
        version = open_version(ref, home)
    if not all((version.path / name).is_file() for name in version.manifest.files):
        verify_files(version)
    return version


def check_files(version: Version) -> tuple[str, ...]:
    """The line for what is not as it was written, or how little was looked at; none where all is well."""
    if sum(file.size for file in version.manifest.files.values()) <= MOST_HASHED:
        try:
            verify_files(version)
        except OvtError as error:
            return (str(error),)
        return ()
    if not is_whole(version):
        return (f"{version.ref} is not as it was written: files have other sizes than {MANIFEST} says",)
    return (f"{version.ref} is large: its files' sizes were checked, not their hashes",)


def is_on_hub(ref: str) -> bool:
    """Whether `ref` is a Hub id: "hf://…", or OWNER/NAME@REVISION where there is no such folder."""
    return ref.startswith("hf://") or (
        re.fullmatch(r"\w[\w.-]*/[\w.-]+@[\w.-]+", ref) is not None and not Path(ref).exists()
    )
