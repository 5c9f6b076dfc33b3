"""Steps: what one layer does, alone or made of parts."""

from functools import partial

import numpy as np
from expressions import in_arrays, letters

from flopcount.formulas.conv import conv
from flopcount.formulas.norm import activation
from flopcount.formulas.shape import Shape, divides, equal, positive
from flopcount.formulas.step import Part, chain, composed
from flopcount.formulas.tensor import channel_shuffle

Map = Shape((8, 12, 12))
STAGES = (
    ("mix", partial(conv, out_channels=6, kernel_size=1)),
    ("shuffle", partial(channel_shuffle, groups=4)),
    ("relu", partial(activation, function="relu")),
)


def test_each_stage_of_a_chain_reads_the_one_before() -> None:
    step = chain("Mixed", Map, *STAGES)
    assert (step.kind, step.shape.dims) == ("Mixed", (6, 12, 12))
    assert [part.name for part in step.parts] == ["mix", "shuffle", "relu"]
    assert step.tally.counts["relu"] == 6 * 144


def test_leaves_are_the_innermost_parts() -> None:
    """A composition inside a composition is looked into."""
    inner = conv(Map, out_channels=8, kernel_size=3, norm="batch")
    outer = composed("Outer", Map, Part("a", inner), Part("b", activation(Map, function="relu")))
    assert [leaf.kind for leaf in outer.leaves()] == ["Conv", "BatchNorm", "ReLU"]


def test_a_constraint_puts_its_numbers_into_its_sentence() -> None:
    assert divides(3, 8, "{} into {}").sentence() == "3 into 8"
    assert equal(3, 8, "{} is not {}").sentence() == "3 is not 8"
    assert positive(0, "{} of {} is left", 0, 8).sentence() == "0 of 8 is left"


def test_a_constraint_on_an_expression_is_evaluated_for_candidates() -> None:
    """Of groups 1 to 4, all but 3 divide eight channels."""
    (groups,) = letters("g", 1, 4)
    constraint = divides(groups, 8, "{} into {}")
    assert (constraint.relation, constraint.terms, constraint.is_broken) == ("divides", (groups, 8), False)
    assert in_arrays([constraint.value], {"g": np.arange(1, 5)})[0].tolist() == [0, 0, 2, 0]
