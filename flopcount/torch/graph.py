"""The graph of a live exported program: the same `ExportedProgram` that `readers.pt2.file` makes of a saved one."""

import inspect
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch.export
from torch._ops import HigherOrderOperator, OpOverload
from torch.export.graph_signature import CustomObjArgument, InputKind
from torch.fx import GraphModule, Node

from flopcount.readers.pt2.file import module_path, place_of
from flopcount.readers.pt2.program import Call, CallGraph, Dim, ExportedProgram, NameRef, SymbolicSize, TensorMeta
from flopcount.torch.dynamic import NamedSymbol

KINDS = {
    InputKind.PARAMETER: "parameter",
    InputKind.BUFFER: "buffer",
    InputKind.CONSTANT_TENSOR: "constant",
    InputKind.CUSTOM_OBJ: "constant",
    InputKind.TOKEN: "constant",
}
"""What an input of a graph is that the caller does not give."""

SYMBOLS = (torch.SymInt, torch.SymFloat, torch.SymBool)
NUMBERS = (*SYMBOLS, int, float)
"""The types of numbers that a graph computes."""

OPEN = (torch.Tensor, *SYMBOLS, CustomObjArgument)
"""The types of inputs that are no constants."""

LAYOUTS = {torch.sparse_coo: 1, torch.strided: 7}
FORMATS = {
    torch.contiguous_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
    torch.preserve_format: 4,
}
"""The numbers that a file has for layouts and for formats of memory."""


ASSUMED = 2
"""The least size of an axis that is open, unless the caller gives a range."""


def program_of(program: torch.export.ExportedProgram, named: Iterable[NamedSymbol] = ()) -> ExportedProgram:
    """Return the program of a live one; `named` are names of its symbols, those with the same name being one size."""
    first, named = dict[str, Any](), (*named,)
    one = {each.symbol: first.setdefault(each.name, each.symbol) for each in named}
    kinds: dict[str, dict[str, str]] = {"parameter": {}, "buffer": {}, "constant": {}}
    specs = program.graph_signature.input_specs
    for spec in specs:
        if spec.kind in KINDS:
            kinds[KINDS[spec.kind]][spec.arg.name] = str(spec.target or spec.arg.name)
    tied = _tied(program, kinds["parameter"])
    graph = _Reading(program.graph_module, one, tied).graph
    inputs = [spec.arg.name for spec in specs if spec.kind is InputKind.USER_INPUT]
    return ExportedProgram(
        graph,
        tuple(name for name in inputs if name in graph.inputs),
        kinds["parameter"],
        kinds["buffer"],
        kinds["constant"],
        _ranges(program.range_constraints, one, {each.symbol for each in named if not each.has_range}),
        tied,
        f"PyTorch {torch.__version__}",
        names={str(symbol): name for name, symbol in first.items()},
    )


def _ranges(
    constraints: Mapping[Any, Any], one: Mapping[Any, Any], free: Collection[Any]
) -> dict[str, tuple[float, float]]:
    """Return the bounds of each symbol; those of symbols that are one hold together.

    That a symbol which is `free` is at least 2 is no bound: torch.export assumes it of each.
    """
    found = dict[str, tuple[float, float]]()
    for symbol, bounds in constraints.items():
        name, (low, high) = str(one.get(symbol, symbol)), _range(bounds)
        low = 1 if symbol in free and low == ASSUMED else low
        known = found.get(name, (low, high))
        found[name] = (max(low, known[0]), min(high, known[1]))
    return found


def _range(bounds: Any) -> tuple[float, float]:
    low, high = bounds.lower, bounds.upper
    return (int(low) if low.is_Integer else 0, int(high) if high.is_Integer else float("inf"))


def _tied(program: torch.export.ExportedProgram, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that are the tensor of another one, which is read: tied weights."""
    nodes = {node.name: node for node in program.graph.nodes if node.name in parameters}
    groups = dict[int, list[str]]()
    for name, path in parameters.items():
        if path in program.state_dict:
            groups.setdefault(id(program.state_dict[path]), []).append(name)
    found = dict[str, str]()
    for names in groups.values():
        first = min((name for name in names if name in nodes and nodes[name].users), default="")
        found |= {name: first for name in names if first and name != first}
    return found


class _Reading:
    """A walk over the nodes of a module of FX; `one` has the symbol that stands for others, `tied` the parameter."""

    def __init__(self, module: GraphModule, one: Mapping[Any, Any], tied: Mapping[str, str]) -> None:
        self.module, self.one, self.tied = module, one, tied
        self.tensors = dict[str, TensorMeta]()
        self.names = dict[Node, str]()

    @cached_property
    def graph(self) -> CallGraph:
        """The graph."""
        nodes = [*self.module.graph.nodes]
        values = {node.name: node.meta.get("val") for node in nodes if node.op == "placeholder"}
        inputs = [self.made(name, value) for name, value in values.items() if isinstance(value, OPEN)]
        calls = [node for node in nodes if node.op == "call_function" and node.target is not operator.getitem]
        made = tuple(map(self.call, calls))
        (found,) = nodes[-1].args
        outputs = found if isinstance(found, tuple | list) else (found,)
        return CallGraph(tuple(inputs), self.argument(outputs), made, self.tensors)

    def made(self, name: str, value: Any) -> str:
        """Return the name of what a node makes, a tensor of which is noted; "" for nothing."""
        if isinstance(value, torch.Tensor):
            dims, dtype = tuple(map(self.size, value.shape)), str(value.dtype).removeprefix("torch.")
            self.tensors[name] = TensorMeta(dims, dtype, value.requires_grad)
        return "" if value is None else name

    def size(self, size: Any) -> Dim:
        """Return a size: a number, or an expression."""
        if isinstance(size, int):
            return size
        expression, hint = size.node.expr.xreplace(self.one), size.node.hint
        if expression.is_Integer:
            return int(expression)
        return SymbolicSize(_text(expression), hint if isinstance(hint, int) else None)

    def call(self, node: Node) -> Call:
        """Return the call of a node."""
        stack = [*(node.meta.get("nn_module_stack") or {}).values()]
        path = str(stack[-1][0]) if stack else ""
        return Call(
            _qualified(node.target).removeprefix("torch.ops."),
            {name: self.argument(value) for name, value in _named(node)},
            () if _returns_nothing(node.target) else tuple(self.outputs(node, node.name, node.meta.get("val"))),
            "" if path.startswith("_empty") else module_path(path),
            place_of(node.meta.get("stack_trace") or ""),
        )

    def outputs(self, node: Node | None, name: str, value: Any) -> Iterator[str]:
        """Yield the names of what a call makes: of several, those of the nodes that take them apart."""
        if not isinstance(value, dict | tuple | list):
            yield self.made(name, value)
            return
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            users = [user for user in (node.users if node else ()) if user.args[1] == key]
            own = users[0].name if users else f"{name}_unused_{key}"
            self.names.update(dict.fromkeys(users, own))
            yield from self.outputs(users[0] if users else None, own, each)

    def argument(self, value: Any) -> Any:
        """Return an argument as a call has it."""
        if isinstance(value, Node):
            return self.read(value)
        if isinstance(value, tuple | list):
            return tuple(map(self.argument, value))
        if isinstance(value, dict):
            return {key: self.argument(each) for key, each in value.items()}
        return _constant(value)

    def read(self, node: Node) -> Any:
        """Return what is read from a node: a graph, a name, or the value of a constant input."""
        if node.op != "get_attr":
            name = self.names.get(node, node.name)
            return NameRef(self.tied.get(name, name))
        found = operator.attrgetter(str(node.target))(self.module)
        if isinstance(found, GraphModule):
            return _Reading(found, self.one, {}).graph
        self.made(node.name, found)
        return NameRef(node.name)


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.device):
        return {"type": value.type, "index": value.index}
    if isinstance(value, torch.memory_format | torch.layout):
        return {**FORMATS, **LAYOUTS}.get(value, 0)
    return _qualified(value)


def _text(expression: Any) -> str:
    from sympy import srepr

    return str(srepr(expression))


def _qualified(target: Any) -> str:
    module = str(getattr(target, "__module__", "")).replace("torch._ops", "torch.ops")
    return f"{module}.{getattr(target, '__name__', type(target).__name__)}"


def _returns_nothing(target: Any) -> bool:
    return isinstance(target, OpOverload) and not target._schema.returns


def _named(node: Node) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of a node with their names, in the order of the operator's; numbers if it has no names."""
    target, names = node.target, list[str]()
    if isinstance(target, OpOverload):
        arguments = target._schema.arguments
        values = dict(zip((each.name for each in arguments), node.args, strict=False)) | node.kwargs
        yield from ((each.name, values[each.name]) for each in arguments if each.name in values)
        return
    if isinstance(node.meta.get("val"), NUMBERS) and not isinstance(target, HigherOrderOperator):
        with suppress(ValueError):
            names = [*inspect.signature(target).parameters]
    names += map(str, range(len(names), len(node.args)))
    yield from zip(names, node.args, strict=False)
    yield from node.kwargs.items()
