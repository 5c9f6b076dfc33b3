"""Inputs that may not be what they are read as."""

from collections.abc import Iterator, Mapping

from flopcount.errors import Note
from flopcount.formulas.numbers import exact, exact_all
from flopcount.formulas.shape import Shape, per_axis, render
from flopcount.network.plan import Plan
from flopcount.network.trace import Trace

SMALL, LARGE = {1, 3, 4}, 8
"""The channels that an image has, and what is certainly no number of channels of one."""


def doubts(plan: Plan, inputs: Mapping[str, Shape], traced: Trace, *, is_read: bool) -> Iterator[Note]:
    """Say how an input is read that looks like one with a batch or with its channels last."""
    for name in plan.inputs.keys() - plan.tokens if is_read and not plan.sized else ():
        sizes = inputs[name].dims[-len(plan.inputs[name]) :]
        is_known = name in plan.settled and sizes[0] == plan.inputs[name][0]
        if not is_known and all(isinstance(size, int) for size in sizes):
            meant, why = _looks_like(exact_all(sizes))
            how = f"{sizes[0]} as the channels, {render(sizes[1:])} as space"
            text = f"the input {render(sizes)} is read with {how}; {why}"
            yield from [Note("input-order", f"{text}: {[*meant]}")] if meant else []
    yield from _left_over(traced)


def _left_over(traced: Trace) -> Iterator[Note]:
    """Say that patches do not fill an input: some programs then refuse it, others leave a part of it out."""
    for node, step in traced.items():
        slide = next(step.leaves()).slide if node.kind == "Conv" and node.inputs[0] in traced.inputs else None
        window = slide and slide.window
        if slide and window and window.kernel_size == window.stride and window.padding in {0, "valid"}:
            sizes = per_axis(window.kernel_size, len(slide.map), "kernel_size")
            if any(exact(size) % exact(patch) for size, patch in zip(slide.map, sizes, strict=True)):
                what = f"{render(slide.map)} is not a multiple of its patches of {render(sizes)}"
                text = f"layer {node.path}: {what}, so the rest of the input is left out"
                yield Note("input-left-over", text)


def _looks_like(sizes: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Return the sizes that an input would have as an image, and why; nothing if it is not like one."""
    if len(sizes) == 4 and sizes[1] in SMALL - {4} and min(sizes[2:]) >= LARGE:  # noqa: PLR2004
        return sizes[1:], f"a batch of {sizes[0]} is written --batch {sizes[0]}, and the sizes without it"
    if len(sizes) == 3 and sizes[2] in SMALL and min(sizes[:2]) >= LARGE:  # noqa: PLR2004
        return (sizes[2], *sizes[:2]), "if it is an image, its channels come first"
    if len(sizes) == 2 and sizes[0] == sizes[1] >= LARGE:  # noqa: PLR2004
        return (1, *sizes), "if it is a grayscale image, it has one channel"
    return (), ""
