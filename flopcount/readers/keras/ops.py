"""Operations between the layers of a Keras model: `keras.ops`, and functions of TensorFlow in Keras 2."""

from collections.abc import Callable, Container, Mapping, Sequence
from math import prod
from typing import Any

from flopcount.readers.keras.context import CallOp, FeatureMap, Made, axis_order, reshaped, taken, target, turned
from flopcount.readers.keras.layers import MODES, applied, pool
from flopcount.readers.synonyms import ACTIVATIONS, OPERATORS, SEVERAL

# Layers of Keras that bring several tensors together.


SEQUENCE = 2
"""Tokens and channels: what is seen in different ways is then seen as tokens, as attention and linear layers do."""


def alike(op: CallOp, xs: Sequence[FeatureMap]) -> list[FeatureMap]:
    """See all as the first one is seen, or as tokens; axes that are missing in front are put there, each of size 1."""
    rank = max(x.rank for x in xs)
    full = next(x for x in xs if x.rank == rank)
    if all(x.rank == rank for x in xs):
        mixed = len({(x.channel, x.copies) for x in xs}) > 1
        if mixed and rank - op.outer == SEQUENCE:
            return [op.vectors(x) for x in xs]
        return [op.viewed(x, full.channel, full.copies) for x in xs]
    padded = [
        x if x.rank == rank else reshaped(op, x, [1] * (rank - x.rank) + [*x.sizes], tail=f"stretched{place}")
        for place, x in enumerate(xs, 1)
    ]
    return [op.viewed(x, full.channel, full.copies) for x in padded]


def combined(op: CallOp, xs: Sequence[FeatureMap], function: str, tail: str = "") -> FeatureMap:
    """Compute element by element over several tensors, by the plainest kind that says it."""
    if not xs:
        raise op.problem("nothing enters; the file is damaged")
    if len(xs) == 1:
        return op.row("Identity", xs[0], tail=tail)
    xs = alike(op, xs)
    sizes = {x.sizes for x in xs}
    if function == "add" and len(sizes) == 1:
        return op.row("Add", *xs, tail=tail)
    if function == "mul":
        full = max(xs, key=lambda x: prod(x.sizes))
        if all(_stretches(x, full) for x in xs):
            place = next(place for place, x in enumerate(xs) if x is full)
            return op.row("Mul", full, *xs[:place], *xs[place + 1 :], tail=tail)
    if len(xs) > 2 and function not in {"add", "mul", "min", "max"}:  # noqa: PLR2004  (two operands)
        raise op.problem(f"{len(xs)} tensors enter where two are read")
    return op.row("Elementwise", *xs, tail=tail, function=function)


def _stretches(x: FeatureMap, full: FeatureMap) -> bool:
    return all(size in {1, wanted} for size, wanted in zip(x.sizes, full.sizes, strict=True))


def add(op: CallOp) -> FeatureMap:
    """Write a sum."""
    return combined(op, op.xs, "add")


def subtract(op: CallOp) -> FeatureMap:
    """Write a difference."""
    return combined(op, op.xs, "sub")


def multiply(op: CallOp) -> FeatureMap:
    """Write a product."""
    return combined(op, op.xs, "mul")


def maximum(op: CallOp) -> FeatureMap:
    """Write a maximum."""
    return combined(op, op.xs, "max")


def minimum(op: CallOp) -> FeatureMap:
    """Write a minimum."""
    return combined(op, op.xs, "min")


def average(op: CallOp) -> FeatureMap:
    """Write a mean of several tensors: their sum, divided by their number."""
    return op.row("Elementwise", combined(op, op.xs, "add"), function="div", tail="mean")


def scaled_sum(op: CallOp) -> FeatureMap:
    """Write the residual of Inception-ResNet: the first plus the second times a constant."""
    xs = op.xs
    if len(xs) != 2:  # noqa: PLR2004  (two terms)
        raise op.problem(f"{len(xs)} tensors enter where two are read")
    return combined(op, [xs[0], op.row("Elementwise", xs[1], function="mul", tail="scaled")], "add")


def concatenate_joins(op: CallOp) -> FeatureMap:
    """Write tensors one behind the other."""
    return concatenated(op, op.xs, op.axis(op.get("axis", -1), op.x.rank))


def concatenated(op: CallOp, xs: Sequence[FeatureMap], axis: int) -> FeatureMap:
    """Put tensors behind each other along an axis of Keras."""
    if len(xs) == 1:
        return op.row("Identity", xs[0])
    xs = alike(op, xs)
    first = xs[0]
    if axis == first.channel:
        return op.row("Concat", *xs)
    place = axis_order(first.channel, first.copies, first.rank).index(axis)
    if place > first.copies:
        return op.row("Concat", *xs, axis=place - first.copies - 1)
    return op.row("Join", *xs, axis=place - first.rank)


def dot(op: CallOp) -> FeatureMap:
    """Write a sum of products along an axis of each of two tensors."""
    xs = op.xs
    if len(xs) != 2:  # noqa: PLR2004  (two factors)
        raise op.problem(f"{len(xs)} tensors enter where two are read")
    axes = op.get("axes", -1)
    one, other = axes if isinstance(axes, list) and len(axes) == 2 else (axes, axes)  # noqa: PLR2004
    places = op.axis(one, xs[0].rank, "axes"), op.axis(other, xs[1].rank, "axes")
    letters = "abcdefgh"[: xs[0].rank], "ijklmnop"[: xs[1].rank]
    second = letters[1].replace(letters[1][places[1]], letters[0][places[0]])
    summed = letters[0][places[0]]
    out = "".join(letter for letter in letters[0] + second if letter != summed)
    return einsum(op, xs, (letters[0], second), out)


def einsum(op: CallOp, xs: Sequence[FeatureMap], reads: Sequence[str], out: str, tail: str = "") -> FeatureMap:
    """Write a sum of products over letters, one for each axis of Keras."""
    seen = [op.vectors(x) for x in xs]
    if not out:  # all axes are summed: what is left is one number, which Keras gives an axis of its own
        made = op.row("Elementwise", *alike(op, xs), function="mul", tail="products")
        every = [*range(-made.rank, 0)]
        return op.row("Reduce", made, tail=tail, axes=every, function="sum", keepdim=False, channel=0)
    equation = f"{','.join(reads)}->{out}"
    return op.row("Einsum", *seen, equation=equation, tail=tail, channel=len(out) - 1)


PASSED = ("identity", "cast", "copy", "stopgradient", "flip", "reverse", "roll", "castlike", "convert", "ensureshape")
"""Operations that move numbers, or nothing."""

REDUCTIONS: Mapping[str, str] = {
    **dict.fromkeys(("mean", "reducemean"), "mean"),
    **dict.fromkeys(("sum", "reducesum"), "sum"),
    **dict.fromkeys(("max", "amax", "reducemax"), "max"),
    **dict.fromkeys(("min", "amin", "reducemin"), "min"),
    **dict.fromkeys(("prod", "reduceprod"), "prod"),
    "argmax": "argmax",
    "argmin": "argmin",
    "logsumexp": "logsumexp",
    "norm": "norm",
}
"""Operations that make one number of many."""


def element(op: CallOp, name: str) -> FeatureMap:
    """Add an operation on one tensor, on two, or on one and a constant."""
    function = OPERATORS[name]
    xs = op.operands if function in SEVERAL else [op.x]
    return combined(op, xs, function) if len(xs) > 1 else op.row("Elementwise", op.x, function=function)


def activation(op: CallOp, name: str) -> FeatureMap:
    """Add an activation."""
    return applied(op, op.x, name)


def softmax(op: CallOp, _: str) -> FeatureMap:
    """Write a softmax."""
    axis = op.argument(1, "axis", default=-1)
    return applied(op, op.x, "softmax", axis=op.axis(axis, op.x.rank))


def passed(op: CallOp, _: str) -> FeatureMap:
    """Add what computes nothing."""
    return op.row("Identity", op.x)


def reduced(op: CallOp, name: str) -> FeatureMap:
    """Write a reduction: a global pool where it is one over space."""
    x, found = op.x, REDUCTIONS[name]
    axes = op.axes(op.argument(1, "axis"), x.rank)
    keep = op.argument(2, "keepdims", "keep_dims", default=False) is True
    space = [axis for axis in range(x.rank) if axis != x.channel]
    if found in {"mean", "max"} and x.copies == 0 and x.rank > 1 and axes == space:
        kind = "GlobalAvgPool" if found == "mean" else "GlobalMaxPool"
        return op.row(kind, x, keepdim=keep, channel=x.channel if keep else 0)
    seen = op.vectors(x)
    left = x.rank if keep else max(x.rank - len(axes), 1)
    places = [axis - x.rank for axis in axes]
    return op.row("Reduce", seen, axes=places, function=found, keepdim=keep, channel=left - 1)


def matmul(op: CallOp, _: str) -> FeatureMap:
    """Write a product of matrices, with copies in front where there are."""
    xs = op.operands
    if len(xs) != 2 or min(x.rank for x in xs) < 2:  # noqa: PLR2004  (two matrices)
        raise op.problem("reads two matrices of two axes or more each, and has not got them")
    one, other = (_letters(xs[0].rank, "x"), _letters(xs[1].rank, "y"))
    turned_one = op.argument(2, "transpose_a", "adj_x") is True
    turned_other = op.argument(3, "transpose_b", "adj_y") is True
    one = one[:-2] + (one[-1] + one[-2] if turned_one else one[-2:])
    other = other[:-2] + (other[-1] + other[-2] if turned_other else other[-2:])
    copies = one[:-2] if len(one) >= len(other) else other[:-2]
    return einsum(op, xs, (one, other), f"{copies}xz")


def _letters(rank: int, which: str) -> str:
    """Name the axes of a factor: rows, columns, and the copies in front of both by one alphabet."""
    front = "abcdefgh"[-(rank - 2) :] if rank > 2 else ""  # noqa: PLR2004  (a matrix)
    return front + ("xy" if which == "x" else "yz")


def einsum_of(op: CallOp, _: str) -> FeatureMap:
    """Write a sum of products over letters; the batch has the first one."""
    equation = str(op.argument(0, "subscripts", "equation", default="")).replace(" ", "")
    reads, _, out = equation.partition("->")
    terms, xs = reads.split(","), op.operands
    if not out or len(terms) != len(xs) or not {term[:1] for term in terms} == {out[:1]} or "." in equation:
        raise op.problem(f"the equation {equation[:50]!r} is not one over a batch in front of all")
    return einsum(op, xs, [term[1:] for term in terms], out[1:])


def attention(op: CallOp, _: str) -> Made:
    """Write attention over tokens, heads and channels: two products, and the softmax between them."""
    xs = [op.argument(place, name) for place, name in enumerate(("query", "key", "value"))]
    if not all(isinstance(x, FeatureMap) and x.rank == HEADS for x in xs) or len({x.sizes[1] for x in xs}) > 1:
        raise op.problem("reads queries, keys and values with as many heads each, and has not got them")
    return op.grouped(_attended, *xs)


HEADS = 3
"""Tokens, heads and channels."""


def _attended(op: CallOp, query: FeatureMap, key: FeatureMap, value: FeatureMap) -> FeatureMap:
    scores = einsum(op, [query, key], ("nhd", "mhd"), "hnm", tail="scores")
    weights = applied(op, scores, "softmax", behind=True)
    return einsum(op, [weights, value], ("hnm", "mhv"), "nhv", tail="sum")


def pooled(op: CallOp, name: str) -> FeatureMap:
    """Write a pool with a sliding window."""
    names = ("pool_size", "strides", "padding", "data_format")
    found = {key: op.argument(place, key) for place, key in enumerate(names, 1)}
    config = {key: value for key, value in found.items() if value is not None}
    kind = f"{'Max' if name == 'maxpool' else 'Average'}Pool{op.x.rank - 1}D"
    return pool(op.having(config=config, origin=op.origin._replace(kind=kind)))


def family(name: str) -> Callable[[CallOp, str], FeatureMap] | None:
    """Return what writes an operation that is one of many alike."""
    families: tuple[tuple[Container[str], Callable[[CallOp, str], FeatureMap]], ...] = (
        (REDUCTIONS, reduced),
        (ACTIVATIONS, activation),
        (OPERATORS, element),
        (PASSED, passed),
    )
    return next((write for names, write in families if name in names), None)


# Layers of Keras around another layer.


def time_distributed(op: CallOp) -> Made:
    """Write a layer that is applied to each place of the first axis."""
    return op.inside(op.having(outer=op.outer + 1, args=(_in_front(op),)))


def _in_front(op: CallOp) -> FeatureMap:
    """See a tensor with the places that the layer is applied to in front of its channels."""
    x = op.x
    if x.rank < op.outer + 2:
        raise op.problem(f"its input has {x.rank} axes behind the batch; it needs at least {op.outer + 2}")
    copies = max(x.copies, op.outer + 1)
    return op.viewed(x, max(x.channel, copies) if x.channel <= op.outer else x.channel, copies)


def spectral(op: CallOp) -> Made:
    """Write a layer whose weight is divided by its largest singular value, for which a vector is kept."""
    return op.grouped(_normalised, op.x)


def _normalised(op: CallOp, x: FeatureMap) -> FeatureMap:
    made = op.inside(op.having(args=(x,)))
    y = made if isinstance(made, FeatureMap) else made[0]
    last = x if "Transpose" in str(op.get("layer", {}).get("class_name")) else y  # the last axis of the weight
    return op.row("Constants", y, tail="vector", count=last.sizes[last.channel])


# Operations between the layers of a Keras model that change shapes and compute nothing.


def reshape(op: CallOp, _: str) -> FeatureMap:
    """Write a reshape; the batch comes first among the new sizes."""
    sizes = op.argument(1, "newshape", "shape", "new_shape")
    if not isinstance(sizes, list) or not sizes:
        raise op.problem("the sizes it leaves follow from other tensors; that is not read")
    return reshaped(op, op.x, target(op, op.x, sizes[1:]))


def transpose(op: CallOp, _: str) -> FeatureMap:
    """Write another order of the axes, the batch in front."""
    order = op.argument(1, "axes", "perm")
    rank = op.x.rank
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(map(str, range(rank + 1))) or order[0] != 0:
        raise op.problem("does not leave the batch in front; that is not read")
    return turned(op, op.x, [axis - 1 for axis in order[1:]])


def moved(op: CallOp, name: str) -> FeatureMap:
    """Write two axes in each other's place, or one in another place, the batch in front."""
    names = ("axis1", "axis2") if name == "swapaxes" else ("source", "destination")
    one, other = (op.axis(op.argument(place, key), op.x.rank) for place, key in enumerate(names, 1))
    order = [*range(op.x.rank)]
    if name == "swapaxes":
        order[one], order[other] = other, one
    else:
        order.insert(other, order.pop(one))
    return turned(op, op.x, order)


def concatenate_reshaping(op: CallOp, _: str) -> FeatureMap:
    """Write tensors one behind the other."""
    axis = op.argument(1, "axis", default=-1)
    return concatenated(op, op.operands, op.axis(axis, op.x.rank))


def stack(op: CallOp, _: str) -> FeatureMap:
    """Write tensors one behind the other, along an axis of its own."""
    place = op.axis(op.argument(1, "axis", default=-1), op.x.rank + 1)
    xs = op.operands
    sizes = [*op.x.sizes[:place], 1, *op.x.sizes[place:]]
    return concatenated(op, [reshaped(op, x, sizes, tail=f"part{n}") for n, x in enumerate(xs, 1)], place)


def expand_dims(op: CallOp, _: str) -> FeatureMap:
    """Write axes of size 1."""
    value = op.argument(1, "axis", default=-1)
    sizes = [*op.x.sizes]
    for axis in value if isinstance(value, list) else [value]:
        sizes.insert(op.axis(axis, len(sizes) + 1), 1)
    return reshaped(op, op.x, sizes)


def squeeze(op: CallOp, _: str) -> FeatureMap:
    """Write away axes of size 1."""
    value, sizes = op.argument(1, "axis", "squeeze_dims"), op.x.sizes
    every = [axis for axis, size in enumerate(sizes) if size == 1]
    gone = every if value in (None, []) else op.axes(value, len(sizes))
    if any(sizes[axis] != 1 for axis in gone):
        raise op.problem("takes away an axis that is larger than 1")
    return reshaped(op, op.x, [size for axis, size in enumerate(sizes) if axis not in gone] or [1])


def flat(op: CallOp, _: str) -> FeatureMap:
    """Write all axes as one."""
    return reshaped(op, op.x, [prod(op.x.sizes)])


def resize(op: CallOp, _: str) -> FeatureMap:
    """Write another size of an image."""
    size = op.argument(1, "size")
    mode = str(op.argument(2, "interpolation", "method", default="bilinear")).lower()
    if not isinstance(size, list) or len(size) != 2 or mode not in MODES:  # noqa: PLR2004  (a plane)
        raise op.problem("resizes to what is not known here, or in a way that is not")
    return op.row("Interpolate", op.mapped(op.x, 2), size=size, mode=mode)


def shuffled(op: CallOp, name: str) -> FeatureMap:
    """Write channels dealt out over space, or gathered from it."""
    factor = op.argument(1, "block_size")
    if name == "depthtospace":
        return op.row("PixelShuffle", op.mapped(op.x, 2), upscale_factor=factor)
    return op.row("PixelUnshuffle", op.mapped(op.x, 2), downscale_factor=factor)


def pad(op: CallOp, _: str) -> FeatureMap:
    """Write a border around any axis but the batch."""
    widths, x = op.argument(1, "pad_width", "paddings"), op.vectors(op.x)
    if not isinstance(widths, list) or len(widths) != x.rank + 1 or widths[0] not in ([0, 0], 0):
        raise op.problem("pads the batch, or not every axis; that is not read")
    pairs = [pair if isinstance(pair, list) else [pair, pair] for pair in widths[1:]]
    sizes = [size + sum(op.checked("pad_width", each) for each in pair) for size, pair in _zipped(x.sizes, pairs)]
    return op.row("Expand", x, size=sizes, axes=x.rank)


def _zipped(sizes: Sequence[int], widths: Sequence[Any]) -> list[tuple[int, Any]]:
    return list(zip(sizes, widths, strict=True))


def tiled(op: CallOp, _: str) -> FeatureMap:
    """Write copies along each axis."""
    times, x = op.argument(1, "repeats", "multiples", "reps"), op.vectors(op.x)
    if not isinstance(times, list) or len(times) != x.rank + 1 or times[0] != 1:
        raise op.problem("copies the batch, or says not how often for every axis; that is not read")
    sizes = [size * op.checked("repeats", each) for size, each in _zipped(x.sizes, times[1:])]
    return op.row("Expand", x, size=sizes, axes=x.rank)


def broadcast(op: CallOp, _: str) -> FeatureMap:
    """Write copies up to a given shape, the batch in front."""
    sizes, x = op.argument(1, "shape"), op.vectors(op.x)
    if not isinstance(sizes, list) or len(sizes) != x.rank + 1:
        raise op.problem("has not as many sizes as there are axes; that is not read")
    return op.row("Expand", x, size=sizes[1:], axes=x.rank)


def split(op: CallOp, _: str) -> list[FeatureMap]:
    """Write shares of an axis: so many equal ones, or of given sizes, or cut at given places."""
    x = op.x
    axis = op.axis(op.argument(2, "axis", default=-1), x.rank)
    cuts = op.argument(1, "indices_or_sections", "num_or_size_splits", "num_split", "num")
    full = x.sizes[axis]
    sizes = _shares(op, cuts, full, sums=op.kind == "TFOpLambda")
    if sum(sizes) != full or min(sizes) < 1:
        raise op.problem(f"the shares {sizes[:5]} do not make up an axis of size {full}")
    return [taken(op, x, axis, size, keep=True, tail=f"part{n}") for n, size in enumerate(sizes, 1)]


def _shares(op: CallOp, cuts: Any, full: int, *, sums: bool) -> list[int]:
    if isinstance(cuts, list) and cuts:
        numbers = [op.checked("indices_or_sections", each) for each in cuts]
        return (
            numbers if sums else [after - before for before, after in zip([0, *numbers], [*numbers, full], strict=True)]
        )
    count = op.checked("indices_or_sections", cuts)
    if count < 1 or full % count or count > MOST_SHARES:
        raise op.problem(f"{count} equal shares cannot be made of an axis of size {full}")
    return [full // count] * count


MOST_SHARES = 10_000
"""More shares of one axis than this are refused."""


def unstack(op: CallOp, _: str) -> list[FeatureMap]:
    """Write each place of an axis by itself."""
    x = op.x
    axis = op.axis(op.argument(2, "axis", default=-1), x.rank)
    if x.sizes[axis] > MOST_SHARES:
        raise op.problem(f"takes apart an axis of size {x.sizes[axis]}; that is too many")
    return [taken(op, x, axis, 1, keep=False, tail=f"part{n}") for n in range(1, x.sizes[axis] + 1)]


def get_item(op: CallOp, _: str) -> FeatureMap:
    """Write places and ranges of axes, the whole batch in front."""
    keys = op.argument(1, "slice_spec", "key")
    keys = [_key(op, key) for key in (keys if isinstance(keys, list) else [keys])]
    if keys and keys[0] != slice(None):
        keys = keys if keys[0] is ... else [None, *keys]
        if keys[0] is None:
            raise op.problem("takes a part of the batch; that is not read")
    return _picked(op, op.x, keys if keys[:1] == [...] else keys[1:])


def _key(op: CallOp, key: Any) -> Any:
    """Return a slice, a place, an ellipsis or a new axis, as each version of Keras writes them."""
    if isinstance(key, dict) and ("start" in key or "stop" in key):
        key = slice(*(key.get(part) for part in ("start", "stop", "step")))
    if isinstance(key, dict) or (isinstance(key, str) and key in {"Ellipsis", "..."}):
        return ...
    if isinstance(key, slice):
        parts = (key.start, key.stop, key.step)
        if any(part is not None and op.checked("slice", part) is None for part in parts):
            raise op.problem("a slice is not of whole numbers")
        return key
    return key if key is None or key is ... else op.checked("key", key)


def _picked(op: CallOp, x: FeatureMap, keys: list[Any]) -> FeatureMap:
    """Take what each key says of its axis, the last axis first, so that places stay what they are."""
    spent = sum(key is not None and key is not ... for key in keys)
    if keys.count(...) > 1 or spent > x.rank:
        raise op.problem(f"names more axes than the {x.rank} there are")
    if ... in keys:
        dots = keys.index(...)
        keys = [*keys[:dots], *[slice(None)] * (x.rank - spent), *keys[dots + 1 :]]
    axes = [place for place, key in enumerate(keys) if key is not None]
    y, plain = x, [keys[place] for place in axes]
    for axis in range(len(plain) - 1, -1, -1):
        y = _part(op, y, axis, plain[axis])
    news = [place - sum(isinstance(key, int) for key in keys[:place]) for place, key in enumerate(keys) if key is None]
    for place in news:
        y = reshaped(op, y, [*y.sizes[:place], 1, *y.sizes[place:]])
    return y if y is not x else op.row("Identity", x)


def _part(op: CallOp, x: FeatureMap, axis: int, key: Any) -> FeatureMap:
    size = x.sizes[axis]
    if isinstance(key, int):
        if not -size <= key < size:
            raise op.problem(f"takes place {key} of an axis of size {size}")
        return taken(op, x, axis, 1, keep=False)
    if key.step == 0:
        raise op.problem("takes steps of 0")
    count = len(range(*key.indices(size)))
    if not count:
        raise op.problem(f"takes nothing of an axis of size {size}")
    return x if count == size else taken(op, x, axis, count, keep=True)
