"""A batch multiplies what happens and leaves what is kept, for every kind but those that name all sizes."""

import pytest
from broken_constraints import broken
from formula_samples import labelled
from sampling import Sample

from flopcount.formulas.shape import Shape
from flopcount.formulas.step import PARAMETERS

COPIES = 5


def names_every_size(kind: str, sample: Sample) -> bool:
    """Tell whether a layer gives the size of every axis it writes, so that none is left for a batch."""
    return kind == "Parameter" or (kind in {"Reshape", "Expand", "Operation"} and "axes" not in sample.options)


def cases(*, fixed: bool) -> list[object]:
    return [
        pytest.param(kind, sample, id=label)
        for label, kind, sample in labelled()
        if names_every_size(kind, sample) is fixed
    ]


def batched(sample: Sample) -> Sample:
    """Put copies of each input in front."""
    return Sample(tuple(Shape((COPIES, *x.dims), x.channel_axis + 1) for x in sample.inputs), sample.options)


@pytest.mark.parametrize(("kind", "sample"), cases(fixed=False))
def test_a_batch_multiplies_operations_and_leaves_parameters(kind: str, sample: Sample) -> None:
    """Copies in front multiply every operation; parameters and the rest of the shape stay."""
    alone, together = sample.step(kind), batched(sample).step(kind)
    lone = alone.shape.dims == (1,) and sample.options.get("keepdim") is False
    assert together.shape.dims == (COPIES, *(() if lone else alone.shape.dims))
    assert together.shape.channel_axis == (0 if lone else alone.shape.channel_axis + 1)
    assert together.tally.counts == {
        name: count if name in PARAMETERS else COPIES * count for name, count in alone.tally.counts.items()
    }


@pytest.mark.parametrize(("kind", "sample"), cases(fixed=True))
def test_what_names_every_size_is_the_same_in_a_batch_or_refuses_it(kind: str, sample: Sample) -> None:
    """A kept tensor is one for all copies; numbers that a batch brings in addition are never lost unsaid."""
    alone, together = sample.step(kind), batched(sample).step(kind)
    assert (together.shape.dims, together.tally.counts) == (alone.shape.dims, alone.tally.counts)
    assert (broken(together) != []) == (kind in {"Reshape", "Expand"})
