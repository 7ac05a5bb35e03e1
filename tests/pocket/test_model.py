import shutil
from pathlib import Path

import pytest
from PIL import Image

from ovt.core.errors import OvtError
from ovt.pocket import SHIPPED, WEIGHTS
from ovt.pocket.model import load_model, load_processor

VISUAL_TOKENS = 16  # of a square picture


@pytest.mark.parametrize("folder", SHIPPED.values(), ids=SHIPPED)
def test_a_shipped_checkpoint_is_small_and_loads_as_a_real_qwen(folder):
    from transformers import AutoModelForImageTextToText, Qwen2_5_VLForConditionalGeneration

    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True)
    assert isinstance(model, Qwen2_5_VLForConditionalGeneration)
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def test_a_folder_without_a_model_is_a_clear_error(tmp_path):
    with pytest.raises(OvtError, match=r"no model in .*config\.json"):
        load_model(tmp_path)


def test_damaged_weights_are_a_clear_error(tmp_path):
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "model"))
    weights = folder / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-5_000])
    with pytest.raises(OvtError, match=r"cannot load .*model as a model: Error while deserializing"):
        load_model(folder)


@pytest.mark.parametrize("size", [(112, 112), (64, 64), (500, 500), (300, 40)])
def test_the_processor_brings_any_picture_to_the_same_size(size):
    processor = load_processor(WEIGHTS)
    seen = processor(
        images=[Image.new("RGB", size, "red")],
        text=["<|vision_start|><|image_pad|><|vision_end|>x"],
        return_tensors="pt",
    )
    tokens = (seen["input_ids"] == processor.image_token_id).sum()
    assert tokens == seen["image_grid_thw"].prod() // 4 <= 2 * VISUAL_TOKENS
    if size[0] == size[1]:
        assert tokens == VISUAL_TOKENS
