"""What a network costs, beside what it would with standard convolutions."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flopcount.errors import UsageError
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.network.convention import Convention
from flopcount.network.plan import Given, Node, Plan
from flopcount.network.substitute import standardised
from flopcount.network.trace import Trace, fields, trace
from flopcount.spec.fields import Layer

WEIGHTS = ("weight", "rnn_weight")
"""What makes a layer one with weights."""


class Cost(NamedTuple):
    """Parameters and multiply–accumulates."""

    params: int
    macs: int

    def ratios(self, base: "Cost") -> dict[str, float | None]:
        """Return this cost over another; None where the other is nothing."""
        return {"params": ratio(self.params, base.params), "macs": ratio(self.macs, base.macs)}


class Counted(NamedTuple):
    """A network at one input under one convention.

    Where operators are `unknown`, each with how often it occurs, the totals are at least so much.
    """

    trace: Trace
    standard: Trace | None
    convention: Convention
    total: Cost
    standard_total: Cost | None
    notes: tuple[str, ...] = ()
    unknown: Mapping[str, int] = {}

    def cost(self, step: Step) -> Cost:
        """Return what a step costs under the convention."""
        return cost(step, self.convention)

    @property
    def weighted_layers(self) -> int:
        """How many layers have weights, the parts of a composition each counted."""
        return sum(
            not leaf.tally.counts.keys().isdisjoint(WEIGHTS)
            for step in self.trace.steps.values()
            for leaf in step.leaves()
        )


def counted(
    network: Plan, x: Shape | Mapping[str, Shape], convention: Convention, given: Given | None = None
) -> Counted:
    """Count a network at one input, and what it would cost with standard convolutions.

    `given` is what is not in the file, as path → field → value.
    """
    traced = trace(network, x, given)
    plan = standardised(traced)
    standard = trace(plan, x, given) if plan else None
    if convention.folds:
        from flopcount.network.folding import folded

        traced, standard = folded(traced), folded(standard) if standard else None
    convention = batched(convention, traced)
    against = summed(standard, convention) if standard else None
    result = Counted(traced, standard, convention, summed(traced, convention), against)
    return result._replace(notes=tuple(_vanished(result, given)))


def batched(convention: Convention, traced: Trace) -> Convention:
    """Return the convention as it is for the batch of a trace: the axes that the file's input does not have."""
    copies = traced.input.dims[: len(traced.input.dims) - len(traced.plan.input)]
    if convention.batch == "counted" or not copies:
        return convention
    batch = copies[0]
    if not isinstance(batch, int):
        raise UsageError(f"{convention.name} does not count a batch as it is; leave the batch a plain number")
    return convention.at_batch(batch)


def ratio(part: int, whole: int) -> float | None:
    """Divide; None where there is nothing to divide by."""
    return part / whole if whole else None


def cost(step: Step, convention: Convention) -> Cost:
    """Return what a step costs under a convention."""
    return Cost(_exact(convention.params_of(step)), _exact(convention.macs_of(step)))


def summed(traced: Trace, convention: Convention) -> Cost:
    """Return what all steps of a trace cost together."""
    costs = [cost(step, convention) for step in traced.steps.values()]
    return Cost(sum(each.params for each in costs), sum(each.macs for each in costs))


def _exact(count: object) -> int:
    if not isinstance(count, int):
        raise TypeError(f"an exact count is an int, not {type(count).__name__}")
    return count


def _vanished(result: Counted, given: Given | None) -> Iterator[str]:
    """Say what of the figures comes from maps that the valid-round rule let vanish, and what is true."""
    gone = [node for node, step in result.trace.items() if _is_gone(step)]
    if not gone:
        return
    total, standard = result.total, result.standard_total
    phantom = _within(result.trace, gone, result.convention)
    says = (
        f'padding = "valid-round": the maps have vanished from {gone[0].path} on '
        f"(sizes {', '.join(_size(result.trace.steps[node.path]) for node in gone)}), "
        f"so {_share(phantom, total.macs)} as specified"
    )
    if standard and result.standard:
        phantom = _within(result.standard, gone, result.convention)
        says += f" and {_share(phantom, standard.macs)} with standard convolutions"
    yield f"{says} come from maps that do not exist. {_truth(result, given)}"


def _is_gone(step: Step) -> bool:
    return any(isinstance(size, int) and size < 1 for size in step.shape.spatial)


def _size(step: Step) -> str:
    sizes = [*dict.fromkeys(step.shape.spatial)]
    return "×".join(map(str, sizes))


def _within(traced: Trace, nodes: list[Node], convention: Convention) -> int:
    return sum(cost(traced.steps[node.path], convention).macs for node in nodes)


def _share(part: int, whole: int) -> str:
    return f"{part} of the {whole} MACs ({part / whole:.1%})" if whole else f"{part} of {whole} MACs"


def _truth(result: Counted, given: Given | None) -> str:
    """Say what the same network costs where no map vanishes."""
    network = result.trace.plan.mapped(_padded_same)
    true = counted(network, result.trace.inputs, result.convention, given)
    text = f'With padding = "same" the true figures are {true.total.macs} MACs as specified'
    if true.standard_total is None:
        return f"{text}."
    against = ratio(true.total.macs, true.standard_total.macs)
    return f"{text}, {true.standard_total.macs} with standard convolutions, ratio {against}."


def _padded_same(layer: Layer) -> Layer:
    return layer.model_copy(update={"padding": "same"}) if fields(layer).get("padding") == "valid-round" else layer
