"""Joins, gates, norms, layouts, tokens, attention and recurrence at work: inputs and options for their formulas."""

from collections.abc import Mapping

from sampling import Fixed, Sample, sample, sampled

from flopcount.formulas.shape import Shape

Line = Shape((4, 20))
Map = Shape((4, 12, 10))
Volume = Shape((4, 6, 8, 10))
Batch = Shape((3, 4, 12, 10), 1)
Vector = Shape((12,))
Tokens = Shape((7, 12), 1)
Sentences = Shape((3, 7, 12), 2)
Others = Shape((5, 12), 1)
Grid = Shape((8, 6, 12), 2)
Grids = Shape((3, 8, 6, 12), 3)

MAPS = (Line, Map, Volume, Batch)
SEQUENCES = (Tokens, Sentences)
ANY = (*MAPS, Vector, *SEQUENCES)


def _recurrent() -> tuple[Sample, ...]:
    """Make the samples of a recurrent layer."""
    return (
        *sampled(SEQUENCES, hidden_size=5),
        *sampled(SEQUENCES, hidden_size=5, num_layers=2, bidirectional=True, dropout=0.5),
        sample(Tokens, hidden_size=5, bias=False),
        sample(Tokens, hidden_size=5, recurrent_bias=False),
    )


def _joined(*inputs: Shape) -> tuple[Sample, ...]:
    """Make samples that read each input two and three times."""
    return tuple(sample(*(x,) * times) for x in inputs for times in (2, 3))


SAMPLES_OTHER: Mapping[str, tuple[Sample, ...]] = {
    "Add": (*_joined(*ANY), sample(Map, Map, activation="relu")),
    "Mul": (
        *_joined(*ANY),
        sample(Map, Shape((4, 1, 1))),
        sample(Map, Shape((1, 12, 10))),
        sample(Map, Shape((4,))),
        sample(Batch, Shape((3, 4), 1)),
    ),
    "Concat": (
        *_joined(*ANY),
        sample(Map, Shape((9, 12, 10)), axis="channels"),
        sample(Tokens, Others, axis="tokens"),
        sample(Map, Map, axis=Fixed(1)),
    ),
    "Slice": (*sampled(ANY, start=1, stop=3), *sampled(ANY, stop=2), *sampled(ANY, start=2)),
    "Split": (*sampled(ANY, sections=2), *sampled(ANY, sections=4, index=3)),
    "PadChannels": sampled(ANY, padding=3),
    "SqueezeExcitation": (
        *sampled(MAPS, squeeze_channels=2),
        sample(Map, squeeze_channels=2, bias=False, norm="batch", activation="silu", gate="hardsigmoid"),
    ),
    "ECA": (*sampled(MAPS, kernel_size=3), *sampled(MAPS, kernel_size=5)),
    "CBAM": (*sampled(MAPS, reduction=2), sample(Map, reduction=4, kernel_size=3, bias=True)),
    "GlobalMaxPool": (*sampled(MAPS), *sampled(MAPS, keepdim=False)),
    "AdaptiveMaxPool": (*sampled(MAPS, output_size=7), *sampled((Map, Batch), output_size=(3, 4))),
    "LayerNorm": (
        *sampled(ANY),
        sample(Map, bias=False),
        sample(Map, elementwise_affine=False),
        sample(Map, gamma=False),
    ),
    "GroupNorm": (
        *sampled(ANY, num_groups=2),
        sample(Map, num_groups=4, affine=False),
        sample(Map, num_groups=4, gamma=False),
        sample(Map, num_groups=4, beta=False),
    ),
    "InstanceNorm": (*sampled(MAPS), sample(Map, affine=True, track_running_stats=True)),
    "RMSNorm": (*sampled(ANY), sample(Map, elementwise_affine=False)),
    "DataNorm": (*sampled(ANY), sample(Map, per_channel=False), sample(Map, track_stats=False)),
    "LocalResponseNorm": sampled(ANY, size=5),
    "LayerScale": sampled(ANY),
    "Affine": sampled(ANY),
    "PReLU": (*sampled(ANY, num_parameters=1), *sampled(MAPS, num_parameters=4)),
    "StochasticDepth": sampled(ANY, p=0.2),
    "ChannelsLast": sampled(ANY),
    "ChannelsFirst": (*sampled((Grid, Grids)), *sampled((*SEQUENCES, Grids), axes=Fixed(1))),
    "ToTokens": sampled(MAPS),
    "ToMap": (sample(Shape((9, 12), 1), size=3), sample(Shape((2, 6, 12), 2), size=(2, 3))),
    "Transpose": sampled(SEQUENCES),
    "ClassToken": (*sampled(SEQUENCES), *sampled(SEQUENCES, num_tokens=2)),
    "PositionEmbedding": (*sampled((*MAPS, *SEQUENCES)), *sampled(SEQUENCES, max_positions=20)),
    "SelectToken": (*sampled(SEQUENCES), *sampled(SEQUENCES, index=3)),
    "MeanTokens": sampled(SEQUENCES),
    "Embedding": sampled((Vector, Sentences), num_embeddings=100, embedding_dim=8),
    "Interpolate": (
        *sampled(MAPS, scale_factor=2),
        *sampled((Map, Batch), scale_factor=(2, 3), mode="bilinear"),
        *sampled((Map, Batch), size=(30, 20), mode="bicubic"),
        sample(Volume, size=20, mode="trilinear"),
        sample(Line, size=30, mode="linear"),
        sample(Map, size=4, mode="area"),
        *sampled((Map, Batch), scale_factor=(1.5, 0.7)),
    ),
    "PixelShuffle": sampled(MAPS, upscale_factor=2),
    "PixelUnshuffle": sampled(MAPS, downscale_factor=2),
    "MultiheadAttention": (
        *sampled(SEQUENCES, num_heads=3),
        *sampled(SEQUENCES, num_heads=4, head_dim=5, num_kv_heads=2, embed_dim=12),
        sample(Tokens, Others, num_heads=4, bias=False),
        sample(Tokens, Others, Others, num_heads=4, bias=False, qkv_bias=True),
        *sampled(SEQUENCES, num_heads=4, past_length=9),
    ),
    "WindowAttention": (
        *sampled((Grid, Grids), num_heads=3, window_size=4),
        sample(Grid, num_heads=4, window_size=(4, 3), shift_size=2, head_dim=5),
        sample(Grid, num_heads=4, window_size=7, bias=False, qkv_bias=True, relative_position=False),
    ),
    "LinearAttention": (
        *sampled(SEQUENCES, num_heads=4),
        sample(Tokens, Tokens, Tokens, num_heads=4),
        sample(Sentences, Sentences, Sentences, num_heads=3, delta=True),
        sample(Tokens, Shape((7, 6), 1), Shape((7, 10), 1), num_heads=4, num_kv_heads=2),
    ),
    "MixtureOfExperts": (
        *sampled((Vector, *SEQUENCES), num_experts=4, hidden_features=5, top_k=2),
        *sampled(SEQUENCES, num_experts=4, hidden_features=5, gated=True, bias=False, activation="silu"),
        sample(Tokens, Shape((7, 4), 1), num_experts=4, hidden_features=6),
        sample(Tokens, num_experts=4, hidden_features=6, router_bias=True),
    ),
    "PatchMerging": (*sampled((Grid, Grids)), sample(Grid, norm_first=False)),
    "MatMul": (
        sample(Tokens, Shape((12, 5), 1)),
        sample(Tokens, Others, transpose=True),
        sample(Sentences, transpose=True, scaled=True),
    ),
    "RNN": _recurrent(),
    "GRU": _recurrent(),
    "LSTM": (*_recurrent(), sample(Tokens, hidden_size=5, proj_size=3, num_layers=2)),
}
"""For each kind, its samples."""
