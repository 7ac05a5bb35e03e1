"""Whether a stranger's regular expressions can be matched in reasonable time: Python sets them no limit, and in one's
own process nothing stops one that has started.

This file is also the program that tries them, in a process that ends when its CPU time is used up.
"""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterable

SECONDS = 5  # of CPU time: those of real adapters take a tenth of one on the 20,000 layers of a mixture of experts


def are_quick(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether the patterns are regular expressions, and can all be matched with all texts within SECONDS."""
    given = json.dumps([list(patterns), list(texts), SECONDS])
    program = [sys.executable, "-I", "-S", __file__]
    return subprocess.run(program, input=given, text=True, capture_output=True, check=False).returncode == 0  # noqa: S603


def main() -> None:
    """Matches all of standard input's patterns, or dies."""
    patterns, texts, seconds = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for pattern in map(re.compile, patterns):
        for text in texts:
            pattern.fullmatch(text)


if __name__ == "__main__":
    main()
