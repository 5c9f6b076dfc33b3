"""The case: a network at an input, batch, width, variant, settings and convention.

Every question is asked of a `Case`. It is the only place where a network, a point and a
convention meet, so the notes that qualify its numbers go wherever the numbers go.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import flopcount
from flopcount.errors import Note, SpecError, UsageError, listed, suggestion
from flopcount.formulas.bits import FLOAT, Bits
from flopcount.formulas.numbers import Dim, exact, exact_all, total
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.formulas.tensor import MOST_ORDERED, cheapest
from flopcount.network.convention import Convention, convention, own_conventions
from flopcount.network.doubts import doubts
from flopcount.network.inputs import checked_batch, input_shapes
from flopcount.network.memory import Lifetimes, Style, Tensor, precisions, reads, tensors_of
from flopcount.network.metrics import METRICS, Cost, Site, combined, cost, ratio
from flopcount.network.network import Network, Where
from flopcount.network.plan import MOST_LAYERS, MOST_VARIED, Given, Plan
from flopcount.network.trace import Trace, fields, trace
from flopcount.network.training import in_training, planned_for, recomputed, training_notes
from flopcount.network.transform import folded, scaled, standardized, width_ratio
from flopcount.readers.reference import Reference, content_read
from flopcount.spec.expression import Ratio
from flopcount.spec.fields import Layer
from flopcount.spec.load import Setting, setting
from flopcount.spec.source import Notation
from flopcount.spec.training import Training
from flopcount.spec.units import DEFAULT_METRICS, TRAINED

if TYPE_CHECKING:
    from flopcount.analyses.answers import Candidate, Comparison
    from flopcount.analyses.budgets.findings import Finding
    from flopcount.network.arena import Slot
    from flopcount.network.optimizers import Optimizer
    from flopcount.network.receptive import ReceptiveFields
    from flopcount.spec.precision import Precision

WEIGHTS = ("weight", "rnn_weight")
"""The tally entries of a layer with weights."""


ARGUMENTS = ("input", "batch", "width", "variant", "settings", "convention", "metrics", "precision", "training")
"""The arguments of a case beside its network."""


class Count:
    """The layers of a case and their costs: as specified, and with standard convolutions if that differs.

    If operators are `unknown` (each with its number of occurrences), totals are lower bounds.
    """

    def __init__(self, case: "Case", traced: Trace, rule: Convention) -> None:
        """Keep the trace; costs are computed when they are first asked for."""
        self.case, self.trace, self.convention = case, traced, rule
        self._known: dict[tuple[int, int], tuple[Step, Cost]] = {}
        self._needs = {METRICS[name].needs for name in case.metrics}

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that qualify these numbers."""
        is_seen = any(METRICS[name].unit == "axes" for name in self.case.metrics)
        return (*self.case.notes, *(self.fields.notes() if is_seen else ()))

    @property
    def unknown(self) -> Mapping[str, int]:
        """The operators that were skipped, each with its number of occurrences."""
        return self.case.plan.unknown

    @cached_property
    def standard(self) -> Trace | None:
        """The same network with standard convolutions throughout; None if it has no others."""
        standard = self.case.standard
        return folded(standard) if standard and self.convention.folds else standard

    @cached_property
    def bits(self) -> Mapping[str, Bits]:
        """The bits of each layer by path."""
        return precisions(self.trace.plan, self.trace, self.case.bits)

    @cached_property
    def fields(self) -> "ReceptiveFields":
        """The receptive fields of the layers."""
        from flopcount.network.receptive import ReceptiveFields

        return ReceptiveFields(self.trace)

    @cached_property
    def costs(self) -> Mapping[str, Cost]:
        """The cost of each layer by path."""
        if self.case.bits is not None:
            _ = self.bits  # a precision that makes no sense is an error, whatever is counted
        if "place" not in self._needs:
            return {path: self.cost(step, path) for path, step in self.trace.steps.items()}
        return {site.path: cost(site, self.case.metrics) for site in self.sites()}

    @cached_property
    def standard_costs(self) -> Mapping[str, Cost]:
        """The cost of each layer by path, with standard convolutions."""
        return self._others.costs if self._others else self.costs

    @cached_property
    def total(self) -> Cost:
        """The cost of the whole network."""
        whole = ((name, METRICS[name].whole) for name in self.case.metrics)
        found = {name: value for name, of in whole if of and (value := of(self)) is not None}
        return Cost({**combined(self.costs.values(), self.case.metrics), **found})

    @cached_property
    def standard_total(self) -> Cost | None:
        """The cost of the whole network with standard convolutions; None if it has no others."""
        return self._others.total if self._others else None

    @cached_property
    def _others(self) -> "Count | None":
        """The count with standard convolutions."""
        if self.standard is None:
            return None
        found = Count(self.case, self.standard, self.convention)
        found._known = self._known
        return found

    def total_of(self, metric: str) -> Any:
        """Return the total of one metric."""
        if metric in self.case.metrics:
            return METRICS[metric].combined(each[metric] for each in self.costs.values())
        return exact(total(self.addends(metric)))

    @cached_property
    def arena(self) -> "tuple[Slot, ...]":
        """The slots of the arena of TensorFlow Lite Micro."""
        from flopcount.network.arena import arena

        return arena(self.trace, self.bits, own=self.case.bits is None)

    @cached_property
    def saved(self) -> Mapping[str, Dim]:
        """The bytes that each layer keeps for the backward pass, by path; empty if the network is not trained."""
        from flopcount.network.saved import SavedTensors

        flow, training = self.trace.flow, self.case.training
        return SavedTensors(self.trace, flow, self.bits, training).sizes if flow and training else {}

    @cached_property
    def recomputed(self) -> frozenset[str]:
        """The layers of checkpoints, by path: all of a block to which a gradient comes back."""
        flow, training = self.trace.flow, self.case.training
        return recomputed(self.trace, flow, training) if flow and training else frozenset()

    @cached_property
    def optimizer(self) -> "Optimizer":
        """The optimizer."""
        from flopcount.network.optimizers import optimizer

        return optimizer(self.case.training.optimizer if self.case.training else None)

    @cached_property
    def every(self) -> "Count":
        """The same count with all metrics."""
        return self.case.at(metrics=self.case.known_metrics).count

    def addends(self, metric: str) -> tuple[Dim, ...]:
        """Return numbers or expressions whose sum is the total of a metric."""
        return METRICS[metric].addends(self.sites())

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Each input and what each layer writes, by name and path."""
        return tensors_of(self.trace, self.bits)

    @cached_property
    def lifetimes(self) -> Callable[[Style], Lifetimes]:
        """What returns the tensors, as a style of programs keeps them; computed once for each style."""
        return cache(partial(Lifetimes, self.trace, self.tensors))

    def sites(self) -> Iterator[Site]:
        """Yield every layer at its place."""
        read = reads(self.trace, self.tensors)
        for node, step in self.trace.items():
            yield Site(step, self.convention, self.bits[node.path], read(node), node.path, self)

    def cost(self, step: Step, path: str = "") -> Cost:
        """Return what a step costs wherever it stands, in the layer at a path; equal ones are computed once."""
        bits = self.bits[path] if path and self._needs != {"step"} else FLOAT
        known = self._known.get((id(step), id(bits)))
        if known is None:  # the step is kept too, so that its id stays its own
            metrics = [name for name in self.case.metrics if METRICS[name].needs != "place"]
            known = self._known[id(step), id(bits)] = step, cost(Site(step, self.convention, bits), metrics)
        return known[1]

    @property
    def weighted_layers(self) -> int:
        """The number of layers with weights; the parts of a composition count one each."""
        leaves = (leaf for step in self.trace.steps.values() for leaf in step.leaves())
        return sum(not leaf.tally.counts.keys().isdisjoint(WEIGHTS) for leaf in leaves)


class Case:
    """A network at a point, under a convention; immutable, everything else is derived on demand.

    `input` is text as `--input` takes it (`"160"`, `"3x160x160"`), a size or a list of sizes; `width` a
    multiplier as text or number; `settings` is a `KEY=VALUE` text as `--set` takes it, or several.

    Raises UsageError for an impossible point, FileError or SpecError for errors in the file.
    """

    is_derived = False
    """Whether the layers differ from the file's, whose [written] may then name missing layers."""

    def __init__(
        self,
        network: Network,
        *,
        input: str | int | Sequence[int] | None = None,  # noqa: A002  (the option's own name)
        batch: int | None = None,
        width: str | float | None = None,
        variant: str | None = None,
        settings: str | Iterable[str | Setting] = (),
        convention: Convention | str | None = None,
        metrics: str | Sequence[str] | None = None,
        precision: str | None = None,
        training: Training | bool | None = None,
    ) -> None:
        """Keep the point; nothing is read or computed yet."""
        self.network, self.variant = network, variant
        self.batch = None if batch is None else checked_batch(batch)
        sizes = (input,) if isinstance(input, str | int) else input
        self.input = None if sizes is None else "x".join(map(str, sizes))
        self.width = None if width is None else str(width)
        given = (settings,) if isinstance(settings, str) else settings
        self.settings = tuple(setting(each) if isinstance(each, str) else each for each in given)
        self.convention = _convention(convention)
        self.precision, self.training = precision, _training(training)
        metrics = metrics.split(",") if isinstance(metrics, str) else metrics
        self.metrics = tuple(metrics or (*DEFAULT_METRICS, *(self.training.metrics if self.training else ())))
        if lost := [] if self.training else [name for name in self.metrics if name in TRAINED]:
            raise UsageError(f"{lost[0]} is a number of training; add --training")
        if unknown := next((name for name in self.metrics if name not in METRICS), None):
            raise UsageError(f"there is no metric {unknown!r}; {suggestion(unknown, [*METRICS])}")

    @classmethod
    def of(
        cls, plan: Plan, x: Shape | Mapping[str, Shape], rule: Convention | None = None, given: Given | None = None
    ) -> "Case":
        """Return the case of given layers, at an input of this shape, or at several by name."""
        case = cls(Network.of(plan), convention=rule)
        inputs = {next(iter(plan.inputs)): x} if isinstance(x, Shape) else x
        case.__dict__ |= {"plan": plan, "inputs": inputs, "given": given or {}}
        return case

    def at(self, **changes: Any) -> "Case":
        """Return the same case with some of its arguments changed, such as `case.at(input=160)`.

        Raises UsageError for another point of a case whose layers are not those of its file.
        """
        if "training" in changes and "metrics" not in changes:
            own = [name for name in self.metrics if name not in TRAINED]
            changes["metrics"] = (*own, *(asked.metrics if (asked := _training(changes["training"])) else ()))
        names = (*ARGUMENTS, "network")
        other = Case(**{**{name: getattr(self, name) for name in names}, **changes})
        if changes.keys() <= {"convention", "metrics", "precision", "training"}:  # the same layers
            walked = () if "training" in changes else ("trace", "standard")
            known = ("plan", "inputs", "given", "is_derived", *walked)
            other.__dict__ |= {name: self.__dict__[name] for name in known if name in self.__dict__}
        elif self.is_derived:
            raise UsageError(f"{self.name}: its layers were changed, so they cannot be read at another point")
        return other

    def __reduce__(self) -> "tuple[partial[Case], tuple[()]]":
        """Pickle the arguments, from which another process derives everything else."""
        return partial(Case, **{name: getattr(self, name) for name in (*ARGUMENTS, "network")}), ()

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute once: a case is immutable."""
        if name in self.__dict__:
            raise AttributeError(f"a case is immutable; case.at({name}=…) returns another")
        super().__setattr__(name, value)

    def compare(self, *others: "Case") -> "tuple[Comparison, ...]":
        """Return the totals of this case and others, with ratios to this one."""
        return flopcount.compare(self, *others)

    def check(self, **limits: Any) -> "tuple[Finding, ...]":
        """Return a finding for each limit that is broken: `case.check(macs="600M")`, or those in the file."""
        return flopcount.check_case(self, **limits)

    def sweep(self, **axes: Any) -> "tuple[Candidate, ...]":
        """Count every combination of some arguments: `case.sweep(input=[160, 224], width=[0.5, 1])`."""
        return flopcount.sweep(self, **axes)

    def with_plan(self, plan: Plan, given: Given | None = None, inputs: Mapping[str, Shape] | None = None) -> "Case":
        """Return the case of other layers, such as those of a substitution, or at other inputs."""
        other = self.at()
        given, inputs = self.given if given is None else given, self.inputs if inputs is None else inputs
        for name in ("trace", "standard"):
            other.__dict__.pop(name, None)
        other.__dict__ |= {"plan": plan, "inputs": inputs, "given": given, "is_derived": True}
        return other

    @cached_property
    def plan(self) -> Plan:
        """The network's layers, read at this point."""
        return self.network.at(Where(self.input, self.batch, self.variant, self.settings)).plan

    @cached_property
    def bits(self) -> "Precision | None":
        """The bits of its numbers: as asked for, else as the file says; None for those of its layers."""
        if self.precision is None:
            return self.plan.precision
        from flopcount.spec.precision import parsed_precision

        return parsed_precision(self.precision)

    @property
    def known_metrics(self) -> tuple[str, ...]:
        """All metrics, those of training in training only."""
        return tuple(name for name in METRICS if self.training or name not in TRAINED)

    @property
    def name(self) -> str:
        """The name of the network at this point."""
        return self.plan.name

    @cached_property
    def given(self) -> Given:
        """The scaled channels, as path → field → value."""
        return {} if self.width is None else scaled(self.plan, self.plan.scaling, self.width_ratio)

    @property
    def width_ratio(self) -> Ratio:
        """The width multiplier as an exact fraction; 1 by default."""
        return width_ratio("1" if self.width is None else self.width)

    def check_varied(self, purpose: str, most: int = MOST_LAYERS) -> None:
        """Refuse a network of too many layers, or too many different ones, for what counts it more than once."""
        if len(self.plan.nodes) > most:
            raise UsageError(f"{self.name} has more than {most} layers, too many for {purpose}")
        if self.plan.is_varied:
            raise UsageError(f"{self.name} has more than {MOST_VARIED} different layers, too many for {purpose}")

    @cached_property
    def inputs(self) -> Mapping[str, Shape]:
        """The shape of each input."""
        asked = (None, self.plan.batch) if self.plan.sized else (self.input, self.batch)
        return input_shapes(self.plan.inputs, *asked, self.plan.tokens)

    @cached_property
    def trace(self) -> Trace:
        """A step for every node; a SpecError names every layer that is impossible at this point."""
        try:
            traced = self._walked(self.plan)
            if self.plan.implementation and not self.settings and not self.is_derived:
                _check_implementation(traced)
        except SpecError as error:
            raise SpecError(error.problems, self.plan.file() if self.plan.file else None) from None
        return traced

    @cached_property
    def standard(self) -> Trace | None:
        """The same network with standard convolutions throughout; None if it has no others."""
        plan = standardized(self.trace)
        return self._walked(plan) if plan else None

    def _walked(self, plan: Plan) -> Trace:
        """Return a step for every node of a plan, in training with the gradients."""
        if self.training is None:
            return trace(plan, self.inputs, self.given)
        return in_training(trace(planned_for(self.training, plan), self.inputs, self.given), self.training)

    @property
    def count(self) -> Count:
        """The cost of every layer; the same count as long as somebody has it, so that each cost is computed once."""
        known = self.__dict__.get("_count")
        count: Count | None = known and known()
        if count is None:
            traced = folded(self.trace) if self.convention.folds else self.trace
            rule = self.convention.in_training() if self.training else self.convention
            count = Count(self, traced, batched(rule, traced))
            self.__dict__["_count"] = ref(count)
        return count

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """The notes that qualify the numbers of this case."""
        return (
            *_skipped(self.plan),
            *self.plan.notes,
            *(training_notes(self.training, self.convention, self.metrics) if self.training else ()),
            *_vanished(self),
            *_unscaled(self),
            *doubts(self.plan, self.inputs, self.trace, is_read=not self.is_derived),
            *_warned(self),
            *(_unplanned(self) if "arena" in self.metrics else ()),
        )


def load(reference: str | Path, *, allow_unknown: bool = False, values: Sequence[str] = (), title: str = "") -> Network:
    """Return the network of an arch file, a model file of another tool, or a bundled network by name.

    Nothing is read yet: a FileError is raised by the first question. `allow_unknown`
    skips unsupported operators of a foreign model, whose totals are then lower bounds; `values` are those of
    inputs (`["sr=16000"]`); `title` is the file's name in messages.
    """
    reading = Reference(str(reference), title, allow_unknown=allow_unknown)
    return Network(title or str(reference), reading, Where(values=(*values,)))


def load_bytes(
    content: bytes,
    title: str = "<stdin>",
    notation: Notation | None = None,
    *,
    allow_unknown: bool = False,
    values: Sequence[str] = (),
) -> Network:
    """Return the network of a file's content, such as standard input or a file in git."""
    return Network(title, partial(content_read, content, title, notation, allow_unknown), Where(values=(*values,)))


def _training(given: Training | bool | None) -> Training | None:  # noqa: FBT001  (as it is given)
    found = Training() if given is True else given or None
    _ = found and found.details  # what cannot be written is refused
    return found


def _convention(given: Convention | str | None) -> Convention:
    return given if isinstance(given, Convention) else convention(macs=given or "macs")


def batched(rule: Convention, traced: Trace) -> Convention:
    """Return the convention for the batch of a trace: the axes that the file's input does not have."""
    copies = traced.input.dims[: len(traced.input.dims) - len(traced.plan.input)]
    if rule.batch == "counted" or not copies:
        return rule
    batch = copies[0]
    if not isinstance(batch, int):
        raise UsageError(f"{rule.name} divides by the batch; give the batch as a plain number")
    return rule.at_batch(batch)


def _check_implementation(traced: Trace) -> None:
    """Refuse entries of [written] that match no layer."""
    from flopcount.network.implementation import written_problems

    if problems := [*written_problems(traced.plan.implementation, traced.plan.nodes, traced.steps)]:
        raise SpecError(problems)


def notes_of(cases: Iterable[tuple[str, "Case"]]) -> tuple[Note, ...]:
    """Return the notes of several cases, one of each code; a note about the figures of one case says which."""
    found: dict[tuple[str, str], Note] = {}
    for label, case in cases:
        for each in case.notes:
            if each.code == "maps-vanished":
                found.setdefault((each.code, ""), each._replace(text=f"{label}: {each.text}"))
            else:
                found.setdefault(each, each)
    return tuple(found.values())


def _skipped(plan: Plan) -> Iterator[Note]:
    if plan.unknown:
        listed = ", ".join(f"{name} ({times}×)" for name, times in sorted(plan.unknown.items()))
        yield Note("operators-skipped", f"skipped unsupported operators: {listed}; totals are lower bounds")


def _unplanned(case: Case) -> Iterator[Note]:
    """Say what may need more of an arena than is known."""
    from flopcount.network.arena import is_series, schedule_of

    schedule = schedule_of(case.trace)
    apart = {step.kind: None for step in case.trace.steps.values() if not schedule and not is_series(step)}
    if lost := listed(schedule.unknown if schedule else apart, 5):
        why = "scratch buffers of {} are not known" if schedule else "what is kept between the parts of {} is not known"
        yield Note("arena-lower-bound", f"arena: {why.format(lost)}, so it is a lower bound")
    if schedule and schedule.offline is not None:
        taken = "the file brings its own plan, which is used: other tensors are placed around those that have a place"
        refused = "the file's own plan has not a place for every tensor, which TFLM refuses; the planner's is shown"
        yield Note("arena-offline", f"arena: {taken if schedule.offline else refused}")


def _unscaled(case: Case) -> Iterator[Note]:
    if case.given and case.plan.scaling is None and case.width_ratio != (1, 1):
        text = "the file has no [scaling]: channels times the width are rounded down to a whole number, at least 1"
        yield Note("width-unscaled", text)
    if case.width is not None and case.width_ratio != (1, 1) and not case.given:
        text = f"--width {case.width} changes nothing: no layer has out_channels that a width scales"
        yield Note("width-unchanged", text)


def _warned(case: Case) -> Iterator[Note]:
    """Yield what has to be known of the number of another counter, or of another order."""
    name = case.convention.name
    if name not in own_conventions() and any(getattr(node.layer, "proj_size", None) for node in case.plan.nodes):
        what = "an LSTM with proj_size, of which it may count another number (thop leaves the projection out)"
        yield Note("counter-unmeasured", f"{name} is reproduced as measured without {what}")
    yield from _reordered(case)


def _reordered(case: Case) -> Iterator[Note]:
    """Say what sums of products of three and more layers would cost in their cheapest order."""
    read = case.trace.shapes
    now = best = 0
    for node, step in case.trace.items():
        if step.kind == "Einsum" and 2 < len(node.inputs) <= MOST_ORDERED:  # noqa: PLR2004  (a pair has one order)
            dims = [exact_all(read[name].dims) for name in node.inputs]
            now += exact(step.tally.counts["matmul_mac"])
            best += cheapest(fields(node.layer)["equation"], dims)
    if best < now:
        how = "multiplied pairwise from the left, as torch does without opt_einsum"
        yield Note("einsum-order", f"sums of products are {how}: {now:,} MACs; the cheapest order takes {best:,}")


def _vanished(case: Case) -> Iterator[Note]:
    """Say how much of the figures comes from maps that vanish under valid-round, and give the true figures."""
    count = case.count
    gone = {path: step.shape.spatial for path, step in count.trace.steps.items() if vanishes(step)}
    if not gone:
        return
    sizes = ", ".join("×".join(map(str, dict.fromkeys(each))) for each in gone.values())
    says = (
        f'padding = "valid-round": the maps have vanished from {next(iter(gone))} on '
        f"(sizes {sizes}), so {_share(count.costs, gone, count.total.macs)} as specified"
    )
    if standard := count.standard_total:
        says += f" and {_share(count.standard_costs, gone, standard.macs)} with standard convolutions"
    yield Note("maps-vanished", f"{says} come from maps that do not exist. {_truth(case)}")


def vanishes(step: Step) -> bool:
    """Tell whether the output map of a step does not exist."""
    return any(isinstance(size, int) and size < 1 for size in step.shape.spatial)


def _share(costs: Mapping[str, Cost], paths: Iterable[str], whole: int) -> str:
    part = sum(costs[path].macs for path in paths)
    return f"{part} of the {whole} MACs ({part / whole:.1%})" if whole else f"{part} of {whole} MACs"


def _truth(case: Case) -> str:
    """Give the figures of the same network with `same` padding, under which no map vanishes."""
    try:
        true = case.with_plan(case.plan.mapped(_padded_same)).count
    except SpecError:
        return 'With padding = "same" the layers do not fit together, so there are no true figures.'
    text = f'With padding = "same" the true figures are {true.total.macs} MACs as specified'
    if true.standard_total is None:
        return f"{text}."
    against = ratio(true.total.macs, true.standard_total.macs)
    return f"{text}, {true.standard_total.macs} with standard convolutions, ratio {against}."


def _padded_same(layer: Layer) -> Layer:
    return layer.model_copy(update={"padding": "same"}) if fields(layer).get("padding") == "valid-round" else layer
