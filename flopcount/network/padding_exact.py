"""Taps that fall on the map: what a window meets where padding is not counted.

A window of size k stops O times along an axis of size n. Of its O·k taps, those at
o·stride − before + t·dilation with 0 ≤ … < n meet something.
"""

from collections.abc import Callable, Iterable, Mapping
from math import gcd

from flopcount.errors import UsageError
from flopcount.formulas.numbers import Dim, product, remainder, total, where
from flopcount.formulas.shape import Slide, Window, pads, per_axis
from flopcount.formulas.step import Step

INSIDE: Mapping[str, str] = {
    "conv_mac_inside": "multiply-accumulates of convolutions, without those that meet padding",
    "avg_pool_inside": "elements added by average pools, without padding",
    "max_pool_inside": "elements compared by max pools, without padding",
    "global_pool_inside": "elements of the windows of global and adaptive pools, which may overlap",
    "global_max_pool_inside": "elements of the windows of global and adaptive max pools, which may overlap",
}
"""What a convention may weigh beside the vocabulary of tallies; it is worked out where one does."""

_OF: Mapping[str, str] = {
    "conv_mac_inside": "conv_mac",
    "avg_pool_inside": "avg_pool_window",
    "max_pool_inside": "max_pool_window",
    "global_pool_inside": "global_pool_in",
    "global_max_pool_inside": "global_max_pool_in",
}
_PLAIN = frozenset(
    ("Conv", "DepthwiseConv", "GroupConv", "ConvTranspose", "AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
)
"""Steps whose every tap does the same."""


MOST_STOPS = 64
"""Adaptive pools of larger maps are counted at one input only."""

_ONE_BY_ONE = "a convention that looks into windows counts one input at a time; count without a sweep"


def inside(step: Step, names: Iterable[str]) -> dict[str, Dim]:
    """Return what a step without parts does inside its map, by some names of INSIDE."""
    return {name: _inside(step, _OF[name]) for name in names if _OF[name] in step.tally.counts}


def _inside(step: Step, name: str) -> Dim:
    count, slide = step.tally.counts[name], step.slide
    if slide is None or step.kind not in _PLAIN:
        return count
    if slide.window is None:
        return count // product(slide.map) * product(map(_fitted, slide.map, slide.stops))
    numbers = [*slide.map, *slide.stops, *step.kernel, count]
    if not all(isinstance(number, int) for number in numbers):
        raise UsageError(_ONE_BY_ONE)
    taps = product((*slide.stops, *step.kernel))
    return count // taps * product(map(_hits, *_axes(slide, slide.window, step.kernel))) if count != 0 else 0


def _fitted(size: Dim, stops: Dim) -> Dim:
    """Sum windows that reach from ⌊j·size/stops⌋ to ⌈(j + 1)·size/stops⌉: neighbours share what is on their border."""
    if isinstance(size, int) and isinstance(stops, int):
        return size + stops - gcd(size, stops)
    if isinstance(stops, int) and stops <= MOST_STOPS:
        return total((size, *(where(remainder(size * border, stops), 1, 0) for border in range(1, stops))))
    raise UsageError(_ONE_BY_ONE)


def _axes(slide: Slide, window: Window, kernel: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], ...]:
    """Return the sizes of the map, stops, kernel, stride, dilation and padding before, axis by axis."""
    count = len(slide.map)
    stride = per_axis(window.stride, count, "stride")
    dilation = per_axis(window.dilation, count, "dilation")
    rule = window.padding
    if isinstance(rule, str):
        before = tuple(map(_SAME, slide.map, slide.stops, kernel, stride, dilation)) if rule == "same" else (0,) * count
    else:
        before = tuple(pad for pad, _ in pads(rule, count))
    return slide.map, slide.stops, kernel, stride, dilation, before


def _same(size: int, stops: int, kernel: int, stride: int, dilation: int) -> int:
    """Return the padding before, where the map is padded so that every stride has its stop."""
    return max((stops - 1) * stride + dilation * (kernel - 1) + 1 - size, 0) // 2


_SAME: Callable[..., Dim] = _same


def _count(size: int, stops: int, kernel: int, stride: int, dilation: int, before: int) -> int:  # noqa: PLR0917  (an axis of a window)
    """Count the taps along one axis that fall on it; stops and taps may change places, so the fewer are walked."""
    if kernel > stops:
        kernel, dilation, stops, stride = stops, stride, kernel, dilation
    found = 0
    for tap in range(kernel):
        offset = tap * dilation - before
        first, last = max(0, -(offset // stride)), min(stops - 1, (size - 1 - offset) // stride)
        found += max(0, last - first + 1)
    return found


_hits: Callable[..., Dim] = _count
