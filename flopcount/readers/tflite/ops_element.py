"""Operators on elements: functions of one or several tensors, normalizations, reductions along axes."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flopcount.readers.tflite.op import LEAST_MAP, Dims, OperatorOp, TensorValue, Writer, broadcast

ACTIVATIONS: Mapping[str, str] = {
    **{name: name.lower() for name in ("RELU", "RELU6", "TANH", "ELU", "GELU", "LEAKY_RELU")},
    **dict.fromkeys(("RELU_N1_TO_1", "RELU_0_TO_1"), "hardtanh"),
    "LOGISTIC": "sigmoid",
    "HARD_SWISH": "hardswish",
}
"""Operators by the activation that they are."""

UNARY: Mapping[str, str] = {
    **{name: name.lower() for name in ("ABS", "NEG", "EXP", "LOG", "SQRT", "SIN", "COS", "FLOOR", "CEIL", "ROUND")},
    **{name: name.lower() for name in ("SIGN", "SQUARE")},
    "RSQRT": "sqrt",
    "LOGICAL_NOT": "not",
    "COMPLEX_ABS": "abs",
    **dict.fromkeys(("QUANTIZE", "FAKE_QUANT"), "quantize"),
    "DEQUANTIZE": "dequantize",
}
"""Operators by the function of an Elementwise of one tensor."""

SEVERAL: Mapping[str, str] = {
    **{name: name.lower() for name in ("ADD", "SUB", "MUL", "DIV", "POW", "EQUAL", "LESS", "GREATER")},
    "ADD_N": "add",
    "FLOOR_DIV": "div",
    "FLOOR_MOD": "mod",
    "MAXIMUM": "max",
    "MINIMUM": "min",
    "NOT_EQUAL": "equal",
    "LESS_EQUAL": "less",
    "GREATER_EQUAL": "greater",
    "LOGICAL_AND": "and",
    **dict.fromkeys(("LOGICAL_OR", "BITWISE_XOR"), "or"),
    **dict.fromkeys(("SELECT", "SELECT_V2"), "where"),
    "SQUARED_DIFFERENCE": "sub",
    "ATAN2": "atan",
    "RIGHT_SHIFT": "mul",
}
"""Operators by the function of an Elementwise of several tensors."""

REDUCTIONS: Mapping[str, str] = {
    "MEAN": "mean",
    "SUM": "sum",
    "REDUCE_PROD": "prod",
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_ANY"), "max"),
    **dict.fromkeys(("REDUCE_MIN", "REDUCE_ALL"), "min"),
}
"""Operators by the function of a Reduce."""


def elementwise(op: OperatorOp) -> list[TensorValue | None]:
    """Write a function of several tensors, and the function that is fused into it."""
    dims, function = broadcast(*(value.dims for value in op.present)), SEVERAL[op.origin.kind]
    is_map = len(dims) >= LEAST_MAP and any(value.is_map and len(value.dims) == len(dims) for value in op.active)
    is_map = is_map or (op.wants_map() and len(dims) >= LEAST_MAP)
    xs = [op.padded(value, len(dims), is_map=is_map) for value in op.active]
    static = [value for value in op.present if value.static and _matters(value, xs, dims)]
    y = _joined(op, function, xs, static, dims, is_map=is_map)
    if op.origin.kind == "SQUARED_DIFFERENCE":
        return [op.row("Elementwise", y, dims=dims, function="square", tail="square")]
    return [y]


def _matters(value: TensorValue, xs: Sequence[TensorValue], dims: Dims) -> bool:
    """Tell whether a constant is a parameter, or stretches the other inputs."""
    return value.is_trained or broadcast(*(x.dims for x in xs)) != dims


def _joined(
    op: OperatorOp, function: str, xs: Sequence[TensorValue], static: Sequence[TensorValue], dims: Dims, *, is_map: bool
) -> TensorValue:
    """Write a layer that says the same, else an Elementwise."""
    first = max(xs, key=lambda value: len(value.source.dims))
    if function == "mul" and list(map(len, (xs, static))) == [1, 1] and _is_channelwise(static[0], first, dims):
        return op.activated(op.row("LayerScale", first, dims=dims, params={"scale": static}))
    parameters = [op.parameter(value, _shaped(value, len(dims), is_map=is_map), is_map=is_map) for value in static]
    xs = sorted((*xs, *parameters), key=lambda value: -len(value.source.dims))
    equal = len({value.source.dims for value in xs}) == 1
    fused = op.fused if op.fused != "sign" else ""
    if function == "add" and equal and len(xs) > 1 and len({value.source.shape.channel_axis for value in xs}) == 1:
        y = op.row("Add", *xs, dims=dims, is_map=is_map, activation=fused or None)
        return y if fused == op.fused else op.activated(y)
    return op.activated(op.row("Elementwise", *xs, dims=dims, is_map=is_map, function=function))


def _shaped(value: TensorValue, rank: int, *, is_map: bool) -> Dims:
    """Return the sizes of a constant, with as many axes as a map has."""
    return (1,) * (rank - len(value.dims)) + value.dims if is_map else value.dims or (1,)


def _is_channelwise(static: TensorValue, x: TensorValue, dims: Dims) -> bool:
    return static.is_trained and x.dims == dims and static.elements == static.dims[-1] == dims[-1]


def unary(op: OperatorOp, kind: str, function: str) -> list[TensorValue | None]:
    """Write a function of one tensor."""
    return [op.row(kind, op.at(0), dims=op.at(0).dims, function=function)]


def plain(op: OperatorOp, kind: str, **fields: Any) -> list[TensorValue | None]:
    """Write a layer of the same size."""
    return [op.row(kind, op.at(0), dims=op.at(0).dims, **fields)]


def vectorwise(op: OperatorOp, kind: str, **fields: Any) -> list[TensorValue | None]:
    """Write a layer over the last axis."""
    x = op.at(0) if op.at(0).is_map else op.last(op.at(0))
    return [op.row(kind, x, dims=x.dims, **fields)]


def prelu(op: OperatorOp) -> list[TensorValue | None]:
    """PRELU: slopes, one for each channel or for each element."""
    x, slope = op.at(0), op.at(1)
    if slope.static and slope.elements in {1, (1, *slope.dims)[-1]}:
        x = x if x.is_map else op.last(x)
        return [op.row("PReLU", x, dims=x.dims, params={"slope": [slope]}, num_parameters=slope.elements)]
    dims = broadcast(x.dims, slope.dims)
    is_map = x.is_map and len(dims) == len(x.dims)
    other = (
        op.parameter(slope, _shaped(slope, len(dims), is_map=is_map), is_map=is_map)
        if slope.static
        else op.padded(slope, len(dims), is_map=is_map)
    )
    return [op.row("Elementwise", x, other, dims=dims, is_map=is_map, function="where")]


def reduced(op: OperatorOp, function: str) -> list[TensorValue | None]:
    """Write a reduction along axes; a mean or a maximum over all space has a kind of its own."""
    x, rank = op.at(0), len(op.at(0).dims)
    axes = {op.axis(axis, rank) for axis in op.data(1)} if rank else set()
    return [along(op, x, axes, function, keeps=op.flag("keep_dims", default=False))]


def along(op: OperatorOp, x: TensorValue, axes: set[int], function: str, *, keeps: bool) -> TensorValue:
    """Write a reduction along axes of the file."""
    rank = len(x.dims)
    dims = tuple(1 if axis in axes else size for axis, size in enumerate(x.dims) if keeps or axis not in axes)
    if x.is_map and axes == {*range(1, rank - 1)} and function in {"mean", "max"}:
        kind = "GlobalAvgPool" if function == "mean" else "GlobalMaxPool"
        return op.row(kind, x, dims=dims, is_map=keeps, keepdim=keeps)
    if not keeps and axes & {0, rank - 1}:
        x = op.last(x)
    places = sorted(place for axis in axes if (place := x.place(axis)) is not None)
    if not places:
        return op.reshaped(x, dims)
    is_map = x.is_map and len(dims) >= LEAST_MAP
    return op.row("Reduce", x, dims=dims, is_map=is_map, axes=places, function=function, keepdim=keeps)


def arg_reduced(op: OperatorOp, function: str) -> list[TensorValue | None]:
    """ARG_MAX and ARG_MIN: the place of an extreme along an axis."""
    rank = len(op.at(0).dims)
    return [along(op, op.at(0), {op.axis(op.data(1)[0], rank)}, function, keeps=False)]


def response_norm(op: OperatorOp) -> list[TensorValue | None]:
    """LOCAL_RESPONSE_NORMALIZATION: so many channels on both sides."""
    x = op.at(0) if op.at(0).is_map else op.last(op.at(0))
    return [op.row("LocalResponseNorm", x, dims=x.dims, size=2 * op.number("radius", 0) + 1)]


OPERATORS: Mapping[str, Writer] = {
    **{name: partial(unary, kind="Activation", function=function) for name, function in ACTIVATIONS.items()},
    **{name: partial(unary, kind="Elementwise", function=function) for name, function in UNARY.items()},
    **dict.fromkeys(SEVERAL, elementwise),
    **{name: partial(reduced, function=function) for name, function in REDUCTIONS.items()},
    "ARG_MAX": partial(arg_reduced, function="argmax"),
    "ARG_MIN": partial(arg_reduced, function="argmin"),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX"), partial(vectorwise, kind="Softmax")),
    "L2_NORMALIZATION": partial(vectorwise, kind="RMSNorm", elementwise_affine=False),
    "LOCAL_RESPONSE_NORMALIZATION": response_norm,
    "PRELU": prelu,
    "DENSIFY": partial(plain, kind="Identity"),
}
"""Operators by the function that writes their layers."""

ALIKE = frozenset((*ACTIVATIONS, *UNARY, *SEVERAL, "PRELU", "CAST", "LOCAL_RESPONSE_NORMALIZATION", "L2_NORMALIZATION"))
"""Operators whose inputs are maps if their outputs are."""
