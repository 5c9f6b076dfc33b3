"""An exported program as a graph of ONNX operators, which `readers.onnx` walks: one node or a few for each call.

Where ONNX has no operator that says the same, the domain `aten` has one: `writers.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import MOST_NODES, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfo
from flopcount.readers.onnx.op import Writer
from flopcount.readers.pt2.program import Call, CallGraph, ExportedProgram, NameRef, TensorMeta, with_maps

OPSET = 21
"""The opset of the nodes."""

INT64, FLOAT, BOOL = 7, 1, 9

DTYPES: Mapping[str, int] = {
    "float32": FLOAT,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": INT64,
    "bool": BOOL,
    "float16": 10,
    "float64": 11,
    "complex64": 14,
    "complex128": 15,
    "bfloat16": 16,
    "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18,
    "float8_e5m2": 19,
    "float8_e5m2fnuz": 20,
}
"""The element types of ONNX by their names in PyTorch."""

DEEPEST = 16
"""The most levels of graphs inside each other."""

LIBRARIES = frozenset(("aten", "prims", "torchvision", "higher_order", "quantized_decomposed", "transformers"))
"""The libraries whose operators have rules under their names."""

Rule = Callable[["LoweredCall"], str | Sequence[str] | None]
"""Writes the nodes of a call, and returns the names of what it makes."""


class LoweredCall(NamedTuple):
    """A call that is being lowered."""

    call: Call
    graph: "Lowering"

    @property
    def name(self) -> str:
        """The name of the operator, without its library and its overload."""
        return self.call.target.split(".")[1] if self.call.target.count(".") else self.call.target

    @property
    def rule(self) -> str:
        """The name of its rule: that of the operator, with a mark for arithmetic on sizes and for other libraries."""
        library = self.call.target.partition(".")[0]
        if library in LIBRARIES:
            return self.name
        is_number = library in {"_operator", "math", "torch", "builtins"}
        return f"number:{self.call.target.rpartition('.')[2]}" if is_number else self.call.target

    @property
    def overload(self) -> str:
        """The overload."""
        return self.call.target.rpartition(".")[2]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument."""
        found = self.call.args.get(name, default)
        return default if found is None else found

    def has(self, name: str) -> bool:
        """Tell whether an argument is given."""
        return self.call.args.get(name) is not None

    def is_integer(self, name: str) -> bool:
        """Tell whether an argument is an integer, or a tensor of integers."""
        found = self.call.args.get(name)
        meta = self.graph.metas.get(found.name) if isinstance(found, NameRef) else None
        return "int" in meta.dtype if meta else isinstance(found, int | NameRef)

    def tensor(self, name: str = "self") -> str:
        """Return the name of a tensor, or of a number as one."""
        if (found := self.call.args.get(name)) is None:
            raise Refusal(f"its argument {name!r} is missing")
        return self.graph.value(found)

    def optional(self, name: str) -> str:
        """Return the name of a tensor that may be missing, or ""."""
        return self.tensor(name) if self.has(name) else ""

    def tensors(self, name: str) -> list[str]:
        """Return the names of a list of tensors."""
        return [self.graph.value(each) for each in self.get(name, ())]

    def rank(self, name: str = "self") -> int:
        """Return the number of axes of a tensor."""
        return len(self.dims(name))

    def dims(self, name: str = "self") -> tuple[Any, ...]:
        """Return the sizes of a tensor, as the program gives them."""
        found = self.call.args.get(name)
        return self.graph.meta(found.name).dims if isinstance(found, NameRef) else ()

    def axis(self, name: str = "dim", default: int = -1, of: str = "self", more: int = 0) -> int:
        """Return an axis counted from the first."""
        axis, rank = self.get(name, default), max(self.rank(of) + more, 1)
        if not isinstance(axis, int) or not -rank <= axis < rank:
            raise Refusal(f"{name} = {axis} is not one of {rank} axes")
        return axis % rank

    def axes(self, name: str = "dim", of: str = "self") -> tuple[int, ...]:
        """Return axes counted from the first; none if they are not given."""
        found, rank = self.get(name, ()), max(self.rank(of), 1)
        return tuple(axis % rank for axis in ((found,) if isinstance(found, int) else found))

    def numbers(self, name: str, count: int, default: int) -> tuple[int, ...]:
        """Return an integer for each axis of space."""
        found = self.get(name, default)
        found = (found,) if isinstance(found, int) else found or (default,)
        if not all(isinstance(each, int) for each in found):
            raise Refusal(f"its {name} follows from sizes; only constants are supported")
        return tuple(found) * count if len(found) == 1 else tuple(found)

    def ints(self, values: Any) -> str:
        """Return the name of a tensor of integers, which may be computed from sizes."""
        values = values if isinstance(values, tuple | list) and not isinstance(values, NameRef) else (values,)
        if all(isinstance(each, int) for each in values):
            return self.graph.constant(tuple(map(int, values)))
        axis = self.graph.constant((0,))
        names = [
            self.graph.constant((int(each),))
            if isinstance(each, int)
            else self.emit("Unsqueeze", self.graph.value(each), axis)
            for each in values
        ]
        return self.emit("Concat", *names, axis=0)

    def size(self, x: str, axis: int) -> str:
        """Return the name of a size of a tensor, as a number."""
        return self.emit("Gather", self.emit("Shape", x), self.graph.constant((axis,), scalar=True), axis=0)

    def emit(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Write a node, and return the name of what it makes."""
        return self.emitted(kind, inputs, 1, domain, attributes)[0]

    def several(self, kind: str, *inputs: str, count: int, domain: str = "", **attributes: Any) -> list[str]:
        """Write a node, and return the names of what it makes."""
        return self.emitted(kind, inputs, count, domain, attributes)

    def emitted(
        self, kind: str, inputs: Sequence[str], count: int, domain: str, attributes: Mapping[str, Any]
    ) -> list[str]:
        """Write a node."""
        outputs = self.graph.fresh(self.call, count)
        label = self.call.target.rpartition(".")[0] if self.call.target.count(".") > 1 else self.call.target
        name = f"{self.call.module.replace('.', '/') or '.'}/{self.name}"
        node = NodeProto(kind, domain, name, tuple(inputs), tuple(outputs), attributes, label, self.call.place)
        self.graph.nodes.append(node)
        if len(self.graph.nodes) > MOST_NODES:
            raise Refusal(f"it has more than {MOST_NODES:,} nodes")
        return outputs

    def is_read(self, place: int) -> bool:
        """Tell whether anything reads an output."""
        outputs = self.call.outputs
        return place < len(outputs) and outputs[place] in self.graph.read

    def inline(self, graph: CallGraph, args: Sequence[Any]) -> list[str]:
        """Write the calls of a graph in place of this call, and return the names of its outputs."""
        return self.graph.inlined(graph, args)


class Lowering:
    """The nodes and constants so far, and the names in the graph that is lowered."""

    def __init__(self, program: ExportedProgram, rules: Mapping[str, Rule], views: frozenset[str]) -> None:
        """Begin with the tensors that a program has before its first call."""
        self.program, self.rules, self.views = program, rules, views
        self.nodes: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}
        self.constants: dict[Any, str] = {}
        self.names: dict[str, str] = {}
        self.metas: Mapping[str, TensorMeta] = program.graph.tensors
        self.roots: dict[str, str] = {}
        self.read: frozenset[str] = program.graph.read
        self.number = self.depth = 0

    def meta(self, name: str) -> TensorMeta:
        """Return what the program says of a tensor."""
        if name not in self.metas:
            raise Refusal(f"it reads {name[:60]!r}, which nothing makes")
        return self.metas[name]

    def constant(self, numbers: tuple[float, ...], dtype: int = INT64, *, scalar: bool = False) -> str:
        """Return the name of a constant."""
        key = (numbers, dtype, scalar)
        if key not in self.constants:
            name = self.constants[key] = f"constant:{len(self.constants)}"
            self.tensors[name] = TensorProto(name, () if scalar else (len(numbers),), dtype, values=numbers)
        return self.constants[key]

    def value(self, found: Any) -> str:
        """Return the name of what an argument is: a tensor, or a number."""
        if isinstance(found, NameRef):
            if found.name not in self.names:
                raise Refusal(f"it reads {found.name[:60]!r}, which nothing makes")
            return self.names[found.name]
        if isinstance(found, bool):
            return self.constant((found,), BOOL, scalar=True)
        if isinstance(found, int | float):
            return self.constant((found,), INT64 if isinstance(found, int) else FLOAT, scalar=True)
        raise Refusal(f"its argument {str(found)[:60]!r} is no tensor and no number")

    def fresh(self, call: Call, count: int) -> list[str]:
        """Return names that are not taken."""
        self.number += 1
        base = next((name for name in call.outputs if name), call.target)
        return [f"{base}:{self.number}{f'.{place}' if place else ''}" for place in range(count)]

    def run(self, calls: Sequence[Call]) -> None:
        """Lower calls in order."""
        for call in with_maps(calls):
            op = LoweredCall(call, self)
            rule = self.rules.get(op.rule)
            try:
                found = self._unknown(op) if rule is None else rule(op)
            except Refusal as error:
                raise error.within(f"{call.module or call.target}", call.target) from None
            except (LookupError, ArithmeticError, ValueError, TypeError, AttributeError, StopIteration) as error:
                what = "its arguments are not those that the operator has"
                raise Refusal(what, call.module or call.target, call.target) from error
            made = [found] if isinstance(found, str) else [*(found or ())]
            self.names.update({name: new for name, new in zip(call.outputs, made, strict=False) if name})
            first = next(iter(call.args.values()), None)
            target = call.args.get("out") if call.target.endswith("out") else first
            if isinstance(target, NameRef) and made:
                is_written = target is not first or _is_inplace(op.name)
                self._mutated(op, target.name, made[0]) if is_written else self._viewed(op, target.name)

    def _viewed(self, op: LoweredCall, source: str) -> None:
        """Remember which tensor the outputs of a call are views of."""
        if op.name in self.views:
            self.roots.update(dict.fromkeys(op.call.outputs, self.roots.get(source, source)))

    def _mutated(self, op: LoweredCall, source: str, made: str) -> None:
        """Let what reads a tensor from here on read what was written into it, or into a view of it."""
        self.names[source] = made
        root = self.roots.get(source)
        if root is not None and root in self.names:
            indices = self.constant((0,))
            self.names[root] = op.emit("ScatterND", self.names[root], indices, made)

    def _unknown(self, op: LoweredCall) -> list[str]:
        library, name = (*op.call.target.split("."), "")[:2]
        refs = (each.name for each in op.call.args.values() if isinstance(each, NameRef))
        inputs = [self.names[each] for each in refs if each in self.names]
        return op.emitted(name or library, inputs, max(len(op.call.outputs), 1), library, {})

    def inlined(self, graph: CallGraph, args: Sequence[Any]) -> list[str]:
        """Lower the calls of a graph inside a call, and return the names of its outputs."""
        if self.depth >= DEEPEST:
            raise Refusal(f"graphs are nested deeper than {DEEPEST} levels")
        if len(args) != len(graph.inputs):
            raise Refusal(f"the graph that it runs has {len(graph.inputs)} inputs, and it is given {len(args)}")
        outer = self.names, self.metas, self.read, self.roots
        own = {name: self.value(each) for name, each in zip(graph.inputs, args, strict=True)}
        self.names, self.metas, self.read, self.roots = own, graph.tensors, graph.read, {}
        self.depth += 1
        try:
            self.run(graph.calls)
            return [self.value(each) for each in graph.outputs]
        finally:
            self.depth -= 1
            self.names, self.metas, self.read, self.roots = outer


def _is_inplace(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def lowered(
    program: ExportedProgram, rules: Mapping[str, Rule], views: frozenset[str], writers: Mapping[str, Writer]
) -> ModelProto:
    """Return a program as a model without inputs, whose sizes are those asked for."""
    found, graph = Lowering(program, rules, views), program.graph
    kept, trained = {**program.parameters, **program.buffers, **program.constants}, dict[str, bool]()
    for name, said in kept.items():
        meta, own = graph.tensors.get(name), name if said in program.inputs else said
        if meta is not None and name not in program.aliases:
            dims = tuple(size if isinstance(size, int) else -1 for size in meta.dims)
            found.tensors[own] = TensorProto(own, dims, DTYPES.get(meta.dtype, 0))
            found.names[name] = own
            if name in program.parameters:
                trained[own] = meta.requires_grad
    found.names.update({name: name for name in program.inputs})
    found.run(graph.calls)
    outputs = tuple(ValueInfo(found.value(each), None, 0) for each in graph.outputs if isinstance(each, NameRef))
    frozen = frozenset(own for own, is_trained in trained.items() if not is_trained)
    proto = GraphProto(tuple(found.nodes), found.tensors, (), outputs)
    return ModelProto(proto, {"": OPSET}, {}, program.producer, frozenset(trained), frozen, writers, "parameter")
