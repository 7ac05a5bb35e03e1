"""Models by name, and what goes with them."""

import json
import shutil

import pytest
import torch

from ovt.core.errors import OvtError
from ovt.pocket import WEIGHTS
from ovt.train import models
from ovt.train.models import load_model, load_processor, resolve_model, weights_revision
from ovt.train.runs import RunRecord, finish, start


def test_a_name_leads_to_a_model(home, small_vlm):
    assert resolve_model("pocket", home) == str(WEIGHTS)
    assert resolve_model(str(small_vlm), home) == str(small_vlm)
    assert resolve_model("Qwen/Qwen2.5-VL-7B-Instruct", home) == "Qwen/Qwen2.5-VL-7B-Instruct"
    run = start(RunRecord(name="mine", kind="sft", model="pocket", ovt_version="0"), home)
    with pytest.raises(OvtError, match="run mine is not finished"):
        resolve_model("mine", home)
    finish(run, {})
    assert resolve_model("mine", home) == str(run.model)


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("pockt", "did you mean pocket?"),
        ("a b", "give pocket, a run's name"),
        ("Qwen/Qwen2.5--VL", "no model at 'Qwen/Qwen2.5--VL': give pocket"),  # no Hub id: `--` parts names in its cache
        ("you/model.git", "no model at"),
        ("a" * 300, "no model at"),
        ("~nosuchuser/model", "no model at"),
    ],
)
def test_what_is_no_model_is_one_line(home, ref, told):
    with pytest.raises(OvtError, match=told):
        resolve_model(ref, home)


def test_a_folder_without_a_model_is_one_line(home, tmp_path):
    with pytest.raises(OvtError, match=r"no model in .*config\.json"):
        resolve_model(str(tmp_path), home)


def test_a_text_model_is_refused_in_one_line(tmp_path, small_vlm):
    for path in small_vlm.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(OvtError, match="as a vision-language model") as raised:
        load_model(str(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_model_without_a_chat_template_is_refused_in_one_line(tmp_path, small_vlm):
    for path in small_vlm.iterdir():
        if path.name != "chat_template.jinja":
            shutil.copyfile(path, tmp_path / path.name)
    with pytest.raises(OvtError, match=r"has no chat template: add chat_template\.jinja"):
        load_processor(str(tmp_path))


def test_pixels_are_lowered_but_never_raised(small_vlm):
    from PIL import Image

    def tokens(max_pixels: int | None, side: int) -> int:
        processor = load_processor(str(small_vlm), max_pixels)
        seen = processor(images=[Image.new("RGB", (side, side))], text=["<|image_pad|>"], return_tensors="pt")
        return int(seen["image_grid_thw"].prod()) // 4

    assert tokens(None, 112) == 16
    assert tokens(10**9, 1120) == 16
    assert tokens(56 * 56, 112) == 4


def test_the_revision_follows_the_weights(tmp_path, small_vlm):
    for path in small_vlm.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    assert weights_revision(str(tmp_path)) == weights_revision(str(small_vlm))
    model = load_model(str(tmp_path), dtype=torch.float32)
    with torch.no_grad():
        next(model.parameters()).add_(1)
    model.save_pretrained(tmp_path)
    assert weights_revision(str(tmp_path)) != weights_revision(str(small_vlm))


def test_a_hub_that_cannot_be_reached_names_no_revision(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert weights_revision("you/model") is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "\nPixtralProcessor requires the Torchvision library but it was not found",
            r"pip install 'ovt\[torchvision\]'",
        ),
        ("Package `num2words` is required. Install it with `pip install num2words`.", "needs num2words: pip install"),
    ],
)
def test_a_package_that_a_processor_needs_is_one_line(small_vlm, monkeypatch, said, told):
    def missing(where: str) -> None:
        raise ImportError(said)

    monkeypatch.setattr(models, "open_processor", missing)
    with pytest.raises(OvtError, match=told) as raised:
        load_processor(str(small_vlm))
    assert "\n" not in str(raised.value)
