"""One node in the walk: its inputs and attributes, and the layers it becomes.

An arch file leaves out the batch. If a tensor has an axis for a batch of one, `batch_axis`
is that axis, and the layer that makes the tensor has the other axes only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import prod
from struct import pack, unpack
from typing import Any, NamedTuple, Self

from flopcount.errors import Note, Refusal
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import Shape, render
from flopcount.readers.base import Assembly, Origin, UnknownSize, unchecked_step, written
from flopcount.readers.onnx.file import BITS, FLOATS, MOST_VALUES, NodeProto, TensorProto
from flopcount.spec.fields import LARGEST, Layer

MOST_COMPUTED = 30 * MOST_VALUES
"""The most numbers that are computed while a file is read."""

Dims = tuple[int, ...]
Numbers = tuple[float, ...]

_LATE = 21
"""The opset of operators that are written in the name of another."""

_KEEP = -1
"""Stands for the batch axis of the first input."""

INITIALIZER = "initializer"
"""The word of ONNX for a tensor that a file keeps."""

STRICT = frozenset(
    ("weight", "bias", "norm_weight", "norm_bias", "running", "rnn_weight", "rnn_bias", "slope", "embedding", "token")
)
"""The roles of parameters in which a constant inside the graph is a parameter as well."""

_DTYPES = {"FLOAT": 1, "INT32": 6, "INT64": 7, "BOOL": 9, "FLOAT16": 10, "DOUBLE": 11}


class Size(int):
    """A number that the graph computes from the sizes of a tensor; `source` tells a multiple of a single size."""

    source: tuple[int, int, int] | None

    def __new__(cls, value: int, source: tuple[int, int, int] | None = None) -> Self:
        """Make a number; its source is the row that makes the tensor, the axis, and the factor."""
        size = super().__new__(cls, value)
        size.source = source
        return size


class Value(NamedTuple):
    """A tensor: its sizes, and either the row that makes it or its numbers and the initializers they are from.

    A sequence has items, and the row that makes one of them.
    """

    dims: Dims
    dtype: int = 1
    row: int | None = None
    batch_axis: int | None = None
    data: Numbers | None = None
    initializers: frozenset[str] = frozenset()
    items: "tuple[Value, ...] | None" = None
    """The tensors of a sequence."""

    @property
    def static(self) -> bool:
        """Whether it is independent of the inputs of the network."""
        return self.row is None

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known of it."""
        return self.dtype < 0

    @property
    def elements(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    @property
    def inner(self) -> Dims:
        """The sizes without the batch axis."""
        return tuple(size for axis, size in enumerate(self.dims) if axis != self.batch_axis) or (1,)

    def inner_axis(self, axis: int) -> int:
        """Return the place of an axis among the inner sizes."""
        return axis - (self.batch_axis is not None and self.batch_axis < axis)

    @property
    def with_batch_first(self) -> "Value":
        """The value with the first axis taken as the batch if its size is one."""
        return self._replace(batch_axis=0 if len(self.dims) > 1 and self.dims[0] == 1 else None)


UNKNOWN, UNSIZED = Value((), -1, row=-1), Value((), -2, row=-1)
"""What follows from an unsupported operator, and what has a size that depends on the values of the input."""


def empty(*dims: int) -> Value:
    """Return a tensor without elements, which nothing has to compute."""
    return Value(dims, data=())


def initial(tensor: TensorProto, name: str = "") -> Value:
    """Return the value of an initializer."""
    data = tensor.numbers() if tensor.elements <= 4096 else None  # noqa: PLR2004  (larger ones are weights)
    return Value(tensor.dims, tensor.dtype, data=data, initializers=frozenset((name or tensor.name,)))


@dataclass(slots=True, eq=False)
class DraftRow:
    """A layer under construction: its kind and fields, its inputs, and its output shape."""

    kind: str
    inputs: list[int]
    node: NodeProto | None
    shape: Shape
    fields: dict[str, Any] = field(default_factory=dict)
    layer: Layer | None = None
    shared: dict[str, int] = field(default_factory=dict)
    frozen: dict[str, int] = field(default_factory=dict)
    has_trained: bool = False
    uses: int = 0
    weight: str = ""
    is_view: bool = False
    takes_size: bool = False
    bits: dict[str, int] = field(default_factory=dict)

    def set_channel_axis(self, axis: int) -> None:
        """Set the channel axis; axes count from the last, so a batch may precede them."""
        self.layer = None
        self.shape = self.shape._replace(channel_axis=axis)
        self.fields["channel_axis"] = axis - len(self.shape.dims)
        if self.fields["channel_axis"] == -1 and self.kind != "Permute":
            del self.fields["channel_axis"]


_MOVABLE = frozenset(("Reshape", "Permute", "Expand", "Parameter", "Operation"))
"""The kinds with a field for the channel axis."""


class KeptTensors:
    """The tensors that a file keeps, by the name under which each is counted, and which of them are parameters.

    Constants inside the graph are `optional`: parameters in some roles only, or in all if the file has no others.
    Files whose `word` is "parameter" have told which tensors are parameters, and which of these are `frozen`; no other
    is one, whatever reads it.
    """

    def __init__(
        self,
        tensors: Mapping[str, TensorProto],
        trained: AbstractSet[str],
        *,
        constants: bool,
        word: str = "initializer",
        frozen: AbstractSet[str] = frozenset(),
    ) -> None:
        """Begin with the initializers, those that are parameters, and whether all constants are."""
        self.tensors, self.trained, self.constants, self.word = {**tensors}, {*trained}, constants, word
        self.frozen = frozen
        self.names = {id(each): name for name, each in tensors.items()}
        self.told = word == "parameter"
        self.optional: set[str] = set()
        self.promoted: set[str] = set()
        self.masks: dict[str, bool] = {}
        self.sizes: dict[str, int] = {}
        self.known: dict[int, Numbers | None] = {}

    def numbers(self, tensor: TensorProto) -> Numbers | None:
        """Return the values of a constant; a loop reads it often, the file once."""
        if id(tensor) not in self.known:
            self.known[id(tensor)] = tensor.numbers()
        return self.known[id(tensor)]

    def register(self, tensor: TensorProto, name: str, *, constant: bool = False) -> str:
        """Return the name under which a tensor is counted: one of a graph inside, or a constant; each has its own."""
        if (found := self.names.get(id(tensor))) is None:
            found = name if name not in self.tensors else f"{name}_{len(self.tensors)}"
            self.names[id(tensor)], self.tensors[found] = found, tensor
            is_optional = constant and (tensor.elements == 1 or not self.constants)
            if tensor.dtype in FLOATS:
                (self.optional if is_optional else self.trained).add(found)
        return found

    def promote(self, names: AbstractSet[str]) -> None:
        """Take constants for parameters: a layer has them as its weights."""
        found = self.optional & names
        self.trained |= found
        self.promoted |= found
        self.optional -= found

    def is_mask(self, name: str) -> bool:
        """Tell whether a tensor is a mask: zeros, and numbers from -100 down, or ones in a matrix, beside them."""
        if name not in self.masks:
            numbers = {*self.tensors[name].beginning(4096)}
            hides = max(numbers - {0}, default=0) <= -100  # noqa: PLR2004  (the mildest mask, that of Swin)
            is_matrix = sum(size > 1 for size in self.tensors[name].dims) > 1
            self.masks[name] = hides or (is_matrix and numbers == {0, 1})
        return self.masks[name]

    def elements(self, names: Iterable[str]) -> int:
        """Return the number of elements of some tensors."""
        return sum(self.sizes.get(name, self.tensors[name].elements) for name in names)

    def unpacked(self, value: Value) -> Value:
        """Count a constant by its sizes here, which are not those that it is kept in."""
        self.sizes |= dict.fromkeys(value.initializers, value.elements)
        return value


class Draft:
    """The layers that a walk has written, and the initializers that they have counted."""

    def __init__(self, kept: "KeptTensors") -> None:
        """Begin with what the file keeps."""
        self.kept = kept
        self.rows: list[DraftRow] = []
        self.readers: dict[str, list[DraftRow]] = {}
        self.left_over: dict[str, int] = {}
        self.read_once: set[int] = set()
        self.extra = self.held = self.computed = 0
        self.assembly, self.origin = Assembly(), Origin()
        self.node: NodeProto | None = None
        self.reads_size = False
        self.notes: dict[Note, None] = {}
        self.constant_sizes: list[str] = []
        self.left = MOST_COMPUTED

    def begin(self, node: NodeProto) -> None:
        """Begin a node: the next rows belong to it."""
        self.node, self.origin, self.reads_size = node, Origin(node.title, node.shown), False

    def enter(self, value: Value, channel_axis: int = 0) -> Value:
        """Enter a tensor that no layer makes."""
        self.rows.append(DraftRow("input", [], None, Shape(checked(value).inner, channel_axis)))
        return value._replace(row=len(self.rows) - 1)

    def row_of(self, value: Value) -> DraftRow:
        """Return the row that makes a value."""
        if value.row is None:
            raise Refusal("its first input is a constant, where a computed tensor is needed")
        return self.rows[value.row]

    def shape_of(self, kind: str, value: Value, fields: Mapping[str, Any]) -> Shape:
        """Return the shape that a layer would leave, whether or not its constraints hold."""
        layer = self.assembly.layer(self.origin, kind, fields)
        return unchecked_step(self.origin, kind, layer, [self.row_of(value).shape]).shape

    def add(self, kind: str, inputs: Sequence[Value], batch_axis: int | None, fields: dict[str, Any]) -> Value:
        """Write a layer, and return its output; its formula gives the sizes."""
        rows = [value.row for value in inputs if value.row is not None]
        shapes = [self.rows[row].shape for row in rows] or [self.row_of(inputs[0]).shape]
        if kind in {"Reshape", "Expand", "Operation"} and fields.get("operator") != "Constant":
            fields["axes"] = len(shapes[0].dims)
        fields = written(kind, fields)
        layer = self.assembly.layer(self.origin, kind, fields)
        shape = self.assembly.step(self.origin, kind, layer, shapes).shape
        dims = exact_all(shape.dims)
        dims = dims if batch_axis is None else (*dims[:batch_axis], 1, *dims[batch_axis:])
        value = checked(Value(dims, inputs[0].dtype, len(self.rows), batch_axis))
        row = DraftRow(kind, rows, self.node, shape, fields, layer)
        if (bits := BITS.get(value.dtype, 64)) < 32:  # noqa: PLR2004  (indices that are looked up do not stay)
            row.bits["activation"] = bits
        sizes = (each for value in fields.values() if isinstance(value, tuple | list) for each in value)
        row.takes_size = kind != "Reshape" and (self.reads_size or any(isinstance(each, Size) for each in sizes))
        for each in rows:
            self.rows[each].uses += 1
        self.rows.append(row)
        return value

    def typed(self, value: Value, dtype: int) -> Value:
        """Return the output of a row with the type of elements that it writes."""
        self.row_of(value).bits["activation"] = BITS.get(dtype, 32)
        return value._replace(dtype=dtype)

    def as_layout(self, value: Value, batch_axis: int | None, channel_axis: int) -> Value:
        """Return a value with another batch axis or channel axis; this takes a row of its own if needed."""
        row, wanted = self.row_of(value), value._replace(batch_axis=batch_axis)
        stays = channel_axis == row.shape.channel_axis
        if wanted.inner == row.shape.dims and (stays or self._moved(row, channel_axis)):
            return wanted
        made = self.add("Reshape", [value], batch_axis, {"size": wanted.inner})
        self.rows[-1].set_channel_axis(channel_axis)
        self.rows[-1].is_view = True
        return made

    def _moved(self, row: DraftRow, channel_axis: int) -> bool:
        """Set the channel axis in the row that makes a value if nothing else reads it; functions of elements follow."""
        chain, reads = [row], 0
        while row.uses == reads and row.kind in {"Elementwise", "Activation"} and len(row.inputs) == 1:
            row, reads = self.rows[row.inputs[0]], 1
            chain.append(row)
        if row.uses != reads or row.kind not in _MOVABLE or len({each.shape.dims for each in chain}) > 1:
            return False
        row.set_channel_axis(channel_axis)
        for each in chain:
            each.shape = row.shape
        return True

    def count_params(self, value: Value, role: str, given: Sequence[Value]) -> None:
        """Count the initializers that are a row's parameters of a role, each once in the whole network."""
        row = self.row_of(value)
        own = sum(each.elements for each in given)
        initializers = frozenset[str]().union(*(each.initializers for each in given))
        if role in STRICT:
            self.kept.promote(initializers)
        if found := {BITS.get(self.kept.tensors[name].dtype, 32) for name in initializers if name in self.kept.tensors}:
            row.bits.setdefault(role, max(found))
        trained = self.kept.trained
        if self.kept.told and role != "running" and not initializers & trained:
            row.shared[role] = row.shared.get(role, 0) + own
            return
        names = {name for each in given for name in each.initializers & trained or each.initializers}
        for name in sorted(names):
            self.readers.setdefault(name, []).append(row)
            self.left_over.setdefault(name, self.kept.elements((name,)))
            row.weight = row.weight or name
        new = sum(self.left_over[name] for name in names)
        if new < own:
            row.shared[role] = row.shared.get(role, 0) + own - new
        held = sum(self.left_over[name] for name in names & self.kept.frozen)
        if at_layer := min(held, own):
            row.frozen[role] = row.frozen.get(role, 0) + at_layer
        row.has_trained |= role != "running" and min(new, own) > at_layer
        # a layer may read a part of a tensor: others read the rest
        self.left_over |= {name: max(new - own, 0) if len(names) == 1 else 0 for name in names}
        if len(names) > 1:
            self.held += held - at_layer
            self.extra += max(new - own, 0) - held + at_layer
        self.computed += 0 if names & trained else max(own - new, 0)

    def count_certain(self, value: Value) -> None:
        """Count the parameters of a layer that cannot be written, since it reads what has no known size."""
        for name in value.initializers & self.kept.trained - self.readers.keys():
            self.readers[name] = []
            self.extra += self.kept.elements({name} - self.kept.frozen)
            self.held += self.kept.elements({name} & self.kept.frozen)


def fitting(value: Value | None, dims: Dims, what: str) -> Value | None:
    """Refuse a tensor of other sizes, but for sizes of 1 in front; None if it is not given."""
    if value is None or (value.elements == prod(dims) and value.dims[-1:] == dims[-1:]):
        return value
    name = f" {min(value.initializers)!r}" if value.initializers else ""
    raise Refusal(f"its {what}{name} is {render(value.dims)}, and has to be {render(dims)}")


def single(number: float) -> float:
    """Round to single precision."""
    found: float = unpack("f", pack("f", number))[0]
    return found


def integers(numbers: Iterable[float]) -> Dims:
    """Return numbers as integers, which remember the sizes they are computed from."""
    return tuple(number if isinstance(number, int) else int(number) for number in numbers)


def checked(value: Value) -> Value:
    """Refuse sizes that no tensor has."""
    dims = value.dims or (1,)
    if min(dims) < 1 or max(dims) > LARGEST or prod(dims) > LARGEST**2:
        raise Refusal(f"its output is {render(dims)[:100]}; sizes go from 1 to 10⁹, and elements to 10¹⁸")
    return value


Params = Mapping[str, Value | list[Value] | None]
"""The values that are the parameters of a layer, by their role."""


class NodeContext(NamedTuple):
    """One node with its inputs: what the functions that write layers are given."""

    node: NodeProto
    inputs: tuple[Value | None, ...]
    opset: int
    draft: Draft
    names: tuple[str, ...] = ()

    def named(self, *names: str) -> Value | None:
        """Return an optional input by the first of some names that its operator has."""
        return next((self.get(self.names.index(name)) for name in names if name in self.names), None)

    def call(self, write: "Writer", *inputs: Value | None, **attributes: Any) -> list[Value]:
        """Write another operator of the standard in the name of this node, and return its outputs."""
        outputs = self.node.outputs[:1] * int(attributes.get("num_outputs", 1))
        node = self.node._replace(attributes=attributes, outputs=outputs)
        return write(self._replace(node=node, inputs=inputs, opset=_LATE, names=()))

    def at(self, index: int) -> Value:
        """Return an input that is required."""
        if (value := self.get(index)) is None:
            raise Refusal(f"input {index} is missing")
        return value

    def get(self, index: int) -> Value | None:
        """Return an optional input."""
        return self.inputs[index] if index < len(self.inputs) else None

    def bias(self, index: int) -> Value | None:
        """Return an optional bias; zeros that the graph fills in from one constant stand for none, as torch writes."""
        value, kept = self.get(index), self.draft.kept
        if value is None or value.data is None or any(value.data) or not value.initializers <= kept.optional:
            return value
        return None if kept.elements(value.initializers) == 1 else value

    @property
    def present(self) -> list[Value]:
        """The inputs that are given."""
        return [value for value in self.inputs if value is not None]

    @property
    def active(self) -> list[Value]:
        """The inputs that depend on the inputs of the network."""
        return [value for value in self.present if not value.static]

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        value = self.node.attributes.get(name)
        return default if value is None else value

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is an integer."""
        if not isinstance(value := self.attribute(name, default), int):
            raise Refusal(f"the attribute {name} is not an integer")
        return value

    def integers(self, name: str, default: Sequence[int] = ()) -> Dims:
        """Return an attribute that is a list of integers."""
        value = self.attribute(name, tuple(default))
        if not isinstance(value, tuple) or not all(isinstance(each, int) for each in value):
            raise Refusal(f"the attribute {name} is not a list of integers")
        return value

    def axis(self, rank: int, default: int) -> int:
        """Return the attribute "axis", counted from the first."""
        return on_axis(self.integer("axis", default), rank)

    def numbers(self, index: int, *, relative: bool = False) -> Numbers | None:
        """Return the numbers of a constant input; None if absent. If `relative`, sizes in them fix no field."""
        if (value := self.get(index)) is None:
            return None
        if value.data is None:
            name = self.node.inputs[index]
            why = "which depends on the input" if not value.static else "which are not in the file, or too many"
            raise UnknownSize(f"its sizes follow from the numbers of {name!r}, {why}; they have to be constants")
        self.draft.reads_size |= not relative and any(isinstance(number, Size) for number in value.data)
        return value.data

    def integers_at(self, name: str, index: int, *, relative: bool = False) -> Dims | None:
        """Return integers that are an attribute in old opsets and an input in new ones."""
        if name in self.node.attributes:
            return self.integers(name)
        found = self.numbers(index, relative=relative)
        return None if found is None else integers(found)

    def also(self, y: Value, *values: Value | None) -> None:
        """Count parameters that the kind of a row does not have."""
        for value in values:
            if value is not None and value.static:
                self.draft.count_params(y, "parameter", [value._replace(dims=(0,))])

    def is_trained(self, value: Value) -> bool:
        """Tell whether a value is computed from parameters; a mask is none."""
        return not all(map(self.draft.kept.is_mask, value.initializers & self.draft.kept.trained))

    def may_be_bias(self, value: Value) -> bool:
        """Tell whether a value is a parameter in the place of a bias: constants are there, wherever they stand."""
        return self.is_trained(value) or not value.initializers.isdisjoint(self.draft.kept.optional)

    def expect(self, value: Value | None, *counts: int) -> None:
        """Refuse damaged weights: an input with another number of elements."""
        if value is not None and value.elements not in counts:
            named = zip(self.node.inputs, self.inputs, strict=False)
            name = next((name for name, each in named if each is value), "an input")
            needed = " or ".join(map(str, dict.fromkeys(counts)))
            raise Refusal(f"{name!r} has {value.elements} numbers, and {needed} are needed")

    def dtype(self, name: str, default: int) -> int:
        """Return an attribute that is an element type, which old opsets spell."""
        found = self.attribute(name, default)
        return _DTYPES.get(found, 0) if isinstance(found, str) else self.integer(name, default)

    def wants(self, index: int) -> bool:
        """Tell whether anything reads an output after the first."""
        return index < len(self.node.outputs) and bool(self.node.outputs[index])

    def further(self, *shapes: Dims) -> list[Value]:
        """Write outputs after the first that are known by their sizes, as far as the node names them."""
        return [
            self.sized(*dims) if name else UNKNOWN for name, dims in zip(self.node.outputs[1:], shapes, strict=False)
        ]

    def channel_axis(self, value: Value) -> int:
        """Return the axis of a value's channels among its inner sizes."""
        return self.draft.row_of(value).shape.channel_axis

    def row(
        self, kind: str, *inputs: Value, batch_axis: int | None = _KEEP, params: Params | None = None, **fields: Any
    ) -> Value:
        """Write a layer, and return its output; the batch axis is that of the first input by default."""
        y = self.draft.add(kind, inputs, inputs[0].batch_axis if batch_axis == _KEEP else batch_axis, fields)
        for role, given in (params or {}).items():
            if given is not None:
                self.draft.count_params(y, role, given if isinstance(given, list) else [given])
                if role == "embedding":
                    y = self.draft.typed(y, (given[0] if isinstance(given, list) else given).dtype)
        return y if inputs[0].dims or y.dims != (1,) else y._replace(dims=())

    def operation(self, value: Value, *inputs: Value, channel_axis: int | None = None) -> Value:
        """Write an operation of which only the output is known."""
        fields = {"operator": self.node.shown, "size": value.inner}
        y = self.draft.add("Operation", inputs or self.active, value.batch_axis, fields)
        if channel_axis is not None:
            self.draft.rows[-1].set_channel_axis(channel_axis)
        return y

    def sized(self, *dims: int) -> Value:
        """Write an operation whose output has these sizes, the last of them the channels."""
        if 0 in dims:
            return empty(*dims)
        return self.operation(checked(Value(dims)).with_batch_first)._replace(dims=dims)


Writer = Callable[[NodeContext], list[Value]]
"""Writes the layers of an operator, and returns its outputs."""


def on_axis(axis: int, rank: int) -> int:
    """Return an axis counted from the first, which may be counted from the last."""
    if not -rank <= axis < max(rank, 1):
        raise Refusal(f"axis {axis} is not one of {rank}")
    return axis % rank if rank else 0


def collapsed(values: Sequence[Any]) -> Any:
    """Return one value if it is the same for all axes."""
    return values[0] if values and all(value == values[0] for value in values) else tuple(values)
