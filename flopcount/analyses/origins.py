"""Where a number could come from: which conventions, at which inputs, give it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flopcount.analyses.counted import summed
from flopcount.analyses.figures import Figure
from flopcount.analyses.reconcile import side
from flopcount.counting.conventions import POLICIES, convention, mac_conventions
from flopcount.counting.folding import folded
from flopcount.counting.trace import Trace, trace
from flopcount.errors import BadInput
from flopcount.formulas.shape import Shape

SIZES = (128, 160, 192, 224, 240, 256, 288, 299, 320, 331, 384, 416, 448, 480, 512, 600, 608, 640)
"""Inputs that networks are counted at."""

MOST_COPIES = 1024
NEAREST = 5


class Origin(NamedTuple):
    """A way to come by a number: a convention, what has to be different, and how it prints."""

    convention: str
    change: str
    number: int
    rule: str


def origins(
    figure: Figure, traced: Trace, relatives: Callable[[], Mapping[str, Trace]], names: Sequence[str] | None = None
) -> list[Origin]:
    """Return the ways to come by a figure, the simplest that there are.

    It is tried as it is, twice and half of that, folded, as a batch, at other inputs and,
    last, with the `relatives` of the network, which are loaded only then. `names`
    are the conventions to look at, all that are known where not given.
    """
    totals = numbers(traced, names)
    for found in (
        _plain(figure, totals),
        _params(figure, traced),
        _scaled(figure, totals),
        _folded(figure, traced, names),
        _copies(figure, totals),
        _resized(figure, traced, names),
        _related(figure, relatives, names),
    ):
        listed = [*found]
        if listed:
            return [*_grouped(listed)]
    return []


def _grouped(found: Iterable[Origin]) -> Iterator[Origin]:
    """Put conventions together that come to one number in one way."""
    groups: dict[tuple[str, ...], list[Origin]] = {}
    for each in found:
        groups.setdefault((each.change, str(each.number)), []).append(each)
    for same in groups.values():
        yield same[0]._replace(convention=", ".join(each.convention for each in same))


def numbers(traced: Trace, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return what each convention makes of a network."""
    return {name: side(traced, convention(macs=name)).total for name in names or mac_conventions()}


def nearest(figure: Figure, totals: Mapping[str, int]) -> list[str]:
    """Return the conventions whose numbers are nearest."""
    return sorted(totals, key=lambda name: abs(totals[name] - figure.value))[:NEAREST]


def _plain(figure: Figure, totals: Mapping[str, int], change: str = "") -> Iterator[Origin]:
    for name, number in totals.items():
        rule = figure.printed(number)
        if rule:
            yield Origin(name, change, number, rule)


def _params(figure: Figure, traced: Trace) -> Iterator[Origin]:
    for policy in POLICIES:
        rule = convention(policy)
        number = summed(side(traced, rule).trace, rule).params
        printed = figure.printed(number)
        if printed:
            yield Origin("macs", f"the params, as --params {policy} counts them", number, printed)


def _scaled(figure: Figure, totals: Mapping[str, int]) -> Iterator[Origin]:
    yield from _plain(figure, {name: 2 * number for name, number in totals.items()}, "twice, as FLOPs of MACs")
    even = {name: number // 2 for name, number in totals.items() if number % 2 == 0}
    yield from _plain(figure, even, "half, as MACs of FLOPs")


def _folded(figure: Figure, traced: Trace, names: Sequence[str] | None) -> Iterator[Origin]:
    """Try the deployed network, whose batch norms are biases."""
    yield from _plain(figure, numbers(folded(traced), names), "batch norms folded")


def _copies(figure: Figure, totals: Mapping[str, int]) -> Iterator[Origin]:
    """Try a batch: an exact figure that is a number so many times."""
    for name, number in totals.items():
        copies = figure.value // number if number else 0
        if 1 < copies <= MOST_COPIES and copies * number == figure.value and figure.printed(figure.value) == "exact":
            yield Origin(name, f"{copies} inputs at once", figure.value, "exact")


def _related(
    figure: Figure, relatives: Callable[[], Mapping[str, Trace]], names: Sequence[str] | None
) -> Iterator[Origin]:
    for name, traced in relatives().items():
        yield from _plain(figure, numbers(traced, names), f"of {name}")


def _resized(figure: Figure, traced: Trace, names: Sequence[str] | None) -> Iterator[Origin]:
    x = traced.input
    for size in SIZES:
        if not x.spatial or all(size == each for each in x.spatial):
            continue
        other = _at(traced, x.resized(spatial=(size,) * len(x.spatial)))
        if other is not None:
            yield from _plain(figure, numbers(other, names), f"--input {size}")


def _at(traced: Trace, x: Shape) -> Trace | None:
    """Count at another input; None where the network does not take it."""
    try:
        return trace(traced.plan, x)
    except BadInput:
        return None
