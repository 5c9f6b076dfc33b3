"""What samples are made of: shapes, options, and the ways to vary the numbers in them.

All whole numbers in a sample are varied by the tests; one that is no quantity
(an index, an axis) is wrapped in `Fixed` and stays as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.spec.kinds import formula


@dataclass(frozen=True, slots=True)
class Fixed:
    """A whole number that is no quantity: it is never varied."""

    value: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One use of a formula: what it reads and its options."""

    inputs: tuple[Shape, ...]
    options: Mapping[str, Any]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All sizes and numeric options, in a fixed order."""
        return tuple(_numbers([[shape.dims for shape in self.inputs], *self.options.values()]))

    def step(self, kind: str, numbers: Iterable[Any] | None = None) -> Step:
        """Evaluate the formula, with other numbers in the same places."""
        supply = iter(self.numbers if numbers is None else numbers)
        inputs = [Shape(_replaced(shape.dims, supply), shape.channel_axis) for shape in self.inputs]
        options = {name: _replaced(value, supply) for name, value in self.options.items()}
        return formula(kind)(*inputs, **options)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(value: Any) -> Iterator[int]:
    if _is_number(value):
        yield value
    for inner in value if isinstance(value, (list, tuple)) else ():
        yield from _numbers(inner)


def _replaced(value: Any, supply: Iterator[Any]) -> Any:
    if isinstance(value, Fixed):
        return value.value
    if isinstance(value, tuple):
        return tuple(_replaced(inner, supply) for inner in value)
    return next(supply) if _is_number(value) else value


def counts(step: Step) -> dict[str, Any]:
    """Return all that a step says in numbers, by name: sizes, tally, kernels and constraints."""
    return {
        **{f"size {axis}": size for axis, size in enumerate(step.shape.dims)},
        **step.tally.counts,
        **{f"kernel {axis}": size for axis, size in enumerate(step.kernel)},
        **{f"constraint {index}": constraint.value for index, constraint in enumerate(step.constraints)},
    }


def sample(*inputs: Shape, **options: Any) -> Sample:
    """Make a sample of what a formula reads and its options."""
    return Sample(inputs, options)


def sampled(inputs: Iterable[Shape], **options: Any) -> tuple[Sample, ...]:
    """Make one sample for each input."""
    return tuple(sample(x, **options) for x in inputs)


Line = Shape((4, 20))
Map = Shape((4, 12, 10))
Volume = Shape((4, 6, 8, 10))
Batch = Shape((3, 4, 12, 10), 1)
Windows = Shape((3, 2, 4, 12, 10), 2)
Vector = Shape((12,))
Tokens = Shape((3, 7, 12), 2)

MAPS = (Line, Map, Volume, Batch, Windows)
ANY = (*MAPS, Vector, Tokens)


def sliding(**required: Any) -> tuple[Sample, ...]:
    """Make the samples of a convolution: every option that convolutions share."""
    return (
        *sampled(MAPS, **required, kernel_size=3),
        *sampled((Map, Batch), **required, kernel_size=3, padding="same", stride=2, bias=False),
        *sampled((Map, Batch), **required, kernel_size=(3, 5), padding="valid", stride=(2, 3)),
        *sampled((Map, Volume), **required, kernel_size=3, padding="valid-round", stride=2),
        sample(Map, **required, kernel_size=5, padding=2, dilation=2),
        sample(Map, **required, kernel_size=(3, 1), padding=(1, 0), dilation=(2, 1)),
        sample(Map, **required, kernel_size=4, padding=((1, 2), (0, 3)), stride=2),
        sample(Line, **required, kernel_size=5, padding="same", dilation=2),
        sample(Map, **required, kernel_size=3, padding=1, norm="batch"),
        sample(Map, **required, kernel_size=3, padding=1, activation="relu6", bias=False),
        sample(Batch, **required, kernel_size=3, padding=1, norm="batch", activation="relu", bias=False),
    )
