"""The paper in miniature: what SFT data, RL and iterations do to held-out accuracy, over several seeds, in two worlds.

    python benchmarks/study.py --out study [--seeds 1 2 3] [--conditions unfiltered iterations longer …]
    python benchmarks/study.py --out study --report
    python benchmarks/study.py --out another --world FILE --base FOLDER     # other knobs, and a base trained by them
    python benchmarks/study.py --out lossless --lossless                    # the other world

Each condition is a loop (recipes/pocket-loop.toml or lossless.toml, with the changes of worlds.py), so finished work
is kept under --out: stop the script at any time, and the same command resumes it. --report prints and plots the results
so far. --validate does all of it on separate questions, half as many, under --out/validation: for choosing a
setting before looking at the held-out questions (the base may have seen some of their pictures).

    direct       the base, asked to answer directly, as it was trained to (elsewhere it is asked to think step by step)
    unfiltered   SFT on a random correct chain per question, over captions, as it came (none that mentions the caption)
    short        the same chains without those of more than 50 words (the longest tenth, like 500 words in the paper)
    cut          the same chains, cut before the first "Wait" (the paper's choice of filter)
    rl-only      GRPO from the base, on the questions of the first iteration
    iterations   the paper: SFT on the shortest correct chain, cut, from the base; GRPO from it; that model, seeing the
                 image, writes the next iteration's data; three times
    longer       the first iteration, with RL that goes on for longer
    sft-only     the iterations without RL

Seeds differ in the training figures, in data sampling and in training. The held-out questions are the same for all,
from a figure seed that nothing trains on. The world of figures is small and the same figures appear under other seeds,
so a held-out question is excluded if its picture, pixel by pixel, is among the training figures of any seed or was
drawn for the base's own training (whose figures are drawn again to check; a few minutes, once). This excludes all of
geometry, diagrams and icons, which have only 347, 849 and about 7,400 different pictures.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image
from worlds import FAMILIES, LOSSLESS, World, seeing

from ovt.core.files import write_file
from ovt.core.home import Home
from ovt.core.statistics import mean_interval, share_interval
from ovt.curate.run import Session, import_questions
from ovt.curate.sources.images import image_path
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
from ovt.evaluation.evaluate import embedded_endpoint, evaluate
from ovt.evaluation.question_set import without_images_of
from ovt.evaluation.results import evaluation_names, open_evaluation, read_answers
from ovt.evaluation.scores import mean, paired
from ovt.pocket import WEIGHTS_VL
from ovt.train.loop.recipe import LoopRecipe, load_loop
from ovt.train.loop.run import run_loop
from ovt.train.loop.steps import plan_steps, read_record
from ovt.train.loop.work import Tools

DIRECT = "{question}\n{choices}\nAnswer directly."
SEEDS = 3  # seeds that may be asked for; the held-out questions avoid the figures of all of them
VALIDATION_SEED = 901  # of the figures of --validate; the recipes' own seed is that of the held-out ones
EXAMPLES = Path(__file__).parents[1] / "examples" / "pocket_training"


@dataclass(frozen=True)
class Study:
    """A world, the folder that keeps its work, and the share of its questions that are used (1 for real, less to try
    things out). validates: on the questions for that, not on the held-out ones."""

    world: World
    folder: Path
    size: float = 1.0
    validates: bool = False

    @property
    def out(self) -> Path:
        """Where the tables go, beside the home."""
        return self.folder / "validation" if self.validates else self.folder

    @property
    def home(self) -> Home:
        return Home.locate(self.out / "home")


def make_recipe(condition: str, seed: int, study: Study) -> LoopRecipe:
    """The loop of a condition and seed."""
    world = study.world
    changes = [*world.changes, *world.conditions[condition], f"name=study-{condition}-{seed}", "gate.enabled=false"]
    changes += [f"curate.reason.sampling.seed={7 + 1000 * seed}", f"curate.select.seed={seed}"]
    if "sft=false" not in changes:
        changes.append(f"sft.seed={seed}")
    iterations = world.iterations if condition in world.repeated else 1
    tables: list[dict[str, Any]] = [
        {"curate": {"sources": world.sources(seed, number, study.size)}} for number in range(1, iterations + 1)
    ]
    if "rl=[]" not in changes:
        changes.append(f"rl.0.seed={seed}")
        for later in tables[1:] if world.hard else ():  # the pass rates are the model's own
            later["rl"] = [{"questions": {"sure": "stored"}}]
    changes.append(f"iterations={toml(tables)}")
    recipe = load_loop(world.recipe, changes)
    return recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update={"sources": asked(recipe, study)})})


def asked(recipe: LoopRecipe, study: Study) -> list[SourceSection]:
    """The sources of the held-out questions, or of those for validation: the recipe's own, of the world's numbers."""
    times = study.world.held_out * study.size / (2 if study.validates else 1)
    found = []
    for source in recipe.evaluate.sources:
        if source.name in FAMILIES:
            update: dict[str, Any] = {"limit": round((source.limit or 0) * times), "where": study.world.where}
            found.append(source.model_copy(update=update | ({"seed": VALIDATION_SEED} if study.validates else {})))
    return found


def toml(value: Any) -> str:
    """A TOML value of lists, tables, strings and numbers, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def run(condition: str, seed: int, study: Study, questions: pl.DataFrame) -> None:
    """The steps of one loop that are not done yet; questions: the held-out ones."""
    print(f"== {condition}, seed {seed}", file=sys.stderr, flush=True)
    if condition == "direct":
        answer_directly(study, questions)
        return
    tools = Tools(say=lambda line: print(line, file=sys.stderr, flush=True))
    run_loop(make_recipe(condition, seed, study), study.home, tools, questions)


def answer_directly(study: Study, questions: pl.DataFrame) -> None:
    """The base's direct answers to the held-out questions; the same for every seed."""
    settings = make_recipe("iterations", 1, study).evaluate.settings.model_copy(update={"prompt": DIRECT})
    endpoint = embedded_endpoint(str(study.world.base), "pocket")
    evaluate("study-direct", questions, endpoint, settings, Session(study.home))


def held_out(study: Study) -> pl.DataFrame:
    """The same held-out questions for all: those whose picture nothing here was trained on, of any seed up to SEEDS."""
    recipes = [make_recipe("iterations", seed, study) for seed in range(1, SEEDS + 1)]
    trained = [
        import_sources(one.curate.sources, study.home, None, None).questions
        for recipe in recipes
        for one in recipe.iterations
    ]
    asked = import_questions(recipes[0].evaluate.sources, Session(study.home)).questions
    questions = without_images_of(asked, trained)
    if study.validates:
        return questions
    known = set[bytes]().union(*(drawn_figures(folder, study.folder) for folder in study.world.trainings))
    new = [pixels(Image.open(image_path(study.home, images[0]))) not in known for images in questions["images"]]
    return questions.filter(pl.Series(new, dtype=pl.Boolean))


def drawn_figures(trained: Path, keep: Path) -> set[bytes]:
    """The pictures of every row that the base in the folder `trained` was trained on, as its training.json has them, by
    `pixels`; drawn once, and kept in a file below `keep`."""
    told = (trained / "training.json").read_bytes()
    kept = keep / f"figures-{hashlib.sha256(told).hexdigest()[:12]}.bin"
    if not kept.exists():
        known = {pixels(image) for image in pictures_of(json.loads(told))}
        write_file(kept, b"".join(sorted(known)))
    stored = kept.read_bytes()
    return {stored[at : at + 16] for at in range(0, len(stored), 16)}


def pictures_of(training: dict[str, Any]) -> Iterator[Image.Image]:
    """The picture of each row of a training, drawn again."""
    sys.path.insert(0, str(EXAMPLES))
    import batches as rows

    from ovt.pocket import figures as pocket

    starts, families = [one["from_step"] for one in training["phases"]], sorted(pocket.FAMILIES)
    for group in range(-(-training["schedule"]["steps"] // rows.GROUP)):
        phase = max(at for at, start in enumerate(starts) if start <= group * rows.GROUP)
        for plan in training["phases"][phase]["rows"]:
            count, first = plan["rows"] * rows.GROUP, phase << 32
            drawn = rows.drawn_families(rows.Plan(**plan), families)
            for index in range(first + group * count, first + (group + 1) * count):
                yield rows.draw_figure(training["seed"], plan["kind"], index, drawn)[0].image


def pixels(image: Image.Image) -> bytes:
    """16 bytes that stand for the pixels of a picture."""
    return hashlib.sha256(image.convert("RGB").tobytes()).digest()[:16]


def results(study: Study, seeds: Iterable[int]) -> list[dict[str, Any]]:
    """A row per row of the table that has at least one evaluation: pooled over the seeds that are done."""
    rows = []
    for label, short, condition, step in study.world.rows:
        found = [one for seed in seeds if (one := result(condition, seed, step, study))]
        if found:
            rows.append({"label": label, "short": short, "condition": condition, **pooled(found)})
    return rows


def result(condition: str, seed: int, step: str, study: Study) -> dict[str, Any] | None:
    """The evaluation of a step, its answers, and the seconds of each training that led to it."""
    if condition == "direct":
        return direct_result(study.home) if seed == 1 else None
    folder = study.home.loops / f"study-{condition}-{seed}"
    record = read_record(folder, f"eval-{step}")
    if record is None or record.status != "done":
        return None
    seconds = []
    for one in plan_steps(make_recipe(condition, seed, study)):
        if one.name == f"eval-{step}":
            break
        if (done := read_record(folder, one.name)) and "train_s" in done.numbers:
            seconds.append(done.numbers["train_s"])
    return {"seed": seed, "answers": read_answers(record.ref or "", study.home), "seconds": seconds, **record.numbers}


def direct_result(home: Home) -> dict[str, Any] | None:
    """As `result`, of `answer_directly`."""
    if "study-direct" not in evaluation_names(home):
        return None
    scores = open_evaluation("study-direct", home).scores
    answers = read_answers("study-direct", home)
    return {"seed": 1, "answers": answers, "seconds": [], **scores.model_dump(exclude={"questions", "answers"})}


def pooled(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Over seeds: the accuracy with its interval (an image's answers are one cluster, whichever seed gave them; it is
    of these seeds' models: what another seed would change is not in it, see by_seed).

    minutes: of training; for each run the least over the seeds, the one least disturbed by other work.
    """
    answers = pl.concat([one["answers"] for one in found])
    share = share_interval(answers)
    count = len(found)
    behaviours = {name: sum(one["behaviours"][name] for one in found) / count for name in found[0]["behaviours"]}
    return {
        "seeds": [one["seed"] for one in found],
        "accuracy": share.value,
        "low": share.low,
        "high": share.high,
        "by_seed": [round(one["accuracy"], 4) for one in found],
        "words": sum(one["words"] for one in found) / count,
        "format_valid": sum(one["format_valid"] for one in found) / count,
        "truncated": sum(one["truncated"] for one in found) / count,
        "behaviours": behaviours,
        "minutes": sum(map(min, zip(*(one["seconds"] for one in found), strict=True))) / 60,
    }


def gains(study: Study, seeds: Iterable[int]) -> list[str]:
    """The differences that the paper is about, paired by question and pooled over seeds, as lines of Markdown."""
    lines = []
    for label, one, other in study.world.pairs:
        tables = []
        for seed in seeds:
            after, before = result(one[0], seed, one[1], study), result(other[0], seed, other[1], study)
            if after and before:
                tables.append(paired(after["answers"], before["answers"]))
        if tables:
            gain = mean_interval(pl.concat(tables))
            bounds = f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
            each = " ".join(f"{100 * mean(one['value']):+.1f}" for one in tables)
            lines.append(f"| {label} | {len(tables)} | {100 * gain.value:+.1f} | {bounds} | {each} |")
    return lines


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown; accuracies in percent."""
    families = list(rows[0]["behaviours"])
    head = ["", "seeds", "accuracy", "95% interval", "each seed", "words", "valid", *families, "training, min"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in rows:
        each = " ".join(f"{100 * one:.1f}" for one in row["by_seed"])
        cells = [
            row["label"],
            str(len(row["seeds"])),
            f"{100 * row['accuracy']:.1f}",
            f"{100 * row['low']:.1f} to {100 * row['high']:.1f}",
            each,
            f"{row['words']:.0f}",
            f"{row['format_valid']:.0%}",
            *(f"{row['behaviours'][name]:.1f}" for name in families),
            f"{row['minutes']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(study: Study, seeds: list[int], page: Path | None) -> None:
    """Prints the tables of what is done; writes them, the numbers and the plot into its folder, and onto a page."""
    from ovt.train.plots import plot_loop

    rows = results(study, seeds)
    if not rows:
        print("nothing is done yet")
        return
    text = "\n".join([table(rows), "", "| difference | seeds | points | 95% interval | each seed |",
                      "| --- | ---: | ---: | ---: | ---: |",
                      *gains(study, seeds), ""])  # fmt: skip
    print(text)
    (study.out / "study.md").write_text(text, encoding="utf-8")
    (study.out / "study.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for path in plot_loop(
        "pocket, the paper in miniature", [{**row, "label": row["short"]} for row in rows], study.out
    ):
        print(path)
    if page:
        put(page, "study", text)
        page.with_suffix(".svg").write_bytes((study.out / "loop.svg").read_bytes())


def put(page: Path, name: str, text: str) -> None:
    """Writes a text onto a page, between the marks of this name; at its end, if it has none."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder that keeps everything")
    parser.add_argument("--seeds", type=int, nargs="+", choices=range(1, SEEDS + 1), default=[1, 2, 3])
    parser.add_argument("--conditions", nargs="+", metavar="CONDITION", help="those to run, of the world's")
    parser.add_argument("--base", type=Path, default=WEIGHTS_VL, help="one trained by train.py --world, not pocket-vl")
    parser.add_argument("--world", type=Path, default=EXAMPLES / "world.toml", help="the knobs it was trained by")
    parser.add_argument("--iterations", type=int, default=3, help="fewer, for a first look")
    parser.add_argument("--lossless", action="store_true", help="the other world, which has no knobs")
    parser.add_argument("--validate", action="store_true", help="on the questions for choosing settings")
    parser.add_argument("--size", type=float, default=1.0, help="scales the numbers of questions, to try things out")
    parser.add_argument("--report", action="store_true", help="only print what is done")
    parser.add_argument("--page", type=Path, help="a Markdown file between whose markers the tables go")
    args = parser.parse_args()
    world = LOSSLESS if args.lossless else seeing(args.world, args.base.resolve(), args.iterations)
    study = Study(world, args.out, args.size, args.validate)
    if unknown := set(args.conditions or ()) - set(world.conditions):
        parser.error(f"no condition {min(unknown)}: choose among {', '.join(world.conditions)}")
    if not args.report:
        questions = held_out(study)
        print(f"{len(questions):,} questions held out", file=sys.stderr)
        for seed in args.seeds:
            for condition in args.conditions or world.conditions:
                run(condition, seed, study, questions)
    report(study, args.seeds, args.page)


if __name__ == "__main__":
    main()
