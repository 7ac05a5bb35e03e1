"""Pushing a model to the stand-in for the Hub: what is sent, what stays here, and what is refused."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from ovt import pocket
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.hub.push import publish
from ovt.train.push import prepare_run
from ovt.train.runs import RunRecord, finish, start

REPO = "models/you/pocket"


@pytest.fixture
def api(hub) -> HfApi:
    return HfApi(hub.url, token=next(iter(hub.tokens)))


@pytest.fixture
def run(tmp_path):
    """A finished run with pocket's own weights as its model, and what a trainer leaves beside them."""
    started = start(RunRecord(name="first", kind="sft", model="pocket", ovt_version="0"), Home(tmp_path))
    shutil.copytree(Path(pocket.__file__).parent / "weights", started.model, ignore=shutil.ignore_patterns("__*"))
    for name in ("optimizer.pt", "training_args.bin", "rng_state.pth", "trainer_state.json", ".lock"):
        (started.model / name).write_bytes(b"x")
    return finish(started, {"steps": 3})


def test_a_model_arrives_with_card_and_record_and_comes_back(hub, api, run, tmp_path):
    revision = prepare_run(run, "you/pocket", None, {})
    pushed = publish(revision, api)
    assert (pushed.outcome, pushed.tag, pushed.url) == ("pushed", "first", f"{hub.url}/you/pocket/tree/first")
    there = hub.files(REPO, "first")
    sent = {path.name for path in run.model.iterdir() if path.suffix in (".json", ".safetensors", ".jinja", ".md")}
    assert set(there) == {".gitattributes", "run.json", *sent - {"trainer_state.json"}}
    assert there["model.safetensors"] == (run.model / "model.safetensors").read_bytes()
    folder = Path(api.snapshot_download("you/pocket", revision="first", cache_dir=tmp_path / "cache"))
    assert (folder / "config.json").read_bytes() == (run.model / "config.json").read_bytes()
    assert publish(revision, api).outcome == "there"
    (run.model / "curves.png").write_bytes(b"drawn since")
    assert publish(prepare_run(run, "you/pocket", None, {}), api).outcome == "there"  # the same model, better told


def test_other_weights_under_the_same_tag_are_refused(hub, api, run):
    publish(prepare_run(run, "you/pocket", "best", {}), api)
    weights = run.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(OvtError, match=r"you/pocket@best holds other content \(1 files differ, such as model\.safe"):
        publish(prepare_run(run, "you/pocket", "best", {}), api)
    weights.rename(weights.with_name("model-00001-of-00001.safetensors"))
    assert publish(prepare_run(run, "you/pocket", "next", {}), api).removed == ("model.safetensors",)


def test_what_is_not_fit_to_push(run, tmp_path):
    (run.model / "README.md").write_text("Made with HF_TOKEN=hf_" + "abcdefghij" * 4)
    with pytest.raises(OvtError, match=r"a Hugging Face token in README\.md, line 1"):
        prepare_run(run, "you/pocket", None, {})
    (run.model / "README.md").unlink()
    with pytest.raises(OvtError, match=r"has no README\.md: write it with `ovt train card"):
        prepare_run(run, "you/pocket", None, {})
    (run.model / "model.safetensors").unlink()
    with pytest.raises(OvtError, match="pickles are not pushed"):
        prepare_run(run, "you/pocket", None, {})
    (run.model / "config.json").unlink()
    with pytest.raises(OvtError, match=r"has no config\.json"):
        prepare_run(run, "you/pocket", None, {})
    unfinished = start(RunRecord(name="second", kind="sft", model="pocket", ovt_version="0"), Home(tmp_path))
    with pytest.raises(OvtError, match="run second is not finished"):
        prepare_run(unfinished, "you/pocket", None, {})
