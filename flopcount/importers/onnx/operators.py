"""Every operator that is known: the function that writes its rows, named as module.function."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from flopcount.importers.onnx.calls import Call
from flopcount.importers.onnx.norms import REDUCTIONS
from flopcount.importers.onnx.tables import ACTIVATIONS, ELEMENTWISE
from flopcount.importers.onnx.values import Value

Writer = Callable[[Call], list[Value]]

OPERATORS: Mapping[str, str] = {
    "Conv": "windows.conv",
    "ConvTranspose": "windows.conv_transpose",
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), "windows.pool"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), "windows.global_pool"),
    **dict.fromkeys(("Resize", "Upsample"), "resampling.resize"),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), "resampling.shuffle"),
    "MatMul": "products.matmul",
    "Gemm": "products.gemm",
    "Einsum": "products.einsum",
    **dict.fromkeys(("RNN", "GRU", "LSTM"), "products.recurrent"),
    "Attention": "products.attention",
    "BatchNormalization": "norms.batch_norm",
    "LayerNormalization": "norms.layer_norm",
    "RMSNormalization": "norms.rms_norm",
    "InstanceNormalization": "norms.instance_norm",
    "GroupNormalization": "norms.group_norm",
    "MeanVarianceNormalization": "norms.mean_variance",
    "LpNormalization": "norms.lp_norm",
    "LRN": "norms.local_response_norm",
    **dict.fromkeys(REDUCTIONS, "norms.reduction"),
    **dict.fromkeys(ELEMENTWISE, "functions.elementwise"),
    **dict.fromkeys(ACTIVATIONS, "functions.activation"),
    "Clip": "functions.clip",
    "PRelu": "functions.prelu",
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), "functions.softmax"),
    **dict.fromkeys(("Cast", "CastLike"), "functions.cast"),
    **dict.fromkeys(("Identity", "Dropout", "Detach"), "functions.passed"),
    "Reshape": "layout.reshape",
    "Flatten": "layout.flatten",
    "Squeeze": "layout.squeeze",
    "Unsqueeze": "layout.unsqueeze",
    "Transpose": "layout.transpose",
    "Expand": "layout.expand",
    "Tile": "layout.tile",
    "Pad": "parts.pad",
    "Slice": "parts.slice_",
    "Split": "parts.split",
    "Gather": "parts.gather",
    "Concat": "parts.concat",
    "ConstantOfShape": "sizes.like_shape",
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"), "sizes.like_first"),
    **dict.fromkeys(
        ("CumSum", "Trilu", "ScatterND", "ScatterElements", "Scatter", "ReverseSequence"), "sizes.like_first"
    ),
    **dict.fromkeys(("RotaryEmbedding", "CumProd", "TensorScatter"), "sizes.like_first"),
    "GatherElements": "sizes.like_second",
    "GatherND": "sizes.gather_nd",
    "OneHot": "sizes.one_hot",
    "TopK": "sizes.top_k",
    "GridSample": "sizes.grid_sample",
    "DeformConv": "windows.deform_conv",
    "BitCast": "functions.passed",
    "CenterCropPad": "sizes.center_crop_pad",
    "MaxUnpool": "sizes.max_unpool",
    "Col2Im": "sizes.col2im",
    "RoiAlign": "sizes.roi_align",
    "DynamicQuantizeLinear": "quantized.dynamic_quantize",
    "QLinearConv": "quantized.conv",
    "ConvInteger": "quantized.conv_integer",
    "QLinearMatMul": "quantized.matmul",
    "MatMulInteger": "quantized.matmul_integer",
}
"""The operators of the standard domain."""

MICROSOFT: Mapping[str, str] = {
    **dict.fromkeys(("Gelu", "FastGelu", "QuickGelu", "BiasGelu"), "runtime.gelu"),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), "norms.skip_layer_norm"),
    "FusedConv": "runtime.fused_conv",
    "FusedGemm": "runtime.fused_gemm",
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), "runtime.fused_matmul"),
    "Attention": "runtime.attention",
    "MultiHeadAttention": "runtime.multi_head_attention",
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), "functions.elementwise"),
    "RotaryEmbedding": "sizes.like_first",
}
"""The operators that ONNX Runtime fuses others into, domain com.microsoft."""

RUNTIME_STANDARD: Mapping[str, str] = {"SimplifiedLayerNormalization": "norms.rms_norm"}
"""Operators that ONNX Runtime writes into the standard domain, and that are not of it."""

CONTROL = frozenset(("Loop", "Scan", "SequenceMap"))
"""Operators that run a graph as often as their input says: what they cost is not known beforehand."""


@cache
def writer(domain: str, operator: str) -> Writer | None:
    """Return the function that writes the rows of an operator; None if it is not known."""
    tables: Mapping[str, Mapping[str, str]] = {"": OPERATORS, "ai.onnx": OPERATORS, "com.microsoft": MICROSOFT}
    found = tables.get(domain, {}).get(operator) or (
        RUNTIME_STANDARD.get(operator) if domain in {"", "ai.onnx"} else None
    )
    if found is None:
        return None
    module, _, name = found.partition(".")
    function: Writer = getattr(import_module(f"flopcount.importers.onnx.{module}"), name)
    return function
