"""The source pocket:figures: what its fingerprint stands for, and that only the registry knows of it."""

import hashlib
import subprocess
import sys

from ovt.pocket.figures import FINGERPRINT, questions

# Whoever changes what is drawn or asked adds a line, with a new fingerprint: no line is ever changed.
DRAWN = {
    "518f47375f53dca2dcf737f443e50c39f64801d04e41a38f3ce8671a292f20c9":
        "4e5e57438d01a60224b92bd08a954120c4b1612d149966824c6da9f966a7283c",
}  # fmt: skip


def test_a_fingerprint_stands_for_what_is_drawn_and_asked():
    """Finished builds are found by it, so that other figures under an old one would pass for the old figures."""
    sha = hashlib.sha256()
    for seed in range(3):
        for row in questions(240, seed):
            sha.update(row.pop("image").tobytes())
            sha.update(repr(sorted(row.items())).encode())
    assert DRAWN.get(FINGERPRINT) == sha.hexdigest(), (
        "the figures changed: give FINGERPRINT another value, then add both here"
    )


def test_nothing_is_drawn_or_loaded_before_it_is_asked_for():
    code = (
        "import sys, ovt.curate.sources.importing\n"
        "from ovt.core.registry import SOURCES\n"
        "assert 'pocket' in SOURCES\n"
        "print([name for name in sys.modules if name.startswith('ovt.pocket')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
