"""The embedded world: figures, and a small model of them; plugs in as anybody's plugin does."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""The model's folder, as transformers and vLLM load it."""
