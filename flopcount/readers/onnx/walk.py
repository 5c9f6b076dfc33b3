"""The walk through a graph: each node folded, or written as rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.errors import ShapeError, UsageError
from flopcount.readers.base import ReadOptions
from flopcount.readers.onnx.fold import ALWAYS, KEEP, folded, kept_data
from flopcount.readers.onnx.fuse import fused
from flopcount.readers.onnx.graph import MOST_NODES, Body, Function, Model, Node, Wire, graph
from flopcount.readers.onnx.layout import parameter
from flopcount.readers.onnx.operators import Writer, filled, initial, is_known, readers, writer
from flopcount.readers.onnx.values import Call, Dims, Rows, Unreadable, Value
from flopcount.readers.onnx.wire import FLOATS
from flopcount.spec.fields import LARGEST

# The sizes of a model's inputs: what its file says, or what the command line does.


COLOURS = 4
"""A last axis of at most so many is taken for the channels of a picture."""


class Sized(NamedTuple):
    """Sizes for each input, the sizes that have names, and what had to be assumed."""

    dims: Mapping[str, Dims]
    names: Mapping[str, int]
    notes: tuple[str, ...]


def sized(inputs: Sequence[Wire], request: ReadOptions, title: str) -> Sized:
    """Return the sizes of all inputs; a UsageError says which are open."""
    asked, names = _asked(inputs, request.size, title)
    names = dict(names)
    for wire in inputs:
        _bind(wire, asked.get(wire.name), names, title)
    notes: list[str] = []
    found: dict[str, Dims] = {}
    for wire in inputs:
        dims = asked.get(wire.name) or _declared(wire, names, notes, title)
        if request.batch is not None and dims:
            dims = (request.batch, *dims[1:])
        if any(size < 1 or size > LARGEST for size in dims):
            raise UsageError(f"{title}: the input {wire.name!r} is {_text(dims)}; sizes go from 1 to 10⁹")
        found[wire.name] = dims
    return Sized(found, names, tuple(dict.fromkeys(notes)))


def _asked(inputs: Sequence[Wire], text: str | None, title: str) -> tuple[dict[str, Dims], dict[str, int]]:
    """Read --input: sizes of the first input, or NAME=SIZES for inputs and for sizes that have names."""
    if text is None:
        return {}, {}
    if "=" not in text:
        return {inputs[0].name: _resized(inputs[0], _numbers(text), text)}, {}
    wires = {wire.name: wire for wire in inputs}
    symbols = {size for wire in inputs for size in wire.dims or () if isinstance(size, str) and size}
    asked: dict[str, Dims] = {}
    names: dict[str, int] = {}
    for part in text.split(","):
        name, _, sizes = (word.strip() for word in part.rpartition("="))
        if name in wires:
            asked[name] = _resized(wires[name], _numbers(sizes), text)
        elif name in symbols and len(_numbers(sizes)) == 1:
            names[name] = _numbers(sizes)[0]
        else:
            known = ", ".join([*wires, *sorted(symbols)][:20])
            raise UsageError(f"--input {text[:60]}: {title} has no input or size {name[:50]!r}; it has {known}")
    return asked, names


def _numbers(text: str) -> Dims:
    parts = text.lower().replace("×", "x").split("x")
    if not all(part.isascii() and part.isdecimal() and len(part) <= len(str(LARGEST)) for part in parts):
        raise UsageError(f"--input {text[:60]} is not a size; write 160, 160x128, 3x160x128 or 1x3x160x128")
    return tuple(map(int, parts))


def _resized(wire: Wire, numbers: Dims, text: str) -> Dims:
    """Return an input's sizes: all of them, without the batch, or those of space."""
    declared = wire.dims
    if declared is None or len(numbers) == len(declared):
        return numbers
    batch = declared[0] if declared and isinstance(declared[0], int) and declared[0] > 0 else 1
    if len(numbers) == len(declared) - 1:
        return (batch, *numbers)
    last = _channels_last(declared)
    space, channels = (declared[1:-1], declared[-1]) if last else (declared[2:], declared[1:2] and declared[1])
    numbers = numbers * len(space) if len(numbers) == 1 else numbers
    if len(numbers) == len(space) and isinstance(channels, int):
        return (batch, *numbers, channels) if last else (batch, channels, *numbers)
    raise UsageError(
        f"--input {text[:60]} does not fit the input {wire.name!r}, which is {_text(declared)}; give all sizes"
    )


def _channels_last(declared: Sequence[int | str]) -> bool:
    """Tell a picture with the channels last, as TensorFlow has them."""
    if len(declared) < 3:  # noqa: PLR2004  (a batch, channels and space)
        return False
    last, first = declared[-1], declared[1]
    return isinstance(last, int) and 0 < last <= COLOURS and not (isinstance(first, int) and 0 < first <= COLOURS)


def _bind(wire: Wire, dims: Dims | None, names: dict[str, int], title: str) -> None:
    """Learn what the named sizes of an input are."""
    for name, size in zip(wire.dims or (), dims or (), strict=False):
        if isinstance(name, str) and name and names.setdefault(name, size) != size:
            raise UsageError(f"{title}: {name} is {names[name]} and {size}; give the inputs sizes that agree")


def _declared(wire: Wire, names: Mapping[str, int], notes: list[str], title: str) -> Dims:
    """Return what the file says, with named sizes filled in; an open batch is one."""
    if wire.dims is None:
        raise UsageError(f"{title}: the input {wire.name!r} has no sizes; give them, as in --input 1x3x224x224")
    dims = [names.get(size, size) if isinstance(size, str) else size for size in wire.dims]
    if dims and _is_open(dims[0]):
        notes.append(f"the batch of {title} is open, and counted as 1; --batch gives another")
        dims[0] = 1
    opened = [size for size in dims if _is_open(size)]
    if opened:
        usual = 224 if len(dims) == 4 else 128  # noqa: PLR2004  (a batch of pictures; anything else may be tokens)
        raise UsageError(
            f"{title}: the input {wire.name!r} is {_text(wire.dims)}; give its sizes with --input, "
            f"as in --input {wire.name}={'x'.join(str(usual if _is_open(size) else size) for size in dims)}"
        )
    return tuple(size for size in dims if isinstance(size, int))


def _is_open(size: int | str) -> bool:
    return isinstance(size, str) or size <= 0


def _text(dims: Sequence[int | str]) -> str:
    return "×".join(str(size) or "?" for size in dims)


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
