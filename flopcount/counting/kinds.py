"""Which formula counts which kind: the only join of schema and mathematics.

The table names `module.function` in `flopcount.formulas`; a module is imported
when one of its formulas is first needed.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from inspect import CO_VARARGS, cleandoc

from flopcount.formulas.step import Step

FORMULAS: Mapping[str, str] = {
    "Conv": "conv.conv",
    "DepthwiseConv": "conv.depthwise_conv",
    "DepthSepConv": "conv.depth_sep_conv",
    "GroupConv": "conv.group_conv",
    "HetConv": "conv.het_conv",
    "ConvTranspose": "transposed.conv_transpose",
    "SubPixelConv": "transposed.sub_pixel_conv",
    "GroupPointwiseConv": "separable.group_pointwise_conv",
    "BSConvU": "separable.bs_conv_u",
    "BSConvS": "separable.bs_conv_s",
    "Conv2Plus1D": "separable.conv_2plus1d",
    "SpatiallySepConv": "factored.spatially_sep_conv",
    "SpatiallySepDepthwiseConv": "factored.spatially_sep_depthwise_conv",
    "FlattenedConv": "factored.flattened_conv",
    "LowRankConv": "factored.low_rank_conv",
    "TuckerConv": "factored.tucker_conv",
    "CPConv": "factored.cp_conv",
    "DualConv": "branches.dual_conv",
    "ACConv": "branches.ac_conv",
    "RepVGGConv": "branches.rep_vgg_conv",
    "MixConv": "branches.mix_conv",
    "PyConv": "branches.py_conv",
    "PartialConv": "shares.partial_conv",
    "GhostConv": "shares.ghost_conv",
    "Res2Conv": "shares.res2_conv",
    "TiedBlockConv": "shares.tied_block_conv",
    "ShiftConv": "shares.shift_conv",
    "OctaveConv": "octave.octave_conv",
    "CondConv": "generated.cond_conv",
    "DynamicConv": "generated.dynamic_conv",
    "Involution": "generated.involution",
    "DeformConv": "generated.deform_conv",
    "CoordConv": "unusual.coord_conv",
    "LocallyConnected": "unusual.locally_connected",
    "WinogradConv": "unusual.winograd_conv",
    "AdderConv": "unusual.adder_conv",
    "BinaryConv": "unusual.binary_conv",
    "SparseConv": "unusual.sparse_conv",
    "Linear": "dense.linear",
    "MaxPool": "pool.max_pool",
    "AvgPool": "pool.avg_pool",
    "AdaptiveAvgPool": "pool.adaptive_avg_pool",
    "GlobalAvgPool": "pool.global_avg_pool",
    "BatchNorm": "norm.batch_norm",
    "Activation": "activation.activation",
    "Softmax": "activation.softmax",
    "Flatten": "rearrange.flatten",
    "Identity": "rearrange.identity",
    "Dropout": "rearrange.dropout",
    "ChannelShuffle": "rearrange.channel_shuffle",
    "Pad": "rearrange.pad",
    "Crop": "rearrange.crop",
    "Add": "joins.add",
    "Mul": "joins.mul",
    "Concat": "joins.concat",
    "Slice": "joins.slice_",
    "Split": "joins.split_",
    "PadChannels": "joins.pad_channels",
    "SqueezeExcitation": "gates.squeeze_excitation",
    "ECA": "gates.eca",
    "CBAM": "gates.cbam",
    "GlobalMaxPool": "pool.global_max_pool",
    "AdaptiveMaxPool": "pool.adaptive_max_pool",
    "LayerNorm": "norm.layer_norm",
    "GroupNorm": "norm.group_norm",
    "InstanceNorm": "norm.instance_norm",
    "RMSNorm": "norm.rms_norm",
    "DataNorm": "norm.data_norm",
    "LocalResponseNorm": "norm.local_response_norm",
    "LayerScale": "scale.layer_scale",
    "Affine": "scale.affine",
    "PReLU": "scale.prelu",
    "StochasticDepth": "scale.stochastic_depth",
    "ChannelsLast": "layout.channels_last",
    "ChannelsFirst": "layout.channels_first",
    "ToTokens": "layout.to_tokens",
    "ToMap": "layout.to_map",
    "Transpose": "layout.transpose",
    "ClassToken": "tokens.class_token",
    "PositionEmbedding": "tokens.position_embedding",
    "SelectToken": "tokens.select_token",
    "MeanTokens": "tokens.mean_tokens",
    "Embedding": "tokens.embedding",
    "Interpolate": "resample.interpolate",
    "PixelShuffle": "resample.pixel_shuffle",
    "PixelUnshuffle": "resample.pixel_unshuffle",
    "MultiheadAttention": "attention.multihead_attention",
    "WindowAttention": "attention.window_attention",
    "PatchMerging": "attention.patch_merging",
    "MatMul": "attention.matmul",
    "RNN": "recurrent.rnn",
    "GRU": "recurrent.gru",
    "LSTM": "recurrent.lstm",
    "Reshape": "tensors.reshape",
    "Permute": "tensors.permute",
    "Take": "tensors.take",
    "Expand": "tensors.expand",
    "Elementwise": "tensors.elementwise",
    "Reduce": "tensors.reduce",
    "Parameter": "tensors.parameter",
    "Constants": "tensors.constants",
    "Join": "tensors.join",
    "Einsum": "tensors.einsum",
    "Operation": "tensors.operation",
}


@cache
def formula(kind: str) -> Callable[..., Step]:
    """Return the formula of a kind."""
    module, _, name = FORMULAS[kind].partition(".")
    function: Callable[..., Step] = getattr(import_module(f"flopcount.formulas.{module}"), name)
    return function


def reads_several(kind: str) -> bool:
    """Tell whether a kind reads any number of layers: its formula takes `*xs`."""
    return bool(formula(kind).__code__.co_flags & CO_VARARGS)


def summary(kind: str) -> str:
    """Return the first line of what a formula says of itself."""
    return description(kind).partition("\n")[0]


def description(kind: str) -> str:
    """Return what a formula says of itself: a line, its equations, its source."""
    return cleandoc(formula(kind).__doc__ or "")
