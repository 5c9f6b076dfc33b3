"""Write ONNX models with random weights; needs an environment with `onnx`.

    python onnx_models.py FOLDER

mobilenet_v1 (224, with batch norms folded), resnet50 and vit_base at patches of 16.
"""

import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """A graph under construction: each call adds a node and returns the name of its output."""

    def __init__(self) -> None:
        """Start with an empty graph."""
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.random = np.random.default_rng(0)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*inputs], [name], name=name, **attributes))
        return name

    def weight(self, *sizes: int) -> str:
        """Add weights."""
        name = f"w{len(self.tensors)}"
        values = self.random.standard_normal(prod(sizes), dtype=np.float32).reshape(sizes) * 0.01
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def ints(self, *numbers: int) -> str:
        """Add integers."""
        name = f"i{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.array(numbers, dtype=np.int64), name))
        return name

    def conv(self, x: str, sizes: Sequence[int], kernel: int, stride: int = 1, group: int = 1) -> str:
        """Add a convolution with biases; `sizes` are its input and output channels."""
        fewer, more = sizes
        pads = [kernel // 2] * 4
        weights = (self.weight(more, fewer // group, kernel, kernel), self.weight(more))
        return self.op("Conv", x, *weights, strides=[stride] * 2, pads=pads, group=group)

    def linear(self, x: str, fewer: int, more: int) -> str:
        """Add a linear layer: a product with weights, then biases."""
        return self.op("Add", self.op("MatMul", x, self.weight(fewer, more)), self.weight(more))

    def save(self, path: Path, output: str) -> None:
        """Write the model."""
        inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, 1000])]
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, self.tensors)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def classified(net: Builder, x: str, channels: int) -> str:
    """Add a global pool and a classifier of 1,000 classes."""
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    return net.op("Gemm", x, net.weight(1000, channels), net.weight(1000), transB=1)


def mobilenet_v1(path: Path) -> None:
    """Write MobileNet v1."""
    net = Builder()
    x, channels = net.op("Relu", net.conv("input", (3, 32), 3, 2)), 32
    for more, stride in zip(
        (64, 128, 128, 256, 256, *[512] * 6, 1024, 1024), (1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1), strict=True
    ):
        x = net.op("Relu", net.conv(x, (channels, channels), 3, stride, channels))
        x, channels = net.op("Relu", net.conv(x, (channels, more), 1)), more
    net.save(path, classified(net, x, channels))


def resnet50(path: Path) -> None:
    """Write ResNet-50."""
    net = Builder()
    x = net.op("Relu", net.conv("input", (3, 64), 7, 2))
    x, channels = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for width, blocks in zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True):
        for block in range(blocks):
            stride = 2 if block == 0 and width > 64 else 1  # noqa: PLR2004  (the first stage keeps its size)
            y = net.op("Relu", net.conv(x, (channels, width), 1))
            y = net.op("Relu", net.conv(y, (width, width), 3, stride))
            y = net.conv(y, (width, 4 * width), 1)
            shortcut = net.conv(x, (channels, 4 * width), 1, stride) if block == 0 else x
            x, channels = net.op("Relu", net.op("Add", y, shortcut)), 4 * width
    net.save(path, classified(net, x, channels))


def vit_base(path: Path) -> None:
    """Write ViT-B/16."""
    net = Builder()
    x = net.op("Conv", "input", net.weight(768, 3, 16, 16), net.weight(768), strides=[16, 16])
    x = net.op("Transpose", net.op("Reshape", x, net.ints(1, 768, 196)), perm=[0, 2, 1])
    x = net.op("Add", net.op("Concat", net.weight(1, 1, 768), x, axis=1), net.weight(1, 197, 768))
    for _ in range(12):
        x = net.op("Add", x, _attention(net, _norm(net, x)))
        x = net.op("Add", x, net.linear(_gelu(net, net.linear(_norm(net, x), 768, 3072)), 3072, 768))
    x = net.op("Gather", _norm(net, x), net.ints(0), axis=1)
    x = net.op("Reshape", x, net.ints(1, 768))
    net.save(path, net.op("Gemm", x, net.weight(1000, 768), net.weight(1000), transB=1))


def _norm(net: Builder, x: str) -> str:
    return net.op("LayerNormalization", x, net.weight(768), net.weight(768), axis=-1)


def _gelu(net: Builder, x: str) -> str:
    """Add a GELU as exporters write it."""
    root, one, half = (numpy_helper.from_array(np.float32(number), name) for number, name in _NUMBERS)
    net.tensors.extend(each for each in (root, one, half) if each.name not in {tensor.name for tensor in net.tensors})
    inner = net.op("Add", net.op("Erf", net.op("Div", x, "root")), "one")
    return net.op("Mul", net.op("Mul", x, inner), "half")


_NUMBERS = ((2**0.5, "root"), (1.0, "one"), (0.5, "half"))


def _attention(net: Builder, x: str) -> str:
    """Add attention with 12 heads of 64 channels."""
    heads = [net.op("Reshape", net.linear(x, 768, 768), net.ints(1, 197, 12, 64)) for _ in range(3)]
    orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    q, k, v = (net.op("Transpose", each, perm=order) for each, order in zip(heads, orders, strict=True))
    scores = net.op("Softmax", net.op("MatMul", q, k), axis=-1)
    y = net.op("Transpose", net.op("MatMul", scores, v), perm=[0, 2, 1, 3])
    return net.linear(net.op("Reshape", y, net.ints(1, 197, 768)), 768, 768)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for write in (mobilenet_v1, resnet50, vit_base):
        write(folder / f"{write.__name__}.onnx")
