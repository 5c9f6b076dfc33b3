"""The multiply-accumulates of a backward pass: those of the gradients of what a step reads, and of its weights.

A multiply-accumulate of two factors costs one more for each factor whose gradient is needed: that of a weight if it is
trained, that of what is read if something before it is trained.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from flopcount.formulas.numbers import Dim, exact_div, product
from flopcount.formulas.step import (
    FROZEN,
    GROUPED_GRADIENT,
    PARAMETERS,
    PRODUCTS,
    WEIGHT,
    Part,
    Product,
    Step,
    Tally,
    composed,
)

Need = Literal["", "computed", "learned"]
"""Whether a tensor needs a gradient, and whether it is one of weights: nothing that it is made of is an input."""

KEPT = frozenset((*FROZEN.values(), "frozen", "idle"))
"""The entries of parameters that are not trained, or counted under another name too."""

UNTALLIED = frozenset(("conv_mac", "linear_mac", "rnn_mac", "binary_mac", "adder_add", "embedding_out"))
"""The operations with weights, which another layer may have counted."""


def is_trained(step: Step, *, is_frozen: bool) -> bool:
    """Tell whether a step without parts has weights that are trained, its own or those of another layer."""
    counts = step.tally.counts
    own = counts.keys() & PARAMETERS.keys() - KEPT
    if any(not isinstance(counts[name], int) or counts[name] for name in own):
        return True
    return not is_frozen and "frozen_weight" not in counts and not counts.keys().isdisjoint(UNTALLIED)


def needed(step: Step, reads: Sequence[Need], *, is_frozen: bool = False) -> Need:
    """Tell whether what a step writes needs a gradient."""
    if any(is_trained(leaf, is_frozen=is_frozen) for leaf in step.leaves()) or any(reads):
        return "learned" if reads and all(each == "learned" for each in reads) else "computed"
    return ""


def graded(step: Step, reads: Sequence[Need], *, is_frozen: bool = False) -> Step:
    """Tally the gradients too, given which of what a step reads need one."""
    if not step.parts:
        counts = step.tally.counts
        found: dict[str, Dim] = {}
        for name, count in _gradients(step, reads, is_frozen=is_frozen):
            found[name] = found.get(name, 0) + count
        return step._replace(tally=Tally(**{**counts, **found}))
    parts = [
        part._replace(step=graded(part.step, own, is_frozen=is_frozen))
        for part, own in zip(step.parts, inner(step, reads, is_frozen=is_frozen), strict=True)
    ]
    return step._replace(parts=tuple(parts), tally=composed(step.kind, step.shape, *parts).tally)


def inner(step: Step, reads: Sequence[Need], *, is_frozen: bool) -> Iterator[list[Need]]:
    """Yield which of what each part of a composition reads need a gradient."""
    known: dict[str | int, Need] = dict(enumerate(reads))
    before: tuple[str | int, ...] = tuple(known)
    for part in step.parts:
        own = [known[name] for name in part.reads or before]
        yield own
        known[part.name] = needed(part.step, own, is_frozen=is_frozen)
        before = (part.name,)


def products(step: Step, count: int) -> tuple[Product, ...]:
    """Return what a step without parts multiplies: an input by weights, or the first of several by the second."""
    found = []
    for name in PRODUCTS.keys() & step.tally.counts.keys():
        other = WEIGHT if name != "matmul_mac" and count == 1 else min(count, 2) - 1
        found.append(Product(step.tally.counts[name], ((0,), (other,))))
    return step.products or tuple(found)


def _gradients(step: Step, reads: Sequence[Need], *, is_frozen: bool) -> Iterator[tuple[str, Dim]]:
    word = next((word for name, word in PRODUCTS.items() if name in step.tally.counts), "")
    needs: dict[int, Need] = {**dict(enumerate(reads)), WEIGHT: "learned" if _has(step, is_frozen=is_frozen) else ""}
    for macs, factors in products(step, len(reads)) if word else ():
        for place, factor in enumerate(factors):
            wanted = [needs[each] for each in factor if needs[each]]
            if wanted:
                is_weight = all(needs[each] == "learned" for each in factor)
                yield f"{word}_{'weight' if is_weight else 'input'}_gradient", macs
                if place and word == "conv":
                    yield from _as_one_group(step, macs, len(reads))


def _has(step: Step, *, is_frozen: bool) -> bool:
    """Tell whether the weights that a step multiplies are trained; a part may multiply those that another counts."""
    return is_trained(step, is_frozen=is_frozen) or (bool(step.products) and not is_frozen)


def _as_one_group(step: Step, macs: Dim, count: int) -> Iterator[tuple[str, Dim]]:
    """Yield what the gradient of grouped weights would cost beyond, if there were one group.

    Kernels that are computed for each copy of an input are groups too.
    """
    groups = step.slide.groups if step.slide else None
    many = (1 if groups is None else groups) * (product(step.shape.leading) if count > 1 else 1)
    if count > 1 and "weight" not in step.tally.counts:  # no operator of convolution
        return
    if not isinstance(many, int) or many != 1:
        yield GROUPED_GRADIENT, macs * (many - 1)


def with_adapter(step: Step, rank: Dim) -> Step:
    """Put an adapter beside a step: two linear maps, to `rank` channels and from there, added to what it writes.

        params = rank·(n + N), n numbers are read for each of N channels that are written
        MACs = rank·(n + N) · positions

    For a convolution the first is one with its window, to `rank` channels, the second a 1×1 convolution.

    Source: Hu et al., LoRA, ICLR 2022, section 4.1; convolutions as in PEFT.
    """
    counts, y = step.tally.counts, step.shape
    entry = "conv_mac" if "conv_mac" in counts else "linear_mac"
    read = exact_div(counts.get("weight", 0) + counts.get("frozen_weight", 0), y.channels)

    def mapped(weights: Dim, channels: Dim) -> Step:
        tally = Tally(**{entry: weights * y.positions, "weight": weights})
        return Step(step.kind, y.resized(channels), tally)

    down = mapped(read * rank, rank)._replace(kernel=step.kernel, slide=step.slide)
    up = mapped(rank * y.channels, y.channels)._replace(kernel=tuple(1 for _ in step.kernel))
    sums = Step("Add", y, Tally(add=y.elements))
    adapter = Part("lora_a", down, (0,)), Part("lora_b", up), Part("lora_add", sums, ("base", "lora_b"))
    return composed(step.kind, y, Part("base", step), *adapter)._replace(constraints=step.constraints)
