"""The operators of PyTorch that compute sizes or check them, and those that run graphs."""

from collections.abc import Mapping, Sequence
from typing import Any

from flopcount.readers.onnx.file import GraphProto, ValueInfo
from flopcount.readers.pt2.lower import FLOAT, INT64, LoweredCall, Rule
from flopcount.readers.pt2.ops_shape import flat, named
from flopcount.readers.pt2.program import CallGraph, NameRef

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


# graphs that a call runs


def _wrapped(op: LoweredCall) -> list[str]:
    """Run a graph as if its calls stood here."""
    values = [*op.call.args.values()]
    place = next(place for place, value in enumerate(values) if isinstance(value, CallGraph))
    given = [value for value in flat(values[place + 1 :]) if value is not None and not isinstance(value, str)]
    graph = values[place]
    return op.inline(graph, given[: len(graph.inputs)])


def _body(op: LoweredCall, graph: CallGraph, args: Sequence[Any], inputs: Sequence[str] = ()) -> GraphProto:
    """Return a graph that a node runs; it reads what is around it."""
    nodes, op.graph.nodes = op.graph.nodes, []
    try:
        outputs = op.inline(graph, args)
        own = tuple(op.graph.nodes)
    finally:
        op.graph.nodes = nodes
    made = {*inputs, *(name for node in own for name in node.outputs)}
    read = {*(name for node in own for name in node.reads), *outputs} - made - {""}
    infos = [tuple(ValueInfo(name, None, 0) for name in names) for names in (inputs, outputs)]
    return GraphProto(own, {}, infos[0], infos[1], (), frozenset(read))


def _cond(op: LoweredCall) -> list[str]:
    """Run one of two graphs."""
    values = [*op.call.args.values()]
    args = [value for value in flat(values[3:]) if value is not None]
    branches = [_body(op, graph, args) for graph in values[1:3]]
    names: dict[str, Any] = dict(zip(("then_branch", "else_branch"), branches, strict=True))
    count = len(branches[0].outputs)
    return op.several("If", op.graph.value(values[0]), count=count, **names)


def _scan(op: LoweredCall) -> list[str]:
    """Run a graph for each place along the first axis of some tensors, and keep a state."""
    graph, init, xs, *more = op.call.args.values()
    state, scanned, others = ([value for value in flat((each,)) if value is not None] for each in (init, xs, more))
    inputs = op.graph.fresh(op.call, len(state) + len(scanned))
    refs = [NameRef(named(op, name)) for name in inputs]
    body = _body(op, graph, [*refs, *others], inputs)
    names = [op.graph.value(value) for value in (*state, *scanned)]
    return op.several("Scan", *names, count=len(body.outputs), body=body, num_scan_inputs=len(scanned))


def _map(op: LoweredCall) -> list[str]:
    """Run a graph for each place along the first axis of some tensors."""
    graph, xs, *more = op.call.args.values()
    scanned, others = flat((xs,)), flat(more)
    inputs = op.graph.fresh(op.call, len(scanned))
    refs = [NameRef(named(op, name)) for name in inputs]
    body = _body(op, graph, [*refs, *others], inputs)
    names = [op.graph.value(value) for value in scanned]
    return op.several("Scan", *names, count=len(body.outputs), body=body, num_scan_inputs=len(scanned))


_CHECKS = (
    *("_assert_async", "_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range", "_print", "manual_seed"),
    *("sym_constrain_range_for_size", "_assert", "_check", "assert_scalar", "_functional_assert_async"),
    *("_functional_assert_scalar", "_functional_sym_constrain_range", "_enter_autocast", "_exit_autocast", "print"),
    *("_set_grad_enabled", "_assert_meta"),
)

_WRAPPERS = (
    *("wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", "hints_wrapper", "wrap"),
    *("invoke_subgraph", "wrap_activation_checkpoint", "strict_mode", "autograd_function_apply", "cond_wrapped"),
    *("invoke_leaf_function", "dynamo_bypassing_wrapper", "inductor_compiled_code", "wrap_body_fn"),
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
    "sym_size": _sym_size,
    "sym_numel": lambda op: op.emit("Size", op.tensor()),
    **dict.fromkeys(("item", "_local_scalar_dense"), _scalar_of),
    **dict.fromkeys(_WRAPPERS, _wrapped),
    "cond": _cond,
    "scan": _scan,
    **dict.fromkeys(("map", "map_impl"), _map),
}
"""Rules by the name of the operator."""
