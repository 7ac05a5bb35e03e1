"""The embedded world: figures, and a small model of them; plugs in as anybody's plugin does."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""pocket's folder, as transformers and vLLM load it: it describes figures, and reasons over descriptions."""

WEIGHTS_VL = Path(__file__).parent / "weights_vl"
"""pocket-vl's: it answers beside figures, with care or at a glance."""

SHIPPED = {"pocket": WEIGHTS, "pocket-vl": WEIGHTS_VL}
