"""The operators of PyTorch in graphs of training: gradients of convolutions, attention and what has no products."""

from collections.abc import Mapping, Sequence
from math import prod

from flopcount.errors import Refusal
from flopcount.readers.pt2.lower import LoweredCall, Rule
from flopcount.readers.pt2.ops import ATEN
from flopcount.readers.pt2.ops_shape import declared


def _convolution(op: LoweredCall) -> list[str]:
    """Write the gradients of a convolution: of its input, weight and bias, as far as they are asked for.

    Each multiplies what the convolution does: at every place that it writes (or reads, if it is transposed), each
    channel with each weight that belongs to it.
    """
    narrow, wide = ("input", "grad_output") if op.get("transposed", False) else ("grad_output", "input")
    weight, groups = op.dims("weight"), op.get("groups", 1)
    batch, channels, *space = op.dims(narrow)
    if not all(isinstance(size, int) for size in (batch, *space, *weight)):
        raise Refusal("its sizes are open; export the graph of training at one size")
    taps = prod(weight[1:])
    columns = op.emit("sized", op.tensor(wide), op.ints((groups, taps, batch * prod(space))), domain=ATEN)
    turned = op.emit("Transpose", op.tensor(narrow), perm=(1, 0, *range(2, len(space) + 2)))
    rows = op.emit("Reshape", turned, op.ints((groups, channels // groups, -1)))
    kernel = op.emit("Reshape", op.tensor("weight"), op.ints((groups, channels // groups, taps)))
    wants = [bool(each) for each in op.get("output_mask", (True, True, True))]
    made = ["", "", ""]
    if wants[0] and narrow == "input":
        y = op.emit("Einsum", kernel, columns, equation="gok,gkp->gop")
    elif wants[0]:
        y = op.emit("Einsum", kernel, rows, equation="gok,gop->gkp")
    if wants[0]:
        made[0] = op.emit("sized", y, op.ints(op.dims("input")), domain=ATEN)
    if wants[1]:
        y = op.emit("Einsum", rows, columns, equation="gop,gkp->gok")
        made[1] = op.emit("Reshape", y, op.ints(weight))
    if wants[2]:
        axes = (0, *range(2, len(space) + 2))
        made[2] = op.emit("ReduceSum", op.tensor("grad_output"), axes=axes, keepdims=0)
    return [name or columns for name in made]


def _attention(op: LoweredCall) -> Sequence[str]:
    """Write the gradients of attention: five products, the first of which makes the scores again."""
    names = ("grad_out" if op.has("grad_out") else "grad_out_", "query", "key", "value")
    gradient, query, key, value = (op.tensor(name) for name in names)
    rank = op.rank("query")
    order = (*range(rank - 2), rank - 1, rank - 2)
    if any(op.dims(name)[:-2] != op.dims("query")[:-2] for name in ("key", "value")):
        raise Refusal("heads share keys; export the graph of training with as many of them as of queries")

    def turned(x: str) -> str:
        return op.emit("Transpose", x, perm=order)

    scores = op.emit("Softmax", op.emit("MatMul", query, turned(key)), axis=-1)
    change = op.emit("Mul", op.emit("MatMul", gradient, turned(value)), scores)
    gradients = [(change, key), (turned(change), query), (turned(scores), gradient)]
    made = [op.emit("MatMul", *pair) for pair in gradients]
    return [*made, *made[:1] * (len(op.call.outputs) - 3)]


_PLAIN = (
    *("threshold", "gelu", "silu", "mish", "elu", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "softplus"),
    *("softshrink", "hardshrink", "rrelu_with_noise", "tanh", "sigmoid", "logit", "log_sigmoid", "glu"),
    *("_prelu_kernel", "native_dropout", "native_batch_norm", "native_layer_norm", "native_group_norm", "batch_norm"),
    *("_fused_rms_norm", "cudnn_batch_norm", "embedding_dense", "embedding", "select", "slice", "diagonal", "unfold"),
    *("index_select", "mse_loss", "smooth_l1_loss", "huber_loss", "nll_loss", "nll_loss2d"),
    *("binary_cross_entropy", "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d"),
    *("avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
    *("fractional_max_pool2d", "grid_sampler_2d", "grid_sampler_3d", "value_selecting_reduction", "masked_select"),
    *("_weight_norm_interface", "upsample_trilinear3d", "_upsample_bilinear2d_aa"),
    *("_upsample_nearest_exact2d", "_embedding_bag_dense"),
    *(f"{mode}_pad{space}d" for mode in ("reflection", "replication") for space in (1, 2, 3)),
    *(f"upsample_{mode}" for mode in ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d")),
)
"""Operators whose gradients multiply no matrices."""

RULES: Mapping[str, Rule] = {
    "convolution_backward": _convolution,
    **dict.fromkeys(
        (
            *(f"_scaled_dot_product_{name}_attention_backward" for name in ("flash", "efficient", "cudnn")),
            "_scaled_dot_product_flash_attention_for_cpu_backward",
            "_scaled_dot_product_fused_attention_overrideable_backward",
        ),
        _attention,
    ),
    **{f"{name}_backward": declared for name in _PLAIN},
    **dict.fromkeys(("_softmax_backward_data", "_log_softmax_backward_data"), declared),
}
"""Rules by the name of the operator."""
