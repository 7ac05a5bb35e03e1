"""Fixtures shared by all tests."""

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before anything that computes is imported: tests run beside each other, and their models are too small to share out.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"  # else `datasets` tells the Hub's counters of each file that it loads

from ovt.core.home import Home

# What makes small models for tests, and for forks what starts commands; last, so that no name hides another's.
sys.path += [str(Path(__file__).parents[1] / "examples" / "pocket_training"), str(Path(__file__).parent)]

# How long an example takes depends on what else runs; a failure prints what reproduces it.
# The same examples in every run; `pytest --hypothesis-profile explore` looks for new ones.
settings.register_profile("ovt", deadline=None, print_blob=True, max_examples=60, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1_000)
settings.load_profile("ovt")

# A script's background job has SIGINT ignored, and so would the commands that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_agreements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the user of this machine has agreed to counts in no test, and tests write nothing there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of its own, in which nothing is agreed to."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("ovt.core.agreed._now", set())
    return tmp_path / "config" / "ovt"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def loopback() -> Iterator[Any]:
    """A started OpenAI-compatible server on this machine (tests/loopback.py says what it can do)."""
    with load("loopback").Loopback() as server:
        yield server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A started stand-in for the Hugging Face Hub (tests/hub.py says what it can do)."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with load("hub").Hub() as server:
        yield server


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Figures are put together and then not rendered, which takes longer than training a small model: what would be
    a file holds the panels' titles. The tests of plots and of core render them.
    """

    def titles(figure: Any, kind: str) -> bytes:
        return "\n".join(ax.get_title("left") for ax in figure.axes).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ovt.core.plots._render", titles)
        yield


@pytest.fixture(scope="session")
def load_file() -> Callable[[str], Any]:
    """`load_file("hub")`: the module tests/hub.py."""
    return load


def load(name: str) -> Any:
    """The module tests/NAME.py; tests are no package."""
    module = name.replace("/", "_")
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module])
    return sys.modules[module]


@pytest.fixture(scope="session")
def small_vlm(tmp_path_factory) -> Path:
    """A folder with an untrained Qwen2.5-VL of 0.2 M parameters; a picture of 56x56 px is 4 visual tokens."""
    import torch
    from architecture import TEXT, VISION, build, make_config, save_processor
    from transformers import AutoTokenizer

    from ovt.pocket import WEIGHTS

    folder = tmp_path_factory.mktemp("small-vlm")
    tokenizer: Any = AutoTokenizer.from_pretrained(WEIGHTS)
    save_processor(tokenizer, folder)
    pixels = json.loads((folder / "preprocessor_config.json").read_text()) | {"min_pixels": 784, "max_pixels": 12544}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    text = TEXT | {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 2,
                   "num_key_value_heads": 2, "max_position_embeddings": 512}  # fmt: skip
    vision = VISION | {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2,
                       "fullatt_block_indexes": [0], "out_hidden_size": 64}  # fmt: skip
    model = build(make_config(tokenizer, text, vision), seed=3)
    model.to(torch.float32).save_pretrained(folder)
    return folder
