"""How many bits the numbers of a layer take."""

from collections.abc import Mapping
from typing import NamedTuple

BIASES = frozenset(("bias", "norm_bias", "rnn_bias"))
"""The params that `biases` is about."""

WEIGHTS = frozenset(("weight", "frozen_weight", "rnn_weight", "embedding"))
"""The params that make a layer one with weights, and that are stored in groups, each with a scale."""


class Bits(NamedTuple):
    """The bits of a layer's params, of what it writes and of what it adds up in.

    Accumulators have by default what exact sums need. `group` weights of a row share a scale of `scales` bits, and
    a zero point of `zero_points` bits; 0 if there are no groups. `own` are the bits that a file gives to a type of
    params.
    """

    weights: int = 32
    biases: int | None = None
    activations: int = 32
    accumulators: int | None = None
    group: int = 0
    scales: int = 16
    zero_points: int = 0
    own: tuple[tuple[str, int], ...] = ()

    def of(self, name: str) -> int:
        """Return the bits of a type of params."""
        for own, bits in self.own:
            if own == name:
                return bits
        return self.weights if self.biases is None or name not in BIASES else self.biases


FLOAT = Bits()
"""Every number has 32 bits."""

NAMED: Mapping[str, int] = {
    **{f"{word}{bits}": bits for word in ("int", "uint") for bits in (2, 4, 8, 16, 32, 64)},
    **{f"{word}{bits}": bits for word in ("float", "fp") for bits in (4, 6, 8, 16, 32, 64)},
    **dict.fromkeys(("bfloat16", "bf16", "half"), 16),
    "binary": 1,
}
"""Types of numbers by name, with their bits; weights and activations both have them."""
