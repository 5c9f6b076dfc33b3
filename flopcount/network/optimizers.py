"""What optimizers keep for each parameter that they train."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flopcount.errors import UsageError, plain, suggestion
from flopcount.formulas.backward import KEPT
from flopcount.formulas.bits import Bits
from flopcount.formulas.numbers import Dim, ceil_div, exact_div, maximum, product, total, where
from flopcount.formulas.step import PARAMETERS, Step
from flopcount.network.memory import bytes_of


class Optimizer(NamedTuple):
    """What an optimizer keeps, beside counters of steps.

    `states` are the numbers for each parameter, of as many bits as the parameter, or `bits`; `matrices` are those of
    weights that layers multiply, if they differ. `block` numbers share a scale of 32 bits, in tensors of at least
    `least` numbers. One that is `factored` keeps for a matrix one number for each row and each column.
    """

    source: str
    states: int
    matrices: int | None = None
    bits: int | None = None
    block: int = 0
    least: int = 0
    is_factored: bool = False


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer("torch.optim.SGD", 0),
    "momentum": Optimizer("torch.optim.SGD(momentum=…), Polyak 1964", 1),
    "adam": Optimizer("torch.optim.Adam, Kingma and Ba, ICLR 2015", 2),
    "adamw": Optimizer("torch.optim.AdamW, Loshchilov and Hutter, ICLR 2019", 2),
    "adamw-8bit": Optimizer(
        "bitsandbytes.optim.AdamW8bit, Dettmers et al., ICLR 2022", 2, bits=8, block=256, least=4096
    ),
    "adafactor": Optimizer("torch.optim.Adafactor, Shazeer and Stern, ICML 2018", 1, is_factored=True),
    "lion": Optimizer("Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023", 1),
    "muon": Optimizer("Jordan et al. 2024, with AdamW for all but weights that layers multiply", 2, matrices=1),
}
"""The optimizers by name."""

DEFAULT = "adamw"
"""The optimizer that is asked about by default."""

MULTIPLIED = ("weight", "rnn_weight")
"""The parameters that layers multiply."""


def optimizer(name: str | None) -> Optimizer:
    """Return an optimizer by its name."""
    found = OPTIMIZERS.get((name or DEFAULT).lower())
    if found is None:
        raise UsageError(f"--optimizer {plain(str(name)[:60])}: {suggestion(str(name)[:60], [*OPTIMIZERS])}")
    return found


def optimizer_bytes(step: Step, rule: Optimizer, bits: Bits) -> Dim:
    """Return the bytes that an optimizer keeps for the parameters of a step."""
    trained = [
        (leaf, name, leaf.tally.counts[name])
        for leaf in step.leaves()
        for name in leaf.tally.counts.keys() & PARAMETERS.keys() - KEPT
    ]
    return total(_kept(*each, rule, bits.of(each[1])) for each in trained)


def _kept(leaf: Step, name: str, count: Dim, rule: Optimizer, bits: int) -> Dim:
    if rule.is_factored and (sides := [*_sides(leaf, name, count)]):
        return total(bytes_of(side, bits) for side in sides)
    states = rule.states if rule.matrices is None or name not in MULTIPLIED else rule.matrices
    plain = states * bytes_of(count, bits)
    if not rule.bits:
        return plain
    small = states * (bytes_of(count, rule.bits) + 4 * ceil_div(count, rule.block))
    return where(maximum(count - rule.least + 1, 0), small, plain)


def _sides(leaf: Step, name: str, count: Dim) -> Iterator[Dim]:
    """Yield the rows and the columns of a tensor along its last two axes; nothing for a vector."""
    if name == "rnn_weight":
        what = f"the matrices of {leaf.kind} are not told apart"
        raise UsageError(f"--optimizer adafactor: {what}; choose another, or freeze them")
    channels, kernel = leaf.shape.channels, leaf.kernel
    if name == "weight" and len(kernel) > 1:
        yield from (exact_div(count, kernel[-1]), exact_div(count, kernel[-2]))
    elif name == "weight" and kernel:
        rows = exact_div(count, kernel[0])
        yield from (rows, channels * kernel[0])
    elif name == "weight" and "linear_mac" in leaf.tally.counts:
        read = exact_div(leaf.tally.counts["linear_mac"], leaf.shape.elements)
        yield from (exact_div(count, read), exact_div(count, channels))
    elif name == "parameter" and len(leaf.shape.dims) > 1:
        *others, rows, columns = leaf.shape.dims
        yield product(others) * rows
        yield product(others) * columns
    elif name in {"embedding", "position", "token"}:
        width = leaf.shape.dims[-3] if leaf.kind == "RelativePosition" else channels
        yield from (exact_div(count, width), width)
