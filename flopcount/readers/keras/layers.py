"""Layers of Keras: activations, convolutions, pools, linear layers and normalizations."""

import re
from collections.abc import Callable, Mapping
from math import prod
from string import ascii_lowercase
from typing import Any

from flopcount.readers.base import ACTIVATIONS, OPERATORS, plain_word
from flopcount.readers.keras.context import CallOp, FeatureMap, Made, joined, reshaped, turned


def function_name(value: Any) -> str:
    """Return the name of a function, however it is written: a word, a table with its name, or a layer."""
    if not isinstance(value, Mapping):
        return "linear" if value is None else str(value)
    kind, config = str(value.get("class_name")), value.get("config")
    if isinstance(config, str):  # {"class_name": "function", "config": "gelu"}
        return config.rpartition(".")[2]
    table = config if isinstance(config, Mapping) else {}
    if kind in {"ReLU", "LeakyReLU"}:
        return rectified(table) if kind == "ReLU" else "leaky_relu"
    return str(table.get("activation") or kind).lower()


def rectified(config: Mapping[str, Any]) -> str:
    """Return the function of a ReLU with a maximum or a slope."""
    most, slope = config.get("max_value"), config.get("negative_slope") or config.get("alpha")
    if isinstance(slope, list):
        slope = slope[0] if slope else 0
    if slope:
        return "leaky_relu"
    return "relu" if most is None else "relu6" if most == 6 else "hardtanh"  # noqa: PLR2004  (its name)


def followed(op: CallOp, x: FeatureMap, key: str = "activation") -> FeatureMap:
    """Add the function that a layer applies to its output."""
    return applied(op, x, function_name(op.get(key)), after=True)


def applied(op: CallOp, x: FeatureMap, name: str, *, after: bool = False) -> FeatureMap:
    """Add a function: by itself, or after the layer it belongs to."""
    tail, word = name.rpartition(".")[2] if after else "", plain_word(name)
    if word == "linear":
        return x if after else op.row("Identity", x)
    if word in ACTIVATIONS:
        return op.row("Activation", x, function=ACTIVATIONS[word], tail=tail)
    if word in {"softmax", "logsoftmax", "sparsemax"}:
        return softmax_along(op, x, x.rank - 1, tail)
    if word not in OPERATORS:
        raise op.problem(f"unknown function {name[:50]!r}")
    return op.row("Elementwise", x, function=OPERATORS[word], tail=tail)


def softmax_along(op: CallOp, x: FeatureMap, axis: int, tail: str = "") -> FeatureMap:
    """Add a softmax along an axis, which has to be the channels here."""
    return op.row("Softmax", op.viewed(x, axis), tail=tail)


def softmax(op: CallOp) -> FeatureMap:
    """Add a softmax along one axis."""
    axes = op.axes(op.argument(1, "axis", default=-1), op.x.rank)
    if len(axes) != 1:
        raise op.problem("a softmax over several axes is not supported; export it flattened")
    return softmax_along(op, op.x, axes[0])


def prelu(op: CallOp) -> Made:
    """Add a PReLU: a slope for each index of the axes that do not share one."""
    x, shared = op.x, op.get("shared_axes") or []
    common = {op.axis(each, x.rank, "shared_axes") for each in (shared if isinstance(shared, list) else [shared])}
    own = [axis for axis in range(x.rank) if axis not in common]
    long = [axis for axis in own if x.sizes[axis] > 1]
    if len(long) > 1:
        add: Adder = lambda inner, y: inner.row("PReLU", y, num_parameters=y.channels)  # noqa: E731
        return op.grouped(lambda inner, y: over_axes(inner, y, own, add), op.vectors(x))
    count = prod(x.sizes[axis] for axis in long)
    return op.row("PReLU", op.viewed(x, long[0]) if long else x, num_parameters=count)


Adder = Callable[[CallOp, FeatureMap], FeatureMap]
"""Adds a layer on a feature map."""


def over_axes(op: CallOp, x: FeatureMap, axes: list[int], add: Adder) -> FeatureMap:
    """Merge axes into channels, add a layer on them, and separate them again."""
    return reshaped(op, add(op, joined(op, x, axes)), x.sizes, tail="back")


def _padding(op: CallOp, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """Return the padding: causal is all of it before, valid none."""
    word = op.word("padding", "valid")
    if word == "causal":
        return tuple((gap * (size - 1), 0) for size, gap in zip(kernel, dilation, strict=True))
    if word not in {"same", "valid"}:
        raise op.invalid("padding", word, "valid, same or causal")
    return "same" if word == "same" else None


def window(op: CallOp) -> dict[str, Any]:
    """Return the fields of a window: kernel, stride, padding and dilation."""
    kernel, dilation = op.sizes("kernel_size", op.space), op.sizes("dilation_rate", op.space, 1)
    padding, stride = _padding(op, kernel, dilation), op.sizes("strides", op.space, 1)
    return {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def convolution(kind: str, **keys: str) -> Callable[[CallOp], FeatureMap]:
    """Return the function that adds a convolution; the keys name the options in Keras' configuration."""

    def add(op: CallOp) -> FeatureMap:
        options = {field: op.get(key) for field, key in keys.items()}
        function = None if kind == "DepthSepConv" else ACTIVATIONS.get(plain_word(function_name(op.get("activation"))))
        fields = {**options, **window(op), "bias": op.flag("use_bias", True), "activation": function}
        y = op.row(kind, op.mapped(op.x, op.space), **fields)
        return y if function else followed(op, y)

    return add


def transposed(op: CallOp) -> FeatureMap:
    """Add a transposed convolution."""
    fields = {key: value for key, value in window(op).items() if key != "padding"}
    extents = [gap * (size - 1) + 1 for size, gap in zip(fields["kernel_size"], fields["dilation"], strict=True)]
    fields |= _output_padding(op, extents, fields["stride"])
    fields |= {"out_channels": op.get("filters"), "groups": op.get("groups"), "bias": op.flag("use_bias", True)}
    y, wanted = op.row("ConvTranspose", op.mapped(op.x, op.space), **fields), op.get("output_shape")
    if isinstance(wanted, list) and [*y.sizes] != wanted[1:]:
        raise op.problem(f"output_shape = {str(wanted)[:50]} is not that of its window, {y}")
    return followed(op, y)


def _output_padding(op: CallOp, extents: list[int], stride: tuple[int, ...]) -> dict[str, Any]:
    """Return the padding and output padding that give the output size of Keras.

    Without output_padding: in·stride, plus kernel − stride if that is positive and padding is valid.
    With it: (in − 1)·stride + kernel − 2·⌊kernel/2⌋ + output_padding.
    """
    word = op.word("padding", "valid")
    if word not in {"same", "valid"}:
        raise op.invalid("padding", word, "valid or same")
    same = word == "same"
    if op.get("output_padding") is not None:
        padding = tuple(extent // 2 for extent in extents) if same else 0
        return {"padding": padding, "output_padding": op.sizes("output_padding", len(extents))}
    more = tuple(max(step - extent, 0) for extent, step in zip(extents, stride, strict=True))
    return {"padding": "same"} if same else {"output_padding": more}


def pool(op: CallOp) -> FeatureMap:
    """Add a pool: over all space, with an output of a given size, or with a sliding window."""
    kind, x = "MaxPool" if "Max" in op.kind else "AvgPool", op.mapped(op.x, op.space)
    if op.kind.startswith("Global"):
        keep = op.flag("keepdims", False)
        return op.row(f"Global{kind}", x, keepdim=keep, channel=x.channel if keep else x.copies)
    if op.kind.startswith("Adaptive"):
        return op.row(f"Adaptive{kind}", x, output_size=op.sizes("output_size", op.space))
    size = op.sizes("pool_size", op.space, 2)
    stride = op.sizes("strides", op.space, 2) if op.get("strides") is not None else size
    padding = _padding(op, size, (1,) * op.space)
    return op.row(kind, x, kernel_size=size, stride=None if stride == size else stride, padding=padding)


def border(kind: str, key: str) -> Callable[[CallOp], FeatureMap]:
    """Return the function that adds a border of zeros, or cuts one off."""
    return lambda op: op.row(kind, op.mapped(op.x, op.space), **_border(op, key))


def _border(op: CallOp, key: str) -> dict[str, Any]:
    """Return the field with the border's width before and after each axis."""
    value, axes = op.get(key, 1), op.space
    each = [value] * axes if isinstance(value, int) else value if isinstance(value, list) else []
    if len(each) == 2 * axes and not any(isinstance(width, list) for width in each):  # one after the other
        each = [each[place : place + 2] for place in range(0, 2 * axes, 2)]
    pairs = [[width, width] if isinstance(width, int) else width for width in each]
    if len(pairs) != axes or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004
        raise op.invalid(key, value, f"one pair for each of {axes} axes")
    return {key: tuple((op.checked(key, before), op.checked(key, after)) for before, after in pairs)}


def upsample(op: CallOp) -> FeatureMap:
    """Add an enlargement by integer factors."""
    x, factors = op.mapped(op.x, op.space), op.sizes("size", op.space, 2)
    return op.row("Interpolate", x, scale_factor=factors, mode=_mode(op, "nearest"))


def resize(op: CallOp) -> FeatureMap:
    """Add a resize to a given size: a height and a width, or both in a list."""
    size = op.argument(1, "size") if op.get("height") is None else [op.number("height"), op.number("width")]
    if not isinstance(size, list) or len(size) != 2:  # noqa: PLR2004  (a plane)
        raise op.invalid("size", size, "a height and a width")
    return op.row("Interpolate", op.mapped(op.x, 2), size=size, mode=_mode(op, "bilinear"))


def _mode(op: CallOp, default: str) -> str:
    modes = ("nearest", "bilinear", "bicubic", "area")
    mode = str(op.argument(2, "interpolation", "method", default=default)).lower()
    if mode not in modes:
        raise op.invalid("interpolation", mode, ", ".join(modes))
    return mode


def dense(op: CallOp) -> FeatureMap:
    """Add a linear layer on the last axis."""
    y = op.row("Linear", op.vectors(op.x), out_features=op.get("units"), bias=op.flag("use_bias", True))
    return followed(op, y)


def embedding(op: CallOp) -> FeatureMap:
    """Add a table of vectors."""
    fields = {"num_embeddings": op.get("input_dim"), "embedding_dim": op.get("output_dim")}
    return op.row("Embedding", op.vectors(op.x), **fields)


def reversible_embedding(op: CallOp) -> Made:
    """Add a table of vectors, or the scores of all its rows, with the same table or another."""
    if op.keywords.get("reverse") is not True:
        return embedding(op)
    if op.get("logit_soft_cap") is not None:
        raise op.problem("logit_soft_cap is not supported")
    own = op if op.flag("tie_weights", True) else op.having(held="")
    return own.row("Linear", op.vectors(op.x), out_features=op.get("input_dim"), bias=False)


def layer_scale(op: CallOp) -> FeatureMap:
    """Add the learned scale of ConvNeXt."""
    if op.x.sizes[-1] != op.number("projection_dim", op.x.sizes[-1]):
        raise op.problem("projection_dim is not the number of channels")
    return op.row("LayerScale", op.viewed(op.x, op.x.rank - 1, op.x.copies))


def einsum_dense(op: CallOp) -> Made:
    """Add a sum of products with a weight: letters that the output lacks are summed, as in a linear layer."""
    x, equation = op.x, op.word("equation", "").replace(" ", "")
    reads, weight, writes = _letters(op, equation, x.rank)
    sizes = dict(zip(reads, x.sizes, strict=True))
    out = op.get("output_shape")
    out = [out] if isinstance(out, int) else out
    if not isinstance(out, list) or len(out) > len(writes):
        raise op.problem("output_shape is not a list with a size for each axis")
    given = {letter: size for letter, size in zip(reversed(writes), reversed(out), strict=False) if size is not None}
    sizes = {letter: op.checked("output_shape", size) for letter, size in given.items()} | sizes
    if not {*weight, *writes} <= sizes.keys():
        raise op.problem(f"output_shape leaves a letter of {equation[:50]!r} open")
    terms = (reads, weight, writes)
    return op.grouped(lambda inner, y: followed(inner, _biased(inner, y, terms, sizes)), op.vectors(x))


def _letters(op: CallOp, equation: str, rank: int) -> tuple[str, str, str]:
    """Parse an equation, without the batch; dots stand for the remaining axes."""
    found = re.fullmatch(r"([a-z.]+),([a-z]+)->([a-z.]+)", equation)
    reads, weight, writes = found.groups() if found else ("", "", "")
    if reads.count("...") == writes.count("...") == 1:
        count = rank + 1 - (len(reads) - 3)
        dots = "".join(chr(ord("A") + place) for place in range(max(count, 0)))
        reads, writes = reads.replace("...", dots), writes.replace("...", dots)
    if not found or "." in reads + writes or len(reads) != rank + 1 or reads[:1] != writes[:1]:
        raise op.problem(f"the equation {equation[:50]!r} is not one over {rank} axes and a batch")
    return reads[1:], weight, writes[1:]


def _biased(op: CallOp, x: FeatureMap, terms: tuple[str, str, str], sizes: dict[str, int]) -> FeatureMap:
    """Add a product with a weight, and a bias for some of the axes it makes."""
    reads, weight, writes = terms
    made = [letter for letter in writes if letter in weight]
    biased = {*str(op.get("bias_axes") or "").replace(" ", "")}
    if not biased <= {*writes}:
        raise op.problem(f"bias_axes = {str(op.get('bias_axes'))[:50]!r} are not among the axes it writes")
    if {*weight} & {*reads} & {*writes}:
        plain, y = False, _spread(op, x, terms, sizes)
    else:
        plain = biased == {*made}
        y = _linear(op, x, terms, sizes, bias=plain)
    if plain or not biased:
        return y
    y = op.vectors(y)
    size = [sizes[letter] if letter in biased else 1 for letter in writes]
    bias = op.row("Parameter", y, tail="bias", size=size, channel=y.channel)
    return op.row("Elementwise", y, bias, tail="biased", function="add")


def _spread(op: CallOp, x: FeatureMap, terms: tuple[str, str, str], sizes: dict[str, int]) -> FeatureMap:
    """Add a product with weights of their own at each place of some axes."""
    weight = op.row("Parameter", x, tail="weight", size=[sizes[letter] for letter in terms[1]], channel=0)
    return op.row("Einsum", op.vectors(x), weight, equation=_equation(terms), channel=len(terms[2]) - 1)


def _equation(terms: tuple[str, str, str]) -> str:
    """Return an equation in small letters, of which there are enough for all axes."""
    small = dict(zip(sorted({*"".join(terms)}), ascii_lowercase, strict=False))
    reads, weight, writes = ("".join(small[letter] for letter in term) for term in terms)
    return f"{reads},{weight}->{writes}"


def _linear(op: CallOp, x: FeatureMap, terms: tuple[str, str, str], sizes: dict[str, int], *, bias: bool) -> FeatureMap:
    """Merge the summed axes, add a linear layer to all new ones, and reshape its output."""
    reads, weight, writes = terms
    summed = [axis for axis, letter in enumerate(reads) if letter in weight]
    made = [letter for letter in writes if letter in weight]
    kept = [letter for letter in reads if letter not in weight]
    if not summed or {*kept, *made} != {*writes}:
        raise op.problem("the equation sums an axis that the weight does not have, which is not supported")
    x = op.vectors(x) if summed == [x.rank - 1] else joined(op, op.vectors(x), summed)
    y = op.row("Linear", x, out_features=prod(sizes[letter] for letter in made), bias=bias)
    order = [*kept, *made]
    if len(made) > 1 or len(kept) + 1 != y.rank:
        y = reshaped(op, y, [sizes[letter] for letter in order], tail="out")
    return y if order == [*writes] else turned(op, y, [order.index(each) for each in writes], tail="order")


def normalization(add: Adder) -> Callable[[CallOp], Made]:
    """Return the function that adds a normalization over one axis, or over several, which are merged for it."""

    def over(op: CallOp) -> Made:
        axes = op.axes(op.get("axis", -1), op.x.rank)
        if len(axes) == 1:
            return add(op, op.viewed(op.x, axes[0]))
        return op.grouped(lambda inner, x: over_axes(inner, x, axes, add), op.vectors(op.x))

    return over


def _single(op: CallOp) -> FeatureMap:
    """Return the input, its channels on the one axis that the layer names."""
    axes = op.axes(op.get("axis", -1), op.x.rank)
    if len(axes) != 1:
        raise op.problem("it names several axes; only one is supported")
    return op.viewed(op.x, axes[0])


def _affine(op: CallOp) -> dict[str, Any]:
    """Return whether there are a scale and a shift."""
    scale, center = op.flag("scale", True), op.flag("center", True)
    return {"gamma": scale, "beta": center} if scale or center else {"affine": False}


def batch_norm(op: CallOp) -> FeatureMap:
    """Add a batch norm."""
    if op.get("renorm"):
        raise op.problem("renorm is not supported")
    return op.row("BatchNorm", _single(op), **_affine(op))


def _layer_norm(op: CallOp, x: FeatureMap) -> FeatureMap:
    scale, center = op.flag("scale", True), op.flag("center", True)
    if op.flag("rms_scaling", False):
        return op.row("RMSNorm", x, elementwise_affine=scale)
    if not scale and not center:
        return op.row("LayerNorm", x, elementwise_affine=False)
    return op.row("LayerNorm", x, bias=center, gamma=scale)


layer_norm = normalization(_layer_norm)
rms_norm = normalization(lambda op, x: op.row("RMSNorm", x))
unit_norm = normalization(lambda op, x: op.row("RMSNorm", x, elementwise_affine=False))


def group_norm(op: CallOp) -> FeatureMap:
    """Add a group norm; -1 groups are as many as channels."""
    x, groups = _single(op), op.number("groups", 32)
    return op.row("GroupNorm", x, num_groups=x.sizes[x.channel] if groups == -1 else groups, **_affine(op))


def data_norm(op: CallOp) -> Made:
    """Add a normalization by statistics of the data: given ones are constants, learned ones are params."""
    kept = op.get("mean") is None
    if op.get("axis", -1) in (None, []):
        return op.row("DataNorm", op.x, per_channel=False, track_stats=kept)
    return normalization(lambda inner, x: inner.row("DataNorm", x, track_stats=kept))(op)


def encoded(op: CallOp) -> FeatureMap:
    """Add numbers in place of words or values: one for each, or a vector with a place for each number there is."""
    mode = op.word("output_mode", "multi_hot" if op.kind == "CategoryEncoding" else "int")
    if mode == "int":
        return op.row("Identity", op.x)
    ends = op.get("bin_boundaries")
    size = (
        len(ends) + 1
        if isinstance(ends, list)
        else op.argument(1, "num_tokens", "num_bins", "max_tokens", "vocabulary_size")
    )
    if mode not in {"one_hot", "multi_hot", "binary", "count", "tf_idf"}:
        raise op.invalid("output_mode", mode, "int, one_hot, multi_hot, count or tf_idf")
    sizes = [*op.x.sizes] if mode == "one_hot" else [*op.x.sizes[:-1]]
    sizes = sizes[:-1] if mode == "one_hot" and sizes[-1:] == [1] else sizes
    vector = [*sizes, op.checked("num_tokens", size)]
    return op.row("Operation", op.vectors(op.x), operator=op.kind, size=vector, axes=op.x.rank, channel=len(vector) - 1)


def rescale(op: CallOp) -> FeatureMap:
    """Add a scaling by a constant, and an offset if there is one."""
    offset = op.get("offset", 0.0)
    y = op.row("Elementwise", op.x, function="mul")
    return y if offset == 0 else op.row("Elementwise", y, function="add", tail="offset")
