"""The operators of PyTorch that run graphs: one of two, one as often as something says, or one as it stands."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import GraphProto, ValueInfo
from flopcount.readers.pt2.lower import LoweredCall, Rule
from flopcount.readers.pt2.ops_product import RULES as PRODUCTS
from flopcount.readers.pt2.ops_shape import flat
from flopcount.readers.pt2.program import CallGraph, NameRef
from flopcount.readers.pt2.sizes import named


def _given(*values: Any) -> list[Any]:
    """Return the arguments in lists one by one, without those that are missing."""
    return [value for value in flat(values) if value is not None]


def _wrapped(op: LoweredCall) -> list[str]:
    """Run a graph as if its calls stood here."""
    values = [*op.call.args.values()]
    place = next(place for place, value in enumerate(values) if isinstance(value, CallGraph))
    given = [value for value in _given(*values[place + 1 :]) if not isinstance(value, str | CallGraph)]
    graph = values[place]
    made = op.inline(graph, given[: len(graph.inputs)])
    has_gradients = op.name != "wrap_with_set_grad_enabled" or values[0]
    return made if has_gradients else [op.emit("Detach", name) for name in made]


def _body(op: LoweredCall, write: Callable[[], list[str]], inputs: Sequence[str] = ()) -> GraphProto:
    """Return a graph that a node runs; it reads what is around it."""
    nodes, op.graph.nodes = op.graph.nodes, []
    try:
        outputs = write()
        own = tuple(op.graph.nodes)
    finally:
        op.graph.nodes = nodes
    made = {*inputs, *(name for node in own for name in node.outputs)}
    read = {*(name for node in own for name in node.reads), *outputs} - made - {""}
    infos = [tuple(ValueInfo(name, None, 0) for name in names) for names in (inputs, outputs)]
    return GraphProto(own, {}, infos[0], infos[1], (), frozenset(read))


def _cond(op: LoweredCall) -> list[str]:
    """Run one of two graphs."""
    condition, one, other, *more = op.call.args.values()
    then, otherwise = (_body(op, partial(op.inline, graph, _given(*more))) for graph in (one, other))
    count = len(then.outputs)
    return op.several("If", op.graph.value(condition), count=count, then_branch=then, else_branch=otherwise)


def _scan(op: LoweredCall) -> list[str]:
    """Run a graph for each place along the first axis of some tensors, and keep a state."""
    graph, init, xs, *more = op.call.args.values()
    return _scanned(op, graph, _given(init), _given(xs), _given(*more))


def _map(op: LoweredCall) -> list[str]:
    """Run a graph for each place along the first axis of some tensors."""
    graph, xs, *more = op.call.args.values()
    return _scanned(op, graph, [], _given(xs), _given(*more))


def _scanned(
    op: LoweredCall, graph: CallGraph, state: Sequence[Any], xs: Sequence[Any], more: Sequence[Any], **attributes: Any
) -> list[str]:
    inputs = op.graph.fresh(op.call, len(state) + len(xs))
    items = [NameRef(named(op, name)) for name in inputs]
    body = _body(op, lambda: op.inline(graph, [*items, *more]), inputs)
    names = [op.graph.value(value) for value in (*state, *xs)]
    return op.several("Scan", *names, count=len(body.outputs), body=body, num_scan_inputs=len(xs), **attributes)


def _while(op: LoweredCall) -> list[str]:
    """Run a graph as long as another one says."""
    condition, graph, init, *more = op.call.args.values()
    state, others = _given(init), _given(*more)
    inputs = op.graph.fresh(op.call, len(state) + 2)
    items = [NameRef(named(op, name)) for name in inputs[2:]]

    def write() -> list[str]:
        made = op.inline(graph, [*items, *others])
        return [*op.inline(condition, [*(NameRef(named(op, name)) for name in made), *others]), *made]

    go = op.inline(condition, [*state, *others])
    names = [op.graph.value(value) for value in state]
    return op.several("Loop", "", *go, *names, count=len(state), body=_body(op, write, inputs))


def _associative_scan(op: LoweredCall) -> list[str]:
    """Combine all places along the first axis; a function of elements is written once, for all places."""
    graph, xs, *more = op.call.args.values()
    if any(LoweredCall(call, op.graph).name in PRODUCTS for call in graph.calls):
        raise Refusal("its function multiplies matrices; how often it does so is up to PyTorch")
    values = _given(xs)
    return op.inline(graph, [*values, *values, *_given(*more)])


def _vmap(op: LoweredCall) -> list[str]:
    graph, xs, more = (op.get(name) for name in ("graph", "xs", "more"))
    axes = {"scan_input_axes": op.get("in_dims"), "scan_output_axes": op.get("out_dims")}
    return _scanned(op, graph._replace(tensors=op.graph.metas), [], xs, more, **axes)


_WRAPPERS = (
    *("wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", "hints_wrapper", "wrap"),
    *("invoke_subgraph", "wrap_activation_checkpoint", "strict_mode", "autograd_function_apply"),
    "dynamo_bypassing_wrapper",
)

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_WRAPPERS, _wrapped),
    "cond": _cond,
    "scan": _scan,
    **dict.fromkeys(("map", "map_impl"), _map),
    "while_loop": _while,
    "associative_scan": _associative_scan,
    "vmap": _vmap,
}
"""Rules by the name of the operator."""
