"""Devices by the names that drivers give them, and the operations of a token."""

from types import SimpleNamespace

import pytest

from ovt.train.chips import CHIPS, flops_per_token, named


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA RTX A6000", "a6000"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA GH200 480GB", "gh200"),
        ("Tesla T4", "t4"),
        ("NVIDIA A10G", "a10g"),
        ("AMD Instinct MI300X", "mi300x"),
        ("NVIDIA L40", None),
        ("NVIDIA GeForce GTX 1080", None),
    ],
)
def test_a_device_by_its_drivers_name(told, name):
    assert named(told) == (CHIPS[name] if name else None)


@pytest.mark.parametrize(("trained", "flops"), [(100, 600), (0, 400), (10, 420)])
def test_six_operations_for_a_trained_parameter_and_four_for_a_frozen_one(trained, flops):
    model = SimpleNamespace(num_parameters=lambda only_trainable=False: trained if only_trainable else 100)
    assert flops_per_token(model) == flops
