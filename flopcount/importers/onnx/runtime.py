"""Operators that ONNX Runtime fuses others into (domain com.microsoft)."""

from flopcount.importers.onnx.calls import Call
from flopcount.importers.onnx.joins import joined, same
from flopcount.importers.onnx.layout import reshaped
from flopcount.importers.onnx.products import attention as attended
from flopcount.importers.onnx.products import gemm, linear, multiplied
from flopcount.importers.onnx.tables import ACTIVATIONS
from flopcount.importers.onnx.values import Unreadable, Value
from flopcount.importers.onnx.windows import convolved


def gelu(call: Call) -> list[Value]:
    """Gelu and its approximations, some with a bias before."""
    x, bias = call.at(0), call.get(1)
    x = joined(call, "add", [x, bias]) if bias is not None else x
    return [same(call, "Activation", x, function="gelu")]


def _activated(call: Call, y: Value) -> Value:
    """Write the function that is fused behind a layer."""
    name = call.attribute("activation", "")
    if name in {"", "Clip"}:
        return same(call, "Activation", y, function="hardtanh") if name else y
    if name not in ACTIVATIONS:
        raise Unreadable(f"its activation {name!r} is not known")
    return same(call, "Activation", y, function=ACTIVATIONS[name])


def fused_conv(call: Call) -> list[Value]:
    """FusedConv: a convolution, perhaps a sum with another layer, and a function behind it."""
    y, other = convolved(call, call.at(0), call.at(1), call.get(2)), call.get(3)
    y = joined(call, "add", [y, other]) if other is not None else y
    return [_activated(call, y)]


def fused_gemm(call: Call) -> list[Value]:
    """FusedGemm: a linear layer with a function behind it."""
    return [_activated(call, gemm(call)[0])]


def fused_matmul(call: Call) -> list[Value]:
    """FusedMatMul: a product of two tensors, either transposed before."""
    one, other = (_turned(call, index, name) for index, name in ((0, "transA"), (1, "transB")))
    return [multiplied(call, one, other)]


def _turned(call: Call, index: int, name: str) -> Value:
    """Return an input with its last axes exchanged, if it is to be."""
    x = call.at(index)
    if not call.whole(name, 0) or len(x.dims) < 2:  # noqa: PLR2004  (rows and columns)
        return x
    dims = (*x.dims[:-2], x.dims[-1], x.dims[-2])
    if x.static:
        return x._replace(dims=dims)
    y = call.rows.viewed(x, None if x.drop in {len(x.dims) - 1, len(x.dims) - 2} else x.drop, call.rows.axis(x))
    order = [*range(-len(y.ours), 0)]
    order[-1], order[-2] = order[-2], order[-1]
    fields = {"order": order, "channel_axis": len(y.ours) - 1}
    return call.rows.row("Permute", [y], dims, y.drop, len(y.ours) - 1, **fields)


def attention(call: Call) -> list[Value]:
    """Attention of ONNX Runtime: one linear layer to queries, keys and values, then the attention itself."""
    x, weight, bias = call.at(0), call.at(1), call.get(2)
    heads, out = call.whole("num_heads", 0), weight.dims[-1]
    if len(x.dims) != 3 or len(weight.dims) != 2 or heads < 1 or out % 3:  # noqa: PLR2004  (tokens; a matrix; q, k, v)
        raise Unreadable("its weights are not those of queries, keys and values")
    y = linear(call, x, weight, out, bias)
    dims = (*x.dims[:2], out // 3)
    last = len(y.ours) - 1
    shares = [
        call.rows.row("Split", [y], dims, y.drop, last, sections=3, **({"index": index} if index else {}))
        for index in range(3)
    ]
    return _attended(call, shares, heads)


def multi_head_attention(call: Call) -> list[Value]:
    """MultiHeadAttention of ONNX Runtime: queries, keys and values come in."""
    values = [call.at(index) for index in range(3)]
    return _attended(call, values, call.whole("num_heads", 0))


def _attended(call: Call, values: list[Value], heads: int) -> list[Value]:
    attributes = {**call.node.attributes, "q_num_heads": heads, "kv_num_heads": heads}
    inner = call._replace(node=call.node._replace(attributes=attributes), ins=tuple(values))
    return [reshaped(call, attended(inner)[0], values[0].dims)]
