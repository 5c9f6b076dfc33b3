"""Variants of the convolution in networks: what they stand for, folded norms, and compositions."""

from collections.abc import Mapping
from typing import Any

import pytest
from required import REQUIRED
from variant_layers import Map, layer

from flopcount.case import Case
from flopcount.network.convention import convention
from flopcount.network.inputs import input_shape
from flopcount.network.plan import Node, plan
from flopcount.network.trace import fields
from flopcount.network.transform import STANDARD, replacement
from flopcount.spec.arch import Arch
from flopcount.spec.kinds import STAND_INS, formula, kind_named
from flopcount.spec.load import load


@pytest.mark.parametrize("kind", sorted(STAND_INS))
def test_the_standard_convolution_leaves_the_same_map(kind: str) -> None:
    """A kind that stands for a standard convolution leaves what that would."""
    common: dict[str, Any] = {"kernel_size": 3, "padding": 1, **REQUIRED.get(kind, {})}
    if "out_channels" in kind_named(kind).model_fields:
        common["out_channels"] = 32
    given = layer(kind, **common)
    step = formula(kind)(Map, **fields(given))
    standard = replacement(Node("", given, (), ()), step, STANDARD).node.layer
    plain = formula("Conv")(Map, **fields(standard))
    assert plain.shape.dims == step.shape.dims


def test_a_batch_norm_is_folded_into_each_part() -> None:
    """Deployed, each of the norms of these layers has become a bias of the channels it was on."""
    cases: list[tuple[str, Mapping[str, Any], int]] = [
        ("GhostConv", {"out_channels": 32, "kernel_size": 1}, 32),
        ("MixConv", {"kernel_sizes": [3, 5, 7]}, 16),
        ("DualConv", {"out_channels": 32, "kernel_size": 3, "padding": 1, "groups": 4}, 32),
        ("OctaveConv", {"out_channels": 32, "kernel_size": 3}, 32),
        ("Res2Conv", {"kernel_size": 3, "padding": 1, "scales": 4}, 12),
        ("CondConv", {"out_channels": 32, "kernel_size": 3, "num_experts": 4, "routing_bias": False}, 32),
    ]
    for kind, options, biases in cases:
        row = {"type": kind, **options, "bias": False, "norm": "batch"}
        network = plan(Arch.model_validate({"input": [16, 14, 14], "layers": [row]}))
        folded = Case.of(network, input_shape(network.input), convention("folded")).count.total.params
        weights = Case.of(network, input_shape(network.input), convention("weights")).count.total.params
        assert (kind, folded - weights) == (kind, biases)


@pytest.mark.parametrize(
    ("template", "params", "macs"),
    [
        ("group_pointwise", 1088, 213248),
        ("shuffle_unit", 68, 13328),
        ("inverted_residual", 5472, 1072512),
        ("fire", 704, 137984),
        ("mbconv", 1536 + 864 + 2 * 96 * 4 + 1536, (1536 + 864 + 1536) * 196 + 2 * 96 * 4),
        ("fused_mbconv", 9 * 16 * 64 + 64 * 32, (9 * 16 * 64 + 64 * 32) * 49),
        ("shift_pointwise", 512, 100352),
    ],
)
def test_compositions(template: str, params: int, macs: int) -> None:
    """Weights and MACs of each template of the bundled file: worked examples of their papers, or by hand."""
    network = plan(load("compositions").arch)
    result = Case.of(network, input_shape(network.input), convention("weights")).count
    costs = [result.cost(step) for node, step in result.trace.items() if node.path.startswith(f"{template}.")]
    assert (sum(each.params for each in costs), sum(each.macs for each in costs)) == (params, macs)
