"""The functions of Keras, by themselves and behind other layers."""

from collections.abc import Mapping
from typing import Any

from flopcount.importers.keras.shapes import joined, reshaped
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use
from flopcount.importers.rows import whole

FUNCTIONS: Mapping[str, str] = {
    **{name: name for name in ("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh")},
    **{name: name for name in ("softplus", "softsign", "leaky_relu")},
    "swish": "silu",
    "hard_sigmoid": "hardsigmoid",
    "hard_swish": "hardswish",
    "hard_silu": "hardswish",
    "hard_tanh": "hardtanh",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
}
"""The names of Keras, each with the one it has here."""


UNARY: Mapping[str, str] = {
    "exponential": "exp",
    "exp": "exp",
    "log": "log",
    "log_sigmoid": "log",
    "sqrt": "sqrt",
    "square": "square",
    "absolute": "abs",
    "abs": "abs",
    "negative": "neg",
    "sign": "sign",
    "erf": "erf",
    "sin": "sin",
    "cos": "cos",
    "threshold": "max",
    "squareplus": "sqrt",
    "hard_shrink": "where",
    "soft_shrink": "where",
}
"""Functions without a kind of activation here, each with what it mostly takes."""


def function_name(value: Any) -> str:
    """Return the name of a function, however it is written: a word, or a table with its name."""
    if isinstance(value, Mapping):
        config = value.get("config")
        if isinstance(config, str):  # {"class_name": "function", "config": "gelu"}
            return config.rpartition(".")[2]
        return _class_function(str(value.get("class_name")), config if isinstance(config, Mapping) else {})
    return "linear" if value is None else str(value)


def _class_function(kind: str, config: Mapping[str, Any]) -> str:
    """Return the function that a layer written as an activation is."""
    if kind == "ReLU":
        return rectified(config)
    named = {"LeakyReLU": "leaky_relu", "ELU": "elu", "Softmax": "softmax"}
    return named.get(kind) or str(config.get("activation") or kind).lower()


def rectified(config: Mapping[str, Any]) -> str:
    """Return what a ReLU with a maximum or a slope is."""
    most, slope = config.get("max_value"), config.get("negative_slope") or config.get("alpha")
    if isinstance(slope, list):
        slope = slope[0] if slope else 0
    if slope:
        return "leaky_relu"
    return "relu" if most is None else "relu6" if most == 6 else "hardtanh"  # noqa: PLR2004  (its name)


def inlined(use: Use) -> str | None:
    """Return the function that a convolution can have in its own row."""
    return FUNCTIONS.get(function_name(use.given("activation")))


def followed(use: Use, x: Tensor, key: str = "activation") -> Tensor:
    """Write the function that a layer applies to its result, as a row behind it."""
    return applied(use, x, function_name(use.given(key)), behind=True)


def applied(use: Use, x: Tensor, name: str, *, behind: bool = False, axis: int = -1) -> Tensor:
    """Write a function as a row: by itself, or behind the layer it belongs to."""
    tail = name.rpartition(".")[2] if behind else ""
    if name == "linear":
        return x if behind else use.row("Identity", x)
    if name in FUNCTIONS:
        return use.row("Activation", x, function=FUNCTIONS[name], tail=tail)
    if name in {"softmax", "log_softmax"}:
        return softmax_along(use, x, x.rank + axis if axis < 0 else axis, tail)
    if name not in UNARY:
        raise use.problem(f"the function {name[:50]!r} is not known")
    return use.row("Elementwise", x, function=UNARY[name], tail=tail)


def softmax_along(use: Use, x: Tensor, axis: int, tail: str = "") -> Tensor:
    """Write a softmax along an axis, which has to be the channels here."""
    return use.row("Softmax", use.viewed(x, axis, min(x.copies, x.rank - 1)), tail=tail)


def activation(use: Use) -> Tensor:
    """Write a named function."""
    return applied(use, use.x, function_name(use.given("activation")))


def relu(use: Use) -> Tensor:
    """Write a ReLU, which may have a maximum and a slope."""
    return use.row("Activation", use.x, function=rectified(use.config))


def leaky_relu(use: Use) -> Tensor:
    """Write a leaky ReLU."""
    return use.row("Activation", use.x, function="leaky_relu")


def elu(use: Use) -> Tensor:
    """Write an ELU."""
    return use.row("Activation", use.x, function="elu")


def softmax(use: Use) -> Tensor:
    """Write a softmax along one axis or several."""
    axis = use.given("axis", -1)
    if isinstance(axis, list) and len(axis) > 1:
        raise use.problem("a softmax over several axes at once is not read; export it flattened")
    return softmax_along(use, use.x, use.axis(axis[0] if isinstance(axis, list) and axis else axis, use.x.rank))


def prelu(use: Use) -> Tensor | list[Tensor]:
    """Write a PReLU: a slope for each place of the axes that do not share one."""
    shared = use.given("shared_axes") or []
    if not isinstance(shared, list):
        raise use.problem("shared_axes is not a list of axes")
    x = use.x
    common = {use.axis(each, x.rank, "shared_axes") for each in shared}
    sizes = [size for axis, size in enumerate(x.sizes) if axis not in common]
    open_axes = [axis for axis in range(x.rank) if axis not in common and x.sizes[axis] > 1]
    if len(open_axes) <= 1:
        seen = use.viewed(x, open_axes[0], min(x.copies, x.rank - 1)) if open_axes else x
        return use.row("PReLU", seen, num_parameters=max([1, *sizes]))
    own = [axis for axis in range(x.rank) if axis not in common]
    return use.grouped(lambda inner, y: _unshared(inner, y, own), use.vectors(x))


def _unshared(use: Use, x: Tensor, own: list[int]) -> Tensor:
    """Lay the axes that have slopes of their own out as channels, and back."""
    flat = joined(use, x, own)
    y = use.row("PReLU", flat, num_parameters=whole(flat.shape.channels))
    return reshaped(use, y, x.sizes, tail="back")
