"""The width multiplier: scale channels by the file's rule."""

import re
from fractions import Fraction
from typing import Any

from flopcount.errors import UsageError
from flopcount.formulas import numbers as dims
from flopcount.formulas.numbers import Dim
from flopcount.network.plan import Node, Plan, needs_shapes
from flopcount.network.trace import fields
from flopcount.spec.expression import Ratio

_WIDTH = re.compile(r"[0-9]{1,9}(\.[0-9]{0,12})?|\.[0-9]{1,12}|[0-9]{1,9}/0*[1-9][0-9]{0,8}")

LARGEST = 1000
"""The largest width multiplier."""


def width_ratio(text: str) -> Ratio:
    """Read a multiplier exactly as written: 0.75 is 3/4."""
    if not _WIDTH.fullmatch(text.strip()):
        raise UsageError(f"--width {text[:60]!r} is not a number; write, for example, --width 0.75")
    width = Fraction(text.strip())
    if not 0 < width <= LARGEST:
        raise UsageError(f"--width {text[:60]} is invalid: expected a number above 0 and at most {LARGEST}")
    return Ratio(width.numerator, width.denominator)


def scaled(network: Plan, scaling: Any, width: Ratio) -> dict[str, dict[str, Dim]]:
    """Return the scaled channels of every layer with its own `out_channels`, as path → field → value.

    Channels computed from the input channels are not scaled twice; `scaling` is the file's rule.
    """
    return {
        node.path: {"out_channels": _scaled(fields(node.layer)["out_channels"], scaling, width, node.layer.scale)}
        for node in network.nodes
        if _is_free(node)
    }


def _is_free(node: Node) -> bool:
    if "out_channels" not in type(node.layer).model_fields or node.layer.scale == "never":
        return False
    computed = node.computed.get("out_channels")
    return computed is None or node.frame is None or not needs_shapes(computed, node.frame)


def _scaled(channels: Dim, scaling: Any, width: Ratio, mode: str) -> Dim:
    wide = channels * width.numerator
    if scaling is not None and scaling.rule == "divisible":
        result = dims.maximum(dims.divisible(wide, scaling.divisor, width.denominator), scaling.minimum)
    else:
        result = dims.maximum(wide // width.denominator, scaling.minimum if scaling else 1)
    return dims.maximum(result, channels) if mode == "up" else result
