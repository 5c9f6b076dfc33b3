"""The operators of PyTorch that compute: products, convolutions, norms, functions of elements, pools.

A rule has the name of its operator without library and overload; the arguments are those of the schemas in
`aten/src/ATen/native/native_functions.yaml`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.pt2.lower import DTYPES, FLOAT, LoweredCall, Rule
from flopcount.readers.pt2.program import NameRef

ATEN = "aten"


def same(kind: str, *names: str, **attributes: Any) -> Rule:
    """Return a rule that writes one node of some arguments; those that are missing are left out."""

    def rule(op: LoweredCall) -> str:
        return op.emit(kind, *trimmed([op.optional(name) for name in names or ("self",)]), **attributes)

    return rule


def trimmed(names: list[str]) -> list[str]:
    """Leave out the names of tensors that are missing at the end."""
    while names and not names[-1]:
        names.pop()
    return names


def identity(op: LoweredCall) -> Sequence[str]:
    """Write nothing: what is read is what is made."""
    first = next((value for value in op.call.args.values() if isinstance(value, NameRef)), None)
    if first is None:
        raise Refusal("it reads no tensor")
    return [op.graph.value(first)] * max(len(op.call.outputs), 1)


# convolutions


def batched(op: LoweredCall, name: str, space: int, write: Callable[[str], str]) -> str:
    """Write an operator of maps; one without a batch gets an axis for it."""
    x = op.tensor(name)
    if op.rank(name) == space + 2:
        return write(x)
    axis = op.ints(0)
    return op.emit("Squeeze", write(op.emit("Unsqueeze", x, axis)), axis)


def _conv(op: LoweredCall) -> str:
    """Write a convolution, transposed or not."""
    space = max(op.rank("weight") - 2, 1)
    turned = "transpose" in op.name or bool(op.get("transposed", False))
    attributes: dict[str, Any] = {
        "strides": op.numbers("stride", space, 1),
        "dilations": op.numbers("dilation", space, 1),
        "group": op.get("groups", 1),
    }
    padding = op.get("padding", 0)
    if isinstance(padding, str):
        attributes["auto_pad"] = {"same": "SAME_UPPER", "valid": "VALID"}.get(padding, padding)
    else:
        attributes["pads"] = op.numbers("padding", space, 0) * 2
    if turned:
        attributes["output_padding"] = op.numbers("output_padding", space, 0)
    kind = "ConvTranspose" if turned else "Conv"
    more = trimmed([op.tensor("weight"), op.optional("bias")])
    return batched(op, "input", space, lambda x: op.emit(kind, x, *more, **attributes))


def _conv_tbc(op: LoweredCall) -> str:
    """Write a convolution of sequences: time, batch and channels; its weights have the taps first."""
    x, weight = (
        op.emit("Transpose", op.tensor(), perm=(1, 2, 0)),
        op.emit("Transpose", op.tensor("weight"), perm=(2, 1, 0)),
    )
    y = op.emit("Conv", x, weight, *trimmed([op.optional("bias")]), pads=(op.get("pad", 0),) * 2)
    return op.emit("Transpose", y, perm=(2, 0, 1))


def _deformed(op: LoweredCall) -> str:
    names = [op.tensor(name) for name in ("input", "weight", "offset", "mask", "bias")]
    attributes = {
        f"{word}s": tuple(op.get(f"{key}_{axis}", 1) for axis in "hw")
        for word, key in (("stride", "stride"), ("dilation", "dilation"))
    }
    pads = tuple(op.get(f"pad_{axis}", 0) for axis in "hw") * 2
    mask = names[3] if op.get("use_mask", True) else ""
    inputs = (*names[:3], mask, names[4])
    groups = {"group": op.get("groups", 1)}
    return op.emit("deform_conv2d", *inputs, domain="torchvision", pads=pads, **attributes, **groups)


# norms


def _batch_norm(op: LoweredCall) -> Sequence[str]:
    names = ("input" if op.has("input") else "self", "weight", "bias", "running_mean", "running_var")
    inputs = trimmed([op.optional(name) for name in names])
    outputs = op.several("batch_norm", *inputs, count=3, domain=ATEN)
    running = [op.optional(name) or outputs[1] for name in names[3:]]
    return [*outputs, *running, *outputs[1:]]


def _normed(kind: str, *names: str, groups: bool = False) -> Rule:
    """Return the rule of a norm that has a writer of its own."""

    def rule(op: LoweredCall) -> Sequence[str]:
        inputs = trimmed([op.optional(name) for name in names])
        attributes = {"num_groups": op.get("num_groups") or op.get("group")} if groups else {}
        return op.several(kind, *inputs, count=max(len(op.call.outputs), 1), domain=ATEN, **attributes)

    return rule


def _layer_norm(kind: str) -> Rule:
    def rule(op: LoweredCall) -> Sequence[str]:
        inputs = trimmed([op.tensor("input"), op.optional("weight"), op.optional("bias")])
        axis = -len(op.get("normalized_shape", (1,)))
        return op.several(kind, *inputs, count=max(len(op.call.outputs), 1), axis=axis)

    return rule


# functions of elements


def binary(kind: str, other: str = "other", one: str = "self", domain: str = "") -> Rule:
    """Return the rule of a function of two tensors, or of a tensor and a number, which may be multiplied."""
    return lambda op: op.emit(kind, op.tensor(one), op.tensor(other), domain=domain or _plain(op, "alpha"))


def _plain(op: LoweredCall, factor: str) -> str:
    """Return the domain of an operator: one with a factor has other numbers than that of ONNX."""
    return "" if op.get(factor, 1) == 1 else ATEN


def _div(op: LoweredCall) -> str:
    """Write a division; integers are divided as floats unless the quotient is rounded."""
    names, mode = (op.tensor(), op.tensor("other")), op.get("rounding_mode")
    is_whole = all(op.is_integer(name) for name in ("self", "other"))
    if op.name.startswith("floor_divide") or mode:
        return op.emit("Div", *names, domain="" if is_whole else ATEN)
    return op.emit("Div", *(op.emit("Cast", name, to=FLOAT) if is_whole else name for name in names))


def _unequal(op: LoweredCall) -> str:
    return op.emit("Not", op.emit("Equal", op.tensor(), op.tensor("other")))


def _round(op: LoweredCall) -> str:
    return op.emit("Round", op.tensor(), domain=ATEN if op.get("decimals") else "")


def _chained(*kinds: str) -> Rule:
    """Return the rule of several functions, one after the other."""

    def rule(op: LoweredCall) -> str:
        x = op.tensor()
        for kind in kinds:
            x = op.emit(kind, x)
        return x

    return rule


def _square(op: LoweredCall) -> str:
    return op.emit("Mul", op.tensor(), op.tensor())


def _addc(kind: str) -> Rule:
    def rule(op: LoweredCall) -> str:
        term = op.emit(kind, op.tensor("tensor1"), op.tensor("tensor2"), domain=_plain(op, "value"))
        return op.emit("Add", op.tensor(), term)

    return rule


def _lerp(op: LoweredCall) -> str:
    step = op.emit("Mul", op.emit("Sub", op.tensor("end"), op.tensor()), op.tensor("weight"))
    return op.emit("Add", op.tensor(), step)


def _glu(op: LoweredCall) -> str:
    one, other = op.several("Split", op.tensor(), count=2, axis=op.axis(), num_outputs=2)
    return op.emit("Mul", one, op.emit("Sigmoid", other))


def _clamp(low: str, high: str) -> Rule:
    def rule(op: LoweredCall) -> str:
        bounds = [op.optional(name) if name else "" for name in (low, high)]
        tensors = [value for name in (low, high) if isinstance(value := op.call.args.get(name), NameRef)]
        if tensors:  # bounds that are tensors
            x = op.tensor()
            for kind, bound in zip(("Max", "Min"), bounds, strict=True):
                x = op.emit(kind, x, bound) if bound else x
            return x
        return op.emit("Clip", op.tensor(), *trimmed(bounds))

    return rule


def _hardtanh(op: LoweredCall) -> str:
    low, high = op.get("min_val", -1), op.get("max_val", 1)
    return op.emit("Clip", op.tensor(), *(op.graph.value(float(bound)) for bound in (low, high)))


def _relu6(op: LoweredCall) -> str:
    return op.emit("Clip", op.tensor(), *(op.graph.value(bound) for bound in (0.0, 6.0)))


def places(op: LoweredCall, mask: NameRef) -> list[str]:
    """Return where a mask is true: a list of places along each of its axes."""
    found = op.emit("NonZero", op.graph.value(mask))
    axes = range(len(op.graph.meta(mask.name).dims))
    return [op.emit("Gather", found, op.graph.value(axis), axis=0) for axis in axes]


def _where(op: LoweredCall) -> str | list[str]:
    if not op.has("self") and not op.has("other"):
        return places(op, op.get("condition"))
    return op.emit("Where", op.tensor("condition"), op.tensor(), op.tensor("other"))


def _masked_fill(op: LoweredCall) -> str:
    return op.emit("Where", op.tensor("mask"), op.tensor("value"), op.tensor())


def _softmax(kind: str) -> Rule:
    return lambda op: op.emit(kind, op.tensor(), axis=op.axis())


def cast(op: LoweredCall) -> str:
    """Change the type of elements, if the call names one."""
    dtype = op.call.args.get("dtype")
    return op.emit("Cast", op.tensor(), to=DTYPES.get(dtype, FLOAT)) if isinstance(dtype, str) else op.tensor()


# pools and maps


def _space(op: LoweredCall) -> int:
    """Return the number of axes of space in the name of an operator."""
    return next(int(letter) for letter in op.name[::-1] if letter.isdigit() and letter in "123")


def _pool(kind: str) -> Rule:
    def rule(op: LoweredCall) -> Sequence[str]:
        space = _space(op)
        kernel = op.numbers("kernel_size", space, 1)
        stride = op.numbers("stride", space, 1) if op.get("stride", ()) else kernel
        attributes: dict[str, Any] = {
            "kernel_shape": kernel,
            "strides": stride,
            "pads": op.numbers("padding", space, 0) * 2,
            "ceil_mode": int(bool(op.get("ceil_mode", False))),
        }
        if kind == "MaxPool":
            attributes["dilations"] = op.numbers("dilation", space, 1)
        return [batched(op, "self", space, lambda x: op.emit(kind, x, **attributes))] * max(len(op.call.outputs), 1)

    return rule


def _adaptive(kind: str) -> Rule:
    def rule(op: LoweredCall) -> Sequence[str]:
        space = _space(op)
        sizes = op.get("output_size", 1)
        sizes = (sizes,) * space if isinstance(sizes, int | NameRef) and not isinstance(sizes, tuple) else tuple(sizes)
        sizes = sizes * space if len(sizes) == 1 else sizes
        if all(size == 1 for size in sizes):
            whole = {"AvgPool": "GlobalAveragePool", "MaxPool": "GlobalMaxPool"}[kind]
            y = batched(op, "self", space, lambda x: op.emit(whole, x))
        else:
            wanted = op.ints(tuple(-1 if size is None else size for size in sizes))
            y = batched(op, "self", space, lambda x: op.emit("adaptive", x, wanted, domain=ATEN, pool=kind))
        return [y] * max(len(op.call.outputs), 1)

    return rule


def _resize(mode: str) -> Rule:
    def rule(op: LoweredCall) -> str:
        space = _space(op)
        axes, name = tuple(range(2, space + 2)), "input" if op.has("input") else "self"
        scales = op.get("scale_factors") or tuple(
            value for key in ("scales", "scales_d", "scales_h", "scales_w") if (value := op.get(key)) is not None
        )
        if op.has("output_size"):
            return op.emit("Resize", op.tensor(name), "", "", op.ints(op.get("output_size")), axes=axes, mode=mode)
        factors = op.graph.constant(tuple(map(float, scales)), FLOAT)
        return op.emit("Resize", op.tensor(name), "", factors, axes=axes, mode=mode)

    return rule


_ACTIVATIONS = {
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "selu": "Selu",
    "celu": "Celu",
    "gelu": "Gelu",
    "silu": "Silu",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "hardsigmoid": "HardSigmoid",
    "hardswish": "HardSwish",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "threshold": "ThresholdedRelu",
    "rrelu": "LeakyRelu",
    "rrelu_with_noise": "LeakyRelu",
    "expit": "Sigmoid",
}

_UNARY = {
    **{name: name.capitalize() for name in ("exp", "log", "sqrt", "neg", "abs", "sin", "cos", "tan", "atan", "floor")},
    **{name: name.capitalize() for name in ("ceil", "sign", "reciprocal", "sinh", "cosh", "asin", "acos", "asinh")},
    **{name: name.capitalize() for name in ("acosh", "atanh", "erf")},
    "absolute": "Abs",
    "negative": "Neg",
    "isnan": "IsNaN",
    "isinf": "IsInf",
    "logical_not": "Not",
    "bitwise_not": "BitwiseNot",
}

_LIKE_UNARY = {
    **dict.fromkeys(
        (
            *("exp2", "expm1", "lgamma", "gammaln", "digamma", "psi", "polygamma", "mvlgamma", "multigammaln"),
            *("i0", "i0e", "i1", "i1e", "sinc", "erfcx", "entr", "ndtr", "ndtri", "log_ndtr", "bessel_j0", "bessel_j1"),
        ),
        "Exp",
    ),
    **dict.fromkeys(("log2", "log10", "log1p", "logit"), "Log"),
    **dict.fromkeys(("trunc", "fix", "frac"), "Floor"),
    **dict.fromkeys(("erfc", "erfinv"), "Erf"),
    **dict.fromkeys(("hardshrink", "softshrink"), "Shrink"),
    **dict.fromkeys(("deg2rad", "rad2deg"), "Neg"),
    **dict.fromkeys(("sgn", "signbit"), "Sign"),
    "isfinite": "IsNaN",
    **dict.fromkeys(("isposinf", "isneginf"), "IsInf"),
    "nan_to_num": "Abs",
}
"""Functions that cost what those of ONNX do, and make other numbers."""

_BINARY = {
    **{name: name.capitalize() for name in ("add", "sub", "mul")},
    "subtract": "Sub",
    "multiply": "Mul",
    "remainder": "Mod",
    **dict.fromkeys(("maximum", "fmax"), "Max"),
    **dict.fromkeys(("minimum", "fmin"), "Min"),
    "eq": "Equal",
    **dict.fromkeys(("lt", "less"), "Less"),
    **dict.fromkeys(("gt", "greater"), "Greater"),
    **dict.fromkeys(("le", "less_equal"), "LessOrEqual"),
    **dict.fromkeys(("ge", "greater_equal"), "GreaterOrEqual"),
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
    **dict.fromkeys(("bitwise_and", "__and__"), "BitwiseAnd"),
    **dict.fromkeys(("bitwise_or", "__or__"), "BitwiseOr"),
    **dict.fromkeys(("bitwise_xor", "__xor__"), "BitwiseXor"),
}

_LIKE_BINARY = {
    "ldexp": "Mul",
    "fmod": "Mod",
    "isclose": "Equal",
    **dict.fromkeys(("atan2", "hypot", "copysign", "xlogy", "xlog1py", "logaddexp", "logaddexp2", "igamma"), "Pow"),
    **dict.fromkeys(("igammac", "gammainc", "gammaincc", "zeta", "nextafter", "gcd", "lcm"), "Pow"),
    **dict.fromkeys(("bitwise_left_shift", "bitwise_right_shift", "__lshift__", "__rshift__"), "BitShift"),
}
"""Functions of two tensors that cost what those of ONNX do, and make other numbers."""

_UPSAMPLED = {
    **{f"{name}{space}d": "nearest" for name in ("upsample_nearest", "_upsample_nearest_exact") for space in (1, 2, 3)},
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "_upsample_bilinear2d_aa"), "linear"),
    "upsample_trilinear3d": "linear",
    **dict.fromkeys(("upsample_bicubic2d", "_upsample_bicubic2d_aa"), "cubic"),
}

_NORM_INPUTS = ("input", "weight", "bias", "running_mean", "running_var")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            *(f"conv{space}d" for space in (1, 2, 3)),
            *(f"conv_transpose{space}d" for space in (1, 2, 3)),
            *("convolution", "_convolution"),
        ),
        _conv,
    ),
    "deform_conv2d": _deformed,
    "conv_tbc": _conv_tbc,
    **dict.fromkeys(
        (
            *("batch_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
            *("_native_batch_norm_legit_functional", "_batch_norm_with_update", "_batch_norm_no_update"),
            *("cudnn_batch_norm", "_batch_norm_with_update_functional"),
        ),
        _batch_norm,
    ),
    "instance_norm": _normed("instance_norm", *_NORM_INPUTS),
    **dict.fromkeys(("group_norm", "native_group_norm"), _normed("group_norm", "input", "weight", "bias", groups=True)),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), _layer_norm("LayerNormalization")),
    **dict.fromkeys(("rms_norm", "_fused_rms_norm"), _layer_norm("RMSNormalization")),
    **{name: same(kind) for name, kind in _ACTIVATIONS.items()},
    "relu6": _relu6,
    "hardtanh": _hardtanh,
    **dict.fromkeys(("prelu", "_prelu_kernel"), same("PRelu", "self", "weight")),
    "log_sigmoid": _chained("Sigmoid", "Log"),
    "log_sigmoid_forward": lambda op: [_chained("Sigmoid", "Log")(op)] * 2,  # type: ignore[list-item]
    "rsqrt": _chained("Sqrt", "Reciprocal"),
    "square": _square,
    "glu": _glu,
    **{name: same(kind) for name, kind in _UNARY.items()},
    **{name: same(kind, domain=ATEN) for name, kind in _LIKE_UNARY.items()},
    **{name: binary(kind) for name, kind in _BINARY.items()},
    **{name: binary(kind, domain=ATEN) for name, kind in _LIKE_BINARY.items()},
    **dict.fromkeys(("ne", "not_equal"), _unequal),
    **dict.fromkeys(("div", "divide", "true_divide", "floor_divide"), _div),
    "round": _round,
    "rsub": binary("Sub", "self", "other"),
    "heaviside": binary("Greater", "values", domain=ATEN),
    **dict.fromkeys(("pow", "float_power"), binary("Pow", "exponent")),
    "addcmul": _addc("Mul"),
    "addcdiv": _addc("Div"),
    "lerp": _lerp,
    **dict.fromkeys(("clamp", "clip"), _clamp("min", "max")),
    "clamp_min": _clamp("min", ""),
    "clamp_max": _clamp("", "max"),
    "where": _where,
    "masked_fill": _masked_fill,
    **dict.fromkeys(("softmax", "_softmax", "_safe_softmax"), _softmax("Softmax")),
    **dict.fromkeys(("log_softmax", "_log_softmax"), _softmax("LogSoftmax")),
    **dict.fromkeys(("to", "_to_copy", "type_as", "convert_element_type"), cast),
    **{f"max_pool{space}d": _pool("MaxPool") for space in (1, 2, 3)},
    **{f"max_pool{space}d_with_indices": _pool("MaxPool") for space in (1, 2, 3)},
    **{f"avg_pool{space}d": _pool("AveragePool") for space in (1, 2, 3)},
    **{f"adaptive_avg_pool{space}d": _adaptive("AvgPool") for space in (1, 2, 3)},
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"), _adaptive("AvgPool")),
    **{f"adaptive_max_pool{space}d": _adaptive("MaxPool") for space in (1, 2, 3)},
    **{name: _resize(mode) for name, mode in _UPSAMPLED.items()},
    **dict.fromkeys(("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"), same("GridSample", "input", "grid")),
    "affine_grid_generator": lambda op: op.emit("AffineGrid", op.tensor("theta"), op.ints(op.get("size"))),
}
"""Rules by the name of the operator."""
