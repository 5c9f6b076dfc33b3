"""Functions applied element by element, and softmax."""

from collections.abc import Mapping

from flopcount.formulas.dims import split
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

ACTIVATIONS: Mapping[str, str] = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
}
"""The named functions (PyTorch's functional spelling), each with the label it has in tables."""


def activation(x: Shape, *, function: str) -> Step:
    """Apply a named function to every element.

        params = 0
        MACs = 0

    Source: the names are those of torch.nn.functional.
    """
    return Step(ACTIVATIONS[function], x, Tally(**{function: x.elements}))


def softmax(x: Shape) -> Step:
    """Softmax over the channels.

        params = 0
        MACs = 0

    Source: Bridle, Probabilistic interpretation of feedforward outputs, 1990.
    """
    return Step("Softmax", x, Tally(softmax=x.elements, softmax_row=split(x.elements, x.channels)))
