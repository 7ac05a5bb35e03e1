"""Pocket's weights: a folder that transformers and vLLM load as it is."""

from pathlib import Path

WEIGHTS = Path(__file__).parent
