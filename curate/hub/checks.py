"""Checks before anything leaves this machine: the sources' licenses allow sharing, and the files' text
contains no secret (a token, a key).

Parquet files are searched by text column, all other text files by line. A finding gives the location and
the kind; it never shows the secret, only a mark with which the user can declare it harmless.
"""

import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.datatypes import DataTypeClass

from ovt.core.errors import OvtError
from ovt.core.schema import PLACE
from ovt.core.text import plain
from ovt.core.used_keys import UsedKey, used_keys
from ovt.curate.versions.card import hub_license
from ovt.curate.versions.manifest import Input

# No derivatives (Creative Commons ND: questions with added reasoning are one), or no sharing at all.
FORBIDS = re.compile(
    r"(?:^|[-_\s])nd(?:[-_\s.\d]|$)|no[n-]?\W?deriv|(?:no|not|non|never|without)\W{0,3}(?:be\s+)?(?:re)?distribut"
    r"|all\W+rights\W+reserved|proprietary|confidential|internal\W+use",
    re.IGNORECASE,
)

# Kind -> prefixes of such secrets, and their full pattern.
PATTERNS = {
    "a Hugging Face token": (("hf_",), r"\bhf_[A-Za-z]{30,}"),
    "an OpenAI or Anthropic key": (("sk-",), r"\bsk-[A-Za-z0-9_-]{20,}"),
    "an AWS key id": (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": (("ghp_", "gho_", "ghs_", "github_pat_"), r"\b(?:gh[pos]_[A-Za-z0-9]{36}|github_pat_\w{40,})"),
    "a GitLab token": (("glpat-",), r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Google key": (("AIza",), r"\bAIza[0-9A-Za-z_-]{35}"),
    "a Slack token": (("xox",), r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    "a private key": (("-----BEGIN ",), r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"),
}
ENVIRONMENT = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$")
SHORTEST_VALUE = 12  # of an environment variable: shorter values may be ordinary words
BATCH_ROWS = 4096
FIRST_BYTES = 8192  # text has no zero byte among these; images and weights do


def check_licenses(inputs: Iterable[Input], may_share: Set[str]) -> None:
    """Raises OvtError for the first source that may not be shared, or whose license is unclear.

    `may_share` names sources that the user may share although their license does not say so.
    """
    for source in inputs:
        given = source.license or ""
        named = (
            f"source {plain(source.source)[:80]!a} ({plain(given)[:80]!a})"
            if given
            else f"source {plain(source.source)[:80]!a}"
        )
        if FORBIDS.search(given):
            raise OvtError(f"{named} may not be shared under its license: build without this source")
        if hub_license(given) in ("other", "unknown") and source.source not in may_share:
            says = "has a license that is not known to allow sharing" if given else "has no license in the recipe"
            raise OvtError(
                f'{named} {says}: write its license into the recipe ([[sources]] license = "CC-BY-4.0") and build, '
                f"or, if you have the right to share it, add --may-share {plain(source.source)[:80]}"
            )


@dataclass(frozen=True)
class Secret:
    """A finding: `place` is "column completion, row 3" (from 1) or "line 7"; `mark`: 8 digits of its sha256."""

    file: str
    place: str
    kind: str
    mark: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.file}, {self.place} (mark {self.mark})"


@dataclass(frozen=True)
class Search:
    """What to search for: `starts` (a pattern for polars) is a fast prefilter, `kinds` the full patterns, `used` the
    keys of earlier builds."""

    starts: str
    kinds: Mapping[str, re.Pattern[str]]
    used: Sequence[UsedKey] = ()

    def find(self, text: str) -> Iterator[tuple[str, str]]:
        """(kind, mark) of each secret in a text."""
        found = [(kind, match[0]) for kind, pattern in self.kinds.items() for match in pattern.finditer(text)]
        earlier = [("a key that a build has sent", key) for one in self.used for key in one.find(text)]
        told = {key for _, key in found}
        for kind, secret in (*found, *(one for one in earlier if one[1] not in told)):
            yield kind, hashlib.sha256(secret.encode()).hexdigest()[:8]


def check_secrets(
    files: Mapping[str, Path | bytes],
    environ: Mapping[str, str],
    allowed: Collection[str] = (),
    variables: Collection[str] = (),
) -> None:
    """Raises OvtError naming the secrets found, except those with allowed marks.

    variables: names of environment variables that hold keys, whatever they are called.
    """
    search = make_search(environ, variables)
    found = [one for path in sorted(files) for one in scan(path, files[path], search) if one.mark not in allowed]
    if found:
        some = "; ".join(map(str, found[:3]))
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise OvtError(
            f"nothing was sent: the files hold {some}{more}; remove it at its source and build again, or, "
            f"if it is not a secret, add --not-secret {found[0].mark}"
        )


def make_search(environ: Mapping[str, str], variables: Collection[str] = ()) -> Search:
    """The patterns, the values of environment variables that are given or look like secrets, and the keys that builds
    of this user have sent."""
    named = [name for name in environ if name in variables or ENVIRONMENT.search(name)]
    values = {f"the value of ${name}": environ[name].strip() for name in named}
    values = {kind: value for kind, value in values.items() if len(value) >= SHORTEST_VALUE}
    kinds = {kind: re.compile(re.escape(value)) for kind, value in values.items()}
    kinds |= {kind: re.compile(pattern) for kind, (_, pattern) in PATTERNS.items()}
    starts = [start for begins, _ in PATTERNS.values() for start in begins]
    used = used_keys()
    patterns = [*map(pl.escape_regex, [*starts, *values.values()]), *{one.pattern for one in used}]
    return Search("|".join(patterns), kinds, used)


def key_variables(recipe: Mapping[str, Any]) -> set[str]:
    """The environment variables that hold the keys of a version's endpoints, by its recipe as stored."""
    endpoints = [one for one in (recipe.get("endpoints") or {}).values() if isinstance(one, dict)]
    tables = [one.get(name) or {} for one in endpoints for name in ("headers", "query")]
    values = [str(value) for table in tables for value in table.values()]
    named = {value.removeprefix("$") for value in values if value.startswith("$")}
    return named | {str(one["api_key_env"]) for one in endpoints if one.get("api_key_env")}


def scan(path: str, content: Path | bytes, search: Search) -> Iterator[Secret]:
    """The secrets in one file; images and weights are skipped, as they are not text."""
    if path.lower().endswith(".parquet"):
        yield from _scan_table(path, content, search)
        return
    for number, line in enumerate(_text_lines(content), start=1):
        for kind, mark in search.find(line):
            yield Secret(path, f"line {number}", kind, mark)


def _text_lines(content: Path | bytes) -> Iterator[str]:
    """The lines of a text file, whatever its name; nothing for other files."""
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        if b"\0" not in file.read(FIRST_BYTES):
            file.seek(0)
            for line in file:
                yield line.decode(errors="replace")


def _scan_table(path: str, content: Path | bytes, search: Search) -> Iterator[Secret]:
    with pq.ParquetFile(content if isinstance(content, Path) else pa.BufferReader(content)) as table:
        columns = [name for name in table.schema_arrow.names if name != "images"]
        start = 1
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            for row, column, text in _suspects(pl.DataFrame(pl.from_arrow(batch)), search.starts):
                for kind, mark in search.find(text):
                    yield Secret(path, f"column {column}, row {start + row}", kind, mark)
            start += batch.num_rows


def _suspects(frame: pl.DataFrame, starts: str) -> Iterator[tuple[int, str, str]]:
    """(row from 0, column, text) of the texts that match a secret's prefix."""
    numbered = frame.lazy().with_row_index(PLACE)
    texts = [part for name, kind in frame.schema.items() for part in flatten(numbered, name, pl.col(name), kind)]
    if texts:
        yield from pl.concat(texts).filter(pl.col("text").str.contains(starts)).collect().iter_rows()


def flatten(
    frame: pl.LazyFrame, name: str, value: pl.Expr, kind: pl.DataType | DataTypeClass
) -> Iterator[pl.LazyFrame]:
    """Columns PLACE, column and text for each text in a column, however nested."""
    if isinstance(kind, pl.List):
        longer = frame.select(PLACE, value.alias("item")).explode("item")
        yield from flatten(longer, name, pl.col("item"), kind.inner)
    elif isinstance(kind, pl.Struct):
        for field in kind.fields:
            yield from flatten(frame, name, value.struct.field(field.name), field.dtype)
    elif kind == pl.String:
        yield frame.select(PLACE, pl.lit(name).alias("column"), value.alias("text"))
