"""The card says what made the model; nothing in a record can break out of it."""

import json

import yaml

from ovt.train.card import render_card, renew_card, write_card
from ovt.train.runs import RunRecord, finish, start

RESULT = {"steps": 12, "first_loss": 2.5, "last_loss": 0.25, "left_out": {"too_long": 3}, "tokens": 12345.0}


def record(**changes) -> RunRecord:
    fields = {
        "name": "first", "kind": "sft", "model": "Qwen/Qwen2.5-VL-7B-Instruct", "model_revision": "c" * 40,
        "data": "someone/figures@main", "data_hash": "d" * 64, "parents": ["figures@v1"], "seed": 7,
        "settings": {"learning_rate": 5e-7}, "verifier_version": "2", "ovt_version": "0.1.0",
        "libraries": {"trl": "1.16"},
    }  # fmt: skip
    return RunRecord.model_validate(fields | changes)


def test_it_says_what_made_the_model(home):
    run = start(record(), home)
    run.model.mkdir()
    lines = [{"step": step, "loss": 1 / step, "learning_rate": 0.1} for step in range(1, 101)]
    run.log_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run.path / "plots").mkdir()
    (run.path / "plots" / "curves.png").write_bytes(b"PNG")
    write_card(finish(run, RESULT), home)
    text = (run.model / "README.md").read_text()
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["base_model"] == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert head["datasets"] == ["someone/figures"]
    for said in ("content dddddddddddd", "| verifier | 2 |", "| steps | 12 |", "too_long 3", "| tokens | 12,345 |",
                 "| 100 | 0.01 | 0.1 |", "![Curves by step](curves.png)", "Not evaluated yet.",
                 '"learning_rate": 5e-07'):  # fmt: skip
        assert said in text
    assert sum(line.startswith("| ") and line.count("|") == 4 for line in text.splitlines()) <= 14
    assert (run.model / "curves.png").read_bytes() == b"PNG"


def test_a_loops_model_says_all_of_it(home, colour_rows, write_version):
    """Data version, its recipe, verifier, curves, evaluation: of an RL model that began with an SFT run."""
    version = write_version(home, colour_rows(8))
    base = start(record(name="base", data=version.ref, data_hash=version.manifest.content_hash), home)
    run = start(record(name="better", kind="rl", model="base", data=version.ref,
                       data_hash=version.manifest.content_hash, settings={"beta": 0.01}), home)  # fmt: skip
    run.model.mkdir()
    run.log_path.write_text('{"step": 1, "reward": 0.5, "kl": 0.1}\n{"step": 2, "reward": 0.75, "kl": 0.2}\n')
    renew_card(finish(run, RESULT), home)
    text = (run.model / "README.md").read_text()
    assert yaml.safe_load(text.split("---\n")[1])["base_model"] == base.record.model
    made_by = version.manifest.recipe_hash[:12]
    for said in ("| data | colours@v1, content ", f"| recipe of the data | colours, sha256 {made_by}",
                 "; in the beginning from Qwen/Qwen2.5-VL-7B-Instruct |", "| 2 | 0.75 | 0.2 |",
                 "](curves.png)"):  # fmt: skip
        assert said in text
    assert (run.model / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_hostile_text_stays_inert(home):
    hostile = "x | y\n---\n# Owned <script>alert(1)</script> ![i](http://x) ```"
    run = start(record(model=hostile, data=hostile, parents=[hostile], settings={"a": "```\n# Owned"}), home)
    run.model.mkdir()
    evaluated = {"name": hostile, "answers": 9, "accuracy": "33.3%", "interval": "a", "words": "7", "verifier": "3"}
    made = {"name": hostile, "hash": hostile, "made_by": hostile}
    text = render_card(run, [evaluated], hostile + "!", made)
    assert text.split("## Evaluation")[1].count("| 9 | 33.3% | a | 7 | 3 |") == 1
    assert "<script>" not in text
    assert "![i](" not in text
    assert "\n# Owned" not in text.replace("````json\n{", "").split("## Settings")[0]
    assert text.count("\n# ") == 1
