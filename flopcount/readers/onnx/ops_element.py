"""Operators of ONNX that normalise, and those that sum up along axes."""

from collections.abc import Sequence
from math import prod

from flopcount.readers.onnx.layout import joined, reshaped, same
from flopcount.readers.onnx.ops_conv import mapped
from flopcount.readers.onnx.values import ACTIVATIONS, ELEMENTWISE, Call, Dims, Unreadable, Value, from_end, on_axis


def batch_norm(call: Call) -> list[Value]:
    """BatchNormalization: scale, shift, mean and variance for each channel."""
    x = call.at(0)
    x = mapped(call, x) if len(x.dims) > 2 else call.rows.viewed(x, x.drop, len(x.ours) - 1)  # noqa: PLR2004  (space)
    _fits(call, x, 1, 2, 3, 4)
    y = same(call, "BatchNorm", x)
    call.rows.settle(y, "norm_weight", call.at(1))
    call.rows.settle(y, "norm_bias", call.at(2))
    call.rows.settle(y, "running", call.at(3), call.at(4))
    return [y] * max(len(call.node.outputs), 1)


def _fits(call: Call, x: Value, *indices: int) -> None:
    channels = x.ours[call.rows.axis(x)]
    for index in indices:
        if call.at(index).elements != channels:
            raise Unreadable(f"input {index} has {call.at(index).elements} numbers for {channels} channels")


def layer_norm(call: Call) -> list[Value]:
    """LayerNormalization, from one axis to the last."""
    x = call.at(0)
    axis = on_axis(call.whole("axis", -1), len(x.dims))
    return [normalised(call, "LayerNorm", x, axis, scale=call.get(1), shift=call.get(2))]


def rms_norm(call: Call) -> list[Value]:
    """RMSNormalization, from one axis to the last."""
    x = call.at(0)
    axis = on_axis(call.whole("axis", -1), len(x.dims))
    return [normalised(call, "RMSNorm", x, axis, scale=call.get(1))]


def normalised(call: Call, kind: str, x: Value, axis: int, *, scale: Value | None, shift: Value | None = None) -> Value:
    """Write a normalisation over the axes from one to the last, with a scale and a shift if they are there."""
    size = prod(x.dims[axis:])
    flat = reshaped(call, x, (*x.dims[:axis], size)) if axis < len(x.dims) - 1 else x
    drop = flat.drop if flat.drop != axis else None
    flat = call.rows.viewed(flat, drop, len(flat._replace(drop=drop).ours) - 1)
    plain = scale is not None and scale.static and scale.elements == size
    shifted = shift is not None and shift.static and shift.elements == size
    fields = {} if plain else {"elementwise_affine": False}
    if kind == "LayerNorm" and plain and not shifted:
        fields = {"bias": False}
    y = same(call, kind, flat, **fields)
    if plain:
        call.rows.settle(y, "norm_weight", scale)
    if plain and shifted:
        call.rows.settle(y, "norm_bias", shift)
    y = reshaped(call, y, x.dims)
    if scale is not None and not plain:
        y = joined(call, "mul", [y, scale])
    return joined(call, "add", [y, shift]) if shift is not None and not (plain and shifted) else y


def skip_layer_norm(call: Call) -> list[Value]:
    """Add two layers, then normalise the sum: an operator of ONNX Runtime."""
    rms = call.node.op.startswith("SkipSimplified")
    added = joined(call, "add", [call.at(0), call.at(1)])
    index = 3 if rms else 4
    bias = call.get(index)
    added = joined(call, "add", [added, bias]) if bias is not None else added
    scale, shift = call.get(2), None if rms else call.get(3)
    y = normalised(call, "RMSNorm" if rms else "LayerNorm", added, len(added.dims) - 1, scale=scale, shift=shift)
    return [y, y, y, added]


def instance_norm(call: Call) -> list[Value]:
    """InstanceNormalization: over space, with a scale and a shift for each channel."""
    x = mapped(call, call.at(0))
    _fits(call, x, 1, 2)
    y = same(call, "InstanceNorm", x, affine=True)
    call.rows.settle(y, "norm_weight", call.at(1))
    call.rows.settle(y, "norm_bias", call.at(2))
    return [y]


def group_norm(call: Call) -> list[Value]:
    """GroupNormalization: over space and a group of the channels."""
    x = mapped(call, call.at(0))
    y = same(call, "GroupNorm", x, num_groups=call.whole("num_groups", 1))
    call.rows.settle(y, "norm_weight", _counted(call, 1, x))
    call.rows.settle(y, "norm_bias", _counted(call, 2, x))
    return [y]


def _counted(call: Call, index: int, x: Value) -> Value:
    """Return what is kept, as large as the kind has it: one number for each channel."""
    return call.at(index)._replace(dims=(x.dims[1],))


def local_response_norm(call: Call) -> list[Value]:
    """LRN: a sum of squares over neighbouring channels."""
    return [same(call, "LocalResponseNorm", mapped(call, call.at(0)), size=call.whole("size", 1))]


def mean_variance(call: Call) -> list[Value]:
    """MeanVarianceNormalization: as an instance norm without params."""
    return [same(call, "InstanceNorm", mapped(call, call.at(0)))]


def lp_norm(call: Call) -> list[Value]:
    """LpNormalization: division by a norm along an axis."""
    x = call.at(0)
    axis = on_axis(call.whole("axis", -1), len(x.dims))
    return [joined(call, "div", [x, summed(call, x, [axis], "norm", keep=True)])]


REDUCTIONS = {
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceL1": "norm",
    "ReduceL2": "norm",
    "ReduceSumSquare": "norm",
    "ReduceLogSum": "logsumexp",
    "ReduceLogSumExp": "logsumexp",
    "ArgMax": "argmax",
    "ArgMin": "argmin",
}
"""Operators, each with the function of a Reduce that it is."""


def reduction(call: Call) -> list[Value]:
    """Sum up along axes: all of them, if none is named."""
    x = call.at(0)
    rank = len(x.dims)
    if call.node.op.startswith("Arg"):
        axes: Sequence[int] | None = [call.whole("axis", 0)]
    else:
        axes = call.listed("axes", 1)
    if not axes and call.whole("noop_with_empty_axes", 0):
        return [x]
    places = sorted({on_axis(axis, rank) for axis in axes}) if axes else [*range(rank)]
    return [summed(call, x, places, REDUCTIONS[call.node.op], keep=bool(call.whole("keepdims", 1)))]


def summed(call: Call, x: Value, axes: Sequence[int], function: str, *, keep: bool) -> Value:
    """Write what is summed up along axes: a global pool or a mean of tokens, where that is what it is."""
    dims = tuple(1 if axis in axes else size for axis, size in enumerate(x.dims))
    left = tuple(size for axis, size in enumerate(x.dims) if axis not in axes)
    ours = [x.on(axis) for axis in axes if axis != x.drop]
    if not ours:
        return x._replace(dims=dims) if keep else reshaped(call, x, left)
    if keep or x.drop in axes:
        y = _summed(call, x, ours, function, dims=dims, drop=x.drop, keep=True)
        return y if keep else reshaped(call, y, left)
    drop = None if x.drop is None else x.drop - sum(axis < x.drop for axis in axes)
    return _summed(call, x, ours, function, dims=left, drop=drop, keep=False)


def _summed(call: Call, x: Value, ours: list[int], function: str, *, dims: Dims, drop: int | None, keep: bool) -> Value:
    """Write the row, and say where the channels are afterwards."""
    channels = call.rows.axis(x)
    short = {} if keep else {"keepdim": False}
    if function in {"mean", "max"} and ours == [*range(channels + 1, len(x.ours))]:
        kind = "GlobalAvgPool" if function == "mean" else "GlobalMaxPool"
        return call.rows.row(kind, [x], dims, drop, channels, **short)
    if function == "mean" and not keep and ours == [channels - 1] and channels == len(x.ours) - 1:
        return call.rows.row("MeanTokens", [x], dims, drop, channels - 1)
    rank = len(x.ours) if keep else max(len(x.ours) - len(ours), 1)
    axis = min(channels - (0 if keep else sum(place < channels for place in ours)), rank - 1)
    fields = {"axes": [from_end(place, x) for place in ours], **({} if function == "mean" else {"function": function})}
    return call.rows.row("Reduce", [x], dims, drop, axis, **fields, **short)


# Operators of ONNX that apply a function to every element, of one tensor or several.


BOOLEAN = 9
_TRUTHS = frozenset(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Not", "Xor", "IsNaN"))


def activation(call: Call) -> list[Value]:
    """Write a function of every element that has a name of its own."""
    return [same(call, "Activation", call.at(0), function=ACTIVATIONS[call.node.op])]


def clip(call: Call) -> list[Value]:
    """Clip: ReLU and ReLU6 by their bounds, hard tanh where there are two others."""
    low, high = (_bound(call, index, name) for index, name in ((1, "min"), (2, "max")))
    if (low, high) == (0, 6):
        function = "relu6"
    elif low == 0 and high is None:
        function = "relu"
    elif low is not None and high is not None:
        function = "hardtanh"
    else:
        return [same(call, "Elementwise", call.at(0), function="clip")]
    return [same(call, "Activation", call.at(0), function=function)]


def _bound(call: Call, index: int, name: str) -> float | None:
    value = call.get(index)
    if value is not None and value.data:
        return value.data[0]
    found = call.attribute(name)
    return None if isinstance(found, float) and abs(found) > 1e38 else found  # noqa: PLR2004  (the default: no bound)


def prelu(call: Call) -> list[Value]:
    """PRelu: one slope, or one for each channel."""
    x, slope = call.at(0), call.at(1)
    axis = call.rows.axis(x)
    if slope.static and slope.elements in {1, x.ours[axis]}:
        many = {"num_parameters": slope.elements} if slope.elements > 1 else {}
        y = same(call, "PReLU", x, **many)
        call.rows.settle(y, "slope", slope)
        return [y]
    return [joined(call, "mul", [x, slope])]


def softmax(call: Call) -> list[Value]:
    """Softmax and LogSoftmax along an axis."""
    x = call.at(0)
    default = -1 if call.opset >= 13 else 1  # noqa: PLR2004  (since then)
    axis = on_axis(call.whole("axis", default), len(x.dims))
    if call.opset < 13:  # noqa: PLR2004  (until then all axes from there on were one)
        axis = next((place for place in range(len(x.dims) - 1, axis - 1, -1) if x.dims[place] > 1), axis)
    if x.drop == axis:
        x = call.rows.viewed(x, None, axis)
    return [same(call, "Softmax", call.rows.viewed(x, x.drop, x.on(axis)))]


def cast(call: Call) -> list[Value]:
    """Cast: other numbers of the same shape, at no cost."""
    x = call.at(0)
    return [x._replace(dtype=call.whole("to", x.dtype))]


def passed(call: Call) -> list[Value]:
    """Return the first input as it is: what is done to it changes only training, or nothing."""
    return [call.at(0)] * max(len(call.node.outputs), 1)


def elementwise(call: Call) -> list[Value]:
    """Write a function of one or several tensors, stretched to one size."""
    function = ELEMENTWISE[call.node.op]
    inputs = [value for value in call.ins if value is not None]
    if function in {"clip", "quantize", "dequantize"}:
        inputs = inputs[:1]
    y = joined(call, function, inputs)
    return [y._replace(dtype=BOOLEAN) if call.node.op in _TRUTHS else y]
