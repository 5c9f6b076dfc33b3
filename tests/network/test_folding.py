"""Folding: a batch norm becomes the bias of the layer it alone reads."""

import pytest
from small_networks import Row, count, network, row

Sizes = tuple[int, ...]
NORM = row("BatchNorm")
CONV = row("Conv", out_channels=8, kernel_size=3, bias=False)


def folded(size: Sizes, *layers: Row) -> list[int]:
    """Return the params of each layer of the deployed network."""
    result = count(network(size, *layers), params="folded")
    return [result.cost(step).params for step in result.trace.steps.values()]


@pytest.mark.parametrize("bias", [False, True])
def test_a_batch_norm_becomes_the_bias(bias: bool) -> None:  # noqa: FBT001
    """8·4·9 weights and eight biases, whether there were biases before or not."""
    assert folded((4, 9, 9), {**CONV, "bias": bias}, NORM) == [288 + 8, 0]


def test_a_norm_inside_a_layer_is_folded_too() -> None:
    assert folded((4, 9, 9), {**CONV, "norm": "batch", "activation": "relu"}) == [288 + 8]


def test_both_parts_of_a_separable_layer_fold() -> None:
    """4·9 weights and 4 biases depthwise, 4·8 weights and 8 biases pointwise."""
    layer = row("DepthSepConv", out_channels=8, kernel_size=3, bias=False, norm="batch")
    assert folded((4, 9, 9), layer) == [36 + 4 + 32 + 8]


def test_a_norm_behind_a_separable_layer_folds_into_its_last_part() -> None:
    layer = row("DepthSepConv", out_channels=8, kernel_size=3, bias=False)
    assert folded((4, 9, 9), layer, NORM) == [36 + 32 + 8, 0]


def test_a_linear_layer_takes_a_norm() -> None:
    assert folded((12,), row("Linear", out_features=5, bias=False), NORM) == [60 + 5, 0]


def test_biases_per_kernel_fold_into_one_per_filter() -> None:
    """6 to 4 channels, P = 3: 88 weights, and 4 biases in place of 24."""
    layer = row("HetConv", out_channels=4, kernel_size=3, p=3, bias=False, kernel_bias=True)
    assert folded((6, 9, 9), layer, NORM) == [88 + 4, 0]


@pytest.mark.parametrize(
    "before",
    [
        (),
        (row("MaxPool", kernel_size=2),),
        (CONV, row("Activation", function="relu")),
        ({**CONV, "activation": "relu"},),
        (CONV, NORM),
    ],
    ids=["input", "pool", "activation", "activation inside", "norm"],
)
def test_a_norm_that_reads_anything_else_stays(before: tuple[Row, ...]) -> None:
    """Scale and shift of all eight channels are still there."""
    *_, kept = folded((8, 9, 9), *before, NORM)
    assert kept == 16


def test_a_layer_that_others_read_too_is_left_alone() -> None:
    """The other reader wants the output as it was before the norm."""
    read_twice = ({**CONV, "name": "conv"}, NORM, {**row("MaxPool", kernel_size=2), "after": ["conv"]})
    assert folded((4, 9, 9), *read_twice) == [288, 16, 0]


def test_folding_leaves_the_macs_and_adds_the_biases() -> None:
    net = network((4, 9, 9), CONV, NORM)
    plain, deployed = count(net), count(net, params="folded")
    assert plain.total.macs == deployed.total.macs == 288 * 49
    conv, norm = deployed.trace.steps.values()
    assert (conv.tally.counts["conv_bias_add"], norm.tally.counts) == (8 * 49, {})


def test_folding_leaves_the_shapes_and_the_other_trace_alone() -> None:
    net = network((4, 9, 9), CONV, NORM)
    before = count(net)
    count(net, params="folded")
    assert [step.shape.dims for step in before.trace.steps.values()] == [(8, 7, 7)] * 2
    assert before.total.params == 288 + 16


def test_the_standard_network_is_folded_as_well() -> None:
    """One norm in place of two: 4·8·9 weights, 8 biases."""
    layer = row("DepthSepConv", out_channels=8, kernel_size=3, bias=False, norm="batch")
    standard = count(network((4, 9, 9), layer), params="folded").standard_total
    assert standard is not None
    assert standard.params == 288 + 8


def test_without_norms_nothing_changes() -> None:
    net = network((4, 9, 9), {**CONV, "bias": True}, row("Flatten"), row("Linear", out_features=5))
    assert count(net, params="folded").total == count(net).total
