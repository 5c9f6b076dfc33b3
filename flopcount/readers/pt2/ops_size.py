"""The operators of PyTorch that compute sizes or check them."""

from collections.abc import Mapping

from flopcount.errors import Refusal
from flopcount.readers.pt2.lower import FLOAT, INT64, LoweredCall, Rule
from flopcount.readers.pt2.ops_shape import flat

# sizes


def _sym_size(op: LoweredCall) -> str:
    return op.size(op.tensor(), op.axis("dim", 0))


def _numbers(kind: str) -> Rule:
    """Return the rule of arithmetic on sizes: arguments have names or numbers."""

    def rule(op: LoweredCall) -> str:
        values = [op.graph.value(value) for value in flat(op.call.args.values())]
        return op.emit(kind, *values)

    return rule


def _true_division(op: LoweredCall) -> str:
    values = [op.emit("Cast", op.graph.value(value), to=FLOAT) for value in flat(op.call.args.values())]
    return op.emit("Div", *values)


def _cast_number(dtype: int) -> Rule:
    return lambda op: op.emit("Cast", op.graph.value(flat(op.call.args.values())[0]), to=dtype)


def _rounded(kind: str) -> Rule:
    return lambda op: op.emit("Cast", op.emit(kind, op.graph.value(flat(op.call.args.values())[0])), to=INT64)


def _unequal(op: LoweredCall) -> str:
    return op.emit("Not", op.emit("Equal", *(op.graph.value(value) for value in flat(op.call.args.values()))))


def _scalar_of(op: LoweredCall) -> str:
    return op.emit("Reshape", op.tensor(), op.ints(()), allowzero=1) if op.rank() else op.tensor()


def _nothing(op: LoweredCall) -> list[str]:
    """Write nothing: a check that the program makes."""
    return [op.graph.value(0)] * len(op.call.outputs)


def _with_effects(op: LoweredCall) -> list[str]:
    """Run an operator whose effects are in an order: nothing but a check."""
    operator = str([*op.call.args.values()][1]).removeprefix("torch.ops.")
    if operator.split(".")[1:2] not in [[name] for name in _CHECKS]:
        raise Refusal(f"it runs {operator[:60]}; of operators with effects, only checks are supported")
    return _nothing(op)


_CHECKS = (
    *("_linalg_check_errors", "_make_token", "_make_dep_token", "_sink_tokens"),
    *("_assert_async", "_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range", "_print", "manual_seed"),
    *("sym_constrain_range_for_size", "_functional_assert_async", "_functional_assert_scalar", "print"),
    *("_functional_sym_constrain_range", "number:lazy_load_decompositions"),
)

_OPERATORS = {
    **dict.fromkeys(("add", "iadd"), "Add"),
    "sub": "Sub",
    "mul": "Mul",
    "floordiv": "Div",
    "mod": "Mod",
    "pow": "Pow",
    "neg": "Neg",
    "eq": "Equal",
    "lt": "Less",
    "gt": "Greater",
    "le": "LessOrEqual",
    "ge": "GreaterOrEqual",
    **dict.fromkeys(("and_", "sym_and"), "And"),
    **dict.fromkeys(("or_", "sym_or"), "Or"),
    **dict.fromkeys(("not_", "sym_not"), "Not"),
    **dict.fromkeys(("sym_max", "max"), "Max"),
    **dict.fromkeys(("sym_min", "min"), "Min"),
    "sym_ite": "Where",
    "sym_sum": "Sum",
    **dict.fromkeys(("sqrt", "_sym_sqrt", "sym_sqrt"), "Sqrt"),
    "abs": "Abs",
}

_NUMBERS: Mapping[str, Rule] = {
    **{name: _numbers(kind) for name, kind in _OPERATORS.items()},
    "truediv": _true_division,
    "ne": _unequal,
    **dict.fromkeys(("sym_float", "float"), _cast_number(FLOAT)),
    **dict.fromkeys(("sym_int", "trunc", "int"), _cast_number(INT64)),
    **{name: _rounded(name.capitalize()) for name in ("floor", "ceil", "round")},
}
"""The rules of arithmetic on sizes: of `_operator`, `math` and `torch.sym_*`."""

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_CHECKS, _nothing),
    **{f"number:{name}": rule for name, rule in _NUMBERS.items()},
    "with_effects": _with_effects,
    "sym_size": _sym_size,
    "sym_numel": lambda op: op.emit("Size", op.tensor()),
    **dict.fromkeys(("item", "_local_scalar_dense"), _scalar_of),
}
"""Rules by the name of the operator."""
