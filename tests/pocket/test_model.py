import pytest
import torch
from PIL import Image

from ovt.core.errors import OvtError
from ovt.pocket import figures as pocket
from ovt.pocket.model import build, load_model, load_processor, save
from ovt.pocket.tokenizer import user_turn
from ovt.pocket.training.forward import Net, image_positions, to_patches
from ovt.pocket.training.rows import PICTURE_AT, VISUAL_TOKENS, make_batch, make_rows
from ovt.pocket.weights import WEIGHTS

FAMILIES = sorted(pocket.FAMILIES)


def test_the_shipped_checkpoint_is_small_and_loads_as_a_real_qwen():
    from transformers import AutoModelForImageTextToText, Qwen2_5_VLForConditionalGeneration

    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 10_000_000
    model = AutoModelForImageTextToText.from_pretrained(WEIGHTS, local_files_only=True)
    assert isinstance(model, Qwen2_5_VLForConditionalGeneration)
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def test_a_saved_model_comes_back_the_same(tmp_path, tiny_folder):
    model = load_model(tiny_folder)
    save(model, tmp_path, processor_from=tiny_folder)
    again = load_model(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert load_processor(tmp_path).chat_template == load_processor(tiny_folder).chat_template


def test_building_is_seeded(tiny_config):
    one, same, other = (build(tiny_config, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_folder_without_a_model_is_a_clear_error(tmp_path):
    with pytest.raises(OvtError, match=r"no model in .*config\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("size", [(112, 112), (64, 64), (500, 500), (300, 40)])
def test_the_processor_brings_any_picture_to_the_same_size(size):
    processor = load_processor(WEIGHTS)
    seen = processor(images=[Image.new("RGB", size, "red")], text=[user_turn("x", 1)], return_tensors="pt")
    tokens = (seen["input_ids"] == processor.image_token_id).sum()
    assert tokens == seen["image_grid_thw"].prod() // 4 <= 2 * VISUAL_TOKENS
    if size[0] == size[1]:
        assert tokens == VISUAL_TOKENS


def test_training_rows_are_what_the_processor_makes(tokenizer, tiny_folder):
    """Ids, patches and positions of the fast path are those of the chat template, processor and model."""
    processor, model = load_processor(tiny_folder), load_model(tiny_folder)
    for kind in ("caption", "direct"):
        row = make_rows(1, kind, [5], FAMILIES, tokenizer)[0]
        assert row.picture is not None
        text = tokenizer.decode(row.ids[: row.start]).replace("<|image_pad|>" * VISUAL_TOKENS, "<|image_pad|>")
        seen = processor(images=[Image.fromarray(row.picture)], text=[text], return_tensors="pt")
        assert seen["input_ids"][0].tolist() == row.ids[: row.start]
        patches = seen["pixel_values"].view(64, 3, 2, 196)[:, :, 0].flatten(1)
        assert torch.allclose(patches, to_patches(torch.tensor(row.picture)[None])[0], atol=1e-6)
        positions, _ = model.model.get_rope_index(
            seen["input_ids"], seen["mm_token_type_ids"], image_grid_thw=seen["image_grid_thw"]
        )
        assert torch.equal(positions[:, 0], image_positions(PICTURE_AT, row.start))


@pytest.mark.parametrize("kind", ["caption", "reason", "direct"])
def test_the_training_forward_is_transformers_own(kind, tokenizer, tiny_folder):
    model = load_model(tiny_folder)
    processor = load_processor(tiny_folder)
    batch = make_batch(kind, make_rows(1, kind, range(4), FAMILIES, tokenizer))
    at = None if batch.pixels is None else PICTURE_AT
    fast = Net(model, compiled=False).loss(batch.ids, batch.weights, batch.pixels, at, batch.skip)
    seen = {}
    if batch.pixels is not None:
        images = processor.image_processor([Image.fromarray(p.numpy()) for p in batch.pixels], return_tensors="pt")
        kinds = (batch.ids[:, :-1] == model.config.image_token_id).int()
        seen = {"pixel_values": images["pixel_values"], "image_grid_thw": images["image_grid_thw"],
                "mm_token_type_ids": kinds}  # fmt: skip
    with torch.no_grad():
        logits = model(input_ids=batch.ids[:, :-1], **seen).logits
    slow = -(logits.log_softmax(-1).gather(-1, batch.ids[:, 1:, None])[..., 0] * batch.weights).sum()
    assert fast.item() == pytest.approx(slow.item(), rel=0.02)  # bfloat16 against float32
