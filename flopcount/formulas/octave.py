"""Octave convolution: part of the channels at half the resolution.

What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.formulas.dims import Axes, Dim, scaled_down
from flopcount.formulas.needs import Need, divides, equal
from flopcount.formulas.pool import avg_pool
from flopcount.formulas.resample import interpolate
from flopcount.formulas.shape import Padding, Shape, Window
from flopcount.formulas.sliding import filters, followed
from flopcount.formulas.step import Part, Step, chain, composed
from flopcount.formulas.tally import Tally

_HALVES = "2 does not divide {1}, the size of an axis, so there is no map of half the resolution; choose an even one"
_MEET = "the coarse map, enlarged, has {} positions along an axis, and the fine map {}; pad so that they fit"


def octave_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    alpha_in: float = 0.5,
    alpha_out: float = 0.5,
    stride: Axes = 1,
    padding: Padding = "same",
    dilation: Axes = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Octave convolution: shares alpha of the channels live on a map of half the resolution.

        params = k²·M·N  (+ N with bias)
        MACs = k²·M·N · positions · (1 − ¾·α·(2 − α)) where both alphas are α

    Of four convolutions only that from the fine channels to the fine ones runs on
    the fine map: what goes down is average-pooled first, what goes up is enlarged
    afterwards. The shape is that of the fine map with all channels. The first
    layer of a network has alpha_in = 0, the last alpha_out = 0.

    Source: Chen et al., Drop an octave, ICCV 2019, eq. 4–5 and table 1.
    """
    window = Window(kernel_size, stride, padding, dilation)
    low_in, low_out = scaled_down(x.channels, alpha_in), scaled_down(out_channels, alpha_out)
    fine = x.resized(x.channels - low_in)
    coarse = x.resized(low_in, tuple(size // 2 for size in x.spatial)) if alpha_in else None
    high = _high(fine, coarse, window, channels=out_channels - low_out, bias=bias)
    parts = [Part("high", followed(high, norm, activation))]
    if alpha_out:
        low = _low(fine, coarse, window, channels=low_out, bias=bias)
        parts.append(Part("low", followed(low, norm, activation)))
    step = composed("OctaveConv", high.shape.resized(out_channels), *parts)
    halves = [divides(2, size, _HALVES) for size in x.spatial] if alpha_in or alpha_out else []
    return step._replace(needs=(*halves, *step.needs))


def _high(fine: Shape, coarse: Shape | None, window: Window, *, channels: Dim, bias: bool) -> Step:
    """Make the fine map, of the fine channels and of the coarse ones where there are some."""
    kept = filters(fine, window, channels=channels, bias=bias)
    if coarse is None:
        return composed("High", kept.shape, Part("high_to_high", kept))
    raised = chain(
        "Raised",
        coarse,
        ("low_to_high", partial(filters, window=window, channels=channels)),
        ("upsample", partial(interpolate, scale_factor=2)),
    )
    pairs = zip(raised.shape.spatial, kept.shape.spatial, strict=True)
    meet = tuple(equal(twice, size, _MEET) for twice, size in pairs)
    return composed("High", kept.shape, *raised.parts, Part("high_to_high", _added(kept, meet)))


def _low(fine: Shape, coarse: Shape | None, window: Window, *, channels: Dim, bias: bool) -> Step:
    """Make the coarse map, of the fine channels and of the coarse ones where there are some."""
    lowered = chain(
        "Lowered",
        fine,
        ("pool", partial(avg_pool, kernel_size=2)),
        ("high_to_low", partial(filters, window=window, channels=channels, bias=bias and coarse is None)),
    )
    if coarse is None:
        return lowered
    kept = filters(coarse, window, channels=channels, bias=bias)
    return composed("Low", kept.shape, *lowered.parts, Part("low_to_low", _added(kept)))


def _added(step: Step, needs: tuple[Need, ...] = ()) -> Step:
    """Add what another convolution gave."""
    return step._replace(tally=step.tally + Tally(add=step.shape.elements), needs=(*step.needs, *needs))
