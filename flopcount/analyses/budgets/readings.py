"""What a network costs at one point: a choice of input, width and variant."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from typing import NamedTuple

from flopcount.analyses.counted import Cost, cost
from flopcount.counting.conventions import Convention, convention
from flopcount.counting.folding import folded
from flopcount.counting.frames import Given
from flopcount.counting.inputs import input_shapes
from flopcount.counting.plan import Plan, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.counting.trace import Trace, trace
from flopcount.errors import BadInput, Place
from flopcount.files.specs import Spec, validated
from flopcount.schema.budget import When


class Point(NamedTuple):
    """Where a network is counted; what is not given is as the file has it."""

    input: str | None = None
    width: str | None = None
    variant: str | None = None

    def __str__(self) -> str:
        """Write the point as the options that lead to it."""
        given = {"--input": self.input, "--width": self.width, "--variant": self.variant}
        return " ".join(f"{option} {value}" for option, value in given.items() if value)


def points(when: When) -> list[Point]:
    """Return every combination of what a rule says about inputs, widths and variants."""
    return [Point(*each) for each in product(when.input or (None,), when.width or (None,), when.variant or (None,))]


class Reading(NamedTuple):
    """What each layer costs at a point, with its kind and its place in the file."""

    costs: Mapping[str, Cost]
    kinds: Mapping[str, str]
    places: Mapping[str, Place]
    input: str

    def total(self, paths: Iterable[str] | None = None) -> Cost:
        """Return what some layers cost together, or all of them."""
        chosen = [self.costs[path] for path in (self.costs if paths is None else paths)]
        return Cost(sum(each.params for each in chosen), sum(each.macs for each in chosen))


def reading(spec: Spec, point: Point, params: str = "trainable") -> Reading:
    """Count a network at a point; errors are those of `flopcount ARCH` with the same options."""
    return read(walked(spec, point), convention(params))


def totals(spec: Spec) -> Callable[[Point, str], Cost | None]:
    """Return what a network costs at any point under a convention; None where it cannot be counted."""
    walking = walker(spec)

    def total(point: Point, params: str) -> Cost | None:
        try:
            return read(walking(point)[0], convention(params)).total()
        except BadInput:
            return None

    return cache(total)


def walked(spec: Spec, point: Point) -> Trace:
    """Walk a network at a point."""
    return walk(spec, point)[0]


def walk(spec: Spec, point: Point) -> tuple[Trace, Given]:
    """Walk a network at a point; return what was given from outside too."""
    return walker(spec)(point)


def walker(spec: Spec) -> Callable[[Point], tuple[Trace, Given]]:
    """Return what walks a network at any point, planning it once for each variant."""

    @cache
    def planned(variant: str | None) -> tuple[Spec, Plan]:
        chosen = validated(spec.source, (), variant) if variant else spec
        return chosen, plan(chosen.arch)

    def walking(point: Point) -> tuple[Trace, Given]:
        chosen, network = planned(point.variant)
        given = scaled(network, chosen.arch.scaling, width_ratio(point.width)) if point.width else {}
        return trace(network, input_shapes(network.inputs, point.input), given), given

    return walking


def read(traced: Trace, rule: Convention) -> Reading:
    """Weigh every layer of a trace."""
    traced = folded(traced) if rule.folds else traced
    return Reading(
        {path: cost(step, rule) for path, step in traced.steps.items()},
        {node.path: node.kind for node in traced.plan.nodes},
        {node.path: node.place for node in traced.plan.nodes},
        ", ".join("x".join(map(str, shape.dims)) for shape in traced.inputs.values()),
    )


def measure(metric: str, total: Cost, bits: int = 32) -> int:
    """Return one number of a cost: FLOPs are two to a MAC, bytes are whole."""
    return {
        "params": total.params,
        "macs": total.macs,
        "flops": 2 * total.macs,
        "weight_bytes": -(-total.params * bits // 8),
    }[metric]


def under(pattern: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the blocks and layers whose path matches a pattern, name for name, with the layers under each."""
    names = pattern.split(".")
    found: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split(".")
        head = parts[: len(names)]
        if len(head) == len(names) and all(map(fnmatchcase, head, names)):
            found.setdefault(".".join(head), []).append(path)
    return found
