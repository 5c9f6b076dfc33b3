"""Constant folding: the few numbers that sizes are made of, which a graph computes from constants and from sizes."""

import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, product
from math import ceil, floor, isfinite, prod
from typing import Any

from flopcount.readers.tflite.file import MOST_VALUES
from flopcount.readers.tflite.op import Dims, Numbers, OperatorOp, TensorValue, broadcast
from flopcount.readers.tflite.ops_shape import packed, squeezed, strided, with_axis
from flopcount.readers.tflite.schema import FLOATS

Found = tuple[Dims, Numbers]
"""Sizes and numbers."""

Fold = Callable[[OperatorOp], Iterable[Found]]
"""Computes the outputs of an operator whose inputs are all known."""

MOST_BITS = 64
"""Integers with more bits are not computed."""


def _picked(x: TensorValue, parts: Iterable[Iterable[int]]) -> Numbers:
    """Return the numbers at the places that are selected along each axis."""
    steps = [prod(x.dims[axis + 1 :]) for axis in range(len(x.dims))]
    return tuple(_data(x)[sum(map(operator.mul, place, steps))] for place in product(*parts))


def _data(x: TensorValue) -> Numbers:
    return x.data or ()


def mapped(function: Callable[..., Any]) -> Fold:
    """Return a fold that applies a function to elements that belong together."""

    def fold(op: OperatorOp) -> Iterable[Found]:
        dims = broadcast(*(value.dims for value in op.present))
        if prod(dims) <= MOST_VALUES:
            columns = [_stretched(value, dims) for value in op.present]
            yield dims, tuple(map(function, *columns))

    return fold


def _stretched(x: TensorValue, dims: Dims) -> Numbers:
    own = (1,) * (len(dims) - len(x.dims)) + x.dims
    parts = [range(size) if size > 1 else (0,) * wide for size, wide in zip(own, dims, strict=True)]
    return _picked(x._replace(dims=own), parts)


def quotient(one: Any, other: Any) -> Any:
    """Divide; integers are rounded towards zero."""
    if isinstance(one, float) or isinstance(other, float):
        return one / other
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size


def _shaped(dims: Callable[[OperatorOp], Dims]) -> Fold:
    """Return a fold that keeps the numbers and their order."""
    return lambda op: [(dims(op), _data(op.at(0)))]


def _reshaped(op: OperatorOp) -> Iterable[Found]:
    yield op.data(1) if len(op.inputs) > 1 else op.numbers("new_shape"), _data(op.at(0))  # type: ignore[misc]


def _widened(op: OperatorOp) -> Iterable[Found]:
    """Keep half-precision numbers that are stored so to save space."""
    if op.at(0).type in FLOATS:
        yield op.at(0).dims, _data(op.at(0))


def _cast(op: OperatorOp) -> Iterable[Found]:
    to = float if op.type_of(0) in FLOATS else int
    if all(map(isfinite, _data(op.at(0)))):
        yield op.at(0).dims, tuple(map(to, _data(op.at(0))))


def _strided(op: OperatorOp) -> Iterable[Found]:
    taken = strided(op)
    parts = [(each,) if isinstance(each, int) else each for each in taken if each is not None]
    dims = tuple(1 if each is None else len(each) for each in taken if not isinstance(each, int))
    yield dims, _picked(op.at(0), parts)


def _sliced(op: OperatorOp) -> Iterable[Found]:
    sizes = zip(op.at(0).dims, op.data(1), op.data(2), strict=True)
    parts = [range(start, have if size == -1 else start + size) for have, start, size in sizes]
    yield tuple(map(len, parts)), _picked(op.at(0), parts)


def _joined(op: OperatorOp) -> Iterable[Found]:
    first = op.at(0)
    axis = op.axis(op.number("axis", 0), len(first.dims))
    outer = prod(first.dims[:axis])
    blocks = [(_data(value), value.elements // max(outer, 1)) for value in op.present]
    dims = (*first.dims[:axis], sum(value.dims[axis] for value in op.present), *first.dims[axis + 1 :])
    yield (
        dims,
        tuple(n for place in range(outer) for data, size in blocks for n in data[place * size : (place + 1) * size]),
    )


def _packed(op: OperatorOp) -> Iterable[Found]:
    if op.axis(op.number("axis", 0), len(op.at(0).dims) + 1) == 0:
        yield packed(op), tuple(number for value in op.present for number in _data(value))


def _unpacked(op: OperatorOp) -> Iterable[Found]:
    x = op.at(0)
    if op.axis(op.number("axis", 0), len(x.dims)) == 0:
        step = prod(x.dims[1:])
        yield from ((x.dims[1:], _data(x)[step * n : step * (n + 1)]) for n in range(x.dims[0]))


def _gathered(op: OperatorOp) -> Iterable[Found]:
    x, ids = op.at(0), op.at(1)
    if len(x.dims) == 1 and all(0 <= place < x.dims[0] for place in _data(ids)):
        yield ids.dims, tuple(_data(x)[int(place)] for place in _data(ids))


def _split(op: OperatorOp) -> Iterable[Found]:
    x, count = op.at(1), len(op.outputs)
    if len(x.dims) == 1 and x.dims[0] % count == 0:
        size = x.dims[0] // count
        yield from (((size,), _data(x)[start : start + size]) for start in accumulate([size] * (count - 1), initial=0))


def reduced(function: Callable[[Any], Any]) -> Fold:
    """Return a fold that reduces all numbers to one."""

    def fold(op: OperatorOp) -> Iterable[Found]:
        x = op.at(0)
        if len({axis % max(len(x.dims), 1) for axis in op.data(1)}) == len(x.dims) and _data(x):
            yield (1,) * len(x.dims) if op.flag("keep_dims", default=False) else (), (function(_data(x)),)

    return fold


def _range(op: OperatorOp) -> Iterable[Found]:
    start, limit, step = (_data(op.at(place))[0] for place in range(3))
    count = max(ceil((limit - start) / step), 0)
    if count <= MOST_VALUES:
        yield (count,), tuple(start + place * step for place in range(count))


def _filled(op: OperatorOp) -> Iterable[Found]:
    dims = op.data(0)
    if 0 <= prod(dims) <= MOST_VALUES:
        yield dims, _data(op.at(1)) * prod(dims)


def _tiled(op: OperatorOp) -> Iterable[Found]:
    if len(op.at(0).dims) == 1 and op.at(0).elements * max(op.data(1)[0], 0) <= MOST_VALUES:
        yield (op.at(0).dims[0] * op.data(1)[0],), _data(op.at(0)) * op.data(1)[0]


KEEP = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "QUANTIZE", "DENSIFY", "CAST", "TRANSPOSE", "FAKE_QUANT")
"""Operators that make of a constant the same constant."""

FOLDS: Mapping[str, Fold] = {
    "ADD": mapped(operator.add),
    "SUB": mapped(operator.sub),
    "MUL": mapped(operator.mul),
    "DIV": mapped(quotient),
    "FLOOR_DIV": mapped(operator.floordiv),
    "FLOOR_MOD": mapped(operator.mod),
    "MAXIMUM": mapped(max),
    "MINIMUM": mapped(min),
    "NEG": mapped(operator.neg),
    "ABS": mapped(abs),
    "SQRT": mapped(lambda number: number**0.5),
    "FLOOR": mapped(lambda number: float(floor(number))),
    "CEIL": mapped(lambda number: float(ceil(number))),
    "ROUND": mapped(lambda number: float(round(number))),
    "LESS": mapped(operator.lt),
    "LESS_EQUAL": mapped(operator.le),
    "GREATER": mapped(operator.gt),
    "GREATER_EQUAL": mapped(operator.ge),
    "EQUAL": mapped(operator.eq),
    "NOT_EQUAL": mapped(operator.ne),
    "LOGICAL_AND": mapped(lambda one, other: bool(one and other)),
    "LOGICAL_OR": mapped(lambda one, other: bool(one or other)),
    "LOGICAL_NOT": mapped(operator.not_),
    **dict.fromkeys(("SELECT", "SELECT_V2"), mapped(lambda condition, one, other: one if condition else other)),
    "REDUCE_PROD": reduced(prod),
    "SUM": reduced(sum),
    "REDUCE_MAX": reduced(max),
    "REDUCE_MIN": reduced(min),
    "REDUCE_ALL": reduced(all),
    "REDUCE_ANY": reduced(any),
    "BROADCAST_ARGS": lambda op: [((len(found),), found)] if (found := broadcast(op.data(0), op.data(1))) else [],
    "SQUEEZE": _shaped(squeezed),
    "EXPAND_DIMS": _shaped(with_axis),
    "RESHAPE": _reshaped,
    "CAST": _cast,
    "DEQUANTIZE": _widened,
    "STRIDED_SLICE": _strided,
    "SLICE": _sliced,
    "CONCATENATION": _joined,
    "PACK": _packed,
    "UNPACK": _unpacked,
    "GATHER": _gathered,
    "SPLIT": _split,
    "RANGE": _range,
    "FILL": _filled,
    "TILE": _tiled,
}
"""Operators by the fold that computes their outputs."""


def folded(op: OperatorOp) -> list[Found]:
    """Compute the outputs of an operator; none if a number is not known or not kept."""
    if op.origin.kind == "SHAPE":
        return [((len(op.at(0).dims),), op.at(0).dims)]
    if op.origin.kind == "RANK":
        return [((), (len(op.at(0).dims),))]
    fold = FOLDS.get(op.origin.kind)
    if fold is None or not op.present or any(value.data is None for value in op.present):
        return []
    op.ledger.left -= 1 + sum(len(_data(value)) for value in op.present)
    if op.ledger.left < 0:
        return []
    try:
        found = [*fold(op)]
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return []
    return found if all(map(_is_kept, (number for _, data in found for number in data))) else []


def _is_kept(number: Any) -> bool:
    return not isinstance(number, int) or number.bit_length() <= MOST_BITS
