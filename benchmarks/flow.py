"""How long two overlapping stages take, compared with one of them alone.

    python benchmarks/flow.py [--questions 400] [--latency 0.2] [--concurrency 8]

Two loopback servers (tests/loopback.py, a process each) of the same speed answer captions and chains. A build asks
both stages; then one with another seed, which finds its captions stored, asks only for the chains.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ovt.core.home import Home
from ovt.curate.flow import ask
from ovt.curate.recipe import Recipe
from ovt.curate.run import Session, prepare

ROOT = Path(__file__).parents[1]


def start_server(stack: ExitStack, latency: float) -> str:
    """The URL of a server that ends with the stack."""
    command = [sys.executable, str(ROOT / "tests/loopback.py"), "--latency", str(latency)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(server.kill)
    assert server.stdout is not None
    return server.stdout.readline().strip()


def recipe_of(folder: Path, urls: list[str], at_once: int, seed: int) -> Recipe:
    def endpoint(url: str) -> dict[str, Any]:
        return {"base_url": url, "model": "test-model", "max_concurrency": at_once}

    tree = {
        "name": "flow",
        "sources": [{"path": str(folder / "questions.jsonl")}],
        "endpoints": {"eyes": endpoint(urls[0]), "head": endpoint(urls[1])},
        "caption": {"endpoint": "eyes", "prompt": "Describe it for someone who asks: {question}"},
        "reason": {"endpoint": "head", "k": 1, "sampling": {"seed": seed}},
    }
    return Recipe.model_validate(tree)


def seconds_to_ask(recipe: Recipe, home: Home, limit: int | None = None) -> float:
    """How long the build asks, without reading its questions and writing its version."""
    run = prepare(recipe, Session(home, limit=limit))
    with run.store:
        began = time.perf_counter()
        asyncio.run(ask(run))
        return time.perf_counter() - began


def write_questions(folder: Path, count: int) -> None:
    """`count` questions about one picture."""
    from PIL import Image

    Image.new("RGB", (56, 56), (200, 30, 90)).save(folder / "one.png")
    rows = ({"image": "one.png", "question": f"Is it {i}?", "answer": "yes"} for i in range(count))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_questions(folder, options.questions)
        urls = [start_server(stack, options.latency) for _ in range(2)]
        recipes = [recipe_of(folder, urls, options.concurrency, seed) for seed in (0, 1, 2)]
        seconds_to_ask(recipes[0], Home(folder / "warm"), limit=4)  # imports are not what is measured
        both, alone = (seconds_to_ask(recipe, Home(folder / "home")) for recipe in recipes[1:])
        print(f"both stages {both:.1f} s, one alone {alone:.1f} s: {both / alone:.2f} times")


if __name__ == "__main__":
    main()
