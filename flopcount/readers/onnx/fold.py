"""Constant folding: the few numbers that shapes are made of, which a graph computes before anything runs.

A tensor is a flat tuple of numbers with sizes; those larger than `MOST_VALUES` are not computed.
Numbers from the size of a tensor remember it (`Size`), so what is resized to it stays relative.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, product
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import FLOATS, MOST_VALUES, TensorProto
from flopcount.readers.onnx.op import Dims, NodeContext, Numbers, Size, Value, integers, on_axis, single
from flopcount.readers.onnx.ops_shape import broadcast, slice_parts
from flopcount.spec.fields import LARGEST

Fold = Callable[[NodeContext], Value | None]
"""Computes the output of a node; None if its numbers are not computed."""

_INT64, _INT64_BITS, _BOOLEAN = 7, 64, 9
_BITS = {2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 12: 32}
"""The bits of the integers that wrap; those of 64 bits are not computed where they would."""
_UNSIGNED = frozenset((2, 4, 12))

MOST_FILLED = 2**13
"""The most numbers of a tensor of several axes that is filled with one number; larger ones are weights."""


def _value(dims: Dims, numbers: Callable[[], Iterable[Any]], dtype: int = _INT64) -> Value | None:
    """Return a tensor with its numbers, unless they are too many."""
    count = math.prod(dims)
    return Value(dims, dtype, data=tuple(numbers()) if count else ()) if count <= MOST_VALUES else None


def _picked(x: Value, parts: Sequence[Sequence[int]], order: Sequence[int] = ()) -> Iterator[float]:
    """Yield the numbers at the places that are selected along each axis, the axes in an order."""
    axes, dims, data = order or range(len(parts)), x.dims or (1,), x.data or ()
    steps = [math.prod(dims[axis + 1 :]) for axis in axes]
    return (data[sum(map(operator.mul, place, steps))] for place in product(*(parts[axis] for axis in axes)))


def _selected(x: Value, parts: Sequence[Sequence[int]]) -> Value | None:
    """Return the tensor of the places that are selected along each axis."""
    return _value(tuple(map(len, parts)), lambda: _picked(x, parts), x.dtype)


def _stretched(x: Value, dims: Dims) -> Iterator[float]:
    """Yield the numbers of a tensor, broadcast to a size."""
    own = (1,) * (len(dims) - len(x.dims)) + x.dims
    parts = [range(size) if size > 1 else (0,) * wide for size, wide in zip(own, dims, strict=True)]
    return _picked(x._replace(dims=own), parts)


def _applied(function: Callable[..., Any], numbers: tuple[Any, ...]) -> Any:
    """Apply a function; if a number is from a size, so is the result."""
    result = function(*numbers)
    sizes = [number for number in numbers if isinstance(number, Size)]
    if not sizes or isinstance(result, bool) or result != int(result):
        return result
    source = sizes[0].source
    if function in {math.floor, math.ceil, round}:
        return Size(result, source)
    if function is operator.mul and source is not None and len(sizes) == 1:
        factor = next((number for number in numbers if number is not sizes[0]), 0)
        return Size(result, (*source[:2], source[2] * int(factor)) if factor == int(factor) else None)
    return Size(result)


def mapped(function: Callable[..., Any]) -> Fold:
    """Return a fold that applies a function to elements that belong together."""

    def fold(op: NodeContext) -> Value | None:
        dims = broadcast(*(value.dims for value in op.present))

        def numbers() -> Iterator[Any]:
            columns = zip(*(_stretched(value, dims) for value in op.present), strict=True)
            return (_applied(function, column) for column in columns)

        return _value(dims, numbers, _dtype(op))

    return fold


def _dtype(op: NodeContext) -> int:
    """Return the element type of what is computed: that of the base of a power, of the last input of a choice."""
    return op.present[0 if op.node.op == "Pow" else -1].dtype


def clipped(op: NodeContext) -> Value:
    """Clip: between bounds, which are attributes in old opsets and inputs in new ones."""
    bounds = ((1, "min", -math.inf), (2, "max", math.inf))
    low, high = ((op.numbers(index) or (op.attribute(name, bound),))[0] for index, name, bound in bounds)
    return op.at(0)._replace(data=tuple(min(max(number, low), high) for number in op.at(0).data or ()))


def raised(one: float, other: float) -> float:
    """Raise to a power, unless the integer has more bits than any in a graph."""
    if isinstance(one, int) and isinstance(other, int) and one.bit_length() * abs(other) > 2 * _INT64_BITS:
        raise OverflowError
    result: float = one**other
    return result


def divided(op: NodeContext) -> Value | None:
    """Div: integers are rounded towards zero."""
    return mapped(operator.truediv if op.at(0).dtype in FLOATS else _quotient)(op)


def _quotient(one: int, other: int) -> int:
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size


def remainder(op: NodeContext) -> Value | None:
    """Mod: with the sign of the divisor, or as in C."""
    return mapped(math.fmod if op.integer("fmod", 0) else operator.mod)(op)


def shape(op: NodeContext) -> Value:
    """Shape: the sizes themselves; those of space remember where they are from."""
    x = op.at(0)
    start, end = op.integer("start", 0), op.integer("end", len(x.dims))
    sizes = tuple(_size(op, x, axis) for axis in range(len(x.dims)))[start:end]
    return Value((len(sizes),), _INT64, data=sizes)


def _size(op: NodeContext, x: Value, axis: int) -> int:
    place = x.inner_axis(axis)
    if x.row is None or axis == x.batch_axis:
        return x.dims[axis]
    row = op.draft.rows[x.row]
    is_space = row.node is None or place != row.shape.channel_axis
    return Size(x.dims[axis], (x.row, place, 1)) if is_space else x.dims[axis]


def constant(op: NodeContext) -> Value:
    """Constant: a tensor, or numbers."""
    name = next((name for name in _CONSTANTS if op.attribute(name) is not None), "")
    content = op.attribute(name, "")
    if not name:
        return Value((), 8)
    if name in {"value", "sparse_value"}:
        if not isinstance(content, TensorProto):
            raise Refusal(f"its {name} is not a tensor")
        is_float = content.dtype in FLOATS
        key = op.draft.kept.register(content, op.node.outputs[0], constant=True) if is_float else ""
        return Value(
            content.dims,
            content.dtype,
            data=op.draft.kept.numbers(content),
            initializers=frozenset(filter(None, (key,))),
        )
    dims, data = ((len(content),), content) if isinstance(content, tuple) else ((), (content,))
    return Value(dims, _CONSTANTS[name], data=data)


_CONSTANTS = {
    "value": 0,
    "sparse_value": 0,
    "value_int": _INT64,
    "value_ints": _INT64,
    "value_float": 1,
    "value_floats": 1,
}
"""The attributes of a Constant that are read, with their element types."""


def constant_of_shape(op: NodeContext) -> Value:
    """ConstantOfShape: one number everywhere, zero by default."""
    dims, value = integers(op.numbers(0) or ()), op.attribute("value")
    number, dtype = ((value.numbers() or (0,))[0], value.dtype) if value is not None else (0.0, 1)
    if any(size < 0 or size > LARGEST for size in dims):
        raise Refusal(f"it makes a tensor of {[*dims]}")
    return _filled(op, dims, lambda: (number,) * math.prod(dims), dtype)


def _filled(op: NodeContext, dims: Dims, numbers: Callable[[], Iterable[Any]], dtype: int) -> Value:
    """Return a tensor with its numbers, unless they are too many or those of weights."""
    is_kept = math.prod(dims) <= (MOST_VALUES if len(dims) < 2 else MOST_FILLED) and op.draft.left >= 0  # noqa: PLR2004
    return Value(dims, dtype, data=tuple(numbers()) if is_kept else None)


def range_(op: NodeContext) -> Value:
    """Range: from one number to before another."""
    start, limit, step = ((op.numbers(index) or (0,))[0] for index in range(3))
    if not step:
        raise Refusal("its step is 0")
    count = max(math.ceil((limit - start) / step), 0)
    return _filled(op, (count,), lambda: (start + index * step for index in range(count)), op.at(0).dtype)


def cast(op: NodeContext) -> Value:
    """Cast: to integers or to floating point."""
    to, data = op.dtype("to", _INT64), op.at(0).data or ()
    if to not in FLOATS and not all(map(math.isfinite, data)):
        raise Refusal("it makes an integer of a number that is not finite")
    as_type: type = float if to in FLOATS else bool if to == _BOOLEAN else int
    return op.at(0)._replace(data=tuple(n if isinstance(n, Size) else as_type(n) for n in data), dtype=to)


def gather(op: NodeContext) -> Value | None:
    """Gather: some places along an axis."""
    x, which = op.at(0), op.at(1)
    axis = op.axis(len(x.dims), 0)
    length, places = x.dims[axis] if x.dims else 1, [int(place) for place in which.data or ()]
    if not all(-length <= place < length for place in places):
        raise Refusal(f"it takes place {places} of {length}")
    parts: list[Sequence[int]] = [range(size) for size in x.dims or (1,)]
    parts[axis] = [place % length for place in places]
    return _value((*x.dims[:axis], *which.dims, *x.dims[axis + 1 :]), lambda: _picked(x, parts), x.dtype)


def concat(op: NodeContext) -> Value | None:
    """Concat: one tensor after the other."""
    first = op.present[0]
    axis = op.axis(len(first.dims), 1)
    outer = math.prod(first.dims[:axis])
    blocks = [(value.data or (), value.elements // max(outer, 1)) for value in op.present]
    dims = (*first.dims[:axis], sum(value.dims[axis] for value in op.present), *first.dims[axis + 1 :])
    slices = ((data, place * block, block) for place in range(outer) for data, block in blocks)
    return _value(dims, lambda: (n for data, start, size in slices for n in data[start : start + size]), first.dtype)


def transpose(op: NodeContext) -> Value | None:
    """Transpose: the axes in another order."""
    x = op.at(0)
    order = op.integers("perm") or tuple(reversed(range(len(x.dims))))
    dims = tuple(x.dims[axis] for axis in order)
    return _value(dims, lambda: _picked(x, [*map(range, x.dims)], order), x.dtype)


def expand(op: NodeContext) -> Value | None:
    """Expand: broadcast to a size."""
    dims = broadcast(op.at(0).dims, integers(op.numbers(1) or ()))
    return _value(dims, lambda: _stretched(op.at(0), dims), op.at(0).dtype)


def tile(op: NodeContext) -> Value | None:
    """Tile: repeated along each axis."""
    x, times = op.at(0), integers(op.numbers(1) or ())
    dims = tuple(size * count for size, count in zip(x.dims, times, strict=True))
    if math.prod(dims) > MOST_VALUES:
        return None
    return _selected(x, [[*range(size)] * count for size, count in zip(x.dims, times, strict=True)])


def reduced(function: Callable[[Any], Any]) -> Fold:
    """Return a fold that reduces all numbers to one; nothing is computed along some axes of several."""

    def fold(op: NodeContext) -> Value | None:
        x, axes = op.at(0), op.integers_at("axes", 1)
        if axes and len({on_axis(axis, len(x.dims)) for axis in axes}) < len(x.dims):
            return None
        dims = (1,) * len(x.dims) if op.integer("keepdims", 1) else ()
        return x._replace(dims=dims, data=(_applied(lambda *numbers: function(numbers), x.data or ()),))

    return fold


def non_zero(op: NodeContext) -> Value:
    """NonZero: the places of numbers that are not zero."""
    x = op.at(0)
    places = [place for place, number in zip(product(*map(range, x.dims)), x.data or (), strict=True) if number]
    data = tuple(place[axis] for axis in range(len(x.dims)) for place in places)
    return Value((len(x.dims), len(places)), _INT64, data=data)


def log(number: float) -> float:
    """Return a logarithm as runtimes have it: that of zero is infinite, that of less no number."""
    return math.log(number) if number > 0 else math.nan if number else -math.inf


_NAMED = (
    *(abs, round, min, max, operator.add, operator.sub, operator.mul, operator.neg),
    *(math.sqrt, math.floor, math.ceil, math.exp, log),
)
"""The functions with the name of their operator."""

FOLDS: Mapping[str, Fold] = {
    **{function.__name__.capitalize(): mapped(function) for function in _NAMED},
    **{fold.__name__.capitalize(): fold for fold in (gather, concat, transpose, expand, tile, cast)},
    "Slice": lambda op: _selected(op.at(0), slice_parts(op, op.at(0).dims)),
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
    "NonZero": non_zero,
    "Clip": clipped,
    "Sum": mapped(lambda *numbers: sum(numbers)),
    "Div": divided,
    "Mod": remainder,
    "Pow": mapped(raised),
    "Equal": mapped(operator.eq),
    "Less": mapped(operator.lt),
    "Greater": mapped(operator.gt),
    "LessOrEqual": mapped(operator.le),
    "GreaterOrEqual": mapped(operator.ge),
    "Not": mapped(operator.not_),
    "And": mapped(lambda one, other: bool(one and other)),
    "Or": mapped(lambda one, other: bool(one or other)),
    "Where": mapped(lambda condition, one, other: one if condition else other),
    **{f"Reduce{function.__name__.capitalize()}": reduced(function) for function in (math.prod, sum, max, min)},
}
"""Operators by the fold that computes their output."""

ALWAYS: Mapping[str, Callable[[NodeContext], Value]] = {
    **dict.fromkeys(("RandomNormal", "RandomUniform"), lambda op: Value(op.integers("shape"), op.integer("dtype", 1))),
    "Shape": shape,
    "Size": lambda op: Value((), _INT64, data=(op.at(0).elements,)),
    "Constant": constant,
}
"""Operators whose output is known whatever their input is."""

KEEP = frozenset(
    (
        *("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout", "Detach"),
        *("DequantizeLinear", "QuantizeLinear", "Split"),
    )
)
"""Operators that keep the numbers and their order."""


def folded(op: NodeContext) -> Value | None:
    """Compute the output of a node if all its inputs are known and their number allows."""
    fold = FOLDS.get(op.node.op) if op.node.domain in {"", "ai.onnx"} else None
    if (
        fold is None
        or "broadcast" in op.node.attributes
        or (op.draft.left < 0 and fold not in {constant_of_shape, range_})
        or any(value.data is None for value in op.present)
    ):
        return None
    try:
        found = fold(op)
        op.draft.left -= sum(len(value.data or ()) for value in (*op.present, found) if value is not None)
        if found is None or found.data is None or not all(map(_is_kept, found.data)):
            return found if found and found.data is None else None
        return found._replace(data=tuple(_held(number, found.dtype) for number in found.data))
    except OverflowError:
        return None
    except (ArithmeticError, ValueError, TypeError, IndexError) as error:
        raise Refusal(f"its numbers cannot be computed: {error}") from None


def _is_kept(number: float) -> bool:
    """Tell whether an integer has at most 64 bits, as those of a graph have."""
    return not isinstance(number, int) or -(2**63) <= number < 2**64


def _held(number: float, dtype: int) -> float:
    """Return a number as its element type holds it: in single precision, or with as many bits as there are."""
    if dtype == 1 and not isinstance(number, int):
        return single(number)
    if dtype not in _BITS:
        return int(number) if dtype == _INT64 and isinstance(number, float) else number
    bits = _BITS[dtype]
    least = 0 if dtype in _UNSIGNED else -(1 << bits - 1)
    fits = isinstance(number, int) and least <= number < least + (1 << bits)
    return number if fits else (int(number) - least) % (1 << bits) + least


def kept_data(op: NodeContext, sizes: Sequence[Dims]) -> list[Numbers | None]:
    """Return for each output the numbers of the first input if they stay the same, or its share of a list."""
    x = op.get(0)
    if x is None or x.data is None or op.node.op not in KEEP:
        return [None] * len(sizes)
    counts = [math.prod(dims) for dims in sizes]
    if op.node.op == "Split" and len(x.dims) == 1:
        return [x.data[end - count : end] for count, end in zip(counts, accumulate(counts), strict=True)]
    return [x.data if count == len(x.data) else None for count in counts]
