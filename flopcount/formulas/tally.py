"""Named counts that add."""

from collections.abc import Mapping

from flopcount.formulas.dims import Dim

OPERATIONS: Mapping[str, str] = {
    "conv_mac": "multiply-accumulates of convolutions",
    "linear_mac": "multiply-accumulates of linear layers",
    "conv_bias_add": "biases added to the outputs of convolutions",
    "linear_bias_add": "biases added to the outputs of linear layers",
    "batch_norm": "elements normalised with the statistics of a batch",
    "batch_norm_affine": "elements scaled and shifted after a batch norm",
    "max_pool_in": "elements read by max pools",
    "max_pool_out": "elements written by max pools",
    "max_pool_window": "elements compared by max pools, window by window",
    "avg_pool_in": "elements read by average pools",
    "avg_pool_out": "elements written by average pools",
    "avg_pool_window": "elements added by average pools, window by window",
    "global_pool_in": "elements read by global and adaptive pools",
    "global_pool_out": "elements written by global and adaptive pools",
    "softmax": "elements of softmaxes",
    "softmax_row": "rows over which a softmax runs",
    "relu": "elements through ReLU",
    "relu6": "elements through ReLU6",
    "leaky_relu": "elements through leaky ReLU",
    "elu": "elements through ELU",
    "selu": "elements through SELU",
    "celu": "elements through CELU",
    "gelu": "elements through GELU",
    "silu": "elements through SiLU (Swish)",
    "mish": "elements through Mish",
    "sigmoid": "elements through the logistic function",
    "hardsigmoid": "elements through hard sigmoid",
    "hardswish": "elements through hard swish",
    "hardtanh": "elements through hard tanh",
    "tanh": "elements through tanh",
    "softplus": "elements through softplus",
    "softsign": "elements through softsign",
}
"""What a layer does, by the name under which it is tallied."""

PARAMETERS: Mapping[str, str] = {
    "weight": "weights of convolutions and linear layers",
    "bias": "biases of convolutions and linear layers",
    "norm_weight": "scales of normalisations (gamma)",
    "norm_bias": "shifts of normalisations (beta)",
    "running": "running means and variances: kept, not trained",
}
"""What a layer keeps, by the name under which it is tallied."""


class Tally:
    """How often each thing happens, and how many numbers of each sort are kept."""

    __slots__ = ("counts",)

    def __init__(self, **counts: Dim) -> None:
        """Keep the counts by name; what is not named is zero."""
        self.counts: Mapping[str, Dim] = counts

    def __add__(self, other: "Tally") -> "Tally":
        """Add name by name."""
        counts = dict(self.counts)
        for name, count in other.counts.items():
            counts[name] = counts[name] + count if name in counts else count
        return Tally(**counts)

    def weighed(self, weights: Mapping[str, int]) -> Dim:
        """Return the sum of the counts, each times its weight; a name without one counts nothing."""
        weighed: Dim = 0
        for name, count in self.counts.items():
            if name in weights:
                weighed = weighed + count * weights[name]
        return weighed
