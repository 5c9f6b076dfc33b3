"""Operators on elements: functions of one or several tensors, normalizations, and reductions along axes."""

from collections.abc import Mapping, Sequence
from math import prod

from flopcount.readers.base import ACTIVATIONS, plain_word
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, empty, on_axis
from flopcount.readers.onnx.ops_conv import as_map
from flopcount.readers.onnx.ops_shape import broadcast, expanded, parameter, reshaped

_ACTIVATIONS = (
    *("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Mish"),
    *("Softplus", "Softsign", "ThresholdedRelu", "Swish", "Silu", "FastGelu", "QuickGelu", "BiasGelu"),
)
"""Operators that are an activation."""

ELEMENTWISE: Mapping[str, str] = {
    **{name.capitalize(): name for name in ("add", "sub", "mul", "div", "mod", "pow", "reciprocal", "sqrt", "exp")},
    **{name.capitalize(): name for name in ("log", "erf", "neg", "abs", "sign", "floor", "ceil", "round", "min")},
    **{name.capitalize(): name for name in ("max", "equal", "less", "greater", "and", "or", "not", "where", "clip")},
    **{name.capitalize(): name for name in ("sin", "cos", "tan", "atan")},
    **dict.fromkeys(("Sum", "Mean"), "add"),
    **dict.fromkeys(("IsNaN", "IsInf"), "equal"),
    **dict.fromkeys(("Xor", "BitwiseOr", "BitwiseXor"), "or"),
    **dict.fromkeys(("Sinh", "Asin", "Asinh"), "sin"),
    **dict.fromkeys(("Cosh", "Acos", "Acosh"), "cos"),
    "Atanh": "atan",
    **{f"{name.capitalize()}OrEqual": name for name in ("less", "greater")},
    "BitShift": "mul",
    **{f"Bitwise{name.capitalize()}": name for name in ("and", "not")},
    "Shrink": "clip",
    **{f"{name.capitalize()}Linear": name for name in ("quantize", "dequantize")},
}
"""Operators by the function of an Elementwise that they are."""

REDUCTIONS: Mapping[str, str] = {
    **{f"Reduce{name.capitalize()}": name for name in ("mean", "sum", "max", "min", "prod")},
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), "norm"),
    **dict.fromkeys(("ReduceLogSum", "ReduceLogSumExp"), "logsumexp"),
    "ArgMax": "argmax",
    "ArgMin": "argmin",
}
"""Operators by the function of a Reduce that they are."""

_WEIGHED = frozenset(("Linear", "Conv", "DepthwiseConv", "ConvTranspose"))
"""The kinds that may have a bias."""

_BOOLEAN = 9
_COMPARISONS = frozenset(
    ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Not", "Xor", "IsNaN")
)
"""Operators whose output is boolean."""


def elementwise(op: NodeContext) -> list[Value]:
    """Write a function of one or several tensors."""
    function = ELEMENTWISE[op.node.op]
    if op.opset < 7 and op.integer("broadcast", 0) and len(op.present) > 1:  # noqa: PLR2004  (axes from one on)
        one, other = op.present
        after = len(one.dims) - len(other.dims)
        dims = (*other.dims, *(1,) * (after - op.integer("axis", after)))
        op = op._replace(inputs=(one, other._replace(dims=dims) if other.static else reshaped(op, other, dims)))
    y = joined(op, function, op.present[:1] if function in {"clip", "quantize", "dequantize"} else op.present)
    return [y._replace(dtype=_BOOLEAN) if op.node.op in _COMPARISONS else y]


def joined(op: NodeContext, function: str, inputs: list[Value]) -> Value:
    """Write an elementwise function of layers and constants."""
    dims = broadcast(*(value.dims for value in inputs))
    if 0 in dims:
        return empty(*dims)
    active = [value for value in inputs if not value.static]
    static = [value for value in inputs if value.static and value.elements > 1 and _matters(op, value, dims)]
    kept = static or [value for value in inputs if value.static and value.elements > 1]
    if list(map(len, (active, kept))) == [1, 1] and (y := _with_params(op, function, active[0], kept[0], dims)):
        return y
    active = _aligned(op, active, dims)
    batch_axis = active[0].batch_axis if len(active[0].dims) == len(dims) else None
    operands = [*active, *(parameter(op, value, batch_axis, len(dims)) for value in static)]
    y = _join(op, function, operands, dims, batch_axis)
    return y if dims else y._replace(dims=())


def added(op: NodeContext, x: Value, other: Value | None) -> Value:
    """Add a further input if it is given."""
    return x if other is None else joined(op, "add", [x, other])


def _matters(op: NodeContext, value: Value, dims: Dims) -> bool:
    """Tell whether a constant is a parameter, or broadcasts the other inputs."""
    return op.is_trained(value) or broadcast((), *(each.dims for each in op.present if each is not value)) != dims


def _aligned(op: NodeContext, values: list[Value], dims: Dims) -> list[Value]:
    """Return tensors with aligned axes, the batch left out of all or none."""
    first = values[0]
    alike = len({(len(value.dims), value.batch_axis) for value in values}) == 1 and len(first.dims) == len(dims)
    if alike and (first.batch_axis is None or dims[first.batch_axis] == 1):
        return values
    has_batch = dims[0] == 1 and len(dims) > 1
    result = []
    for value in values:
        wanted = value._replace(batch_axis=0 if has_batch and len(value.dims) == len(dims) else None)
        axis = op.channel_axis(value) if wanted.inner == value.inner else len(wanted.inner) - 1
        result.append(op.draft.as_layout(value, wanted.batch_axis, axis))
    return sorted(result, key=lambda value: -len(value.dims))


def _join(op: NodeContext, function: str, operands: list[Value], dims: Dims, batch_axis: int | None) -> Value:
    """Write an Add or a Mul if they say the same, else an Elementwise."""
    axes = {op.channel_axis(value) for value in operands}
    stays = any(op.draft.row_of(value).kind == "Parameter" for value in operands)  # without the batch of --batch
    if (
        function == "add"
        and not stays
        and len(operands) > 1
        and len(axes) == len({value.inner for value in operands}) == 1
    ):
        return op.row("Add", *operands, batch_axis=batch_axis)
    if function == "mul" and len(operands) > 1 and len(axes) == 1 and not stays:
        largest = max(operands, key=lambda value: value.elements)
        others = [value for value in operands if value is not largest] or operands[1:]
        if largest.dims == dims and all(len(value.inner) == len(largest.inner) for value in others):
            return op.row("Mul", *[largest, *others][: len(operands)], batch_axis=batch_axis)
    if len(operands) == 1 and operands[0].dims != dims:
        operands = [expanded(op, operands[0], dims)]
        batch_axis = operands[0].batch_axis
    return op.row("Elementwise", *operands, batch_axis=batch_axis, function=function)


def _with_params(op: NodeContext, function: str, x: Value, static: Value, dims: Dims) -> Value | None:
    """Write a parameter as part of a layer if a kind says exactly that, such as the layer above that has no bias."""
    if x.dims != dims or not op.may_be_bias(static):
        return None
    axis, size, row = op.channel_axis(x), x.inner, op.draft.row_of(x)
    if static.elements == size[axis] and ((0,) * len(size) + static.dims)[axis - len(size)] == size[axis]:
        is_last = not row.uses and row.shape.dims == size and x.row in op.draft.read_once
        if function == "add" and row.fields.get("bias") is False and row.kind in _WEIGHED and is_last:
            row.layer = None
            del row.fields["bias"]
            op.draft.count_params(x, "bias", [static])
            return x
        if function == "mul" and op.is_trained(static):
            return op.row("LayerScale", x, params={"scale": static})
    is_tokens = axis == len(size) - 1 and len(size) > 1
    if (
        function == "add"
        and op.is_trained(static)
        and is_tokens
        and static.elements == prod(size[-2:])
        and static.dims[-2:] == size[-2:]
    ):
        return op.row("PositionEmbedding", x, params={"position": static})
    return None


def clip(op: NodeContext) -> list[Value]:
    """Clip: ReLU and ReLU6 by their bounds, hard tanh if it has two others."""
    low, high = (_bound(op, index, name) for index, name in ((1, "min"), (2, "max")))
    if low == 0 and high in {None, 6}:
        return [op.row("Activation", op.at(0), function="relu" if high is None else "relu6")]
    if low is None or high is None:
        return [op.row("Elementwise", op.at(0), function="clip")]
    return [op.row("Activation", op.at(0), function="hardtanh")]


def _bound(op: NodeContext, index: int, name: str) -> float | None:
    if (value := op.get(index)) and value.data:
        return value.data[0]
    found = op.attribute(name)
    return None if isinstance(found, float) and abs(found) > 1e38 else found  # noqa: PLR2004  (the default: no bound)


def prelu(op: NodeContext) -> list[Value]:
    """PRelu: one slope, or one for each channel."""
    x, slope = op.at(0), op.at(1)
    if len(x.dims) > 2 and slope.elements == x.dims[1] != x.inner[op.channel_axis(x)]:  # noqa: PLR2004  (a map)
        x = as_map(op, x)
    if not slope.static or slope.elements not in {1, x.inner[op.channel_axis(x)]}:
        return [joined(op, "mul", [x, slope])]
    return [op.row("PReLU", x, params={"slope": slope}, num_parameters=slope.elements)]


def softmax(op: NodeContext) -> list[Value]:
    """Softmax and LogSoftmax along an axis; until opset 13, all axes from there on were one."""
    x, old = op.at(0), op.opset < 13  # noqa: PLR2004  (the opset that changed it)
    axis = op.axis(len(x.dims), 1 if old else -1)
    if old:
        axis = next((place for place in range(len(x.dims) - 1, axis - 1, -1) if x.dims[place] > 1), axis)
    batch_axis = None if x.batch_axis == axis else x.batch_axis
    place = x._replace(batch_axis=batch_axis).inner_axis(axis)
    return [op.row("Softmax", op.draft.as_layout(x, batch_axis, place))]


def batch_norm(op: NodeContext) -> list[Value]:
    """BatchNormalization: scale, shift, mean and variance for each channel."""
    x, sizes = op.at(0), op.at(0).dims
    if not op.integer("spatial", 1):  # until opset 9, each place could have numbers of its own
        x = reshaped(op, x, (x.dims[0], prod(x.dims[1:])))
    is_map = len(x.dims) > 2  # noqa: PLR2004  (a batch, channels and space)
    x = as_map(op, x) if is_map else op.draft.as_layout(x, x.batch_axis, len(x.inner) - 1)
    _check_channels(op, x, 1, 2, 3, 4)
    running = [op.at(3), op.at(4)]
    y = op.row("BatchNorm", x, params={"norm_weight": op.at(1), "norm_bias": op.at(2), "running": running})
    return [reshaped(op, y, sizes), *op.further(*[op.at(3).dims] * 4)]


def _check_channels(op: NodeContext, x: Value, *indices: int) -> None:
    for index in indices:
        op.expect(op.at(index), x.inner[op.channel_axis(x)])


def normalized(op: NodeContext, kind: str, x: Value, *, scale: Value | None, shift: Value | None = None) -> Value:
    """Write a normalization over the axes from one to the last, with a scale and a shift if they are given."""
    axis = op.axis(len(x.dims), -1)
    size = prod(x.dims[axis:])
    flat = reshaped(op, x, (*x.dims[:axis], size)) if axis < len(x.dims) - 1 else x
    flat = flat._replace(batch_axis=flat.batch_axis if flat.batch_axis != axis else None)
    flat = op.draft.as_layout(flat, flat.batch_axis, len(flat.inner) - 1)
    has_scale = scale is not None and scale.static and scale.elements == size
    has_shift = has_scale and shift is not None and shift.static and shift.elements == size
    fields = {} if kind == "RMSNorm" else {"bias": has_shift or not has_scale}
    params = {"norm_weight": scale if has_scale else None, "norm_bias": shift if has_shift else None}
    y = reshaped(op, op.row(kind, flat, elementwise_affine=has_scale, params=params, **fields), x.dims)
    if scale is not None and not has_scale:
        y = joined(op, "mul", [y, scale])
    return added(op, y, None if has_shift else shift)


def layer_norm(op: NodeContext) -> list[Value]:
    """LayerNormalization and RMSNormalization, then means and deviations."""
    x, kind = op.at(0), "LayerNorm" if op.node.op == "LayerNormalization" else "RMSNorm"
    axis = op.axis(len(x.dims), -1)
    stats = (*x.dims[:axis], *(1,) * (len(x.dims) - axis))
    y = normalized(op, kind, x, scale=op.get(1), shift=op.get(2) if kind == "LayerNorm" else None)
    return [y, *op.further(stats, stats)]


def instance_norm(op: NodeContext) -> list[Value]:
    """InstanceNormalization: over space, with a scale and a shift for each channel."""
    x = as_map(op, op.at(0))
    _check_channels(op, x, 1, 2)
    return [op.row("InstanceNorm", x, affine=True, params={"norm_weight": op.at(1), "norm_bias": op.at(2)})]


def group_norm(op: NodeContext) -> list[Value]:
    """GroupNormalization: over space and a group of the channels; the kind has a scale and a shift for each channel."""
    x = as_map(op, op.at(0))
    for index in (1, 2):
        op.expect(op.at(index), x.dims[1], op.integer("num_groups", 1))
    scale, shift = (op.at(index)._replace(dims=(x.dims[1],)) for index in (1, 2))
    params = {"norm_weight": scale, "norm_bias": shift}
    return [op.row("GroupNorm", x, num_groups=op.integer("num_groups", 1), params=params)]


def reduction(op: NodeContext) -> list[Value]:
    """Reduce along axes: all of them by default."""
    x, rank = op.at(0), len(op.at(0).dims)
    is_arg = op.node.op in {"ArgMax", "ArgMin"}
    axes = (op.integer("axis", 0),) if is_arg else op.integers_at("axes", 1)
    if not axes and op.integer("noop_with_empty_axes", 0):
        return [x]
    places = sorted({on_axis(axis, rank) for axis in axes}) if axes else [*range(rank)]
    keep = bool(op.integer("keepdims", 1))
    if not x.elements:
        kept = ((1 if place in places else size, place) for place, size in enumerate(x.dims))
        return [Value(tuple(size for size, place in kept if keep or place not in places), x.dtype)]
    return [reduced(op, x, places, REDUCTIONS[op.node.op], keep=keep)]


def reduced(op: NodeContext, x: Value, axes: Sequence[int], function: str, *, keep: bool) -> Value:
    """Write a reduction: a global pool or a mean of tokens if that says the same."""
    left = tuple(size for axis, size in enumerate(x.dims) if axis not in axes)
    inner = [x.inner_axis(axis) for axis in axes if axis != x.batch_axis]
    if not inner:
        return x if keep else reshaped(op, x, left)
    if keep or x.batch_axis in axes:
        y = _reduced(op, x, inner, function, x.batch_axis, keep=True)
        return y if keep else reshaped(op, y, left)
    batch_axis = None if x.batch_axis is None else x.batch_axis - sum(axis < x.batch_axis for axis in axes)
    return _reduced(op, x, inner, function, batch_axis, keep=False)._replace(dims=left)


def _reduced(
    op: NodeContext, x: Value, inner: list[int], function: str, batch_axis: int | None, *, keep: bool
) -> Value:
    channels, rank, pools = op.channel_axis(x), len(x.inner), {"mean": "GlobalAvgPool", "max": "GlobalMaxPool"}
    if function in pools and inner == [*range(channels + 1, rank)]:
        return op.row(pools[function], x, batch_axis=batch_axis, keepdim=keep)
    if function == "mean" and not keep and inner == [channels - 1] and channels == rank - 1:
        return op.row("MeanTokens", x, batch_axis=batch_axis)
    axes = tuple(place - rank for place in inner)
    return op.row("Reduce", x, batch_axis=batch_axis, keepdim=keep, axes=axes, function=function)


OPERATORS: Mapping[str, Writer] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(
        _ACTIVATIONS, lambda op: [op.row("Activation", op.at(0), function=ACTIVATIONS[plain_word(op.node.op)])]
    ),
    "Clip": clip,
    "PRelu": prelu,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), softmax),
    **dict.fromkeys(("Cast", "CastLike"), lambda op: [op.at(0)._replace(dtype=op.dtype("to", op.at(0).dtype))]),
    "Detach": lambda op: [op.row("Identity", op.at(0), detached=True)._replace(dtype=op.at(0).dtype)],
    **dict.fromkeys(("Identity", "Dropout", "BitCast"), lambda op: [op.at(0)] * max(len(op.node.outputs), 1)),
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), layer_norm),
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LRN": lambda op: [op.row("LocalResponseNorm", as_map(op, op.at(0)), size=op.integer("size", 1))],
    "MeanVarianceNormalization": lambda op: [op.row("InstanceNorm", as_map(op, op.at(0)))],
    "LpNormalization": lambda op: [
        joined(op, "div", [op.at(0), reduced(op, op.at(0), [op.axis(len(op.at(0).dims), -1)], "norm", keep=True)])
    ],
    **dict.fromkeys(REDUCTIONS, reduction),
}
"""Operators by the function that writes their layers; ONNX Runtime puts some of its own into the standard domain."""
