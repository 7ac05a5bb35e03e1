"""The attacks are a module beside their tests: they also run outside of pytest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
