"""Samples of the first kinds: convolutions, pools, norms, what only rearranges."""

from collections.abc import Mapping

from sampling import ANY, MAPS, Batch, Line, Map, Sample, Tokens, Vector, sample, sampled, sliding

from flopcount.formulas.norm import ACTIVATIONS


def _pool() -> tuple[Sample, ...]:
    """Make the samples of a pool: every option that pools share."""
    return (
        *sampled(MAPS, kernel_size=2),
        *sampled(MAPS, kernel_size=3, stride=2, padding=1, ceil_mode=True),
        *sampled((Map, Batch), kernel_size=3, stride=2, padding="same"),
        sample(Map, kernel_size=(3, 2), stride=(2, 3), padding="valid"),
        sample(Map, kernel_size=3, stride=2, padding="valid-round"),
        sample(Map, kernel_size=4, padding=((1, 2), (0, 2)), stride=3),
        sample(Map, kernel_size=4, padding=((1, 2), 0), stride=3, ceil_mode=True),
    )


BASIC: Mapping[str, tuple[Sample, ...]] = {
    "Conv": (*sliding(out_channels=8), *sampled(MAPS, out_channels=8, kernel_size=3, groups=4)),
    "GroupConv": sliding(out_channels=8, groups=2),
    "DepthwiseConv": (*sliding(), *sampled(MAPS, kernel_size=3, depth_multiplier=2)),
    "DepthSepConv": (
        *sliding(out_channels=8),
        *sampled(MAPS, out_channels=8, kernel_size=3, depth_multiplier=3, depthwise_bias=True, norm="batch"),
    ),
    "HetConv": (
        *sliding(out_channels=8, p=2),
        *sampled(MAPS, out_channels=6, kernel_size=3, p=4, kernel_bias=True),
        sample(Map, out_channels=6, kernel_size=3, p=4, kernel_bias=True, bias=False),
    ),
    "Linear": (*sampled((Vector, Tokens), out_features=5), *sampled((Vector, Tokens), out_features=5, bias=False)),
    "MaxPool": (*_pool(), sample(Map, kernel_size=3, dilation=2), sample(Line, kernel_size=2, dilation=(3,))),
    "AvgPool": _pool(),
    "AdaptiveAvgPool": (*sampled(MAPS, output_size=7), *sampled((Map, Batch), output_size=(3, None))),
    "GlobalAvgPool": (*sampled(MAPS), *sampled(MAPS, keepdim=False)),
    "BatchNorm": (
        *sampled(ANY),
        *sampled((Map, Batch), affine=False),
        *sampled((Map, Batch), track_running_stats=False),
        sample(Map, gamma=False),
        sample(Map, beta=False),
    ),
    "Activation": (*sampled(ANY, function="relu"), *(sample(Map, function=name) for name in ACTIVATIONS)),
    "Softmax": sampled(ANY),
    "Flatten": sampled(ANY),
    "Identity": (*sampled(ANY), sample(ANY[0], contiguous=True), sample(Map, detached=True)),
    "Dropout": (*sampled(ANY), sample(Map, p=0.2, whole_channels=True)),
    "ChannelShuffle": sampled(ANY, groups=2),
    "Pad": (*sampled(MAPS, padding=1), sample(Map, padding=(1, 2)), sample(Map, padding=((1, 2), (0, 3)))),
    "Crop": (*sampled(MAPS, cropping=1), sample(Map, cropping=(1, 2)), sample(Map, cropping=((1, 2), (0, 3)))),
}
"""For each kind, its samples."""
