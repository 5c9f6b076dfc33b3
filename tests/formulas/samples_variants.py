"""Samples of the variants of the convolution."""

from collections.abc import Mapping
from typing import Any

from sampling import MAPS, Batch, Line, Map, Sample, Volume, sample, sampled, sliding

from flopcount.formulas.shape import Shape

Even = Shape((8, 12, 8))
Clip = Shape((4, 6, 8, 10))
Clips = Shape((3, 4, 6, 8, 10), 1)

BEHIND: tuple[Mapping[str, Any], ...] = (
    {"norm": "batch"},
    {"activation": "relu6", "bias": False},
    {"norm": "batch", "activation": "relu", "bias": False},
)
"""What may follow a convolution."""


def _followed(x: Shape, **required: Any) -> tuple[Sample, ...]:
    """Make one sample for each way to follow a convolution."""
    return tuple(sample(x, **required, **behind) for behind in BEHIND)


def _transposed() -> tuple[Sample, ...]:
    """Make the samples of a transposed convolution: every way to pad what grows."""
    required = {"out_channels": 8}
    return (
        *sampled(MAPS, **required, kernel_size=3),
        *sampled((Map, Batch), **required, kernel_size=4, stride=2, padding=1, groups=2),
        *sampled((Map, Batch), **required, kernel_size=3, stride=2, padding="same", bias=False),
        sample(Map, **required, kernel_size=3, stride=2, padding=1, output_padding=1, dilation=2),
        sample(Map, **required, kernel_size=(3, 5), stride=(2, 3), padding=((1, 2), 0), output_padding=(1, 0)),
        sample(Map, **required, kernel_size=(3, 5), stride=(2, 3), padding="valid", dilation=(1, 2)),
        *_followed(Map, **required, kernel_size=4, stride=2, padding=1),
    )


VARIANTS: Mapping[str, tuple[Sample, ...]] = {
    "ConvTranspose": _transposed(),
    "SubPixelConv": sliding(out_channels=3, upscale_factor=2),
    "GroupPointwiseConv": (
        *sliding(out_channels=6, groups=2),
        sample(Map, out_channels=6, kernel_size=3, groups=4, group_bias=True),
    ),
    "BSConvU": sliding(out_channels=8),
    "BSConvS": (*sliding(out_channels=8), sample(Even, out_channels=6, kernel_size=3, p=0.3, min_mid_channels=2)),
    "Conv2Plus1D": (
        *sampled((Map, Volume, Clips), out_channels=8, kernel_size=3),
        sample(Clip, out_channels=8, kernel_size=3, stride=2, padding="same", bias=False),
        sample(Clip, out_channels=8, kernel_size=(3, 5, 5), padding=(1, 2, (1, 2)), stride=(1, 2, 2), dilation=1),
        sample(Clip, out_channels=8, kernel_size=3, mid_channels=7, padding="valid"),
        *_followed(Clip, out_channels=8, kernel_size=3, padding=1),
    ),
    "SpatiallySepConv": (*sliding(out_channels=8), sample(Map, out_channels=8, kernel_size=3, mid_channels=5)),
    "SpatiallySepDepthwiseConv": sliding(),
    "FlattenedConv": sliding(out_channels=8),
    "LowRankConv": sliding(out_channels=8, rank=3),
    "TuckerConv": sliding(out_channels=8, rank_in=2, rank_out=3),
    "CPConv": sliding(out_channels=8, rank=3),
    "DualConv": sliding(out_channels=8, groups=2),
    "ACConv": sliding(out_channels=8),
    "RepVGGConv": (
        *sliding(out_channels=8, groups=2),
        sample(Map, out_channels=4, kernel_size=3, padding=1, identity=True),
        sample(Batch, out_channels=4, kernel_size=3, padding=1, identity=True, norm="batch", activation="relu"),
    ),
    "MixConv": (
        *sampled(MAPS, kernel_sizes=(3, 5)),
        sample(Map, kernel_sizes=(3, 5, 7), stride=2, bias=False),
        sample(Map, kernel_sizes=(3, 5), stride=(2, 1), dilation=2),
        *_followed(Batch, kernel_sizes=(3, 5)),
    ),
    "PyConv": (
        *sampled(MAPS, out_channels=8, kernel_sizes=(3, 5), groups=(1, 4)),
        sample(Map, out_channels=8, kernel_sizes=(3, 5, 7), groups=(1, 2, 4), shares=(1, 1, 2), stride=2),
        sample(Map, out_channels=8, kernel_sizes=(3,), groups=(1,), dilation=2, bias=False),
        *_followed(Batch, out_channels=8, kernel_sizes=(3, 5), groups=(1, 4)),
    ),
    "PartialConv": (
        *sampled(MAPS, kernel_size=3),
        sample(Even, kernel_size=(3, 5), n_div=2, padding=(1, 2), bias=False),
        sample(Even, kernel_size=3, n_div=2, padding=2, dilation=2),
        *_followed(Batch, kernel_size=3),
    ),
    "GhostConv": (
        *sliding(out_channels=7),
        sample(Map, out_channels=8, kernel_size=1, ratio=3, dw_kernel_size=(3, 5), norm="batch"),
    ),
    "Res2Conv": (*sliding(scales=4), sample(Even, kernel_size=3, stride=2, padding=1, scales=2, pooled=True)),
    "TiedBlockConv": sliding(out_channels=8, blocks=2),
    "ShiftConv": (*sampled(MAPS, kernel_size=3), sample(Map, kernel_size=(3, 5), stride=(2, 1), padding=1, dilation=2)),
    "OctaveConv": (
        *sliding(out_channels=8),
        sample(Even, out_channels=8, kernel_size=3, alpha_in=0.25, alpha_out=0.75, norm="batch"),
        sample(Even, out_channels=8, kernel_size=3, alpha_in=0.0),
        sample(Even, out_channels=8, kernel_size=3, alpha_out=0.0),
        sample(Line, out_channels=8, kernel_size=3, alpha_in=0.0, alpha_out=0.0),
    ),
    "CondConv": (
        *sliding(out_channels=8, num_experts=3),
        sample(Batch, out_channels=8, kernel_size=3, num_experts=3, routing_bias=False, groups=2),
    ),
    "DynamicConv": (
        *sliding(out_channels=8),
        sample(Batch, out_channels=8, kernel_size=3, kernels=3, reduction=2, attention_bias=True, groups=2),
    ),
    "Involution": (
        *sampled(MAPS, kernel_size=3),
        sample(Even, kernel_size=7, groups=2, reduction=2, kernel_norm="batch"),
        sample(Even, kernel_size=(3, 5), stride=2, kernel_activation="silu", bias=False),
        sample(Even, kernel_size=3, stride=(2, 1)),
        *_followed(Even, kernel_size=3),
    ),
    "DeformConv": (
        *sliding(out_channels=8),
        sample(Batch, out_channels=8, kernel_size=3, modulated=True, offset_groups=2),
        sample(Map, out_channels=8, kernel_size=3, groups=2, offset_bias=False),
    ),
    "CoordConv": (*sliding(out_channels=8), sample(Batch, out_channels=8, kernel_size=3, with_r=True)),
    "LocallyConnected": sliding(out_channels=8),
    "WinogradConv": (
        *sampled(MAPS, out_channels=8, kernel_size=3),
        sample(Map, out_channels=8, kernel_size=(3, 5), tile_size=(4, 2), padding=(1, 2), bias=False),
        sample(Map, out_channels=8, kernel_size=3, tile_size=6, padding="same"),
        *_followed(Batch, out_channels=8, kernel_size=3),
    ),
    "AdderConv": sliding(out_channels=8),
    "BinaryConv": sliding(out_channels=8),
    "SparseConv": (
        *sampled(MAPS, out_channels=8, kernel_size=3, active_pairs=20),
        sample(Batch, out_channels=8, kernel_size=(3, 5), active_pairs=20, active_positions=7, bias=False),
    ),
}
"""For each variant of the convolution, its samples."""
