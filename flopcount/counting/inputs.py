"""The input a network is counted at: what its file says, or what the caller does."""

from collections.abc import Mapping

from flopcount.errors import UsageError
from flopcount.formulas.shape import Shape
from flopcount.schema.base import LARGEST


def input_shapes(
    declared: Mapping[str, tuple[int, ...]], text: str | None = None, batch: int | None = None
) -> dict[str, Shape]:
    """Return the shape of each input; `text` is about the first, the batch is for all."""
    first, *others = declared
    main = input_shape(declared[first], text, batch)
    copies = int(str(main.dims[0])) if main.channel_axis else None
    rest = {name: input_shape(declared[name], batch=copies) for name in others}
    return {first: main, **rest}


def input_shape(declared: tuple[int, ...], text: str | None = None, batch: int | None = None) -> Shape:
    """Return the input's shape.

    `text` overrides the file: `160` is a size for every spatial axis,
    `160x128` one each, `3x160x128` has the channels too, `8x3x160x128` a batch.
    """
    sizes = declared if text is None else _resized(declared, _numbers(text), text)
    if batch is None:
        return Shape(sizes, len(sizes) - len(declared))
    if len(sizes) > len(declared):
        raise UsageError(f"--input {(text or '')[:60]} has a batch already; leave out --batch")
    if not 1 <= batch <= LARGEST:
        raise UsageError(f"--batch {batch} is not possible; give a whole number from 1 to 10⁹")
    return Shape((batch, *sizes), 1)


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.lower().replace("×", "x").split("x")
    if not all(part.isascii() and part.isdecimal() and len(part) <= len(str(LARGEST)) for part in parts):
        raise UsageError(f"--input {text[:60]} is not a size; write 160, 160x128, 3x160x128 or 8x3x160x128")
    numbers = tuple(map(int, parts))
    if not all(1 <= number <= LARGEST for number in numbers):
        raise UsageError(f"--input {text[:60]} is not possible; sizes go from 1 to 10⁹")
    return numbers


def _resized(declared: tuple[int, ...], numbers: tuple[int, ...], text: str) -> tuple[int, ...]:
    axes = len(declared) - 1
    if len(numbers) == 1 and axes:
        return (declared[0], *(numbers * axes))
    if len(numbers) == axes:
        return (declared[0], *numbers)
    if len(numbers) in {axes + 1, axes + 2}:
        return numbers
    raise UsageError(
        f"--input {text[:60]} has {len(numbers)} sizes, but the network's input {'×'.join(map(str, declared))} "
        f"has {axes} spatial axes; give {axes or 1} for those, one more for the channels, two more for a batch"
    )
