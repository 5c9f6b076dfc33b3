"""The layers of torch.nn, Keras and other tools, and the rows that stand for them in an arch file.

Read when something is wrong, to say what to write.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.errors import plain, suggestion
from flopcount.formulas.norm import ACTIVATIONS
from flopcount.spec.familiar import INSTEAD, meant
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import kind_named
from flopcount.spec.rows import STRUCTURE, Raw
from flopcount.spec.write import to_key, to_value


class Familiar(NamedTuple):
    """Types of layers elsewhere, the kind that stands for them, and their parameters in order.

    Without a kind, `fields` is a sentence that says what to write.
    """

    names: str
    kind: str
    parameters: str = ""
    fields: Mapping[str, Any] | str = {}
    renamed: Mapping[str, str] = {}


_TEMPLATE = "write it as a template of kinds, as the bundled mobilenet_v2 and resnet18 do: [templates.NAME]"
_WRITTEN_OUT = "write it out as a Block of LayerNorm, MultiheadAttention, Add and Linear, as the bundled vit_b_16 does"
_PERCEPTRON = "write its rows: Linear, Activation and Linear, as the bundled gpt2 does"
_GATED = "write its rows: two Linear that read the same layer, an Activation, Mul and Linear (docs/transformers.md)"
_CONV = "in_channels out_channels kernel_size stride padding dilation groups bias"
_FILTERS = "filters kernel_size strides padding data_format dilation_rate groups activation use_bias"
_POOL = "kernel_size stride padding"
_STATES = "input_size hidden_size num_layers bias batch_first dropout bidirectional"

LAYERS: tuple[Familiar, ...] = (
    Familiar("Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d Convolution ConvLayer", "Conv", _CONV),
    Familiar("Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D", "Conv", _FILTERS),
    Familiar(
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d Deconv Deconvolution TransposedConv",
        "ConvTranspose",
        "in_channels out_channels kernel_size stride padding output_padding groups bias dilation",
    ),
    Familiar("Conv1DTranspose Conv2DTranspose Conv3DTranspose", "ConvTranspose", "filters kernel_size strides padding"),
    Familiar(
        "DepthwiseConv1D DepthwiseConv2D DWConv Depthwise",
        "DepthwiseConv",
        "kernel_size strides padding depth_multiplier",
    ),
    Familiar(
        "SeparableConv1D SeparableConv2D SeparableConv SepConv DepthwiseSeparableConv DepthwiseSeparable Separable",
        "DepthSepConv",
        "filters kernel_size strides padding",
    ),
    Familiar("ConvBNReLU ConvBnAct Conv2dNormActivation", "Conv", _CONV, {"norm": "batch", "activation": "relu"}),
    Familiar("Linear LazyLinear NonDynamicallyQuantizableLinear", "Linear", "in_features out_features bias"),
    Familiar("Dense FC FullyConnected InnerProduct Gemm", "Linear", "units activation use_bias"),
    Familiar("MaxPool1d MaxPool2d MaxPool3d Pooling", "MaxPool", f"{_POOL} dilation return_indices ceil_mode"),
    Familiar("AvgPool1d AvgPool2d AvgPool3d", "AvgPool", f"{_POOL} ceil_mode"),
    Familiar("MaxPooling1D MaxPooling2D MaxPooling3D MaxPool1D MaxPool2D MaxPool3D", "MaxPool", "pool_size strides"),
    Familiar("AveragePooling1D AveragePooling2D AveragePooling3D AvgPool2D", "AvgPool", "pool_size strides"),
    Familiar(
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GAP",
        "GlobalAvgPool",
        "",
        {"keepdim": False},
    ),
    Familiar("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D", "GlobalMaxPool", "", {"keepdim": False}),
    Familiar("AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d", "AdaptiveAvgPool", "output_size"),
    Familiar("AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", "AdaptiveMaxPool", "output_size"),
    Familiar(
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm2d FrozenBatchNorm2d BatchNormalization BN",
        "BatchNorm",
        "num_features",
    ),
    Familiar("LayerNormalization LayerNorm2d LN", "LayerNorm", "normalized_shape"),
    Familiar("GroupNorm GroupNormalization GN", "GroupNorm", "num_groups num_channels"),
    Familiar("InstanceNorm1d InstanceNorm2d InstanceNorm3d", "InstanceNorm", "num_features"),
    Familiar("RMSNormalization LlamaRMSNorm T5LayerNorm", "RMSNorm", "normalized_shape"),
    Familiar("LRN", "LocalResponseNorm", "size"),
    Familiar("Dropout1d Dropout2d Dropout3d AlphaDropout SpatialDropout1D SpatialDropout2D", "Dropout", "p"),
    Familiar("DropPath StochasticDepth", "StochasticDepth", "p"),
    Familiar("Upsample UpsamplingNearest2d UpsamplingBilinear2d Resize", "Interpolate", "size scale_factor mode"),
    Familiar("UpSampling1D UpSampling2D UpSampling3D", "Interpolate", "scale_factor", {}, {"size": "scale_factor"}),
    Familiar("Resizing", "Interpolate", ""),
    Familiar(
        "ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad2d ReflectionPad2d ReplicationPad2d ZeroPadding1D ZeroPadding2D",
        "Pad",
        "padding",
    ),
    Familiar("Cropping1D Cropping2D Cropping3D CenterCrop", "Crop", "cropping"),
    Familiar("Concatenate Cat Concatenation Route", "Concat"),
    Familiar("Residual Shortcut Skip SkipConnection Sum Eltwise", "Add"),
    Familiar("Multiply", "Mul"),
    Familiar("Subtract", "Elementwise", "", {"function": "sub"}),
    Familiar("Embedding", "Embedding", "num_embeddings embedding_dim"),
    Familiar("Attention SelfAttention MHA MSA MultiHeadSelfAttention", "MultiheadAttention", "num_heads"),
    Familiar("MultiheadAttention", "MultiheadAttention", "embed_dim num_heads"),
    Familiar("MultiHeadAttention", "MultiheadAttention", "num_heads key_dim"),
    Familiar("GroupedQueryAttention GroupQueryAttention GQA", "MultiheadAttention", "", {"num_kv_heads": 8}),
    Familiar("MultiQueryAttention MQA", "MultiheadAttention", "", {"num_kv_heads": 1}),
    Familiar(
        "FlashAttention ScaledDotProductAttention CausalSelfAttention LlamaAttention BertSelfAttention GPT2Attention",
        "MultiheadAttention",
        "num_heads",
    ),
    Familiar("CrossAttention", "MultiheadAttention", "num_heads", {"after": ["x", "memory"]}),
    Familiar("MoE SwitchTransformer SparseMoE", "MixtureOfExperts", "num_experts hidden_features top_k"),
    Familiar("PointwiseConv Pointwise Conv1x1 PWConv", "Conv", _CONV, {"kernel_size": 1}),
    Familiar("Conv3x3", "Conv", _CONV, {"kernel_size": 3}),
    Familiar("Conv5x5", "Conv", _CONV, {"kernel_size": 5}),
    Familiar("Conv7x7", "Conv", _CONV, {"kernel_size": 7}),
    Familiar("DilatedConv AtrousConv AtrousConv2d", "Conv", _CONV, {"dilation": 2}),
    Familiar("Lambda", "Elementwise", "", {"function": "mul"}),
    Familiar("Squeeze Unsqueeze ExpandDims Rearrange Einops", "Reshape", "", {"size": ["…"]}),
    Familiar("LSTM", "LSTM", _STATES),
    Familiar("GRU", "GRU", _STATES),
    Familiar("RNN SimpleRNN", "RNN", _STATES),
    Familiar("SE SELayer SEBlock SEModule SqueezeExcite SqueezeAndExcitation", "SqueezeExcitation", "channels squeeze"),
    Familiar("Softmax2d LogSoftmax", "Softmax"),
    Familiar("View Unflatten", "Reshape"),
    Familiar("PositionalEncoding PositionalEmbedding PosEmbed", "PositionEmbedding"),
    Familiar("Sequential ModuleList Stage Functional Model", "Block", "", {"layers": ["…"]}),
    Familiar("Input InputLayer", "", "", "the input stands above the layers: input = [3, 224, 224]"),
    Familiar("TransformerEncoderLayer TransformerDecoderLayer Transformer TransformerBlock", "", "", _WRITTEN_OUT),
    Familiar(
        "BasicBlock Bottleneck InvertedResidual MBConv FusedMBConv C2f C3 C3k2 CSP ResBlock ResidualBlock DenseBlock "
        "Fire Inception ASPP SPP SPPF FPN PAN DoubleConv ConvNeXtBlock SwinBlock",
        "",
        "",
        _TEMPLATE,
    ),
    Familiar("MLP FFN FeedForward", "", "", _PERCEPTRON),
    Familiar("SwiGLU GEGLU GLU LlamaMLP", "", "", _GATED),
    Familiar("RoPE RotaryEmbedding Rotary ALiBi", "", "", "leave it out: it has no parameters and no matrix product"),
    Familiar("Mamba SSM S4 RWKV RetNet", "", "", "it has no kind: LinearAttention, Conv and Linear may be its parts"),
    Familiar("Output Return OutputLayer", "", "", "leave it out: what no other layer reads is an output"),
    Familiar(
        "PatchEmbed PatchEmbedding", "", "", 'write a Conv whose stride is its kernel, then { type = "ToTokens" }'
    ),
    Familiar("Swish", "Activation", "", {"function": "silu"}),
    Familiar("Hswish", "Activation", "", {"function": "hardswish"}),
    *(Familiar(name, "Activation", "", {"function": function}) for function, name in ACTIVATIONS.items()),
)
"""Every type of layer that people write, and the kind that stands for it."""


def _found(name: str) -> Familiar | None:
    """Return what a type of another tool is: as written, else whatever the case."""
    name = name.strip().rpartition(".")[2]
    exact = next((each for each in LAYERS if name in each.names.split()), None)
    return exact or next((each for each in LAYERS if name.lower() in each.names.lower().split()), None)


MOST_ALIKE = 5
"""The most kinds that are named if a word is in their names."""


def kind_hint(name: str, known: Sequence[str], fields: Raw | None = None) -> str:
    """Return what to write instead of a type that is not a kind: a row with what is given of `fields`."""
    found = _found(name)
    if found is None:
        inside = [each for each in known if name.lower() in each.lower()]
        is_part = 1 < len(inside) <= MOST_ALIKE and name.lower() not in map(str.lower, inside)
        return f"did you mean {', '.join(inside)}?" if is_part else suggestion(name, known)
    return found.fields if isinstance(found.fields, str) else f"write {_row(found, fields or {})}"


def name_hint(name: str, known: Sequence[str]) -> str:
    """Return which of the known kinds to name instead of a type that is not a kind."""
    found = _found(name)
    return f"write {found.kind}" if found and found.kind in known else suggestion(name, known)


def row_of(text: str) -> str:
    """Return the row that stands for a line of code such as `nn.Conv2d(3, 64, 3)`; empty if it is no such line."""
    code = re.search(r"(\w+\s*=\s*)?(?P<call>[A-Za-z_][\w.]*\(.*\))", text[:500])
    try:
        call = ast.parse(code["call"] if code else "", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
    found = _found(name) if name else None
    if found is None or isinstance(found.fields, str) or not isinstance(call, ast.Call):
        return found.fields if found and isinstance(found.fields, str) else ""
    given = dict(zip(found.parameters.split(), map(_value, call.args), strict=False))
    return _row(found, given | {each.arg: _value(each.value) for each in call.keywords if each.arg})


def _value(node: ast.expr) -> Any:
    """Return a literal as a file has it; anything else as the text of an expression."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _row(found: Familiar, given: Raw) -> str:
    """Write the row that stands for a layer of another tool."""
    known = (kind_named(found.kind) if found.kind != "Block" else Layer).model_fields
    fields: dict[str, Any] = {"type": found.kind}
    for key, value in given.items():
        key = found.renamed.get(key, key)  # noqa: PLW2901  (the same field)
        if key in INSTEAD:
            continue
        name = key if key in (*known, *STRUCTURE[1:]) else meant(key, known)
        if name and name != "type" and value is not None and not isinstance(value, dict):
            fields.setdefault(name, value)
    fields |= {} if isinstance(found.fields, str) else found.fields
    text = ", ".join(f"{to_key(key)} = {to_value(value)}" for key, value in fields.items())
    return plain(f"{{ {text} }}".replace('"…"', "…")[:300])
