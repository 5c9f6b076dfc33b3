"""Activations and softmax."""

import pytest

from flopcount.formulas.norm import ACTIVATIONS, activation, softmax
from flopcount.formulas.shape import Shape


@pytest.mark.parametrize(("function", "label"), ACTIVATIONS.items())
def test_a_function_is_counted_under_its_own_name(function: str, label: str) -> None:
    """Every element passes once; a table shows the function's label."""
    step = activation(Shape((4, 12, 10)), function=function)
    assert (step.kind, step.shape.dims) == (label, (4, 12, 10))
    assert step.tally.counts == {function: 480}


def test_a_softmax_runs_over_the_channels() -> None:
    """1000 classes are one row; on a map each position is a row of its own."""
    assert softmax(Shape((1000,))).tally.counts == {"softmax": 1000, "softmax_row": 1}
    assert softmax(Shape((21, 8, 8))).tally.counts == {"softmax": 1344, "softmax_row": 64}
