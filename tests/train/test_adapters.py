"""A stranger's LoRA adapter: what it may ask for, and what ends in one line before peft reads it."""

import json
import shutil

import pytest

from ovt.core.errors import OvtError
from ovt.train import patterns
from ovt.train.adapters import check_adapter, merged, patterns_of
from ovt.train.models import load_model

LAYERS = [f"model.language_model.layers.{at}.self_attn.{name}_proj" for at in range(80) for name in "qkvo"]
HANGS = r"(([a-z_.0-9])+)+X"


@pytest.fixture
def adapter(tmp_path):
    """Writes an adapter's folder, with weights that nobody reads."""

    def write(base="a/b", **changes) -> str:
        config = {"peft_type": "LORA", "base_model_name_or_path": str(base), "r": 4, "target_modules": ["q_proj"]}
        (tmp_path / "adapter_config.json").write_text(json.dumps(config | changes))
        (tmp_path / "adapter_model.safetensors").write_bytes(b"")
        return str(tmp_path)

    return write


@pytest.mark.parametrize(
    "changes",
    [
        {"rank_pattern": {}, "alpha_pattern": None, "layers_pattern": None, "layer_replication": None},
        {"target_modules": "all-linear", "rank_pattern": {"model.layers.0.self_attn.q_proj": 8}},
        {"target_modules": r"^(?:.*?(?:language_model).*?(?:self_attn|mlp).*?(?:q_proj|k_proj)).*?$"},
        {"target_modules": r"^(?!.*patch_embed).*(?:gate_proj|q_proj).*", "exclude_modules": r".*\b(visual|audio)\b.*"},
        {
            "target_modules": r"^(language_model(?=\.).*\.(q_proj|v_proj))$",
            "rank_pattern": {r"^layers\.\d+\.q_proj": 8},
        },
        {"modules_to_save": [r"layers\.\d+\.norm"], "layers_to_transform": [1], "layers_pattern": "(layers|blocks)"},
    ],
)
def test_what_peft_and_other_trainers_write_is_accepted(adapter, changes):
    check_adapter(adapter(**changes), LAYERS)


@pytest.mark.parametrize("pattern", [[1], "abc"])
def test_ranks_that_are_no_table_are_one_line(adapter, pattern):
    with pytest.raises(OvtError, match=r"has ranks .*: expected whole numbers from 1 to 8,192"):
        check_adapter(adapter(rank_pattern=pattern), LAYERS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("target_modules", HANGS),
        ("exclude_modules", HANGS),
        ("modules_to_save", ["lm_head", HANGS]),
        ("layers_pattern", [HANGS]),
        ("rank_pattern", {HANGS: 4}),
        ("alpha_pattern", {HANGS: 4}),
    ],
)
def test_all_that_peft_takes_as_a_pattern_is_found(key, value):
    assert [HANGS in pattern for pattern in patterns_of({"target_modules": ["q_proj"], key: value})] == [True]


def test_patterns_that_never_end_are_one_line(adapter, monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 1)
    for pattern in (HANGS, "(q_proj"):  # and one that is none
        with pytest.raises(OvtError, match=r"names layers by .* which cannot be matched in reasonable time: list the"):
            check_adapter(adapter(target_modules=pattern), LAYERS[:4])


def test_layers_are_not_repeated(adapter):
    with pytest.raises(OvtError, match="repeats layers of its base, without limit"):
        check_adapter(adapter(layer_replication=[[0, 2]] * 10_000), LAYERS)


def test_whatever_peft_cannot_read_is_one_line(adapter, small_vlm):
    """`alpha_pattern` as a list is an AttributeError there."""
    model = load_model(str(small_vlm))
    with pytest.raises(OvtError, match="as a LoRA adapter"):
        merged(model, adapter(small_vlm, alpha_pattern=["q_proj"]))


def test_a_base_that_holds_an_adapter_is_refused(adapter, tmp_path, small_vlm):
    """transformers would load that one by itself."""
    base = tmp_path / "base"
    shutil.copytree(small_vlm, base)
    shutil.copy(f"{adapter(small_vlm)}/adapter_config.json", base)
    with pytest.raises(OvtError, match=r"base is a LoRA adapter, or holds one \(adapter_config\.json\)"):
        load_model(adapter(base))
