"""Pocket's weights: a folder that transformers and vLLM load unchanged."""

from pathlib import Path

WEIGHTS = Path(__file__).parent
