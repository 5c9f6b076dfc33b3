"""Operators that ONNX Runtime puts in the place of others: fused, quantized, and with the channels elsewhere.

Each is written as the operators that it replaces. Scales and zero points are no parameters; quantized weights are,
as many as they stand for.
"""

from collections.abc import Mapping

from flopcount.errors import Note, Refusal
from flopcount.readers.base import ACTIVATIONS, plain_word
from flopcount.readers.onnx import ops_conv, ops_shape
from flopcount.readers.onnx.file import BITS
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, checked, fitting
from flopcount.readers.onnx.ops_conv import as_map, convolved
from flopcount.readers.onnx.ops_element import added, joined, normalized, reduction, softmax
from flopcount.readers.onnx.ops_product import activated, fused_matmul, gemm, linear, multiplied
from flopcount.readers.onnx.ops_shape import like, transpose
from flopcount.readers.onnx.signature import Signed

_WINDOW = "auto_pad dilations group kernel_shape pads strides"
_POOL = "auto_pad ceil_mode dilations kernel_shape pads strides"


def _picked(write: Writer, *places: int) -> Writer:
    """Return a writer that is given some of the inputs, as those of the operator that it knows."""

    def written(op: NodeContext) -> list[Value]:
        names = tuple((*op.node.inputs, *[""] * 9)[place] for place in places)
        return write(op._replace(inputs=tuple(map(op.get, places)), node=op.node._replace(inputs=names)))

    return written


def _channels_last(write: Writer, default: int = 0) -> Writer:
    """Return a writer for maps with the channels last, if that is what they are."""

    def written(op: NodeContext) -> list[Value]:
        if not op.integer("channels_last", default):
            return write(op)
        maps = {0, *(place for place, name in enumerate(op.names) if name in {"Z", "skip"})}
        inputs = (_moved(op, x) if x and place in maps else x for place, x in enumerate(op.inputs))
        return [_moved(op, y, back=True) for y in write(op._replace(inputs=tuple(inputs)))]

    return written


def _moved(op: NodeContext, x: Value, *, back: bool = False) -> Value:
    """Move the channels before space, or back; sizes without space have none to move."""
    space = range(2, len(x.dims))
    order = (0, *space, 1) if back else (0, len(space) + 1, *(axis - 1 for axis in space))
    return op.call(transpose, x, perm=order)[0] if space else x


def fused_conv(op: NodeContext) -> list[Value]:
    """FusedConv: a convolution, a sum and a function of its elements."""
    return [activated(op, added(op, convolved(op, op.at(0), op.at(1), op.get(2)), op.get(3)))]


def blocked_conv(op: NodeContext) -> list[Value]:
    """Convolution of blocks of channels: weights may read more channels than there are, as many as fill the blocks."""
    x, weight, bias, groups = op.at(0), op.at(1), op.get(2), op.integer("group", 1)
    filters, inner, *kernel = weight.dims
    channels = x.dims[1]
    if groups > channels and inner == 1:
        op = op._replace(node=op.node._replace(attributes={**op.node.attributes, "group": channels}))
        weight = _stored(op, weight, (channels, 1, *kernel))
        bias = None if bias is None else _stored(op, bias, (channels,))
    elif groups == 1 and inner > channels:
        weight = _stored(op, weight, (filters, channels, *kernel))
    return fused_conv(op._replace(inputs=(x, weight, bias, *op.inputs[3:])))


def _stored(op: NodeContext, value: Value, dims: Dims) -> Value:
    """Return a constant by the sizes of the tensor that it stands for, which are not those that it is kept in."""
    return op.draft.kept.unpacked(checked(value._replace(dims=dims)))


def unblocked(op: NodeContext) -> list[Value]:
    """ReorderOutput: without the channels that filled the last block."""
    x, channels = op.at(0), op.integer("channels", 0)
    if 0 < channels < x.dims[1]:
        what = "channels were rounded up to whole blocks by ONNX Runtime; params and MACs are those of the file"
        op.draft.notes[Note("blocked-channels", what)] = None
        x = op.call(ops_shape.slice_, x, starts=(0,), ends=(channels,), axes=(1,))[0]
    return [_moved(op, x, back=True) if op.integer("channels_last", 0) else x]


def unpacked_matmul(op: NodeContext, x: Value, weight: Value, dims: Dims, bias: Value | None = None) -> Value:
    """Write a product with weights of fewer bits than eight, several in one byte."""
    if x.dims[-1:] != dims[:1]:
        raise Refusal(f"weights for {dims[0]} channels cannot read an input of {[*x.dims]}")
    if not weight.static:
        raise Refusal("its weights are not constants")
    return linear(op, x, _stored(op, weight, dims), dims[1], fitting(bias, dims[1:], "bias"))


def matmul_bits(op: NodeContext) -> list[Value]:
    """MatMulNBits: weights of a few bits, in blocks of the inputs."""
    return [_of_blocks(op, op.at(0), "", op.integer("N", 1))]


def _of_blocks(op: NodeContext, x: Value, which: str, out: int) -> Value:
    """Write a product with weights in blocks; those of an operator with several have a name in front."""
    inner, block, bits = (op.integer(key, default) for key, default in (("K", 1), ("block_size", 1), ("bits", 4)))
    weight = op.named(f"{which}B") or x
    if block < 1 or bits < 1 or weight.elements != out * -(-inner // block) * (block * bits // 8):
        name = min(weight.initializers, default="")
        raise Refusal(f"its weights {name!r} of {[*weight.dims]} bytes are not {inner}×{out} numbers of {bits} bits")
    y = unpacked_matmul(op, x, weight, (inner, out), op.named(f"{which}bias"))
    scales, points = op.named(f"{which}scales"), op.named(f"{which}zero_points")
    row = op.draft.row_of(y)
    row.bits |= {"weight": bits, "group": block, "scales": BITS.get(scales.dtype, 32) if scales else 0}
    row.bits |= {"zero_points": bits} if points else {}
    return y


def several_blocks(op: NodeContext) -> list[Value]:
    """MatMulNBitsMlp and MatMulNBitsQkv: a sum, a norm, then several products that read it."""
    x, scale = added(op, op.at(0), op.named("skip")), op.named("norm_scale")
    y = x if scale is None else normalized(op, "RMSNorm", x, scale=fitting(scale, x.dims[-1:], "norm_scale"))
    if op.node.op == "MatMulNBitsQkv":
        outs = (op.integer("Nq", 1), *[op.integer("Nkv", 1)] * 2)
        return [*(_of_blocks(op, y, f"{which}_", out) for which, out in zip("qkv", outs, strict=True)), x]
    gate, up = (_of_blocks(op, y, f"{which}_", op.integer("N", 1)) for which in ("gate", "up"))
    return [joined(op, "mul", [activated(op, gate), up]), x]


def matmul_4bit(op: NodeContext) -> list[Value]:
    """MatMulBnb4: weights of four bits, one after the other."""
    sizes = op.integer("K", 1), op.integer("N", 1)
    inner, out = sizes if op.integer("transB", 1) else sizes[::-1]
    fitting(op.at(1), ((inner * out + 1) // 2,), "weights")
    return [unpacked_matmul(op, op.at(0), op.at(1), (inner, out))]


def _matmul_shape(op: NodeContext) -> list[Value]:
    """MatMulFpQ4: weights whose sizes are an input."""
    inner, out = map(int, op.numbers(2) or (0, 0))
    return [unpacked_matmul(op, op.at(0), op.at(1), (inner, out))]


def quantized_matmul(op: NodeContext) -> list[Value]:
    """Write a product of quantized tensors, with a bias."""
    x, weight, bias = op.at(0), op.at(1), op.named("bias")
    if bias is not None and bias.static and weight.static and not x.static and len(weight.dims) == 2:  # noqa: PLR2004  (a matrix)
        return [linear(op, x, weight, weight.dims[1], fitting(bias, weight.dims[1:], "bias"))]
    return [added(op, multiplied(op, x, weight), bias)]


def gathered(op: NodeContext) -> list[Value]:
    """GatherBlockQuantized: rows of a table, several numbers in one byte."""
    table, bits = op.at(0), op.integer("bits", 4)
    if table.dtype == 2 and table.dims:  # noqa: PLR2004  (bytes)
        table = _stored(op, table, (*table.dims[:-1], table.dims[-1] * 8 // bits))
    return op.call(ops_shape.gather, table, op.at(1), axis=op.integer("gather_axis", 0))


def embedded(op: NodeContext) -> list[Value]:
    """EmbedLayerNormalization: words, positions and segments looked up, added and normalized."""
    ids, sizes = op.at(0), op.at(0).dims
    word, position, segment = (op.named(f"{name}_embedding", f"{name}_embedding_quant") for name in _TABLES)
    if word is None or position is None or len(sizes) != 2:  # noqa: PLR2004  (a batch and tokens)
        raise Refusal("it needs words of two axes, and tables of words and positions")
    for table in filter(None, (position, segment)):
        fitting(table, (table.dims[0], word.dims[1]), "table")
    total = op.call(ops_shape.gather, word, ids)[0]
    if (places := op.named("position_ids")) is not None and not places.static:
        total = joined(op, "add", [total, op.call(ops_shape.gather, position, places)[0]])
    else:
        tokens = op.draft.as_layout(total, 0 if sizes[0] == 1 else None, len(total.dims) - 1 - (sizes[0] == 1))
        params = {"position": position}
        total = op.row("PositionEmbedding", tokens, max_positions=position.dims[0], params=params)
    if segment is not None and (kinds := op.named("segment_ids")) is not None and not kinds.static:
        total = joined(op, "add", [total, op.call(ops_shape.gather, segment, kinds)[0]])
    elif segment is not None:
        op.also(total, segment)
    scale, shift = (fitting(op.named(key, f"{key}_quant"), word.dims[1:], key) for key in ("gamma", "beta"))
    y = normalized(op, "LayerNorm", total, scale=scale, shift=shift)
    return [y, op.sized(sizes[0]) if op.wants(1) else total, total]


_TABLES = ("word", "position", "segment")


def skip_norm(op: NodeContext) -> list[Value]:
    """SkipLayerNormalization: add two layers and a bias, then normalize the sum; the sum is the last output."""
    kind = "RMSNorm" if op.node.op == "SkipSimplifiedLayerNormalization" else "LayerNorm"
    x = added(op, joined(op, "add", [op.at(0), op.at(1)]), op.named("bias"))
    scale, shift = (fitting(op.named(name), x.dims[-1:], name) for name in ("gamma", "beta"))
    y = normalized(op, kind, x, scale=scale, shift=shift)
    stats = (*x.dims[:-1], 1)
    return [y, *op.further(stats, stats), x]


def group_norm(op: NodeContext) -> list[Value]:
    """GroupNorm and SkipGroupNorm: a sum, a norm of groups of channels, a function; the sum is the second output."""
    x, skip = op.at(0), op.named("skip")
    channels = x.dims[1]
    if skip is not None and len(skip.dims) == 2:  # noqa: PLR2004  (a batch and channels)
        skip = ops_shape.reshaped(op, skip, (*skip.dims, *(1 for _ in x.dims[2:])))
    if (bias := fitting(op.named("bias"), (channels,), "bias")) is not None:
        bias = bias._replace(dims=(channels, *(1 for _ in x.dims[2:])))
    total = as_map(op, added(op, added(op, x, skip), bias))
    params = {
        "norm_weight": fitting(op.at(1), (channels,), "gamma"),
        "norm_bias": fitting(op.at(2), (channels,), "beta"),
    }
    y = op.row("GroupNorm", total, num_groups=op.integer("groups", 1), params=params)
    return [op.row("Activation", y, function="silu") if op.integer("activation", 0) else y, total]


def gated(op: NodeContext) -> list[Value]:
    """SwiGLU: one of two tensors, or halves of one, through SiLU, times the other."""
    x, other = op.at(0), op.get(1)
    if other is None:
        x, other = op.call(ops_shape.split, x, axis=-1, num_outputs=2)
    return [joined(op, "mul", [op.row("Activation", x, function="silu"), other])]


def split_gelu(op: NodeContext) -> list[Value]:
    """BiasSplitGelu: a bias added, then a half times the other half through GELU."""
    left, right = op.call(ops_shape.split, added(op, op.at(0), op.get(1)), axis=-1, num_outputs=2)
    return [joined(op, "mul", [left, op.row("Activation", right, function="gelu")])]


def causal_conv(op: NodeContext) -> list[Value]:
    """CausalConvWithState: a depthwise convolution that reads what came before, and keeps the last of it."""
    x, weight, name = op.at(0), op.at(1), op.attribute("activation", "none")
    if len(x.dims) != 3 or op.integer("ndim", 1) != 1:  # noqa: PLR2004  (a batch, channels, positions)
        raise Refusal("it is causal along one axis of three only")
    reach = (weight.dims[-1] - 1) * op.integer("dilation", 1)
    fields = {"group": x.dims[1], "pads": (reach, 0), "dilations": (op.integer("dilation", 1),)}
    given = (x, weight, *filter(None, [op.named("bias")]))
    y = op.call(ops_conv.OPERATORS["Conv"], *given, **fields)[0]
    y = y if name == "none" else op.row("Activation", y, function=ACTIVATIONS[plain_word(name)])
    return [y, op.sized(*x.dims[:2], reach)] if op.wants(1) and reach else [y]


def bucketed(op: NodeContext) -> list[Value]:
    """RelativePositionBias: a bias for each head and pair of tokens, looked up in a table of distances."""
    table, lengths = op.at(0), [int((op.numbers(place) or (0,))[0]) for place in (1, 2)]
    if table.static:
        ops_shape.parameter(op, table)
    return [op.sized(1, table.dims[-1], *lengths)]


def cropped(op: NodeContext) -> list[Value]:
    """CropAndResize: a map of one size for each region."""
    return [op.sized(op.at(1).dims[0], op.at(0).dims[1], *map(int, op.numbers(3) or ()))]


def _scales(*names: str) -> str:
    """Return tensors with the scale and the zero point of each."""
    return " ".join(f"{name} {name}_scale* {name}_zero_point*" for name in names)


def _activation(function: str) -> Writer:
    return lambda op: [op.row("Activation", added(op, op.at(0), op.named("B", "bias")), function=function)]


def _elementwise(function: str, *places: int) -> Writer:
    return lambda op: [joined(op, function, [*map(op.at, places)])]


def _converted(function: str, place: int) -> Writer:
    """Return a writer of other elements, of the type of a scale or a zero point."""

    def written(op: NodeContext) -> list[Value]:
        known, y = op.get(place), joined(op, function, [op.at(0)])
        return [y if y.row is None else op.draft.typed(y, known.dtype if known else op.integer("output_dtype", 2))]

    return written


def _average(op: NodeContext) -> list[Value]:
    return [op.row("GlobalAvgPool", as_map(op, op.at(0)))]


def _summed(*names: str) -> Writer:
    """Return a writer that adds inputs."""

    def written(op: NodeContext) -> list[Value]:
        x = op.at(0)
        for name in names:
            x = added(op, x, op.named(name))
        return [x] * max(len(op.node.outputs), 1)

    return written


def _concatenated(op: NodeContext) -> list[Value]:
    return ops_shape.concat(op._replace(inputs=op.inputs[2::3]))


_MS = "com.microsoft"
_NCHWC: Mapping[str, Writer] = {
    "Conv": Signed(blocked_conv, "X W B Sum", f"{_WINDOW} activation activation_params*"),
    "MaxPool": Signed(ops_conv.pool, "X", f"{_POOL} storage_order*"),
    "AveragePool": Signed(ops_conv.pool, "X", f"{_POOL} count_include_pad*"),
    "GlobalAveragePool": Signed(_average, "X"),
    "GlobalMaxPool": Signed(ops_conv.OPERATORS["GlobalMaxPool"], "X"),
    "ReorderInput": Signed(
        lambda op: [_moved(op, op.at(0)) if op.integer("channels_last", 0) else op.at(0)], "X", "channels_last"
    ),
    "ReorderOutput": Signed(unblocked, "X", "channels channels_last"),
    "Upsample": Signed(ops_conv.resize, "X", "scales mode coordinate_transformation_mode*"),
}
"""Operators on maps whose channels are in blocks; their sizes are written as those of any map."""

_OWN: Mapping[str, Writer] = {
    "FusedConv": Signed(fused_conv, "X W B Z", f"{_WINDOW} activation activation_params*"),
    "NhwcFusedConv": Signed(
        _channels_last(fused_conv, default=1), "X W B Z", f"{_WINDOW} activation activation_params*"
    ),
    "NhwcConv": Signed(_channels_last(fused_conv, default=1), "X W B", _WINDOW),
    "NhwcMaxPool": Signed(_channels_last(ops_conv.pool, default=1), "x", _POOL),
    "FusedMatMul": Signed(fused_matmul, "A B", "alpha* transA transB transBatchA transBatchB"),
    "FusedMatMulActivation": Signed(
        fused_matmul,
        "A B",
        "alpha* transA transB transBatchA transBatchB activation activation_alpha* activation_axis* activation_beta* "
        "activation_gamma*",
    ),
    "TransposeMatMul": Signed(fused_matmul, "A B", "alpha* transA transB"),
    "FusedGemm": Signed(
        lambda op: [activated(op, gemm(op)[0])],
        "A B C",
        "alpha* beta transA transB activation activation_alpha* activation_beta* activation_gamma*",
    ),
    "GemmFastGelu": Signed(lambda op: [op.row("Activation", quantized_matmul(op)[0], function="gelu")], "X W bias"),
    "QGemm": Signed(
        _picked(gemm, 0, 3, 6),
        "A a_scale* a_zero_point* B b_scale* b_zero_point* C y_scale* y_zero_point*",
        "alpha* transA transB",
    ),
    "MatMulInteger16": Signed(quantized_matmul, "A B"),
    "MatMulIntegerToFloat": Signed(quantized_matmul, "A B a_scale* b_scale* a_zero_point* b_zero_point* bias"),
    "DynamicQuantizeMatMul": Signed(quantized_matmul, "A B b_scale* b_zero_point* bias"),
    "MatMulNBits": Signed(
        matmul_bits,
        "A B scales* zero_points* g_idx* bias",
        "K N accuracy_level* bits block_size weight_prepacked*",
    ),
    "MatMulNBitsMlp": Signed(
        several_blocks,
        "A skip norm_scale gate_B gate_scales* gate_bias up_B up_scales* up_bias",
        "K N accuracy_level* activation bits block_size epsilon*",
    ),
    "MatMulNBitsQkv": Signed(
        several_blocks,
        "A skip norm_scale q_B q_scales* q_bias k_B k_scales* k_bias v_B v_scales* v_bias",
        "K Nkv Nq accuracy_level* bits block_size epsilon*",
    ),
    "MatMulBnb4": Signed(matmul_4bit, "A B absmax*", "K N block_size* quant_type* training_mode* transB"),
    "MatMulFpQ4": Signed(_matmul_shape, "A B B_shape", "blk_quant_type*"),
    "GatherBlockQuantized": Signed(
        gathered, "data indices scales* zero_points*", "bits block_size* gather_axis quantize_axis*"
    ),
    "EmbedLayerNormalization": Signed(
        embedded,
        "input_ids segment_ids word_embedding position_embedding segment_embedding gamma beta mask* position_ids",
        "epsilon* mask_index_type*",
    ),
    "QEmbedLayerNormalization": Signed(
        embedded,
        "input_ids segment_ids word_embedding_quant position_embedding_quant segment_embedding gamma_quant beta_quant "
        "mask* word_embedding_scale* position_embedding_scale* segment_embedding_scale* gamma_scale* beta_scale* "
        "word_embedding_zero_point* position_embedding_zero_point* segment_embedding_zero_point* gamma_zero_point* "
        "beta_zero_point*",
        "epsilon*",
    ),
    "SkipLayerNormalization": Signed(skip_norm, "input skip gamma beta bias", "epsilon*"),
    "SkipSimplifiedLayerNormalization": Signed(skip_norm, "input skip gamma bias", "epsilon*"),
    "GroupNorm": Signed(
        _channels_last(group_norm, default=1), "X gamma beta", "activation channels_last epsilon* groups"
    ),
    "SkipGroupNorm": Signed(
        _channels_last(group_norm, default=1), "X gamma beta skip bias", "activation channels_last epsilon* groups"
    ),
    "Gelu": Signed(_activation("gelu"), "X"),
    "BiasGelu": Signed(_activation("gelu"), "A B"),
    "FastGelu": Signed(_activation("gelu"), "X bias"),
    "QuickGelu": Signed(_activation("gelu"), "X", "alpha*"),
    "ScaledSiLU": Signed(_activation("silu"), "X scale*", "alpha*"),
    "BiasSplitGelu": Signed(split_gelu, "X bias"),
    "SwiGLU": Signed(gated, "gate up", "activation_alpha* activation_beta* limit* round_activation*"),
    "RelativePositionBias": Signed(bucketed, "bias_table query_length key_length", "is_bidirectional* max_distance*"),
    "CropAndResize": Signed(cropped, "X rois batch_indices* crop_size", "extrapolation_value* mode*"),
    "TorchEmbedding": Signed(ops_shape.gather, "weight indices padding_idx* scale_grad_by_freq*"),
    "Pad": Signed(ops_shape.pad, "data pads value*", "mode*"),
    "Trilu": Signed(like, "X k*", "upper*"),
    "Inverse": Signed(like, "X"),
    "GridSample": Signed(ops_shape.OPERATORS["GridSample"], "X Grid", "align_corners* mode* padding_mode*"),
    "GatherND": Signed(ops_shape.OPERATORS["GatherND"], "data indices"),
    **{name: Signed(_elementwise("mul", 0, 1), "A B") for name in ("ComplexMul", "ComplexMulConj")},
    "BiasAdd": Signed(_summed("bias", "skip"), "X bias skip"),
    "BiasDropout": Signed(_summed("bias", "residual"), "data bias residual ratio* training_mode*", "seed*"),
    "BiasSoftmax": Signed(
        lambda op: softmax(op._replace(inputs=(added(op, op.at(0), op.get(1)),))),
        "data bias",
        "axis is_inner_broadcast*",
    ),
    "RotaryEmbedding": Signed(
        like,
        "input position_ids* cos_cache* sin_cache*",
        "interleaved* is_packed_batching* num_heads* rotary_embedding_dim* scale*",
    ),
    "MRotaryEmbedding": Signed(
        like,
        "input position_ids* cos_cache* sin_cache*",
        "interleaved* is_packed_batching* mrope_layout* mrope_section* num_heads* rotary_embedding_dim* scale*",
    ),
    "CausalConvWithState": Signed(
        _channels_last(causal_conv), "input weight bias past_state*", "activation dilation channels_last ndim"
    ),
    "QuantizeLinear": Signed(_converted("quantize", 2), "x y_scale* y_zero_point*", "axis*"),
    "DequantizeLinear": Signed(_converted("dequantize", 1), "x x_scale* x_zero_point*", "axis*"),
    **{
        f"QLinear{function.capitalize()}": Signed(
            _elementwise(function, 0, 3), f"{_scales('A', 'B')} C_scale* C_zero_point*"
        )
        for function in ("add", "mul")
    },
    "QLinearSigmoid": Signed(_activation("sigmoid"), "X X_scale* X_zero_point* Y_scale* Y_zero_point*"),
    "QLinearLeakyRelu": Signed(_activation("leaky_relu"), "X X_scale* X_zero_point* Y_scale* Y_zero_point*", "alpha*"),
    "QLinearSoftmax": Signed(
        lambda op: softmax(op._replace(opset=op.integer("opset", 13))),
        "X X_scale* x_zero_point* y_scale* y_zero_point*",
        "axis opset",
    ),
    "QLinearConcat": Signed(_concatenated, f"Y_scale* Y_zero_point* {_scales('X')}...", "axis"),
    "QLinearAveragePool": Signed(
        _channels_last(ops_conv.pool),
        "X x_scale* x_zero_point* y_scale* y_zero_point*",
        "auto_pad ceil_mode channels_last count_include_pad* kernel_shape pads strides",
    ),
    "QLinearGlobalAveragePool": Signed(
        _channels_last(_average), "X x_scale* x_zero_point* y_scale* y_zero_point*", "channels_last"
    ),
    "QLinearReduceMean": Signed(
        lambda op: reduction(op._replace(node=op.node._replace(op="ReduceMean"), inputs=op.inputs[:1])),
        "data data_scale* data_zero_point* reduced_scale* reduced_zero_point*",
        "axes keepdims",
    ),
    "QLinearWhere": Signed(
        _elementwise("where", 0, 1, 4),
        "condition X x_scale* x_zero_point* Y y_scale* y_zero_point* z_scale* z_zero_point*",
    ),
    "QLinearConv": Signed(
        _channels_last(_picked(fused_conv, 0, 3, 8)),
        f"{_scales('x', 'w')} y_scale* y_zero_point* B",
        f"{_WINDOW} channels_last",
    ),
}

OPERATORS: Mapping[str, Writer] = {
    **{f"{_MS}.{name}": write for name, write in _OWN.items()},
    **{f"{_MS}.nchwc.{name}": write for name, write in _NCHWC.items()},
    "QLinearConv": Signed(_picked(fused_conv, 0, 3, 8), f"{_scales('x', 'w')} y_scale* y_zero_point* B", _WINDOW),
    "ConvInteger": Signed(_picked(fused_conv, 0, 1), "x w x_zero_point* w_zero_point*", _WINDOW),
    "QLinearMatMul": Signed(_picked(quantized_matmul, 0, 3), f"{_scales('a', 'b')} y_scale* y_zero_point*"),
    "MatMulInteger": Signed(quantized_matmul, "A B a_zero_point* b_zero_point*"),
    "DynamicQuantizeLinear": Signed(lambda op: [joined(op, "quantize", [op.at(0)]), Value(()), Value(())], "x"),
    "QuantizeLinear": Signed(
        _converted("quantize", 2), "x y_scale* y_zero_point*", "axis* block_size* output_dtype* precision* saturate*"
    ),
    "DequantizeLinear": Signed(
        _converted("dequantize", 1), "x x_scale* x_zero_point*", "axis* block_size* output_dtype*"
    ),
    "RotaryEmbedding": Signed(
        like, "X cos_cache* sin_cache* position_ids*", "interleaved* num_heads* rotary_embedding_dim*"
    ),
    "SwiGLU": Signed(gated, "A B", "alpha*"),
    "CausalConvWithState": Signed(causal_conv, "input weight bias past_state*", "activation"),
}
"""Operators by their writer and what it reads."""
