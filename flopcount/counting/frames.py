"""Where the names in a template's expressions get their values."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.counting.evaluate import EvaluationError, evaluate, unrounded
from flopcount.formulas.shape import Shape
from flopcount.schema.expressions import Expression
from flopcount.schema.rows import SPECIAL, expressed

Given = Mapping[str, Mapping[str, Any]]
"""What is not in the file: path → field → a value, an array or a symbol."""


class Frame(NamedTuple):
    """One use of a template: its arguments, and what enters it.

    An argument may be an expression over the names of the frame around it.
    Names that are not its own are looked up in `root`, the arguments of the file.
    `entry` is the path of the layer whose channels are `in_channels`; `number`
    is which repetition it is, known to expressions as `index`.
    """

    path: str
    arguments: Mapping[str, Any]
    entry: str
    number: int
    outer: "Frame | None" = None
    root: "Frame | None" = None

    @property
    def names(self) -> frozenset[str]:
        """All names an expression here may use."""
        return frozenset((*self.arguments, *(self.root.arguments if self.root else ()), *SPECIAL))

    def expressed(self, value: object) -> object:
        """Turn strings that are arithmetic over this frame's names into expressions."""
        return expressed(value, self.names)


class Values(Mapping[str, Any]):
    """The names of a frame with their values, looked up when asked for.

    `here` is the path of what the row reads, whose channels are `channels`.
    An argument that is an expression is evaluated once: `memo` keeps its value for
    all rows of the frame. Without shapes, as while a plan is made, channels have no value: which layers
    exist never depends on shapes.
    """

    def __init__(
        self,
        frame: Frame,
        given: Given | None = None,
        shapes: Mapping[str, Shape] | None = None,
        here: str = "",
        memo: dict[tuple[str, str], Any] | None = None,
    ) -> None:
        self.frame = frame
        self.given = given or {}
        self.shapes = shapes
        self.here = here
        self.memo: dict[tuple[str, str], Any] = {} if memo is None else memo

    def __getitem__(self, name: str) -> Any:
        """Return what a name stands for, overridden from outside or as the file says."""
        if name in {"in_channels", "channels"}:
            return self._channels(self.frame.entry if name == "in_channels" else self.here)
        if name == "index":
            return self.frame.number
        frame = self.frame if name in self.frame.arguments or self.frame.root is None else self.frame.root
        outside = self.given.get(frame.path, {})
        value = outside[name] if name in outside else frame.arguments[name]
        return self._around(frame, name, value) if isinstance(value, Expression) else value

    def _around(self, frame: Frame, name: str, value: Expression) -> Any:
        """Evaluate an argument where its expression stands: in the frame around this one."""
        key = (frame.path, name)
        if key not in self.memo and frame.outer is not None:
            around = Values(frame.outer, self.given, self.shapes, frame.entry, self.memo)
            self.memo[key] = unrounded(value, around)
        return self.memo[key]

    def _channels(self, path: str) -> Any:
        if self.shapes is None:
            raise EvaluationError("which layers exist never depends on shapes, so channels are not known here")
        return self.shapes[path].channels

    def __contains__(self, name: object) -> bool:
        """Tell whether a name is known."""
        return name in self.frame.names

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.frame.names)

    def __len__(self) -> int:
        """Count the names."""
        return len(self.frame.names)


def valued(value: object, values: Values) -> Any:
    """Return a value with the expressions in it evaluated."""
    if isinstance(value, Expression):
        return evaluate(value, values)
    return tuple(valued(each, values) for each in value) if isinstance(value, list | tuple) else value


def spelled(value: object) -> str:
    """Write a value as the file has it, expressions as their text."""
    if isinstance(value, Expression):
        return f'"{value.text}"'
    return f"[{', '.join(map(spelled, value))}]" if isinstance(value, list | tuple) else str(value)


def needs_shapes(value: object, frame: Frame) -> bool:
    """Tell whether a value follows from `in_channels`, through the arguments too."""
    if not isinstance(value, Expression):
        return isinstance(value, list | tuple) and any(needs_shapes(each, frame) for each in value)
    if value.names & {"in_channels", "channels"}:
        return True
    around = (frame.arguments[name] for name in value.names if name in frame.arguments)
    return frame.outer is not None and any(needs_shapes(each, frame.outer) for each in around)
