"""Which formula counts which kind: the only join of schema and mathematics.

The table names `module.function` in `flopcount.formulas`; a module is imported
when one of its formulas is first needed.
"""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import CO_VARARGS, cleandoc

from flopcount.formulas import attention, conv, conv_dynamic, conv_factored, conv_variants, norm, pool, tensor
from flopcount.formulas.step import Step

FORMULAS: Mapping[str, Callable[..., Step]] = {
    "Conv": conv.conv,
    "DepthwiseConv": conv.depthwise_conv,
    "DepthSepConv": conv.depth_sep_conv,
    "GroupConv": conv.group_conv,
    "HetConv": conv.het_conv,
    "ConvTranspose": conv.conv_transpose,
    "SubPixelConv": conv.sub_pixel_conv,
    "GroupPointwiseConv": conv_factored.group_pointwise_conv,
    "BSConvU": conv_factored.bs_conv_u,
    "BSConvS": conv_factored.bs_conv_s,
    "Conv2Plus1D": conv_factored.conv_2plus1d,
    "SpatiallySepConv": conv_factored.spatially_sep_conv,
    "SpatiallySepDepthwiseConv": conv_factored.spatially_sep_depthwise_conv,
    "FlattenedConv": conv_factored.flattened_conv,
    "LowRankConv": conv_factored.low_rank_conv,
    "TuckerConv": conv_factored.tucker_conv,
    "CPConv": conv_factored.cp_conv,
    "DualConv": conv_factored.dual_conv,
    "ACConv": conv_factored.ac_conv,
    "RepVGGConv": conv_factored.rep_vgg_conv,
    "MixConv": conv_factored.mix_conv,
    "PyConv": conv_factored.py_conv,
    "PartialConv": conv_variants.partial_conv,
    "GhostConv": conv_variants.ghost_conv,
    "Res2Conv": conv_variants.res2_conv,
    "TiedBlockConv": conv_variants.tied_block_conv,
    "ShiftConv": conv_variants.shift_conv,
    "OctaveConv": conv_variants.octave_conv,
    "CondConv": conv_dynamic.cond_conv,
    "DynamicConv": conv_dynamic.dynamic_conv,
    "Involution": conv_dynamic.involution,
    "DeformConv": conv_dynamic.deform_conv,
    "CoordConv": conv_variants.coord_conv,
    "LocallyConnected": conv_variants.locally_connected,
    "WinogradConv": conv_variants.winograd_conv,
    "AdderConv": conv_variants.adder_conv,
    "BinaryConv": conv_variants.binary_conv,
    "SparseConv": conv_variants.sparse_conv,
    "Linear": attention.linear,
    "MaxPool": pool.max_pool,
    "AvgPool": pool.avg_pool,
    "AdaptiveAvgPool": pool.adaptive_avg_pool,
    "GlobalAvgPool": pool.global_avg_pool,
    "BatchNorm": norm.batch_norm,
    "Activation": norm.activation,
    "Softmax": norm.softmax,
    "Flatten": tensor.flatten,
    "Identity": tensor.identity,
    "Dropout": tensor.dropout,
    "ChannelShuffle": tensor.channel_shuffle,
    "Pad": tensor.pad,
    "Crop": tensor.crop,
    "Add": tensor.add,
    "Mul": tensor.mul,
    "Concat": tensor.concat,
    "Slice": tensor.slice_,
    "Split": tensor.split_,
    "PadChannels": tensor.pad_channels,
    "SqueezeExcitation": conv_dynamic.squeeze_excitation,
    "ECA": conv_dynamic.eca,
    "CBAM": conv_dynamic.cbam,
    "GlobalMaxPool": pool.global_max_pool,
    "AdaptiveMaxPool": pool.adaptive_max_pool,
    "LayerNorm": norm.layer_norm,
    "GroupNorm": norm.group_norm,
    "InstanceNorm": norm.instance_norm,
    "RMSNorm": norm.rms_norm,
    "DataNorm": norm.data_norm,
    "LocalResponseNorm": norm.local_response_norm,
    "LayerScale": norm.layer_scale,
    "Affine": norm.affine,
    "PReLU": norm.prelu,
    "StochasticDepth": norm.stochastic_depth,
    "ChannelsLast": tensor.channels_last,
    "ChannelsFirst": tensor.channels_first,
    "ToTokens": tensor.to_tokens,
    "ToMap": tensor.to_map,
    "Transpose": tensor.transpose,
    "ClassToken": attention.class_token,
    "PositionEmbedding": attention.position_embedding,
    "SelectToken": attention.select_token,
    "MeanTokens": attention.mean_tokens,
    "Embedding": attention.embedding,
    "Interpolate": pool.interpolate,
    "PixelShuffle": pool.pixel_shuffle,
    "PixelUnshuffle": pool.pixel_unshuffle,
    "MultiheadAttention": attention.multihead_attention,
    "WindowAttention": attention.window_attention,
    "PatchMerging": attention.patch_merging,
    "MatMul": attention.matmul,
    "RNN": attention.rnn,
    "GRU": attention.gru,
    "LSTM": attention.lstm,
    "Reshape": tensor.reshape,
    "Permute": tensor.permute,
    "Take": tensor.take,
    "Expand": tensor.expand,
    "Elementwise": tensor.elementwise,
    "Reduce": tensor.reduce,
    "Parameter": tensor.parameter,
    "Constants": tensor.constants,
    "Join": tensor.join,
    "Einsum": tensor.einsum,
    "Operation": tensor.operation,
}


@cache
def formula(kind: str) -> Callable[..., Step]:
    """Return the formula of a kind."""
    return FORMULAS[kind]


def reads_several(kind: str) -> bool:
    """Tell whether a kind reads any number of layers: its formula takes `*xs`."""
    return bool(formula(kind).__code__.co_flags & CO_VARARGS)


def summary(kind: str) -> str:
    """Return the first line of what a formula says of itself."""
    return description(kind).partition("\n")[0]


def description(kind: str) -> str:
    """Return what a formula says of itself: a line, its equations, its source."""
    return cleandoc(formula(kind).__doc__ or "")
