import torch
from architecture import build, save

from ovt.pocket.model import load_model, load_processor


def test_a_saved_model_comes_back_the_same(tmp_path, tiny_folder):
    model = load_model(tiny_folder)
    save(model, tmp_path, processor_from=tiny_folder)
    again = load_model(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert load_processor(tmp_path).chat_template == load_processor(tiny_folder).chat_template


def test_building_is_seeded(tiny_config):
    one, same, other = (build(tiny_config, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
