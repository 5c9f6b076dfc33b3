"""Convolutions and pools of Keras."""

import re
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from flopcount.readers.keras.context import Tensor, Use
from flopcount.readers.keras.shapes import joined, reshaped, turned
from flopcount.readers.rows import whole

# The functions of Keras, by themselves and behind other layers.


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


Pads = str | tuple[tuple[int, int], ...]


def _axes(use: Use) -> int:
    """Return how many axes a layer slides along, which its class names last: Conv2D."""
    digits = [char for char in use.blame.kind if char.isdigit()]
    return int(digits[0]) if digits else 1


def _padding(use: Use, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Pads | None:
    """Return the padding; causal is all of it before, valid none."""
    word = use.word("padding", "valid")
    if word == "causal":
        return tuple((gap * (size - 1), 0) for size, gap in zip(kernel, dilation, strict=True))
    if word not in {"same", "valid"}:
        raise use.problem(f"padding = {word[:50]!r} is neither valid, same nor causal")
    return "same" if word == "same" else None


def conv_fields(use: Use) -> dict[str, Any]:
    """Return the fields of a window: kernel, step, padding, dilation."""
    axes = _axes(use)
    kernel, dilation = use.sizes("kernel_size", axes), use.sizes("dilation_rate", axes, 1)
    padding = _padding(use, kernel, dilation)
    stride = use.sizes("strides", axes, 1)
    return {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def conv(use: Use) -> Tensor:
    """Write a convolution, in groups or not."""
    x = use.mapped(use.x, _axes(use))
    groups, bias = use.given("groups", 1), use.flag("use_bias", True)
    fields = {**conv_fields(use), "groups": groups, "bias": bias}
    return _convolved(use, "Conv", x, out_channels=use.given("filters"), **fields)


def depthwise(use: Use) -> Tensor:
    """Write a depthwise convolution."""
    x = use.mapped(use.x, _axes(use))
    multiplier, bias = use.given("depth_multiplier", 1), use.flag("use_bias", True)
    return _convolved(use, "DepthwiseConv", x, **conv_fields(use), depth_multiplier=multiplier, bias=bias)


def _convolved(use: Use, kind: str, x: Tensor, **fields: Any) -> Tensor:
    """Write a convolution with its function, in one row where the function is one that rows can have."""
    function = inlined(use)
    y = use.row(kind, x, **fields, activation=function)
    return y if function else followed(use, y)


def separable(use: Use) -> Tensor:
    """Write a depthwise-separable convolution, with one function behind both parts."""
    x = use.mapped(use.x, _axes(use))
    multiplier, bias = use.given("depth_multiplier", 1), use.flag("use_bias", True)
    filters = use.given("filters")
    y = use.row("DepthSepConv", x, out_channels=filters, **conv_fields(use), depth_multiplier=multiplier, bias=bias)
    return followed(use, y)


def transposed(use: Use) -> Tensor:
    """Write a transposed convolution."""
    axes = _axes(use)
    kernel, stride = use.sizes("kernel_size", axes), use.sizes("strides", axes, 1)
    dilation = use.sizes("dilation_rate", axes, 1)
    extents = tuple(gap * (size - 1) + 1 for size, gap in zip(kernel, dilation, strict=True))
    padding, extra = _taken_away(use, extents, stride)
    y = use.row(
        "ConvTranspose",
        use.mapped(use.x, axes),
        out_channels=use.given("filters"),
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        groups=use.given("groups", 1),
        bias=use.flag("use_bias", True),
    )
    return followed(use, y)


def _taken_away(use: Use, extents: tuple[int, ...], stride: tuple[int, ...]) -> tuple[object, tuple[int, ...]]:
    """Return the padding of a transposed convolution and what is added at its end, by Keras' rule for its size.

    Without output_padding: in·stride, and what the kernel is larger than the
    stride too if valid. With it: (in − 1)·stride + kernel − 2·⌊kernel/2⌋ + output_padding.
    """
    word = use.word("padding", "valid")
    if word not in {"same", "valid"}:
        raise use.problem(f"padding = {word[:50]!r} is neither valid nor same")
    if use.given("output_padding") is None:
        more = tuple(max(step - extent, 0) for extent, step in zip(extents, stride, strict=True))
        return ("same", (0,) * len(extents)) if word == "same" else (0, more)
    extra = use.sizes("output_padding", len(extents))
    return (tuple(extent // 2 for extent in extents) if word == "same" else 0), extra


def local(use: Use) -> Tensor:
    """Write a convolution whose weights are not shared between positions."""
    fields = {**conv_fields(use), "bias": use.flag("use_bias", True)}
    return _convolved(
        use, "LocallyConnected", use.mapped(use.x, _axes(use)), out_channels=use.given("filters"), **fields
    )


def pool(use: Use) -> Tensor:
    """Write a pool with a sliding window."""
    axes = _axes(use)
    size = use.sizes("pool_size", axes, 2)
    stride = use.sizes("strides", axes, 2) if use.given("strides") is not None else size
    padding = _padding(use, size, (1,) * axes)
    kind = "MaxPool" if "Max" in use.blame.kind else "AvgPool"
    return use.row(
        kind, use.mapped(use.x, axes), kernel_size=size, stride=None if stride == size else stride, padding=padding
    )


def global_pool(use: Use) -> Tensor:
    """Write a pool over all of space."""
    axes = _axes(use)
    x = use.mapped(use.x, axes)
    kind = "GlobalMaxPool" if "Max" in use.blame.kind else "GlobalAvgPool"
    keep = use.flag("keepdims", False)
    return use.row(kind, x, keepdim=keep, channel=x.channel if keep else x.copies)


def adaptive_pool(use: Use) -> Tensor:
    """Write a pool that leaves a map of a given size."""
    axes = _axes(use)
    kind = "AdaptiveMaxPool" if "Max" in use.blame.kind else "AdaptiveAvgPool"
    return use.row(kind, use.mapped(use.x, axes), output_size=use.sizes("output_size", axes))


def pad(use: Use) -> Tensor:
    """Write a border of zeros."""
    return use.row("Pad", use.mapped(use.x, _axes(use)), padding=_border(use, "padding"))


def crop(use: Use) -> Tensor:
    """Write the cutting of a border."""
    return use.row("Crop", use.mapped(use.x, _axes(use)), cropping=_border(use, "cropping"))


def _border(use: Use, key: str) -> tuple[tuple[int, int], ...]:
    """Return the border's width before and after each axis."""
    axes = _axes(use)
    value = use.given(key, 1)
    if isinstance(value, int):
        value = [[value, value]] * axes
    if isinstance(value, list) and axes == 1 and len(value) == 2 and not isinstance(value[0], list):  # noqa: PLR2004
        value = [value]
    if not isinstance(value, list) or len(value) != axes:
        raise use.problem(f"{key} is not one pair for each of {axes} axes")
    pairs = [[each, each] if isinstance(each, int) else each for each in value]
    if not all(isinstance(each, list) and len(each) == 2 for each in pairs):  # noqa: PLR2004  (before, after)
        raise use.problem(f"{key} is not one pair for each of {axes} axes")
    return tuple((use.checked(key, before), use.checked(key, after)) for before, after in pairs)


MODES = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic", "area": "area"}
"""How values between the points are found, where there is a name for it here."""


def upsample(use: Use) -> Tensor:
    """Write an enlargement by whole factors."""
    axes = _axes(use)
    mode = MODES.get(use.word("interpolation", "nearest"))
    if mode is None:
        raise use.problem(f"interpolation = {use.given('interpolation')!r} is not known; known are {', '.join(MODES)}")
    return use.row("Interpolate", use.mapped(use.x, axes), scale_factor=use.sizes("size", axes, 2), mode=mode)


def resize(use: Use) -> Tensor:
    """Write a change of size, as preprocessing does."""
    mode = MODES.get(use.word("interpolation", "bilinear"))
    if mode is None:
        raise use.problem(f"interpolation = {use.given('interpolation')!r} is not known; known are {', '.join(MODES)}")
    size = (use.number("height"), use.number("width"))
    return use.row("Interpolate", use.mapped(use.x, 2), size=size, mode=mode)


# Dense layers, embeddings and learned scales of Keras.


def dense(use: Use) -> Tensor:
    """Write a linear layer on the last axis."""
    y = use.row("Linear", use.vectors(use.x), out_features=use.given("units"), bias=use.flag("use_bias", True))
    return followed(use, y)


def embedding(use: Use) -> Tensor:
    """Write a table of vectors."""
    x = use.vectors(use.x)
    rows, width = use.given("input_dim"), use.given("output_dim")
    return use.row("Embedding", x, num_embeddings=rows, embedding_dim=width)


def reversible_embedding(use: Use) -> Tensor | list[Tensor]:
    """Write a table of vectors, or the scores of all its rows, by the same table or by one of their own."""
    if use.keywords.get("reverse") is not True:
        return embedding(use)
    if use.given("logit_soft_cap") is not None:
        raise use.problem("logit_soft_cap is not read")
    own = use if use.flag("tie_weights", True) else use._replace(held="")
    return own.row("Linear", use.vectors(use.x), out_features=use.given("input_dim"), bias=False)


def layer_scale(use: Use) -> Tensor:
    """Write the learned scale of ConvNeXt."""
    if use.x.sizes[-1] != use.number("projection_dim", use.x.sizes[-1]):
        raise use.problem("projection_dim is not the number of channels")
    return use.row("LayerScale", use.viewed(use.x, use.x.rank - 1, use.x.copies))


def einsum_dense(use: Use) -> Tensor | list[Tensor]:
    """Write a sum of products with a weight: a linear layer where its letters are one, as they mostly are.

    Letters that input and weight share and the output lacks are summed; the
    others of the weight are new. Those that all three have make a weight of
    their own for each place.
    """
    x, equation = use.x, use.word("equation", "").replace(" ", "")
    reads, weight, writes = _letters(use, equation, x.rank)
    sizes = dict(zip(reads, x.sizes, strict=True))
    out = use.given("output_shape")
    out = [out] if isinstance(out, int) else out
    if not isinstance(out, list) or len(out) > len(writes):
        raise use.problem("output_shape is not a list with a size for each axis")
    given = zip(writes[len(writes) - len(out) :], out, strict=True)
    sizes |= {
        letter: use.checked("output_shape", size) for letter, size in given if size is not None and letter not in sizes
    }
    if not {*weight, *writes} <= sizes.keys():
        raise use.problem(f"output_shape leaves a letter of {equation[:50]!r} open")
    if any(letter in reads and letter in writes for letter in weight):
        raise use.problem(f"{equation[:50]!r} has weights of its own for each place; that is not read")
    terms = (reads, weight, writes)
    return use.grouped(lambda inner, y: followed(inner, _linear(inner, y, terms, sizes)), use.vectors(x))


def _letters(use: Use, equation: str, rank: int) -> tuple[str, str, str]:
    """Take an equation apart, without the batch; dots stand for as many axes as are left."""
    found = re.fullmatch(r"([a-z.]+),([a-z]+)->([a-z.]+)", equation)
    reads, weight, writes = found.groups() if found else ("", "", "")
    if reads.count("...") == writes.count("...") == 1:
        count = rank + 1 - (len(reads) - 3)
        dots = "".join(chr(ord("A") + place) for place in range(max(count, 0)))
        reads, writes = reads.replace("...", dots), writes.replace("...", dots)
    if not found or "." in reads + writes or len(reads) != rank + 1 or reads[:1] != writes[:1]:
        raise use.problem(f"the equation {equation[:50]!r} is not one over {rank} axes and a batch")
    return reads[1:], weight, writes[1:]


def _linear(use: Use, x: Tensor, terms: tuple[str, str, str], sizes: dict[str, int]) -> Tensor:
    """Write the summed axes as one, a linear layer to the new ones as one, and what the result is laid out as."""
    reads, weight, writes = terms
    summed = [axis for axis, letter in enumerate(reads) if letter in weight]
    made = [letter for letter in writes if letter in weight]
    kept = [letter for letter in reads if letter not in weight]
    if not summed or {*kept, *made} != {*writes}:
        raise use.problem("the equation sums what the weight does not have; that is not read")
    x = use.vectors(x) if summed == [x.rank - 1] else joined(use, use.vectors(x), summed)
    bias_axes = use.given("bias_axes")
    biased = {*str(bias_axes or "").replace(" ", "")}
    plain = biased == {*made}
    if not biased <= {*made}:
        raise use.problem(f"bias_axes = {str(bias_axes)[:50]!r} are not among the new axes; that is not read")
    y = use.row("Linear", x, out_features=prod(sizes[letter] for letter in made), bias=plain)
    order = [*kept, *made]
    if len(made) > 1 or len(kept) + 1 != y.rank:
        y = reshaped(use, y, [sizes[letter] for letter in order], tail="out")
    if order != [*writes]:
        y = turned(use, y, [order.index(each) for each in writes], tail="order")
    if plain or not biased:
        return y
    y = use.vectors(y)
    size = [sizes[letter] if letter in biased else 1 for letter in writes]
    bias = use.row("Parameter", y, tail="bias", size=size, channel=y.channel)
    return use.row("Elementwise", y, bias, tail="biased", function="add")


# Normalisations of Keras.


Made = Tensor | list[Tensor]


def _along(use: Use, default: int = -1) -> list[int]:
    """Return the axes a normalisation names."""
    value = use.given("axis", default)
    value = value if isinstance(value, list) else [value]
    if not value:
        raise use.problem("names no axis")
    return sorted({use.axis(each, use.x.rank) for each in value})


def _over_several(use: Use, axes: list[int], write: Callable[[Use, Tensor], Tensor]) -> Made:
    """Write a normalisation over several axes: as one axis, the channels, and back."""

    def through(inner: Use, x: Tensor) -> Tensor:
        return reshaped(inner, write(inner, joined(inner, x, axes)), x.sizes, tail="back")

    return use.grouped(through, use.vectors(use.x))


def _single(use: Use) -> Tensor:
    """Return what is read, its channels on the one axis the layer names."""
    axes = _along(use)
    if len(axes) != 1:
        raise use.problem("names several axes; one is read")
    return use.viewed(use.x, axes[0], min(use.x.copies, use.x.rank - 1))


def _affine(use: Use) -> dict[str, Any]:
    """Return whether there are a scale and a shift."""
    scale, center = use.flag("scale", True), use.flag("center", True)
    return (
        {} if scale and center else {"affine": False} if not scale and not center else {"gamma": scale, "beta": center}
    )


def batch_norm(use: Use) -> Tensor:
    """Write a batch norm."""
    if use.given("renorm"):
        raise use.problem("renorm keeps more statistics than are known here; that is not read")
    return use.row("BatchNorm", _single(use), **_affine(use))


def layer_norm(use: Use) -> Made:
    """Write a layer norm over one axis or several, or a division by a root mean square."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, _normed)
    return _normed(use, use.viewed(x, axes[0], min(x.copies, x.rank - 1)))


def _normed(use: Use, x: Tensor) -> Tensor:
    scale, center = use.flag("scale", True), use.flag("center", True)
    if use.flag("rms_scaling", False):
        return use.row("RMSNorm", x, elementwise_affine=scale)
    if not scale and not center:
        return use.row("LayerNorm", x, elementwise_affine=False)
    return use.row("LayerNorm", x, bias=center, gamma=scale)


def rms_norm(use: Use) -> Made:
    """Write a division by the root mean square."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("RMSNorm", y))
    return use.row("RMSNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)))


def unit_norm(use: Use) -> Made:
    """Write a division by the length of a vector."""
    x, axes = use.x, _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("RMSNorm", y, elementwise_affine=False))
    return use.row("RMSNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)), elementwise_affine=False)


def group_norm(use: Use) -> Tensor:
    """Write a group norm; -1 groups are one for each channel."""
    x = _single(use)
    groups = use.number("groups", 32)
    return use.row("GroupNorm", x, num_groups=int(str(x.shape.channels)) if groups == -1 else groups, **_affine(use))


def data_norm(use: Use) -> Made:
    """Write a normalisation with statistics of the data: given ones are constants, found ones are kept."""
    x, kept = use.x, use.given("mean") is None
    if use.given("axis", -1) is None or use.given("axis") == []:
        return use.row("DataNorm", x, per_channel=False, track_stats=kept)
    axes = _along(use)
    if len(axes) > 1:
        return _over_several(use, axes, lambda inner, y: inner.row("DataNorm", y, track_stats=kept))
    return use.row("DataNorm", use.viewed(x, axes[0], min(x.copies, x.rank - 1)), track_stats=kept)


def rescale(use: Use) -> Tensor:
    """Write a scaling by a constant, and an offset where there is one."""
    offset = use.given("offset", 0.0)
    y = use.row("Elementwise", use.x, function="mul")
    return y if offset == 0 else use.row("Elementwise", y, function="add", tail="offset")
