"""What is known of a tensor while a graph is walked, and the rows that the walk writes.

A batch of one is left out: where a tensor has it, `drop` is its axis, and the
layer that makes the tensor has the other axes only.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import prod
from typing import Any, NamedTuple

from flopcount.readers.onnx.graph import Node
from flopcount.spec.fields import LARGEST

Dims = tuple[int, ...]
Numbers = tuple[float, ...]


class Unreadable(Exception):
    """A node cannot be read: why, and the way out."""


class Value(NamedTuple):
    """A tensor: its sizes, and either the row that makes it or what is known of it before anything runs.

    `data` are its numbers, where they are few and known; `kept` the initializers it is made of.
    """

    dims: Dims
    dtype: int = 1
    row: int | None = None
    drop: int | None = None
    data: Numbers | None = None
    kept: frozenset[str] = frozenset()

    @property
    def static(self) -> bool:
        """Whether it does not depend on the inputs."""
        return self.row is None

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return prod(self.dims)

    @property
    def ours(self) -> Dims:
        """Its sizes without the batch of one."""
        kept = self.dims if self.drop is None else self.dims[: self.drop] + self.dims[self.drop + 1 :]
        return kept or (1,)

    def on(self, axis: int) -> int:
        """Return where an axis is among our sizes."""
        return axis - (self.drop is not None and self.drop < axis)


class Row:
    """A row of the arch file to be: what it is, what it reads, and the axis its channels are on."""

    __slots__ = ("after", "axis", "fields", "kind", "node", "ours", "shared", "uses", "view", "weight")

    def __init__(self, kind: str, after: Sequence[int], node: Node | None, ours: Dims, axis: int) -> None:
        """Begin a row that nothing reads yet."""
        self.kind = kind
        self.after = [*after]
        self.node = node
        self.ours = ours
        self.axis = axis
        self.fields: dict[str, Any] = {}
        self.shared: dict[str, int] = {}
        self.uses = 0
        self.weight = ""
        self.view = False


MOVABLE = frozenset(("Reshape", "Permute", "Expand", "Parameter", "Operation"))
"""The kinds that say themselves which axis is the channels."""


STARTING = frozenset(("Parameter", "Operation"))
"""The kinds that may read nothing that depends on the inputs."""

_FOLLOWING = frozenset(("Elementwise", "Activation"))
"""The kinds to which it does not matter which axis is the channels: it is that of what they read."""


class Rows:
    """The rows a walk has written, and which initializers they have counted."""

    def __init__(self, sizes: Mapping[str, int], learned: AbstractSet[str] = frozenset()) -> None:
        """Begin without rows; `sizes` are the elements of what is kept, `learned` the initializers among it."""
        self.rows: list[Row] = []
        self.sizes = sizes
        self.learned = learned
        self.alone: set[int] = set()
        self.node: Node | None = None
        self.readers: dict[str, list[int]] = {}
        self.extra = 0
        self.computed = 0

    def axis(self, value: Value) -> int:
        """Return the axis of a value's channels, among our sizes."""
        assert value.row is not None  # noqa: S101  (only what depends on the inputs has a row)
        return self.rows[value.row].axis

    def row(
        self,
        kind: str,
        inputs: Sequence[Value],
        dims: Iterable[int],
        drop: int | None,
        axis: int,
        /,
        **fields: Any,
    ) -> Value:
        """Write a row, and return what it makes."""
        value = Value(checked(dims), inputs[0].dtype if inputs else 1, len(self.rows), drop)
        after = [each.row for each in inputs if each.row is not None]
        if inputs and not after and kind not in STARTING:
            raise Unreadable("what it reads first is kept in the file, where something computed is needed")
        row = Row(kind, after, self.node, value.ours, axis)
        row.fields.update(fields)
        for each in after:
            self.rows[each].uses += 1
        self.rows.append(row)
        return value

    def viewed(self, value: Value, drop: int | None, axis: int) -> Value:
        """Return a value with another axis left out, or other channels: in a row of its own, if need be."""
        assert value.row is not None  # noqa: S101  (only what depends on the inputs has a row)
        row, wanted = self.rows[value.row], value._replace(drop=drop)
        if wanted.ours == row.ours and (axis == row.axis or self._moved(row, axis)):
            return wanted
        fields = {"size": [*wanted.ours], "channel_axis": axis}
        made = self.row("Reshape", [value], value.dims, drop, axis, **fields)
        self.rows[-1].view = True
        return made

    def _moved(self, row: Row, axis: int) -> bool:
        """Let the row that a value comes from say where its channels are, if nothing else reads it."""
        chain, reads = [row], 0
        while row.uses == reads and row.kind in _FOLLOWING and len(row.after) == 1:
            row, reads = self.rows[row.after[0]], 1
            chain.append(row)
        if row.uses != reads or row.kind not in MOVABLE or len({each.ours for each in chain}) > 1:
            return False
        row.fields["channel_axis"] = axis
        for each in chain:
            each.axis = axis
        return True

    def settle(self, value: Value, sort: str, *statics: Value | None) -> None:
        """Count the initializers that are a row's params of a sort: each once in the whole network."""
        assert value.row is not None  # noqa: S101  (the value has just been made)
        row, own = self.rows[value.row], 0
        names: set[str] = set()
        for each in statics:
            if each is not None:
                own += each.elements
                names |= each.kept & self.learned or each.kept
        new = sum(self.sizes[name] for name in names if name not in self.readers)
        for name in sorted(names):
            self.readers.setdefault(name, []).append(value.row)
            row.weight = row.weight or name
        if new < own:
            row.shared[sort] = row.shared.get(sort, 0) + own - new
        self.extra += max(new - own, 0)
        self.computed += 0 if names & self.learned else max(own - new, 0)


def checked(dims: Iterable[int]) -> Dims:
    """Refuse sizes that nothing can have."""
    dims = tuple(dims)
    for size in dims:
        if not 1 <= size <= LARGEST:
            raise Unreadable(f"it makes a tensor of {'×'.join(map(str, dims))[:100]}; sizes go from 1 to 10⁹")
    if prod(dims) > LARGEST**2:
        raise Unreadable(f"it makes a tensor of {'×'.join(map(str, dims))[:100]}, which is more than 10¹⁸ elements")
    return dims


# One node with what it reads, as the functions that write rows are given it.


class Call(NamedTuple):
    """One node with what it reads."""

    node: Node
    ins: tuple[Value | None, ...]
    opset: int
    rows: Rows

    def at(self, index: int) -> Value:
        """Return an input that has to be there."""
        value = self.get(index)
        if value is None:
            raise Unreadable(f"input {index} is missing")
        return value

    def get(self, index: int) -> Value | None:
        """Return an input, or None where it is left out."""
        return self.ins[index] if index < len(self.ins) else None

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or what it is where it is not given."""
        value = self.node.attributes.get(name)
        return default if value is None else value

    def whole(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        value = self.attribute(name, default)
        if not isinstance(value, int):
            raise Unreadable(f"the attribute {name} is no whole number")
        return value

    def wholes(self, name: str, default: Sequence[int] = ()) -> Dims:
        """Return an attribute that is a list of whole numbers."""
        value = self.attribute(name, tuple(default))
        if not isinstance(value, tuple) or not all(isinstance(each, int) for each in value):
            raise Unreadable(f"the attribute {name} is no list of whole numbers")
        return value

    def numbers(self, index: int) -> Numbers | None:
        """Return the numbers of an input that has to be known; None where it is left out."""
        value = self.get(index)
        if value is None:
            return None
        if value.data is None:
            name = self.node.inputs[index]
            why = "which depends on the input" if not value.static else "which are not in the file, or too many"
            raise Unreadable(f"its sizes follow from the numbers of {name!r}, {why}; they have to be constants")
        return value.data

    def listed(self, name: str, index: int) -> Dims | None:
        """Return whole numbers that are an attribute in old opsets and an input in new ones."""
        if name in self.node.attributes:
            return self.wholes(name)
        found = self.numbers(index)
        return None if found is None else tuple(map(int, found))

    def learned(self, value: Value) -> bool:
        """Tell whether a value is made of params."""
        return not value.kept.isdisjoint(self.rows.learned)

    @property
    def active(self) -> list[Value]:
        """The inputs that depend on the inputs of the network."""
        return [value for value in self.ins if value is not None and not value.static]


def on_axis(axis: int, rank: int) -> int:
    """Count an axis from the front, where it is counted from behind."""
    if not -rank <= axis < max(rank, 1):
        raise Unreadable(f"axis {axis} is not one of {rank}")
    return axis % rank if rank else 0


def simple(values: Sequence[Any]) -> Any:
    """Write what is the same for all axes as one value."""
    return values[0] if values and all(value == values[0] for value in values) else [*values]


def from_end(axis: int, value: Value) -> int:
    """Count one of our axes from the last one, as rows have it."""
    return axis - len(value.ours)


# Operators of ONNX that are a function of every element, each with the function it is here.


ACTIVATIONS: Mapping[str, str] = {
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Selu": "selu",
    "Celu": "celu",
    "Gelu": "gelu",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "Tanh": "tanh",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "ThresholdedRelu": "relu",
    "Swish": "silu",
    "Silu": "silu",
    "FastGelu": "gelu",
    "QuickGelu": "gelu",
    "BiasGelu": "gelu",
}
"""Operators, each with the function of an Activation that it is."""

ELEMENTWISE: Mapping[str, str] = {
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "Div": "div",
    "Mod": "mod",
    "Pow": "pow",
    "Reciprocal": "reciprocal",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Erf": "erf",
    "Neg": "neg",
    "Abs": "abs",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sum": "add",
    "Min": "min",
    "Max": "max",
    "Mean": "add",
    "Equal": "equal",
    "Less": "less",
    "Greater": "greater",
    "LessOrEqual": "less",
    "GreaterOrEqual": "greater",
    "And": "and",
    "Or": "or",
    "Not": "not",
    "Xor": "or",
    "Where": "where",
    "Clip": "clip",
    "IsNaN": "equal",
    "IsInf": "equal",
    "BitShift": "mul",
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "or",
    "BitwiseNot": "not",
    "Shrink": "clip",
    "QuantizeLinear": "quantize",
    "DequantizeLinear": "dequantize",
    **dict.fromkeys(("Sin", "Sinh", "Asin", "Asinh"), "sin"),
    **dict.fromkeys(("Cos", "Cosh", "Acos", "Acosh"), "cos"),
    **dict.fromkeys(("Atan", "Atanh"), "atan"),
    "Tan": "tan",
}
"""Operators, each with the function of an Elementwise that it is."""
