"""The source `pocket:figures`: any number of questions about our own seeded figures."""

from collections.abc import Collection, Iterator, Sequence

from ovt.core.errors import OvtError
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import Opened, Part, Row, take
from ovt.pocket import figures

COLUMNS = ("image", "question", "gold", "choices", "family", "source_id")
ROWS = 1_000  # if neither the source nor the build gives a number

# Identifies the drawings: whoever changes a figure or a question in any way must change it, so that builds of the
# old figures are not taken for builds of the new ones. tests/pocket/test_source.py enforces it.
FINGERPRINT = "518f47375f53dca2dcf737f443e50c39f64801d04e41a38f3ce8671a292f20c9"


def open_figures(section: SourceSection, most: int | None = None) -> Opened:
    """The figures of a seed, of some or all families; `section.limit`, else `most`, sets the number."""
    unknown = [family for family in section.families or () if family not in figures.FAMILIES]
    if section.path != "pocket:figures" or unknown:
        raise OvtError(
            f"source {section.name}: {(unknown[0] if unknown else section.path)!r} is not known; "
            f"expected pocket:figures with families of {', '.join(figures.FAMILIES)}"
        )
    count = section.limit or most or ROWS

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        return take(figures.questions(count, section.seed, section.families), wanted)

    return Opened((Part(COLUMNS, count, rows, image_columns=("image",)),), FINGERPRINT)
