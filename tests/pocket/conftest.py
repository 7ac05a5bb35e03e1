"""A tiny untrained pocket on disk: as fast as a model gets, and as real."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tokenizer(load_file):
    return load_file("../examples/pocket_training/train").learn_tokenizer(seed=1, count=150)


@pytest.fixture(scope="session")
def tiny_config(tokenizer):
    from architecture import TEXT, VISION, make_config

    text = TEXT | {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 2,
                   "num_key_value_heads": 2, "max_position_embeddings": 512}  # fmt: skip
    vision = VISION | {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2,
                       "fullatt_block_indexes": [0], "out_hidden_size": 64}  # fmt: skip
    return make_config(tokenizer, text, vision)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, tokenizer, tiny_config) -> Path:
    import torch
    from architecture import build, save, save_processor

    folder = tmp_path_factory.mktemp("tiny")
    save_processor(tokenizer, folder)
    model = build(tiny_config, seed=3)
    with torch.no_grad():  # untrained but not trivial: replies must depend on the prompt
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
    save(model, folder)
    return folder
