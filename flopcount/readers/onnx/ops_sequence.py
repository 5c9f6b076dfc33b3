"""Sequences and optional values: tensors in a list, of which layers read one at a time or all."""

from collections.abc import Callable, Mapping, Sequence

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import MOST_NODES
from flopcount.readers.onnx.op import Dims, NodeContext, Value, integers, on_axis

Write = Callable[..., list[Value]]
"""Writes an operator of the standard, given its name, its inputs, the number of its outputs and its attributes."""


def sequence(items: Sequence[Value]) -> Value:
    """Return a list of tensors; nothing is known of it if nothing is known of one of them."""
    row = next((value.row for value in items if value.row is not None), None)
    lost = next((value for value in items if value.is_lost), None)
    return Value((len(items),), row=row, items=tuple(items)) if lost is None else lost


def _items(op: NodeContext) -> list[Value]:
    if (items := op.at(0).items) is None:
        raise Refusal("its first input is not a sequence")
    return [*items]


def _place(op: NodeContext, index: int, count: int) -> int:
    """Return the place in a list that an input gives, the last by default."""
    place = int((op.numbers(index) or (-1,))[0])
    if not -count <= place < count:
        raise Refusal(f"place {place} is not one of {count}")
    return place % count


def _inserted(op: NodeContext) -> Value:
    items = _items(op)
    place = _place(op, 2, len(items) + 1)
    return sequence([*items[:place], op.at(1), *items[place:]])


def _erased(op: NodeContext) -> Value:
    items = _items(op)
    del items[_place(op, 1, len(items))]
    return sequence(items)


def _shares(op: NodeContext, whole: int) -> Dims:
    """Return the sizes of the parts of a SplitToSequence: those it gives, or equal ones and a rest."""
    given = integers(op.numbers(1) or (1,))
    if (split := op.get(1)) is not None and split.dims:
        return given
    size = given[0]
    if size < 1 or whole // size > MOST_NODES:
        raise Refusal(f"{whole} places cannot be split into tensors of {size}")
    return (*(size for _ in range(whole // size)), *filter(None, (whole % size,)))


def parted(op: NodeContext, write: Write) -> Value:
    """SplitToSequence: parts along an axis; that of a size of one may go."""
    x = op.at(0)
    axis = op.axis(len(x.dims), 0)
    sizes = _shares(op, x.dims[axis])
    parts = write("Split", [x], len(sizes), axis=axis, split=sizes)
    if op.get(1) is None and not op.integer("keepdims", 1):
        parts = [write("Squeeze", [part], axes=(axis,))[0] for part in parts]
    return sequence(parts)


def joined(op: NodeContext, write: Write) -> Value:
    """ConcatFromSequence: one tensor after the other, along an axis that may be new."""
    items, is_new = _items(op), op.integer("new_axis", 0)
    if not items:
        raise Refusal("its sequence is empty")
    axis = on_axis(op.integer("axis", 0), len(items[0].dims) + is_new)
    if is_new:
        items = [write("Unsqueeze", [item], axes=(axis,))[0] for item in items]
    return write("Concat", items, axis=axis)[0]


OPERATORS: Mapping[str, Callable[[NodeContext, Write], Value | None]] = {
    "SequenceConstruct": lambda op, _: sequence(op.present),
    "SequenceEmpty": lambda _, __: sequence(()),
    "SequenceInsert": lambda op, _: _inserted(op),
    "SequenceErase": lambda op, _: _erased(op),
    "SequenceAt": lambda op, _: _items(op)[_place(op, 1, len(_items(op)))],
    "SequenceLength": lambda op, _: Value((), 7, data=(len(_items(op)),)),
    "SplitToSequence": parted,
    "ConcatFromSequence": joined,
    "Optional": lambda op, _: op.get(0),
    "OptionalHasElement": lambda op, _: Value((), 9, data=(op.get(0) is not None,)),
    "OptionalGetElement": lambda op, _: op.at(0),
}
"""Operators by the function that returns their output."""
