"""From rows to nodes: blocks repeated, templates filled in, branches wired."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from flopcount.counting.evaluate import EvaluationError, evaluate
from flopcount.counting.frames import Frame, Values, needs_shapes, spelled, valued
from flopcount.counting.nodes import INPUT, MOST_LAYERS, Node
from flopcount.errors import Place, Problem, SpecError, suggestion
from flopcount.schema.arch import Arch, Block, called, kind_of
from flopcount.schema.base import Layer
from flopcount.schema.expressions import parse
from flopcount.schema.layers import kind_named
from flopcount.schema.rows import Row, is_expression, not_expressed

DEEPEST = 16
"""Templates inside templates deeper than this are refused."""


_ENTRY = re.compile(rf"{INPUT}\d*")
"""What enters a block is found inside it only: outside, the same names mean something else."""

_TOO_MANY = f"more than {MOST_LAYERS} layers, blocks unrolled; repeat less"


class _Scope:
    """The names a layer may read: earlier siblings, then those around its block."""

    def __init__(self, entries: tuple[str, ...], outer: "_Scope | None" = None) -> None:
        numbered = {f"{INPUT}{number}": entry for number, entry in enumerate(entries, 1) if number > 1}
        self.outputs = {INPUT: entries[0], **numbered}
        self.current = entries[:1]
        self.outer = outer

    def define(self, name: str, output: str) -> None:
        self.outputs[name] = output
        self.current = (output,)

    def find(self, name: str) -> str | None:
        if name in self.outputs:
            return self.outputs[name]
        return self.outer.find(name) if self.outer and not _ENTRY.fullmatch(name) else None

    def names(self) -> list[str]:
        return [*self.outputs, *(self.outer.names() if self.outer else ())]


class _Around(NamedTuple):
    """What surrounds a list of rows: names to read, names to compute with, the path and the place."""

    scope: _Scope
    prefix: str
    place: Place
    frame: Frame | None
    via: tuple[Place, ...]
    problems: list[Problem]


def unrolled(arch: Arch, entries: tuple[str, ...]) -> tuple[Node, ...]:
    """Return the nodes of an arch in file order; a SpecError names what cannot be."""
    if _size(arch.layers) > MOST_LAYERS:
        raise SpecError([Problem(("layers",), _TOO_MANY)])
    frame = Frame("", arch.arguments, entries[0], 1) if arch.arguments else None
    scope = _Scope(entries)
    scope.outputs |= {name: name for name in entries}
    problems: list[Problem] = []
    nodes = tuple(
        _Unrolling(arch.templates, frame).rows(arch.layers, _Around(scope, "", ("layers",), frame, (), problems))
    )
    problems += _unread(nodes, entries)
    if problems:
        raise SpecError(problems)
    return nodes


def _unread(nodes: tuple[Node, ...], entries: tuple[str, ...]) -> list[Problem]:
    """Refuse an input that no layer reads: with several, the first layer of each path names its own."""
    read = {name for node in nodes for name in node.inputs}
    return [
        Problem(("input", entry), f'no layer reads the input {entry!r}; name it, as in after = ["{entry}"]')
        for entry in (entries if len(entries) > 1 else ())
        if entry not in read
    ]


def _size(layers: tuple[Layer, ...]) -> int:
    """Count the layers that need no expression evaluated."""
    return sum(layer.repeat * _size(layer.layers) if isinstance(layer, Block) else 1 for layer in layers)


class _Unrolling:
    """One walk over the rows: the templates it knows, and how many rows and repetitions it may still visit."""

    def __init__(self, templates: Mapping[str, Any], root: Frame | None) -> None:
        self.templates = templates
        self.root = root
        self.left = 2 * MOST_LAYERS

    def rows(self, layers: tuple[Layer, ...], around: _Around) -> Iterator[Node]:
        """Yield the nodes of a list of rows, each reading the one above or those it names."""
        for position, layer in enumerate(layers, 1):
            at = around._replace(place=(*around.place, position - 1))
            self._visit(at)
            name = called(layer, position)
            path = around.prefix + name
            if name in around.scope.outputs:
                what = "the name is already taken here, by another layer or by what enters; give each its own"
                around.problems.append(Problem((*at.place, "name"), what, path, at.via))
            inputs = _inputs(layer, at, path)
            if isinstance(layer, Row) and not _exists(layer, at, path):
                around.scope.outputs[name] = inputs[0]
                continue
            if isinstance(layer, Block) or (isinstance(layer, Row) and self._is_group(layer)):
                yield from self._group(layer, at, path, inputs)
                around.scope.define(name, around.scope.current[0])
            else:
                yield from _made(layer, at, path, inputs)
                around.scope.define(name, path)

    def _is_group(self, layer: Row) -> bool:
        return layer.type == "Block" or layer.type in self.templates

    def _visit(self, at: _Around) -> None:
        self.left -= 1
        if self.left < 0:
            raise _problem(at, "", _TOO_MANY)
        if len(at.via) > DEEPEST:
            raise _problem(at, "", f"templates are nested deeper than {DEEPEST} levels")

    def _group(self, group: Block | Row, at: _Around, path: str, inputs: tuple[str, ...]) -> Iterator[Node]:
        """Yield a block or a template as often as it is repeated, each repetition reading the one before."""
        repeat = group.repeat if isinstance(group, Block) else _repeat(group, at, path)
        for index in range(1, repeat + 1):
            self._visit(at)
            here = f"{path}.{index}" if repeat > 1 else path
            inner = self._inside(group, at, here, inputs, index)
            yield from self.rows(self._layers(group), inner)
            inputs = (inner.scope.current[0], *inputs[1:])
        at.scope.current = inputs[:1]

    def _layers(self, group: Block | Row) -> tuple[Layer, ...]:
        kind = kind_of(group)
        return self.templates[kind].layers if kind in self.templates else group.layers

    def _inside(self, group: Block | Row, at: _Around, path: str, inputs: tuple[str, ...], index: int) -> _Around:
        """Return what surrounds the rows inside a block or a template."""
        if not isinstance(group, Row) or group.type == "Block":
            frame = at.frame._replace(number=index) if at.frame and path.endswith(f".{index}") else at.frame
            return _Around(_Scope(inputs, at.scope), f"{path}.", (*at.place, "layers"), frame, at.via, at.problems)
        template = self.templates[group.type]
        given = {key: at.frame.expressed(value) if at.frame else value for key, value in group.fields.items()}
        frame = Frame(path, {**template.arguments, **given}, inputs[0], index, at.frame, self.root)
        place: Place = ("templates", group.type, "layers")
        return _Around(_Scope(inputs), f"{path}.", place, frame, (at.place, *at.via), at.problems)


def _problem(at: _Around, path: str, what: str, key: str = "") -> SpecError:
    place = (*at.place, key) if key else at.place
    return SpecError([Problem(place, what, path, at.via)])


def _inputs(layer: Layer, at: _Around, path: str) -> tuple[str, ...]:
    if layer.after is None:
        return at.scope.current
    found = [(name, at.scope.find(name)) for name in layer.after]
    missing = [name for name, output in found if output is None]
    if missing:
        inside = "." in missing[0] and "a layer inside a block cannot be read from outside, the block can"
        way_out = inside or suggestion(missing[0], at.scope.names())
        what = f"after names {missing[0]!r}, which is no earlier layer; {way_out}"
        at.problems.append(Problem((*at.place, "after"), what, path, at.via))
        return at.scope.current
    return tuple(output for _, output in found if output is not None)


def _exists(layer: Row, at: _Around, path: str) -> bool:
    if not isinstance(layer.when, str):
        return bool(layer.when)
    return bool(_constant(layer.when, at, path, "when"))


def _repeat(layer: Row, at: _Around, path: str) -> int:
    repeat = _constant(layer.repeat, at, path, "repeat") if isinstance(layer.repeat, str) else layer.repeat
    if not isinstance(repeat, int) or isinstance(repeat, bool) or not 1 <= repeat <= MOST_LAYERS:
        raise _problem(at, path, f"repeat = {repeat} is not possible; it is from 1 to {MOST_LAYERS}", "repeat")
    return repeat


def _constant(text: str, at: _Around, path: str, key: str) -> Any:
    """Evaluate what decides on the structure: over arguments only."""
    try:
        names = Values(at.frame) if at.frame else {}
        return evaluate(parse(text), names)
    except EvaluationError as error:
        raise _problem(at, path, f"{key} = {text!r}: {error}", key) from None


def _made(layer: Layer, at: _Around, path: str, inputs: tuple[str, ...]) -> Iterator[Node]:
    """Yield a node, or keep what is wrong with it: all of a file's problems are told at once."""
    try:
        yield _node(layer, at, path, inputs)
    except SpecError as error:
        at.problems.extend(error.problems)


def _node(layer: Layer, at: _Around, path: str, inputs: tuple[str, ...]) -> Node:
    """Make a node; a row with expressions is validated with the values that are known already."""
    if not isinstance(layer, Row):
        return Node(path, layer, inputs, at.place, via=at.via)
    fields = {key: at.frame.expressed(value) if at.frame else value for key, value in layer.fields.items()}
    computed = {key: value for key, value in fields.items() if is_expression(value)}
    kind = kind_named(layer.type)
    known = {key: _known(key, value, at, path) for key, value in fields.items()}
    try:
        model = kind.model_validate(known)
    except ValidationError as error:
        from flopcount.schema.problems import layer_problems

        found = {
            key: what + _why(layer.fields.get(key), at) for key, what in layer_problems(error, kind, known).items()
        }
        raise SpecError([Problem((*at.place, key), what, path, at.via) for key, what in found.items()]) from None
    return Node(path, model, inputs, at.place, computed, at.frame if computed else None, at.via)


def _why(value: object, at: _Around) -> str:
    """Say why a string in a template is no expression, where it looks like one."""
    if not isinstance(value, str) or at.frame is None:
        return ""
    reason = not_expressed(value, at.frame.names)
    return f" ({reason})" if reason else ""


def _known(key: str, value: Any, at: _Around, path: str) -> Any:
    """Return a field's value, or 1 in place of what follows from shapes and is computed by the walk."""
    if at.frame is None:
        return value
    try:
        return 1 if needs_shapes(value, at.frame) else valued(value, Values(at.frame))
    except EvaluationError as error:
        raise _problem(at, path, f"{key} = {spelled(value)}: {error}", key) from None
