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
}
"""Every kind, with the module here that defines it."""


@cache
def kind_named(name: str) -> type[Layer]:
    """Return the class of a kind; KeyError if there is none of that name."""
    module = import_module(f"{__name__}.{FAMILIES[name]}")
    kind: type[Layer] = getattr(module, name)
    return kind
