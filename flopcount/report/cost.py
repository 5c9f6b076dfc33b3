"""Costs as columns, cells and facts, for any metrics and any number of alternatives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.case import Case, Count
from flopcount.errors import listed
from flopcount.network.convention import Convention
from flopcount.network.metrics import METRICS, Cost, Metric, ratio
from flopcount.network.trace import Trace
from flopcount.report.table import Column, Form, Line, shape_text
from flopcount.spec.units import DEFAULT_METRICS

WEIGHED = {name for name, metric in METRICS.items() if metric.needs != "step" and metric.unit != "axes"}
"""The metrics that follow from the precision."""


class Costs(NamedTuple):
    """The metrics of a report, named and titled as the convention has them.

    One of them is the `headline`, which is what the convention counts: the keys of its ratio, share and
    savings have no prefix.
    """

    metrics: tuple[Metric, ...]
    headline: Metric

    @property
    def others(self) -> tuple[Metric, ...]:
        """The metrics beside the headline."""
        return tuple(each for each in self.metrics if each.name != self.headline.name)

    @property
    def counted(self) -> tuple[Metric, ...]:
        """The metrics beside parameters."""
        return tuple(each for each in self.metrics if each.name != "params")

    def key(self, metric: Metric, what: str, number: int | None = None) -> str:
        """Return the key of something derived from a metric: share, params_share, ratio_1, params_ratio_1."""
        name = what if metric.name == self.headline.name else f"{metric.name}_{what}"
        return name if number is None else f"{name}_{number}"

    def summed(self, part: Mapping[str, int]) -> Iterator[Metric]:
        """Yield the metrics of which something has a share."""
        return (each for each in self.metrics if each.combine == "sum" and each.name in part)

    def values(self, cost: Cost) -> dict[str, int]:
        """Return a cost by the keys of its columns."""
        keys = {each.name: "macs" if each.name == self.headline.name else each.name for each in self.metrics}
        return {name: cost[key] for name, key in keys.items() if key in cost}

    def shares(self, part: Mapping[str, int], whole: Mapping[str, int]) -> dict[str, float | None]:
        """Return the part of a whole, for each metric."""
        return {self.key(each, "share"): ratio(part[each.name], whole[each.name]) for each in self.summed(part)}

    def ratios(
        self, value: Mapping[str, int], base: Mapping[str, int], key: str = "{}_ratio"
    ) -> dict[str, float | None]:
        """Return one cost over another, for each metric."""
        shared = (each for each in self.metrics if each.name in value and each.name in base)
        return {key.format(each.name): ratio(value[each.name], base[each.name]) for each in shared}

    def columns(self, key: str = "{}", title: str = "{}") -> list[Column]:
        """Return a column of integers for each metric."""
        return [self.column(each, key.format(each.name), title.format(each.title)) for each in self.metrics]

    def column(self, metric: Metric, key: str, title: str, rank: int = 0) -> Column:
        """Return a column of integers, or of ratios, which do not add up."""
        form: Form = metric.unit if metric.unit in {"ratio", "axes"} else "count"
        return Column(key, title, form, metric.name, combines=metric.combine != "none", rank=rank)

    def alternative(self, number: int, value: Mapping[str, int], base: Mapping[str, int] | None) -> dict[str, Any]:
        """Return what an alternative costs, with its ratio to a base and what it saves."""
        cells: dict[str, Any] = {f"{name}_{number}": each for name, each in value.items()}
        if base is None:
            return cells
        for each in (each for each in self.metrics if each.name in base and each.name in value):
            before, after = base[each.name], value[each.name]
            cells[self.key(each, "ratio", number)] = ratio(after, before)
            cells[self.key(each, "saved", number)] = before - after
        return cells

    def ratio_columns(self) -> list[Column]:
        """Return a column for each metric, followed by its ratio to the first row."""
        columns = []
        for each in self.metrics:
            own, rank = self.column(each, each.name, each.title), 0 if each.name == self.headline.name else 2
            ratio = Column(f"{each.name}_ratio", f"{each.title} ratio", "ratio", each.name, rank=rank + 1)
            columns += [own._replace(rank=rank), ratio]
        return columns


def costs(convention: Convention, metrics: Sequence[str] = DEFAULT_METRICS) -> Costs:
    """Return how a report shows metrics; what the convention counts is `flops` under its own title if it is FLOPs."""
    headline = METRICS["macs"]._replace(name="flops" if convention.unit == "FLOP" else "macs", title=convention.word)
    own = {
        "macs": headline,
        headline.name: headline,
        "intensity": METRICS["intensity"]._replace(title=f"{convention.word}/byte"),
    }
    rows = [own.get(name, METRICS[name]) for name in metrics]
    return Costs(tuple(dict.fromkeys(rows)), headline)


def costs_of(count: Count) -> Costs:
    """Return how a report shows the metrics of a count."""
    return costs(count.convention, count.case.metrics)


def metrics_in(asked: str | None, *columns: str | None) -> tuple[str, ...]:
    """Return the default metrics, those that are asked for, and those that lists of columns name: `-flops_1`."""
    keys = [key.strip().lower().removeprefix("-") for text in columns if text for key in text.split(",")]
    named = [name.strip() for name in asked.split(",") if name.strip()] if asked else []
    found = {max((name for name in METRICS if _is_about(key, name)), key=len, default="params") for key in keys}
    return tuple(dict.fromkeys((*DEFAULT_METRICS, *named, *(name for name in METRICS if name in found))))


def _is_about(key: str, metric: str) -> bool:
    """Tell whether a column is a metric, or derived from one: flops_1, peak_ratio."""
    return key == metric or key.startswith(f"{metric}_")


def facts(result: Count, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what was counted as data: the network, its input, the convention, and changes to the file."""
    return {
        "arch": result.case.name,
        "input": inputs_data(result.trace),
        "convention": convention_facts(result.convention),
        **({"changes": changes} if changes else {}),
    }


def inputs_data(traced: Trace) -> Any:
    """Return the sizes of the input: a list, or lists by name if there are several inputs."""
    if len(traced.inputs) == 1:
        return [*traced.input.dims]
    return {name: [*shape.dims] for name, shape in traced.inputs.items()}


def convention_facts(convention: Convention) -> dict[str, str]:
    """Return the convention as data."""
    return {
        "name": convention.name,
        "unit": convention.unit,
        "headline": convention.headline,
        "word": convention.word,
        "params": convention.params_name,
        "macs_counted": convention.counts,
        "macs_not_counted": convention.leaves_out,
        "params_counted": convention.params_counts,
    }


def unknown_facts(result: Count) -> dict[str, Any]:
    """Return the operators that are not part of the totals."""
    return {"at_least": True, "unknown": dict(result.unknown)} if result.unknown else {}


def convention_line(convention: Convention, *cases: Case) -> Line:
    """Return the line that says what is counted, which every result has, and the precision of bytes."""
    weighed = [case for case in cases if {*case.metrics} & WEIGHED]
    words = listed(dict.fromkeys(map(_precision, weighed)), 3)
    return Line("convention", f"{convention.sentence()}{f' · precision: {words}' if words else ''}")


def _precision(case: Case) -> str:
    if case.precision is not None:
        return case.precision
    if case.plan.precision is not None:
        return "that of [precision]"
    return "that of the file" if case.plan.bits or any(node.bits for node in case.plan.nodes) else "float32"


def input_line(traced: Trace, changes: Mapping[str, Any] | None = None) -> Line:
    """Return the line with the input and the changes to the file, as options of the command line."""
    values = (
        (key, each)
        for key, value in (changes or {}).items()
        for each in (value if isinstance(value, list) else [value])
    )
    changed = "".join(f" · --{key}{'' if value is True else f' {value}'}" for key, value in values)
    return Line("text", f"input {shape_text(inputs_data(traced))}{changed}")


def key_in_flops(key: str) -> str:
    """Return the key of FLOPs for the same key of MACs."""
    return "_".join("flops" if part == "macs" else part for part in key.split("_"))


def in_macs(text: str | None, names: Mapping[str, str]) -> str | None:
    """Return a list of columns, which may have a minus, with the names that others stand for."""
    parts = [each.strip() for each in text.split(",")] if text else []
    keys = [each.removeprefix("-") for each in parts]
    written = (part.removesuffix(key) + names.get(key, key) for part, key in zip(parts, keys, strict=True))
    return ",".join(written) if text else text
