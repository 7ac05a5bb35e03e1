"""Renders data_cards/pocket.md anew, and keeps what its test needs of the version: `refresh.py VERSION_FOLDER`.

ovt curate build pocket && python tests/data_cards/refresh.py ovt-home/versions/pocket/v1
"""

import sys
from pathlib import Path

from ovt.core.home import Home
from ovt.core.schema import SPLITS
from ovt.curate.hub.push import published
from ovt.curate.reports.plots import draw_card
from ovt.curate.versions.card import render_card
from ovt.curate.versions.manifest import Manifest
from ovt.curate.versions.profile import NEEDED
from ovt.curate.versions.read import open_version, scan

CARDS = Path(__file__).parents[2] / "data_cards"
KEPT = Path(__file__).with_name("pocket")  # the manifest, and those columns of the data that the card counts
WHERE = {"What each stage kept, pass rates, and lengths of responses": ("figures/overview.png", b"")}


def render(manifest: Manifest) -> str:
    """The card as a push to you/pocket would write it."""
    return render_card(manifest, KEPT, published("you/pocket", "v1", WHERE))


def main() -> None:
    version = open_version(str(Path(sys.argv[1]).absolute()), Home.locate())
    (KEPT / "data").mkdir(parents=True, exist_ok=True)
    (KEPT / "manifest.json").write_bytes((version.path / "manifest.json").read_bytes())
    for split in SPLITS:
        scan(version, split).select(NEEDED).collect().write_parquet(KEPT / "data" / f"{split}-00000-of-00001.parquet")
    (KEPT / "ledger").mkdir(exist_ok=True)  # of the questions only the columns
    scan(version, "questions").head(0).collect().write_parquet(KEPT / "ledger" / "questions.parquet")
    for path, image in draw_card(version).values():
        (CARDS / path).write_bytes(image)
    (CARDS / "pocket.md").write_text(render(version.manifest), encoding="utf-8")


if __name__ == "__main__":
    main()
