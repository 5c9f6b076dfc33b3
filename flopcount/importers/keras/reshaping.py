"""Operations between the layers of a Keras model that change shapes and compute nothing."""

from collections.abc import Sequence
from math import prod
from typing import Any

from flopcount.importers.keras.arguments import along, argument, operands
from flopcount.importers.keras.convs import MODES
from flopcount.importers.keras.joins import concatenated
from flopcount.importers.keras.shapes import reshaped, taken, target, turned
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use


def reshape(use: Use, _: str) -> Tensor:
    """Write a reshape; the batch comes first among the new sizes."""
    sizes = argument(use, 1, "newshape", "shape", "new_shape")
    if not isinstance(sizes, list) or not sizes:
        raise use.problem("the sizes it leaves follow from other tensors; that is not read")
    return reshaped(use, use.x, target(use, use.x, sizes[1:]))


def transpose(use: Use, _: str) -> Tensor:
    """Write another order of the axes, the batch in front."""
    order = argument(use, 1, "axes", "perm")
    rank = use.x.rank
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(map(str, range(rank + 1))) or order[0] != 0:
        raise use.problem("does not leave the batch in front; that is not read")
    return turned(use, use.x, [axis - 1 for axis in order[1:]])


def moved(use: Use, name: str) -> Tensor:
    """Write two axes in each other's place, or one in another place, the batch in front."""
    names = ("axis1", "axis2") if name == "swapaxes" else ("source", "destination")
    one, other = (use.axis(argument(use, place, key), use.x.rank) for place, key in enumerate(names, 1))
    order = [*range(use.x.rank)]
    if name == "swapaxes":
        order[one], order[other] = other, one
    else:
        order.insert(other, order.pop(one))
    return turned(use, use.x, order)


def concatenate(use: Use, _: str) -> Tensor:
    """Write tensors one behind the other."""
    axis = argument(use, 1, "axis", default=-1)
    return concatenated(use, operands(use), use.axis(axis, use.x.rank))


def stack(use: Use, _: str) -> Tensor:
    """Write tensors one behind the other, along an axis of its own."""
    place = use.axis(argument(use, 1, "axis", default=-1), use.x.rank + 1)
    xs = operands(use)
    sizes = [*use.x.sizes[:place], 1, *use.x.sizes[place:]]
    return concatenated(use, [reshaped(use, x, sizes, tail=f"part{n}") for n, x in enumerate(xs, 1)], place)


def expand_dims(use: Use, _: str) -> Tensor:
    """Write axes of size 1."""
    value = argument(use, 1, "axis", default=-1)
    sizes = [*use.x.sizes]
    for axis in value if isinstance(value, list) else [value]:
        sizes.insert(use.axis(axis, len(sizes) + 1), 1)
    return reshaped(use, use.x, sizes)


def squeeze(use: Use, _: str) -> Tensor:
    """Write away axes of size 1."""
    value, sizes = argument(use, 1, "axis", "squeeze_dims"), use.x.sizes
    every = [axis for axis, size in enumerate(sizes) if size == 1]
    gone = every if value in (None, []) else along(use, value, len(sizes))
    if any(sizes[axis] != 1 for axis in gone):
        raise use.problem("takes away an axis that is larger than 1")
    return reshaped(use, use.x, [size for axis, size in enumerate(sizes) if axis not in gone] or [1])


def flat(use: Use, _: str) -> Tensor:
    """Write all axes as one."""
    return reshaped(use, use.x, [prod(use.x.sizes)])


def resize(use: Use, _: str) -> Tensor:
    """Write another size of an image."""
    size = argument(use, 1, "size")
    mode = MODES.get(str(argument(use, 2, "interpolation", "method", default="bilinear")).lower())
    if not isinstance(size, list) or len(size) != 2 or mode is None:  # noqa: PLR2004  (a plane)
        raise use.problem("resizes to what is not known here, or in a way that is not")
    return use.row("Interpolate", use.mapped(use.x, 2), size=size, mode=mode)


def shuffled(use: Use, name: str) -> Tensor:
    """Write channels dealt out over space, or gathered from it."""
    factor = argument(use, 1, "block_size")
    if name == "depthtospace":
        return use.row("PixelShuffle", use.mapped(use.x, 2), upscale_factor=factor)
    return use.row("PixelUnshuffle", use.mapped(use.x, 2), downscale_factor=factor)


def pad(use: Use, _: str) -> Tensor:
    """Write a border around any axis but the batch."""
    widths, x = argument(use, 1, "pad_width", "paddings"), use.vectors(use.x)
    if not isinstance(widths, list) or len(widths) != x.rank + 1 or widths[0] not in ([0, 0], 0):
        raise use.problem("pads the batch, or not every axis; that is not read")
    pairs = [pair if isinstance(pair, list) else [pair, pair] for pair in widths[1:]]
    sizes = [size + sum(use.checked("pad_width", each) for each in pair) for size, pair in _zipped(x.sizes, pairs)]
    return use.row("Expand", x, size=sizes, axes=x.rank)


def _zipped(sizes: Sequence[int], widths: Sequence[Any]) -> list[tuple[int, Any]]:
    return list(zip(sizes, widths, strict=True))


def tiled(use: Use, _: str) -> Tensor:
    """Write copies along each axis."""
    times, x = argument(use, 1, "repeats", "multiples", "reps"), use.vectors(use.x)
    if not isinstance(times, list) or len(times) != x.rank + 1 or times[0] != 1:
        raise use.problem("copies the batch, or says not how often for every axis; that is not read")
    sizes = [size * use.checked("repeats", each) for size, each in _zipped(x.sizes, times[1:])]
    return use.row("Expand", x, size=sizes, axes=x.rank)


def broadcast(use: Use, _: str) -> Tensor:
    """Write copies up to a given shape, the batch in front."""
    sizes, x = argument(use, 1, "shape"), use.vectors(use.x)
    if not isinstance(sizes, list) or len(sizes) != x.rank + 1:
        raise use.problem("has not as many sizes as there are axes; that is not read")
    return use.row("Expand", x, size=sizes[1:], axes=x.rank)


def split(use: Use, _: str) -> list[Tensor]:
    """Write shares of an axis: so many equal ones, or of given sizes, or cut at given places."""
    x = use.x
    axis = use.axis(argument(use, 2, "axis", default=-1), x.rank)
    cuts = argument(use, 1, "indices_or_sections", "num_or_size_splits", "num_split", "num")
    full = x.sizes[axis]
    sizes = _shares(use, cuts, full, sums=use.blame.kind == "TFOpLambda")
    if sum(sizes) != full or min(sizes) < 1:
        raise use.problem(f"the shares {sizes[:5]} do not make up an axis of size {full}")
    return [taken(use, x, axis, size, keep=True, tail=f"part{n}") for n, size in enumerate(sizes, 1)]


def _shares(use: Use, cuts: Any, full: int, *, sums: bool) -> list[int]:
    if isinstance(cuts, list) and cuts:
        numbers = [use.checked("indices_or_sections", each) for each in cuts]
        return (
            numbers if sums else [after - before for before, after in zip([0, *numbers], [*numbers, full], strict=True)]
        )
    count = use.checked("indices_or_sections", cuts)
    if count < 1 or full % count or count > MOST_SHARES:
        raise use.problem(f"{count} equal shares cannot be made of an axis of size {full}")
    return [full // count] * count


MOST_SHARES = 10_000
"""More shares of one axis than this are refused."""


def unstack(use: Use, _: str) -> list[Tensor]:
    """Write each place of an axis by itself."""
    x = use.x
    axis = use.axis(argument(use, 2, "axis", default=-1), x.rank)
    if x.sizes[axis] > MOST_SHARES:
        raise use.problem(f"takes apart an axis of size {x.sizes[axis]}; that is too many")
    return [taken(use, x, axis, 1, keep=False, tail=f"part{n}") for n in range(1, x.sizes[axis] + 1)]


def get_item(use: Use, _: str) -> Tensor:
    """Write places and ranges of axes, the whole batch in front."""
    keys = argument(use, 1, "slice_spec", "key")
    keys = [_key(use, key) for key in (keys if isinstance(keys, list) else [keys])]
    if keys and keys[0] != slice(None):
        keys = keys if keys[0] is ... else [None, *keys]
        if keys[0] is None:
            raise use.problem("takes a part of the batch; that is not read")
    return _picked(use, use.x, keys if keys[:1] == [...] else keys[1:])


def _key(use: Use, key: Any) -> Any:
    """Return a slice, a place, an ellipsis or a new axis, as each version of Keras writes them."""
    if isinstance(key, dict) and ("start" in key or "stop" in key):
        key = slice(*(key.get(part) for part in ("start", "stop", "step")))
    if isinstance(key, dict) or (isinstance(key, str) and key in {"Ellipsis", "..."}):
        return ...
    if isinstance(key, slice):
        parts = (key.start, key.stop, key.step)
        if any(part is not None and use.checked("slice", part) is None for part in parts):
            raise use.problem("a slice is not of whole numbers")
        return key
    return key if key is None or key is ... else use.checked("key", key)


def _picked(use: Use, x: Tensor, keys: list[Any]) -> Tensor:
    """Take what each key says of its axis, the last axis first, so that places stay what they are."""
    spent = sum(key is not None and key is not ... for key in keys)
    if keys.count(...) > 1 or spent > x.rank:
        raise use.problem(f"names more axes than the {x.rank} there are")
    if ... in keys:
        dots = keys.index(...)
        keys = [*keys[:dots], *[slice(None)] * (x.rank - spent), *keys[dots + 1 :]]
    axes = [place for place, key in enumerate(keys) if key is not None]
    y, plain = x, [keys[place] for place in axes]
    for axis in range(len(plain) - 1, -1, -1):
        y = _part(use, y, axis, plain[axis])
    news = [place - sum(isinstance(key, int) for key in keys[:place]) for place, key in enumerate(keys) if key is None]
    for place in news:
        y = reshaped(use, y, [*y.sizes[:place], 1, *y.sizes[place:]])
    return y if y is not x else use.row("Identity", x)


def _part(use: Use, x: Tensor, axis: int, key: Any) -> Tensor:
    size = x.sizes[axis]
    if isinstance(key, int):
        if not -size <= key < size:
            raise use.problem(f"takes place {key} of an axis of size {size}")
        return taken(use, x, axis, 1, keep=False)
    if key.step == 0:
        raise use.problem("takes steps of 0")
    count = len(range(*key.indices(size)))
    if not count:
        raise use.problem(f"takes nothing of an axis of size {size}")
    return x if count == size else taken(use, x, axis, count, keep=True)
