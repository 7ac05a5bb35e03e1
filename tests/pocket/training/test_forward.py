import pytest
import torch
from batches import PICTURE_AT, VISUAL_TOKENS, make_batch, make_rows
from forward import Net, image_positions, to_patches
from PIL import Image

from ovt.pocket import figures as pocket
from ovt.pocket.model import load_model, load_processor

FAMILIES = sorted(pocket.FAMILIES)


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
