"""How long `ovt --help` takes, beside bare Python and importing Typer and Rich (median of N whole processes, in turn).

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
OVT = str(Path(sys.executable).with_name("ovt"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import typer, rich'": [sys.executable, "-c", "import typer, rich"],
    "ovt --help": [OVT, "--help"],
    "ovt curate build --help": [OVT, "curate", "build", "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall seconds of one run."""
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):  # in turn, so that a slow minute of the machine hits them all
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = statistics.median(times["python -c 'import typer, rich'"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:<32} {median * 1000:6.0f} ms   {median / base:4.2f} × importing Typer and Rich")


if __name__ == "__main__":
    main()
