"""Operators of ONNX on whole numbers of eight bits: the same layers, with scales and zero points beside them."""

from flopcount.importers.onnx.calls import Call
from flopcount.importers.onnx.joins import joined
from flopcount.importers.onnx.products import multiplied
from flopcount.importers.onnx.values import Value
from flopcount.importers.onnx.windows import convolved


def dynamic_quantize(call: Call) -> list[Value]:
    """DynamicQuantizeLinear: whole numbers, with a scale and a zero point that follow from them."""
    y = joined(call, "quantize", [call.at(0)])
    return [y, Value((), data=None), Value((), data=None)]


def conv(call: Call) -> list[Value]:
    """QLinearConv: a convolution; input, weights and bias are its inputs 0, 3 and 8."""
    return [convolved(call, call.at(0), call.at(3), call.get(8))]


def conv_integer(call: Call) -> list[Value]:
    """ConvInteger: a convolution without a bias."""
    return [convolved(call, call.at(0), call.at(1), None)]


def matmul(call: Call) -> list[Value]:
    """QLinearMatMul: a product of its inputs 0 and 3."""
    return [multiplied(call, call.at(0), call.at(3))]


def matmul_integer(call: Call) -> list[Value]:
    """MatMulInteger: a product of its first inputs."""
    return [multiplied(call, call.at(0), call.at(1))]
