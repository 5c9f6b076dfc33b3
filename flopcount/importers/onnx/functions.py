"""Operators of ONNX that apply a function to every element, of one tensor or several."""

from flopcount.importers.onnx.calls import Call, on_axis
from flopcount.importers.onnx.joins import joined, same
from flopcount.importers.onnx.tables import ACTIVATIONS, ELEMENTWISE
from flopcount.importers.onnx.values import Value

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
