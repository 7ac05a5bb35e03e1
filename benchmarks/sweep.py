"""When does alternating SFT and RL pay, and when does RL alone? The ladder as two knobs of the seeing world vary.

    python benchmarks/sweep.py --out sweep [--bases 0.5 1.0 1.0/16] [--tokens 14 20 26] [--iterations 2] [--seeds 1]
    python benchmarks/sweep.py --out sweep --report [--page docs/study.md]

base     how careful it is: GLANCE, the share of its chains beside charts that only name the answer, and after a slash
         LOOK, the rows of a training step that show it careful chains beside charts, under a prompt that says to
         look: what it can do but does not do unasked. 1.0 is pocket-vl; the others are trained first
tokens   how lossy captions are: the tokens that one may have; 160 would hold all of a chart's values

Each pair is study.py's world with these knobs, on its validation questions: its iterations, and RL alone with as many
rollouts, which depends on no caption and is made once for each base. Stop the script at any time; the same command
resumes it. Another run may add values to the grid.
"""

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import polars as pl
from study import EXAMPLES, Study, held_out, put, result, run
from worlds import seeing

from ovt.core.plots import COLOURS, FAINT, INK, Panel, name_axes, save
from ovt.core.section import to_toml
from ovt.core.statistics import Interval, mean_interval, share_interval
from ovt.evaluation.scores import mean, paired
from ovt.pocket import WEIGHTS_VL

TRAINING = ["--seed", "7", "--steps", "130", "--decay-from", "60", "--muon-lr", "0.01", "--adam-lr", "0.002", "--eager"]
CHARTS = ("bars", "lines")
ALONE = ("rl-only", "rl-1")


@dataclass(frozen=True)
class Base:
    """How careful a base is: the knobs [glance] of charts, and [look]."""

    glance: float
    look: int = 0

    @classmethod
    def read(cls, text: str) -> "Base":
        """ "1.0/16" -> Base(1.0, 16). ValueError for any other text."""
        glance, _, look = text.partition("/")
        return cls(float(glance), int(look or 0))

    def __str__(self) -> str:
        return f"glances at {self.glance:.0%} of charts" + (", can look" if self.look else "")


POCKET_VL = Base(1.0)  # by world.toml


@dataclass(frozen=True)
class Grid:
    """The values of both knobs, the ladder's length and its seeds; `folder` keeps each base with its studies."""

    folder: Path
    bases: Sequence[Base]
    tokens: Sequence[int]
    iterations: int
    seeds: Sequence[int]
    size: float = 1.0

    @property
    def steps(self) -> dict[str, tuple[str, str]]:
        """What the figure shows, by name: (condition, step)."""
        ladder = [(kind, number) for number in range(1, self.iterations + 1) for kind in ("SFT", "RL")]
        return {f"{kind} {number}": ("iterations", f"{kind.lower()}-{number}") for kind, number in ladder}

    def of_base(self, base: Base) -> Path:
        return self.folder / (f"glance-{round(100 * base.glance)}" + (f"-look-{base.look}" if base.look else ""))

    def weights(self, base: Base) -> Path:
        return WEIGHTS_VL if base == POCKET_VL else (self.of_base(base) / "base").resolve()

    def study(self, base: Base, tokens: int) -> Study:
        """A cell; its knobs are written beside its work."""
        folder = self.of_base(base) / f"tokens-{tokens}"
        world = seeing(write_knobs(folder / "world.toml", base, tokens), self.weights(base), self.iterations)
        return Study(world, folder, self.size, validates=True)

    def alone(self, base: Base) -> Study:
        """The cell in which the base and RL alone are measured."""
        return self.study(base, self.tokens[0])


def write_knobs(file: Path, base: Base, tokens: int) -> Path:
    """world.toml with these values."""
    knobs = tomllib.loads((EXAMPLES / "world.toml").read_text())
    knobs["glance"] |= dict.fromkeys(CHARTS, base.glance)
    knobs["look"]["rows"] = base.look
    knobs["captions"]["max_tokens"] = tokens
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{name} = {to_toml(values)}\n" for name, values in knobs.items()))
    return file


def make_base(grid: Grid, base: Base, training: Sequence[str]) -> None:
    """Trains a base, if it does not exist yet."""
    made = grid.weights(base)
    if not (made / "training.json").exists():
        knobs = write_knobs(grid.of_base(base) / "world.toml", base, grid.tokens[0])
        script = [sys.executable, str(EXAMPLES / "train.py"), "--world", str(knobs), "--out", str(made)]
        subprocess.run([*script, *training], check=True)


def fill(grid: Grid, training: Sequence[str] = TRAINING) -> None:
    """Runs everything that is not done yet."""
    for base in grid.bases:
        make_base(grid, base, training)
        for tokens in grid.tokens:
            study = grid.study(base, tokens)
            questions = held_out(study)
            for seed in grid.seeds:
                run("iterations", seed, study, questions)
                if study.folder == grid.alone(base).folder:
                    run("rl-only", seed, study, questions)


def answers(study: Study, step: tuple[str, str], seeds: Iterable[int]) -> dict[int, pl.DataFrame]:
    """The answers of each seed that has them."""
    found = {seed: result(step[0], seed, step[1], study) for seed in seeds}
    return {seed: one["answers"] for seed, one in found.items() if one}


def measured(grid: Grid) -> list[dict[str, Any]]:
    """A row per cell that has any result: the accuracy of each step as an Interval, and how far the last step of the
    ladder is above RL alone, paired by question: `gain` of all seeds together, `each` of them."""
    rows = []
    for base in grid.bases:
        cell = grid.alone(base)
        alone = answers(cell, ALONE, grid.seeds)
        fixed = {"base": answers(cell, ("iterations", "base"), grid.seeds), "RL only": alone}
        for tokens in grid.tokens:
            study = grid.study(base, tokens)
            steps = {name: answers(study, step, grid.seeds) for name, step in grid.steps.items()}
            last = steps[f"RL {grid.iterations}"]
            pairs = [paired(last[seed], alone[seed]) for seed in last.keys() & alone.keys()]
            shares = {name: share_interval(pl.concat(of.values())) for name, of in (fixed | steps).items() if of}
            gain = mean_interval(pl.concat(pairs)) if pairs else None
            each = [mean(pair["value"]) for pair in pairs]
            rows.append({"base": base, "tokens": tokens, "steps": shares, "gain": gain, "each": each})
    return rows


def table(grid: Grid, rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown, in percent."""
    names = ["base", *grid.steps, "RL only"]
    head = ["charts glanced at", "rows that look", "tokens", *names, f"RL {grid.iterations} − RL only", "each seed"]
    lines = ["| " + " | ".join(head) + " |", "|" + " ---: |" * len(head)]
    for row in rows:
        cells = [f"{row['base'].glance:.0%}", str(row["base"].look), str(row["tokens"])]
        cells += [shown(row["steps"].get(name)) for name in names] + [shown(row["gain"], "+")]
        cells.append(" ".join(f"{100 * one:+.1f}" for one in row["each"]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shown(found: Interval | None, sign: str = "") -> str:
    if found is None:
        return ""
    value, low, high = (format(100 * number, f"{sign}.1f") for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def panel(base: Base, rows: list[dict[str, Any]], names: Sequence[str]) -> Panel:
    """The steps' accuracy over the tokens of a caption, for one base, over the same range for all; what no
    caption changes is dashed."""
    low, *_, high = sorted(100 * share.value for row in rows for share in row["steps"].values())

    def drawn(ax: Any) -> None:
        mine = [row for row in rows if row["base"] == base]
        looks = [("base", FAINT, "--"), ("RL only", INK, "--")]
        looks += [(name, colour, "-") for name, colour in zip(names, COLOURS, strict=False)]
        for name, colour, line in looks:
            done = [row for row in mine if name in row["steps"]]
            heights = [100 * row["steps"][name].value for row in done]
            ax.plot([row["tokens"] for row in done], heights, line, color=colour, marker="o", markersize=3, label=name)
        name_axes(ax, f"A base that {base}", "tokens of a caption", "accuracy, %")
        ax.set_ylim(floor(low) - 1, ceil(high) + 1)
        ax.legend(loc="lower right", handlelength=1.4)

    return drawn


def report(grid: Grid, page: Path | None) -> None:
    """Prints the table, and writes it and the figure into the folder, and onto a page."""
    rows = [row for row in measured(grid) if row["steps"]]
    if not rows:
        print("nothing is done yet")
        return
    text = table(grid, rows) + "\n"
    print(text)
    (grid.folder / "sweep.md").write_text(text, encoding="utf-8")
    bases = dict.fromkeys(row["base"] for row in rows)
    panels = [panel(base, rows, list(grid.steps)) for base in bases]
    save(panels, grid.folder / "sweep.svg", grid.folder / "sweep.png")
    if page:
        put(page, "sweep", text)
        page.with_name("sweep.svg").write_bytes((grid.folder / "sweep.svg").read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder that keeps everything")
    parser.add_argument("--bases", type=Base.read, nargs="+", default=[Base(0.5), Base(1.0), Base(1.0, 16)])
    parser.add_argument("--tokens", type=int, nargs="+", default=[14, 20, 26])
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--size", type=float, default=1.0, help="scales the numbers of questions, to try things out")
    parser.add_argument("--report", action="store_true", help="only print what is done")
    parser.add_argument("--page", type=Path, help="a page that gets the table too, and sweep.svg beside it")
    args = parser.parse_args()
    grid = Grid(args.out, args.bases, args.tokens, args.iterations, args.seeds, args.size)
    if not args.report:
        fill(grid)
    report(grid, args.page)


if __name__ == "__main__":
    main()
