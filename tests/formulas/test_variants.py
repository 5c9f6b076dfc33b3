"""Variants of the convolution: worked examples, and what each does beside multiplying."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from broken_constraints import broken
from variant_layers import cost, count, made

from flopcount.formulas.shape import Shape

ORACLE = Path(__file__).parent.parent / "oracles" / "variants.json"
WORKED = [pytest.param(row, id=row["name"]) for row in json.loads(ORACLE.read_text(encoding="utf-8"))["rows"]]


@pytest.mark.parametrize("row", WORKED)
def test_worked_examples(row: Mapping[str, Any]) -> None:
    """Params and MACs of each variant as its source has them."""
    options = dict(row["layer"])
    step = made(options.pop("type"), Shape(tuple(row["input"])), **options)
    assert broken(step) == []
    assert cost(step) == (row["params"], row["macs"])


def test_transposed_shapes_are_pytorchs() -> None:
    """The examples of torch.nn.ConvTranspose2d: 16 channels of 50×100 to 33; a halved map of 12 back to 12."""
    x = Shape((16, 50, 100))
    assert made("ConvTranspose", x, out_channels=33, kernel_size=3, stride=2).shape.dims == (33, 101, 201)
    uneven = made("ConvTranspose", x, out_channels=33, kernel_size=[3, 5], stride=[2, 1], padding=[4, 2])
    assert uneven.shape.dims == (33, 93, 100)
    back = made("ConvTranspose", Shape((16, 6, 6)), out_channels=16, kernel_size=3, stride=2, padding=1)
    assert back.shape.dims == (16, 11, 11)
    whole = made(
        "ConvTranspose", Shape((16, 6, 6)), out_channels=16, kernel_size=3, stride=2, padding=1, output_padding=1
    )
    assert whole.shape.dims == (16, 12, 12)


def test_same_padding_multiplies_a_transposed_map_by_its_stride() -> None:
    """As keras.layers.Conv2DTranspose does."""
    step = made("ConvTranspose", Shape((16, 7, 9)), out_channels=8, kernel_size=3, stride=2, padding="same")
    assert step.shape.dims == (8, 14, 18)


def test_mixed_kernels_cost_per_input_not_per_position() -> None:
    """A batch of 5 mixes 5 times; a larger map does not mix more."""
    options: Mapping[str, Any] = {"out_channels": 32, "kernel_size": 3, "num_experts": 4, "padding": "same"}
    small, large = made("CondConv", **options), made("CondConv", Shape((16, 28, 28)), **options)
    batch = made("CondConv", Shape((5, 16, 14, 14), 1), **options)
    mixing = [count(step, "matmul_mac") for step in (small, large, batch)]
    assert mixing == [4 * 4608, 4 * 4608, 5 * 4 * 4608]


def test_ghost_modules_normalize_both_parts() -> None:
    """GhostNet's code: batch norm and ReLU behind the convolution and behind the cheap copies."""
    step = made("GhostConv", out_channels=32, kernel_size=1, norm="batch", activation="relu")
    inner = [[part.name for part in part.step.parts] for part in step.parts]
    assert inner == [["conv", "norm", "activation"]] * 2
    assert (count(step, "norm_weight"), count(step, "relu")) == (32, 32 * 196)


def test_repvgg_normalizes_its_input_too() -> None:
    """RepVGG, section 3.2: three branches, each with a batch norm of 2·N."""
    options: Mapping[str, Any] = {"out_channels": 16, "kernel_size": 3, "padding": 1, "norm": "batch"}
    step = made("RepVGGConv", **options, identity=True, activation="relu")
    assert cost(step)[0] == 16 * 16 * 10 + 3 * 2 * 16
    assert (count(step, "add"), count(step, "relu")) == (2 * 16 * 196, 16 * 196)


def test_adders_add_twice_for_each_product() -> None:
    step = made("AdderConv", out_channels=32, kernel_size=3, padding="same")
    assert (count(step, "adder_add"), "conv_mac" in step.tally.counts) == (2 * 903168, False)


def test_deformable_points_are_sampled() -> None:
    """Each of the 9 points reads each of 16 channels between positions."""
    step = made("DeformConv", out_channels=32, kernel_size=3, padding="same")
    assert count(step, "bilinear_sample") == 9 * 16 * 196


def test_a_strided_involution_computes_kernels_on_the_pooled_map() -> None:
    """RedNet's stride: 7×7 positions for kernels and for their use."""
    step = made("Involution", kernel_size=7, stride=2)
    assert step.shape.dims == (16, 7, 7)
    assert cost(step)[1] == 49 * (16 * 4 + 4 * 49 + 49 * 16)
    assert count(step, "avg_pool_in") == 16 * 196
    assert count(made("Involution", kernel_size=7), "avg_pool_in") == 0


def test_the_first_block_of_a_res2net_stage_pools_what_passes() -> None:
    """A stride of 2: 12 of 16 channels convolved, 4 pooled, none added."""
    step = made("Res2Conv", kernel_size=3, scales=4, stride=2, padding=1, pooled=True)
    assert step.shape.dims == (16, 7, 7)
    assert (count(step, "conv_mac"), count(step, "avg_pool_out")) == (432 * 49, 4 * 49)
    assert "add" not in step.tally.counts
