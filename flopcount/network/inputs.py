"""The shapes of a network's inputs: as its file says, or as `--input` and `--batch` do."""

from collections.abc import Container, Mapping

from flopcount.errors import UsageError, suggestion
from flopcount.formulas.numbers import Dim, exact
from flopcount.formulas.shape import Shape
from flopcount.spec.fields import LARGEST


def input_shapes(
    declared: Mapping[str, tuple[int, ...]],
    text: str | None = None,
    batch: int | None = None,
    tokens: Container[str] = (),
) -> dict[str, Shape]:
    """Return the shape of each input; `text` is about the first, or names some; the batch is for all.

    The inputs that are `tokens` have their channels last.
    """
    first, *others = declared
    asked = dict(each.partition("=")[::2] for each in (text or "").split(",")) if "=" in (text or "") else {first: text}
    for name in [name for name in asked if name not in declared]:
        raise UsageError(
            f"--input {(text or '')[:60]}: there is no input {name[:50]!r}; {suggestion(name, [*declared])}"
        )
    main = input_shape(declared[first], asked.get(first), batch, is_tokens=first in tokens)
    copies = exact(main.dims[0]) if len(main.dims) > len(declared[first]) else None
    rest = {name: input_shape(declared[name], asked.get(name), copies, is_tokens=name in tokens) for name in others}
    return {first: main, **rest}


def input_shape(
    declared: tuple[int, ...], text: str | None = None, batch: int | None = None, *, is_tokens: bool = False
) -> Shape:
    """Return the input's shape, as the file says or as `text`.

    `160` is a size for every spatial axis, `160x128` one each, `3x160x128` has the channels too, `8x3x160x128` a batch.
    """
    sizes = declared if text is None else _resized(declared, _numbers(text), text, is_tokens=is_tokens)
    axis = 1 if is_tokens else len(declared)
    if batch is None:
        return Shape(sizes, len(sizes) - axis)
    if len(sizes) > len(declared):
        raise UsageError(f"--input {(text or '')[:60]} already has a batch; omit --batch")
    return Shape((checked_batch(batch), *sizes), len(sizes) + 1 - axis)


def checked_batch(batch: int) -> int:
    """Return a batch, if it is one."""
    if not 1 <= batch <= LARGEST:
        raise UsageError(f"invalid --batch {batch}: expected an integer from 1 to 10⁹")
    return batch


def resized(
    inputs: Mapping[str, Shape],
    declared: Mapping[str, tuple[int, ...]],
    size: Dim | None = None,
    batch: Dim | None = None,
) -> dict[str, Shape]:
    """Return inputs with another size of the first and another batch of all, as far as they are given."""
    found = dict(inputs)
    if size is not None:
        first = next(iter(inputs))
        found[first] = _with_size(inputs[first], len(declared[first]), size)
    return found if batch is None else {name: _with_batch(x, len(declared[name]), batch) for name, x in found.items()}


def _with_batch(x: Shape, rank: int, batch: Dim) -> Shape:
    """Return an input of a rank with another batch, or with one."""
    return Shape((batch, *x.dims[-rank:]), x.channel_axis - len(x.dims) + rank + 1)


def _with_size(x: Shape, rank: int, size: Dim) -> Shape:
    """Return an input of a rank with another size along all axes but the batch and the channels, or along its only."""
    if rank == 1:
        return x.resized(channels=size)
    if x.spatial:
        return x.resized(spatial=(size,) * len(x.spatial))
    return Shape((*x.dims[:-rank], *(size,) * (rank - 1), x.channels), x.channel_axis)


def numbers_in(text: str) -> tuple[int, ...]:
    """Read sizes that are joined by x."""
    parts = text.lower().replace("×", "x").split("x")
    if not all(part.isascii() and part.isdecimal() and len(part) <= len(str(LARGEST)) for part in parts):
        raise UsageError(f"--input {text[:60]} is not a size; write 160, 160x128, 3x160x128 or 8x3x160x128")
    return tuple(map(int, parts))


def _numbers(text: str) -> tuple[int, ...]:
    numbers = numbers_in(text)
    if not all(1 <= number <= LARGEST for number in numbers):
        raise UsageError(f"invalid --input {text[:60]}: sizes go from 1 to 10⁹")
    return numbers


def _resized(declared: tuple[int, ...], numbers: tuple[int, ...], text: str, *, is_tokens: bool) -> tuple[int, ...]:
    axes = len(declared) - 1
    sizes = numbers * axes if len(numbers) == 1 else numbers
    if axes and len(sizes) == axes:
        return (*sizes, declared[-1]) if is_tokens else (declared[0], *sizes)
    if len(numbers) in {axes + 1, axes + 2}:
        return numbers
    raise UsageError(
        f"--input {text[:60]} has {len(numbers)} sizes, but the network's input {'×'.join(map(str, declared))} "
        f"has {axes} spatial axes; give {axes or 1} for those, one more for the channels, two more for a batch"
    )
