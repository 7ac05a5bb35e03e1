"""What a checkpoint's files may not ask for: Python of their own (`auto_map`), and kernels from the Hub.

transformers asks on standard input whether to run such code unless it is told False in every `from_pretrained`, and a
`y` that happens to be there means yes. Imports no such library: its objects and errors come in as arguments.
"""

import re
from typing import Any

from ovt.core.errors import OvtError

NEEDS_CODE = re.compile(r"trust_remote_code|custom code|auto_map")
UNSUPPORTED = "ovt runs no code that comes with a model: choose one that transformers has built in"


def cannot_load(where: Any, what: str, error: Exception) -> OvtError:
    """What a library said when it failed to load a model's files, in one line. what: "as a vision-language model"."""
    said = next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
    if NEEDS_CODE.search(str(error)):
        return OvtError(f"{where} cannot be loaded without running the Python code that it names", UNSUPPORTED)
    return OvtError(f"cannot load {where}{what and ' '}{what}: {said}")


def refuse_kernels(where: Any, config: Any) -> None:
    """OvtError for a configuration, or a part of one, whose attention is a Hub repository, which is code."""
    parts = [config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))]
    for part in parts:
        asked = getattr(part, "_attn_implementation", None)
        if isinstance(asked, str) and "/" in asked:
            raise OvtError(f"{where} asks for attention code from the Hub ({asked!r:.80})", UNSUPPORTED)


def without_code(config: Any) -> Any:
    """A configuration file's content without `auto_map`, at any depth: the model trained here comes with no
    Python files, and whoever loads it should not be asked to run any."""
    if isinstance(config, dict):
        return {key: without_code(value) for key, value in config.items() if key != "auto_map"}
    return [without_code(value) for value in config] if isinstance(config, list) else config
