"""Tokens after the prompt are those that transformers' own forward gives, whatever their neighbours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ovt.curate.endpoints.embedded import Row
from ovt.pocket.model import load_model
from ovt.train import decoding
from ovt.train.decoding import Cache, Prompt, Vocabulary, decode, generate, prefill
from ovt.train.qwen import is_plain, text_of

PROMPTS = [Prompt([9, 14, 30]), Prompt([40, 41, 42, 43, 44, 45, 46])]


@pytest.fixture(scope="module", params=["as many keys as queries", "shared keys", "a window"])
def model(request, small_vlm: Path):
    """The small model; also with keys that two queries share, and with a window of four tokens in one layer."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    model = load_model(small_vlm)
    config: Any = model.config
    if request.param == "shared keys":
        config.text_config.num_key_value_heads = 1
    if request.param == "a window":
        config.text_config.layer_types = ["full_attention", "sliding_attention"]
        config.text_config.sliding_window = 4
    torch.manual_seed(1)
    made = Qwen2_5_VLForConditionalGeneration(config).eval()
    for weight in made.parameters():
        weight.data.normal_(std=0.2)
    return made


def whole(model, ids: list[int]) -> torch.Tensor:
    """The logits after all of a row's tokens, by one forward over it alone."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


def test_each_token_is_decoded_as_by_a_forward_over_the_whole_row(model, monkeypatch):
    monkeypatch.setattr(decoding, "ROOM", 2)  # grows more than once
    with torch.inference_mode():
        logits, cache = prefill(model, PROMPTS, 0, torch.float32)
        rows = [list(prompt.ids) for prompt in PROMPTS]
        for step in range(6):
            for row, told in zip(rows, logits, strict=True):
                assert torch.allclose(told, whole(model, row), atol=1e-4)
            tokens = torch.tensor([50 + step, 60 + step])
            for row, token in zip(rows, tokens.tolist(), strict=True):
                row.append(token)
            logits = decode(model, text_of(model, torch.float32), cache, tokens)


def test_rows_that_are_picked_go_on_as_they_were(model):
    with torch.inference_mode():
        _, cache = prefill(model, PROMPTS, 0, torch.float32)
        cache.pick(torch.tensor([1, 1, 0]))
        text = text_of(model, torch.float32)
        logits = decode(model, text, cache, torch.tensor([70, 71, 72]))
    for told, ids in zip(logits, ([*PROMPTS[1].ids, 70], [*PROMPTS[1].ids, 71], [*PROMPTS[0].ids, 72]), strict=True):
        assert torch.allclose(told, whole(model, ids), atol=1e-4)
    assert isinstance(cache, Cache)
    assert cache.length == 8


def test_replies_are_told_as_they_end_with_the_token_that_ended_them(model):
    ends, told = frozenset(range(0, 896, 7)), []
    rows = [Row(at % 2, np.random.default_rng(at), max_tokens=12) for at in range(8)]
    generate(model, PROMPTS, rows, Vocabulary(ends, str), told.append)
    assert len(told) == 8
    assert {row.finish for row in rows} <= {"stop", "length"}
    for row in rows:
        assert (row.end in ends) == (row.finish == "stop")
        assert not ends & set(row.ids)


def test_half_precision_is_near(model):
    with torch.inference_mode():
        exact, _ = prefill(model, PROMPTS, 0, torch.float32)
        after = []
        for dtype in (torch.float32, torch.bfloat16):
            _, cache = prefill(model, PROMPTS, 0, dtype)
            after.append(decode(model, text_of(model, dtype), cache, exact.argmax(-1)).log_softmax(-1))
    assert (after[0] - after[1]).abs().mean() < 0.05


def test_only_a_model_that_is_all_plain_layers_is_learned_from_here(small_vlm):
    from peft import LoraConfig, get_peft_model

    model = load_model(small_vlm)
    assert is_plain(model)
    assert not is_plain(get_peft_model(model, LoraConfig(target_modules="all-linear")))
    windowed: Any = load_model(small_vlm)
    windowed.config.text_config.layer_types = ["sliding_attention", "full_attention"]
    assert not is_plain(windowed)
