"""The metrics of a layer, and how those of several layers combine."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flopcount.errors import UsageError
from flopcount.formulas.bits import FLOAT, Bits
from flopcount.formulas.numbers import Dim, exact, maximum, total
from flopcount.formulas.step import GROUPED_GRADIENT, INPUT_GRADIENTS, WEIGHT_GRADIENTS, Step
from flopcount.network.convention import FORWARD, Convention
from flopcount.network.memory import Style, Tensor, bytes_of, weight_bytes
from flopcount.spec.units import DEFAULT_METRICS

if TYPE_CHECKING:
    from flopcount.case import Count


class Site(NamedTuple):
    """A step at its place in a network: its bits, the distinct tensors it reads, and the network it is part of.

    `reads` is None for a view, which moves nothing, and for a step without a place.
    """

    step: Step
    rule: Convention
    bits: Bits = FLOAT
    reads: tuple[Tensor, ...] | None = None
    path: str = ""
    network: "Count | None" = None

    @property
    def forward(self) -> Dim:
        """The count of the forward pass."""
        return self.rule.macs_of(self.step, FORWARD)

    @property
    def saved(self) -> Dim:
        """The bytes that it keeps for the backward pass."""
        return self.network.saved[self.path] if self.network else 0

    @property
    def recomputed(self) -> Dim:
        """The count of the forward pass, if that is done again."""
        return self.forward if self.network and self.path in self.network.recomputed else 0

    @property
    def optimizer_bytes(self) -> Dim:
        """The bytes that an optimizer keeps for its params."""
        from flopcount.network.optimizers import optimizer_bytes

        return optimizer_bytes(self.step, self.network.optimizer, self.bits) if self.network else 0

    @property
    def weights(self) -> Dim:
        """The bytes of its params."""
        rule = self.rule.parameters
        return total(weight_bytes(leaf, rule.at(leaf), self.bits) for leaf in self.step.leaves())

    @property
    def written(self) -> Dim:
        """The bytes of what it writes."""
        return bytes_of(self.step.shape.elements, self.bits.activations)

    @property
    def traffic(self) -> Dim:
        """The bytes of its params, of what it reads and of what it writes."""
        moved = () if self.reads is None else (*(tensor.size for tensor in self.reads), self.written)
        return total((self.weights, *moved))

    def products(self) -> Iterator[tuple[Dim, int, int, Step]]:
        """Yield the MACs of each leaf, the bits of their two factors, and the leaf.

        A convention in FLOPs decides which products count; each is one MAC. The factors are the weights and what the
        layer reads, or twice what it reads in products of matrices.
        """
        read = max((tensor.bits for tensor in self.reads or ()), default=self.bits.activations)
        for leaf in self.step.leaves():
            weights = self.rule.operations.at(leaf)
            for name, count in leaf.tally.counts.items():
                if name.endswith("_mac") and weights.get(name):
                    factors = (1, 1) if name == "binary_mac" else (self._factor(name, read), read)
                    yield count * (weights[name] if self.rule.unit == "MAC" else 1), *factors, leaf
            read = self.bits.activations

    def _factor(self, name: str, read: int) -> int:
        return read if name == "matmul_mac" else self.bits.of("rnn_weight" if name == "rnn_mac" else "weight")

    def alive(self, style: Style) -> Dim:
        """Return the bytes that are alive while it runs."""
        return self.network.lifetimes(style).alive[self.path] if self.network else 0


class Metric(NamedTuple):
    """One number of a layer, and how the layers of a network combine.

    `name` is its word in options, columns, JSON and budgets; `title` heads its column. `needs` tells what a
    layer's number follows from: the step alone, its bits too, or its place in the network. A metric of the `whole`
    network has no expression: it is computed from integers, of one network at a time; layers may have it or not.
    One that `is_plain` has none either.
    """

    name: str
    title: str
    unit: Literal["count", "bytes", "ratio", "axes"]
    of: Callable[[Site], Any]
    combine: Literal["sum", "max", "none"] = "sum"
    needs: Literal["step", "bits", "place"] = "step"
    whole: "Callable[[Count], Any] | None" = None
    is_plain: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether it is an expression of sizes."""
        return self.combine != "none" and not self.is_plain

    def combined(self, values: Iterable[Any]) -> Any:
        """Combine the values of layers; 0 for none, None if only the network has a value."""
        if self.combine == "none":
            return None
        return sum(values) if self.combine == "sum" else max(values, default=0)

    def addends(self, sites: Iterable[Site]) -> tuple[Dim, ...]:
        """Return numbers or expressions whose sum is the value of several layers together."""
        if not self.is_closed:
            what = "is a function of the whole network" if self.combine == "none" else "is not a polynomial of sizes"
            raise UsageError(
                f"{self.name} {what}, so it has no closed form; flopcount sweep counts it at each candidate"
            )
        values = tuple(self.of(site) for site in sites)
        return values if self.combine == "sum" else (reduce(maximum, [*values, 0]),)


def _peak(name: str, title: str, style: Style) -> Metric:
    return Metric(name, title, "bytes", lambda site: site.alive(style), "max", "place")


def _summed(name: str, title: str, of: Callable[[Site], int]) -> Metric:
    """Return a metric that adds up, of integers only."""
    return Metric(name, title, "count", of, "sum", "place", is_plain=True)


def _receptive(what: str, title: str, whole: "Callable[[Count], Any] | None" = None) -> Metric:
    """Return a metric of the positions of a map, which has a number for each axis."""

    def of(site: Site) -> Any:
        return getattr(site.network.fields, what)(site.path) if site.network else None

    name = "receptive_field" if what == "size" else f"receptive_{what}"
    return Metric(name, title, "axes", of, "none", "place", whole=whole)


def _head(count: "Count") -> int:
    from flopcount.network.arena import head

    return head(count.arena)


def _intensity(macs: Any, traffic: Any) -> float | None:
    return macs / traffic if isinstance(traffic, int) and traffic else None


def _gradients(entries: Container[str], site: Site) -> Dim:
    return site.rule.macs_of(site.step, entries)


def _bit_ops(site: Site) -> Dim:
    """Multiply the bits of both factors of each MAC: HAWQ-V3 (Yao et al., 2021), Bayesian Bits (van Baalen et al.)."""
    return total(macs * (one * other) for macs, one, other, _ in site.products())


def _bit_ops_uniq(site: Site) -> int:
    """Count a multiplier and an adder wide enough for a sum over n·k² products: UNIQ, Baskin et al. 2018, section 4.2.

    Per MAC b_w·b_a + b_w + b_a + log2(n·k²), here with the logarithm rounded up, as bits are whole; all but the
    product is the width of the accumulator, unless the precision says another.
    """
    found = 0
    for macs, one, other, leaf in site.products():
        addends = exact(leaf.tally.counts.get("weight", 0)) // max(exact(leaf.shape.channels), 1)
        width = site.bits.accumulators or one + other + max(addends - 1, 0).bit_length()
        found += exact(macs) * (one * other + width)
    return found


def _bit_ops_words(site: Site) -> int:
    """Count 64 MACs of one bit as one operation, others as one each: Bi-Real Net, Liu et al. 2018, section 5.4."""
    found = [0, 0]
    for macs, one, other, _ in site.products():
        found[one == other == 1] += exact(macs)
    return found[0] + found[1] // 64


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("params", "params", "count", lambda site: site.rule.params_of(site.step)),
        Metric("macs", "MACs", "count", lambda site: site.rule.macs_of(site.step)),
        # two FLOPs for each MAC, or the number itself if the convention counts FLOPs
        Metric(
            "flops",
            "FLOPs",
            "count",
            lambda site: site.rule.macs_of(site.step) * (2 if site.rule.unit == "MAC" else 1),
        ),
        Metric("macs_forward", "forward", "count", lambda site: site.forward),
        *(
            Metric(name, title, "count", partial(_gradients, entries))
            for name, title, entries in (
                ("macs_input_gradient", "input gradient", INPUT_GRADIENTS),
                ("macs_weight_gradient", "weight gradient", {*WEIGHT_GRADIENTS, GROUPED_GRADIENT}),
            )
        ),
        Metric("macs_recomputed", "recomputed", "count", lambda site: site.recomputed, needs="place"),
        Metric("optimizer_bytes", "optimizer bytes", "bytes", lambda site: site.optimizer_bytes, needs="place"),
        Metric("saved_bytes", "saved bytes", "bytes", lambda site: site.saved, needs="place"),
        Metric("activations", "activations", "count", lambda site: site.step.shape.elements),
        Metric("weight_bytes", "weight bytes", "bytes", lambda site: site.weights, needs="bits"),
        Metric("activation_bytes", "activation bytes", "bytes", lambda site: site.written, needs="bits"),
        Metric("traffic", "traffic bytes", "bytes", lambda site: site.traffic, needs="place"),
        Metric(
            *("intensity", "MACs/byte", "ratio"),
            lambda site: _intensity(site.forward, site.traffic),
            *("none", "place"),
            whole=lambda count: _intensity(count.total_of("macs_forward"), count.total_of("traffic")),
        ),
        Metric("bit_ops", "bit operations", "count", _bit_ops, needs="place"),
        _summed("bit_ops_uniq", "bit operations (UNIQ)", _bit_ops_uniq),
        _summed("bit_ops_words", "operations (Bi-Real Net)", _bit_ops_words),
        _receptive("size", "receptive field", lambda count: count.fields.size(count.fields.last)),
        _receptive("stride", "receptive stride"),
        _receptive("offset", "receptive offset"),
        _peak("peak", "peak bytes", Style()),
        _peak("peak_unfused", "peak bytes, unfused", Style(fused=False)),
        _peak("peak_inplace", "peak bytes, in place", Style(in_place=True)),
        _peak("peak_unfused_inplace", "peak bytes, unfused, in place", Style(fused=False, in_place=True)),
        Metric(*("arena", "arena bytes", "bytes", lambda _: None, "none", "place"), whole=_head),
    )
}
"""Every metric by name. A new one needs a row here, its getter, and its meaning in `flopcount.spec.units`."""


class Cost(dict[str, int]):
    """Values by the name of the metric; `cost.macs` is `cost["macs"]`."""

    def __getattr__(self, name: str) -> int:
        """Return the value of a metric."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def ratios(self, base: "Cost") -> dict[str, float | None]:
        """Return this cost divided by another, metric by metric; None where the other is zero."""
        return {name: ratio(value, base[name]) for name, value in self.items()}


def ratio(part: int, whole: int) -> float | None:
    """Divide; None if there is nothing to divide by."""
    return part / whole if whole else None


def cost(site: Site, metrics: Sequence[str] = DEFAULT_METRICS) -> Cost:
    """Return the metrics of a layer."""
    found: dict[str, Any] = {name: METRICS[name].of(site) for name in metrics}
    known = {name: value for name, value in found.items() if value is not None}
    return Cost({name: value if METRICS[name].unit == "ratio" else exact(value) for name, value in known.items()})


def combined(costs: Iterable[Cost], metrics: Sequence[str] = DEFAULT_METRICS) -> Cost:
    """Return the metrics of several layers together; those of a whole network alone are left out."""
    costs, known = [*costs], [METRICS[name] for name in metrics if METRICS[name].combine != "none"]
    return Cost({metric.name: metric.combined(each[metric.name] for each in costs) for metric in known})
