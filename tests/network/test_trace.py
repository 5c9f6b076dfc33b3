"""The walk: shapes flow from layer to layer, and what cannot be is named."""

from typing import Any

import pytest
from expressions import at, letters
from small_networks import Row, network, row

from flopcount.errors import SpecError
from flopcount.formulas.shape import Shape
from flopcount.network.trace import trace

CONV = row("Conv", out_channels=8, kernel_size=3)
Map = Shape((4, 9, 9))


def problem(*layers: Row) -> tuple[Any, ...]:
    """Return the layer, the place and the first sentence of what cannot be."""
    with pytest.raises(SpecError) as caught:
        trace(network((4, 9, 9), *layers), Map)
    found, *_ = caught.value.problems
    return found.layer, found.place, found.what


def test_each_layer_reads_the_shape_before_it() -> None:
    traced = trace(network((4, 9, 9), CONV, row("MaxPool", kernel_size=2), row("Flatten")), Map)
    assert [(node.path, step.shape.dims) for node, step in traced.items()] == [
        ("Conv1", (8, 7, 7)),
        ("MaxPool2", (8, 3, 3)),
        ("Flatten3", (72,)),
    ]


def test_a_branch_reads_what_it_names() -> None:
    layers = (CONV, row("MaxPool", kernel_size=2), row("AvgPool", kernel_size=7, after=["Conv1"]))
    assert trace(network((4, 9, 9), *layers), Map).steps["AvgPool3"].shape.dims == (8, 1, 1)


def test_a_step_that_is_not_composed_keeps_its_kind() -> None:
    kinds = {node.kind: step.kind for node, step in trace(network((4, 9, 9), CONV), Map).items()}
    assert kinds == {"Conv": "Conv"}


@pytest.mark.parametrize(
    ("layers", "path", "what"),
    [
        (
            (CONV, row("MaxPool", kernel_size=8)),
            "MaxPool2",
            (
                "the map vanishes: a window of 8 (extent 8) does not fit an axis of size 7; "
                "enlarge the input or pad (input 8×7×7)"
            ),
        ),
        (
            (row("GroupConv", name="g", out_channels=8, kernel_size=3, groups=3),),
            "g",
            "groups = 3 does not divide the 4 input channels; choose a divisor of them (input 4×9×9)",
        ),
        (
            (row("Conv", out_channels=8, kernel_size=[3, 3, 3]),),
            "Conv1",
            "kernel_size has 3 entries, but the map it meets has 2 spatial axes (input 4×9×9)",
        ),
        (
            (row("Flatten"), CONV),
            "Conv2",
            "a window needs a map to slide over, and there are no spatial axes here (input 324)",
        ),
        (
            (row("Linear", out_features=3),),
            "Linear1",
            (
                "a linear layer reads channels, and its input 4×9×9 has space behind them; "
                "put a Flatten before it, or use a Conv with kernel_size = 1 (input 4×9×9)"
            ),
        ),
        (
            (CONV, CONV, row("MaxPool", kernel_size=2, after=["Conv1", "Conv2"])),
            "MaxPool3",
            "MaxPool reads one layer, but after names 2; name one (input 8×7×7 and 8×5×5)",
        ),
    ],
    ids=["vanished", "groups", "axes", "no map", "linear", "two inputs"],
)
def test_what_cannot_be_names_the_layer_and_its_input(layers: tuple[Row, ...], path: str, what: str) -> None:
    found = problem(*layers)
    assert (found[0], found[2]) == (path, what)


def test_the_place_of_what_cannot_be_is_known() -> None:
    layers = (CONV, row("Block", name="b", layers=[CONV, row("MaxPool", kernel_size=8)]))
    assert problem(*layers)[:2] == ("b.MaxPool2", ("layers", 1, "layers", 1))


def test_values_that_are_not_in_the_file_come_through_one_door() -> None:
    traced = trace(network((4, 9, 9), CONV), Map, {"Conv1": {"out_channels": 5}})
    assert traced.steps["Conv1"].shape.dims == (5, 7, 7)


def test_one_trace_with_a_letter_is_that_of_every_candidate() -> None:
    """Channels 8 and 16 of the first layer are what the second reads."""
    traced = trace(network((4, 9, 9), CONV, CONV), Map, {"Conv1": {"out_channels": letters("n")[0]}})
    weights = [step.tally.counts["weight"] for step in traced.steps.values()]
    assert [at(weights, {"n": n}) for n in (8, 16)] == [[4 * 9 * 8, 8 * 9 * 8], [4 * 9 * 16, 16 * 9 * 8]]


def test_constraints_on_letters_are_left_to_others() -> None:
    """A candidate that cannot be is masked later; the others are still wanted."""
    net = network((4, 9, 9), row("GroupConv", name="g", out_channels=8, kernel_size=3, groups=2))
    step = trace(net, Map, {"g": {"groups": letters("g")[0]}}).steps["g"]
    values = [constraint.value for constraint in step.constraints[:2]]
    assert [at(values, {"g": groups}) for groups in (2, 3)] == [[0, 0], [1, 2]]
