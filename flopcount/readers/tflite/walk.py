"""The walk through the operators of a graph: each is folded, or written as layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flopcount.errors import Note, Refusal
from flopcount.formulas.shape import Shape, render
from flopcount.readers.base import Builder, Origin, Signal, Unknowns, UnknownSize
from flopcount.readers.tflite import ops_conv, ops_element, ops_shape
from flopcount.readers.tflite.file import MOST_NODES, Content, ModelFile, Operator, SubGraph, TensorInfo
from flopcount.readers.tflite.fold import KEEP, folded
from flopcount.readers.tflite.op import Dims, Ledger, OperatorOp, TensorValue, Writer, laid, sized
from flopcount.readers.tflite.schema import BITS, FLOATS

OPERATORS: Mapping[str, Writer] = {
    name: write for ops in (ops_conv, ops_element, ops_shape) for name, write in ops.OPERATORS.items()
}
"""Every supported operator by the function that writes its layers."""

_CALLS = {"CALL": "subgraph", "STABLEHLO_COMPOSITE": "subgraph"}
"""Operators that stand for a graph, by the option that has its number."""

_CONTROL = frozenset(("IF", "WHILE", *_CALLS))
_ALIKE = ops_element.ALIKE | ops_shape.ALIKE

DEEPEST = 16
"""Graphs that call each other deeper are refused."""

WIDE = 32
"""The bits of the numbers of a network that says nothing."""


def maps_of(graph: SubGraph) -> frozenset[int]:
    """Return the tensors that are read or made as maps, through operators that keep the layout."""
    maps = set[int]()
    for operator in reversed(graph.operators):
        if operator.name in ops_conv.MAPS or (operator.name in _ALIKE and not maps.isdisjoint(operator.outputs)):
            maps.update(operator.inputs)
        if operator.name in ops_conv.MAPS:
            maps.update(operator.outputs)
    return frozenset(maps)


UNSIZED = TensorValue((), -1)
"""What has a size that depends on the values of the input, where nothing was skipped."""

Values = dict[int, TensorValue | None]
"""The value of each tensor; None if its size is not known."""


@dataclass(slots=True)
class OperatorWalk:
    """One walk: what it has written, and what it had to skip."""

    file: ModelFile
    at_own: bool
    entry: TensorValue | None = None
    builder: Builder = field(default_factory=Builder)
    ledger: Ledger = field(default_factory=Ledger)
    unsupported: Unknowns = field(default_factory=Unknowns)
    unknown: Unknowns = field(default_factory=Unknowns)
    scopes: list[tuple[int, str, str]] = field(default_factory=list)
    notes: dict[Note, None] = field(default_factory=dict)
    sparse: set[Content] = field(default_factory=set)
    maps: dict[int, frozenset[int]] = field(default_factory=dict)
    fixed_by: str = ""
    left: int = MOST_NODES

    def viewed(self, value: TensorValue, wanted: Shape) -> TensorValue:
        """Return an input with its channels on another axis."""
        self.scopes.append((len(self.builder.nodes), "batch", "batch"))
        self.ledger.tails.append("")
        return value._replace(
            signal=self.builder.add(Origin(), "Reshape", [value.source], sized(wanted, value), name="batch")
        )

    def run(self, graph: SubGraph, values: Values, maps: frozenset[int], depth: int) -> list[TensorValue | None]:
        """Walk through a graph, and return its outputs."""
        if depth > DEEPEST:
            raise Refusal(f"graphs call each other deeper than {DEEPEST} levels")
        for operator in graph.operators:
            self._spend()
            self._operator(operator, graph, values, maps, depth)
        return [self._value(graph, number, values) for number in graph.outputs]

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Refusal(f"more than {MOST_NODES} operators, calls and loops expanded")

    def _value(self, graph: SubGraph, number: int, values: Values) -> TensorValue | None:
        """Return the value of a tensor: one that is made, or a constant."""
        if number not in values:
            tensor = graph.tensors[number]
            if tensor.content is None and not tensor.is_variable and min(tensor.recorded, default=1) > 0:
                raise Refusal(f"it reads {tensor.name[:60]!r}, which no operator makes")
            values[number] = self._constant(tensor)
        return values[number]

    def _constant(self, tensor: TensorInfo) -> TensorValue:
        contents = frozenset(() if tensor.content is None else (tensor.content,))
        if tensor.is_sparse:
            self.sparse |= contents
        data = self.file.values(tensor)
        return TensorValue(
            tensor.recorded,
            tensor.type,
            data=data,
            contents=contents,
            is_quantized=tensor.is_quantized,
            bits=tensor.bits,
        )

    def _operator(self, operator: Operator, graph: SubGraph, values: Values, maps: frozenset[int], depth: int) -> None:
        """Write one operator; a refusal names it."""
        outputs = tuple(graph.tensors[number] for number in operator.outputs if number >= 0)
        title = outputs[0].name if outputs else ""
        try:
            inputs = tuple(None if number < 0 else self._value(graph, number, values) for number in operator.inputs)
            lost = any(number >= 0 and value is None for number, value in zip(operator.inputs, inputs, strict=True))
            origin = Origin(plain_title(title)[:50], operator.name[:50])
            op = OperatorOp(
                self.builder, origin, "n", operator, inputs, outputs, self.ledger, maps, self.at_own, self.entry
            )  # fmt: skip
            found = self._written(op, depth, lost=lost)
        except Refusal as error:
            raise error.within(plain_title(title), operator.name) from None
        except (LookupError, ArithmeticError, ValueError) as error:
            sizes = ", ".join(str([*value.dims]) for value in inputs if value)[:200]
            what = f"its inputs of {sizes} have too few axes, or are not what it needs"
            raise Refusal(what, plain_title(title), operator.name) from error
        for number, tensor, value in zip(
            (each for each in operator.outputs if each >= 0), outputs, found, strict=False
        ):
            values[number] = value and self._checked(value, tensor, op)
        for number in operator.outputs[len(found) :]:
            values[number] = None

    def _checked(self, value: TensorValue, tensor: TensorInfo, op: OperatorOp) -> TensorValue:
        """Compare an output with the sizes that the file records for it."""
        if value is UNSIZED:
            return value
        wanted = tensor.dims if not value.static or value.contents else value.dims
        known = self.at_own and tensor.is_sized
        if known and (
            len(wanted) != len(value.dims)
            or any(size not in (-1, ours) for size, ours in zip(wanted, value.dims, strict=True))
        ):
            ours, theirs = (render(each) if each else "a number" for each in (value.dims, wanted))
            raise op.problem(f"its output is {ours}, and the file says {theirs}; convert the model again")
        return value._replace(type=tensor.type)

    def _written(self, op: OperatorOp, depth: int, *, lost: bool) -> Sequence[TensorValue | None]:
        start, name = len(self.builder.nodes), op.origin.kind
        if lost or any(value is UNSIZED for value in op.inputs):
            return self._lost(op, depth, lost=lost)
        if name in _CONTROL:
            return self._controlled(op, depth)
        if (write := OPERATORS.get(name)) is None:
            return self._recorded(op, name)
        if not op.active and (name in ops_conv.POOLS or name not in ops_conv.OPERATORS or self.entry is None):
            return self._static(op)
        if not op.active:
            op = self._running(op)
        try:
            found = write(op)
        except UnknownSize:
            gone = {node.path for node in self.builder.nodes[start:]}
            del self.builder.nodes[start:], self.ledger.tails[start:]
            self.builder.views = {key: each for key, each in self.builder.views.items() if each.path not in gone}
            return self._recorded(op, f"{name} (of an unknown size)", is_exact=name in ops_shape.OPERATORS)
        if any(value is not None and value.data is None for value in found):
            found = _with_data(op, found)
        self._finish(op, start, found)
        return found

    def _running(self, op: OperatorOp) -> OperatorOp:
        """Return an operator on constants, which nothing computes before: it multiplies each time the network runs."""
        place = ops_conv.RUNNING[op.origin.kind]
        value = op.parameter(op.at(place), op.at(place).dims, is_map=False)
        return replace(op, inputs=(*op.inputs[:place], value, *op.inputs[place + 1 :]))

    def _recorded(self, op: OperatorOp, why: str, *, is_exact: bool = False) -> list[TensorValue | None]:
        """Write an operator by the sizes that the file records for its outputs, if they hold; none else.

        It is counted among those that are not supported, unless its size alone is missing.
        """
        start, known = len(self.builder.nodes), self.at_own and all(tensor.is_known for tensor in op.outputs)
        if not is_exact:
            self.unsupported[why] += 1
        if not known or not op.active:
            what = f"what follows from here has an unknown size: {op.origin.layer or 'output'} ({op.origin.kind})"
            self.notes |= {Note("unsized", what): None} if is_exact and not self.notes else {}
            return [UNSIZED if is_exact else None] * len(op.outputs)
        found = [op.operation(tensor.recorded, place=n) for n, tensor in enumerate(op.outputs)]
        self._finish(op, start, found)
        return [*found]

    def _finish(self, op: OperatorOp, start: int, found: Sequence[TensorValue | None]) -> None:
        """Give the new nodes their name, their bits, and what the operator reads beside their inputs."""
        nodes = self.builder.nodes
        if len(nodes) == start:
            return
        kinds = {value.source.path: op.type_of(place) for place, value in enumerate(found) if value and value.signal}
        read = {path for node in nodes[start:] for path in node.inputs}
        beside = dict.fromkeys(value.source.path for value in op.active if value.source.path not in read)
        nodes[-1] = nodes[-1]._replace(beside=(*beside,))
        for place in range(start, len(nodes)):
            bits = {"activation": BITS[kinds.get(nodes[place].path, op.type_of(0))], **nodes[place].bits}
            is_plain = {*bits.values()} <= {0, WIDE}
            nodes[place] = nodes[place]._replace(
                bits={} if is_plain else {name: each for name, each in bits.items() if each}
            )
        title = op.outputs[0].name if op.outputs else ""
        self.scopes += [(start, title, op.origin.kind)] * (len(nodes) - start)
        fixes = {"Operation", "Expand", "Interpolate", "ConvTranspose"} & {node.kind for node in nodes[start:]}
        if fixes and not self.fixed_by and any(value and value.data is None for value in found):
            self.fixed_by = nodes[-1].path

    def _static(self, op: OperatorOp) -> list[TensorValue | None]:
        """Return what is computed of constants before anything runs."""
        contents = frozenset[Content]().union(*(value.contents for value in op.present))
        data = folded(op)
        first = op.present[0] if op.present else TensorValue(())
        kept = op.origin.kind in KEEP
        found = list[TensorValue | None]()
        known = len(data) == len(op.outputs) or not op.present or all(tensor.is_known for tensor in op.outputs)
        sizes = [tensor.recorded for tensor in op.outputs] if known else _sizes(op)
        for place, (tensor, size) in enumerate(zip(op.outputs, sizes, strict=False)):
            dims, numbers = data[place] if place < len(data) else (size, None)
            bits = first.bits if kept else tensor.bits
            is_quantized = first.is_quantized or tensor.is_quantized
            found.append(
                TensorValue(dims, tensor.type, data=numbers, contents=contents, is_quantized=is_quantized, bits=bits)
            )
        return found

    def _lost(self, op: OperatorOp, depth: int, *, lost: bool) -> list[TensorValue | None]:
        """Skip what reads a tensor without a known size; nothing is missing if it multiplies nothing."""
        if not lost and self._costs_nothing(op.operator, depth):
            return [UNSIZED] * len(op.outputs)
        counts, why = (
            (self.unknown, "after an unsupported one") if lost else (self.unsupported, "reads an unknown size")
        )
        counts[f"{op.origin.kind} ({why})"] += 1
        return [None] * len(op.outputs)

    def _controlled(self, op: OperatorOp, depth: int) -> Sequence[TensorValue | None]:
        """Walk through the graphs that an operator runs."""
        if op.origin.kind in _CALLS:
            return self._called(op, op.number(_CALLS[op.origin.kind]), op.inputs, depth)
        if op.origin.kind == "WHILE":
            return self._looped(op, depth)
        condition = op.at(0).data
        if not condition:
            free = all(self._is_free(op.number(branch), depth) for branch in ("then", "else"))
            return self._recorded(op, "IF (its branch depends on the input)", is_exact=free)
        return self._called(op, op.number("then" if condition[0] else "else"), op.inputs[1:], depth)

    def _is_free(self, number: int, depth: int) -> bool:
        """Tell whether nothing in a graph multiplies, whichever way it runs."""
        self._spend()
        if depth > DEEPEST:
            return False
        return all(self._costs_nothing(operator, depth) for operator in self.file.graph(number).operators)

    def _costs_nothing(self, operator: Operator, depth: int) -> bool:
        if operator.name not in _CONTROL:
            return operator.name in ops_shape.OPERATORS or operator.name in ops_element.OPERATORS
        return all(self._is_free(each, depth + 1) for each in _graphs(operator))

    def _called(
        self, op: OperatorOp, number: int, inputs: Sequence[TensorValue | None], depth: int
    ) -> list[TensorValue | None]:
        """Walk through a graph at values of its inputs."""
        self._spend()
        graph = self.file.graph(number)
        if len(graph.inputs) != len(inputs):
            raise op.problem(f"it gives {len(inputs)} tensors to a graph of {len(graph.inputs)}")
        if number not in self.maps:
            self.maps[number] = maps_of(graph)
        return self.run(graph, dict(zip(graph.inputs, inputs, strict=True)), self.maps[number], depth + 1)

    def _started(self, op: OperatorOp, value: TensorValue) -> TensorValue:
        """Return what a loop starts with: a constant that it changes is no weight, and computed with."""
        if not value.static or value.type not in FLOATS or not value.elements:
            return value
        start = len(self.builder.nodes)
        found = op.parameter(value._replace(contents=frozenset()), value.dims, is_map=False)
        self._finish(op, start, [found])
        return found

    def _looped(self, op: OperatorOp, depth: int) -> Sequence[TensorValue | None]:
        """Walk through the body of a loop as often as constants and sizes say."""
        body = self.file.graph(op.number("body"))
        same = [one == other for one, other in zip(body.inputs, body.outputs, strict=False)]
        state: Sequence[TensorValue | None] = [
            value if value is None or keeps or not op.active else self._started(op, value)
            for value, keeps in zip(op.inputs, same, strict=False)
        ]
        while True:
            (condition,) = self._called(op, op.number("cond"), state, depth)[:1] or [None]
            if condition is None or not condition.data:
                free = all(self._is_free(op.number(graph), depth) for graph in ("cond", "body"))
                return self._recorded(op, "WHILE (its trips depend on the input)", is_exact=free)
            if not condition.data[0]:
                return state
            state = self._called(op, op.number("body"), state, depth)


def _graphs(operator: Operator) -> list[int]:
    """Return the numbers of the graphs that an operator runs."""
    names = ("subgraph", "then", "else", "cond", "body") if operator.name in _CONTROL else ()
    return [operator.options[name] for name in names if name in operator.options]


def _sizes(op: OperatorOp) -> list[Dims]:
    """Return the sizes of what is computed of constants: those that an operator of computed tensors would have."""
    inputs = tuple(
        value._replace(signal=Signal("input", laid(value.dims, is_map=False))) if value and value.elements else value
        for value in op.inputs
    )
    found = OPERATORS[op.origin.kind](replace(op, builder=Builder(), ledger=Ledger(), inputs=inputs))
    return [value.dims for value in found if value is not None]


def _with_data(op: OperatorOp, found: Sequence[TensorValue | None]) -> list[TensorValue | None]:
    """Return outputs with their numbers, if they follow from constants and sizes."""
    data = folded(op)
    return [
        value._replace(data=data[place][1])
        if value is not None and place < len(data) and data[place][0] == value.dims
        else value
        for place, value in enumerate(found)
    ]


def plain_title(name: str) -> str:
    """Return the part of a tensor's name that names a layer: of a fused one, the layer with the weights."""
    parts = [part for part in name.split(";") if part]
    weighed = [
        part for part in parts if part.lower().endswith(("conv2d", "convolution", "matmul", "depthwise", "conv3d"))
    ]
    found = (weighed or parts or [""])[0]
    return (
        "" if found.startswith(("StatefulPartitionedCall", "PartitionedCall", "Identity")) else found.partition(":")[0]
    )
