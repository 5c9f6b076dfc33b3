"""The letters of closed forms: which stands for what, and what else a formula is called with."""

from collections.abc import Mapping
from typing import Any

LETTERS: Mapping[str, str] = {
    **dict.fromkeys(("out_channels", "out_features"), "N"),
    **dict.fromkeys(("kernel_size", "kernel_sizes"), "k"),
    **dict.fromkeys(("groups", "num_groups"), "g"),
    "rank": "r",
    "rank_in": "r_1",
    "rank_out": "r_2",
    **dict.fromkeys(("upscale_factor", "downscale_factor", "scale_factor"), "r"),
    **dict.fromkeys(("squeeze_channels", "scales"), "s"),
    "blocks": "B",
    "num_experts": "E",
    "num_heads": "h",
    "window_size": "w",
    "hidden_size": "H",
    "active_pairs": "a",
    "num_embeddings": "V",
    "embedding_dim": "D",
}
"""The letter of an option that has to be given; any other is called by its own name."""

SIZES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ClassToken", "PositionEmbedding", "SelectToken", "MeanTokens", "Transpose", "ToMap"), ("n", "M")),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), ("n", "M")),
    "Linear": ("M",),
    **dict.fromkeys(("PatchMerging", "ChannelsFirst"), ("H", "W", "M")),
    "Conv2Plus1D": ("M", "T", "H", "W"),
    "MultiheadAttention": ("n", "D"),
    "WindowAttention": ("H", "W", "D"),
    "Embedding": ("n",),
    "MatMul": ("n", "k"),
}
"""What a kind reads where that is no map of M×H×W, in the order of the axes."""

SHOWN: Mapping[str, Mapping[str, Any]] = {
    "Activation": {"function": "relu"},
    "Interpolate": {"scale_factor": "r"},
    "ToMap": {"size": ("H", "W")},
    "Reshape": {"size": ("M", "H", "W")},
    "Expand": {"size": ("M", "H", "W")},
    "Parameter": {"size": ("n", "D")},
    "Operation": {"operator": "TopK", "size": ("n", "D")},
    "Permute": {"order": (-1, -2, -3)},
    "Take": {"axis": -1},
    "Join": {"axis": -1},
    "Reduce": {"axes": (-1,)},
    "Elementwise": {"function": "add"},
    "Einsum": {"equation": "bij,bjk->bik"},
}
"""What is put for options that one letter does not stand for; of text, sizes alone are letters."""

MEANINGS: Mapping[str, str] = {
    "M": "input channels",
    "D": "channels",
    "H": "height",
    "W": "width",
    "T": "frames",
    "n": "rows or tokens",
    "k": "columns of the first",
    "m": "columns of the second",
}
"""What the letters of sizes mean."""

LAST = frozenset({"M", "D", "k"})
"""The letters of channels that are the last axis."""
