"""`max_pixels` in the terms of each family's processor.

Qwen2-VL and later, GLM-4V        size.longest_edge, the pixels of an image; the processor scales it down
Idefics3, SmolVLM                 size.longest_edge, the longer side: every image is scaled to it, then cut into tiles
InternVL                          max_patches, the tiles that an image is cut into
LLaVA-OneVision, Mistral 3        nothing of the kind: images are scaled down before the processor sees them
Gemma 3, LLaVA                    every image has one size, whatever it was before
"""

import math
from typing import Any


def limit_pixels(processor: Any, max_pixels: int) -> None:
    """Limits the images of a processor to `max_pixels`, and never above its own limit; there is always one tile."""
    images = processor.image_processor
    size = getattr(images, "size", None) or {}
    longest = size.get("longest_edge") or getattr(images, "max_pixels", None)
    shortest = size.get("shortest_edge") or getattr(images, "min_pixels", None)
    if longest and shortest:
        limit_area(images, min(max_pixels, longest), shortest)
    elif longest and (tile := (getattr(images, "max_image_size", None) or {}).get("longest_edge")):
        images.size = {"longest_edge": min(longest, tile * max(1, math.isqrt(max_pixels) // tile))}
    elif hasattr(images, "max_patches"):
        tile_pixels = size["height"] * size["width"]
        images.max_patches = max(1, min(images.max_patches, max_pixels // tile_pixels))
        images.min_patches = min(images.min_patches, images.max_patches)
    elif longest or getattr(images, "image_grid_pinpoints", None):
        processor.most_pixels = max_pixels


def limit_area(images: Any, most: int, shortest: int) -> None:
    """Sets the limit under the names of every transformers release."""
    images.size = {"shortest_edge": min(shortest, most), "longest_edge": most}
    for name, value in (("max_pixels", most), ("min_pixels", min(shortest, most))):
        if hasattr(images, name):
            setattr(images, name, value)


def shrunk(image: Any, max_pixels: int | None) -> Any:
    """A picture of at most `max_pixels` (None: of any size), in its proportions."""
    if max_pixels is None or image.width * image.height <= max_pixels:
        return image
    scale = math.sqrt(max_pixels / (image.width * image.height))
    return image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))))


def most_pixels(processor: Any) -> int | None:
    """The size that images are to be scaled down to before this processor sees them; None where it does that itself."""
    return getattr(processor, "most_pixels", None)
