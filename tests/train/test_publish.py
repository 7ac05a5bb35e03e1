"""A model for others. The card says what made it, and nothing in a record can break out of it; pushed to the stand-in
for the Hub: what is sent, what stays here, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi

from ovt import pocket
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.hub.push import publish
from ovt.train.publish import data_recipe, prepare_run, render_card, renew_card, wrap_up, write_card
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


def test_a_damaged_evaluation_or_run_is_left_out_and_told(home, capsys):
    start(record(name="base"), home)
    run = start(record(name="better", model="base"), home)
    run.model.mkdir()
    for path in (home.evals / "cut" / "result.json", home.runs / "base" / "run.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    write_card(finish(run, RESULT), home)
    assert "Not evaluated yet." in (run.model / "README.md").read_text()
    assert "ovt: warning: not on the model's card: " in (said := capsys.readouterr().err)
    assert "cut/result.json cannot be read" in said


@pytest.mark.parametrize("kept", [False, True])
def test_what_a_stopped_run_left_undone_is_done_once(home, kept):
    run = finish(start(record(), home), RESULT)
    for folder in (run.model, run.checkpoints):
        folder.mkdir()
    assert wrap_up(run, home, kept).card.count("# first") == 1
    assert run.checkpoints.exists() == kept
    (run.model / "README.md").write_text("my own words")
    assert wrap_up(run, home).card == "my own words"


def test_a_mixture_of_data_sets_names_each(home):
    run = start(record(data="you/one@v1:2,you/two@v2,charts@v3:0.5"), home)
    head = yaml.safe_load(render_card(run, [], "pocket").split("---\n")[1])
    assert head["datasets"] == ["you/one", "you/two"]
    many = "you/one@v1," + ",".join(f"charts-{number}@v1" for number in range(40))  # longer than any file's name
    assert data_recipe(record(data=many), home) is None


def test_hostile_text_stays_inert(home):
    hostile = "x | y\n---\n# Owned <script>alert(1)</script> ![i](http://x) ```"
    run = start(record(model=hostile, data=hostile, parents=[hostile], settings={"a": "```\n# Owned"}), home)
    run.model.mkdir()
    evaluated = {"name": hostile, "answers": 9, "accuracy": "33.3%", "interval": "a", "words": "7", "verifier": "3",
                 "benchmark": None, "readings": {}}  # fmt: skip
    made = {"name": hostile, "hash": hostile, "made_by": hostile}
    text = render_card(run, [evaluated], hostile + "!", made)
    assert text.split("## Evaluation")[1].count("| 9 | 33.3% | a | 7 | 3 |") == 1
    assert "<script>" not in text
    assert "![i](" not in text
    assert "\n# Owned" not in text.replace("````json\n{", "").split("## Settings")[0]
    assert text.count("\n# ") == 1


REPO = "models/you/pocket"


@pytest.fixture
def api(hub) -> HfApi:
    return HfApi(hub.url, token=next(iter(hub.tokens)))


@pytest.fixture
def pushable(tmp_path):
    """A finished run with pocket's own weights as its model, and what a trainer leaves beside them."""
    started = start(RunRecord(name="first", kind="sft", model="pocket", ovt_version="0"), Home(tmp_path))
    shutil.copytree(Path(pocket.__file__).parent / "weights", started.model, ignore=shutil.ignore_patterns("__*"))
    for name in ("optimizer.pt", "training_args.bin", "rng_state.pth", "trainer_state.json", ".lock"):
        (started.model / name).write_bytes(b"x")
    return finish(started, {"steps": 3})


def test_a_model_arrives_with_card_and_record_and_comes_back(hub, api, pushable, tmp_path):
    revision = prepare_run(pushable, "you/pocket", None, {})
    pushed = publish(revision, api)
    assert (pushed.outcome, pushed.tag, pushed.url) == ("pushed", "first", f"{hub.url}/you/pocket/tree/first")
    there = hub.files(REPO, "first")
    sent = {path.name for path in pushable.model.iterdir() if path.suffix in (".json", ".safetensors", ".jinja", ".md")}
    assert set(there) == {".gitattributes", "run.json", *sent - {"trainer_state.json"}}
    assert there["model.safetensors"] == (pushable.model / "model.safetensors").read_bytes()
    folder = Path(api.snapshot_download("you/pocket", revision="first", cache_dir=tmp_path / "cache"))
    assert (folder / "config.json").read_bytes() == (pushable.model / "config.json").read_bytes()
    assert publish(revision, api).outcome == "there"
    (pushable.model / "curves.png").write_bytes(b"drawn since")
    assert publish(prepare_run(pushable, "you/pocket", None, {}), api).outcome == "there"  # the same model, better told


def test_other_weights_under_the_same_tag_are_refused(hub, api, pushable):
    publish(prepare_run(pushable, "you/pocket", "best", {}), api)
    weights = pushable.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(OvtError, match=r"you/pocket@best holds different content \(1 files differ, such as model\.saf"):
        publish(prepare_run(pushable, "you/pocket", "best", {}), api)
    weights.rename(weights.with_name("model-00001-of-00001.safetensors"))
    assert publish(prepare_run(pushable, "you/pocket", "next", {}), api).removed == ("model.safetensors",)


def test_what_is_not_fit_to_push(pushable, tmp_path):
    (pushable.model / "README.md").write_text("Made with HF_TOKEN=hf_" + "abcdefghij" * 4)
    with pytest.raises(OvtError, match=r"a Hugging Face token in README\.md, line 1"):
        prepare_run(pushable, "you/pocket", None, {})
    (pushable.model / "README.md").unlink()
    with pytest.raises(OvtError, match=r"has no README\.md: write it with `ovt train card"):
        prepare_run(pushable, "you/pocket", None, {})
    (pushable.model / "model.safetensors").unlink()
    with pytest.raises(OvtError, match="pickles are not pushed"):
        prepare_run(pushable, "you/pocket", None, {})
    (pushable.model / "config.json").unlink()
    with pytest.raises(OvtError, match=r"has no config\.json"):
        prepare_run(pushable, "you/pocket", None, {})
    unfinished = start(RunRecord(name="second", kind="sft", model="pocket", ovt_version="0"), Home(tmp_path))
    with pytest.raises(OvtError, match="run second is not finished"):
        prepare_run(unfinished, "you/pocket", None, {})
