"""Tries model families: preview, SFT, LoRA, merging, a frozen tower, DPO, RL, resuming, evaluation; one table of all.

    python scripts/families.py MODELS --ref VERSION --home HOME [--only NAME …] [--write docs/models.md]

MODELS is a folder with a checkpoint of each family in a folder of its own; tiny random ones do, as nothing here asks
for a good answer. Each family runs in a process of its own. The result of a check is kept in HOME/families/NAME.json
under the libraries' versions, so a second call resumes where the first stopped; `--again` repeats.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded, inside the functions

from ovt.core.errors import OvtError
from ovt.core.files import write_file
from ovt.core.home import Home

sys.path.append(str(Path(__file__).resolve().parent))  # however this file is loaded
from family_scores import ROLLOUTS, largest_gap, prepared, several

STEPS = {"learning_rate": 3e-3, "global_batch_size": 4, "max_steps": 4, "save_steps": 2, "warmup_steps": 0, "seed": 1}
LARGE, SMALL = 10**9, 112 * 112  # pixels
NEAR = 1e-4  # float32 in another order of summation
BEGIN, END = "<!-- families -->", "<!-- /families -->"


class Try:
    """A family on trial: its checkpoint, the version to train on, and a home for its runs."""

    def __init__(self, model: Path, ref: str, home: Home) -> None:
        self.model, self.ref, self.home = model, ref, home

    def run(self, train: Callable[..., Any], kind: str, **settings: Any) -> Any:
        """A new run, trained to its end."""
        return train(self.ref, str(self.model), settings, self.home, name=f"{self.model.name}-{kind}", resume=False)


def preview(one: Try) -> str:
    """Image tokens are those that the model replaces with features; fewer at fewer pixels."""
    from ovt.train.data import load_split
    from ovt.train.lengths import measure
    from ovt.train.models import load_processor
    from ovt.train.preview import preview as shown
    from ovt.train.settings import SftSection

    told = shown(one.ref, str(one.model), SftSection(), one.home, 1)
    rows = load_split(one.ref, "sft", one.home).dataset.select([0])
    large = rows.map(lambda row: {"images": [image.resize((640, 480)) for image in row["images"]]})
    counts = []
    for most in (LARGE, SMALL):
        lengths = measure(large, load_processor(str(one.model), most), None)
        counts.append(int(lengths["image_tokens"][0]))
    warned = f"; {told.warning.partition(':')[0]}" if told.warning else ""
    pixels = f"{counts[0]} image tokens at 640×480, {counts[1]} at most 112×112 px"
    return (pixels if counts[1] < counts[0] else f"{counts[0]} image tokens, of any image") + warned


def whole(one: Try) -> str:
    """SFT: the loss falls, and what is saved is complete."""
    from transformers import AutoModelForImageTextToText

    from ovt.train.sft_trainer import sft

    run = one.run(sft, "sft", **STEPS)
    first, last = run.result["first_loss"], run.result["last_loss"]
    require(last < first, f"the loss did not fall: {first:.3f} → {last:.3f}")
    load: Any = AutoModelForImageTextToText.from_pretrained
    _, told = load(run.model, output_loading_info=True)
    require(not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), str(told)[:300])
    return f"loss {first:.2f} → {last:.2f}"


def resumed(one: Try) -> str:
    """A run stopped after two steps of four and resumed has the weights of one that was not."""
    import torch

    from ovt.train.models import load_model
    from ovt.train.runs import RECORD, open_run
    from ovt.train.sft_trainer import sft

    undisturbed = one.run(sft, "undisturbed", **STEPS, keep_checkpoints=True)
    stopped = open_run(undisturbed.name, one.home)
    expected = load_model(str(stopped.model), dtype=torch.float32).state_dict()
    shutil.rmtree(stopped.model)
    shutil.rmtree(stopped.checkpoints / "checkpoint-4")
    told = stopped.record.model_copy(update={"status": "running", "result": {}})
    (stopped.path / RECORD).write_text(told.model_dump_json())
    again = sft(one.ref, str(one.model), STEPS, one.home, name=stopped.name)
    found = load_model(str(again.model), dtype=torch.float32).state_dict()
    differ = [name for name, value in expected.items() if not torch.equal(value, found[name])]
    require(not differ, f"{len(differ)} weights differ, {differ[:1]}")
    return "equal"


def adapters(one: Try) -> str:
    """LoRA: merged is applied, to float32; the merged run is the same, to the type of its file."""
    import torch
    from peft import PeftModel

    from ovt.train.data import load_split, make_collator
    from ovt.train.models import load_model, load_processor
    from ovt.train.sft_trainer import sft
    from ovt.train.weights import merge

    run = one.run(sft, "lora", **STEPS, lora={"r": 4})
    shutil.rmtree(one.home.runs / f"{run.name}-merged", ignore_errors=True)
    merged = merge(run.name, one.home)
    batch = make_collator(load_processor(str(one.model)))([load_split(one.ref, "sft", one.home).dataset[0]])
    batch.pop("labels")

    def logits(model: Any) -> Any:
        with torch.no_grad():
            return model.eval()(**batch).logits

    base = load_model(str(one.model), dtype=torch.float32)
    before = logits(base)
    applied = logits(PeftModel.from_pretrained(base, str(run.model)))
    gap = float((applied - logits(load_model(str(run.model), dtype=torch.float32))).abs().max())
    moved = float((applied - before).abs().max())
    stored = float((applied - logits(load_model(str(merged.model), dtype=torch.float32))).abs().max())
    require(gap < 1e-3 < moved, f"merged and applied differ by {gap:.1e}, of {moved:.1e} learned")
    require(stored < moved + 0.1, f"as stored they differ by {stored:.1e}, of {moved:.1e} learned")
    return f"gap {gap:.0e}"


def frozen(one: Try) -> str:
    """A frozen vision tower keeps its weights; the rest learns."""
    import torch

    from ovt.train.models import load_model
    from ovt.train.sft_trainer import sft

    run = one.run(sft, "frozen", **STEPS, freeze_vision_tower=True)
    before, after = (load_model(str(model), dtype=torch.float32) for model in (one.model, run.model))
    tower = {id(weight) for weight in before.get_encoder(modality="image").parameters()}
    there = dict(after.named_parameters())
    moved = {
        inside: sum(
            not torch.equal(value, there[name])
            for name, value in before.named_parameters()
            if inside == (id(value) in tower)
        )
        for inside in (True, False)
    }
    require(moved[False] > 0 == moved[True], f"{moved[True]} weights of the tower changed, {moved[False]} others")
    return f"{len(tower)} tensors kept"


def preferred(one: Try) -> str:
    """DPO: model and reference agree at the first step, and the loss falls."""
    from ovt.train.dpo_trainer import dpo

    run = one.run(dpo, "dpo", **STEPS)
    first, last = run.result["first_loss"], run.result["last_loss"]
    require(
        abs(first - math.log(2)) < 1e-3, f"the first loss is {first:.4f}, not log 2: the reference is another model"
    )
    require(last < first, f"the loss did not fall: {first:.3f} → {last:.3f}")
    return f"loss {first:.3f} → {last:.3f}"


def reinforced(one: Try) -> str:
    """RL: two steps run."""
    from ovt.train.rl_trainer import rl

    run = one.run(rl, "rl", **ROLLOUTS)
    return f"{run.result['steps']} steps"


def probabilities(one: Try) -> str:
    """The log-probabilities of rollouts are those of each alone and unpadded, in both passes of training; prompts have
    several lengths, one image or two, and the tokenizer pads on the right."""
    gap, told = scores(one, 1), "one image or two"
    try:
        gap = max(gap, scores(one, 2))
    except OvtError as error:
        told = f"one image; two are refused ({error.what.partition(': ')[2].partition(';')[0]})"
    require(gap < NEAR, f"log-probabilities differ by {gap:.0e} ({told})")
    return f"gap {gap:.0e}, {told}"


def scores(one: Try, images: int) -> float:
    """The largest gap, with this many images in every other question."""
    return largest_gap(prepared(one.model, one.ref, one.home, images))


def textual(one: Try) -> str:
    """Rows without an image beside others: logits of SFT and log-probabilities of RL are those of each alone."""
    import torch

    from ovt.train.data import load_split, make_collator
    from ovt.train.models import load_model, load_processor

    dataset = load_split(one.ref, "sft", one.home).dataset
    rows = [dict(dataset[number]) | several(dataset[number], number, 0) for number in range(4)]
    collate = make_collator(load_processor(str(one.model)))
    model = load_model(str(one.model), dtype=torch.float32).eval()
    pairs = zip(learned_logits(model, collate(rows)), rows, strict=True)
    gap = max(float((said - learned_logits(model, collate([row]))[0]).abs().max()) for said, row in pairs)
    require(gap < NEAR, f"logits differ by {gap:.0e} from those of each row alone")
    scored = scores(one, 0)
    require(scored < NEAR, f"log-probabilities in RL differ by {scored:.0e}")
    return f"gap {gap:.0e} in SFT, {scored:.0e} in RL"


def learned_logits(model: Any, batch: Any) -> list[Any]:
    """The logits of what is learned from each row of a batch."""
    import torch

    learned = batch.pop("labels") != -100
    with torch.no_grad():
        logits = model(**batch).logits
    return [row[:-1][there[1:]] for row, there in zip(logits, learned, strict=True)]


def evaluated(one: Try) -> str:
    """Evaluation in this process, without a server."""
    import ovt

    name = f"{one.model.name}-eval"
    shutil.rmtree(one.home.evals / name, ignore_errors=True)
    done = ovt.evaluate(str(one.model), "pocket:figures", name=name, limit=4, home=one.home.path,
                        set={"sampling.max_tokens": 8})  # fmt: skip
    require(not done.failed, f"{done.failed} requests failed")
    return f"{done.scores.answers} answers"


def require(holds: bool, otherwise: str) -> None:
    """ValueError where something does not hold."""
    if not holds:
        raise ValueError(otherwise)


CHECKS = {
    "preview": preview,
    "SFT": whole,
    "resumed": resumed,
    "LoRA, merged": adapters,
    "frozen tower": frozen,
    "DPO": preferred,
    "RL": reinforced,
    "log-probabilities": probabilities,
    "rows of text": textual,
    "evaluation": evaluated,
}


def outcome(check: Callable[[Try], str], one: Try) -> dict[str, str]:
    """{"ran" | "refused" | "failed": the result, in one line}."""
    try:
        return {"ran": check(one)}
    except OvtError as error:
        return {"refused": " ".join(str(error).split())}
    except Exception as error:  # noqa: BLE001 - the next check, and the next family, are tried all the same
        import traceback

        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def try_family(one: Try, kept: Path, again: bool) -> None:
    """Every check of a family; each is written down as soon as it is done."""
    libraries = {name: version(name) for name in ("transformers", "trl", "peft")}
    there = json.loads(kept.read_text()) if kept.is_file() and not again else {}
    done = there.get("checks", {}) if there.get("libraries") == libraries else {}
    about = {"family": json.loads((one.model / "config.json").read_text())["model_type"], "libraries": libraries}
    for name, check in CHECKS.items():
        if not done.get(name, {}).keys() & {"ran", "refused"}:
            done[name] = outcome(check, one)
            print(f"{one.model.name}: {name}: {done[name]}", flush=True)
        write_file(kept, json.dumps(about | {"checks": done}, indent=2, ensure_ascii=False) + "\n")


def table(kept: list[dict[str, Any]]) -> str:
    """A row per family, a column per check; what was refused or failed is a numbered note."""
    notes: list[str] = []

    def cell(found: dict[str, str]) -> str:
        ((what, told),) = found.items()
        told = told.replace("|", "\\|")
        if what == "ran":
            return told
        if told not in notes:
            notes.append(told)
        return f"{what} ({notes.index(told) + 1})"

    rows = [[f"`{one['family']}`", *(cell(one["checks"][name]) for name in CHECKS)] for one in kept]
    lines = [["family", *CHECKS], ["---"] * (len(CHECKS) + 1), *rows]
    told = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*told, "", *(f"{number}. {note}" for number, note in enumerate(notes, 1))]).rstrip() + "\n"


def write_table(page: Path, text: str) -> None:
    """The table in its place on the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    write_file(page, f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--ref", required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=())
    parser.add_argument("--again", action="store_true", help="repeat finished checks")
    parser.add_argument("--write", type=Path, help="the page that the table goes into")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    folders = sorted(path.parent for path in asked.models.glob("*/config.json"))
    folders = [folder for folder in folders if not asked.only or folder.name in asked.only]
    kept = [asked.home / "families" / f"{folder.name}.json" for folder in folders]
    if asked.one:
        try_family(Try(folders[0], asked.ref, Home(asked.home)), kept[0], asked.again)
        return
    for folder in folders:
        again = ["--again"] * asked.again
        command = [sys.executable, __file__, str(asked.models), "--ref", asked.ref, "--home", str(asked.home)]
        subprocess.run([*command, "--only", folder.name, "--one", *again], check=False)
    text = table([json.loads(path.read_text()) for path in kept if path.is_file()])
    print(text)
    if asked.write:
        write_table(asked.write, text)


if __name__ == "__main__":
    main()
