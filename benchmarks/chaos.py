"""A build that is killed ten times while a fifth of its calls fail: what is lost, asked twice, and written.

    python benchmarks/chaos.py [--questions 50000] [--kills 10] [--share 0.2] [--minutes 20]

A loopback server (tests/loopback.py, in this process) answers a caption and a chain for each question: 100,000 calls,
of which a fifth meets a 429, a 500, a dropped connection, half a body, a web page, an empty reply or a delay. The build
runs as `ovt curate build` and is hit by `kill -9` at even intervals; the same command resumes it until nothing has
failed (it may end with 0 and a few failures, such as an answer that was lost to a kill and came empty twice when it was
asked again). Then the same build runs undisturbed in another home. `--minutes`: two small builds are timed first,
and only as many questions are asked as this machine gets through in that time.
"""

import argparse
import importlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[1]
OVT = str(Path(sys.executable).with_name("ovt"))
AT_ONCE = 64
TRIAL = 500  # questions
KINDS = ("429", "500", "drop", "truncated", "html", "empty", "slow")
RECIPE = """
name = "chaos"
[[sources]]
path = "{folder}/questions.jsonl"
[endpoints.server]
base_url = "{url}"
model = "test-model"
max_concurrency = {at_once}
[caption]
endpoint = "server"
prompt = "Describe it for someone who asks: {{question}}"
[reason]
endpoint = "server"
k = 1
sampling = {{ seed = 1 }}
"""


def loopback() -> Any:
    """The module tests/loopback.py."""
    sys.path.insert(0, str(ROOT / "tests"))
    return importlib.import_module("loopback")


def write_questions(folder: Path, count: int) -> None:
    """`count` questions about one picture."""
    from PIL import Image

    Image.new("RGB", (56, 56), (200, 30, 90)).save(folder / "one.png")
    rows = ({"image": "one.png", "question": f"Is it {i}?", "answer": "yes"} for i in range(count))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def start(folder: Path, home: str) -> subprocess.Popen[bytes]:
    """The build, in a process of its own."""
    command = [OVT, "curate", "build", str(folder / "recipe.toml"), "--home", str(folder / home)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(folder: Path, server: Any, at: Iterator[int]) -> Iterator[int]:
    """The exit code of each run of the build, until nothing has failed; each is killed at the next number of
    answers."""
    while True:
        build, kill_at = start(folder, "disturbed"), next(at, None)
        began, before = time.monotonic(), len(server.seen)
        while build.poll() is None:
            if kill_at is not None and len(server.seen) >= kill_at:
                build.send_signal(signal.SIGKILL)
            time.sleep(0.01)
        calls, seconds = len(server.seen) - before, time.monotonic() - began
        print(f"{'run':20} exit {build.returncode}, {calls} calls in {seconds:.0f} s", flush=True)
        yield build.returncode
        if build.returncode == 0 and not failures(last_version(folder / "disturbed")):
            return


def affordable(minutes: float, most: int, kills: int, share: float) -> int:
    """How many questions, at most `most`, take about this many minutes: from a build of one question, which gives the
    time of each start, and one of TRIAL."""
    seconds = []
    for questions in (1, TRIAL):
        with tempfile.TemporaryDirectory() as name, server_of(share) as server:
            folder = Path(name)
            write_all(folder, server.url, questions)
            began = time.monotonic()
            start(folder, "trial").wait()
            seconds.append(time.monotonic() - began)
    each = max(seconds[1] - seconds[0], 1e-3) / TRIAL
    left = 60 * minutes - sum(seconds) - (kills + 3) * seconds[0]
    return max(TRIAL, min(most, int(left / (2 * each))))


class Outcomes(list[Any]):
    """What a server has seen, without the bodies, which would take gigabytes."""

    def append(self, seen: Any) -> None:
        super().append(replace(seen, body={}))


def server_of(share: float) -> Any:
    """The server, `share` of whose answers go wrong."""
    module = loopback()
    return module.Loopback(latency_s=0.005, chaos=module.Chaos(share, KINDS, slow_s=0.1), seen=Outcomes())


def write_all(folder: Path, url: str, questions: int) -> None:
    """The questions and the recipe."""
    write_questions(folder, questions)
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder, url=url, at_once=AT_ONCE))


def disturb(folder: Path, questions: int, kills: int, share: float) -> dict[str, Any]:
    """Both builds, and the findings about them."""
    distance = 2 * questions // (kills + 1)
    with server_of(share) as server:
        write_all(folder, server.url, questions)
        codes = list(killed(folder, server, iter(range(distance, distance * (kills + 1), distance))))
        answers = Counter(seen.digest for seen in server.seen if seen.outcome in ("answered", "slow"))
        calls = len(server.seen)
        server.chaos = loopback().Chaos()
        if start(folder, "undisturbed").wait():
            raise RuntimeError("the undisturbed build failed")
    return {
        "questions": questions,
        "calls": calls,
        "kills": codes.count(-signal.SIGKILL),
        "runs": len(codes),
        "requests": len(answers),
        "answered_twice": sum(answers.values()) - len(answers),
        "in_flight_at_kills": kills * AT_ONCE,
        **compare(folder),
    }


def compare(folder: Path) -> dict[str, Any]:
    """The last version of the disturbed home beside that of the other: whether the replies are the same, and which
    files differ. The ledger's samples are left out: they also hold what a reply's discarded tries cost."""
    ours, other = (last_version(folder / home) for home in ("disturbed", "undisturbed"))
    columns = ["sample_id", "text", "finish_reason", "model", "error", "reply_key"]
    samples = [pl.read_parquet(version / "ledger/samples.parquet").select(columns) for version in (ours, other)]
    alike = ["ledger/questions.parquet", "ledger/verdicts.parquet", "ledger/decisions.parquet"]
    alike += [path.relative_to(other).as_posix() for path in sorted((other / "data").iterdir())]
    return {
        "questions_decided": pl.read_parquet(ours / "ledger/questions.parquet").height,
        "replies_equal": samples[0].equals(samples[1]),
        "files_differ": [name for name in alike if (ours / name).read_bytes() != (other / name).read_bytes()],
    }


def failures(version: Path) -> int:
    """How many requests of a version failed."""
    return sum(use["failed"] for use in json.loads((version / "manifest.json").read_text())["usage"])


def last_version(home: Path) -> Path:
    return max((home / "versions/chaos").glob("v*"), key=lambda path: int(path.name[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.2, help="the share of calls that go wrong")
    parser.add_argument("--minutes", type=float, help="how long it may take, with fewer questions")
    options = parser.parse_args()
    began, questions = time.monotonic(), options.questions
    if options.minutes:
        questions = affordable(options.minutes, questions, options.kills, options.share)
    with tempfile.TemporaryDirectory() as name:
        for what, value in disturb(Path(name), questions, options.kills, options.share).items():
            print(f"{what:20} {value}")
        print(f"{'seconds':20} {time.monotonic() - began:.0f}")


if __name__ == "__main__":
    main()
