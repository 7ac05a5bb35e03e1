"""`ovt data what-if` in the terminal: the funnel before and after side by side, and the rows that change.

           stage    dropped  out   now: dropped  out  change  why
questions  filter        17  183             86  114     −69  too_long 69 (was 0), mentions_caption 17
"""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ovt.commands.views.diff import rows_shown
from ovt.commands.views.tables import shown, view
from ovt.curate.reports.what_if import report


def told(about: dict[str, Any], colours: bool) -> RenderableType:
    """`what_if` in full."""
    found = report(about)
    tables = [view(part) for part in found.parts if not isinstance(part, str)]
    parts = [shown(found.title, "bold"), Text(), tables[0], Text(), tables[1]]
    return Group(*parts, rows_shown(about["examples"], colours) if about["examples"] else Text())
