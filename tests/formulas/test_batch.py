"""A batch multiplies what happens and leaves what is kept, for every kind."""

import pytest
from formula_samples import SAMPLES
from sampling import Sample

from flopcount.formulas.shape import Shape
from flopcount.formulas.tally import PARAMETERS

COPIES = 5


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_batch_multiplies_operations_and_leaves_parameters(kind: str) -> None:
    """Copies in front multiply every operation; parameters and the rest of the shape stay."""
    for sample in SAMPLES[kind]:
        alone, together = sample.step(kind), batched(sample).step(kind)
        assert together.shape.dims == (COPIES, *alone.shape.dims)
        assert together.shape.channel_axis == alone.shape.channel_axis + 1
        assert together.tally.counts == {
            name: count if name in PARAMETERS else COPIES * count for name, count in alone.tally.counts.items()
        }


def batched(sample: Sample) -> Sample:
    """Put copies of each input in front."""
    return Sample(tuple(Shape((COPIES, *x.dims), x.channel_axis + 1) for x in sample.inputs), sample.options)
