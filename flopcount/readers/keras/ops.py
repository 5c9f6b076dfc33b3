"""Operations between the layers of a Keras model: `keras.ops`, and functions of TensorFlow in Keras 2."""

from collections.abc import Callable, Container, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

from flopcount.readers.base import SEVERAL
from flopcount.readers.keras.context import CallOp, FeatureMap, Made, Writer, axis_order, reshaped, taken, turned
from flopcount.readers.keras.layers import applied, pool

SEQUENCE = 2
"""The axes of a sequence: tokens and channels."""


def alike(op: CallOp, xs: Sequence[FeatureMap]) -> list[FeatureMap]:
    """View all as the first one with the most axes, or as tokens; missing axes in front get the size 1."""
    full = max(xs, key=lambda x: x.rank)
    rank = full.rank
    mixed = len({(x.channel, x.copies) for x in xs}) > 1
    if mixed and rank - op.outer == SEQUENCE and all(x.rank == rank for x in xs):
        return [op.vectors(x) for x in xs]
    padded = [
        x if x.rank == rank else reshaped(op, x, [1] * (rank - x.rank) + [*x.sizes], tail=f"stretched{place}")
        for place, x in enumerate(xs, 1)
    ]
    return [op.viewed(x, full.channel, full.copies) for x in padded]


def combined(op: CallOp, xs: Sequence[FeatureMap], function: str, tail: str = "") -> FeatureMap:
    """Compute element by element over several tensors, by the simplest kind that does so."""
    if not xs:
        raise op.problem("it has no inputs; the file is damaged")
    if len(xs) == 1:
        return op.row("Identity", xs[0], tail=tail)
    xs = alike(op, xs)
    sizes = {x.sizes for x in xs}
    if function == "add" and len(sizes) == 1:
        return op.row("Add", *xs, tail=tail)
    full = max(xs, key=lambda x: prod(x.sizes))
    stretch = all(size in {1, most} for x in xs for size, most in zip(x.sizes, full.sizes, strict=True))
    if function == "mul" and stretch:
        place = next(place for place, x in enumerate(xs) if x is full)
        return op.row("Mul", full, *xs[:place], *xs[place + 1 :], tail=tail)
    if len(xs) > 2 and function not in {"add", "mul", "min", "max", "where"}:  # noqa: PLR2004  (two operands)
        raise op.problem(f"it has {len(xs)} inputs; it takes two")
    return op.row("Elementwise", *xs, tail=tail, function=function)


def combination(function: str) -> Callable[[CallOp], FeatureMap]:
    """Return the function that combines all inputs element by element."""
    return lambda op: combined(op, op.xs, function)


def scaled_sum(op: CallOp) -> FeatureMap:
    """Add the residual of Inception-ResNet: the first plus the second times a constant."""
    one, other = op.pair()
    return combined(op, [one, op.row("Elementwise", other, function="mul", tail="scaled")], "add")


def concatenate(op: CallOp) -> FeatureMap:
    """Concatenate tensors."""
    return concatenated(op, op.xs, op.axis(op.argument(1, "axis", default=-1), op.x.rank))


def concatenated(op: CallOp, xs: Sequence[FeatureMap], axis: int) -> FeatureMap:
    """Concatenate tensors along an axis of Keras."""
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
    """Add a sum of products along an axis of each of two tensors."""
    xs, axes = op.pair(), op.get("axes", -1)
    both = axes if isinstance(axes, list) and len(axes) == 2 else (axes, axes)  # noqa: PLR2004
    places = [op.axis(axis, x.rank, "axes") for axis, x in zip(both, xs, strict=True)]
    first, second = "abcdefgh"[: xs[0].rank], "ijklmnop"[: xs[1].rank]
    summed = first[places[0]]
    second = second.replace(second[places[1]], summed)
    return einsum(op, xs, (first, second), (first + second).replace(summed, ""))


def einsum(op: CallOp, xs: Sequence[FeatureMap], reads: Sequence[str], out: str, tail: str = "") -> FeatureMap:
    """Add a sum of products over letters, one for each axis of Keras; if none is left, the sum has an axis of 1."""
    equation = f"{','.join(reads)}->{out}"
    return op.row("Einsum", *map(op.vectors, xs), equation=equation, tail=tail, channel=max(len(out) - 1, 0))


REDUCTIONS: Mapping[str, str] = {
    **{name: name for name in ("mean", "sum", "max", "min", "prod", "argmax", "argmin", "logsumexp", "norm")},
    **{f"reduce{name}": name for name in ("mean", "sum", "max", "min", "prod")},
    **{f"a{name}": name for name in ("max", "min")},
    **dict.fromkeys(("any", "reduceany"), "max"),
    **dict.fromkeys(("all", "reduceall"), "min"),
}
"""Operations that make one number of many."""


def element(function: str) -> Writer:
    """Return the function that adds an operation on one tensor, on two, or on one and a constant."""

    def add(op: CallOp) -> FeatureMap:
        xs = op.operands if function in SEVERAL else [op.x]
        return combined(op, xs, function) if len(xs) > 1 else op.row("Elementwise", op.x, function=function)

    return add


def activation(op: CallOp, name: str) -> FeatureMap:
    """Add an activation."""
    return applied(op, op.x, name)


def reduced(op: CallOp, function: str) -> FeatureMap:
    """Add a reduction: a global pool if it is one over space."""
    x, axes = op.x, op.axes(op.argument(1, "axis"), op.x.rank)
    keep = op.argument(2, "keepdims", "keep_dims", default=False) is True
    space = [axis for axis in range(x.rank) if axis != x.channel]
    kind = {"mean": "GlobalAvgPool", "max": "GlobalMaxPool"}.get(function)
    if kind and x.copies == 0 and x.rank > 1 and axes == space:
        return op.row(kind, x, keepdim=keep, channel=x.channel if keep else 0)
    left = x.rank if keep else max(x.rank - len(axes), 1)
    places = [axis - x.rank for axis in axes]
    return op.row("Reduce", op.vectors(x), axes=places, function=function, keepdim=keep, channel=left - 1)


def matmul(op: CallOp) -> FeatureMap:
    """Add a product of matrices, with copies in front if there are any."""
    xs = op.operands
    if len(xs) != 2 or min(x.rank for x in xs) < 2:  # noqa: PLR2004  (two matrices)
        raise op.problem("it takes two inputs with two or more axes each")
    copies = ["abcdefgh"[10 - x.rank :] for x in xs]
    one = "yx" if op.argument(2, "transpose_a", "adj_x") is True else "xy"
    other = "zy" if op.argument(3, "transpose_b", "adj_y") is True else "yz"
    return einsum(op, xs, (copies[0] + one, copies[1] + other), f"{max(copies, key=len)}xz")


def einsum_of(op: CallOp) -> FeatureMap:
    """Add a sum of products over letters; the batch has the first one."""
    equation = str(op.argument(0, "subscripts", "equation", default="")).replace(" ", "")
    reads, _, out = equation.partition("->")
    terms, xs = reads.split(","), op.operands
    if not out or len(terms) != len(xs) or {term[:1] for term in terms} != {out[:1]} or "." in equation:
        what = "has to have the batch first in every term" if xs else "is all that the file says of the product"
        raise op.problem(f"the equation {equation[:50]!r} {what}")
    return einsum(op, xs, [term[1:] for term in terms], out[1:])


def attention(op: CallOp) -> Made:
    """Add attention over tokens, heads and channels: two products, and the softmax between them."""
    xs = [op.argument(place, name) for place, name in enumerate(("query", "key", "value"))]
    if not all(isinstance(x, FeatureMap) and x.rank == 3 for x in xs) or len({x.sizes[1] for x in xs}) > 1:  # noqa: PLR2004
        raise op.problem("it takes queries, keys and values with the same number of heads")
    return op.grouped(lambda inner, *parts: weighed(inner, *parts)[0], *xs)


def weighed(op: CallOp, query: FeatureMap, key: FeatureMap, value: FeatureMap) -> tuple[FeatureMap, FeatureMap]:
    """Add products of queries by keys, a softmax, and sums of values; return the sums and the softmax."""
    scores = einsum(op, [query, key], ("nhd", "mhd"), "hnm", tail="scores")
    weights = applied(op, scores, "softmax", after=True)
    return einsum(op, [weights, value], ("hnm", "mhv"), "nhv", tail="sum"), weights


def pooled(name: str) -> Writer:
    """Return the function that adds a pool with a sliding window."""
    names = ("pool_size", "strides", "padding", "data_format")

    def add(op: CallOp) -> FeatureMap:
        found = {key: op.argument(place, key) for place, key in enumerate(names, 1)}
        config = {key: value for key, value in found.items() if value is not None}
        return pool(op.having(config=config, origin=op.origin._replace(kind=f"{name}Pool{op.x.rank - 1}D")))

    return add


def time_distributed(op: CallOp) -> Made:
    """Add a layer that is applied to each place of the first axis, which goes before the channels."""
    x = op.x
    if x.rank < op.outer + 2:
        raise op.problem(f"its input has {x.rank} axes after the batch; it needs at least {op.outer + 2}")
    copies = max(x.copies, op.outer + 1)
    x = op.viewed(x, max(x.channel, copies) if x.channel <= op.outer else x.channel, copies)
    return op.inside(op.having(outer=op.outer + 1, args=(x,)))


def spectral(op: CallOp, x: FeatureMap) -> FeatureMap:
    """Add a layer whose weight is divided by its largest singular value, for which a vector is kept."""
    made = op.inside(op.having(args=(x,)))
    y = made if isinstance(made, FeatureMap) else made[0]
    last = x if "Transpose" in str(op.get("layer", {}).get("class_name")) else y  # the last axis of the weight
    return op.row("Constants", y, tail="vector", count=last.sizes[last.channel])


def swap_axes(op: CallOp) -> FeatureMap:
    """Exchange two axes."""
    one, other = (op.axis(op.argument(place, f"axis{place}"), op.x.rank) for place in (1, 2))
    order = [*range(op.x.rank)]
    order[one], order[other] = other, one
    return turned(op, op.x, order)


def move_axis(op: CallOp) -> FeatureMap:
    """Move an axis to another place."""
    one, other = (op.axis(op.argument(n, key), op.x.rank) for n, key in enumerate(("source", "destination"), 1))
    order = [*range(op.x.rank)]
    order.insert(other, order.pop(one))
    return turned(op, op.x, order)


def stack(op: CallOp) -> FeatureMap:
    """Stack tensors along a new axis."""
    place = op.axis(op.argument(1, "axis", default=-1), op.x.rank + 1)
    sizes = [*op.x.sizes[:place], 1, *op.x.sizes[place:]]
    return concatenated(op, [reshaped(op, x, sizes, tail=f"part{n}") for n, x in enumerate(op.operands, 1)], place)


def expand_dims(op: CallOp) -> FeatureMap:
    """Add axes of size 1."""
    value = op.argument(1, "axis", default=-1)
    sizes = [*op.x.sizes]
    for axis in value if isinstance(value, list) else [value]:
        sizes.insert(op.axis(axis, len(sizes) + 1), 1)
    return reshaped(op, op.x, sizes)


def squeeze(op: CallOp) -> FeatureMap:
    """Remove axes of size 1."""
    value, sizes = op.argument(1, "axis", "squeeze_dims"), op.x.sizes
    every = [axis for axis, size in enumerate(sizes) if size == 1]
    gone = every if value in (None, []) else op.axes(value, len(sizes))
    if any(sizes[axis] != 1 for axis in gone):
        raise op.problem("it removes an axis that is larger than 1")
    return reshaped(op, op.x, [size for axis, size in enumerate(sizes) if axis not in gone] or [1])


def shuffle(kind: str, key: str) -> Writer:
    """Return the function that moves channels to space, or back."""
    return lambda op: op.row(kind, op.mapped(op.x, 2), **{key: op.argument(1, "block_size")})


def expansion(grown: Callable[[int, list[int]], int], *keys: str, kept: Container[Any] | None = None) -> Writer:
    """Return the function that adds copies or a border along each axis but the batch, whose number says `kept`."""

    def add(op: CallOp) -> FeatureMap:
        numbers, x = op.argument(1, *keys), op.vectors(op.x)
        if not isinstance(numbers, list) or len(numbers) != x.rank + 1 or (kept and numbers[0] not in kept):
            raise op.problem(f"{keys[0]} has to name every axis, and leave the batch as it is")
        each = [
            [op.checked(keys[0], n) for n in (pair if isinstance(pair, list) and pair else [pair])]
            for pair in numbers[1:]
        ]
        sizes = [grown(size, found) for size, found in zip(x.sizes, each, strict=True)]
        return op.row("Expand", x, size=sizes, axes=x.rank)

    return add


def split(op: CallOp) -> list[FeatureMap]:
    """Split an axis: into equal parts, parts of given sizes, or at given places."""
    x = op.x
    axis = op.axis(op.argument(2, "axis", default=-1), x.rank)
    cuts, full = op.argument(1, "indices_or_sections", "num_or_size_splits", "num_split", "num"), x.sizes[axis]
    sizes = _shares(op, cuts, full, sums=op.kind == "TFOpLambda")
    if sum(sizes) != full or min(sizes) < 1:
        raise op.problem(f"the parts {sizes[:5]} do not add up to an axis of size {full}")
    return [taken(op, x, axis, size, keep=True, tail=f"part{n}") for n, size in enumerate(sizes, 1)]


def _shares(op: CallOp, cuts: Any, full: int, *, sums: bool) -> list[int]:
    if isinstance(cuts, list) and cuts:
        numbers = [op.checked("indices_or_sections", each) for each in cuts]
        return numbers if sums else [after - before for before, after in pairwise([0, *numbers, full])]
    count = op.checked("indices_or_sections", cuts)
    if count < 1 or full % count or count > MOST_SHARES:
        raise op.problem(f"an axis of size {full} cannot be split into {count} equal parts")
    return [full // count] * count


MOST_SHARES = 10_000
"""An axis is split into at most this many parts."""


def unstack(op: CallOp) -> list[FeatureMap]:
    """Split an axis into its places."""
    axis = op.axis(op.argument(2, "axis", default=-1), op.x.rank)
    if op.x.sizes[axis] > MOST_SHARES:
        raise op.problem(f"an axis of size {op.x.sizes[axis]} is too long to unstack")
    return [taken(op, op.x, axis, 1, keep=False, tail=f"part{n + 1}") for n in range(op.x.sizes[axis])]


def get_item(op: CallOp) -> FeatureMap:
    """Take places and ranges of axes, with the whole batch in front."""
    keys = op.argument(1, "slice_spec", "key")
    keys = [_key(op, key) for key in (keys if isinstance(keys, list) else [keys])]
    if keys and keys[0] != slice(None):
        keys = keys if keys[0] is ... else [None, *keys]
        if keys[0] is None:
            raise op.problem("taking a part of the batch is not supported")
    return _picked(op, op.x, keys if keys[:1] == [...] else keys[1:])


def _key(op: CallOp, key: Any) -> Any:
    """Return a slice, a place, an ellipsis or a new axis, as each version of Keras writes them."""
    if isinstance(key, dict) and ("start" in key or "stop" in key):
        key = slice(*(key.get(part) for part in ("start", "stop", "step")))
    if isinstance(key, dict) or (isinstance(key, str) and key in {"Ellipsis", "..."}):
        return ...
    if isinstance(key, slice):
        for part in (key.start, key.stop, key.step):
            op.checked("slice", 0 if part is None else part)
        return key
    return key if key is None or key is ... else op.checked("key", key)


def _picked(op: CallOp, x: FeatureMap, keys: list[Any]) -> FeatureMap:
    """Take what each key says of its axis, the last axis first, so that places stay what they are."""
    spent = sum(key is not None and key is not ... for key in keys)
    if keys.count(...) > 1 or spent > x.rank:
        raise op.problem(f"it names more axes than the {x.rank} of its input")
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
            raise op.problem(f"index {key} is outside an axis of size {size}")
        return taken(op, x, axis, 1, keep=False)
    if key.step == 0:
        raise op.problem("a step of 0")
    count = len(range(*key.indices(size)))
    if not count:
        raise op.problem(f"it selects nothing of an axis of size {size}")
    return x if count == size else taken(op, x, axis, count, keep=True)
