"""The tensors of a network: their bits, and how long each is alive in the order of the network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from flopcount.errors import Problem, SpecError, UsageError, suggestion
from flopcount.formulas.bits import FLOAT, WEIGHTS, Bits
from flopcount.formulas.numbers import Dim, ceil_div, exact, total
from flopcount.formulas.step import PARAMETERS, Step
from flopcount.network.plan import Node, Plan
from flopcount.network.trace import Trace
from flopcount.spec.kinds import KINDS

if TYPE_CHECKING:
    from flopcount.spec.precision import Precision


class Tensor(NamedTuple):
    """A tensor that a layer writes, or an input: its elements, each of so many bits."""

    elements: Dim
    bits: int

    @property
    def size(self) -> Dim:
        """The whole bytes it takes."""
        return bytes_of(self.elements, self.bits)


def bytes_of(elements: Dim, bits: int) -> Dim:
    """Return the whole bytes of a number of elements."""
    return elements * (bits // 8) if bits % 8 == 0 else ceil_div(elements * bits, 8)


def weight_bytes(step: Step, weights: Mapping[str, int], bits: Bits) -> Dim:
    """Return the bytes of the params of a step without parts, those that count; each sort is a tensor of its own."""
    found: Dim = 0
    for name, count in step.tally.counts.items():
        times = weights.get(name, 0) if name in PARAMETERS else 0
        if times:
            found = found + _stored(step, name, count, bits) * times
    return found


def _stored(step: Step, name: str, count: Dim, bits: Bits) -> Dim:
    """Return the bytes of one tensor, with the scales and zero points of its groups.

    A row of the weights is what makes one channel of the output, or a vector of an embedding; a group does not go
    beyond it, and takes the room of a whole one, as the operator MatMulNBits of ONNX Runtime stores them.
    """
    if not bits.group or name not in WEIGHTS:
        return bytes_of(count, bits.of(name))
    rows: Dim = step.shape.channels
    if isinstance(rows, int) and isinstance(count, int) and (not rows or count % rows):
        rows = 1
    width = count // rows
    rows, width = (width, rows) if name == "embedding" else (rows, width)
    groups = ceil_div(width, bits.group)
    each = bytes_of(bits.group, bits.of(name)) + bytes_of(1, bits.scales)
    return rows * (groups * each + bytes_of(groups, bits.zero_points))


def precisions(plan: Plan, traced: Trace, asked: "Precision | None") -> Mapping[str, Bits]:
    """Return the bits of each layer by path, and of each input: as a file of another tool has them, or as is asked for.

    Raises SpecError if a pattern of the file names no layer, UsageError if another does.
    """
    base = FLOAT if asked is None else asked.on(FLOAT)
    own = {**{name: {"activation": bits} for name, bits in plan.bits.items()}, **_given(plan)}
    names = (*plan.inputs, *(node.path for node in plan.nodes))
    found = {name: _of_file(own[name], asked) if name in own else base for name in names}
    layers = asked.layers if asked else {}
    about = {pattern: _matching(pattern, traced) for pattern in layers}
    lost = {each: f"no layer matches {each!r}; {suggestion(each, [*found])}" for each in about if not about[each]}
    if lost and asked is plan.precision:
        problems = [Problem(("precision", "layers", each), what, code="precision") for each, what in lost.items()]
        raise SpecError(problems, plan.file() if plan.file else None)
    for what in lost.values():
        raise UsageError(f"--precision: {what}")
    for pattern, paths in about.items():
        found |= {path: layers[pattern].on(found[path]) for path in paths}
    return found


def _given(plan: Plan) -> Mapping[str, Mapping[str, int]]:
    return {node.path: node.bits for node in plan.nodes if node.bits}


def _of_file(own: Mapping[str, int], asked: "Precision | None") -> Bits:
    groups = {name: own[name] for name in ("group", "scales", "zero_points") if name in own}
    params = tuple((name, bits) for name, bits in own.items() if name in PARAMETERS)
    bits = Bits(activations=own.get("activation", FLOAT.activations), own=params, **groups)
    return asked.on(bits) if asked else bits


def _matching(pattern: str, traced: Trace) -> list[str]:
    """Return the paths that a pattern of a precision is about."""
    if pattern in {"first", "last"} and pattern not in traced.steps:
        weighted = [path for path, step in traced.steps.items() if step.tally.counts.keys() & WEIGHTS]
        return weighted[:1] if pattern == "first" else weighted[-1:]
    known = (*traced.inputs, *traced.steps)
    return [path for path in known if fnmatchcase(path, pattern) or path.startswith(f"{pattern}.")]


def tensors_of(traced: Trace, bits: Mapping[str, Bits]) -> dict[str, Tensor]:
    """Return each input and what each layer writes, by name and path."""
    return {name: Tensor(shape.elements, bits[name].activations) for name, shape in traced.shapes.items()}


def reads(traced: Trace, tensors: Mapping[str, Tensor]) -> Callable[[Node], tuple[Tensor, ...] | None]:
    """Return what tells the distinct tensors that a layer reads, params apart; None for one that moves nothing."""
    learned = {node.path for node in traced.plan.nodes if KINDS[node.kind].buffer == "none"}

    def of(node: Node) -> tuple[Tensor, ...] | None:
        if KINDS[node.kind].buffer in {"view", "none"}:
            return None
        return tuple(tensors[name] for name in dict.fromkeys(node.inputs) if name not in learned)

    return of


class Style(NamedTuple):
    """How a program keeps tensors: norms and activations `fused` into the layer before them, layers in `place`.

    `converted` is how a converter to TensorFlow Lite writes a network: what changes no number is gone, scales and
    shifts are in the weights before them, a few activations in the operator before them; views have tensors.
    """

    fused: bool = True
    in_place: bool = False
    converted: bool = False


SCALES = frozenset(("BatchNorm", "Affine", "LayerScale"))
CLAMPS = frozenset(("relu", "relu6"))
"""The layers that a converter multiplies into weights, and the functions that operators have inside."""

CLAMPED = frozenset(("Add", "Mul", "MaxPool", "AvgPool"))
"""Layers without weights whose operators have an activation inside."""


class Life(NamedTuple):
    """A tensor by the layer that writes it or the input it is, and the first and last step at which it is alive."""

    name: str
    tensor: Tensor
    first: int
    last: int


class Lifetimes:
    """The tensors of a network in the order of its layers, each alive from the step that writes it to its last reader.

    An input is alive from the start, an output to the end. Weights are not among them. `held` is the tensor that each
    layer writes or is a view of, by path.
    """

    def __init__(self, traced: Trace, written: Mapping[str, Tensor], style: Style) -> None:
        """Follow each tensor: a view and a fused layer write what is there already."""
        self.traced, self.written, self.style = traced, written, style
        nodes = traced.plan.nodes
        self.last = {name: number for number, node in enumerate(nodes) for name in (*node.inputs, *node.beside)}
        self.tensors = {name: written[name] for name in traced.inputs}
        self.first = dict.fromkeys(traced.inputs, -1)
        self.held = {name: name for name in traced.inputs}
        self.until = {name: self.last.get(name, 0) for name in traced.inputs}
        self.clamped = set[str]()
        for number, node in enumerate(nodes):
            self._write(number, node)

    @cached_property
    def lives(self) -> Sequence[Life]:
        """Every tensor, in the order in which they are written."""
        return [Life(name, x, self.first[name], self.until[name]) for name, x in self.tensors.items()]

    @cached_property
    def alive(self) -> Mapping[str, Dim]:
        """The bytes that are alive while each layer runs, by path; those of a fused layer run in one step."""
        sizes = [life.tensor.size for life in self.lives]
        add = _running if all(isinstance(size, int) for size in sizes) else _summed
        return dict(zip((node.path for node in self.traced.plan.nodes), add(self.lives, sizes), strict=False))

    @cached_property
    def peak(self) -> int:
        """The most bytes that are alive at once."""
        return max(map(exact, self.alive.values()), default=0)

    def _write(self, number: int, node: Node) -> None:
        """Take account of what a layer writes: a tensor of its own, or one that is there."""
        buffer, path = KINDS[node.kind].buffer, node.path
        ends = self.last.get(path, len(self.traced.plan.nodes))
        source = self._taken(number, node)
        owner = self.held[path] = path if source is None else self.held[source]
        if source is None:
            self.first[path], self.until[path] = number, ends
        else:
            self.until[owner] = max(self.until[owner], ends)
        if source is None or buffer != "view":
            written = self.written[path]
            self.tensors[owner] = written if buffer != "none" else written._replace(elements=0)

    def _taken(self, number: int, node: Node) -> str | None:
        """Return the input whose memory a layer uses for what it writes, if any."""
        kind, style, source = KINDS[node.kind], self.style, node.inputs[0]
        is_alone = source in self.traced.steps and self.until[self.held[source]] == number
        if style.converted:
            is_same = kind.buffer == "view" and self.traced.shape(node.path).dims == self.traced.shape(source).dims
            return source if is_same or (is_alone and self._merges(node, self.held[source])) else None
        if kind.buffer == "view":
            return source
        if style.fused and kind.buffer == "fused" and is_alone:
            return source
        if style.in_place and kind.in_place:
            return next((name for name in node.inputs if self._is_free(name, number, node)), None)
        return None

    def _merges(self, node: Node, owner: str) -> bool:
        """Tell whether a converter makes a layer part of the operator that writes what it alone reads."""
        step = self.traced.steps.get(owner)
        if step is None or owner in self.clamped:
            return False
        is_weighted = "weight" in step.tally.counts
        if node.kind != "Activation":
            return is_weighted and node.kind in SCALES
        is_clamp = getattr(node.layer, "function", "") in CLAMPS and (is_weighted or step.kind in CLAMPED)
        self.clamped |= {owner} if is_clamp else set()
        return is_clamp

    def _is_free(self, name: str, number: int, node: Node) -> bool:
        """Tell whether a layer is the last to read a tensor of the size of what it writes."""
        owner = self.held[name]
        return self.until[owner] == number and self.tensors[owner] == self.written[node.path]


def _running(lives: Sequence[Life], sizes: Sequence[Dim]) -> Iterator[Dim]:
    """Keep one sum, to which each tensor is added when it is born and from which it is taken when it is gone."""
    change = [0] * (max((life.last for life in lives), default=0) + 2)
    for life, size in zip(lives, map(exact, sizes), strict=True):
        change[max(life.first, 0)] += size
        change[life.last + 1] -= size
    return accumulate(change)


def _summed(lives: Sequence[Life], _: Sequence[Dim]) -> Iterator[Dim]:
    """Add what is alive at each step anew: bounds of expressions stay as narrow as can be."""
    alive, waiting = list[Life](), sorted(lives, key=lambda life: -life.first)
    for number in range(max((life.last for life in lives), default=0) + 1):
        alive = [life for life in alive if life.last >= number]
        while waiting and waiting[-1].first <= number:
            alive.append(waiting.pop())
        yield total(life.tensor.size for life in alive)
