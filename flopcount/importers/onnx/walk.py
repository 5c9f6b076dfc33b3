"""The walk through a graph: each node folded, or written as rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flopcount.errors import ShapeError
from flopcount.importers.onnx.calls import Call
from flopcount.importers.onnx.folds import ALWAYS, KEEP, folded, kept_data
from flopcount.importers.onnx.graph import (
    MOST_NODES,
    Body,
    Function,
    Model,
    Node,
    graph,
)
from flopcount.importers.onnx.joins import parameter
from flopcount.importers.onnx.operators import Writer, writer
from flopcount.importers.onnx.patterns import fused
from flopcount.importers.onnx.scopes import filled, initial, is_known, readers
from flopcount.importers.onnx.tensors import FLOATS
from flopcount.importers.onnx.values import Rows, Unreadable, Value

DEEPEST = 16
"""Functions and branches inside each other deeper than this are refused."""

PRODUCTS = frozenset(("MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose"))
"""The operators that multiply and add."""

Env = dict[str, Value | None]
"""What each name stands for; None where it follows from an operator that is not known."""


class NodeError(Exception):
    """A node cannot be read: which, and why."""

    def __init__(self, node: Node, what: str) -> None:
        """Keep the node and the sentence."""
        super().__init__(what)
        self.node = node


class Scope(NamedTuple):
    """The names of a graph or of a function body, with how often each is read."""

    env: Env
    readers: Counter[str]
    opsets: Mapping[str, int]
    depth: int = 0


class Walk:
    """One walk: the rows it has written, and what it could not know."""

    def __init__(
        self, model: Model, rows: Rows, declared: Mapping[str, tuple[int, ...]], *, allow_unknown: bool
    ) -> None:
        """Begin a walk through a model."""
        self.model = model
        self.rows = rows
        self.declared = declared
        self.allow_unknown = allow_unknown
        self.unknown: Counter[str] = Counter()
        self.left = MOST_NODES

    def run(self, nodes: Iterable[Node], scope: Scope) -> None:
        """Walk through nodes in order."""
        for node in nodes:
            self.left -= 1
            if self.left < 0:
                raise NodeError(node, f"more than {MOST_NODES} nodes, functions unfolded")
            self.rows.node = node
            values = self._values(node, scope)
            for name, value in zip(node.outputs, values, strict=False):
                if name:
                    scope.env[name] = value
                    if value is not None and value.row is not None and scope.readers[name] == 1:
                        self.rows.alone.add(value.row)

    def _values(self, node: Node, scope: Scope) -> list[Value | None]:
        missing = [name for name in node.inputs if name and name not in scope.env]
        if missing:
            raise NodeError(
                node, f"it reads {missing[0]!r}, which no node before it makes; the nodes are to be in order"
            )
        ins = tuple(scope.env[name] if name else None for name in node.inputs)
        if any(name and value is None for name, value in zip(node.inputs, ins, strict=True)):
            self.unknown[f"{node.operator} (behind one that is not known)"] += 1
            return [None] * len(node.outputs)
        call = Call(node, ins, scope.opsets.get(node.domain, scope.opsets.get("", 0)), self.rows)
        try:
            return self._called(call, scope)
        except (Unreadable, ShapeError) as error:
            raise NodeError(node, str(error)) from None
        except (LookupError, ArithmeticError, AssertionError) as error:
            raise NodeError(node, f"it cannot read {_sizes(ins)}: too few axes, or not what it needs") from error

    def _called(self, call: Call, scope: Scope) -> "list[Value | None]":
        node = call.node
        function = self.model.functions.get((node.domain, node.op))
        write = writer(node.domain, node.op)
        if function is not None and write is None:
            return self._unfolded(call, function, scope)
        if write is None and not is_known(node):
            return self._unknown(call)
        if node.op == "If":
            return self._branched(call, scope)
        if node.op in ALWAYS or not call.active:
            return [*self._still(call, write)]
        if write is None:
            raise Unreadable("its result has a size that depends on the input")
        return [*write(call)]

    def _still(self, call: Call, write: Writer | None) -> list[Value]:
        """Return what does not depend on the input: computed, or its sizes alone."""
        if call.node.op in ALWAYS:
            return [self._constant(call) if call.node.op == "Constant" else ALWAYS[call.node.op](call)]
        found = folded(call)
        if found is not None:
            return [found._replace(kept=_kept(call))]
        if write is not None and call.node.op in PRODUCTS:
            return write(self._awakened(call))
        return self._sized(call)

    def _awakened(self, call: Call) -> Call:
        """Make rows of a product of tensors that are kept: nothing folds it, so that it runs with the network."""
        first = call.at(0)
        entry = Value(self.rows.rows[0].ours, row=0)
        source = parameter(call._replace(ins=(entry,)), first)
        return call._replace(ins=(source._replace(dims=first.dims), *call.ins[1:]))

    def _constant(self, call: Call) -> Value:
        """Return a constant; one of several decimals may be weights."""
        value = ALWAYS["Constant"](call)
        name = call.node.outputs[0] if call.node.outputs else ""
        if value.dtype in FLOATS and value.elements > 1 and name in self.rows.sizes:
            return value._replace(kept=frozenset((name,)))
        return value

    def _sized(self, call: Call) -> list[Value]:
        """Return what is computed before anything runs: its sizes, not its numbers."""
        scratch = Rows(self.rows.sizes)
        inputs = list(call.ins)
        first = next((place for place, value in enumerate(inputs) if value is not None), None)
        if first is None:
            raise Unreadable("it reads nothing, and its size is not known")
        for place, value in enumerate(inputs):
            if value is not None and (place == first or value.dims == inputs[first].dims):  # type: ignore[union-attr]
                inputs[place] = scratch.row("Parameter", [], value.dims or (1,), None, max(len(value.dims) - 1, 0))
                inputs[place] = inputs[place]._replace(dims=value.dims, data=value.data)  # type: ignore[union-attr]
        write = writer(call.node.domain, call.node.op)
        if write is None:
            raise Unreadable("its size follows from numbers that are not known")
        found = write(call._replace(ins=tuple(inputs), rows=scratch))
        data = kept_data(call, [value.dims for value in found])
        return [Value(y.dims, y.dtype, data=each, kept=_kept(call)) for y, each in zip(found, data, strict=True)]

    def _unfolded(self, call: Call, function: Function, scope: Scope) -> list[Value | None]:
        """Walk through a function in place of the node that uses it."""
        if scope.depth >= DEEPEST:
            raise Unreadable(f"functions are nested deeper than {DEEPEST} levels")
        given = {**function.defaults, **call.node.attributes}
        nodes = tuple(filled(node, given, call.node.name) for node in function.nodes)
        env: Env = dict.fromkeys(function.inputs)
        env |= dict(zip(function.inputs, call.ins, strict=False))
        inner = Scope(env, readers(nodes, function.outputs), {**scope.opsets, **function.opsets}, scope.depth + 1)
        self.run(nodes, inner)
        return [inner.env.get(name) for name in function.outputs]

    def _branched(self, call: Call, scope: Scope) -> list[Value | None]:
        """Walk through the branch that is taken, where that is known beforehand."""
        condition = call.at(0).data
        if condition is None:
            if self.allow_unknown:
                return self._unknown(call)
            raise Unreadable("which branch is taken depends on the input; export the model without control flow")
        body = call.attribute("then_branch" if condition[0] else "else_branch")
        if not isinstance(body, Body) or scope.depth >= DEEPEST:
            raise Unreadable("its branch is missing, or nested too deep")
        inner = graph(body.graph)
        tensors = {name: initial(tensor) for name, tensor in inner.tensors.items()}
        outputs = tuple(wire.name for wire in inner.outputs)
        nested = Scope({**scope.env, **tensors}, readers(inner.nodes, outputs), scope.opsets, scope.depth + 1)
        self.run(fused(inner.nodes, outputs, inner.tensors), nested)
        return [nested.env.get(name) for name in outputs]

    def _unknown(self, call: Call) -> list[Value | None]:
        """Leave an operator out: what it makes is as large as the file says, if it does."""
        node = call.node
        if not self.allow_unknown:
            raise Unreadable("it is not known")
        self.unknown[node.operator] += 1
        return [self._declared(call, name) for name in node.outputs]

    def _declared(self, call: Call, name: str) -> Value | None:
        dims = self.declared.get(name)
        if dims is None or not call.active:
            return None
        drop = 0 if len(dims) > 1 and dims[0] == 1 else None
        ours = Value(dims, drop=drop).ours
        fields: dict[str, Any] = {"operator": call.node.operator, "size": [*ours]}
        axis = 0 if len(ours) > 2 else len(ours) - 1  # noqa: PLR2004  (a map, or tokens)
        return self.rows.row("Operation", call.active, dims, drop, axis, channel_axis=axis, **fields)


def _sizes(ins: Iterable[Value | None]) -> str:
    """Write the sizes of what a node reads."""
    return ", ".join(str([*value.dims]) for value in ins if value is not None)[:200]


def _kept(call: Call) -> frozenset[str]:
    """Return the initializers that a static result is made of; a scale, a zero point and a shape are not it."""
    if call.node.op == "ConstantOfShape":
        return frozenset()
    ins = [value for value in call.ins if value is not None]
    if call.node.op not in KEEP and ins and ins[0].dtype in FLOATS:
        return frozenset[str]().union(*(value.kept for value in ins if value.dtype in FLOATS))
    return ins[0].kept if ins else frozenset()
