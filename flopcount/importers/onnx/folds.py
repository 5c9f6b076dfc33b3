"""Which operators are computed before anything runs, and how."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from flopcount.importers.onnx import arithmetic as on
from flopcount.importers.onnx.calls import Call
from flopcount.importers.onnx.values import Dims, Numbers, Unreadable, Value

FOLDS: Mapping[str, Callable[[Call], Value]] = {
    "Gather": on.gather,
    "Concat": on.concat,
    "Slice": on.slice_,
    "Transpose": on.transpose,
    "Expand": on.expand,
    "Tile": on.tile,
    "Cast": on.cast_,
    "ConstantOfShape": on.constant_of_shape,
    "Range": on.range_,
    "NonZero": on.non_zero,
    "Clip": on.clipped,
    "Sum": on.mapped(lambda *numbers: sum(numbers)),
    "Add": on.mapped(operator.add),
    "Sub": on.mapped(operator.sub),
    "Mul": on.mapped(operator.mul),
    "Div": on.mapped(on.divided),
    "Mod": on.mapped(operator.mod),
    "Pow": on.mapped(operator.pow),
    "Neg": on.mapped(operator.neg),
    "Abs": on.mapped(abs),
    "Sqrt": on.mapped(math.sqrt),
    "Floor": on.mapped(math.floor),
    "Ceil": on.mapped(math.ceil),
    "Exp": on.mapped(math.exp),
    "Log": on.mapped(math.log),
    "Round": on.mapped(round),
    "Min": on.mapped(min),
    "Max": on.mapped(max),
    "Equal": on.mapped(operator.eq),
    "Less": on.mapped(operator.lt),
    "Greater": on.mapped(operator.gt),
    "LessOrEqual": on.mapped(operator.le),
    "GreaterOrEqual": on.mapped(operator.ge),
    "Not": on.mapped(operator.not_),
    "And": on.mapped(lambda one, other: bool(one and other)),
    "Or": on.mapped(lambda one, other: bool(one or other)),
    "Where": on.mapped(on.choose),
    "ReduceProd": on.reduced(math.prod),
    "ReduceSum": on.reduced(sum),
    "ReduceMax": on.reduced(max),
    "ReduceMin": on.reduced(min),
}
"""How the numbers of a result are computed, by operator."""

ALWAYS: Mapping[str, Callable[[Call], Value]] = {
    "Shape": on.shape,
    "Size": on.size,
    "Constant": on.constant,
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
    except on.NotFoldable:
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
