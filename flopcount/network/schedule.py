"""What a file says of the operators that a program runs, one after the other, and of the memory they need."""

from typing import NamedTuple


class Buffer(NamedTuple):
    """A tensor that a program keeps while it runs: what a layer at `path` writes, an input, or none of both.

    It is alive from the step `first` to `last`; `elements` of so many `bits` are those in the file, which may also say
    its `place` in the arena; -1 if it does not.
    """

    name: str
    path: str
    elements: int
    bits: int
    first: int
    last: int
    place: int = -1


class Schedule(NamedTuple):
    """What a file says of the operators that run: their buffers in its order, the numbers of its tensors and operators.

    `variables` are the bytes of tensors that last from run to run; `unknown` are operators that may need more buffers.
    `offline` tells whether the plan that a file brings is one that a program takes; None if it brings none.
    """

    buffers: tuple[Buffer, ...]
    tensors: int = 0
    operators: int = 0
    variables: int = 0
    unknown: tuple[str, ...] = ()
    offline: bool | None = None
