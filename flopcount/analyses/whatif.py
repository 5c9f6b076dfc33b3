"""The cost of a network with other convolutions, widths or inputs, in all combinations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from flopcount.analyses.conditions import Columns, Condition, Topic
from flopcount.analyses.conditions import condition as _condition
from flopcount.analyses.conditions import names as names_in
from flopcount.analyses.sweep.axes import setting_axis, spelled
from flopcount.case import Count
from flopcount.errors import Note, SpecError, UsageError, suggestion
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step
from flopcount.network.metrics import METRICS, Cost
from flopcount.network.plan import Given, Node, Plan
from flopcount.network.point import HERE, Point
from flopcount.network.trace import Trace, fields, own, settled, trace
from flopcount.network.transform import Replacement, Target, replacement
from flopcount.spec.kinds import KINDS, STAND_INS, kind_named
from flopcount.spec.load import Setting
from flopcount.spec.problems import set_fields

ALWAYS = ("path", "type", "in_channels", "out_channels", *METRICS)
"""Names that a condition can use for every layer, in addition to its fields."""

NAMING = frozenset({"type", "groups", "path"})
"""Names by which a condition means depthwise convolutions too, which stay otherwise."""

DEPTHWISE = frozenset({"DepthwiseConv", "SpatiallySepDepthwiseConv"})
"""The kinds that are depthwise whatever their fields are."""

GROUPED = frozenset({"Conv", "GroupConv", "CondConv", "DynamicConv"})
"""The kinds that are depthwise with a group for each channel."""

LAYERS = Topic("no convolution has a", "'kernel_size > 1'")


def condition(text: str, known: frozenset[str]) -> Condition:
    """Parse a condition over known names; raise a UsageError if it is invalid."""
    return _condition(text, known, LAYERS)


def facts(node: Node, step: Step, shapes: Mapping[str, Shape], costs: Cost) -> Columns:
    """Return the values of a layer for a condition; of a list with a size per axis, the largest."""
    own = {name: _plain(value) for name, value in fields(node.layer).items()}
    channels = {"in_channels": shapes[node.inputs[0]].channels, "out_channels": step.shape.channels}
    return {**own, "path": node.path, "type": node.kind, **channels, **costs}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return max((max(each) if isinstance(each, tuple) else each for each in value if each is not None), default=0)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return value


MOST = 100
"""The most alternatives at once."""


def points(width: str | None, size: str | None) -> list[Point]:
    """Return all combinations of the values of --width and --input; none if there are no values."""
    given = ("--width", width), ("--input", size)
    widths, sizes = ((None,) if text is None else spelled(option, text) for option, text in given)
    check_number(len(widths) * len(sizes))
    found = [Point(width=width, input=size) for width, size in product(widths, sizes)]
    return [each for each in found if each != HERE]


MOST_LAYERS = 250_000
"""The most layers of all alternatives together."""


def check_number(number: int, layers: int = 0) -> None:
    """Refuse too many networks, or too many layers in all of them."""
    if number > MOST:
        raise UsageError(f"{number} networks are too many; at most {MOST} are compared at once")
    if number * layers > MOST_LAYERS:
        what = f"{number} networks of {layers} layers are too many"
        raise UsageError(f"{what}; at most {MOST_LAYERS} layers are compared at once")


def targets(kinds: Sequence[str], settings: Iterable[Setting]) -> list[Target]:
    """Return all combinations of kinds and of values for their fields; raise a UsageError if one is impossible."""
    kinds = [*dict.fromkeys(kind.strip() for each in kinds for kind in each.split(","))]
    for kind in kinds:
        _check_kind(kind)
    given: dict[str, Setting] = {}
    for each in settings:
        _check_field(each, kinds, given)
        given[each.address] = each._replace(values=setting_axis(each).values)
    check_number(sum(prod(len(given[name].values) for name in _own(kind, given)) for kind in kinds))
    return [target for kind in kinds for target in _combined(kind, given)]


def columns() -> frozenset[str]:
    """Return the names a condition may use: those of every layer, and the fields of replaceable kinds."""
    return frozenset((*ALWAYS, *(name for kind in STAND_INS for name in own(kind_named(kind)))))


def _check_kind(kind: str) -> None:
    if kind in STAND_INS:
        return
    if kind in KINDS:
        raise UsageError(f"--to {kind}: not a replacement for convolutions; use one of {', '.join(sorted(STAND_INS))}")
    from flopcount.spec.translation import name_hint

    raise UsageError(f"--to {kind[:50]}: unknown kind; {name_hint(kind[:50], sorted(STAND_INS))}")


def _check_field(each: Setting, kinds: Sequence[str], given: Mapping[str, Setting]) -> None:
    name = each.address
    if name in given:
        raise UsageError(f"--set {each.text}: {name} is set twice; give all values together, as in {name}=2,4")
    known = [field for kind in kinds for field in own(kind_named(kind))]
    if name not in known:
        what = f"{' and '.join(kinds)} {'has' if len(kinds) == 1 else 'have'} no field {name[:50]!r}"
        raise UsageError(f"--set {each.text}: {what}; {suggestion(name, known)}")


def _combined(kind: str, given: Mapping[str, Setting]) -> Iterator[Target]:
    names = _own(kind, given)
    _check_complete(kind, names)
    for values in product(*(given[name].values for name in names)):
        yield Target(kind, _validated(kind, dict(zip(names, values, strict=True))))


def _own(kind: str, given: Iterable[str]) -> list[str]:
    """Return those of the names that are fields of a kind."""
    known = own(kind_named(kind))
    return [name for name in given if name in known]


def _check_complete(kind: str, names: Sequence[str]) -> None:
    model = kind_named(kind)
    for name, info in model.model_fields.items():
        if info.is_required() and name not in {*names, "kernel_size", "out_channels"}:
            from flopcount.spec.fields import expected

            raise UsageError(f"--to {kind} needs {name}; set it with --set {name}=… ({expected(model, name)})")


def _validated(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as the kind has them; raise a UsageError if they are invalid."""
    stand: dict[str, Any] = {name: 1 for name in ("kernel_size", "out_channels") if name in own(kind_named(kind))}
    return set_fields(kind, values, stand)


UNCHANGED = "as they are"
"""The label of the convolutions of a network in which none is replaced."""


class Unchanged(NamedTuple):
    """A convolution that is not replaced, and why."""

    path: str
    kind: str
    reason: Note


class Alternative(NamedTuple):
    """A network with other convolutions, or at another width or input; without a target it keeps its own.

    `dearer` are the replaced layers that cost more than before, with the metrics.
    """

    target: Target | None
    counted: Count
    replaced: tuple[str, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    point: Point = HERE
    dearer: tuple[tuple[str, frozenset[str]], ...] = ()

    @property
    def convolutions(self) -> str:
        """The label of its convolutions."""
        return self.target.label if self.target else UNCHANGED

    @property
    def label(self) -> str:
        """The differences from the file."""
        return labelled(self.target, self.point)

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each layer, by its path."""
        return {node.path: node.kind for node in self.counted.trace.plan.nodes}


def labelled(target: Target | None, point: Point) -> str:
    """Return the label of a target at a point."""
    return " at ".join(filter(None, (target.label if target else "", point.label)))


def alike(one: Count, other: Count) -> bool:
    """Tell whether two counts of one network are the same: at the same inputs, with the same layers."""
    ours, theirs = ([each.dims for each in it.trace.inputs.values()] for it in (one, other))
    return ours == theirs and one.trace.counted == other.trace.counted


class Choice(NamedTuple):
    """The convolutions that may be replaced: those a condition holds for, the first ones or not.

    `home` is the network at its own input, if it is counted at another one. Whether a layer can take
    the place of another is decided there, so that the new network has the same layers at every input,
    as a saved file does.
    """

    where: Condition | None = None
    first: bool = False
    home: Count | None = None

    def leaves_depthwise(self, target: Target) -> bool:
        """Tell whether depthwise convolutions stay: the target mixes channels, and the condition does not name them."""
        return target.kind not in DEPTHWISE and not (self.where and names_in(self.where.text) & NAMING)


def alternative(base: Count, target: Target, choice: Choice) -> Alternative:
    """Count a network with a target in the place of each convolution that can be replaced."""
    first = _first(base.trace) if not choice.first and target.kind != "Conv" else frozenset()
    home = choice.home or base
    home = home if home.trace.steps.keys() == base.trace.steps.keys() else base
    origins = {node.path: (node, step) for node, step in home.trace.items()}

    def replaced(node: Node, step: Step) -> Replacement:
        if node.kind not in STAND_INS and not any("conv_mac" in leaf.tally.counts for leaf in step.leaves()):
            return Replacement(node)
        why = _excluded(node, step, base, choice)
        if why is None and choice.leaves_depthwise(target) and _is_depthwise(node, base):
            named = f'type == "{node.kind}"' if node.kind in DEPTHWISE else "groups > 1"
            why = Note("depthwise", f"it is depthwise; --where '{named}' replaces it too")
        if why is None and node.path in first:
            why = Note("first", "it is the first convolution; --first replaces it too")
        return Replacement(node, why) if why else _fitted(node, step, origins[node.path], target, home)

    pairs = [(node, replaced(node, step)) for node, step in base.trace.items()]
    network = base.trace.plan._replace(nodes=tuple(each.node for _, each in pairs))
    counted = base.case.with_plan(network, _fitting(base.case.given, network)).count
    paths = tuple(node.path for node, each in pairs if each.node is not node)
    unchanged = tuple(Unchanged(node.path, node.kind, each.reason) for node, each in pairs if each.reason)
    return Alternative(target, counted, paths, unchanged, dearer=tuple(_dearer(paths, base, counted)))


def _dearer(paths: Iterable[str], base: Count, counted: Count) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the layers that cost more than before, with the metrics."""
    for path in paths:
        before, after = (each.cost(each.trace.steps[path]) for each in (base, counted))
        if more := frozenset(name for name in ("params", "macs") if after[name] > before[name]):
            yield path, more


def _excluded(node: Node, step: Step, base: Count, choice: Choice) -> Note | None:
    """Return why a convolution is not chosen; None if it is."""
    if node.kind not in STAND_INS:
        return Note("no-stand-in", f"{node.kind} does not replace a standard convolution")
    if choice.where:
        shapes = {name: _shape(name, base.trace) for name in node.inputs}
        if not choice.where(facts(node, step, shapes, base.every.costs[node.path])):
            return Note("condition", "excluded by --where")
    return None


def _is_depthwise(node: Node, base: Count) -> bool:
    """Tell whether a convolution has filters for each channel alone."""
    if node.kind not in GROUPED:
        return node.kind in DEPTHWISE
    shapes = {name: _shape(name, base.trace) for name in _read(node)}
    groups = settled(node, base.case.given, shapes, {})["groups"]
    return bool(1 < groups == shapes[node.inputs[0]].channels)


def _fitted(node: Node, step: Step, origin: tuple[Node, Step], target: Target, home: Count) -> Replacement:
    """Return the replacement of a layer, or the layer and the reason; `origin` is the layer at home."""
    found = replacement(node, step, target)
    if found.node is node:
        return found
    new = found.node if step is origin[1] else replacement(*origin, target).node
    why = _unfit(new, *origin, home)
    return Replacement(node, why) if why else found


def _unfit(new: Node, old: Node, step: Step, home: Count) -> Note | None:
    """Return why a layer cannot take the place of another; None if it can."""
    kernel = getattr(new.layer, "kernel_size", None)
    if KINDS[new.kind].spatial and {*(kernel if isinstance(kernel, tuple) else (kernel,))} == {1}:
        return Note("pointwise", f"its kernel is 1×1; {new.kind} replaces larger ones only")
    names = {name: _shape(name, home.trace) for name in _read(old)}
    alone = Plan((new,), {name: exact_all(shape.dims) for name, shape in names.items()})
    try:
        made = trace(alone, names, _fitting(home.case.given, alone)).steps[new.path].shape
    except SpecError as error:
        return Note("impossible", error.problems[0].what)
    what = f"{new.kind} would output {render(made.dims)} instead of {render(step.shape.dims)}"
    return None if made.dims == step.shape.dims else Note("other-map", what)


def _read(node: Node) -> Iterator[str]:
    """Yield the paths whose shapes determine a layer: those it reads, and those that enter its templates."""
    yield from node.inputs
    frame = node.frame
    while frame:
        yield frame.entry
        frame = frame.outer


def _shape(name: str, traced: Trace) -> Shape:
    return traced.inputs[name] if name in traced.inputs else traced.steps[name].shape


def _first(traced: Trace) -> frozenset[str]:
    """Return the paths of the convolutions with no layer with weights before them."""
    plain, first = {*traced.inputs}, set[str]()
    for node, step in traced.items():
        if all(name in plain for name in node.inputs):
            weighs = any("weight" in leaf.tally.counts for leaf in step.leaves())
            (first if weighs else plain).add(node.path)
    return frozenset(first)


def _fitting(given: Given, network: Plan) -> dict[str, Mapping[str, Any]]:
    """Remove values of fields that a layer no longer has."""
    kinds = {node.path: own(type(node.layer)) for node in network.nodes}
    return {
        path: {name: value for name, value in values.items() if path not in kinds or name in kinds[path]}
        for path, values in given.items()
    }
