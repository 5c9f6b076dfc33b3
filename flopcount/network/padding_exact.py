"""Exact counts of window positions that fall on the map, not on padding.

A window of size k visits O positions along an axis of size n. Of its O·k elements, those at
o·stride − before + t·dilation in [0, n) fall on the map.
"""

from collections.abc import Iterable, Mapping
from math import gcd
from typing import Any

from flopcount.errors import UsageError
from flopcount.formulas.numbers import Dim, product, remainder, total, where
from flopcount.formulas.step import Step

PADDING_EXACT: Mapping[str, str] = {
    "conv_mac_valid": "multiply-accumulates of convolutions, without those on padding",
    "avg_pool_valid": "elements added by average pools, without padding",
    "max_pool_valid": "elements compared by max pools, without padding",
    "global_pool_valid": "elements of the windows of global and adaptive pools, which may overlap",
    "global_max_pool_valid": "elements of the windows of global and adaptive max pools, which may overlap",
}
"""Names a convention may weigh in addition to the tally; computed only for a convention that does."""

_OF: Mapping[str, str] = {
    "conv_mac_valid": "conv_mac",
    "avg_pool_valid": "avg_pool_window",
    "max_pool_valid": "max_pool_window",
    "global_pool_valid": "global_pool_in",
    "global_max_pool_valid": "global_max_pool_in",
}
_PLAIN = frozenset(
    ("Conv", "DepthwiseConv", "GroupConv", "ConvTranspose", "AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
)
"""Steps in which all window elements are treated alike."""

MOST_STOPS = 64
"""Adaptive pools with more outputs per axis are counted at one input only."""

_ONE_BY_ONE = "a convention that excludes padding counts one input at a time; count without a sweep"


def padding_exact(step: Step, names: Iterable[str]) -> dict[str, Dim]:
    """Return some of the PADDING_EXACT counts of a step without parts."""
    return {name: _exact(step, _OF[name]) for name in names if _OF[name] in step.tally.counts}


def _exact(step: Step, name: str) -> Dim:
    count, slide = step.tally.counts[name], step.slide
    if slide is None or step.kind not in _PLAIN:
        return count
    if slide.window is None:
        return count // product(slide.map) * product(map(_fitted, slide.map, slide.stops))
    if not all(isinstance(number, int) for number in [*slide.map, *slide.stops, *step.kernel, count]):
        raise UsageError(_ONE_BY_ONE)
    taps = product((*slide.stops, *step.kernel))
    axes: Any = slide.map, slide.stops, *slide.window.moves(len(slide.map)), slide.window.before(slide.map, slide.stops)
    return count // taps * product(map(_hits, *axes)) if count != 0 else 0


def _fitted(size: Dim, stops: Dim) -> Dim:
    """Sum the windows from ⌊j·size/stops⌋ to ⌈(j + 1)·size/stops⌉; neighbors overlap at their borders."""
    if isinstance(size, int) and isinstance(stops, int):
        return size + stops - gcd(size, stops)
    if isinstance(stops, int) and stops <= MOST_STOPS:
        return total((size, *(where(remainder(size * border, stops), 1, 0) for border in range(1, stops))))
    raise UsageError(_ONE_BY_ONE)


def _hits(size: int, stops: int, kernel: int, stride: int, dilation: int, before: int) -> int:  # noqa: PLR0917  (an axis of a window)
    """Count the window elements along one axis that fall on it; the roles are swapped if that is faster."""
    if kernel > stops:
        kernel, dilation, stops, stride = stops, stride, kernel, dilation
    found = 0
    for tap in range(kernel):
        offset = tap * dilation - before
        first, last = max(0, -(offset // stride)), min(stops - 1, (size - 1 - offset) // stride)
        found += max(0, last - first + 1)
    return found
