"""The kinds of layers, one small class per kind.

A module is imported when a file first uses one of its kinds: what a hundred
kinds cost is paid only by who uses them.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from flopcount.schema.base import Layer

FAMILIES: Mapping[str, str] = {
    "Conv": "conv",
    "DepthwiseConv": "conv",
    "DepthSepConv": "conv",
    "GroupConv": "conv",
    "HetConv": "conv",
    "ConvTranspose": "transposed",
    "SubPixelConv": "transposed",
    "GroupPointwiseConv": "separable",
    "BSConvU": "separable",
    "BSConvS": "separable",
    "Conv2Plus1D": "separable",
    "SpatiallySepConv": "factored",
    "SpatiallySepDepthwiseConv": "factored",
    "FlattenedConv": "factored",
    "LowRankConv": "factored",
    "TuckerConv": "factored",
    "CPConv": "factored",
    "DualConv": "branches",
    "ACConv": "branches",
    "RepVGGConv": "branches",
    "MixConv": "branches",
    "PyConv": "branches",
    "PartialConv": "shares",
    "GhostConv": "shares",
    "Res2Conv": "shares",
    "TiedBlockConv": "shares",
    "ShiftConv": "shares",
    "OctaveConv": "octave",
    "CondConv": "generated",
    "DynamicConv": "generated",
    "Involution": "generated",
    "DeformConv": "generated",
    "CoordConv": "unusual",
    "LocallyConnected": "unusual",
    "WinogradConv": "unusual",
    "AdderConv": "unusual",
    "BinaryConv": "unusual",
    "SparseConv": "unusual",
    "Linear": "dense",
    "MaxPool": "pool",
    "AvgPool": "pool",
    "AdaptiveAvgPool": "pool",
    "GlobalAvgPool": "pool",
    "BatchNorm": "norm",
    "Activation": "activation",
    "Softmax": "activation",
    "Flatten": "rearrange",
    "Dropout": "rearrange",
    "ChannelShuffle": "rearrange",
    "Pad": "rearrange",
    "Crop": "rearrange",
    "Add": "joins",
    "Mul": "joins",
    "Concat": "joins",
    "Slice": "joins",
    "Split": "joins",
    "PadChannels": "joins",
    "SqueezeExcitation": "gates",
    "ECA": "gates",
    "CBAM": "gates",
    "GlobalMaxPool": "pool",
    "AdaptiveMaxPool": "pool",
    "LayerNorm": "norm",
    "GroupNorm": "norm",
    "InstanceNorm": "norm",
    "RMSNorm": "norm",
    "LocalResponseNorm": "norm",
    "LayerScale": "scale",
    "Affine": "scale",
    "PReLU": "scale",
    "StochasticDepth": "scale",
    "ChannelsLast": "layout",
    "ChannelsFirst": "layout",
    "ToTokens": "layout",
    "ToMap": "layout",
    "Transpose": "layout",
    "ClassToken": "tokens",
    "PositionEmbedding": "tokens",
    "SelectToken": "tokens",
    "MeanTokens": "tokens",
    "Embedding": "tokens",
    "Interpolate": "resample",
    "PixelShuffle": "resample",
    "PixelUnshuffle": "resample",
    "MultiheadAttention": "attention",
    "WindowAttention": "attention",
    "PatchMerging": "attention",
    "MatMul": "attention",
    "RNN": "recurrent",
    "GRU": "recurrent",
    "LSTM": "recurrent",
}
"""Every kind, with the module here that defines it."""


@cache
def kind_named(name: str) -> type[Layer]:
    """Return the class of a kind; KeyError if there is none of that name."""
    module = import_module(f"{__name__}.{FAMILIES[name]}")
    kind: type[Layer] = getattr(module, name)
    return kind
