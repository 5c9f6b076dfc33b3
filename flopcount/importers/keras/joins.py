"""Layers of Keras that bring several tensors together."""

from collections.abc import Sequence
from math import prod

from flopcount.importers.keras.shapes import reshaped
from flopcount.importers.keras.tensors import Tensor, order_of
from flopcount.importers.keras.use import Use

SEQUENCE = 2
"""Tokens and channels: what is seen in different ways is then seen as tokens, as attention and linear layers do."""


def alike(use: Use, xs: Sequence[Tensor]) -> list[Tensor]:
    """See all as the first one is seen, or as tokens; axes that are missing in front are put there, each of size 1."""
    rank = max(x.rank for x in xs)
    full = next(x for x in xs if x.rank == rank)
    if all(x.rank == rank for x in xs):
        mixed = len({(x.channel, x.copies) for x in xs}) > 1
        if mixed and rank - use.outer == SEQUENCE:
            return [use.vectors(x) for x in xs]
        return [use.viewed(x, full.channel, full.copies) for x in xs]
    padded = [
        x if x.rank == rank else reshaped(use, x, [1] * (rank - x.rank) + [*x.sizes], tail=f"stretched{place}")
        for place, x in enumerate(xs, 1)
    ]
    return [use.viewed(x, full.channel, full.copies) for x in padded]


def combined(use: Use, xs: Sequence[Tensor], function: str, tail: str = "") -> Tensor:
    """Compute element by element over several tensors, by the plainest kind that says it."""
    if not xs:
        raise use.problem("nothing enters; the file is damaged")
    if len(xs) == 1:
        return use.row("Identity", xs[0], tail=tail)
    xs = alike(use, xs)
    sizes = {x.sizes for x in xs}
    if function == "add" and len(sizes) == 1:
        return use.row("Add", *xs, tail=tail)
    if function == "mul":
        full = max(xs, key=lambda x: prod(x.sizes))
        if all(_stretches(x, full) for x in xs):
            place = next(place for place, x in enumerate(xs) if x is full)
            return use.row("Mul", full, *xs[:place], *xs[place + 1 :], tail=tail)
    if len(xs) > 2 and function not in {"add", "mul", "min", "max"}:  # noqa: PLR2004  (two operands)
        raise use.problem(f"{len(xs)} tensors enter where two are read")
    return use.row("Elementwise", *xs, tail=tail, function=function)


def _stretches(x: Tensor, full: Tensor) -> bool:
    return all(size in {1, wanted} for size, wanted in zip(x.sizes, full.sizes, strict=True))


def add(use: Use) -> Tensor:
    """Write a sum."""
    return combined(use, use.xs, "add")


def subtract(use: Use) -> Tensor:
    """Write a difference."""
    return combined(use, use.xs, "sub")


def multiply(use: Use) -> Tensor:
    """Write a product."""
    return combined(use, use.xs, "mul")


def maximum(use: Use) -> Tensor:
    """Write a maximum."""
    return combined(use, use.xs, "max")


def minimum(use: Use) -> Tensor:
    """Write a minimum."""
    return combined(use, use.xs, "min")


def average(use: Use) -> Tensor:
    """Write a mean of several tensors: their sum, divided by their number."""
    return use.row("Elementwise", combined(use, use.xs, "add"), function="div", tail="mean")


def scaled_sum(use: Use) -> Tensor:
    """Write the residual of Inception-ResNet: the first plus the second times a constant."""
    xs = use.xs
    if len(xs) != 2:  # noqa: PLR2004  (two terms)
        raise use.problem(f"{len(xs)} tensors enter where two are read")
    return combined(use, [xs[0], use.row("Elementwise", xs[1], function="mul", tail="scaled")], "add")


def concatenate(use: Use) -> Tensor:
    """Write tensors one behind the other."""
    return concatenated(use, use.xs, use.axis(use.given("axis", -1), use.x.rank))


def concatenated(use: Use, xs: Sequence[Tensor], axis: int) -> Tensor:
    """Put tensors behind each other along an axis of Keras."""
    if len(xs) == 1:
        return use.row("Identity", xs[0])
    xs = alike(use, xs)
    first = xs[0]
    if axis == first.channel:
        return use.row("Concat", *xs)
    place = order_of(first.channel, first.copies, first.rank).index(axis)
    if place > first.copies:
        return use.row("Concat", *xs, axis=place - first.copies - 1)
    return use.row("Join", *xs, axis=place - first.rank)


def dot(use: Use) -> Tensor:
    """Write a sum of products along an axis of each of two tensors."""
    xs = use.xs
    if len(xs) != 2:  # noqa: PLR2004  (two factors)
        raise use.problem(f"{len(xs)} tensors enter where two are read")
    axes = use.given("axes", -1)
    one, other = axes if isinstance(axes, list) and len(axes) == 2 else (axes, axes)  # noqa: PLR2004
    places = use.axis(one, xs[0].rank, "axes"), use.axis(other, xs[1].rank, "axes")
    letters = "abcdefgh"[: xs[0].rank], "ijklmnop"[: xs[1].rank]
    second = letters[1].replace(letters[1][places[1]], letters[0][places[0]])
    summed = letters[0][places[0]]
    out = "".join(letter for letter in letters[0] + second if letter != summed)
    return einsum(use, xs, (letters[0], second), out)


def einsum(use: Use, xs: Sequence[Tensor], reads: Sequence[str], out: str, tail: str = "") -> Tensor:
    """Write a sum of products over letters, one for each axis of Keras."""
    seen = [use.vectors(x) for x in xs]
    if not out:  # all axes are summed: what is left is one number, which Keras gives an axis of its own
        made = use.row("Elementwise", *alike(use, xs), function="mul", tail="products")
        every = [*range(-made.rank, 0)]
        return use.row("Reduce", made, tail=tail, axes=every, function="sum", keepdim=False, channel=0)
    equation = f"{','.join(reads)}->{out}"
    return use.row("Einsum", *seen, equation=equation, tail=tail, channel=len(out) - 1)
