"""Operations on tensors at work: inputs and options for their formulas."""

from collections.abc import Mapping

from sampling import Batch, Fixed, Map, Sample, Tokens, Vector, sample, sampled

from flopcount.formulas.shape import Shape
from flopcount.formulas.tensor import FUNCTIONS

Sentence = Shape((7, 12), 1)


def _axes(*numbers: int) -> tuple[Fixed, ...]:
    """Write numbers of axes, which are never varied."""
    return tuple(map(Fixed, numbers))


TENSORS: Mapping[str, tuple[Sample, ...]] = {
    "Reshape": (
        sample(Map, size=(4, 120)),
        sample(Map, size=(120, 4), channel_axis=Fixed(-2)),
        sample(Batch, size=(10, 12), axes=Fixed(2), channel_axis=Fixed(-1)),
    ),
    "Permute": (
        sample(Map, order=_axes(-2, -1, -3)),
        sample(Batch, order=_axes(-1, -2)),
        sample(Tokens, order=_axes(-1, -3, -2), channel_axis=Fixed(-1)),
    ),
    "Take": (
        sample(Map, axis=Fixed(-1), size=3),
        sample(Tokens, axis=Fixed(-2), size=1, keepdim=False),
        sample(Vector, axis=Fixed(-1), keepdim=False),
    ),
    "Expand": (sample(Map, size=(4, 14, 12), channel_axis=Fixed(-3)), sample(Tokens, size=(9, 12), axes=Fixed(2))),
    "Elementwise": (
        *(sample(Map, function=name) for name in FUNCTIONS),
        sample(Map, Map, Map, function="add"),
        sample(Map, Shape((4, 1, 1)), function="mul"),
        sample(Shape((12,)), Tokens, function="sub"),
    ),
    "Reduce": (
        *sampled((Map, Batch), axes=_axes(-1, -2)),
        sample(Tokens, axes=_axes(-2), function="max", keepdim=False),
        sample(Vector, axes=_axes(-1), keepdim=False),
    ),
    "Parameter": (sample(Map, size=(197, 12)), sample(Vector, size=(4, 12, 10), channel_axis=Fixed(-3), trained=False)),
    "Constants": (*sampled((Map, Vector), count=7), sample(Tokens, count=7, trained=True)),
    "Join": (
        sample(Map, Map, axis=Fixed(-1)),
        sample(Map, Shape((4, 5, 10)), axis=Fixed(-2)),
        sample(Tokens, Tokens, Tokens, axis=Fixed(-3)),
    ),
    "Einsum": (
        sample(Tokens, Shape((3, 12, 5), 2), equation="bij,bjk->bik"),
        sample(Map, equation="chw->hw"),
        sample(Tokens, Tokens, equation="ij,kj->ik", scaled=True),
        sample(Sentence, Shape((5, 12), 1), Shape((5, 2), 1), equation="ij,kj,kl->il"),
    ),
    "Operation": (
        sample(Map, size=(4, 12, 10), operator="CumSum", channel_axis=Fixed(-3)),
        sample(Map, Vector, size=(5, 12), operator="GatherND"),
        sample(Batch, size=(7,), axes=Fixed(3), operator="TopK"),
    ),
}
"""For each kind, its samples."""
