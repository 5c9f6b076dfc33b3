"""The network as a flat tuple of nodes, in file order."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from flopcount.errors import MOST_TOLD, Note, Place, Problem, SpecError, UsageError, nearest, suggestion
from flopcount.formulas.shape import Shape, render
from flopcount.spec.arch import Arch, Block, Scaling, called, kind_of
from flopcount.spec.expression import EvaluationError, Expression, evaluate, parse, unrounded
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import KINDS, kind_named
from flopcount.spec.load import Spec
from flopcount.spec.rows import SPECIAL, LayerRow, expressed, is_expression, not_expressed

if TYPE_CHECKING:
    from flopcount.network.schedule import Schedule
    from flopcount.spec.precision import Precision

Given = Mapping[str, Mapping[str, Any]]
"""Overrides of the file: path → field → a value, an array or a symbol."""


class Frame(NamedTuple):
    """One use of a template: its arguments and its input.

    An argument may be an expression over the names of the `outer` frame; other names are looked up in `root`, the
    arguments of the file. `entry` is the path of the layer whose channels are `in_channels`; `number` is which
    repetition it is, known to expressions as `index`.
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


class Values:
    """The names of a frame with their values, looked up on demand.

    `here` is the path of the layer that the row reads, whose channels are `channels`. An argument that is an
    expression is evaluated once; `memo` keeps its value for all rows of the frame. Without shapes,
    channels have no value: which layers exist never depends on shapes.
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
        """Return the value of a name, overridden from outside or as the file says."""
        if name in {"in_channels", "channels"}:
            return self._channels(self.frame.entry if name == "in_channels" else self.here)
        if name == "index":
            return self.frame.number
        frame = self.frame if name in self.frame.arguments or self.frame.root is None else self.frame.root
        outside = self.given.get(frame.path, {})
        value = outside[name] if name in outside else frame.arguments[name]
        return self._around(frame, name, value) if isinstance(value, Expression) else value

    def _around(self, frame: Frame, name: str, value: Expression) -> Any:
        """Evaluate an argument in the frame of its expression: the one around this."""
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
        root = self.frame.root
        return name in self.frame.arguments or name in SPECIAL or (root is not None and name in root.arguments)


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


MOST_LAYERS = 100_000
"""A network of more layers, blocks unrolled, is refused."""

INPUT = "input"
"""The path of the network's input, and the name of a block's input."""


class Node(NamedTuple):
    """One layer: its path, its inputs, and its place in the file.

    `computed` holds the fields that are expressions, evaluated in `frame` by the walk; `via` are the places that
    used the template it is in. `bits` are those that a file of another tool gives: of the layer's output
    (`activation`) and of its params by their type; 32 by default. `beside` are
    other nodes that it reads, for their sizes or as weights: they decide no count, and live as long. `source` is the
    file and the line of the code that calls it, if the file of another tool tells.
    """

    path: str
    layer: Layer
    inputs: tuple[str, ...]
    place: Place
    computed: Mapping[str, Any] = {}
    frame: Frame | None = None
    via: tuple[Place, ...] = ()
    bits: Mapping[str, int] = {}
    beside: tuple[str, ...] = ()
    source: tuple[str, int] | None = None

    @property
    def kind(self) -> str:
        """The name of the layer's kind."""
        return type(self.layer).__name__


DEEPEST = 16
"""Templates inside templates deeper than this are refused."""

_ENTRY = re.compile(rf"{INPUT}\d*")
"""A block's inputs are found inside it only: outside, the same names mean something else."""

MOST_READ = 10 * MOST_LAYERS
"""Most inputs of all layers together."""

MOST = {
    "layers": MOST_LAYERS,
    "inputs of layers": MOST_READ,
    "letters in paths": 200 * MOST_LAYERS,
    "letters in expressions": 20 * MOST_LAYERS,
}
"""The most that a network may have, blocks unrolled."""

MOST_VARIED = 20_000
"""A network of more different layers is counted and checked, and not compared or varied."""

_TOO_MANY = f"more than {MOST_LAYERS} layers, blocks unrolled; reduce repeat"
_TOO_OFTEN = f"too many repetitions for a network of at most {MOST_LAYERS} layers; reduce repeat"


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
    """The context of a list of rows: names to read, names to compute with, the path and the place."""

    scope: _Scope
    prefix: str
    place: Place
    frame: Frame | None
    via: tuple[Place, ...]
    problems: list[Problem]


def _size(layers: tuple[Layer, ...]) -> int:
    """Count the layers that need no expression evaluated."""
    known = [layer for layer in layers if not isinstance(layer, LayerRow)]
    inside = sum(layer.repeat * (_size(layer.layers) if isinstance(layer, Block) else 1) for layer in known)
    return inside + len(layers) - len(known)


class Allowance:
    """How much a network may still have of each of `MOST`."""

    def __init__(self) -> None:
        self.left = [*MOST.values()]

    def exceeded(self, *spent: int) -> str:
        """Take account of a layer, by the order of `MOST`; return what there is too much of."""
        for place, count in enumerate(spent):
            self.left[place] -= count
            if self.left[place] < 0:
                what, most = [*MOST.items()][place]
                return f"more than {most} {what}, blocks unrolled"
        return ""


def _computed(layer: Layer) -> int:
    """Return how many letters of expressions, and of words, a row has."""
    return sum(map(_letters, (layer.when, layer.repeat, *layer.fields.values()))) if isinstance(layer, LayerRow) else 0


def _letters(value: object) -> int:
    """Return the length of what may be an expression."""
    if isinstance(value, str):
        return len(value)
    return sum(map(_letters, value)) if isinstance(value, list) else 0


class _Unrolling:
    """One walk over the rows: the templates it knows, and how many rows and repetitions it may still visit."""

    def __init__(self, templates: Mapping[str, Any], root: Frame | None) -> None:
        self.templates = templates
        self.root = root
        self.left, self.bounds = 5 * MOST_LAYERS, Allowance()

    def rows(self, layers: tuple[Layer, ...], around: _Around) -> Iterator[Node]:
        """Yield the nodes of a list of rows, each reading the one above or those it names."""
        for position, layer in enumerate(layers, 1):
            at = around._replace(place=(*around.place, position - 1))
            self._visit(at)
            name = called(layer, position)
            path = around.prefix + name
            if name in around.scope.outputs:
                what = "the name is already taken here by another layer or by an input; choose another"
                around.problems.append(Problem((*at.place, "name"), what, path, at.via))
            self._spend(at, path, 0, len(layer.after or ()), len(path), _computed(layer))
            inputs = _inputs(layer, at, path)
            if isinstance(layer, LayerRow) and not _constant(layer.when, at, path, "when"):
                around.scope.outputs[name] = inputs[0]
                continue
            if layer.repeat != 1 or self._is_group(layer):
                yield from self._group(layer, at, path, inputs)
                around.scope.define(name, around.scope.current[0])
            else:
                yield from self._single(layer, at, path, inputs)
                around.scope.define(name, path)

    def _is_group(self, layer: Layer) -> bool:
        return isinstance(layer, Block) or (isinstance(layer, LayerRow) and layer.type in {"Block", *self.templates})

    def _single(self, layer: Layer, at: _Around, path: str, inputs: tuple[str, ...]) -> Iterator[Node]:
        self._spend(at, path, 1, 0, 0, 0)
        try:
            yield _node(layer, at, path, inputs)
        except SpecError as error:  # all problems of a file are reported at once
            at.problems.extend(error.problems)

    def _spend(self, at: _Around, path: str, *spent: int) -> None:
        if what := self.bounds.exceeded(*spent):
            raise _problem(at, path, f"{what}; reduce repeat")

    def _visit(self, at: _Around) -> None:
        self.left -= 1
        if self.left < 0:
            raise _problem(at, "", _TOO_OFTEN)
        if len(at.via) > DEEPEST:
            raise _problem(at, "", f"templates are nested deeper than {DEEPEST} levels")

    def _group(self, group: Layer, at: _Around, path: str, inputs: tuple[str, ...]) -> Iterator[Node]:
        """Yield a block, a template or a layer as often as it is repeated, each repetition reading the one before."""
        repeat = _repeat(group, at, path) if isinstance(group, LayerRow) else group.repeat
        once = group if self._is_group(group) else _once(group)
        for index in range(1, repeat + 1):
            self._visit(at)
            here = f"{path}.{index}" if repeat > 1 else path
            self._spend(at, here, 0, len(inputs), 0, 0)
            if isinstance(group, Block | LayerRow) and self._is_group(group):
                inner = self._inside(group, at, here, inputs, index)
                yield from self.rows(self._layers(group), inner)
                inputs = (inner.scope.current[0], *inputs[1:])
            else:
                frame = at.frame._replace(number=index) if at.frame and repeat > 1 else at.frame
                yield from self._single(once, at._replace(frame=frame), here, inputs)
                inputs = (here, *inputs[1:])
        at.scope.current = inputs[:1]

    def _layers(self, group: Block | LayerRow) -> tuple[Layer, ...]:
        kind = kind_of(group)
        return self.templates[kind].layers if kind in self.templates else group.layers

    def _inside(self, group: Block | LayerRow, at: _Around, path: str, inputs: tuple[str, ...], index: int) -> _Around:
        """Return the context of the rows inside a block or a template."""
        if not isinstance(group, LayerRow) or group.type == "Block":
            frame = at.frame._replace(number=index) if at.frame and path.endswith(f".{index}") else at.frame
            return _Around(_Scope(inputs, at.scope), f"{path}.", (*at.place, "layers"), frame, at.via, at.problems)
        template = self.templates[group.type]
        arguments = {**template.arguments, **_expressed(group, at.frame)}
        frame = Frame(path, arguments, inputs[0], index, at.frame, self.root)
        place: Place = ("templates", group.type, "layers")
        return _Around(_Scope(inputs), f"{path}.", place, frame, (at.place, *at.via), at.problems)


def _once(layer: Layer) -> Layer:
    """Return a repeated layer without its repetitions."""
    single = layer.model_copy(update={"repeat": 1})
    single.model_fields_set.discard("repeat")
    return single


def _problem(at: _Around, path: str, what: str, key: str = "", code: str = "spec") -> SpecError:
    return SpecError([Problem((*at.place, key) if key else at.place, what, path, at.via, code)])


def _inputs(layer: Layer, at: _Around, path: str) -> tuple[str, ...]:
    if layer.after is None:
        return at.scope.current
    found = [(name, at.scope.find(name)) for name in layer.after]
    missing = [name for name, output in found if output is None]
    if missing:
        inside = "." in missing[0] and "a layer inside a block cannot be read from outside, the block can"
        is_told = len(at.problems) < MOST_TOLD
        hint = inside or (suggestion(missing[0], at.scope.names()) if is_told else "")
        what = f"after names {missing[0]!r}, which is not an earlier layer; {hint}"
        at.problems.append(Problem((*at.place, "after"), what, path, at.via))
        return at.scope.current
    return tuple(output for _, output in found if output is not None)


def _repeat(layer: LayerRow, at: _Around, path: str) -> int:
    repeat = _constant(layer.repeat, at, path, "repeat")
    if not isinstance(repeat, int) or isinstance(repeat, bool) or not 1 <= repeat <= MOST_LAYERS:
        raise _problem(at, path, f"invalid repeat = {repeat}: expected 1 to {MOST_LAYERS}", "repeat")
    return repeat


def _constant(value: Any, at: _Around, path: str, key: str) -> Any:
    """Evaluate an expression that determines the structure, over arguments only; other values are unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return evaluate(parse(value), Values(at.frame) if at.frame else {})
    except EvaluationError as error:
        raise _problem(at, path, f"{key} = {value!r}: {error}", key, error.code) from None


def _expressed(row: LayerRow, frame: Frame | None) -> Mapping[str, Any]:
    """Return a row's fields, strings that are arithmetic over the names of the frame as expressions."""
    names = frame.names if frame else None
    return row.fields if names is None else {key: expressed(value, names) for key, value in row.fields.items()}


def _node(layer: Layer, at: _Around, path: str, inputs: tuple[str, ...]) -> Node:
    """Make a node; a row with expressions is validated with the values that are known already."""
    if not isinstance(layer, LayerRow):
        return Node(path, layer, inputs, at.place, via=at.via)
    fields = _expressed(layer, at.frame)
    computed = {key: value for key, value in fields.items() if is_expression(value)}
    kind = kind_named(layer.type)
    known = {key: _known(key, value, at, path) for key, value in fields.items()}
    try:
        model = kind.model_validate(known)
    except ValidationError as error:
        from flopcount.spec.problems import layer_problems

        found = layer_problems(error, kind, known).items()
        said = ((key, what + _why(layer.fields.get(key), at)) for key, what in found)
        raise SpecError([Problem((*at.place, key), what, path, at.via) for key, what in said]) from None
    return Node(path, model, inputs, at.place, computed, at.frame if computed else None, at.via)


def _why(value: object, at: _Around) -> str:
    """Say why a string in a template is not an expression; empty if it is one."""
    reason = not_expressed(value, at.frame.names) if isinstance(value, str) and at.frame else ""
    return f" ({reason})" if reason else ""


def _known(key: str, value: Any, at: _Around, path: str) -> Any:
    """Return a field's value, or 1 if it follows from shapes and is computed by the walk."""
    if at.frame is None:
        return value
    try:
        return 1 if needs_shapes(value, at.frame) else valued(value, Values(at.frame))
    except EvaluationError as error:
        raise _problem(at, path, f"{key} = {spelled(value)}: {error}", key, error.code) from None


class Plan(NamedTuple):
    """All nodes in the order of the computation, the inputs by name, and properties of the whole network.

    `implementation` is the table of how a program writes the layers; `scaling` the rule of the width;
    `unknown` are skipped operators with their number of occurrences. `fixed_by` is a layer with a
    size that holds for `inputs` only; `tokens` are the inputs that have their channels last, `settled` what is read
    with a layout that the file says. `precision` is what an arch file says of the bits of its numbers, `bits` what a
    file of another tool says of its inputs, and `schedule` of its operators. `file` gives
    its source, if any; `sized` tells that it was read at the input that was asked for,
    without the `batch` that goes before it.
    """

    nodes: tuple[Node, ...]
    inputs: Mapping[str, tuple[int, ...]]
    implementation: Mapping[str, str] = {}
    scaling: Scaling | None = None
    name: str = "network"
    description: str = ""
    notes: tuple[Note, ...] = ()
    unknown: Mapping[str, int] = {}
    file: Callable[[], Spec] | None = None
    sized: bool = False
    batch: int | None = None
    fixed_by: str = ""
    tokens: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    bits: Mapping[str, int] = {}
    precision: "Precision | None" = None
    schedule: "Callable[[], Schedule] | None" = None

    @property
    def spec(self) -> Spec:
        """The network as an arch file; a plan made in memory has none."""
        if self.file is None:
            raise UsageError(f"{self.name}: the network has no file")
        return self.file()

    @property
    def input(self) -> tuple[int, ...]:
        """The sizes of the first input, mostly the only one."""
        return next(iter(self.inputs.values()))

    @property
    def is_varied(self) -> bool:
        """Whether it has too many different layers; those of repetitions are equal, unless they are computed."""
        return len({id(node if node.computed else node.layer) for node in self.nodes}) > MOST_VARIED

    def mapped(self, change: Callable[[Layer], Layer]) -> "Plan":
        """Return the same network with each layer changed."""
        return self._replace(nodes=tuple(node._replace(layer=change(node.layer)) for node in self.nodes))


def plan(arch: Arch) -> Plan:
    """Unroll an arch; a SpecError names all problems."""
    inputs = arch.input if isinstance(arch.input, dict) else {INPUT: arch.input}
    entries = tuple(inputs)
    if _size(arch.layers) > MOST_LAYERS:
        raise SpecError([Problem(("layers",), _TOO_MANY)])
    frame = Frame("", arch.arguments, entries[0], 1) if arch.arguments else None
    scope = _Scope(entries)
    scope.outputs |= {name: name for name in entries}
    around = _Around(scope, "", ("layers",), frame, (), [])
    nodes = tuple(_Unrolling(arch.templates, frame).rows(arch.layers, around))
    read = {name for node in nodes for name in node.inputs}
    around.problems.extend(
        Problem(("input", entry), f'no layer reads the input {entry!r}; name it, as in after = ["{entry}"]')
        for entry in entries
        if len(entries) > 1 and entry not in read
    )
    layout = arch.layout if isinstance(arch.layout, dict) else dict.fromkeys(inputs if arch.layout else (), arch.layout)
    for name in [name for name in layout if name not in inputs]:
        what = f"there is no input {name!r}; {suggestion(name, entries)}"
        around.problems.append(Problem(("layout", name), what, code="unknown-input"))
    if around.problems:
        raise SpecError(around.problems)
    readers = _readers(nodes, (name for name in inputs if name not in layout))
    tokens = {name for name, kind in readers.items() if _reads_tokens(kind, len(inputs[name]))}
    notes = (*(Note("file", each) for each in arch.notes), *_guesses(inputs, readers, tokens))
    about = (arch.written, arch.scaling, arch.name, arch.description, notes, arch.unknown)
    tokens |= {name for name, each in layout.items() if each == "tokens"}
    made = Plan(nodes, inputs, *about, fixed_by=arch.fixed_by, precision=arch.precision)
    told = {name for node in nodes if "channel_axis" in node.layer.model_fields_set for name in node.inputs}
    return made._replace(tokens=frozenset(tokens), settled=frozenset({*layout, *told}))


_SCALED = {"LayerNorm", "LayerScale", "PositionEmbedding", "RMSNorm"}
_ALIKE = {"Activation", "Add", "Dropout", "Identity", *_SCALED}
"""The kinds that leave the shape they read, and read it with any axis as channels; those with params per channel."""


def _guesses(inputs: Mapping[str, tuple[int, ...]], readers: Mapping[str, str], tokens: set[str]) -> Iterator[Note]:
    """Say how an input is read where the file does not say it and what reads it could read either."""
    for name, kind in readers.items():
        how = "tokens × channels" if name in tokens else "a map, channels first,"
        more = "; put a Flatten before it if it is to read all of it" if kind == "Linear" else ""
        text = f"the input {render(inputs[name])} is read as {how} by a {kind}{more}"
        if (kind in _SCALED and len(inputs[name]) > 1) or (kind == "Linear" and name in tokens):
            yield Note(
                "input-of-tokens" if name in tokens else "input-as-map",
                f'{text}; layout = "tokens" or "map" says which it is',
            )


def _readers(nodes: tuple[Node, ...], inputs: Iterable[str]) -> dict[str, str]:
    """Return the kind that decides which axis of an input holds the channels.

    It is the first that is not alike to all; if there is none, the first with params per channel.
    """
    found: dict[str, str] = {}
    scaled: dict[str, str] = {}
    sources = {name: name for name in inputs}
    for node in nodes:
        for name in node.inputs:
            source = sources.get(name)
            if source is not None and node.kind in _ALIKE:
                sources[node.path] = source
                if node.kind in _SCALED:
                    scaled.setdefault(source, node.kind)
            elif source is not None:
                found.setdefault(source, node.kind)
    return {**scaled, **found}


def _reads_tokens(kind: str, axes: int) -> bool:
    """Tell whether a kind reads an input with the channels last; one that also reads maps, an input of two axes."""
    return axes == 2 if kind in {"Linear", *_SCALED} else axes > 1 and KINDS[kind].reads[-1] in {"M", "D", "k"}  # noqa: PLR2004


def overridden(network: Plan, changes: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Return the plan with fields of some layers changed, each layer validated again."""
    paths = {node.path for node in network.nodes}
    for path, fields in changes.items():
        for name in fields.keys() & {"name", "after", "repeat"}:
            raise UsageError(f"--set {path}.{name}: address the layer by its number, as in layers.3.{name}")
        if path not in paths:
            setting = ", ".join(f"{path}.{name}" for name in fields)
            inside = next((each for each in paths if each.startswith(f"{path}.")), None)
            if inside:
                what = "is inside a template or is one repetition of a block; name a layer in it"
                raise UsageError(f"--set {setting}: {path} {what}, such as {inside}")
            hint = path_hint(path, [node.path for node in network.nodes])
            raise UsageError(f"--set {setting}: there is no layer at {path}; {hint}")
    nodes = (_changed(node, changes[node.path]) if node.path in changes else node for node in network.nodes)
    return network._replace(nodes=tuple(nodes))


def path_hint(path: str, known: Sequence[str]) -> str:
    """Return the path that was meant: one with the same names in the same order, else the most similar."""
    parts = path.split(".")
    ones = ".".join(str(int(part) + 1) if part.isdecimal() else part for part in parts)  # torch counts from 0
    if ones in known:
        return f"did you mean {ones!r}? repetitions are numbered from 1"
    for each in known:
        names = iter(each.split("."))
        if all(part in names for part in parts):
            return f"did you mean {each!r}?"
    if nearest(path, known) is None:  # the modules say more than the first layers
        known = [*dict.fromkeys(".".join(each.split(".")[: len(parts)]) for each in known)]
    return suggestion(path, known)


def _changed(node: Node, fields: Mapping[str, Any]) -> Node:
    given = {name: getattr(node.layer, name) for name in node.layer.model_fields_set}
    try:
        layer = type(node.layer).model_validate({**given, **fields})
    except ValidationError as error:
        from flopcount.spec.problems import layer_problems

        found = layer_problems(error, type(node.layer), {**given, **fields}).values()
        raise UsageError("\n".join(f"--set {node.path}: {what}" for what in found)) from None
    computed = {name: value for name, value in node.computed.items() if name not in fields}
    return node._replace(layer=layer, computed=computed)
