"""How long a finished build of 100,000 samples takes when it is run again, and what of that is reading the store.

    python benchmarks/resume.py [--questions 25000]

A loopback server (tests/loopback.py, a process of its own) answers 25,000 questions four times each. Then the same
`ovt curate build` runs again, as a whole process: it finds itself finished. Under another name it finds every reply,
decides everything again and writes a version, as a build does that was killed after its last reply. Beside them, as the
limit: a bare script that reads every reply from the same files.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
OVT = str(Path(sys.executable).with_name("ovt"))
RECIPE = """
name = "resume"
[[sources]]
path = "{folder}/questions.jsonl"
[endpoints.server]
base_url = "{url}"
model = "test-model"
max_concurrency = 128
[reason]
endpoint = "server"
see = "image"
k = 4
"""


def write_questions(folder: Path, count: int) -> None:
    """`count` questions about one picture."""
    Image.new("RGB", (56, 56), (200, 30, 90)).save(folder / "one.png")
    rows = ({"image": "one.png", "question": f"Is it {i}?", "answer": "yes"} for i in range(count))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def timed_build(folder: Path, *options: str) -> tuple[float, dict]:
    """Wall seconds of a whole `ovt curate build`, and its outline."""
    start = time.perf_counter()
    command = [OVT, "curate", "build", str(folder / "recipe.toml"), "--home", str(folder / "home"), "--json"]
    command += options
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def read_store(folder: Path) -> tuple[float, int]:
    """Seconds to read every line of the reply store's logs, and how many there were."""
    start = time.perf_counter()
    lines = (line for log in sorted(folder.glob("*.jsonl")) for line in log.read_bytes().splitlines())
    rows = sum(len(json.loads(line)) > 0 for line in lines)
    return time.perf_counter() - start, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=25_000)
    count = parser.parse_args().questions
    server = subprocess.Popen([sys.executable, ROOT / "tests/loopback.py"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_questions(folder, count)
            (folder / "recipe.toml").write_text(RECIPE.format(folder=folder, url=server.stdout.readline().strip()))
            first, built = timed_build(folder)
            again, same = timed_build(folder)
            assert same == built
            anew, _ = timed_build(folder, "--set", "name=anew")
            bare, rows = read_store(folder / "home" / "replies")
        print(f"first build of {4 * count:,} samples   {first:7.1f} s")
        print(f"the same command again         {again:7.1f} s   ({4 * count / again:,.0f} samples/s)")
        print(f"all decided anew, no call     {anew:7.1f} s   ({4 * count / anew:,.0f} samples/s)")
        print(f"reading the store's {rows:,} rows  {bare:5.1f} s   (the limit)")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
