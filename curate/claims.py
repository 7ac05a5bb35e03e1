"""What a recipe does beyond its own folder and the home: what a reader of somebody else's recipe would look for.

    ask   https://llm.example.org/v1
    send  $MY_KEY to https://llm.example.org                                  agreed to once
    read  /data/private/*.jsonl and send it to https://llm.example.org        agreed to once
    run   vllm serve {model} --port 8000                                      agreed to once

Two things need no agreement, since strangers gain nothing from them: what stays on this machine or in its network, and
what goes to a known provider with its own key, that is to the user's own account.
"""

import ipaddress
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ovt.core.agreed import agree, not_agreed
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.registry import SOURCES
from ovt.curate.endpoints.families import provider
from ovt.curate.endpoints.keys import sent_keys, server, variables
from ovt.curate.endpoints.section import LOOPBACK, EndpointSection
from ovt.curate.recipe import Recipe
from ovt.curate.sources.files import files_at, place_of
from ovt.curate.sources.section import SourceSection

WILD = "*?["
NETWORK_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Claim:
    """One thing that a recipe does; `asked`: whether the user must agree to it once."""

    does: Literal["ask", "send", "read", "run"]
    what: str
    asked: bool = False

    def __str__(self) -> str:
        return f"{self.does} {self.what}"


def claims(recipe: Recipe, home: Home, where: str | Path | None = None) -> list[Claim]:
    """What a recipe does; `where` is its file: that folder, the current one and the home are its own."""
    asking = {section.endpoint: recipe.endpoints[section.endpoint] for section in recipe.asking.values()}
    against = recipe.decontam.against if recipe.decontam else ()
    benchmarks = [SourceSection(path=one) if isinstance(one, str) else one for one in against]
    own = own_folders(home, where)
    found = [*server_claims(asking), *read_claims(recipe.sources, own, strangers(asking.values()))]
    return list(dict.fromkeys([*found, *read_claims(benchmarks, own, [])]))  # benchmarks are only hashed


def own_folders(home: Home, where: str | Path | None = None) -> list[Path]:
    """The folders that a recipe may read without being asked about: its own, the current one, and the home."""
    folders = [Path.cwd(), home.path.absolute()]
    if where is not None and Path(where).is_file():
        folders.append(Path(where).absolute().parent)
    return [folder.resolve() for folder in folders]


def server_claims(endpoints: Mapping[str, EndpointSection]) -> Iterator[Claim]:
    """The servers that are asked or started, and the keys that they get."""
    for section in endpoints.values():
        if section.embedded is not None:
            continue
        if section.serve is not None:
            yield Claim("run", " ".join(section.serve.words(section.model, "PORT")), asked=True)
        agreed = sent_keys(section)
        for url in section.urls:
            yield Claim("ask", url)
            for variable in variables(section):
                line = f"${variable} to {server(url)}"
                yield Claim("send", line, asked=f"send {line}" in agreed)


def read_claims(sources: Iterable[SourceSection], own: Collection[Path], sent_to: list[str]) -> Iterator[Claim]:
    """The files outside the recipe's own folders; to be agreed to if a stranger's server may get their content."""
    there = f" and send it to {', '.join(sent_to)}" if sent_to else ""
    for source in sources:
        if is_local(source.path) and not holds_files(source.path, own):
            yield Claim("read", f"{source.path}{there}", asked=bool(sent_to))
        if source.image_root is not None and not lies_in(place_of(source.image_root), own):
            yield Claim("read", f"{source.image_root}{there}", asked=bool(sent_to))


def strangers(endpoints: Iterable[EndpointSection]) -> list[str]:
    """The servers that are neither near (`is_near`) nor a known provider's."""
    urls = [url for section in endpoints if section.embedded is None for url in section.urls]
    return sorted({server(url) for url in urls if not provider(url) and not is_near(urlsplit(url).hostname or "")})


def is_near(host: str) -> bool:
    """Whether a host is this machine or in its own network: a private address, or a plain name without a dot. A host
    that a resolver may read as another one (`0x08080808`, a full-width dot) is not."""
    if host in LOOPBACK:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return NETWORK_NAME.fullmatch(host) is not None
    return (getattr(address, "ipv4_mapped", None) or address).is_private


def is_local(path: str) -> bool:
    """Whether a source's path names files, not a repository, a package or a generator."""
    kind, colon, _ = path.partition(":")
    return not colon or kind == "files" or kind not in SOURCES


def holds_files(path: str, own: Collection[Path]) -> bool:
    """Whether the folders hold what a source's path stands for: a glob's part before its first wildcard (so that no
    other folder is searched), and every file that is found, which may be a link."""
    place = place_of(path)
    parts = place.parts
    wild = next((at for at, part in enumerate(parts) if set(WILD) & set(part)), len(parts))
    inside = ".." not in parts[wild:] and lies_in(Path(*parts[:wild]), own)
    return inside and all(lies_in(file, own) for file in files_at(place))


def lies_in(place: Path, own: Collection[Path]) -> bool:
    """Whether a place lies in one of the folders; links are followed."""
    leads_to = Path(os.path.realpath(place))  # Path.resolve raises for a link to itself
    return any(leads_to.is_relative_to(folder) for folder in own)


def open_claims(found: Iterable[Claim]) -> list[Claim]:
    """Those that the user must agree to and has not."""
    wanted = {str(claim): claim for claim in found if claim.asked}
    return [wanted[line] for line in not_agreed(wanted)]


def agree_to(found: Iterable[Claim]) -> None:
    """Records that the user agrees to these."""
    agree(str(claim) for claim in found if claim.asked)


def check_agreed(found: Iterable[Claim]) -> None:
    """OvtError, in one line, unless the user has agreed to everything that must be agreed to."""
    if left := open_claims(found):
        option = "--yes-send-key" if left[0].does == "send" else "--yes-recipe"
        how = f"agree once: in a terminal, with {option}, or from Python with ovt.agree(recipe)"
        raise OvtError(f"this recipe would {left[0]}, which you have not agreed to", how)


def listed(found: Iterable[Claim]) -> str:
    """The claims, one a line; empty if there are none."""
    claims = list(found)
    left = set(open_claims(claims))
    lines = [f"  {claim}{' (you will be asked once)' if claim in left else ''}" for claim in claims]
    return "\n".join(["Beyond its folder and the home, this recipe would:", *lines]) if lines else ""
