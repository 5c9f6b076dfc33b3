"""The bytes that a network keeps from its forward pass for its backward pass, each tensor once."""

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flopcount.formulas import kept
from flopcount.formulas.backward import Need, inner, is_trained, needed
from flopcount.formulas.bits import Bits
from flopcount.formulas.norm import ACTIVATIONS
from flopcount.formulas.numbers import Dim, exact, exact_div, product, total
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import PRODUCTS, Kept, Step
from flopcount.formulas.tensor import named_axes
from flopcount.network.memory import bytes_of
from flopcount.network.plan import Node
from flopcount.network.strides import contiguous, dense, viewed
from flopcount.network.trace import Flow, Trace
from flopcount.network.training import read_by, segments
from flopcount.spec.kinds import KINDS
from flopcount.spec.training import Training

INDEX, STATISTIC, BYTE = 64, 32, 8
"""The bits of an index, of a statistic and of a condition, whatever the precision."""


class Stored(NamedTuple):
    """A tensor by the name under which it is kept once, its bytes, its shape, and how it lies in memory."""

    name: str
    size: Dim
    shape: Shape = Shape((1,))
    strides: tuple[Dim, ...] = (1,)


class _Operator(NamedTuple):
    """A step without parts in its place: what it reads, which of that needs a gradient, and what it writes."""

    path: str
    node: Node
    step: Step
    reads: Sequence[Stored]
    needs: Sequence[Need]
    bits: Bits
    output: Stored
    tied: Mapping[Dim, str]
    computed: Mapping[Dim, Stored]

    @property
    def rows(self) -> tuple[Kept, ...]:
        """What it keeps, in words and in numbers of elements."""
        if self.step.keeps is not None:
            return self.step.keeps
        if self.node.kind == "Dropout" and not getattr(self.node.layer, "p", 1):
            return ()
        if self.node.kind == "Parameter" and _is_looked_up(self.step):
            return (kept.TABLE,)
        if self.step.kind == "AdaptiveAvgPool" and all(size == 1 for size in self.step.shape.spatial):
            return ()
        return kept.KEPT.get(f"{self.step.kind} {_function(self.node)}".rstrip(), ())

    def tensors(self) -> Iterator[Stored]:
        """Yield what it keeps."""
        for number, row in enumerate(self.rows):
            if isinstance(row, str):
                yield from _NAMED[row](self) if row in _NAMED else self.parameters(row)
            elif not isinstance(row, tuple):
                yield self.own(str(number), row, self.bits.activations)
            elif row[0] != kept.USED_WEIGHT or self.needs[0]:
                yield self.own(str(number), row[1], self.bits.of("weight"))

    @property
    def kept_reads(self) -> list[Stored]:
        """What it reads, or the copies of it that it makes."""
        return [self._copied(number) for number in range(len(self.reads))]

    @property
    def factors(self) -> Iterator[Stored]:
        """What it multiplies, if the other one needs a gradient."""
        for place, each in enumerate(self.kept_reads):
            if any((*self.needs[:place], *self.needs[place + 1 :])):
                yield each

    def _copied(self, number: int) -> Stored:
        """Return what it reads, or the copy of it that it makes."""
        tensor = self.reads[number]
        places, size = self._product(number)
        dims, strides = (tuple(each[place] for place in places) for each in (tensor.shape.dims, tensor.strides))
        if not size or viewed(dims, strides, size) is not None:
            return tensor
        return self.own(f"copy {number}", tensor.shape.elements, self.bits.activations)

    def _product(self, number: int) -> tuple[Sequence[int], Sequence[Dim]]:
        """Return the order of axes and the sizes in which a product reads a tensor; no sizes if as it is."""
        dims = self.reads[number].shape.dims
        places = range(len(dims))
        if self.step.kind == "Linear":
            return places, (product(dims[:-1]), dims[-1])
        if self.step.kind == "MatMul" and len(dims) > 2 and self.node.kind == "MatMul":  # noqa: PLR2004  (matrices)
            return places, (product(dims[:-2]), *dims[-2:])
        if self.node.kind != "Einsum" or len(self.reads) != 2:  # noqa: PLR2004  (a pair)
            return places, ()
        terms, out = named_axes(getattr(self.node.layer, "equation", ""), [len(x.shape.dims) for x in self.reads])
        own, other = terms[number], terms[1 - number]
        groups = (
            [each for each in out if each in own and each in other],
            [each for each in out if each in own and each not in other],
            [each for each in own if each not in out],
        )
        ordered = groups if not number else (groups[0], groups[2], groups[1])
        sizes = [product(dims[own.index(each)] for each in group) for group in ordered]
        return [own.index(each) for group in ordered for each in group], sizes

    def first(self, word: str, bits: int) -> Stored:
        """Return the first that it reads, of other bits."""
        tensor = self.reads[0]
        return Stored(f"{tensor.name} {word}", bytes_of(tensor.shape.elements, bits))

    def own(self, word: str, elements: Dim, bits: int) -> Stored:
        """Return a tensor that only it has."""
        return Stored(f"{self.path} {word}", bytes_of(elements, bits))

    @property
    def is_trained(self) -> bool:
        """Whether it has weights that are trained."""
        has = bool(self.step.products) and not self.node.layer.frozen
        return has or is_trained(self.step, is_frozen=self.node.layer.frozen)

    def parameters(self, word: str) -> Iterator[Stored]:
        """Yield the parameters that a word means; those that are used are kept if what is read needs a gradient."""
        counts, plain = dict(self.step.tally.counts), word.removeprefix("used ")
        if plain == kept.SCALE and "frozen" in counts:
            counts["norm_weight"] = self.step.shape.channels
        is_tied = self.node.layer.shared and not any(counts.get(name) for name in _ENTRIES[kept.WEIGHT])
        if plain == kept.WEIGHT and is_tied and (word == plain or self.needs[0]):
            yield from self._tied()
            return
        for name in _ENTRIES[plain] if word == plain or self.needs[0] else ():
            if name in counts:
                yield self.own(name, counts[name], self.bits.of(name))

    def _tied(self) -> Iterator[Stored]:
        """Yield the weights that another layer counts or computes, by the name they have there."""
        macs = next((count for name, count in self.step.tally.counts.items() if name in PRODUCTS), 0)
        if macs:
            size = exact_div(macs, self.step.shape.positions)
            own = Stored(self.tied.get(size, f"weights of {size}"), bytes_of(size, self.bits.of("weight")))
            yield self.computed.get(size, own)


_ENTRIES: Mapping[str, tuple[str, ...]] = {
    kept.WEIGHT: ("weight", "frozen_weight", "rnn_weight"),
    kept.SCALE: ("norm_weight", "scale"),
    kept.AFFINE: ("norm_weight", "norm_bias", "frozen"),
    kept.RUNNING: ("running",),
    kept.PARAMETERS: ("slope", "scale", "frozen"),
}
"""The entries of a tally that a word means."""

MATRICES = frozenset((*_ENTRIES[kept.WEIGHT], "embedding"))
"""The entries of weights that several layers may use."""

_NAMED: Mapping[str, Callable[[_Operator], Iterable[Stored]]] = {
    kept.INPUT: lambda leaf: leaf.kept_reads[:1],
    kept.INPUTS: lambda leaf: leaf.kept_reads,
    kept.TRAINED_INPUT: lambda leaf: leaf.kept_reads[: int(leaf.is_trained)],
    kept.OTHER: lambda leaf: leaf.kept_reads[-1:],
    kept.OUTPUT: lambda leaf: [leaf.output],
    kept.FACTORS: lambda leaf: leaf.factors,
    kept.DIVISION: lambda leaf: leaf.kept_reads[not leaf.needs[-1] :] if len(leaf.reads) > 1 else (),
    kept.IDS: lambda leaf: [leaf.first(kept.IDS, INDEX)],
    kept.CONDITION: lambda leaf: [leaf.first(kept.CONDITION, BYTE)],
    kept.MASK: lambda leaf: [leaf.own(kept.MASK, leaf.step.shape.elements, leaf.bits.activations)],
    kept.INDICES: lambda leaf: [leaf.own(kept.INDICES, leaf.step.shape.elements, INDEX)],
    kept.TABLE: lambda leaf: [leaf.own(kept.TABLE, product(leaf.step.shape.dims[-2:]), INDEX)],
    kept.STATISTICS: lambda leaf: [leaf.own(kept.STATISTICS, 2 * leaf.step.shape.channels, STATISTIC)],
    kept.ROWS: lambda leaf: [leaf.own(kept.ROWS, 2 * leaf.step.shape.positions, STATISTIC)],
}
"""What the words mean that are not about parameters."""


ALIKE = frozenset(
    (
        *("Elementwise", "Add", "Mul", "Dropout", "LayerScale", "Affine", "PositionEmbedding", "PReLU"),
        *ACTIVATIONS.values(),
    )
)
"""The kinds whose output lies in memory as what they read."""


def fresh(name: str, shape: Shape, bits: int, strides: tuple[Dim, ...] | None = None) -> Stored:
    """Return a new tensor, in the order of its axes unless it has other strides."""
    return Stored(name, bytes_of(shape.elements, bits), shape, strides or contiguous(shape.dims))


def seen(x: Stored, step: Step, node: Node) -> tuple[Dim, ...] | None:
    """Return the strides of what a view shows of a tensor; None if it has to be copied."""
    dims, strides, size, last = x.shape.dims, x.strides, step.shape.dims, len(x.shape.dims) - 1
    match step.kind:
        case "Flatten" | "Reshape":
            return viewed(dims, strides, size)
        case "ToTokens":
            flat = viewed(dims, strides, (*dims[: x.shape.channel_axis + 1], size[-2]))
            return flat and (*flat[:-2], flat[-1], flat[-2])
        case "ToMap":
            turned = (*range(last - 1), last, last - 1)
            return viewed([dims[place] for place in turned], [strides[place] for place in turned], size)
        case "Expand":
            return _expanded(dims, strides, size)
        case "Identity" if getattr(node.layer, "contiguous", False) and strides != contiguous(dims):
            return None
    places = _places(x.shape, node)
    return tuple(strides[place] for place in places) if len(places) == len(size) else None


def _places(shape: Shape, node: Node) -> Sequence[int]:
    """Return the axes of a tensor in the order in which a view has them, without those that it drops."""
    rank, layer = len(shape.dims), node.layer
    places, channels = [*range(rank)], shape.channel_axis
    match node.kind:
        case "Permute":
            order = getattr(layer, "order", ())
            return [*places[: rank - len(order)], *(rank + axis for axis in order)]
        case "Transpose":
            return [*places[:-2], rank - 1, rank - 2]
        case "ChannelsLast":
            return [*places[:channels], *places[channels + 1 :], channels]
        case "ChannelsFirst":
            first = rank - 1 - getattr(layer, "axes", 2)
            return [*places[:first], rank - 1, *places[first:-1]]
        case "Take" if not getattr(layer, "keepdim", True):
            del places[rank + getattr(layer, "axis", -1)]
        case "SelectToken":
            del places[-2]
        case _:
            pass
    return places


def _expanded(dims: Sequence[Dim], strides: Sequence[Dim], size: Sequence[Dim]) -> tuple[Dim, ...] | None:
    """Return the strides of a tensor that is repeated along axes of one element; None if a border is added."""
    more = len(size) - len(dims)
    old = (*[1] * more, *dims)
    if more < 0 or any(before not in {1, after} for before, after in zip(old, size, strict=True)):
        return None
    kept_strides = zip(old, size, (*[0] * more, *strides), strict=True)
    return tuple(stride if before == after else 0 for before, after, stride in kept_strides)


def _is_looked_up(step: Step) -> bool:
    """Tell whether a stored tensor is made of a smaller table, with an entry for each head and each pair of tokens."""
    own, (*_, heads, tokens, others) = step.tally.counts.get("parameter", 0), (1, 1, 1, *step.shape.dims)
    if not all(isinstance(each, int) for each in (own, heads, tokens, others)):
        return False
    return tokens == others != 1 and 0 < exact(own) < exact(step.shape.elements) and exact(own) % exact(heads) == 0


def _function(node: Node) -> str:
    """Return the function of an elementwise layer; empty for others."""
    return getattr(node.layer, "function", "") if node.kind in {"Elementwise", "Reduce"} else ""


class SavedTensors:
    """What each layer keeps that no layer before it has kept, by path."""

    def __init__(self, traced: Trace, flow: Flow, bits: Mapping[str, Bits], training: Training) -> None:
        """Walk the network once."""
        self.segments = segments(traced, training)
        self.traced, self.flow, self.bits = traced, flow, bits
        self.blocks = {block for path, block in self.segments.items() if flow.needs[path]}
        self.tensors = {name: fresh(name, x, bits[name].activations) for name, x in traced.inputs.items()}
        self.seen, self.tied = set[str](), dict[Dim, str]()
        self.loose: dict[Dim, Stored] = {}  # what no layer reads: outputs, and weights that are computed
        self.read = {name for node in traced.plan.nodes for name in read_by(node)}
        self.inverted = {node.inputs[0] for node in traced.plan.nodes if _function(node) == "reciprocal"}
        for node, step in traced.items() if any(node.layer.shared for node in traced.plan.nodes) else ():
            counts = step.tally.counts.items() if not node.layer.shared else ()
            self.tied |= {count: f"{node.path} {name}" for name, count in counts if name in MATRICES}
        self.sizes = {node.path: total(self._visit(node, step)) for node, step in traced.items()}

    def _visit(self, node: Node, step: Step) -> list[Dim]:
        reads, needs = read_by(node), self.flow.needs
        own = [self.tensors[name] for name in reads]
        found = [*self._leaves(node, node.path, step, own, [needs[name] for name in reads])]
        written = self.tensors[node.path] = self._whole(node, step, found[-1])
        if node.path not in self.read:
            self.loose[step.shape.elements] = written
        kept = self._entering(node) if node.path in self.segments else self._inside(node, found)
        keeps = needs[node.path] or self.segments.get(node.path) in self.blocks
        new = {each.name: each.size for each in (kept if keeps else ()) if each.name not in self.seen}
        self.seen.update(new)
        return [*new.values()]

    def _inside(self, node: Node, leaves: Iterable[_Operator]) -> Iterator[Stored]:
        """Yield what the steps of a layer keep."""
        for leaf in leaves:
            is_part = node.path in self.inverted and _function(node) == "sqrt"  # of rsqrt
            if not is_part and needed(leaf.step, leaf.needs, is_frozen=node.layer.frozen):
                yield from leaf.tensors()

    def _entering(self, node: Node) -> Iterator[Stored]:
        """Yield what a layer of a checkpoint reads from outside."""
        here = self.segments[node.path]
        return (self.tensors[name] for name in read_by(node) if self.segments.get(name) != here)

    def _whole(self, node: Node, step: Step, last: _Operator) -> Stored:
        """Return what a layer writes: what its last step does, or several put together."""
        if not step.parts or last.step.shape.dims == step.shape.dims:
            return last.output
        return fresh(node.path, step.shape, self.bits[node.path].activations)

    def _leaves(
        self, node: Node, path: str, step: Step, reads: Sequence[Stored], needs: list[Need]
    ) -> Iterator[_Operator]:
        """Yield the steps without parts; the last one writes what the layer writes."""
        if not step.parts:
            beside = {self.tensors[name].shape.elements: self.tensors[name] for name in node.beside}
            output = self._written(node, path, step, reads)
            yield _Operator(
                path, node, step, reads, needs, self.bits[node.path], output, self.tied, ChainMap(beside, self.loose)
            )
            return
        known: dict[str | int, Stored] = dict(enumerate(reads))
        before: tuple[str | int, ...] = tuple(known)
        every = inner(step, needs, is_frozen=node.layer.frozen)
        for part, own in zip(step.parts, every, strict=True):
            read = [known[name] for name in part.reads or before]
            for leaf in self._leaves(node, f"{path}.{part.name}", part.step, read, own):
                yield leaf
                known[part.name] = leaf.output
            before = (part.name,)

    def _written(self, node: Node, path: str, step: Step, reads: Sequence[Stored]) -> Stored:
        """Return what a step writes: a tensor of its own, or one that it reads, seen in another way."""
        bits, shape = self.bits[node.path], step.shape
        if KINDS[node.kind].buffer == "none" or not reads:
            return fresh(path, shape, bits.weights)
        is_off = node.kind == "Dropout" and not getattr(node.layer, "p", 1)
        if step.kind in kept.VIEWS or is_off:
            strides = seen(reads[0], step, node)
            if strides is not None:
                return reads[0]._replace(shape=shape, strides=strides)
        if step.kind in ALIKE:
            alike = next((each.strides for each in reads if each.shape.dims == shape.dims), None)
            strides = alike and dense(shape.dims, alike)
        else:
            strides = None
        return fresh(path, shape, bits.activations, strides)
