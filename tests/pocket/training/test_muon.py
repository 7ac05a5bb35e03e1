"""Muon in float32 against torch's own, whose iteration is in bfloat16."""

import torch
from muon import Float32Muon, orthogonal


def test_it_goes_where_torchs_own_goes():
    generator = torch.Generator().manual_seed(1)
    shapes = ((32, 48), (48, 32), (16, 16))
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    slopes = [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(3)]

    def moved(kind: type[torch.optim.Muon]) -> list[torch.Tensor]:
        weights = [torch.nn.Parameter(one.clone()) for one in start]
        optimizer = kind(weights, lr=0.02, weight_decay=0.01, momentum=0.95)
        for step in slopes:
            for weight, slope in zip(weights, step, strict=True):
                weight.grad = slope.clone()
            optimizer.step()
        return [(weight - one).detach() for weight, one in zip(weights, start, strict=True)]

    for own, torchs in zip(moved(Float32Muon), moved(torch.optim.Muon), strict=True):
        assert (own - torchs).norm() < 0.02 * torchs.norm()  # bfloat16 has three digits


def test_singular_values_come_near_one():
    group = torch.optim.Muon([torch.nn.Parameter(torch.zeros(2, 2))]).param_groups[0]
    matrix = torch.randn((40, 24), generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonal(matrix, group))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_weights_without_a_gradient_stay():
    weight = torch.nn.Parameter(torch.ones(3, 3))
    Float32Muon([weight], lr=0.1).step()
    assert torch.equal(weight, torch.ones(3, 3))
