"""The walk through a graph: each node is folded, or written as layers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flopcount.errors import Refusal
from flopcount.readers.onnx import file, ops_conv, ops_element, ops_product, ops_shape
from flopcount.readers.onnx.fold import ALWAYS, FOLDS, KEEP, folded, kept_data
from flopcount.readers.onnx.fuse import fused
from flopcount.readers.onnx.op import Dims, Draft, NodeContext, Size, Value, Writer, initial

OPERATORS: Mapping[str, Writer] = {
    name: write for ops in (ops_conv, ops_element, ops_product, ops_shape) for name, write in ops.OPERATORS.items()
}
"""Every supported operator by its function; those of other domains have the domain in front."""

_FOLDED = frozenset((*ALWAYS, *FOLDS, "If"))
"""Operators that need no writer: they are computed before anything runs, or are a branch."""

CONTROL = frozenset(("Loop", "Scan", "SequenceMap"))
"""Operators that run a graph as often as their input says, so their cost is not known beforehand."""

DEEPEST = 16
"""The most levels of functions and branches inside each other."""

Env = dict[str, Value | None]
"""The value of each name; None if it follows from an unsupported operator."""


class GraphScope(NamedTuple):
    """The names of a graph or of a function body, and how often each is read."""

    env: Env
    reads: Counter[str]
    opsets: Mapping[str, int]
    depth: int = 0


def reads(nodes: Iterable[file.NodeProto], outputs: Iterable[str]) -> Counter[str]:
    """Count how often each name is read; an output of the graph counts as read twice more."""
    return Counter((*(name for node in nodes for name in node.inputs), *outputs, *outputs))


def unknown_operators(model: file.ModelProto) -> Counter[str]:
    """Return the unsupported operators of a model, each with its number of occurrences."""
    counts: Counter[str] = Counter()
    queue, seen = [model.graph.nodes], set[tuple[str, str]]()
    while queue:
        for node in queue.pop():
            key = (node.domain, node.op)
            if node.operator in OPERATORS or node.operator in _FOLDED:
                continue
            if key not in model.functions:
                counts[node.operator] += 1
            elif key not in seen:
                seen.add(key)
                queue.append(model.functions[key].nodes)
    return counts


class Walk:
    """One walk: the layers it has written, and the operators it had to skip."""

    def __init__(
        self, model: file.ModelProto, draft: Draft, declared: Mapping[str, Dims], *, allow_unknown: bool
    ) -> None:
        """Begin a walk; `declared` are the sizes that the file gives for outputs."""
        self.model, self.draft, self.declared, self.allow_unknown = model, draft, declared, allow_unknown
        self.unknown: Counter[str] = Counter()
        self.left = file.MOST_NODES

    def run(self, nodes: Iterable[file.NodeProto], scope: GraphScope) -> None:
        """Walk through nodes in order."""
        for node in nodes:
            self.left -= 1
            if self.left < 0:
                raise Refusal(f"more than {file.MOST_NODES} nodes, functions expanded", node.title, node.operator)
            self.draft.begin(node)
            for name, value in zip(node.outputs, self._outputs(node, scope), strict=False):
                if name:
                    scope.env[name] = value
                    if value is not None and value.row is not None and scope.reads[name] == 1:
                        self.draft.read_once.add(value.row)

    def _outputs(self, node: file.NodeProto, scope: GraphScope) -> list[Value | None]:
        if missing := [name for name in node.inputs if name and name not in scope.env]:
            what = f"it reads {missing[0]!r}, which no earlier node writes; nodes have to be in order"
            raise Refusal(what, node.title, node.operator)
        inputs = tuple(scope.env.get(name) if name else None for name in node.inputs)
        if any(name and scope.env[name] is None for name in node.inputs):
            self.unknown[f"{node.operator} (after an unsupported one)"] += 1
            return [None] * len(node.outputs)
        op = NodeContext(node, inputs, scope.opsets.get(node.domain, scope.opsets.get("", 0)), self.draft)
        try:
            return self._written(op, scope)
        except Refusal as error:
            raise error.within(node.title, node.operator) from None
        except (LookupError, ArithmeticError, ValueError) as error:
            sizes = ", ".join(str([*value.dims]) for value in op.present)[:200]
            what = f"its inputs of {sizes} have too few axes, or are not what it needs"
            raise Refusal(what, node.title, node.operator) from error

    def _written(self, op: NodeContext, scope: GraphScope) -> "list[Value | None]":
        node, write = op.node, OPERATORS.get(op.node.operator)
        function = self.model.functions.get((node.domain, node.op))
        if function is not None and write is None:
            return self._expanded(op, function, scope)
        if write is None and node.operator not in _FOLDED:
            return self._skipped(op)
        if node.op == "If":
            return self._branched(op, scope)
        if node.op in ALWAYS or not op.active:
            return [*self._static(op, write)]
        if write is None:
            raise Refusal("the size of its output depends on the input")
        return [*write(op)]

    def _static(self, op: NodeContext, write: Writer | None) -> list[Value]:
        """Return what does not depend on the input: computed, or its sizes alone."""
        if op.node.op in ALWAYS:
            value, names = ALWAYS[op.node.op](op), self.draft.sizes.keys() & {*op.node.outputs}
            is_weights = value.dtype in file.FLOATS and value.elements > 1
            return [value._replace(initializers=frozenset(names)) if is_weights else value]
        if found := folded(op):
            return [found._replace(initializers=_initializers(op))]
        if write is None:
            raise Refusal("its size follows from numbers that are not known")
        if op.node.op not in {"MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose"}:
            return self._sized(op, write)
        # nothing folds a product of constants, so it runs with the network
        value = ops_shape.parameter(op._replace(inputs=(Value((1,), row=0),)), op.at(0))
        return write(op._replace(inputs=(value._replace(dims=op.at(0).dims), *op.inputs[1:])))

    def _sized(self, op: NodeContext, write: Writer) -> list[Value]:
        """Return what is computed before anything runs: its sizes, not its numbers."""
        if not op.present:
            raise Refusal("it reads nothing, and its size is not known")
        scratch, first = Draft(self.draft.sizes), op.present[0]
        inputs = [
            scratch.enter(value, max(len(value.dims) - 1, 0))
            if value is not None and (value is first or value.dims == first.dims)
            else value
            for value in op.inputs
        ]
        found = write(op._replace(inputs=tuple(inputs), draft=scratch))
        data, initializers = kept_data(op, [value.dims for value in found]), _initializers(op)
        if scratch.reads_size:
            found = [value._replace(dims=tuple(map(Size, value.dims))) for value in found]
        pairs = zip(found, data, strict=True)
        return [Value(y.dims, y.dtype, data=each, initializers=initializers) for y, each in pairs]

    def _expanded(self, op: NodeContext, function: file.FunctionProto, scope: GraphScope) -> list[Value | None]:
        """Walk through a function in place of the node that calls it."""
        if scope.depth >= DEEPEST:
            raise Refusal(f"functions are nested deeper than {DEEPEST} levels")
        given = {**function.defaults, **op.node.attributes}
        nodes = tuple(_with_attributes(node, given, op.node.name) for node in function.nodes)
        env: Env = dict.fromkeys(function.inputs) | dict(zip(function.inputs, op.inputs, strict=False))
        opsets = {**scope.opsets, **function.opsets}
        self.run(nodes, GraphScope(env, reads(nodes, function.outputs), opsets, scope.depth + 1))
        return [env.get(name) for name in function.outputs]

    def _branched(self, op: NodeContext, scope: GraphScope) -> list[Value | None]:
        """Walk through the branch that is taken, if that is known beforehand."""
        if (condition := op.at(0).data) is None:
            if self.allow_unknown:
                return self._skipped(op)
            raise Refusal("the branch depends on the input; export the model without control flow")
        body = op.attribute("then_branch" if condition[0] else "else_branch")
        if not isinstance(body, file.ByteSpan) or scope.depth >= DEEPEST:
            raise Refusal("its branch is missing, or nested too deep")
        inner = file.graph(body)
        outputs = tuple(info.name for info in inner.outputs)
        env = {**scope.env, **{name: initial(tensor) for name, tensor in inner.tensors.items()}}
        nodes = fused(inner.nodes, outputs, inner.tensors)
        self.run(nodes, GraphScope(env, reads(inner.nodes, outputs), scope.opsets, scope.depth + 1))
        return [env.get(name) for name in outputs]

    def _skipped(self, op: NodeContext) -> list[Value | None]:
        """Skip an operator: its outputs have the sizes that the file gives, if it does."""
        if not self.allow_unknown:
            raise Refusal("it is not supported")
        self.unknown[op.node.operator] += 1
        return [self._declared(op, name) for name in op.node.outputs]

    def _declared(self, op: NodeContext, name: str) -> Value | None:
        if name not in self.declared or not op.active:
            return None
        value = Value(self.declared[name]).with_batch_first
        return op.operation(value, channel_axis=0 if len(value.inner) > 2 else len(value.inner) - 1)  # noqa: PLR2004  (a map)


def _with_attributes(node: file.NodeProto, given: Mapping[str, Any], prefix: str) -> file.NodeProto:
    """Give a node of a function the attributes of its call, and a name inside it."""
    present = {
        name: found
        for name, value in node.attributes.items()
        if (found := given.get(value.name) if isinstance(value, file.AttributeReference) else value) is not None
    }
    return node._replace(attributes=present, name=f"{prefix}/{node.name or node.op}" if prefix else node.name)


def _initializers(op: NodeContext) -> frozenset[str]:
    """Return the initializers that a constant is computed from; not scales, zero points or shapes."""
    first = op.present[0] if op.present else None
    if first is None or op.node.op == "ConstantOfShape":
        return frozenset()
    if op.node.op in KEEP or first.dtype not in file.FLOATS:
        return first.initializers
    return frozenset[str]().union(*(value.initializers for value in op.present if value.dtype in file.FLOATS))
