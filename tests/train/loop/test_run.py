"""The loop, with real trainers on a really small model: parents, resuming anywhere, the gate, and what status shows."""

import dataclasses
import io
import json
import os
import subprocess
import sys

import polars as pl
import pytest
from PIL import Image

from ovt.commands.views.train import status_tree
from ovt.core.errors import GateFailed, OvtError
from ovt.curate.versions.read import list_versions, open_version
from ovt.evaluation.results import open_evaluation
from ovt.train.loop import work as working
from ovt.train.loop.recipe import load_loop
from ovt.train.loop.run import run_loop
from ovt.train.loop.steps import plan_steps, read_status
from ovt.train.runs import open_run
from ovt.train.settings import LoraSection
from ovt.verifiers import VERSION


class Killed(BaseException):
    """What a kill between two lines looks like from inside."""


def statuses(name, home) -> dict[str, str]:
    return {step["name"]: step["status"] for step in read_status(name, home)["steps"]}


def test_two_iterations_with_rl(with_rl, home, tools):
    records = run_loop(with_rl, home, tools)
    assert set(statuses("tiny", home).values()) == {"done"}
    sft, rl = open_run("tiny-sft-2", home).record, open_run("tiny-rl-2", home).record
    assert sft.model == with_rl.base  # from the base, again
    assert rl.model == "tiny-sft-2"
    assert sft.data == records["data-2"].ref
    second = open_version("tiny-2", home).manifest.provenance
    assert second.recipe["caption"] is None
    assert second.models[0].revision == records["rl-1"].content  # the RL model of iteration 1 wrote the data
    assert open_evaluation("tiny-eval-rl-1", home).asked.revision == records["rl-1"].content
    drawn = (open_run("tiny-rl-2", home).path / "plots" / "curves.svg").read_text()
    for panel in (
        "Loss",
        "Reward",
        "KL to the reference",
        "Length of a response",
        "Rollouts found correct",
        "Behaviours",
    ):
        assert panel in drawn
    card = (open_run("tiny-rl-2", home).model / "README.md").read_text()
    for said in (f"| data | {rl.data}, ", "| recipe of the data | tiny-2, ", f"| verifier | {VERSION} |",
                 "](curves.png)", "| tiny-eval-rl-2 | 8 |"):  # fmt: skip
        assert said in card
    assert (home.loops / "tiny" / "plots" / "loop.png").is_file()
    assert (home.loops / "tiny" / "gate-2.md").read_text().startswith("# tiny, gate after iteration 2")


def test_held_out_questions_share_no_image_with_training_ones(recipe, home, tools):
    said = []
    records = run_loop(recipe, home, dataclasses.replace(tools, say=said.append))
    assert records["eval-sft-1"].numbers["questions"] == 8  # one of nine is a training picture
    assert any("1 of 9 held-out questions left out" in line for line in said)
    trained = pl.read_parquet(open_version("tiny-1", home).path / "ledger" / "questions.parquet")["images"].explode()
    tested = pl.read_parquet(home.evals / "tiny-eval-base" / "questions.parquet")["images"].explode()
    assert not set(trained) & set(tested)


def test_benchmarks_beside_the_held_out_questions(recipe, home, tools, tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (56, 56), "red").save(picture, "PNG")
    row = {"pid": "1", "question": "Which colour?", "query": "Which colour?", "answer": "red", "choices": ["red", "x"],
           "decoded_image": {"bytes": picture.getvalue(), "path": None}, "question_type": "multi_choice"}  # fmt: skip
    pl.DataFrame([row]).write_parquet(tmp_path / "rows.parquet")
    given = {"name": "mathvista", "data": str(tmp_path / "rows.parquet")}
    asked = type(recipe.evaluate).model_validate(recipe.evaluate.model_dump() | {"benchmarks": [given]})
    records = run_loop(recipe.model_copy(update={"evaluate": asked}), home, tools)
    assert records["eval-sft-1"].numbers["benchmarks"]["mathvista"]["questions"] == 1
    done = open_evaluation("tiny-eval-sft-1-mathvista", home)
    assert done.asked.revision == records["sft-1"].content
    assert "accuracy on mathvista" in (home.loops / "tiny" / "gate-1.md").read_text()
    assert "| mathvista:testmini | official (" in (open_run("tiny-sft-1", home).model / "README.md").read_text()


def test_killed_at_every_step_it_goes_on_and_does_nothing_twice(recipe, home, tools, monkeypatch, loopback):
    """Once before each step's work and once after it (when its record does not say so yet)."""
    done = {kind: working.DO[kind] for kind in working.DO}
    worked: list[str] = []
    killed: set[tuple[str, str]] = set()

    def killing(kind):
        def do(step, work):
            for when in ("before", "after"):
                if when == "after":
                    outcome = done[kind](step, work)
                    worked.append(step.name)
                if (step.name, when) not in killed:
                    killed.add((step.name, when))
                    raise Killed
            return outcome

        return do

    monkeypatch.setattr(working, "DO", {kind: killing(kind) for kind in done})
    monkeypatch.setattr("ovt.train.loop.run.DO", working.DO)
    starts = 0
    while True:
        starts += 1
        try:
            records = run_loop(recipe, home, tools)
            break
        except Killed:
            continue
    steps = [step.name for step in plan_steps(recipe)]
    assert starts == 2 * len(steps) + 1
    assert worked == [name for name in steps for _ in range(2)]  # the second time each found what the first had done
    assert len(list_versions(home, "tiny-1")[0]) == 1
    assert len(loopback.answered) == 12 + 4  # each caption once; 4 different captions, each reasoned over once
    assert open_run("tiny-sft-1", home).record.result["steps"] == 3
    lines = open_run("tiny-sft-1", home).log_path.read_text().splitlines()
    assert sorted({json.loads(line)["step"] for line in lines if "loss" in json.loads(line)}) == [1, 2, 3]
    assert records["sft-1"].seconds > 0


def test_an_undisturbed_loop_is_found_at_once(recipe, home, tools, loopback, monkeypatch):
    first = run_loop(recipe, home, tools)
    asked = len(loopback.seen)

    def refuse(step, work):
        raise AssertionError(f"{step.name} was done again")

    gate = working.DO["gate"]
    doing = dict.fromkeys(working.DO, refuse) | {"gate": gate}
    monkeypatch.setattr("ovt.train.loop.run.DO", doing)
    again = run_loop(recipe, home, tools)
    assert len(loopback.seen) == asked
    assert {name: record.ref for name, record in again.items()} == {name: record.ref for name, record in first.items()}


def test_a_step_done_with_other_settings_is_told(recipe_file, home, tools):
    run_loop(load_loop(recipe_file), home, tools)
    with pytest.raises(OvtError, match=r"step sft-1 of loop tiny .*sft.seed was 42, would be 7.*another name"):
        run_loop(load_loop(recipe_file, ["sft.seed=7"]), home, tools)
    there = json.loads((home.loops / "tiny" / "recipe.json").read_text())
    assert there["iterations"][0]["sft"]["seed"] == 42  # what was refused is not what status shows
    longer = recipe_file.with_name("longer.toml")
    second = "[[iterations]]\ncurate.reason.endpoint = 'server'\nsft.max_steps = 1\n"
    longer.write_text(recipe_file.read_text() + second)
    records = run_loop(load_loop(longer), home, tools)  # a further iteration is no change of the first
    assert records["sft-2"].numbers["steps"] == 1


def test_adapters_are_merged_for_what_follows(with_rl, home, tools):
    """LoRA in both: RL, evaluation and the next iteration's data get whole models, as any server takes them."""
    low = LoraSection(r=2)
    iterations = [
        one.model_copy(
            update={"sft": one.sft.model_copy(update={"lora": low}), "rl": [one.rl[0].model_copy(update={"lora": low})]}
        )
        for one in with_rl.iterations
    ]
    records = run_loop(with_rl.model_copy(update={"iterations": iterations}), home, tools)
    assert (records["sft-1"].ref, records["rl-1"].ref) == ("tiny-sft-1-merged", "tiny-rl-1-merged")
    assert records["sft-1"].numbers["steps"] == 3
    assert open_run("tiny-rl-1", home).record.model == "tiny-sft-1-merged"
    assert open_evaluation("tiny-eval-sft-1", home).asked.revision == records["sft-1"].content
    for name in ("tiny-sft-2-merged", "tiny-rl-2-merged"):
        assert (open_run(name, home).model / "config.json").is_file()
    assert {step["status"] for step in read_status("tiny", home)["steps"]} == {"done"}


def test_a_question_without_an_answer_stops_the_loop_until_it_has_one(recipe_file, home, tools, loopback):
    """Accuracy over fewer questions would be held against accuracy over all."""
    asked = [f"serving.endpoint.base_url={loopback.url}", "serving.endpoint.model=test-model"]
    recipe, refused = load_loop(recipe_file, asked), []

    def refuse_one(body: dict):
        if not refused:
            refused.append(body)
            return 400, {"error": {"message": "no"}}
        return None

    loopback.status = refuse_one
    with pytest.raises(OvtError, match=r"1 held-out questions got no answer \(tiny-eval-base\).*run the loop again"):
        run_loop(recipe, home, tools)
    assert statuses("tiny", home)["eval-base"] == "stopped"
    assert run_loop(recipe, home, tools)["eval-base"].numbers["questions"] == 8


def test_a_failed_gate_stops_the_loop_with_a_report(recipe_file, home, tools):
    strict = load_loop(recipe_file, ["gate.enabled=true", "gate.min_format_valid=1.0"])
    with pytest.raises(GateFailed, match=r"iteration 1 of loop tiny did not pass .*format validity") as failed:
        run_loop(strict, home, tools)
    assert failed.value.exit_code == 4
    report = home.loops / "tiny" / "gate-1.md"
    assert str(report) in str(failed.value)
    assert "**fail** | format validity" in report.read_text()
    assert statuses("tiny", home)["gate-1"] == "failed"
    records = run_loop(load_loop(recipe_file), home, tools)  # gate.enabled = false: the finding is accepted
    assert records["gate-1"].status == "failed"


def test_status_of_a_loop_under_way(with_rl, home, tools, monkeypatch):
    from rich.console import Console

    doing = dict(working.DO)

    def stop(step, work):
        raise Killed

    monkeypatch.setattr("ovt.train.loop.run.DO", {**doing, "sft": stop})
    with pytest.raises(Killed):
        run_loop(with_rl, home, tools)
    found = statuses("tiny", home)
    assert (found["eval-base"], found["data-1"], found["sft-1"], found["rl-2"]) == ("done", "done", "stopped", "to do")
    screen = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    screen.print(status_tree(read_status("tiny", home)))
    text = screen.export_text()
    for part in ("tiny  base", "iteration 1", "tiny-1@v1: 12 rows to train on", "stopped", "to do", "RL from sft-2"):
        assert part in text
    with pytest.raises(OvtError, match=r"no loop is named 'other'.*there are: tiny"):
        read_status("other", home)


def test_one_process_at_a_time(recipe, home, tools):
    code = (
        "import sys, time, fcntl, os; os.makedirs(sys.argv[1], exist_ok=True)\n"
        "f = open(sys.argv[1] + '/.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(home.loops / "tiny")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OvtError, match="loop tiny is being run by another process"):
            run_loop(recipe, home, tools)
    finally:
        holder.kill()
        holder.wait()
