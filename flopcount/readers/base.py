"""The base of all readers, which turn files of other tools into flat nodes with validated layers and no weights."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from flopcount.errors import Note, Place, Refusal, ShapeError, UsageError, listed, plain, suggestion
from flopcount.formulas.numbers import exact, exact_all
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import PARAMETERS, Step
from flopcount.network.inputs import input_shape
from flopcount.network.plan import Allowance, Node
from flopcount.network.schedule import Schedule
from flopcount.network.trace import fields as layer_fields
from flopcount.network.trace import too_large
from flopcount.spec.fields import LARGEST, Layer
from flopcount.spec.kinds import formula, kind_named, reads_several

if TYPE_CHECKING:
    from zipfile import ZipFile


class ReadOptions(NamedTuple):
    """Options for reading a file: sizes of its inputs, a batch, whether to skip unknown operators, values of inputs."""

    input: str | None = None
    batch: int | None = None
    allow_unknown: bool = False
    values: tuple[str, ...] = ()


class ReadResult(NamedTuple):
    """A network as a file of another tool gives it: named inputs and flat nodes, in the order of the computation.

    `unknown` are the operators that were skipped, each with its number of occurrences. `batch` is the
    batch that the input asked for; the sizes of `inputs` do not include it. `fixed_by` is a node with
    a size that the file computes from its input, so that the nodes hold for `inputs` only. `tokens` are the
    inputs that have their channels last, `bits` those of the inputs, where the file gives others than 32. `schedule`
    is what it says of the operators that run.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    nodes: tuple[Node, ...]
    notes: tuple[Note, ...] = ()
    unknown: Mapping[str, int] = {}
    description: str = ""
    batch: int | None = None
    fixed_by: str = ""
    tokens: frozenset[str] = frozenset()
    bits: Mapping[str, int] = {}
    schedule: Callable[[], Schedule] | None = None


Build = Callable[[ReadOptions], ReadResult]
"""A parsed file: makes a network at any input."""


class Origin(NamedTuple):
    """The origin that a refusal names: the layer, its class, and the line."""

    layer: str = ""
    kind: str = ""
    line: int = 0

    @property
    def place(self) -> Place:
        """The place of the layer's node."""
        return ("line", self.line) if self.line else ()

    def problem(self, what: str) -> Refusal:
        """Return the refusal."""
        return Refusal(what, self.layer[:50], self.kind[:50], self.line)


MOST_LISTED = 20
"""More unknown operators than this are counted, not listed."""


def occurrences(counts: Mapping[str, int]) -> str:
    """List names with their numbers of occurrences."""
    return listed((f"{name} ({times}×)" if times > 1 else name for name, times in sorted(counts.items())), MOST_LISTED)


def unknown_problem(what: str, counts: Mapping[str, int]) -> Refusal:
    """Return the refusal of a file for all its unknown operators."""
    hint = "count with --allow-unknown to skip them; the totals are then lower bounds"
    return Refusal(f"{what} that flopcount does not support: {occurrences(counts)}; {hint}")


def counted_unknown(kinds: Iterable[str], options: ReadOptions) -> dict[str, int]:
    """Count the unknown layers of a file, which are refused unless the options allow them."""
    unknown = dict(Counter(kinds))
    if unknown and not options.allow_unknown:
        raise unknown_problem("it has layers", unknown)
    return unknown


WINDOW = 2**14
"""A window of a file has at least as many bytes."""


class FileBuffer:
    """Bytes of a file, read on demand; keeps the last window that was read."""

    def __init__(self, path: Path) -> None:
        self.path, self.start, self.content = path, 0, b""

    def __getitem__(self, place: int | slice) -> Any:
        """Return one byte or a slice, as `bytes` does."""
        if isinstance(place, slice):
            offset = self._offset(place.start, place.stop - place.start)
            return self.content[offset : offset + place.stop - place.start]
        offset = place - self.start
        if not 0 <= offset < len(self.content):
            offset = self._offset(place, 1)
        return self.content[offset]

    def _offset(self, start: int, size: int) -> int:
        """Return where bytes are in the window, which moves there if needed."""
        offset = start - self.start
        if 0 <= offset <= len(self.content) - size:
            return offset
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            self.content, self.start = file.read(max(size, WINDOW)), start
        return 0


class UnknownSize(Refusal):
    """The refusal of an operator whose output has a size that depends on the values of the input."""


class UnknownSizeError(Exception):
    """A layer reads what an unknown layer makes."""


T = TypeVar("T")


def known(x: T | None) -> T:
    """Return what a layer reads; UnknownSizeError if its size is not known."""
    if x is None:
        raise UnknownSizeError
    return x


class Unknowns(Counter[str]):
    """The layers that are not counted, by kind: unknown ones, and those whose inputs have unknown sizes."""

    def after(self, kind: str, builder: "Builder", add: Callable[[], T]) -> T | None:
        """Add a layer; None, and nothing added, if it reads what an unknown layer makes."""
        start = len(builder.nodes)
        try:
            return add()
        except UnknownSizeError:
            del builder.nodes[start:]
            self[f"{kind} (after an unsupported one)"] += 1
            return None


LONGEST = 90
"""Names are cut to this length, which leaves room for a number."""

_ENTRY = re.compile(r"input\d*")


def unpacked(archive: "ZipFile", name: str, most: int) -> bytes:
    """Read a member, up to an allowed size whatever size the archive declares."""
    content = b""
    if archive.getinfo(name).file_size <= most:
        with archive.open(name) as member:
            content = member.read(most + 1)
    if not 0 < len(content) <= most:
        raise Refusal(f"its {name} is empty, or larger than {most >> 20} MiB unpacked")
    return content


def sanitized(name: str, ending: str = "_layer", longest: int = LONGEST) -> str:
    """Return a name that an arch file accepts; one that means an input there gets the ending."""
    text = re.sub(r"[^A-Za-z0-9_-]", "_", name.strip()).lstrip("-")[:longest] or "layer"
    return f"{text}{ending}" if _ENTRY.fullmatch(text) else text


def network_name(name: str, default: str = "network") -> str:
    """Return a name that a network may have."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:100].lstrip(".+-") or default


def input_labels(count: int) -> list[str]:
    """Return the names of a block's inputs inside it."""
    return [f"input{place}" if place > 1 else "input" for place in range(1, count + 1)]


class Names:
    """Names that are taken, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {*taken}
        self.numbers: dict[str, int] = {}

    def free(self, name: str) -> str:
        """Return the name, with a number if it is taken already."""
        found, number = name, self.numbers.get(name, 1)
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.numbers[name] = number
        return found

    def fresh(self, name: str) -> str:
        """Take a name, with a number if it is taken already."""
        found = self.free(name)
        self.taken.add(found)
        return found


def sizes_asked(text: str | None, names: Sequence[str], title: str = "the file", what: str = "input") -> dict[str, str]:
    """Parse --input: SIZE for the first input, or NAME=SIZE,NAME=SIZE."""
    if text is None:
        return {}
    if "=" not in text:
        return {names[0]: text}
    pairs = [part.rpartition("=") for part in text.split(",")]
    asked = {name.strip(): size.strip() for name, _, size in pairs}
    for name in asked.keys() - {*names}:
        raise UsageError(f"--input {plain(text[:60])}: {title} has no {what} {name[:50]!r}; {suggestion(name, names)}")
    return asked


def batch_asked(options: ReadOptions, asked: Mapping[str, str], ranks: Mapping[str, int]) -> int | None:
    """Return the batch that --input or --batch asks for, which is one for all inputs."""
    shapes = [input_shape((1,) * ranks[name], text, options.batch) for name, text in asked.items()]
    found = {exact(shape.dims[0]) for shape in shapes if shape.channel_axis}
    if len(found) > 1:
        raise UsageError(f"--input {plain(str(options.input)[:60])}: the inputs have different batches")
    return found.pop() if found else options.batch


def sized(declared: tuple[int, ...], text: str | None) -> tuple[int, ...]:
    """Return an input's sizes without a batch: as declared, or as the text says."""
    return exact_all(input_shape(declared, text).dims[-len(declared) :])


@dataclass(frozen=True, slots=True)
class Signal:
    """The output of a node, or an input."""

    path: str
    shape: Shape

    @property
    def dims(self) -> tuple[int, ...]:
        """All sizes."""
        return exact_all(self.shape.dims)

    @property
    def channels(self) -> int:
        """The size of the channel axis."""
        return exact(self.shape.channels)

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes of the spatial axes."""
        return exact_all(self.shape.spatial)


class Assembly:
    """All nodes of one model; equal layers are validated once, and equal steps computed once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.layers: dict[str, Layer] = {}
        self.steps: dict[tuple[Any, ...], Step] = {}
        self.bounds = Allowance()

    def layer(self, origin: Origin, kind: str, given: Mapping[str, Any]) -> Layer:
        """Validate a layer; a refusal names the layer of the file."""
        key = f"{kind}{given!r}"
        if key not in self.layers:
            try:
                self.layers[key] = kind_named(kind).model_validate(given)
            except ValidationError as error:
                from flopcount.spec.problems import layer_problems

                raise origin.problem("; ".join(layer_problems(error, kind_named(kind), given).values())) from None
        return self.layers[key]

    def step(self, origin: Origin, kind: str, layer: Layer, xs: Sequence[Shape]) -> Step:
        """Apply the layer's formula; a refusal names the layer of the file."""
        key = (id(layer), *((x.dims, x.channel_axis) for x in xs))
        if key not in self.steps:
            step = self.steps[key] = unchecked_step(origin, kind, layer, xs)
            broken = [constraint.sentence() for constraint in step.constraints if constraint.is_broken]
            for what in (*broken, *too_large(step)):
                raise origin.problem(f"{what} (input {' and '.join(render(x.dims) for x in xs)})")
        return self.steps[key]


def unchecked_step(origin: Origin, kind: str, layer: Layer, xs: Sequence[Shape]) -> Step:
    """Apply a layer's formula, whether or not its constraints hold."""
    if len(xs) > 1 and not reads_several(kind):
        raise origin.problem(f"it has {len(xs)} inputs; {kind} takes one")
    try:
        return formula(kind)(*xs, **layer_fields(layer))
    except ShapeError as error:
        raise origin.problem(str(error)) from None


Held = str | Mapping[str, str]
"""Whether params are "shared" or "frozen": all of a layer, or each of its types of parameters."""


class Builder:
    """The nodes of a model or of a block in it; `labels` name the block's inputs, `views` is the memory of a reader."""

    def __init__(self, made: Assembly | None = None, prefix: str = "", labels: Mapping[str, str] | None = None) -> None:
        self._made = made or Assembly()
        self.prefix = prefix
        self.labels = dict(labels or {})
        self.names = Names(("input",))
        self.views: dict[Any, Any] = {}

    @property
    def nodes(self) -> list[Node]:
        """All nodes of the model so far."""
        return self._made.nodes

    def add(
        self, origin: Origin, kind: str, xs: Sequence[Signal], fields: Mapping[str, Any], *, name: str, held: Held = ""
    ) -> Signal:
        """Add a node and return its output; params that are not trained, beside others that are, have their own row."""
        said = written(kind, fields)
        layer = self._made.layer(origin, kind, said)
        step = self._made.step(origin, kind, layer, [x.shape for x in xs])
        counts = step.tally.counts if held else {}
        flags, apart = _parted({each: exact(count) for each, count in counts.items() if each in PARAMETERS}, held)
        if flags:
            layer = self._made.layer(origin, kind, {**said, **flags})
        path = self.prefix + self.names.fresh(sanitized(name))
        if what := self._made.bounds.exceeded(1, len(xs), len(path), 0):
            raise origin.problem(what)
        self.nodes.append(Node(path, layer, tuple(x.path for x in xs), origin.place))
        y = Signal(path, step.shape)
        return self.add(origin, "Constants", [y], {"count": apart}, name=f"{name}_frozen") if apart else y

    def hold(self, inputs: Iterable[Signal | None]) -> None:
        """Add a node that does nothing to a network of which nothing is known."""
        if not self.nodes:
            self.add(Origin(), "Identity", [x for x in inputs if x][:1], {}, name="unknown")

    def label(self, path: str) -> str:
        """Return the name of a node or an input in this list of layers."""
        return self.labels.get(path) or path.rpartition(".")[2]

    def block(self, name: str, xs: Sequence[Signal]) -> "Builder":
        """Begin a block that reads some outputs; its name is taken when it is closed."""
        paths = dict.fromkeys(x.path for x in xs)
        labels = dict(zip(paths, input_labels(len(paths)), strict=True))
        return Builder(self._made, f"{self.prefix}{self.names.free(sanitized(name))}.", labels)

    def close(self, block: "Builder") -> None:
        """Take the name of a block, by which others read its last node."""
        name = block.prefix[len(self.prefix) : -1]
        self.names.taken.add(name)
        self.labels[self.nodes[-1].path] = name

    def adopt(self, block: "Builder") -> str:
        """Close a block of one node: the node gets the block's name."""
        path = block.prefix[:-1]
        self.names.taken.add(path[len(self.prefix) :])
        self.nodes[-1] = self.nodes[-1]._replace(path=path)
        return path


def _parted(own: Mapping[str, int], held: Held) -> tuple[dict[str, Any], int]:
    """Return the flags of a layer with these params, and how many are frozen beside others that are not."""
    states = {name: held if isinstance(held, str) else held.get(name, "") for name in own}
    if len({*states.values()}) == 1:
        return {state: True for state in {*states.values()} if state}, 0
    taken = {name: count for name, count in own.items() if states[name]}
    return {"shared": taken} if taken else {}, sum(own[name] for name in taken if states[name] == "frozen")


def written(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that differ from their defaults, a list of equal sizes as one number."""
    known = kind_named(kind).model_fields
    defaults = {key: field.default for key, field in known.items()}
    short = {key: _shortened(key, value) for key, value in fields.items() if value is not None}
    return {key: x for key, x in short.items() if x != defaults.get(key) or type(x) is not type(defaults[key])}


SPREAD = frozenset(("kernel_size", "stride", "dilation", "padding", "output_padding", "cropping", "scale_factor"))
"""Fields in which one number stands for all axes."""


def _shortened(key: str, value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return value
    pairs = [[*each] if isinstance(each, tuple | list) else [each] for each in value]
    short = [pair[0] if pair and pair[0] == pair[-1] else pair for pair in pairs]
    same = key in SPREAD and short and short == short[:1] * len(short) and not isinstance(short[0], list)
    return short[0] if same else short


@dataclass(slots=True)
class Op:
    """One layer of a file, and where its nodes go; shared or frozen params are `held`."""

    builder: Builder
    origin: Origin
    name: str
    held: Held = field(default="", kw_only=True)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an option as the file has it."""
        raise NotImplementedError

    def problem(self, what: str) -> Refusal:
        """Return a refusal that names the layer."""
        return self.origin.problem(what)

    def invalid(self, key: str, value: object, expected: str) -> Refusal:
        """Return the refusal of an option."""
        missing = f"missing {key}" if value is None else f"invalid {key} {str(value)[:50]!r}"
        return self.problem(f"{missing}: expected {expected}")

    def row(self, kind: str, *xs: Signal, tail: str = "", **fields: Any) -> Signal:
        """Add a node with the name of the layer, and the tail."""
        name = f"{self.name}_{tail}" if tail else self.name
        return self.builder.add(self.origin, kind, xs, fields, name=name, held=self.held)

    def checked(self, key: str, value: Any) -> int:
        """Return a value that has to be an integer within bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
            raise self.invalid(key, value, "an integer up to 10⁹")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        """Return an option that is an integer."""
        return self.checked(key, self.get(key, default))

    def numbers(self, key: str) -> list[int]:
        """Return an option that is any number of integers."""
        value = self.get(key)
        values = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return [self.checked(key, each) for each in values]

    def sizes(self, key: str, count: int, default: Any = None) -> tuple[int, ...]:
        """Return an option that is one integer for each axis, or for all."""
        value = self.get(key, default)
        values = value if isinstance(value, list | tuple) else [value] * count
        if len(values) != count:
            raise self.invalid(key, value, f"an integer, or one for each of {count} axes")
        return tuple(self.checked(key, each) for each in values)

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001  (a value like any other)
        """Return an option that is true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool | int) or value not in {0, 1}:
            raise self.invalid(key, value, "true or false")
        return bool(value)

    def word(self, key: str, default: str) -> str:
        """Return an option that is a word, in lower case."""
        value = self.get(key, default)
        if not isinstance(value, str):
            raise self.invalid(key, value, "a word")
        return value.lower()


def plain_layer(kind: str, **fields: Any) -> Callable[[Any], Any]:
    """Return the function that adds a layer without options."""
    return lambda op: op.row(kind, op.x, **fields)


def plain_word(name: str) -> str:
    """Return the name of a function without modules, case and underscores: nn.relu6, reduce_mean, Relu6."""
    return name.rpartition(".")[2].replace("_", "").lower()


ACTIVATIONS: Mapping[str, str] = {
    **{name: name for name in ("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh")},
    **{name: name for name in ("softplus", "softsign", "hardsigmoid", "hardswish", "hardtanh")},
    **dict.fromkeys(("leakyrelu", "leaky", "relie"), "leaky_relu"),
    **dict.fromkeys(("fastgelu", "quickgelu", "biasgelu"), "gelu"),
    **dict.fromkeys(("thresholdedrelu", "sparseplus"), "relu"),
    "swish": "silu",
    "logistic": "sigmoid",
    "hardsilu": "hardswish",
    **dict.fromkeys(("hardtan", "sparsesigmoid"), "hardtanh"),
    "tanhshrink": "tanh",
    "hardmish": "mish",
}
"""Activation functions: each with its name here."""

OPERATORS: Mapping[str, str] = {
    **dict.fromkeys(("add", "addv2", "iadd", "radd", "biasadd", "sum", "mean"), "add"),
    **dict.fromkeys(("sub", "subtract", "rsub"), "sub"),
    **dict.fromkeys(("mul", "multiply", "rmul"), "mul"),
    **dict.fromkeys(("div", "divide", "truediv", "truedivide", "realdiv", "dividenonan"), "div"),
    **dict.fromkeys(("floordiv", "floordivide"), "div"),
    **dict.fromkeys(("max", "maximum", "threshold"), "max"),
    **dict.fromkeys(("min", "minimum"), "min"),
    **dict.fromkeys(("pow", "power"), "pow"),
    **dict.fromkeys(("mod", "floormod"), "mod"),
    **dict.fromkeys(("equal", "notequal"), "equal"),
    **dict.fromkeys(("less", "lessequal", "lessorequal"), "less"),
    **dict.fromkeys(("greater", "greaterequal", "greaterorequal"), "greater"),
    **dict.fromkeys(("and", "logicaland"), "and"),
    **dict.fromkeys(("or", "logicalor", "xor", "logicalxor"), "or"),
    **dict.fromkeys(("not", "logicalnot"), "not"),
    **dict.fromkeys(("where", "select", "selectv2", "hardshrink", "softshrink"), "where"),
    **dict.fromkeys(("abs", "absolute"), "abs"),
    **dict.fromkeys(("neg", "negative"), "neg"),
    **dict.fromkeys(("sqrt", "rsqrt", "squareplus"), "sqrt"),
    **dict.fromkeys(("exp", "exponential", "expm1"), "exp"),
    **dict.fromkeys(("log", "log1p", "log2", "log10", "logsigmoid"), "log"),
    **dict.fromkeys(("clip", "clipbyvalue"), "clip"),
    **{name: name for name in ("sign", "square", "erf", "sin", "cos", "tan", "floor", "ceil", "round", "reciprocal")},
}
"""Operators on elements: each with the function of an `Elementwise` it is, or mostly consists of."""

SEVERAL = frozenset(
    ("add", "sub", "mul", "div", "max", "min", "pow", "mod", "equal", "less", "greater", "and", "or", "where")
)
"""The functions of an `Elementwise` that take more than one tensor."""
