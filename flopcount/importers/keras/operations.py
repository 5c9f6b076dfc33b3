"""Operations between the layers of a Keras model: `keras.ops`, and functions of TensorFlow in Keras 2."""

from collections.abc import Callable, Container, Mapping

from flopcount.importers.keras.activations import applied
from flopcount.importers.keras.arguments import along, argument, operands
from flopcount.importers.keras.convs import pool
from flopcount.importers.keras.joins import combined, einsum
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use

BINARY: Mapping[str, str] = {
    **dict.fromkeys(("add", "addv2", "iadd", "radd", "biasadd"), "add"),
    **dict.fromkeys(("subtract", "sub", "rsub"), "sub"),
    **dict.fromkeys(("multiply", "mul", "rmul"), "mul"),
    **dict.fromkeys(("divide", "truediv", "truedivide", "realdiv", "dividenonan", "floordiv", "floordivide"), "div"),
    **dict.fromkeys(("maximum",), "max"),
    **dict.fromkeys(("minimum",), "min"),
    **dict.fromkeys(("power", "pow"), "pow"),
    **dict.fromkeys(("mod", "floormod"), "mod"),
    **dict.fromkeys(("equal", "notequal"), "equal"),
    **dict.fromkeys(("less", "lessequal"), "less"),
    **dict.fromkeys(("greater", "greaterequal"), "greater"),
    **dict.fromkeys(("logicaland",), "and"),
    **dict.fromkeys(("logicalor", "logicalxor"), "or"),
    **dict.fromkeys(("where", "select", "selectv2"), "where"),
}
"""Operations on two tensors, or on one and a constant."""

ELEMENTS: Mapping[str, str] = {
    **{name: name for name in ("abs", "sign", "square", "sqrt", "exp", "log", "erf", "sin", "cos", "tan")},
    **{name: name for name in ("floor", "ceil", "round", "reciprocal", "clip")},
    "absolute": "abs",
    "negative": "neg",
    "neg": "neg",
    "rsqrt": "sqrt",
    "log1p": "log",
    "expm1": "exp",
    "logicalnot": "not",
    "clipbyvalue": "clip",
    "log2": "log",
    "log10": "log",
}
"""Operations on each element of one tensor."""

APPLIED: Mapping[str, str] = {
    **{name: name for name in ("relu", "relu6", "sigmoid", "silu", "gelu", "tanh", "softplus", "softsign", "elu")},
    **{name: name for name in ("selu", "celu", "mish", "swish")},
    "leakyrelu": "leaky_relu",
    "logsigmoid": "log_sigmoid",
    "hardsigmoid": "hard_sigmoid",
    "hardsilu": "hard_silu",
    "hardswish": "hard_silu",
    "hardtanh": "hard_tanh",
}
"""Activations, as operations are called."""

PASSED = ("identity", "cast", "copy", "stopgradient", "flip", "reverse", "roll", "castlike", "convert", "ensureshape")
"""Operations that move numbers, or nothing."""

REDUCTIONS: Mapping[str, str] = {
    **dict.fromkeys(("mean", "reducemean"), "mean"),
    **dict.fromkeys(("sum", "reducesum"), "sum"),
    **dict.fromkeys(("max", "amax", "reducemax"), "max"),
    **dict.fromkeys(("min", "amin", "reducemin"), "min"),
    **dict.fromkeys(("prod", "reduceprod"), "prod"),
    "argmax": "argmax",
    "argmin": "argmin",
    "logsumexp": "logsumexp",
    "norm": "norm",
}
"""Operations that make one number of many."""


def binary(use: Use, name: str) -> Tensor:
    """Write an operation on two tensors, or on one and a constant."""
    found, xs = BINARY[name], operands(use)
    if len(xs) > 1:
        return combined(use, xs, found)
    return use.row("Elementwise", use.x, function=found)


def element(use: Use, name: str) -> Tensor:
    """Write an operation on each element."""
    return use.row("Elementwise", use.x, function=ELEMENTS[name])


def function(use: Use, name: str) -> Tensor:
    """Write an activation."""
    return applied(use, use.x, APPLIED[name])


def softmax(use: Use, _: str) -> Tensor:
    """Write a softmax."""
    axis = argument(use, 1, "axis", default=-1)
    return applied(use, use.x, "softmax", axis=use.axis(axis, use.x.rank))


def passed(use: Use, _: str) -> Tensor:
    """Write what computes nothing."""
    return use.row("Identity", use.x)


def reduced(use: Use, name: str) -> Tensor:
    """Write a reduction: a global pool where it is one over space."""
    x, found = use.x, REDUCTIONS[name]
    axes = along(use, argument(use, 1, "axis"), x.rank)
    keep = argument(use, 2, "keepdims", "keep_dims", default=False) is True
    space = [axis for axis in range(x.rank) if axis != x.channel]
    if found in {"mean", "max"} and x.copies == 0 and x.rank > 1 and axes == space:
        kind = "GlobalAvgPool" if found == "mean" else "GlobalMaxPool"
        return use.row(kind, x, keepdim=keep, channel=x.channel if keep else 0)
    seen = use.vectors(x)
    left = x.rank if keep else max(x.rank - len(axes), 1)
    places = [axis - x.rank for axis in axes]
    return use.row("Reduce", seen, axes=places, function=found, keepdim=keep, channel=left - 1)


def matmul(use: Use, _: str) -> Tensor:
    """Write a product of matrices, with copies in front where there are."""
    xs = operands(use)
    if len(xs) != 2 or min(x.rank for x in xs) < 2:  # noqa: PLR2004  (two matrices)
        raise use.problem("reads two matrices of two axes or more each, and has not got them")
    one, other = (_letters(xs[0].rank, "x"), _letters(xs[1].rank, "y"))
    turned_one = argument(use, 2, "transpose_a", "adj_x") is True
    turned_other = argument(use, 3, "transpose_b", "adj_y") is True
    one = one[:-2] + (one[-1] + one[-2] if turned_one else one[-2:])
    other = other[:-2] + (other[-1] + other[-2] if turned_other else other[-2:])
    copies = one[:-2] if len(one) >= len(other) else other[:-2]
    return einsum(use, xs, (one, other), f"{copies}xz")


def _letters(rank: int, which: str) -> str:
    """Name the axes of a factor: rows, columns, and the copies in front of both by one alphabet."""
    front = "abcdefgh"[-(rank - 2) :] if rank > 2 else ""  # noqa: PLR2004  (a matrix)
    return front + ("xy" if which == "x" else "yz")


def einsum_of(use: Use, _: str) -> Tensor:
    """Write a sum of products over letters; the batch has the first one."""
    equation = str(argument(use, 0, "subscripts", "equation", default="")).replace(" ", "")
    reads, _, out = equation.partition("->")
    terms, xs = reads.split(","), operands(use)
    if not out or len(terms) != len(xs) or not {term[:1] for term in terms} == {out[:1]} or "." in equation:
        raise use.problem(f"the equation {equation[:50]!r} is not one over a batch in front of all")
    return einsum(use, xs, [term[1:] for term in terms], out[1:])


def attention(use: Use, _: str) -> Tensor | list[Tensor]:
    """Write attention over tokens, heads and channels: two products, and the softmax between them."""
    xs = [argument(use, place, name) for place, name in enumerate(("query", "key", "value"))]
    if not all(isinstance(x, Tensor) and x.rank == HEADS for x in xs) or len({x.sizes[1] for x in xs}) > 1:
        raise use.problem("reads queries, keys and values with as many heads each, and has not got them")
    return use.grouped(_attended, *xs)


HEADS = 3
"""Tokens, heads and channels."""


def _attended(use: Use, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = einsum(use, [query, key], ("nhd", "mhd"), "hnm", tail="scores")
    weights = applied(use, scores, "softmax", behind=True)
    return einsum(use, [weights, value], ("hnm", "mhv"), "nhv", tail="sum")


def pooled(use: Use, name: str) -> Tensor:
    """Write a pool with a sliding window."""
    names = ("pool_size", "strides", "padding", "data_format")
    found = {key: argument(use, place, key) for place, key in enumerate(names, 1)}
    config = {key: value for key, value in found.items() if value is not None}
    kind = f"{'Max' if name == 'maxpool' else 'Average'}Pool{use.x.rank - 1}D"
    return pool(use._replace(config=config, blame=use.blame._replace(kind=kind)))


def family(name: str) -> Callable[[Use, str], Tensor] | None:
    """Return what writes an operation that is one of many alike."""
    families: tuple[tuple[Container[str], Callable[[Use, str], Tensor]], ...] = (
        (BINARY, binary),
        (ELEMENTS, element),
        (APPLIED, function),
        (REDUCTIONS, reduced),
        (PASSED, passed),
    )
    return next((write for names, write in families if name in names), None)
