"""One operator in the walk: its inputs, and the layers it becomes.

An arch file leaves out a batch of one, and has the channels of a map before space. A tensor of a file has the batch
first and the channels last; in a `Value` that is a map, they are turned.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from flopcount.errors import Refusal
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import Shape, render
from flopcount.readers.base import Op, Signal, UnknownSize
from flopcount.readers.tflite.file import Content, Operator, TensorInfo
from flopcount.readers.tflite.schema import ACTIVATIONS, FLOATS, INT32
from flopcount.spec.fields import LARGEST

Dims = tuple[int, ...]
Numbers = tuple[Any, ...]

MOST_COMPUTED = 3_000_000
"""The most numbers that are computed while a file is read."""

LEAST_MAP = 3
"""The fewest axes of a map: a batch, space and channels."""


class TensorValue(NamedTuple):
    """A tensor: its sizes in the file, and the signal that computes it, or the constants that it is made from.

    `data` are its numbers if they are known, from constants and from sizes.
    """

    dims: Dims
    type: int = 0
    signal: Signal | None = None
    is_map: bool = False
    data: Numbers | None = None
    contents: frozenset[Content] = frozenset()
    is_quantized: bool = False
    bits: int = 0

    @property
    def static(self) -> bool:
        """Whether it does not depend on the network's input."""
        return self.signal is None

    @property
    def elements(self) -> int:
        """The number of elements."""
        return prod(self.dims)

    @property
    def is_trained(self) -> bool:
        """Whether it is a constant that training has found, as far as its type tells."""
        return self.static and self.elements > 1 and bool(self.contents) and (self.type in FLOATS or self.is_quantized)

    @property
    def order(self) -> list[int]:
        """The axes of the file in the order of the signal."""
        return ordered(self.dims, is_map=self.is_map)

    def place(self, axis: int) -> int | None:
        """Return the place of an axis in the signal, counted from its last; None if the signal has none."""
        order = self.order
        return order.index(axis) - len(order) if axis in order else None

    @property
    def source(self) -> Signal:
        """The signal."""
        if self.signal is None:
            raise Refusal("it reads a constant where a computed tensor is needed")
        return self.signal


def ordered(dims: Dims, *, is_map: bool) -> list[int]:
    """Return the axes that a signal has: without a batch of one, the channels of a map before space."""
    start, rank = int(len(dims) > 1 and dims[0] == 1), len(dims)
    if not is_map:
        return [*range(start, rank)]
    return [*range(start, 1), rank - 1, *range(1, rank - 1)]


def laid(dims: Dims, *, is_map: bool) -> Shape:
    """Return the shape that sizes of the file have here."""
    sizes = tuple(dims[axis] for axis in ordered(dims, is_map=is_map)) or (1,)
    return Shape(sizes, (dims[0] != 1) if is_map else len(sizes) - 1)


def sized(wanted: Shape, x: "TensorValue | None" = None) -> dict[str, Any]:
    """Return the fields of a layer that makes a shape of another."""
    axes = {} if x is None else {"axes": len(x.source.dims)}
    return {"size": exact_all(wanted.dims), **axes, "channel_axis": wanted.channel_axis - len(wanted.dims)}


def checked(dims: Iterable[int]) -> Dims:
    """Refuse sizes that no tensor has."""
    found = tuple(map(int, dims))
    if min(found, default=1) < 1 or max(found, default=1) > LARGEST or prod(found) > LARGEST**2:
        raise Refusal(f"its output is {render(found)[:100]}; sizes go from 1 to 10⁹, and elements to 10¹⁸")
    return found


def broadcast(*shapes: Dims) -> Dims:
    """Return the sizes to which tensors are stretched."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(dims)) + dims for dims in shapes]
    found = tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*padded, strict=True))
    if any(size not in (1, wanted) for dims in padded for size, wanted in zip(dims, found, strict=True)):
        raise Refusal(f"tensors of {' and '.join(map(render, shapes))} cannot be broadcast to one size")
    return found


Params = Mapping[str, Sequence[TensorValue]]
"""The constants that are the parameters of a layer, by their role."""


@dataclass(slots=True)
class Ledger:
    """What all operators share: the layers and the elements of each constant, and what each node is in its operator.

    `left` is how many numbers may still be computed.
    """

    layers: dict[Content, list[str]] = field(default_factory=dict)
    sizes: dict[Content, int] = field(default_factory=dict)
    tails: list[str] = field(default_factory=list)
    left: int = MOST_COMPUTED


@dataclass(slots=True)
class OperatorOp(Op):
    """An operator: its inputs, and what the file says about its outputs."""

    operator: Operator
    inputs: tuple[TensorValue | None, ...]
    outputs: tuple[TensorInfo, ...]
    ledger: Ledger
    maps: frozenset[int] = frozenset()
    at_own: bool = True
    entry: TensorValue | None = None

    def get(self, key: str, default: Any = None) -> Any:
        """Return an option."""
        return self.operator.options.get(key, default)

    def optional(self, place: int) -> TensorValue | None:
        """Return an input that may be left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def at(self, place: int) -> TensorValue:
        """Return an input."""
        found = self.optional(place)
        if found is None:
            raise self.problem(f"its input number {place + 1} is missing")
        return found

    @property
    def present(self) -> list[TensorValue]:
        """All inputs that are given."""
        return [value for value in self.inputs if value is not None]

    @property
    def active(self) -> list[TensorValue]:
        """The inputs that the network computes."""
        return [value for value in self.present if not value.static]

    def data(self, place: int, *, length: int | None = None) -> Dims:
        """Return the integers of an input that decide a size."""
        value = self.at(place)
        if value.data is None:
            raise UnknownSize(f"its size follows from numbers that are not known: input number {place + 1}")
        if length is not None and len(value.data) != length:
            raise self.problem(f"its input number {place + 1} has {len(value.data)} numbers, and needs {length}")
        if any(abs(each) > 2**63 for each in value.data):
            raise self.problem(f"its input number {place + 1} has a number of more than 64 bits")
        return tuple(map(int, value.data))

    def axis(self, value: int, rank: int) -> int:
        """Return an axis, counted from the first."""
        if not -rank <= value < rank:
            raise self.problem(f"axis = {value} is not one of {rank} axes")
        return value % rank

    def recorded(self, place: int = 0) -> Dims:
        """Return the sizes that the file says an output has."""
        tensor = self.outputs[place]
        if not tensor.is_known or not (self.at_own or not self.active):
            raise UnknownSize("the size of its output depends on the values of its input")
        return tensor.recorded

    def wants_map(self, place: int = 0) -> bool:
        """Tell whether an output is read as a map."""
        return self.operator.outputs[place] in self.maps and len(self.outputs[place].recorded) >= LEAST_MAP

    def row(  # type: ignore[override]  # it reads values
        self,
        kind: str,
        *xs: TensorValue,
        dims: Iterable[int] | None = None,
        is_map: bool | None = None,
        tail: str = "",
        params: Params | None = None,
        **fields: Any,
    ) -> TensorValue:
        """Add a layer; its output has the sizes that are given, or those of its formula for a map."""
        given = {role: values for role, values in (params or {}).items() if values}
        held = {role: "shared" for role, values in given.items() if not self._count(values)}
        y = self.node(kind, [x.source for x in xs], fields, tail, held)
        for content in (content for values in given.values() for value in values for content in value.contents):
            self.ledger.layers.setdefault(content, []).append(y.path)
        bits = {role: values[0].bits for role, values in given.items()}
        self.builder.nodes[-1] = self.builder.nodes[-1]._replace(bits=bits)
        is_map = xs[0].is_map if is_map is None else is_map
        if dims is None:
            dims = (xs[0].dims[0], *y.spatial, y.channels) if is_map else (*xs[0].dims[:-1], y.channels)
        return self.settled(TensorValue(checked(dims), self.type_of(0), y, is_map))

    def node(self, kind: str, xs: Sequence[Signal], fields: Mapping[str, Any], tail: str, held: Any = "") -> Signal:
        """Add a node; the tail names it if the operator has several."""
        y = self.builder.add(self.origin, kind, xs, fields, name=self.name, held=held)
        self.ledger.tails.append(tail or kind.lower())
        return y

    def settled(self, value: TensorValue) -> TensorValue:
        """Return a value whose signal has the sizes that it should have, by a reshape if needed."""
        value = value._replace(is_map=value.is_map and len(value.dims) >= LEAST_MAP)
        wanted = laid(value.dims, is_map=value.is_map)
        have = value.source.shape
        if exact_all(have.dims) == exact_all(wanted.dims) and (
            have.channel_axis == wanted.channel_axis or not value.is_map
        ):
            return value
        y = self.node("Reshape", [value.source], sized(wanted, value), "view")
        return value._replace(signal=y)

    def type_of(self, place: int) -> int:
        """Return the element type of an output."""
        return self.outputs[place].type if place < len(self.outputs) else INT32

    def _count(self, values: Sequence[TensorValue]) -> bool:
        """Count constants that are parameters; False if all of them are counted already, or are computed."""
        new = [
            value
            for value in values
            if value.static and not (value.contents and value.contents <= self.ledger.layers.keys())
        ]
        for value in values:
            self.ledger.sizes |= dict.fromkeys(value.contents, value.elements)
        return bool(new)

    def map(self, x: TensorValue) -> TensorValue:
        """Return a value as a map."""
        if x.is_map:
            return x
        if len(x.dims) < LEAST_MAP:
            raise self.problem(f"it needs a map, and its input is {render(x.dims)}")
        return self._viewed(self.last(x), is_map=True)

    def last(self, x: TensorValue) -> TensorValue:
        """Return a value with the axes in the order of the file, the last one as the channels."""
        if x.is_map:
            return self._viewed(x, is_map=False)
        shape = x.source.shape
        return x if shape.channel_axis == len(shape.dims) - 1 else self._viewed(x, is_map=False)

    def _viewed(self, x: TensorValue, *, is_map: bool) -> TensorValue:
        """Return a value in the other layout, which takes a layer of its own, once."""
        key = (x.source.path, is_map)
        if key not in self.builder.views:
            if x.is_map == is_map:
                fields: tuple[str, dict[str, Any]] = "Reshape", {"size": x.source.dims, "axes": len(x.source.dims)}
            else:
                fields = ("ChannelsFirst", {"axes": len(x.dims) - 2}) if is_map else ("ChannelsLast", {})
            self.builder.views[key] = self.node(fields[0], [x.source], fields[1], "view")
        return x._replace(signal=self.builder.views[key], is_map=is_map)

    def padded(self, x: TensorValue, rank: int, *, is_map: bool) -> TensorValue:
        """Return a value with sizes of one in front, in a layout."""
        if is_map and len(x.dims) == rank:
            return self.map(x)
        x = self.last(x)
        if not is_map:
            return x
        return self.settled(x._replace(dims=(1,) * (rank - len(x.dims)) + x.dims, is_map=True))

    def operation(self, dims: Iterable[int], *, place: int = 0, xs: Sequence[TensorValue] | None = None) -> TensorValue:
        """Add an operation without multiplications that is described by its output."""
        dims, is_map = checked(dims), self.wants_map(place)
        sources = self.active if xs is None else xs
        fields = {"operator": self.origin.kind, **sized(laid(dims, is_map=is_map), sources[0])}
        return self.row("Operation", *sources, dims=dims, is_map=is_map, tail=f"output{place + 1}", **fields)

    def reshaped(self, x: TensorValue, dims: Iterable[int], place: int = 0, kind: str = "Reshape") -> TensorValue:
        """Add a layer that gives a value other sizes."""
        dims, is_map = checked(dims), self.wants_map(place)
        fields = sized(laid(dims, is_map=is_map), x)
        return self.row(kind, x, dims=dims, is_map=is_map, tail=kind.lower(), **fields)

    def parameter(self, x: TensorValue, dims: Dims, *, is_map: bool) -> TensorValue:
        """Add a constant as a layer of its own, which reads nothing of what the formula is given."""
        source = self.active[0] if self.active or self.entry is None else self.entry
        fields = {**sized(laid(dims, is_map=is_map)), "trained": x.is_trained}
        role = "parameter" if x.is_trained else "frozen"
        y = self.row("Parameter", source, dims=dims, is_map=is_map, tail="parameter", params={role: [x]}, **fields)
        self.builder.nodes[-1] = self.builder.nodes[-1]._replace(bits={role: x.bits, "activation": x.bits})
        return y

    def activated(self, y: TensorValue, function: str | None = None) -> TensorValue:
        """Add the function that is fused into the operator, if there is one."""
        name = self.fused if function is None else function
        if not name:
            return y
        kind = "Elementwise" if name == "sign" else "Activation"
        return self.row(kind, y, dims=y.dims, tail="activation", function=name)

    @property
    def fused(self) -> str:
        """The function that is fused into the operator; empty if there is none."""
        number = self.number("activation", 0)
        if not 0 <= number < len(ACTIVATIONS):
            raise self.problem(f"its activation is number {number}, of {len(ACTIVATIONS)}")
        return ACTIVATIONS[number]


Writer = Callable[[OperatorOp], list[TensorValue | None]]
"""Adds the layers of an operator."""
