"""One node with what it reads, as the functions that write rows are given it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flopcount.importers.onnx.graph import Node
from flopcount.importers.onnx.values import Dims, Numbers, Rows, Unreadable, Value


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
