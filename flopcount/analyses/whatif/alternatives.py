"""What a network would cost at another width or size or with other convolutions, and which layers stay as they are."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.analyses.conditions.filters import Condition
from flopcount.analyses.counted import Counted, counted
from flopcount.analyses.substitute import STAND_INS, Replacement, Target, replacement
from flopcount.analyses.whatif.targets import Point
from flopcount.analyses.whatif.where import facts
from flopcount.counting.frames import Given
from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan
from flopcount.counting.trace import Trace, own, trace
from flopcount.errors import SpecError
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step

SPATIAL = frozenset(
    {
        "DepthwiseConv",
        "DepthSepConv",
        "HetConv",
        "GroupPointwiseConv",
        "BSConvU",
        "BSConvS",
        "Conv2Plus1D",
        "SpatiallySepConv",
        "SpatiallySepDepthwiseConv",
        "FlattenedConv",
        "TuckerConv",
        "CPConv",
        "DualConv",
        "ACConv",
        "RepVGGConv",
        "PartialConv",
        "Res2Conv",
        "DeformConv",
        "WinogradConv",
    }
)
"""The kinds that stand for kernels over several positions, and make no sense where it is 1×1."""


AS_THEY_ARE = "as they are"
"""What the convolutions of a network are called where none is replaced."""


class Left(NamedTuple):
    """A convolution that stays as it is, and why."""

    path: str
    kind: str
    reason: str


class Alternative(NamedTuple):
    """A network with other convolutions, or at another width or size; without a target it has those it had."""

    target: Target | None
    counted: Counted
    replaced: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    point: Point = Point()

    @property
    def convolutions(self) -> str:
        """Which convolutions it has."""
        return self.target.label if self.target else AS_THEY_ARE

    @property
    def label(self) -> str:
        """What it is called: by what is other than in the file."""
        return " at ".join(filter(None, (self.target.label if self.target else "", self.point.label)))

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each layer, by its path."""
        return {node.path: node.kind for node in self.counted.trace.plan.nodes}


def alike(one: Counted, other: Counted) -> bool:
    """Tell whether two counts of one network are the same: at the same inputs, with the same maps."""
    return _maps(one.trace) == _maps(other.trace)


def _maps(traced: Trace) -> list[tuple[Any, ...]]:
    return [shape.dims for shape in (*traced.inputs.values(), *(step.shape for step in traced.steps.values()))]


class Choice(NamedTuple):
    """Which convolutions may be replaced: those a condition holds for, the first ones or not."""

    where: Condition | None = None
    first: bool = False


def alternative(base: Counted, target: Target, choice: Choice, given: Given) -> Alternative:
    """Count a network with a target in the place of each convolution that can be replaced."""
    first = _first(base.trace) if not choice.first and target.kind != "Conv" else frozenset()
    around = _Around(base, target, choice, first, given)
    found = [_replaced(node, step, around) for node, step in base.trace.items()]
    pairs = [*zip(base.trace.plan.nodes, found, strict=True)]
    network = base.trace.plan._replace(nodes=tuple(each.node for each in found))
    return Alternative(
        target,
        counted(network, base.trace.inputs, base.convention, _fitting(given, network)),
        tuple(node.path for node, each in pairs if each.node is not node),
        tuple(Left(node.path, node.kind, each.reason) for node, each in pairs if each.reason),
    )


class _Around(NamedTuple):
    """What decides on a layer beside the layer itself."""

    base: Counted
    target: Target
    choice: Choice
    first: frozenset[str]
    given: Given


def _replaced(node: Node, step: Step, around: _Around) -> Replacement:
    """Return what stands in the place of a layer, with the reason where that is the layer itself."""
    if node.kind not in STAND_INS:
        convolves = any("conv_mac" in leaf.tally.counts for leaf in step.leaves())
        return Replacement(node, f"{node.kind} does not stand for a standard convolution" if convolves else "")
    shapes = {name: _shape(name, around.base.trace) for name in node.inputs}
    if around.choice.where and not around.choice.where(facts(node, step, shapes, around.base.cost(step))):
        return Replacement(node, "--where leaves it out")
    if node.path in around.first:
        return Replacement(node, "it is the first convolution; --first replaces it too")
    found = replacement(node, step, around.target)
    why = _unfit(found.node, node, step, around) if found.node is not node else found.reason
    return Replacement(node, why) if why else found


def _unfit(new: Node, old: Node, step: Step, around: _Around) -> str:
    """Say why a layer cannot take the place of another; empty if it can."""
    kernel = getattr(new.layer, "kernel_size", None)
    if new.kind in SPATIAL and {*(kernel if isinstance(kernel, tuple) else (kernel,))} == {1}:
        return f"its kernel is 1×1, and {new.kind} stands for larger ones"
    names = {name: _shape(name, around.base.trace) for name in _read(old)}
    alone = Plan((new,), {name: tuple(map(_int, shape.dims)) for name, shape in names.items()})
    try:
        made = trace(alone, names, _fitting(around.given, alone)).steps[new.path].shape
    except SpecError as error:
        return error.problems[0].what
    if made.dims != step.shape.dims:
        return f"{new.kind} would leave {render(made.dims)} in place of {render(step.shape.dims)}"
    return ""


def _int(size: object) -> int:
    return int(str(size))


def _read(node: Node) -> Iterator[str]:
    """Yield the paths whose shapes decide on a layer: those it reads, and those that enter its templates."""
    yield from node.inputs
    frame = node.frame
    while frame:
        yield frame.entry
        frame = frame.outer


def _shape(name: str, traced: Trace) -> Shape:
    return traced.inputs[name] if name in traced.inputs else traced.steps[name].shape


def _first(traced: Trace) -> frozenset[str]:
    """Return the paths of the convolutions with nothing that has weights before them."""
    plain, first = {*traced.inputs}, set[str]()
    for node, step in traced.items():
        if all(name in plain for name in node.inputs):
            weighs = any("weight" in leaf.tally.counts for leaf in step.leaves())
            (first if weighs else plain).add(node.path)
    return frozenset(first)


def _fitting(given: Given, network: Plan) -> dict[str, Mapping[str, Any]]:
    """Leave out what is given for fields that a layer no longer has."""
    kinds = {node.path: own(type(node.layer)) for node in network.nodes}
    return {
        path: {name: value for name, value in values.items() if path not in kinds or name in kinds[path]}
        for path, values in given.items()
    }
