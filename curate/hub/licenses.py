"""Whether the sources' licenses let a data set be shared."""

import re
from collections.abc import Iterable, Set

from ovt.core.errors import OvtError
from ovt.core.text import plain
from ovt.curate.versions.card import hub_license
from ovt.curate.versions.manifest import Input

# No derived works (Creative Commons ND: questions with reasoning added are one), or no sharing at all.
FORBIDS = re.compile(
    r"(?:^|[-_\s])nd(?:[-_\s.\d]|$)|no[n-]?\W?deriv|(?:no|not|non|never|without)\W{0,3}(?:be\s+)?(?:re)?distribut"
    r"|all\W+rights\W+reserved|proprietary|confidential|internal\W+use",
    re.IGNORECASE,
)


def check_licenses(inputs: Iterable[Input], may_share: Set[str]) -> None:
    """Raises OvtError for the first source that may not be shared, or of which nobody knows whether it may.

    `may_share` names the sources that the user has a right to share although their license does not say so.
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
            says = "has a license that says nothing here of sharing" if given else "has no license in the recipe"
            raise OvtError(
                f'{named} {says}: write its license into the recipe ([[sources]] license = "CC-BY-4.0") and build, '
                f"or, if you have the right to share it, add --may-share {plain(source.source)[:80]}"
            )
