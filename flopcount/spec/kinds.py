"""The kinds of layers: a kind is its formula, and a row of one table.

Everything else about a kind follows from the signature of its formula and from
`spec.fields`: the model that validates its rows, its defaults, its help.
"""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, cleandoc, signature
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, create_model

from flopcount.formulas import attention, conv, conv_dynamic, conv_factored, conv_variants, norm, pool, tensor
from flopcount.formulas.step import Step
from flopcount.spec.fields import Layer, option


class Kind(NamedTuple):
    """A kind of layer.

    `replaces_conv`: it stands for a standard convolution, or is one. `is_plain`: it is one
    convolution as every framework has it, with groups or without. `keeps_map`: it is a
    convolution with the output map of a standard one at stride 1. `spatial`: it makes no
    sense with a 1×1 kernel. `buffer`: what it writes has memory of its own, is a view of
    what it reads, is fused into the layer before it, or is a parameter. `in_place`: it can
    write over what it reads. `parts`: those of a composition each read the one before, or all read the same. `sees`:
    a position of what it writes follows from its window, from the same place, from a place that has moved, from all
    positions, or from regions of other shapes. `reads` are the letters of the axes of its input in closed
    forms, `example` the values shown there for options that no letter stands for.
    """

    formula: Callable[..., Step]
    replaces_conv: bool = False
    is_plain: bool = False
    keeps_map: bool = False
    spatial: bool = False
    buffer: Literal["own", "view", "fused", "none"] = "own"
    in_place: bool = False
    parts: Literal["series", "beside", "other"] = "other"
    sees: Literal["window", "place", "moved", "all", "other"] = "window"
    reads: tuple[str, ...] = ("M", "H", "W")
    example: Mapping[str, Any] = {}


KINDS: Mapping[str, Kind] = {
    "Conv": Kind(conv.conv, replaces_conv=True, is_plain=True),
    "DepthwiseConv": Kind(conv.depthwise_conv, replaces_conv=True, is_plain=True, spatial=True),
    "DepthSepConv": Kind(conv.depth_sep_conv, replaces_conv=True, spatial=True, parts="series"),
    "GroupConv": Kind(conv.group_conv, replaces_conv=True, is_plain=True),
    "HetConv": Kind(conv.het_conv, replaces_conv=True, spatial=True),
    "ConvTranspose": Kind(conv.conv_transpose),
    "SubPixelConv": Kind(conv.sub_pixel_conv, parts="series"),
    "GroupPointwiseConv": Kind(conv_factored.group_pointwise_conv, replaces_conv=True, spatial=True, parts="series"),
    "BSConvU": Kind(conv_factored.bs_conv_u, replaces_conv=True, spatial=True, parts="series"),
    "BSConvS": Kind(conv_factored.bs_conv_s, replaces_conv=True, spatial=True, parts="series"),
    "Conv2Plus1D": Kind(
        conv_factored.conv_2plus1d, replaces_conv=True, spatial=True, parts="series", reads=("M", "T", "H", "W")
    ),
    "SpatiallySepConv": Kind(conv_factored.spatially_sep_conv, replaces_conv=True, spatial=True, parts="series"),
    "SpatiallySepDepthwiseConv": Kind(
        conv_factored.spatially_sep_depthwise_conv, replaces_conv=True, spatial=True, parts="series"
    ),
    "FlattenedConv": Kind(conv_factored.flattened_conv, replaces_conv=True, spatial=True, parts="series"),
    "LowRankConv": Kind(conv_factored.low_rank_conv, replaces_conv=True, parts="series"),
    "TuckerConv": Kind(conv_factored.tucker_conv, replaces_conv=True, spatial=True, parts="series"),
    "CPConv": Kind(conv_factored.cp_conv, replaces_conv=True, spatial=True, parts="series"),
    "DualConv": Kind(conv_factored.dual_conv, replaces_conv=True, spatial=True, parts="beside"),
    "ACConv": Kind(conv_factored.ac_conv, replaces_conv=True, spatial=True, parts="beside"),
    "RepVGGConv": Kind(conv_factored.rep_vgg_conv, replaces_conv=True, spatial=True, parts="beside"),
    "MixConv": Kind(conv_factored.mix_conv, keeps_map=True, parts="beside"),
    "PyConv": Kind(conv_factored.py_conv, keeps_map=True, parts="beside"),
    "PartialConv": Kind(conv_variants.partial_conv, replaces_conv=True, spatial=True),
    "GhostConv": Kind(conv_variants.ghost_conv, replaces_conv=True),
    "Res2Conv": Kind(conv_variants.res2_conv, replaces_conv=True, spatial=True),
    "TiedBlockConv": Kind(conv_variants.tied_block_conv, replaces_conv=True),
    "ShiftConv": Kind(conv_variants.shift_conv, keeps_map=True),
    "OctaveConv": Kind(conv_variants.octave_conv, replaces_conv=True, sees="other"),
    "CondConv": Kind(conv_dynamic.cond_conv, replaces_conv=True, parts="beside"),
    "DynamicConv": Kind(conv_dynamic.dynamic_conv, replaces_conv=True, parts="beside"),
    "Involution": Kind(conv_dynamic.involution, keeps_map=True, parts="beside"),
    "DeformConv": Kind(conv_dynamic.deform_conv, replaces_conv=True, spatial=True, parts="beside"),
    "CoordConv": Kind(conv_variants.coord_conv, replaces_conv=True),
    "LocallyConnected": Kind(conv_variants.locally_connected, replaces_conv=True),
    "WinogradConv": Kind(conv_variants.winograd_conv, replaces_conv=True, spatial=True),
    "AdderConv": Kind(conv_variants.adder_conv, replaces_conv=True),
    "BinaryConv": Kind(conv_variants.binary_conv, replaces_conv=True),
    "SparseConv": Kind(conv_variants.sparse_conv, keeps_map=True),
    "Linear": Kind(attention.linear, reads=("M",)),
    "MaxPool": Kind(pool.max_pool),
    "AvgPool": Kind(pool.avg_pool),
    "AdaptiveAvgPool": Kind(pool.adaptive_avg_pool),
    "GlobalAvgPool": Kind(pool.global_avg_pool, sees="all"),
    "BatchNorm": Kind(norm.batch_norm, buffer="fused", in_place=True, sees="place"),
    "Activation": Kind(norm.activation, buffer="fused", in_place=True, sees="place", example={"function": "relu"}),
    "Softmax": Kind(norm.softmax, in_place=True),
    "Flatten": Kind(tensor.flatten, buffer="view"),
    "Identity": Kind(tensor.identity, buffer="view", sees="place"),
    "Dropout": Kind(tensor.dropout, buffer="view", sees="place"),
    "ChannelShuffle": Kind(tensor.channel_shuffle, sees="place"),
    "Pad": Kind(tensor.pad, sees="moved"),
    "Crop": Kind(tensor.crop, sees="moved"),
    "Add": Kind(tensor.add, in_place=True, sees="place"),
    "Mul": Kind(tensor.mul, in_place=True, sees="place"),
    "Concat": Kind(tensor.concat, sees="place"),
    "Slice": Kind(tensor.slice_, sees="moved"),
    "Split": Kind(tensor.split_),
    "PadChannels": Kind(tensor.pad_channels, sees="place"),
    "SqueezeExcitation": Kind(conv_dynamic.squeeze_excitation, parts="beside"),
    "ECA": Kind(conv_dynamic.eca, parts="beside"),
    "CBAM": Kind(conv_dynamic.cbam, parts="beside"),
    "GlobalMaxPool": Kind(pool.global_max_pool, sees="all"),
    "AdaptiveMaxPool": Kind(pool.adaptive_max_pool),
    "LayerNorm": Kind(norm.layer_norm, buffer="fused", in_place=True),
    "GroupNorm": Kind(norm.group_norm, buffer="fused", in_place=True),
    "InstanceNorm": Kind(norm.instance_norm, buffer="fused", in_place=True),
    "RMSNorm": Kind(norm.rms_norm, buffer="fused", in_place=True),
    "DataNorm": Kind(norm.data_norm, buffer="fused", in_place=True),
    "LocalResponseNorm": Kind(norm.local_response_norm, sees="place"),
    "LayerScale": Kind(norm.layer_scale, buffer="fused", in_place=True, sees="place"),
    "Affine": Kind(norm.affine, buffer="fused", in_place=True, sees="place"),
    "PReLU": Kind(norm.prelu, buffer="fused", in_place=True, sees="place"),
    "StochasticDepth": Kind(norm.stochastic_depth, buffer="view", sees="place"),
    "ChannelsLast": Kind(tensor.channels_last),
    "ChannelsFirst": Kind(tensor.channels_first, reads=("H", "W", "M")),
    "ToTokens": Kind(tensor.to_tokens),
    "ToMap": Kind(tensor.to_map, reads=("n", "M"), example={"size": ("H", "W")}),
    "Transpose": Kind(tensor.transpose, sees="all", reads=("n", "M")),
    "ClassToken": Kind(attention.class_token, reads=("n", "M")),
    "PositionEmbedding": Kind(attention.position_embedding, reads=("n", "M")),
    "SelectToken": Kind(attention.select_token, reads=("n", "M")),
    "MeanTokens": Kind(attention.mean_tokens, sees="all", reads=("n", "M")),
    "Embedding": Kind(attention.embedding, reads=("n",)),
    "Interpolate": Kind(pool.interpolate, example={"scale_factor": "r"}),
    "PixelShuffle": Kind(pool.pixel_shuffle),
    "PixelUnshuffle": Kind(pool.pixel_unshuffle),
    "MultiheadAttention": Kind(attention.multihead_attention, sees="all", reads=("n", "D")),
    "WindowAttention": Kind(attention.window_attention, sees="other", reads=("H", "W", "D")),
    "LinearAttention": Kind(attention.linear_attention, sees="all", reads=("n", "D")),
    "MixtureOfExperts": Kind(attention.mixture_of_experts, reads=("n", "M")),
    "PatchMerging": Kind(attention.patch_merging, parts="series", reads=("H", "W", "M")),
    "MatMul": Kind(attention.matmul, sees="all", reads=("n", "k")),
    "RNN": Kind(attention.rnn, sees="all", reads=("n", "M")),
    "GRU": Kind(attention.gru, sees="all", reads=("n", "M")),
    "LSTM": Kind(attention.lstm, sees="all", reads=("n", "M")),
    "Reshape": Kind(tensor.reshape, buffer="view", example={"size": ("M", "H", "W")}),
    "Permute": Kind(tensor.permute, example={"order": (-1, -2, -3)}),
    "Take": Kind(tensor.take, sees="moved", example={"axis": -1}),
    "Expand": Kind(tensor.expand, sees="moved", example={"size": ("M", "H", "W")}),
    "Elementwise": Kind(tensor.elementwise, in_place=True, sees="place", example={"function": "add"}),
    "Reduce": Kind(tensor.reduce, example={"axes": (-1,)}),
    "Parameter": Kind(tensor.parameter, buffer="none", example={"size": ("n", "D")}),
    "Constants": Kind(tensor.constants, buffer="view"),
    "Join": Kind(tensor.join, sees="moved", example={"axis": -1}),
    "Einsum": Kind(tensor.einsum, sees="all", example={"equation": "bij,bjk->bik"}),
    "Operation": Kind(tensor.operation, example={"operator": "TopK", "size": ("n", "D")}),
}
"""Every kind by name."""

STAND_INS = frozenset(name for name, kind in KINDS.items() if kind.replaces_conv)
"""The kinds that stand for a standard convolution, or are one."""

COMPOSITES = frozenset(name for name in STAND_INS if not KINDS[name].is_plain)
"""The kinds that stand for a standard convolution and are more than one: a count compares them with it."""


@cache
def kind_named(name: str) -> type[Layer]:
    """Return the model of a kind, derived from its formula; KeyError if there is none of that name."""
    fields: dict[str, Any] = {field: _field(name, parameter) for field, parameter in parameters(name).items()}
    return create_model(name, __base__=Layer, __module__=__name__, __doc__=summary(name), **fields)


def _field(kind: str, parameter: Parameter) -> tuple[Any, Any]:
    """Return the annotation and the default of an option."""
    known = option(kind, parameter.name)
    takes = known.type | None if NoneType in get_args(parameter.annotation) else known.type
    default = ... if parameter.default is Parameter.empty else parameter.default
    return Annotated[takes, Field(description=known.about)], default


@cache
def parameters(kind: str) -> Mapping[str, Parameter]:
    """Return the options of a kind: the keyword parameters of its formula."""
    found = signature(formula(kind)).parameters
    return {name: each for name, each in found.items() if each.kind is Parameter.KEYWORD_ONLY}


def formula(kind: str) -> Callable[..., Step]:
    """Return the formula of a kind."""
    return KINDS[kind].formula


@cache
def reads_several(kind: str) -> bool:
    """Tell whether a kind reads any number of layers: its formula takes `*xs`."""
    return any(each.kind is Parameter.VAR_POSITIONAL for each in signature(formula(kind)).parameters.values())


def row_of(step: Step) -> Kind:
    """Return the kind of a step; a part of a composition may have none, and is then one like any other."""
    return KINDS.get(step.kind, KINDS["Conv"])


def summary(kind: str) -> str:
    """Return the first line of a formula's docstring."""
    return description(kind).partition("\n")[0]


def description(kind: str) -> str:
    """Return a formula's docstring: a line, its equations, its source; without equations it has no params and MACs."""
    text = cleandoc(formula(kind).__doc__ or "")
    first, _, rest = text.partition("\n\n")
    return text if "\n    MACs = " in text else f"{first}\n\n    params = 0\n    MACs = 0\n\n{rest}"
