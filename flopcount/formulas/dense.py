"""Linear layers."""

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Dim
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


def linear(x: Shape, *, out_features: Dim, bias: bool = True) -> Step:
    """Linear layer: every output reads every channel.

        params = M·out_features  (+ out_features with bias)
        MACs = M·out_features, at every position

    A map of space has to be flattened first, or pooled.

    Source: Howard et al., MobileNets, arXiv:1704.04861, table 2 (fully connected).
    """
    if x.spatial:
        raise ShapeError(
            f"a linear layer reads channels, and its input {render(x.dims)} has space behind them; "
            "put a Flatten before it, or use a Conv with kernel_size = 1"
        )
    y = x.resized(channels=out_features)
    weights = x.channels * out_features
    biases: Dim = out_features if bias else 0
    macs, adds = weights * x.positions, biases * x.positions
    return Step("Linear", y, Tally(linear_mac=macs, linear_bias_add=adds, weight=weights, bias=biases))
