"""The data card: README.md of a version, from data_cards/card.md.j2. The same version gives the same card.

Names, prompts and reasons come from data sets and models, so all that is put into the template is made harmless first:
text cannot end a table, a fence or the metadata, nor become HTML, an image or a link with a text of its own.
"""

import html
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

from ovt.core.schema import SPLITS, kept_columns
from ovt.core.text import plain
from ovt.curate.versions.data import columns_with, feature_yaml
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.manifest import Manifest, ReasonCount
from ovt.curate.versions.models import by_model, several
from ovt.curate.versions.profile import NEEDED, summarise
from ovt.curate.versions.read import scan_folder, scan_rows

LONGEST_TEXT = 500
LONGEST_FENCED = 20_000
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))

HUB_LICENSES = """
afl-3.0 apache-2.0 bsd-2-clause bsd-3-clause bsl-1.0 cc-by-3.0 cc-by-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-4.0
cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 gfdl gpl-2.0 gpl-3.0 isc lgpl-3.0 mit
mpl-2.0 odbl odc-by openrail other pddl unknown unlicense
"""


class Markdown(str):
    """Text that is Markdown of our own making, to be printed as it is."""


@dataclass(frozen=True)
class Published:
    """Where a card will be read: a Hub repository and tag, and the figures beside it, as title -> path there."""

    repo: str
    tag: str
    figures: Mapping[str, str] = field(default_factory=dict)


def render_card(manifest: Manifest, folder: Path, published: Published | None = None) -> str:
    """The card of the version in `folder`, to lie there or on the Hub; its manifest need not be written yet."""
    levels = list(dict.fromkeys(row.level for row in manifest.funnel))
    return template("card.md.j2").render(
        manifest=manifest,
        made=manifest.provenance,
        published=published,
        metadata=metadata(manifest, folder),
        funnel=[(level, [row for row in manifest.funnel if row.level == level]) for level in levels],
        stats=summarise(scan_rows(folder, NEEDED)),
        models=by_model(manifest, folder) if several(manifest) else [],
        **{show.__name__: show for show in (fence, histogram, reasons, to_json, dollars, percent)},
    )


@cache
def template(name: str) -> Template:
    """The template of a data or model card, compiled."""
    source = files("ovt").joinpath("data_cards", name).read_text(encoding="utf-8")
    environment = Environment(  # noqa: S701 - this is Markdown, not HTML, and `harmless` escapes every value
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=harmless
    )
    return environment.from_string(source)


def harmless(value: Any) -> Any:
    """What a template may print: our own Markdown as it is, text as one line of inert Markdown."""
    if isinstance(value, Markdown) or not isinstance(value, str):
        return value
    line = " ".join(plain(value[: LONGEST_TEXT + 1]).split())
    line = line if len(line) <= LONGEST_TEXT else line[:LONGEST_TEXT] + "…"
    return Markdown(re.sub(r"([\\`*\[\]|~$#!]|(?<!\w)_|_(?!\w))", r"\\\1", html.escape(line, quote=False)))


def fence(text: str, language: str = "") -> Markdown:
    """A code block that nothing inside can end, cut after LONGEST_FENCED characters."""
    text = plain(text[:LONGEST_FENCED]) + ("\n…" if len(text) > LONGEST_FENCED else "")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Markdown(f"{ticks}{language}\n{text}\n{ticks}")


def histogram(bins: list[dict]) -> str:
    """One line per bin: "  40-49 words  ████████  12"."""
    most = max(one["rows"] for one in bins)
    labels = [f"{one['from']}-{one['to']} words" for one in bins]
    width = max(map(len, labels))
    bars = ["█" * round(40 * one["rows"] / most) for one in bins]
    return "\n".join(
        f"{label:>{width}}  {bar:<40} {one['rows']}" for label, bar, one in zip(labels, bars, bins, strict=True)
    )


def reasons(counts: tuple[ReasonCount, ...]) -> str:
    """ "wrong 12, abstain 3"."""
    return ", ".join(f"{count.reason} {count.rows}" for count in counts)


def to_json(value: Any) -> str:
    """Indented, keys in order."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def dollars(cost: float | None) -> str:
    """US dollars to a hundredth of a cent."""
    return "unknown" if cost is None else f"{cost:.4f}"


def percent(rate: float | None) -> str:
    """A rate from 0 to 1 as a percentage."""
    return "none" if rate is None else f"{rate:.0%}"


def metadata(manifest: Manifest, folder: Path) -> Markdown:
    """The YAML head that the Hub and `datasets` read."""
    columns = columns_with(kept_columns(scan_folder(folder, "questions").collect_schema()))
    rows = sum(manifest.rows[split] for split in SPLITS)
    fields = {
        "license": licenses(manifest),
        "task_categories": ["visual-question-answering", "image-text-to-text"],
        "tags": ["reasoning", "chain-of-thought", "vision-language", "ovt"],
        "size_categories": [next((label for limit, label in SIZES if rows < limit), "n>10M")],
        "configs": configs(manifest.rows, manifest.hash_ref, manifest.files),
    }
    if rows:
        fields["dataset_info"] = {"config_name": "default", "features": [feature_yaml(*one) for one in columns.items()]}
    return Markdown(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).rstrip())


def configs(rows: Mapping[str, int], ref: str, files: Collection[str] = ()) -> list[dict[str, Any]]:
    """What `load_dataset` can be asked for: by default both splits; each alone, as "train"; the tables of the ledger.

    What has no rows is left out: `datasets` refuses it. The first one says which version this is (`ref`): `datasets`
    caches a folder by its last name and this list alone, and would take every other `v1` for the first one loaded.
    files: those of the version.
    """
    data = {split: f"data/{split}-*.parquet" for split in SPLITS if rows[split]}
    both = [{"split": split, "path": path} for split, path in data.items()]
    in_parts = {table: any(path.startswith(f"ledger/{table}-") for path in files) for table in TABLES}
    alone = data | {table: f"ledger/{table}{'-*' * in_parts[table]}.parquet" for table in TABLES if rows[table]}
    parts = [{"config_name": name, "data_files": [{"split": "train", "path": path}]} for name, path in alone.items()]
    nothing = {"config_name": "default", "data_files": "data/*.parquet"}  # `datasets` then says that no file is there
    first, *others = ([{"config_name": "default", "data_files": both}] if both else []) + parts or [nothing]
    return [first | {"description": ref}, *others]


def licenses(manifest: Manifest) -> list[str]:
    """The sources' licenses as the Hub spells them."""
    return sorted({hub_license(one.license) for one in manifest.provenance.inputs}) or ["unknown"]


def hub_license(given: str | None) -> str:
    """A license as the Hub spells it: "other" for one that it does not know, "unknown" where none is given."""
    name = (given or "unknown").strip().lower().replace(" ", "-")
    return name if name in HUB_LICENSES.split() else "other"
