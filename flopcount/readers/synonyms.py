"""The names of functions in other tools, without case and underscores: one table for each meaning."""

from collections.abc import Mapping


def plain_word(name: str) -> str:
    """Return the name of a function without modules, case and underscores: nn.relu6, reduce_mean, Relu6."""
    return name.rpartition(".")[2].replace("_", "").lower()


ACTIVATIONS: Mapping[str, str] = {
    **{name: name for name in ("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh")},
    **{name: name for name in ("softplus", "softsign", "hardsigmoid", "hardswish", "hardtanh")},
    **dict.fromkeys(("leakyrelu", "leaky", "relie"), "leaky_relu"),
    **dict.fromkeys(("fastgelu", "quickgelu", "biasgelu"), "gelu"),
    "thresholdedrelu": "relu",
    "swish": "silu",
    "logistic": "sigmoid",
    "hardsilu": "hardswish",
    "hardtan": "hardtanh",
    "hardmish": "mish",
}
"""Activation functions: each with its name here."""

OPERATORS: Mapping[str, str] = {
    **dict.fromkeys(("add", "addv2", "iadd", "radd", "biasadd", "sum", "mean"), "add"),
    **dict.fromkeys(("sub", "subtract", "rsub"), "sub"),
    **dict.fromkeys(("mul", "multiply", "rmul"), "mul"),
    **dict.fromkeys(("div", "divide", "truediv", "truedivide", "realdiv", "dividenonan"), "div"),
    **dict.fromkeys(("floordiv", "floordivide"), "div"),
    **dict.fromkeys(("max", "maximum", "threshold"), "max"),
    **dict.fromkeys(("min", "minimum"), "min"),
    **dict.fromkeys(("pow", "power"), "pow"),
    **dict.fromkeys(("mod", "floormod"), "mod"),
    **dict.fromkeys(("equal", "notequal"), "equal"),
    **dict.fromkeys(("less", "lessequal", "lessorequal"), "less"),
    **dict.fromkeys(("greater", "greaterequal", "greaterorequal"), "greater"),
    **dict.fromkeys(("and", "logicaland"), "and"),
    **dict.fromkeys(("or", "logicalor", "xor", "logicalxor"), "or"),
    **dict.fromkeys(("not", "logicalnot"), "not"),
    **dict.fromkeys(("where", "select", "selectv2", "hardshrink", "softshrink"), "where"),
    **dict.fromkeys(("abs", "absolute"), "abs"),
    **dict.fromkeys(("neg", "negative"), "neg"),
    **dict.fromkeys(("sqrt", "rsqrt", "squareplus"), "sqrt"),
    **dict.fromkeys(("exp", "exponential", "expm1"), "exp"),
    **dict.fromkeys(("log", "log1p", "log2", "log10", "logsigmoid"), "log"),
    **dict.fromkeys(("clip", "clipbyvalue"), "clip"),
    **{name: name for name in ("sign", "square", "erf", "sin", "cos", "tan", "floor", "ceil", "round", "reciprocal")},
}
"""Operators on elements: each with the function of an `Elementwise` it is, or mostly consists of."""

SEVERAL = frozenset(
    ("add", "sub", "mul", "div", "max", "min", "pow", "mod", "equal", "less", "greater", "and", "or", "where")
)
"""The functions of an `Elementwise` that take more than one tensor."""
