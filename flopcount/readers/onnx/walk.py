"""The walk through a graph: each node is folded, or written as layers."""

from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import chain, pairwise, repeat
from typing import Any, NamedTuple

from flopcount.errors import Refusal
from flopcount.network.plan import MOST_READ
from flopcount.readers.base import UnknownSize
from flopcount.readers.onnx import (
    file,
    ops_attention,
    ops_conv,
    ops_element,
    ops_product,
    ops_runtime,
    ops_sequence,
    ops_shape,
)
from flopcount.readers.onnx.file import DEEPEST
from flopcount.readers.onnx.fold import ALWAYS, FOLDS, KEEP, folded, kept_data
from flopcount.readers.onnx.fuse import fused
from flopcount.readers.onnx.op import (
    UNKNOWN,
    UNSIZED,
    Dims,
    Draft,
    NodeContext,
    Size,
    Value,
    Writer,
    empty,
    initial,
)
from flopcount.readers.onnx.ops_sequence import sequence
from flopcount.readers.onnx.signature import Signed

OPERATORS: Mapping[str, Writer] = {
    name: write
    for ops in (ops_attention, ops_conv, ops_element, ops_product, ops_runtime, ops_shape)
    for name, write in ops.OPERATORS.items()
}
"""Every supported operator by its function; those of other domains have the domain in front."""

_INT64 = 7
"""The element type of sizes, and of no weight."""

_CONTROL = {"If": ("then_branch", "else_branch"), **dict.fromkeys(("Loop", "Scan", "SequenceMap"), ("body",))}
"""Operators that run a graph by the attributes it is in: one of two, or one as often as constants and sizes say."""

_FOLDED = frozenset((*ALWAYS, *FOLDS, *_CONTROL, *ops_sequence.OPERATORS))
"""Operators that need no writer: they are computed before anything runs, or run a graph."""

_ELEMENTS = ops_element.OPERATORS.keys() - {"Clip", "QuantizeLinear", "DequantizeLinear"}
_WEIGHED = frozenset(("Gather", "Concat", "Conv", "ConvTranspose", "DeformConv"))
"""Other operators whose constant inputs are parameters."""
_COSTLESS = (
    ops_shape.OPERATORS.keys() | ops_element.OPERATORS.keys() | ops_conv.POOLS.keys() | _FOLDED
) - _CONTROL.keys()
"""Operators that multiply nothing, so that nothing is missing where their size is not known."""

_PRODUCTS = frozenset(("MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose", "Attention", "linear", "recurrent"))
"""Operators that run with the network even if they read constants alone."""

Env = MutableMapping[str, Value | None]
"""The value of each name; None if it is an input that a call leaves out."""


class GraphScope(NamedTuple):
    """The names of a graph or of a function body, and how often each is read."""

    env: Env
    reads: Counter[str]
    opsets: Mapping[str, int]
    depth: int = 0


class Body(NamedTuple):
    """A graph that is ready to be walked through: its nodes in order, and how often each name is read."""

    nodes: Sequence[file.NodeProto]
    reads: Counter[str]
    own: Mapping[str, Value] = {}


def body(nodes: Sequence[file.NodeProto], outputs: Sequence[str], tensors: Mapping[str, file.TensorProto]) -> Body:
    """Prepare a graph; an output of it counts as read twice more."""
    nodes = fused(_ordered(nodes), outputs, tensors)
    return Body(nodes, _reads(nodes, outputs))


def _reads(nodes: Iterable[file.NodeProto], outputs: Sequence[str]) -> Counter[str]:
    return Counter((*(name for node in nodes for name in node.reads), *outputs, *outputs))


def _ordered(nodes: Sequence[file.NodeProto]) -> Sequence[file.NodeProto]:
    """Return nodes in the order of the file if each follows what it reads, else in one in which each does."""
    made = [(name, place) for place, node in enumerate(nodes) for name in node.outputs if name]
    if twice := [name for (name, _), (after, _) in pairwise(sorted(made)) if name == after]:
        raise Refusal(f"two nodes make {twice[0][:60]!r}")
    makers = dict(made)
    waits = [{makers[name] for name in node.reads if name in makers} for node in nodes]
    if all(max(places, default=-1) < place for place, places in enumerate(waits)):
        return nodes
    sorter, ready, result = TopologicalSorter(dict(enumerate(waits))), list[int](), list[file.NodeProto]()
    try:
        sorter.prepare()
    except CycleError as error:
        names = ", ".join(nodes[place].title[:50] for place in error.args[1][1:][:5])
        raise Refusal(f"its nodes form a cycle: {names}") from None
    while sorter.is_active():
        for place in sorter.get_ready():
            heappush(ready, place)
        result.append(nodes[first := heappop(ready)])
        sorter.done(first)
    return result


def unknown_operators(model: file.ModelProto) -> Counter[str]:
    """Return the unsupported operators of a model, each with its number of occurrences."""
    counts: Counter[str] = Counter()
    queue, seen = [model.graph.nodes], set[tuple[str, str]]()
    while queue:
        for node in queue.pop():
            key = (node.domain, node.op)
            if node.operator in OPERATORS or node.operator in _FOLDED or node.operator in model.writers:
                continue
            if key not in model.functions:
                counts[node.shown] += 1
            elif key not in seen:
                seen.add(key)
                queue.append(model.functions[key].nodes)
    return counts


class Walk:
    """One walk: the layers it has written, and the operators it had to skip.

    It `lacks_batch` if it multiplies constants that are filled to a size of the inputs: each input of a batch has its
    own, which a walk for one input does not see.
    """

    def __init__(
        self, model: file.ModelProto, draft: Draft, declared: Mapping[str, Dims], *, allow_unknown: bool
    ) -> None:
        """Begin a walk; `declared` are the sizes that the file gives for outputs."""
        self.model, self.draft, self.declared, self.allow_unknown = model, draft, declared, allow_unknown
        self.writers = {**OPERATORS, **model.writers} if model.writers else OPERATORS
        self.unknown: Counter[str] = Counter()
        self.unsized: list[Refusal] = []
        self.untaken: dict[int, file.GraphProto] = {}
        self.bodies: dict[int, Body] = {}
        self.fills = self.lacks_batch = False
        self.left = [file.MOST_NODES, MOST_READ]

    def run(self, nodes: Iterable[file.NodeProto], scope: GraphScope) -> None:
        """Walk through nodes in order."""
        for node in nodes:
            self.spend(node)
            self.draft.begin(node)
            for name, value in zip(node.outputs, self._outputs(node, scope), strict=False):
                if name:
                    scope.env[name] = value
                    if value is not None and value.row is not None and scope.reads[name] == 1:
                        self.draft.read_once.add(value.row)

    def spend(self, node: file.NodeProto) -> None:
        """Count a node, or a trip through a graph, against the most there may be."""
        self.left[0] -= 1
        self.left[1] -= len(node.inputs) + len(node.outputs)
        if min(self.left) < 0:
            what = f"more than {file.MOST_NODES} nodes, or {MOST_READ} inputs, functions and loops expanded"
            raise Refusal(what, node.title, node.shown)

    def _outputs(self, node: file.NodeProto, scope: GraphScope) -> Sequence[Value | None]:
        if missing := [name for name in node.reads if name and name not in scope.env]:
            raise Refusal(f"it reads {missing[0]!r}, which no node makes", node.title, node.shown)
        inputs = tuple(scope.env.get(name) if name else None for name in node.inputs)
        if len(node.outputs) > 1:  # nothing has to be written for an output that nothing reads
            unread = {name for name in node.outputs[1:] if not scope.reads[name]}
            node = node._replace(outputs=tuple("" if name in unread else name for name in node.outputs))
        op = NodeContext(node, inputs, scope.opsets.get(node.domain, scope.opsets.get("", 0)), self.draft)
        try:
            runs = node.op in _CONTROL or ((node.domain, node.op) in self.model.functions and node.op not in OPERATORS)
            if not runs and any(value.is_lost for value in op.present):
                return self._after_unknown(op)
            found = self._written(op, scope)
        except UnknownSize as error:
            return self._unsized(op, error.within(node.title, node.shown))
        except Refusal as error:
            raise error.within(node.title, node.shown) from None
        except (LookupError, ArithmeticError, ValueError) as error:
            sizes = ", ".join(str([*value.dims]) for value in op.present)[:200]
            what = f"its inputs of {sizes} have too few axes, or are not what it needs"
            raise Refusal(what, node.title, node.shown) from error
        # a further output that no function writes is an error where something reads it
        return [*found, *[UNKNOWN] * (len(node.outputs) - len(found))]

    def _after_unknown(self, op: NodeContext) -> Sequence[Value]:
        """Skip what reads a tensor without a known size; the parameters that it has are certain."""
        is_costless, is_unknown = op.node.operator in _COSTLESS, any(value is UNKNOWN for value in op.inputs)
        if is_unknown and not self.allow_unknown:
            name = next(name for name, value in zip(op.node.inputs, op.inputs, strict=True) if value is UNKNOWN)
            raise Refusal(f"it reads {name!r}, an output of its operator that is not supported")
        if not is_costless and not self.allow_unknown:
            raise self.unsized[0]
        if is_unknown or not is_costless:
            self.unknown[f"{op.node.shown} (reads an unknown size)"] += 1
        for value in _certain(op):
            if value is None or not value.static or value.elements == 1 or value.dtype == _INT64:
                continue
            if op.is_trained(value):
                self.draft.count_certain(value)
        return [UNSIZED if is_costless and not is_unknown else UNKNOWN] * len(op.node.outputs)

    def _unsized(self, op: NodeContext, error: Refusal) -> Sequence[Value]:
        """Keep the reason why an output has no size, until something needs it that multiplies."""
        self.unsized.append(error)
        if op.node.operator in _COSTLESS:
            return [UNSIZED] * len(op.node.outputs)
        if not self.allow_unknown:
            raise error
        self.unknown[f"{op.node.shown} (of an unknown size)"] += 1
        return [UNKNOWN] * len(op.node.outputs)

    def _written(self, op: NodeContext, scope: GraphScope) -> Sequence[Value | None]:
        node, write = op.node, self.writers.get(op.node.operator)
        function = self.model.functions.get((node.domain, node.op))
        if function is not None and write is None:
            return self._expanded(op, function, scope)
        if write is None and node.operator not in _FOLDED:
            return self._skipped(op)
        if node.op in _CONTROL:
            return self._controlled(op, scope)
        if node.operator in ops_sequence.OPERATORS or any(value.items is not None for value in op.present):
            return self._listed(op, scope)
        if node.op in ALWAYS or not op.active:
            return [*self._static(op, write)]
        if write is None:
            raise UnknownSize("the size of its output depends on the input")
        return [*write(op)]

    def _controlled(self, op: NodeContext, scope: GraphScope) -> Sequence[Value | None]:
        """Walk through the graphs inside a node."""
        graphs = _CONTROL[op.node.op]
        if not all(isinstance(op.attribute(name), file.GraphProto) for name in graphs):
            raise Refusal("the graph that it runs is missing")
        walks = {"If": self._branched, "Loop": self._looped, "Scan": self._scanned, "SequenceMap": self._mapped}
        return walks[op.node.op](op, scope)

    def _listed(self, op: NodeContext, scope: GraphScope) -> list[Value | None]:
        """Return what becomes of a sequence, or of tensors that go into one."""
        if (write := ops_sequence.OPERATORS.get(op.node.operator)) is not None:
            return [write(op, partial(self._other, op, scope))]
        if op.node.op != "Identity":
            raise Refusal("it reads a sequence, where a tensor is needed")
        return [op.at(0)]

    def _static(self, op: NodeContext, write: Writer | None) -> list[Value]:
        """Return what does not depend on the input: computed, or its sizes alone."""
        if op.node.op in ALWAYS:
            return [ALWAYS[op.node.op](op)]
        self.fills |= any(isinstance(number, Size) for value in op.present for number in value.data or ())
        if found := folded(op):
            return [found._replace(initializers=_initializers(op))]
        if write is None:
            raise UnknownSize("its size follows from numbers that are not known")
        if op.node.op not in _PRODUCTS:
            return self._sized(op, write)
        # nothing folds a product of constants, so it runs with the network, without the batch of its inputs
        self.lacks_batch |= self.fills
        value = ops_shape.parameter(op._replace(inputs=(Value((1,), row=0),)), op.at(0))
        return write(op._replace(inputs=(value._replace(dims=op.at(0).dims), *op.inputs[1:])))

    def _sized(self, op: NodeContext, write: Writer) -> list[Value]:
        """Return what is computed before anything runs: its sizes, not its numbers."""
        if not op.present:
            raise UnknownSize("it reads nothing, and its size is not known")
        scratch, first = Draft(self.draft.kept), op.present[0]
        inputs = [
            scratch.enter(value, max(len(value.dims) - 1, 0))
            if value is not None and value.elements and (value is first or value.dims == first.dims)
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
        nodes = _ordered([_with_attributes(node, given, op.node.name) for node in function.nodes])
        env: Env = dict.fromkeys(function.inputs) | dict(zip(function.inputs, op.inputs, strict=False))
        opsets = {**scope.opsets, **function.opsets}
        self.run(nodes, GraphScope(env, _reads(nodes, function.outputs), opsets, scope.depth + 1))
        return [env.get(name) for name in function.outputs]

    def _inside(
        self, graph: file.GraphProto, given: Sequence[Value], op: NodeContext, scope: GraphScope
    ) -> list[Value]:
        """Walk through a graph inside a node, at the values of its inputs; return those of its outputs."""
        if scope.depth >= DEEPEST:
            raise Refusal(f"graphs and functions are nested deeper than {DEEPEST} levels")
        self.spend(op.node)
        outputs = [info.name for info in graph.outputs]
        if id(graph) not in self.bodies:
            kept, tensors = self.draft.kept, graph.tensors.items()
            own = {name: initial(each, kept.register(each, name)) for name, each in tensors}
            self.bodies[id(graph)] = body(graph.nodes, outputs, graph.tensors)._replace(own=own)
        nodes, reads, known = self.bodies[id(graph)]
        given_names = zip((info.name for info in graph.inputs), given, strict=False)
        env: Env = ChainMap({**known, **dict(given_names)}, scope.env)
        if len(given) > len(graph.inputs) or any(name not in env for name in graph.captured):
            raise Refusal("the graph that it runs has other inputs than it is given, or reads what is not there")
        self.run(nodes, GraphScope(env, reads, scope.opsets, scope.depth + 1))
        found = [env.get(name) for name in outputs]
        if None in found or len(found) < len(op.node.outputs):
            raise Refusal("the graph that it runs does not make its outputs")
        return [value for value in found if value is not None]

    def _branched(self, op: NodeContext, scope: GraphScope) -> Sequence[Value]:
        """Walk through the branch that is taken; if that is not known, through one of two that are equal."""
        branches = [op.attribute(name) for name in _CONTROL["If"]]
        if (condition := op.at(0)).data is None:
            first, second = (self._tried(branch, op, scope) for branch in branches)
            if self.allow_unknown and first and second and first != second and first[1] == second[1]:
                self.unknown[f"{op.node.shown} (an unknown branch)"] += 1
                source = op._replace(inputs=(Value((1,), row=0) if condition.is_lost else condition,))
                return [source.sized(*dims)._replace(dtype=dtype) for dims, dtype, *_ in first[1]]
            if first is None or first != second:
                raise UnknownSize(f"the branch that is taken depends on the input{self._hint()}")
            return self._inside(branches[0], (), op, scope)
        taken, other = branches if condition.data[0] else branches[::-1]
        self.untaken[id(other)] = other
        return self._inside(taken, (), op, scope)

    def _tried(self, graph: file.GraphProto, op: NodeContext, scope: GraphScope) -> tuple[Any, ...] | None:
        """Return what a branch writes: its layers, and the sizes of its outputs; None if it cannot be counted."""
        scratch, env = Draft(self.draft.kept), dict[str, Value | None]()
        for name in sorted(graph.captured & scope.env.keys()):
            value = scope.env[name]
            if value is not None and not value.static and not value.is_lost:
                value = scratch.enter(value, self.draft.row_of(value).shape.channel_axis)
            env[name] = value
        count = len(scratch.rows)
        walk = Walk(self.model, scratch, {}, allow_unknown=False)
        walk.left, walk.bodies = self.left, self.bodies
        try:
            found = walk._inside(graph, (), op._replace(draft=scratch), scope._replace(env=env))
        except Refusal:
            return None
        if any(value.items is not None for value in found):
            return None
        layers = [(row.kind, row.fields, row.shape.dims, row.shared) for row in scratch.rows[count:]]
        return layers, [(value.dims, value.dtype, value.static, value.data) for value in found]

    def _hint(self) -> str:
        """Return the hint to give the values of inputs that are one number."""
        infos = (info for info in self.model.graph.inputs if info.name not in self.model.graph.tensors)
        names = [info.name for info in infos if info.dims in {(), (1,)}]
        return f"; give the value of {names[0]!r}, as in --value {names[0]}=1" if names else ""

    def _looped(self, op: NodeContext, scope: GraphScope) -> Sequence[Value]:
        """Walk through the body of a Loop, as often as its count says and its condition, computed each time, holds."""
        graph, limit, condition = op.attribute("body"), op.get(0), op.get(1)
        state, trips = _given(op.inputs[2:]), list[Sequence[Value]]()
        if limit is None and condition is None:
            raise Refusal("neither a count nor a condition ends it")
        go = condition or Value((), 9, data=(True,))
        while limit is None or limit.data is None or len(trips) < limit.data[0]:
            if (limit is not None and limit.data is None) or (condition is not None and go.data is None):
                raise UnknownSize(f"how often it runs depends on the input{self._hint()}")
            if condition is not None and not (go.data or (0,))[0]:
                break
            go, *found = self._inside(graph, (Value((), 7, data=(len(trips),)), go, *state), op, scope)
            state, scanned = found[: len(state)], found[len(state) :]
            trips.append(scanned)
        infos = graph.outputs[1 + len(state) :]
        return [*state, *self._stacked(op, trips, infos, (0,) * len(infos))]

    def _scanned(self, op: NodeContext, scope: GraphScope) -> Sequence[Value]:
        """Walk through the body of a Scan, once for each place along the axes of what it reads."""
        graph, count, inputs = op.attribute("body"), op.integer("num_scan_inputs", 0), op.present
        if op.opset < 9:  # noqa: PLR2004
            return self._scanned_batch(op, scope)
        if not 1 <= count <= len(inputs):
            raise Refusal("it reads nothing to scan")
        state, xs = inputs[:-count], inputs[-count:]
        axes = op.integers("scan_input_axes", (0,) * count)
        lengths = {x.dims[axis] for x, axis in zip(xs, axes, strict=True)}
        if len(lengths) != 1:
            raise Refusal(f"what it scans has different lengths: {sorted(lengths)}")
        trips = list[Sequence[Value]]()
        for place in range(lengths.pop()):
            which = Value((), 7, data=(place,))
            items = [self._picked(op, x, which, axis, scope) for x, axis in zip(xs, axes, strict=True)]
            found = self._inside(graph, (*state, *items), op, scope)
            state, scanned = found[: len(state)], found[len(state) :]
            trips.append(scanned)
        infos = graph.outputs[len(state) :]
        return [*state, *self._stacked(op, trips, infos, op.integers("scan_output_axes", (0,) * len(infos)))]

    def _scanned_batch(self, op: NodeContext, scope: GraphScope) -> Sequence[Value]:
        """Walk through a Scan of opset 8: once for each of a batch, the first axis of all that it reads and makes."""
        if op.get(0) is not None:
            raise Refusal("its sequence_lens is not supported")
        values, trips, infos = _given(op.inputs[1:]), list[Sequence[Value]](), op.attribute("body").outputs
        for place in range(values[0].dims[0]):
            which = Value((), 7, data=(place,))
            items = tuple(self._picked(op, x, which, 0, scope) for x in values)
            trips.append(self._scanned(op._replace(inputs=items, opset=9), scope))
        return [*self._stacked(op, trips, infos, (0,) * len(infos))]

    def _picked(self, op: NodeContext, x: Value, which: Value, axis: int, scope: GraphScope) -> Value:
        """Return one place along an axis, which goes."""
        if x.is_lost:
            return x
        self.draft.begin(op.node)
        return self._other(op, scope, "Gather", (x, which), axis=axis)[0]

    def _other(
        self,
        op: NodeContext,
        scope: GraphScope,
        name: str,
        inputs: Sequence[Value],
        count: int = 1,
        **attributes: Any,
    ) -> list[Value]:
        """Write another operator of the standard in the name of a node."""
        titles = (op.node.inputs[:1] * len(inputs), op.node.outputs[:1] * count)
        node = file.NodeProto(name, "", op.node.name, *titles, attributes)
        return _given(self._written(op._replace(node=node, inputs=tuple(inputs), opset=21), scope))

    def _mapped(self, op: NodeContext, scope: GraphScope) -> Sequence[Value | None]:
        """Walk through the body of a SequenceMap, once for each tensor of its first sequence."""
        if any(value.is_lost for value in op.present):
            return self._after_unknown(op)
        columns = [value.items if value.items is not None else repeat(value) for value in op.present]
        trips = [self._inside(op.attribute("body"), values, op, scope) for values in zip(*columns, strict=False)]
        return [*map(sequence, zip(*trips, strict=True))] or [sequence(())] * len(op.node.outputs)

    def _stacked(
        self, op: NodeContext, trips: Sequence[Sequence[Value]], infos: Sequence[file.ValueInfo], axes: Sequence[int]
    ) -> Iterator[Value]:
        """Yield what the trips through a body leave, one after the other along a new axis."""
        self.draft.begin(op.node)
        for place, (info, axis) in enumerate(zip(infos, axes, strict=True)):
            values = [trip[place] for trip in trips]
            first = next(iter(values), empty(*(size for size in info.dims or () if isinstance(size, int))))
            if lost := [value for value in values if value.is_lost or value.dims != first.dims]:
                yield lost[0] if lost[0].is_lost else UNSIZED
                continue
            at = axis % (len(first.dims) + 1)
            dims = (*first.dims[:at], len(values), *first.dims[at:])
            active = [value for value in values if not value.static]
            if active:
                y = op._replace(inputs=tuple(dict.fromkeys(active))).sized(*dims)
                yield y._replace(dtype=first.dtype)
            else:
                data = (
                    None
                    if at or any(value.data is None for value in values)
                    else [value.data or () for value in values]
                )
                numbers = None if data is None else tuple(chain.from_iterable(data))
                names = frozenset[str]().union(*(value.initializers for value in values))
                yield Value(dims, first.dtype, data=numbers, initializers=names)

    def _skipped(self, op: NodeContext) -> list[Value]:
        """Skip an operator: its outputs have the sizes that the file gives, if it does."""
        if not self.allow_unknown:
            raise Refusal("it is not supported; count with --allow-unknown to skip it")
        self.unknown[op.node.shown] += 1
        return [self._declared(op, name) for name in op.node.outputs]

    def _declared(self, op: NodeContext, name: str) -> Value:
        if name not in self.declared or not op.active:
            return UNKNOWN
        value = Value(self.declared[name]).with_batch_first
        return op.operation(value, channel_axis=0 if len(value.inner) > 2 else len(value.inner) - 1)  # noqa: PLR2004  (a map)


def _certain(op: NodeContext) -> Sequence[Value | None]:
    """Return the inputs of an operator that are its parameters, whatever the sizes are."""
    write = OPERATORS.get(op.node.operator)
    if isinstance(write, Signed):
        words = write.words(len(op.inputs))
        pairs = [(value, word) for value, word in zip(op.inputs, words, strict=False) if value is not None]
        zeros = {word for value, word in pairs if word.startswith("initial_") and not any(value.data or ())}
        packed = (op.integer("K", 0), op.integer("N", 0)) if op.node.op in {"MatMulNBits", "MatMulBnb4"} else (0, 0)
        return [
            op.draft.kept.unpacked(value._replace(dims=packed)) if min(packed) > 0 and word == "B" else value
            for value, word in pairs
            if word[-1] != "*" and word not in zeros
        ]
    if op.node.operator == "BatchNormalization":
        return op.inputs[:3]
    return op.inputs if op.node.operator in _ELEMENTS | ops_product.OPERATORS.keys() | _WEIGHED else ()


def _given(values: Sequence[Value | None]) -> list[Value]:
    """Return values that have to be there."""
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        raise Refusal("an input of its graph is left out")
    return found


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
