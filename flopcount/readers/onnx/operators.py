"""Every operator that is known: the function that writes its rows, named as module.function."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from flopcount.readers.onnx import layout, ops_conv, ops_element, ops_product, ops_shape
from flopcount.readers.onnx.fold import ALWAYS, FOLDS
from flopcount.readers.onnx.graph import STANDARD, Model, Node, Reference
from flopcount.readers.onnx.ops_element import REDUCTIONS
from flopcount.readers.onnx.values import ACTIVATIONS, ELEMENTWISE, Call, Value
from flopcount.readers.onnx.wire import Tensor

Writer = Callable[[Call], list[Value]]

OPERATORS: Mapping[str, Writer] = {
    "Conv": ops_conv.conv,
    "ConvTranspose": ops_conv.conv_transpose,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), ops_conv.pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), ops_conv.global_pool),
    **dict.fromkeys(("Resize", "Upsample"), ops_conv.resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), ops_conv.shuffle),
    "MatMul": ops_product.matmul_products,
    "Gemm": ops_product.gemm,
    "Einsum": ops_product.einsum,
    **dict.fromkeys(("RNN", "GRU", "LSTM"), ops_product.recurrent),
    "Attention": ops_product.attention_products,
    "BatchNormalization": ops_element.batch_norm,
    "LayerNormalization": ops_element.layer_norm,
    "RMSNormalization": ops_element.rms_norm,
    "InstanceNormalization": ops_element.instance_norm,
    "GroupNormalization": ops_element.group_norm,
    "MeanVarianceNormalization": ops_element.mean_variance,
    "LpNormalization": ops_element.lp_norm,
    "LRN": ops_element.local_response_norm,
    **dict.fromkeys(REDUCTIONS, ops_element.reduction),
    **dict.fromkeys(ELEMENTWISE, ops_element.elementwise),
    **dict.fromkeys(ACTIVATIONS, ops_element.activation),
    "Clip": ops_element.clip,
    "PRelu": ops_element.prelu,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), ops_element.softmax),
    **dict.fromkeys(("Cast", "CastLike"), ops_element.cast),
    **dict.fromkeys(("Identity", "Dropout", "Detach"), ops_element.passed),
    "Reshape": layout.reshape,
    "Flatten": layout.flatten,
    "Squeeze": layout.squeeze,
    "Unsqueeze": layout.unsqueeze,
    "Transpose": layout.transpose,
    "Expand": layout.expand,
    "Tile": layout.tile,
    "Pad": ops_shape.pad,
    "Slice": ops_shape.slice_,
    "Split": ops_shape.split,
    "Gather": ops_shape.gather,
    "Concat": ops_shape.concat,
    "ConstantOfShape": ops_shape.like_shape,
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"), ops_shape.like_first),
    **dict.fromkeys(
        ("CumSum", "Trilu", "ScatterND", "ScatterElements", "Scatter", "ReverseSequence"), ops_shape.like_first
    ),
    **dict.fromkeys(("RotaryEmbedding", "CumProd", "TensorScatter"), ops_shape.like_first),
    "GatherElements": ops_shape.like_second,
    "GatherND": ops_shape.gather_nd,
    "OneHot": ops_shape.one_hot,
    "TopK": ops_shape.top_k,
    "GridSample": ops_shape.grid_sample,
    "DeformConv": ops_conv.deform_conv,
    "BitCast": ops_element.passed,
    "CenterCropPad": ops_shape.center_crop_pad,
    "MaxUnpool": ops_shape.max_unpool,
    "Col2Im": ops_shape.col2im,
    "RoiAlign": ops_shape.roi_align,
    "DynamicQuantizeLinear": ops_product.dynamic_quantize,
    "QLinearConv": ops_product.conv,
    "ConvInteger": ops_product.conv_integer,
    "QLinearMatMul": ops_product.matmul_quantized,
    "MatMulInteger": ops_product.matmul_integer,
}
"""The operators of the standard domain."""

MICROSOFT: Mapping[str, Writer] = {
    **dict.fromkeys(("Gelu", "FastGelu", "QuickGelu", "BiasGelu"), ops_product.gelu),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), ops_element.skip_layer_norm),
    "FusedConv": ops_product.fused_conv,
    "FusedGemm": ops_product.fused_gemm,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), ops_product.fused_matmul),
    "Attention": ops_product.attention_runtime,
    "MultiHeadAttention": ops_product.multi_head_attention,
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), ops_element.elementwise),
    "RotaryEmbedding": ops_shape.like_first,
}
"""The operators that ONNX Runtime fuses others into, domain com.microsoft."""

RUNTIME_STANDARD: Mapping[str, Writer] = {"SimplifiedLayerNormalization": ops_element.rms_norm}
"""Operators that ONNX Runtime writes into the standard domain, and that are not of it."""

CONTROL = frozenset(("Loop", "Scan", "SequenceMap"))
"""Operators that run a graph as often as their input says: what they cost is not known beforehand."""


@cache
def writer(domain: str, operator: str) -> Writer | None:
    """Return the function that writes the rows of an operator; None if it is not known."""
    tables: Mapping[str, Mapping[str, Writer]] = {"": OPERATORS, "ai.onnx": OPERATORS, "com.microsoft": MICROSOFT}
    return tables.get(domain, {}).get(operator) or (
        RUNTIME_STANDARD.get(operator) if domain in {"", "ai.onnx"} else None
    )


# What is known of a graph before the walk: its initializers, who reads what, which operators are not known.


def initial(tensor: Tensor) -> Value:
    """Return what is known of an initializer."""
    return Value(
        tensor.dims,
        tensor.dtype,
        data=tensor.numbers() if tensor.elements <= _READ else None,
        kept=frozenset((tensor.name,)),
    )


_READ = 4096
"""The numbers of a larger initializer are weights, and not looked at."""


def readers(nodes: Iterable[Node], outputs: Iterable[str]) -> Counter[str]:
    """Count how often each name is read; what leaves the graph is read once more than any node reads it."""
    counts = Counter(name for node in nodes for name in node.inputs)
    counts.update([*outputs, *outputs])
    return counts


def filled(node: Node, given: Mapping[str, Any], prefix: str) -> Node:
    """Give a node of a function the attributes of its use, and a name inside it."""
    attributes = {
        name: given.get(value.name) if isinstance(value, Reference) else value
        for name, value in node.attributes.items()
    }
    kept = {name: value for name, value in attributes.items() if value is not None}
    return node._replace(attributes=kept, name=f"{prefix}/{node.name or node.op}" if prefix else node.name)


def is_known(node: Node) -> bool:
    """Tell whether an operator is computed before anything runs, or is a branch."""
    return node.domain in STANDARD and (node.op in ALWAYS or node.op in FOLDS or node.op == "If")


def unknown_operators(model: Model) -> Counter[str]:
    """Return the operators of a model that are not known, each with how often it occurs."""
    counts: Counter[str] = Counter()
    queue, seen = [model.graph.nodes], set[tuple[str, str]]()
    while queue:
        for node in queue.pop():
            key = (node.domain, node.op)
            if writer(*key) or is_known(node):
                continue
            if key not in model.functions:
                counts[node.operator] += 1
            elif key not in seen:
                seen.add(key)
                queue.append(model.functions[key].nodes)
    return counts
