"""Operations between the layers of a Keras model: `keras.ops`, and functions of TensorFlow in Keras 2."""

from collections.abc import Callable, Container, Mapping, Sequence
from math import prod
from typing import Any

from flopcount.readers.keras.context import Tensor, Use, along, argument, operands, order_of
from flopcount.readers.keras.layers import MODES, applied, pool
from flopcount.readers.keras.shapes import reshaped, taken, target, turned

# Layers of Keras that bring several tensors together.


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


def concatenate_joins(use: Use) -> Tensor:
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


BINARY: Mapping[str, str] = {
    **dict.fromkeys(("add", "addv2", "iadd", "radd", "biasadd"), "add"),
    **dict.fromkeys(("subtract", "sub", "rsub"), "sub"),
    **dict.fromkeys(("multiply", "mul", "rmul"), "mul"),
    **dict.fromkeys(("divide", "truediv", "truedivide", "realdiv", "dividenonan", "floordiv", "floordivide"), "div"),
    **dict.fromkeys(("maximum",), "max"),
    **dict.fromkeys(("minimum",), "min"),
    **dict.fromkeys(("power", "pow"), "pow"),
    **dict.fromkeys(("mod", "floormod"), "mod"),
    **dict.fromkeys(("equal", "notequal"), "equal"),
    **dict.fromkeys(("less", "lessequal"), "less"),
    **dict.fromkeys(("greater", "greaterequal"), "greater"),
    **dict.fromkeys(("logicaland",), "and"),
    **dict.fromkeys(("logicalor", "logicalxor"), "or"),
    **dict.fromkeys(("where", "select", "selectv2"), "where"),
}
"""Operations on two tensors, or on one and a constant."""

ELEMENTS: Mapping[str, str] = {
    **{name: name for name in ("abs", "sign", "square", "sqrt", "exp", "log", "erf", "sin", "cos", "tan")},
    **{name: name for name in ("floor", "ceil", "round", "reciprocal", "clip")},
    "absolute": "abs",
    "negative": "neg",
    "neg": "neg",
    "rsqrt": "sqrt",
    "log1p": "log",
    "expm1": "exp",
    "logicalnot": "not",
    "clipbyvalue": "clip",
    "log2": "log",
    "log10": "log",
}
"""Operations on each element of one tensor."""

APPLIED: Mapping[str, str] = {
    **{name: name for name in ("relu", "relu6", "sigmoid", "silu", "gelu", "tanh", "softplus", "softsign", "elu")},
    **{name: name for name in ("selu", "celu", "mish", "swish")},
    "leakyrelu": "leaky_relu",
    "logsigmoid": "log_sigmoid",
    "hardsigmoid": "hard_sigmoid",
    "hardsilu": "hard_silu",
    "hardswish": "hard_silu",
    "hardtanh": "hard_tanh",
}
"""Activations, as operations are called."""

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


def binary(use: Use, name: str) -> Tensor:
    """Write an operation on two tensors, or on one and a constant."""
    found, xs = BINARY[name], operands(use)
    if len(xs) > 1:
        return combined(use, xs, found)
    return use.row("Elementwise", use.x, function=found)


def element(use: Use, name: str) -> Tensor:
    """Write an operation on each element."""
    return use.row("Elementwise", use.x, function=ELEMENTS[name])


def function(use: Use, name: str) -> Tensor:
    """Write an activation."""
    return applied(use, use.x, APPLIED[name])


def softmax(use: Use, _: str) -> Tensor:
    """Write a softmax."""
    axis = argument(use, 1, "axis", default=-1)
    return applied(use, use.x, "softmax", axis=use.axis(axis, use.x.rank))


def passed(use: Use, _: str) -> Tensor:
    """Write what computes nothing."""
    return use.row("Identity", use.x)


def reduced(use: Use, name: str) -> Tensor:
    """Write a reduction: a global pool where it is one over space."""
    x, found = use.x, REDUCTIONS[name]
    axes = along(use, argument(use, 1, "axis"), x.rank)
    keep = argument(use, 2, "keepdims", "keep_dims", default=False) is True
    space = [axis for axis in range(x.rank) if axis != x.channel]
    if found in {"mean", "max"} and x.copies == 0 and x.rank > 1 and axes == space:
        kind = "GlobalAvgPool" if found == "mean" else "GlobalMaxPool"
        return use.row(kind, x, keepdim=keep, channel=x.channel if keep else 0)
    seen = use.vectors(x)
    left = x.rank if keep else max(x.rank - len(axes), 1)
    places = [axis - x.rank for axis in axes]
    return use.row("Reduce", seen, axes=places, function=found, keepdim=keep, channel=left - 1)


def matmul(use: Use, _: str) -> Tensor:
    """Write a product of matrices, with copies in front where there are."""
    xs = operands(use)
    if len(xs) != 2 or min(x.rank for x in xs) < 2:  # noqa: PLR2004  (two matrices)
        raise use.problem("reads two matrices of two axes or more each, and has not got them")
    one, other = (_letters(xs[0].rank, "x"), _letters(xs[1].rank, "y"))
    turned_one = argument(use, 2, "transpose_a", "adj_x") is True
    turned_other = argument(use, 3, "transpose_b", "adj_y") is True
    one = one[:-2] + (one[-1] + one[-2] if turned_one else one[-2:])
    other = other[:-2] + (other[-1] + other[-2] if turned_other else other[-2:])
    copies = one[:-2] if len(one) >= len(other) else other[:-2]
    return einsum(use, xs, (one, other), f"{copies}xz")


def _letters(rank: int, which: str) -> str:
    """Name the axes of a factor: rows, columns, and the copies in front of both by one alphabet."""
    front = "abcdefgh"[-(rank - 2) :] if rank > 2 else ""  # noqa: PLR2004  (a matrix)
    return front + ("xy" if which == "x" else "yz")


def einsum_of(use: Use, _: str) -> Tensor:
    """Write a sum of products over letters; the batch has the first one."""
    equation = str(argument(use, 0, "subscripts", "equation", default="")).replace(" ", "")
    reads, _, out = equation.partition("->")
    terms, xs = reads.split(","), operands(use)
    if not out or len(terms) != len(xs) or not {term[:1] for term in terms} == {out[:1]} or "." in equation:
        raise use.problem(f"the equation {equation[:50]!r} is not one over a batch in front of all")
    return einsum(use, xs, [term[1:] for term in terms], out[1:])


def attention(use: Use, _: str) -> Tensor | list[Tensor]:
    """Write attention over tokens, heads and channels: two products, and the softmax between them."""
    xs = [argument(use, place, name) for place, name in enumerate(("query", "key", "value"))]
    if not all(isinstance(x, Tensor) and x.rank == HEADS for x in xs) or len({x.sizes[1] for x in xs}) > 1:
        raise use.problem("reads queries, keys and values with as many heads each, and has not got them")
    return use.grouped(_attended, *xs)


HEADS = 3
"""Tokens, heads and channels."""


def _attended(use: Use, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = einsum(use, [query, key], ("nhd", "mhd"), "hnm", tail="scores")
    weights = applied(use, scores, "softmax", behind=True)
    return einsum(use, [weights, value], ("hnm", "mhv"), "nhv", tail="sum")


def pooled(use: Use, name: str) -> Tensor:
    """Write a pool with a sliding window."""
    names = ("pool_size", "strides", "padding", "data_format")
    found = {key: argument(use, place, key) for place, key in enumerate(names, 1)}
    config = {key: value for key, value in found.items() if value is not None}
    kind = f"{'Max' if name == 'maxpool' else 'Average'}Pool{use.x.rank - 1}D"
    return pool(use._replace(config=config, blame=use.blame._replace(kind=kind)))


def family(name: str) -> Callable[[Use, str], Tensor] | None:
    """Return what writes an operation that is one of many alike."""
    families: tuple[tuple[Container[str], Callable[[Use, str], Tensor]], ...] = (
        (BINARY, binary),
        (ELEMENTS, element),
        (APPLIED, function),
        (REDUCTIONS, reduced),
        (PASSED, passed),
    )
    return next((write for names, write in families if name in names), None)


# Layers of Keras around another layer.


def time_distributed(use: Use) -> Tensor | list[Tensor]:
    """Write a layer that is applied to each place of the first axis."""
    return use.inside(use._replace(outer=use.outer + 1, args=(_in_front(use),)))


def _in_front(use: Use) -> Tensor:
    """See a tensor with the places that the layer is applied to in front of its channels."""
    x = use.x
    if x.rank < use.outer + 2:
        raise use.problem(f"its input has {x.rank} axes behind the batch; it needs at least {use.outer + 2}")
    copies = max(x.copies, use.outer + 1)
    return use.viewed(x, max(x.channel, copies) if x.channel <= use.outer else x.channel, copies)


def spectral(use: Use) -> Tensor | list[Tensor]:
    """Write a layer whose weight is divided by its largest singular value, for which a vector is kept."""
    return use.grouped(_normalised, use.x)


def _normalised(use: Use, x: Tensor) -> Tensor:
    made = use.inside(use._replace(args=(x,)))
    y = made if isinstance(made, Tensor) else made[0]
    last = x if "Transpose" in str(use.given("layer", {}).get("class_name")) else y  # the last axis of the weight
    return use.row("Constants", y, tail="vector", count=last.sizes[last.channel])


# Operations between the layers of a Keras model that change shapes and compute nothing.


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


def concatenate_reshaping(use: Use, _: str) -> Tensor:
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
