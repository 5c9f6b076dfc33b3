"""Recurrent layers, which read n tokens of M channels (the channels last).

In the equations H is the size of the state, g the linear maps of one step (its
gates and what they guard), d the directions and L the number of layers.
"""

from typing import NamedTuple

from flopcount.formulas.dims import Dim
from flopcount.formulas.layout import token_rows
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally


class _Cell(NamedTuple):
    """A stack of recurrent layers: its kind, the linear maps of a step, and its sizes."""

    kind: str
    name: str
    gates: int
    hidden: Dim
    layers: Dim
    directions: int

    def over(self, x: Shape, *, biases: int) -> Step:
        """Read a sequence, every weight once per token."""
        token_rows(x, self.kind)
        y = x.resized(channels=self.directions * self.hidden)
        rows = self.directions * self.gates * self.hidden
        weights = rows * (x.channels + self.hidden) + (self.layers - 1) * rows * (y.channels + self.hidden)
        kept = biases * rows * self.layers
        tally = Tally(
            rnn_mac=weights * x.positions,
            rnn_bias_add=kept * x.positions,
            rnn_weight=weights,
            rnn_bias=kept,
            **{f"{self.name}_state": y.elements * self.layers},
        )
        return Step(self.kind, y, tally)


def _biases(*, bias: bool, recurrent_bias: bool) -> int:
    """Return how many biases each gate has: for the token and for the state, or one for both."""
    return int(bias) + int(bias and recurrent_bias)


def rnn(
    x: Shape,
    *,
    hidden_size: Dim,
    num_layers: Dim = 1,
    bias: bool = True,
    recurrent_bias: bool = True,
    bidirectional: bool = False,
) -> Step:
    """Recurrent layer: the state follows from the token and the state before.

        params = d·H·(M + H) + (L − 1)·d·H·(d·H + H)  (+ 2·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    Source: Elman, Finding structure in time, 1990; two biases as torch.nn.RNN.
    """
    return _Cell("RNN", "rnn", 1, hidden_size, num_layers, 2 if bidirectional else 1).over(
        x, biases=_biases(bias=bias, recurrent_bias=recurrent_bias)
    )


def gru(
    x: Shape,
    *,
    hidden_size: Dim,
    num_layers: Dim = 1,
    bias: bool = True,
    recurrent_bias: bool = True,
    bidirectional: bool = False,
) -> Step:
    """Gated recurrent unit: three linear maps of the token and the state at each step.

        params = 3·d·H·(M + H) + (L − 1)·3·d·H·(d·H + H)  (+ 6·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    Source: Cho et al., EMNLP 2014, eq. 5–8; two biases as torch.nn.GRU.
    """
    return _Cell("GRU", "gru", 3, hidden_size, num_layers, 2 if bidirectional else 1).over(
        x, biases=_biases(bias=bias, recurrent_bias=recurrent_bias)
    )


def lstm(
    x: Shape,
    *,
    hidden_size: Dim,
    num_layers: Dim = 1,
    bias: bool = True,
    recurrent_bias: bool = True,
    bidirectional: bool = False,
) -> Step:
    """Long short-term memory: four linear maps of the token and the state at each step.

        params = 4·d·H·(M + H) + (L − 1)·4·d·H·(d·H + H)  (+ 8·d·H·L with bias, half of it without recurrent_bias)
        MACs = weights · n

    Source: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; two biases as torch.nn.LSTM.
    """
    return _Cell("LSTM", "lstm", 4, hidden_size, num_layers, 2 if bidirectional else 1).over(
        x, biases=_biases(bias=bias, recurrent_bias=recurrent_bias)
    )
