"""Runs attacks one after the other in this process, and prints what came of each as a line of JSON.

    python tests/security/drive.py FOLDER [NAME …]

{"name": "a_line_without_end", "outcome": "rows: cell_too_large", "seconds": 0.4, "mib": 90}

mib is the peak above what the process had before the attack: Linux forgets an earlier peak when it is told to.
"""

import contextlib
import gc
import io
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from attacks import ATTACKS, Attack

SECONDS = 100  # before an attack is given up: it hangs


class Hangs(BaseException):
    """No attack may take as long."""


def give_up(number: int, frame: Any) -> None:
    raise Hangs


def memory(key: str) -> int:
    """A line of /proc/self/status in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) // 1024


def outcome(one: Attack, it: Any) -> str:
    """Everything that was printed or raised, in one text."""
    from ovt.core.errors import OvtError

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            ended = one.attack(it)
        except OvtError as error:
            ended = f"error: {error}"
        except Hangs:
            ended = f"still at work after {SECONDS} s"
        except Exception:  # noqa: BLE001 - a traceback is what an attack must not come to
            ended = f"traceback: {traceback.format_exc()[-800:]}"
    return f"{printed.getvalue()}{ended}"[:2_000]


def run(one: Attack, folder: Path) -> dict[str, Any]:
    """One attack: what came of it, its seconds of CPU and its MiB."""
    import pyarrow as pa

    folder.mkdir()
    it = one.prepare(folder)
    gc.collect()
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")
    before, began = memory("VmRSS"), time.process_time()
    signal.alarm(SECONDS)
    said = outcome(one, it)
    signal.alarm(0)
    peak = memory("VmHWM") - before
    return {"name": one.name, "outcome": said, "seconds": round(time.process_time() - began, 2), "mib": peak}


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, give_up)
    import ovt.curate.plan  # noqa: F401 - its imports are no attack's

    _, folder, *names = sys.argv  # attacks by commands put their own there
    for one in ATTACKS:
        if one.name in names or not names:
            print(json.dumps(run(one, Path(folder) / one.name)), flush=True)
