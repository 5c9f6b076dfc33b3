"""Arithmetic on the few numbers that shapes are made of: what a graph computes before anything runs.

A tensor is a flat tuple of numbers with sizes; larger ones than `MOST_FOLDED` are never computed.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, product
from typing import Any

from flopcount.readers.onnx.layout import broadcast
from flopcount.readers.onnx.values import Call, Dims, Numbers, Unreadable, Value, on_axis
from flopcount.readers.onnx.wire import FLOATS, MOST_FOLDED

INT64 = 7


def made(dims: Dims, data: Numbers, dtype: int = INT64) -> Value:
    """Return a tensor whose numbers are known."""
    return Value(dims, dtype, data=data)


def strides(dims: Dims) -> list[int]:
    """Return how far apart neighbours along each axis are, in a flat tuple."""
    steps, step = [], 1
    for size in reversed(dims):
        steps.append(step)
        step *= size
    return steps[::-1]


def picked(dims: Dims, starts: int, steps: list[int]) -> Iterator[int]:
    """Yield places in a flat tuple, the last axis fastest."""
    for place in product(*map(range, dims)):
        yield starts + sum(map(operator.mul, place, steps))


def stretched(value: Value, dims: Dims) -> Iterator[float]:
    """Yield the numbers of a tensor as they are stretched to a size."""
    data = known(value)
    if len(data) == 1:
        return iter(data * math.prod(dims))
    own = (1,) * (len(dims) - len(value.dims)) + value.dims
    steps = [step if size > 1 else 0 for size, step in zip(own, strides(own), strict=True)]
    return (data[place] for place in picked(dims, 0, steps))


def known(value: Value) -> Numbers:
    """Return numbers that are known."""
    assert value.data is not None  # noqa: S101  (folding begins where all are)
    return value.data


class NotFoldable(Exception):
    """The sizes are known, the numbers are not computed."""


def small(dims: Dims) -> Dims:
    """Leave what is large uncomputed."""
    if math.prod(dims) > MOST_FOLDED:
        raise NotFoldable
    return dims


def mapped(function: Callable[..., Any]) -> Callable[[Call], Value]:
    """Return a fold that applies a function to elements that belong together."""

    def fold(call: Call) -> Value:
        inputs = [value for value in call.ins if value is not None]
        dims = small(broadcast(*(value.dims for value in inputs)))
        columns = zip(*(stretched(value, dims) for value in inputs), strict=True)
        data = tuple(function(*numbers) for numbers in columns)
        return made(dims, data, inputs[-1].dtype)

    return fold


def clipped(call: Call) -> Value:
    """Clip: between bounds, which are attributes in old opsets and inputs in new ones."""
    x = call.at(0)
    low, high = (
        (call.numbers(index) or (call.attribute(name, bound),))[0]
        for index, name, bound in ((1, "min", -math.inf), (2, "max", math.inf))
    )
    return x._replace(data=tuple(min(max(number, low), high) for number in known(x)))


def divided(one: float, other: float) -> float:
    """Divide, whole numbers towards zero."""
    if isinstance(one, int) and isinstance(other, int):
        return math.trunc(one / other) if abs(one) < 2**52 else one // other
    return one / other


def shape(call: Call) -> Value:
    """Shape: the sizes themselves."""
    dims = call.at(0).dims
    rank = len(dims)
    start, end = call.whole("start", 0), call.whole("end", rank)
    return made((len(dims[start:end]),), tuple(dims[start:end]))


def size(call: Call) -> Value:
    """Size: how many elements there are."""
    return made((), (call.at(0).elements,))


def constant(call: Call) -> Value:
    """Constant: a tensor, or numbers."""
    found = call.node.attributes
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        if found.get(name) is None:
            continue
        content = found[name]
        if name == "value":
            return Value(content.dims, content.dtype, data=content.numbers())
        dtype = INT64 if "int" in name else 1
        return made((len(content),), content, dtype) if isinstance(content, tuple) else made((), (content,), dtype)
    return made((), (), 8)


def constant_of_shape(call: Call) -> Value:
    """ConstantOfShape: one number everywhere; zero, if it is not given."""
    dims = tuple(int(number) for number in call.numbers(0) or ())
    value = call.attribute("value")
    number = (value.numbers() or (0,))[0] if value is not None else 0.0
    dtype = value.dtype if value is not None else 1
    if math.prod(dims) > MOST_FOLDED:
        return Value(dims, dtype)
    return made(dims, (number,) * math.prod(dims), dtype)


def range_(call: Call) -> Value:
    """Range: from one number to before another."""
    start, limit, step = ((call.numbers(index) or (0,))[0] for index in range(3))
    if not step:
        raise Unreadable("a step of 0 leads nowhere")
    count = max(math.ceil((limit - start) / step), 0)
    small((count,))
    return made((count,), tuple(start + index * step for index in range(count)), call.at(0).dtype)


def cast_(call: Call) -> Value:
    """Cast: to whole numbers, or to decimals."""
    to, data = call.whole("to", INT64), known(call.at(0))
    if to not in FLOATS and not all(map(math.isfinite, data)):
        raise Unreadable("it makes a whole number of what is none")
    numbers = tuple(map(float, data)) if to in FLOATS else tuple(map(int, data))
    return call.at(0)._replace(data=numbers, dtype=to)


def gather(call: Call) -> Value:
    """Gather: some along an axis."""
    x, which = call.at(0), call.at(1)
    axis = on_axis(call.whole("axis", 0), len(x.dims))
    inner, length = math.prod(x.dims[axis + 1 :]), x.dims[axis] if x.dims else 1
    data, places = known(x), [int(place) for place in known(which)]
    if not all(-length <= place < length for place in places):
        raise Unreadable(f"it takes place {places} of {length}")
    dims = small((*x.dims[:axis], *which.dims, *x.dims[axis + 1 :]))
    found: list[float] = []
    for outer in range(math.prod(x.dims[:axis])):
        for place in places:
            start = (outer * length + place % length) * inner
            found.extend(data[start : start + inner])
    return made(dims, tuple(found), x.dtype)


def concat(call: Call) -> Value:
    """Concat: one behind the other."""
    inputs = [value for value in call.ins if value is not None]
    axis = on_axis(call.whole("axis", 1), len(inputs[0].dims))
    outer = math.prod(inputs[0].dims[:axis])
    blocks = [len(known(value)) // max(outer, 1) for value in inputs]
    dims = (*inputs[0].dims[:axis], sum(value.dims[axis] for value in inputs), *inputs[0].dims[axis + 1 :])
    data: list[float] = []
    for place in range(outer):
        for value, block in zip(inputs, blocks, strict=True):
            data.extend(known(value)[place * block : (place + 1) * block])
    return made(small(dims), tuple(data), inputs[0].dtype)


def transpose(call: Call) -> Value:
    """Transpose: the axes in another order."""
    x = call.at(0)
    order = call.wholes("perm") or tuple(reversed(range(len(x.dims))))
    dims, steps = tuple(x.dims[axis] for axis in order), strides(x.dims)
    data = known(x)
    return x._replace(dims=dims, data=tuple(data[place] for place in picked(dims, 0, [steps[axis] for axis in order])))


def expand(call: Call) -> Value:
    """Expand: stretched to a size."""
    x = call.at(0)
    dims = small(broadcast(x.dims, tuple(int(number) for number in call.numbers(1) or ())))
    return x._replace(dims=dims, data=tuple(stretched(x, dims)))


def tile(call: Call) -> Value:
    """Tile: repeated; one axis, as shapes have."""
    x, times = call.at(0), call.numbers(1) or ()
    if len(x.dims) != 1 or len(times) != 1:
        raise NotFoldable
    return x._replace(dims=small((x.dims[0] * int(times[0]),)), data=known(x) * int(times[0]))


def slice_(call: Call) -> Value:
    """Slice: from one to before another, along some axes."""
    x = call.at(0)
    starts, ends = call.listed("starts", 1) or (), call.listed("ends", 2) or ()
    axes = call.listed("axes", 3) or tuple(range(len(starts)))
    steps = (call.listed("steps", 4) if len(call.ins) > 4 else None) or (1,) * len(starts)  # noqa: PLR2004  (the steps)
    rank, near = len(x.dims), strides(x.dims)
    ranges = [range(length) for length in x.dims]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = on_axis(axis, rank)
        ranges[place] = range(*slice(start, end if end > -(2**62) else None, step).indices(x.dims[place]))
    data = known(x)
    found = (data[sum(map(operator.mul, place, near))] for place in product(*ranges))
    return x._replace(dims=tuple(map(len, ranges)), data=tuple(found))


def reduced(function: Callable[[list[float]], float]) -> Callable[[Call], Value]:
    """Return a fold that sums up all numbers; along some axes of several, nothing is computed."""

    def fold(call: Call) -> Value:
        x, axes = call.at(0), call.listed("axes", 1)
        if axes and len({on_axis(axis, len(x.dims)) for axis in axes}) < len(x.dims):
            raise NotFoldable
        dims = (1,) * len(x.dims) if call.whole("keepdims", 1) else ()
        return x._replace(dims=dims, data=(function([*known(x)]),))

    return fold


def non_zero(call: Call) -> Value:
    """NonZero: where numbers are not zero."""
    x = call.at(0)
    places = [place for place, number in zip(product(*map(range, x.dims)), known(x), strict=True) if number]
    columns = [float(place[axis]) for axis in range(len(x.dims)) for place in places]
    return made((len(x.dims), len(places)), tuple(map(int, columns)))


def choose(condition: float, one: float, other: float) -> float:
    """Return one where something is true, else the other."""
    return one if condition else other


# Which operators are computed before anything runs, and how.


FOLDS: Mapping[str, Callable[[Call], Value]] = {
    "Gather": gather,
    "Concat": concat,
    "Slice": slice_,
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "Cast": cast_,
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
    "NonZero": non_zero,
    "Clip": clipped,
    "Sum": mapped(lambda *numbers: sum(numbers)),
    "Add": mapped(operator.add),
    "Sub": mapped(operator.sub),
    "Mul": mapped(operator.mul),
    "Div": mapped(divided),
    "Mod": mapped(operator.mod),
    "Pow": mapped(operator.pow),
    "Neg": mapped(operator.neg),
    "Abs": mapped(abs),
    "Sqrt": mapped(math.sqrt),
    "Floor": mapped(math.floor),
    "Ceil": mapped(math.ceil),
    "Exp": mapped(math.exp),
    "Log": mapped(math.log),
    "Round": mapped(round),
    "Min": mapped(min),
    "Max": mapped(max),
    "Equal": mapped(operator.eq),
    "Less": mapped(operator.lt),
    "Greater": mapped(operator.gt),
    "LessOrEqual": mapped(operator.le),
    "GreaterOrEqual": mapped(operator.ge),
    "Not": mapped(operator.not_),
    "And": mapped(lambda one, other: bool(one and other)),
    "Or": mapped(lambda one, other: bool(one or other)),
    "Where": mapped(choose),
    "ReduceProd": reduced(math.prod),
    "ReduceSum": reduced(sum),
    "ReduceMax": reduced(max),
    "ReduceMin": reduced(min),
}
"""How the numbers of a result are computed, by operator."""

ALWAYS: Mapping[str, Callable[[Call], Value]] = {
    "Shape": shape,
    "Size": size,
    "Constant": constant,
}
"""Operators whose result is known whatever their input is."""

KEEP = frozenset(
    ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout", "DequantizeLinear", "QuantizeLinear", "Split")
)
"""Operators that leave the numbers as they are, and in their order."""


def folded(call: Call) -> Value | None:
    """Compute the result of an operator on numbers that are all known; None, if it cannot be."""
    fold = FOLDS.get(call.node.op)
    if fold is None or any(value is not None and value.data is None for value in call.ins):
        return None
    try:
        return fold(call)
    except NotFoldable:
        return None
    except (ArithmeticError, ValueError, TypeError, IndexError) as error:
        raise Unreadable(f"its numbers cannot be computed: {error}") from None


def kept_data(call: Call, sizes: Sequence[Dims]) -> list[Numbers | None]:
    """Return the numbers of each result that are those of the first input: all of them, or its share of a list."""
    x = call.get(0)
    if x is None or x.data is None or call.node.op not in KEEP:
        return [None] * len(sizes)
    counts = [math.prod(dims) for dims in sizes]
    if call.node.op == "Split" and len(x.dims) == 1:
        return [x.data[end - count : end] for count, end in zip(counts, accumulate(counts), strict=True)]
    return [x.data if count == len(x.data) else None for count in counts]
