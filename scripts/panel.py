"""Draws the live panel of a build under way, for docs/endpoints.md.

    python scripts/panel.py [--width 100] [--out docs/images/panel.svg]

Two loopback servers (tests/loopback.py) answer captions and chains, one of them with failures. The picture is the panel
of that very build, taken while both stages are under way.
"""

import argparse
import importlib
import json
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

import ovt
from ovt.commands.panel import panel
from ovt.core.progress import Progress

ROOT = Path(__file__).parents[1]
QUESTIONS, K = 2000, 2
# Drawn with whatever monospaced font the reader has, as no font is fetched from elsewhere.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def recipe(folder: Path, captioner: str, reasoner: str) -> dict[str, Any]:
    """A recipe over QUESTIONS questions about one picture."""
    Image.new("RGB", (56, 56), (200, 30, 90)).save(folder / "one.png")
    rows = ({"image": "one.png", "question": f"Is it {number}?", "answer": "yes"} for number in range(QUESTIONS))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    about = {"model": "test-model", "usd_per_million_prompt_tokens": 5.0, "usd_per_million_completion_tokens": 20.0}
    return {
        "name": "charts",
        "sources": [{"path": str(folder / "questions.jsonl")}],
        "endpoints": {"captioner": {"base_url": captioner, **about}, "teacher": {"base_url": reasoner, **about}},
        "caption": {"endpoint": "captioner", "prompt": "Describe it for someone who asks: {question}"},
        "reason": {"endpoint": "teacher", "k": K},
    }


def answer(body: dict[str, Any], choice: int) -> str:
    """A caption, or a chain that is right every other time."""
    asked = str(body["messages"])
    return f"A red square. <think> It is red. </think> <answer> {('yes', 'no')[len(asked) % 2]} </answer>"


def draw(folder: Path, console: Console) -> None:
    """Draws the panel of a build in a thread, when both of its stages are under way."""
    sys.path.insert(0, str(ROOT / "tests"))
    loopback, progress = importlib.import_module("loopback"), Progress()
    chaos = loopback.Chaos(0.1, ("429", "500", "drop"))
    captions = loopback.Loopback(reply=answer, latency_s=1.0)
    with captions, loopback.Loopback(reply=answer, latency_s=1.0, chaos=chaos) as chains:
        asked, options = recipe(folder, captions.url, chains.url), {"home": folder / "home", "progress": progress}
        build = threading.Thread(target=ovt.build, args=(asked,), kwargs=options, daemon=True)
        build.start()
        while (tally := progress.stages.get("reason")) is None or tally.done < 0.3 * QUESTIONS or not tally.in_flight:
            if not build.is_alive():
                sys.exit("the build ended before its panel could be drawn")
            time.sleep(0.05)
        console.print(panel(progress))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images/panel.svg")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        console = Console(width=options.width, record=True, force_terminal=True, color_system="truecolor")
        draw(Path(name), console)
        console.save_svg(str(options.out), title="ovt curate build", code_format=FORMAT, unique_id="panel")


if __name__ == "__main__":
    main()
