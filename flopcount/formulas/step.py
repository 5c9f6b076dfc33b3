"""The result of one layer at one input: its output shape and its tally."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from flopcount.errors import ShapeError
from flopcount.formulas.numbers import Dim, total
from flopcount.formulas.shape import Constraint, Shape, Slide, by_identity, positive

OPERATIONS: Mapping[str, str] = {
    "conv_mac": "multiply-accumulates of convolutions",
    "linear_mac": "multiply-accumulates of linear layers",
    "conv_transpose_mac": "multiply-accumulates of transposed convolutions, as part of those of convolutions",
    "conv_transpose_out_mac": "weights of transposed convolutions, times the positions they write",
    "binary_mac": "multiply-accumulates of one bit",
    "adder_add": "additions in place of multiplications, two each",
    "winograd_transform": "elements of tiles that Winograd's transforms read or write",
    "bilinear_sample": "elements read between positions, of four neighbors on a plane",
    "conv_bias_add": "biases added to the outputs of convolutions",
    "linear_bias_add": "biases added to the outputs of linear layers",
    "batch_norm": "elements normalized with the statistics of a batch",
    "batch_norm_affine": "elements scaled and shifted after a batch norm",
    "max_pool_in": "elements read by max pools",
    "max_pool_out": "elements written by max pools",
    "max_pool_window": "elements compared by max pools, window by window",
    "avg_pool_in": "elements read by average pools",
    "avg_pool_out": "elements written by average pools",
    "avg_pool_window": "elements added by average pools, window by window",
    "global_pool_in": "elements read by global and adaptive pools",
    "global_pool_out": "elements written by global and adaptive pools",
    "softmax": "elements of softmaxes",
    "softmax_row": "rows over which a softmax runs",
    "relu": "elements through ReLU",
    "relu6": "elements through ReLU6",
    "leaky_relu": "elements through leaky ReLU",
    "elu": "elements through ELU",
    "selu": "elements through SELU",
    "celu": "elements through CELU",
    "gelu": "elements through GELU",
    "silu": "elements through SiLU (Swish)",
    "mish": "elements through Mish",
    "sigmoid": "elements through the logistic function",
    "hardsigmoid": "elements through hard sigmoid",
    "hardswish": "elements through hard swish",
    "hardtanh": "elements through hard tanh",
    "tanh": "elements through tanh",
    "softplus": "elements through softplus",
    "softsign": "elements through softsign",
    "global_max_pool_in": "elements read by global and adaptive max pools",
    "global_max_pool_out": "elements written by global and adaptive max pools",
    "channel_pool_in": "elements read by means and maxima over the channels",
    "channel_pool_out": "elements written by means and maxima over the channels",
    "add": "elements added to others",
    "mul": "elements multiplied by others",
    "div": "elements divided by others",
    "compare": "elements compared with others",
    "select": "elements chosen from two layers by a third",
    "sign": "elements through a change of sign",
    "round": "elements rounded to whole numbers, or to those of a scale",
    "transcendental": "elements through exponentials, logarithms, powers, roots, angles and the error function",
    "reduce_in": "elements read by sums, means and maxima along axes",
    "reduce_out": "elements written by sums, means and maxima along axes",
    "other_out": "elements written by other operations",
    "layer_norm": "elements normalized over the channels of a position",
    "layer_norm_affine": "elements scaled and shifted after a layer norm",
    "layer_norm_row": "positions normalized over their channels",
    "group_norm": "elements normalized over a group of channels",
    "group_norm_affine": "elements scaled and shifted after a group norm",
    "instance_norm": "elements normalized over space",
    "instance_norm_affine": "elements scaled and shifted after an instance norm",
    "rms_norm": "elements divided by a root mean square",
    "rms_norm_affine": "elements scaled after a root mean square norm",
    "local_response_norm": "elements divided by a sum over neighboring channels",
    "local_response_norm_window": "elements summed by local response norms, window by window",
    "prelu": "elements through PReLU",
    "embedding_out": "elements looked up in tables",
    "interpolate_in": "elements read by interpolation of any mode",
    "interpolate_nearest": "elements written by nearest-neighbor interpolation",
    "interpolate_linear": "elements written by linear interpolation",
    "interpolate_bilinear": "elements written by bilinear interpolation",
    "interpolate_bicubic": "elements written by bicubic interpolation",
    "interpolate_trilinear": "elements written by trilinear interpolation",
    "interpolate_area": "elements written by area interpolation",
    "query_scale": "elements of queries divided by the root of their number",
    "matmul_mac": "multiply-accumulates of matrix products",
    "rnn_mac": "multiply-accumulates of recurrent layers",
    "rnn_bias_add": "biases added in recurrent layers",
    "rnn_state": "elements of the states of RNNs",
    "gru_state": "elements of the states of GRUs",
    "lstm_state": "elements of the states of LSTMs",
}
"""The operations of a layer, by the name under which they are tallied."""

PRODUCTS: Mapping[str, str] = {
    "conv_mac": "conv",
    "linear_mac": "linear",
    "rnn_mac": "rnn",
    "binary_mac": "binary",
    "matmul_mac": "matmul",
}
"""The entries that multiply, each with the word in the names of its gradients; all but the last multiply weights."""

INPUT_GRADIENTS: Mapping[str, str] = {
    f"{word}_input_gradient": f"{OPERATIONS[name]}, for gradients of what they read" for name, word in PRODUCTS.items()
}
WEIGHT_GRADIENTS: Mapping[str, str] = {
    f"{word}_weight_gradient": f"{OPERATIONS[name]}, for gradients of weights" for name, word in PRODUCTS.items()
}
GROUPED_GRADIENT = "conv_grouped_gradient"
GRADIENTS: Mapping[str, str] = {
    **INPUT_GRADIENTS,
    **WEIGHT_GRADIENTS,
    GROUPED_GRADIENT: "what the gradients of grouped weights would cost beyond, if there were one group",
}
"""The operations of training, by the name under which they are tallied."""

PARAMETERS: Mapping[str, str] = {
    "weight": "weights of convolutions and linear layers",
    "bias": "biases of convolutions and linear layers",
    "norm_weight": "scales of normalizations (gamma)",
    "norm_bias": "shifts of normalizations (beta)",
    "running": "running means and variances: kept, not trained",
    "scale": "learned scales of channels outside normalizations",
    "shift": "learned shifts of channels outside normalizations",
    "slope": "slopes of PReLU",
    "token": "learned tokens",
    "position": "tables of positions, absolute or relative",
    "embedding": "tables of embeddings",
    "parameter": "learned tensors outside the layers named here",
    "rnn_weight": "weights of recurrent layers",
    "rnn_bias": "biases of recurrent layers",
    "frozen_weight": "weights of convolutions and linear layers that are not trained",
    "frozen": "other parameters that are not trained",
    "idle": "of all these, those of experts that a token is not given to",
    "frozen_idle": "of those that are not trained, those of experts that a token is not given to",
}
"""The parameters of a layer, by the name under which they are tallied."""

FROZEN: Mapping[str, str] = {
    "weight": "frozen_weight",
    "running": "running",
    "frozen_weight": "frozen_weight",
    "idle": "frozen_idle",
}
"""The names for parameters that are not trained; all others are tallied under frozen."""


class Tally:
    """The number of operations and of parameters of each sort."""

    __slots__ = ("counts",)

    def __init__(self, **counts: Dim) -> None:
        """Keep the counts by name; what is not named is zero."""
        self.counts: Mapping[str, Dim] = counts

    def __add__(self, other: "Tally") -> "Tally":
        """Add name by name."""
        counts = dict(self.counts)
        for name, count in other.counts.items():
            counts[name] = counts[name] + count if name in counts else count
        return Tally(**counts)

    def weighed(self, weights: Mapping[str, int]) -> Dim:
        """Return the sum of the counts, each times its weight; a name without one counts nothing."""
        return total(count * weights[name] for name, count in self.counts.items() if name in weights)


WEIGHT = -1
"""Stands for the weights of a step among what its products multiply."""


class Product(NamedTuple):
    """Multiply-accumulates of two factors, each given by what it is computed from: inputs by number, or WEIGHT.

    A gradient of a factor costs as many again. A factor that is a constant is left out.
    """

    macs: Dim
    factors: tuple[tuple[int, ...], ...]


Kept = str | Dim | tuple[str, Dim]
"""What a step keeps: a word of `formulas.kept`, a number of elements it computes, or a number of weights."""


@by_identity
class Step(NamedTuple):
    """The output shape, the tally and, in a composition, the named parts that make it up.

    `kind` and `kernel` label the step in tables; `constraints` are the conditions under which the numbers mean
    anything; `slide` is the sliding window, and `call_style` how a program calls the step. `products` say what its
    multiply-accumulates multiply, if not an input by weights or two inputs, and `keeps` what it keeps for the backward
    pass, if not what its kind does. Compared by identity.
    """

    kind: str
    shape: Shape
    tally: Tally
    parts: tuple["Part", ...] = ()
    constraints: tuple[Constraint, ...] = ()
    kernel: tuple[Dim, ...] = ()
    slide: Slide | None = None
    call_style: str = "module"
    products: tuple[Product, ...] = ()
    keeps: tuple["Kept", ...] | None = None

    def leaves(self) -> Iterator["Step"]:
        """Yield the steps that are not compositions, in the order of the computation."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.step.leaves()


class Part(NamedTuple):
    """A step inside a composition, by the name it has there.

    `reads` are the parts that it reads, by name, and inputs of the composition, by number; by default it reads the part
    before it, and the first part all inputs.
    """

    name: str
    step: Step
    reads: tuple[str | int, ...] = ()


Stage = tuple[str, Callable[[Shape], Step]]
"""A name and a formula whose options are already given."""


def chain(kind: str, x: Shape, *stages: Stage) -> Step:
    """Compose stages, each reading the one before."""
    parts: list[Part] = []
    for name, formula in stages:
        parts.append(Part(name, formula(x)))
        x = parts[-1].step.shape
    return composed(kind, x, *parts)


def gated(step: Step) -> Step:
    """Let the last part of a chain read the first input too, before what it reads already."""
    *others, last = step.parts
    return step._replace(parts=(*others, last._replace(reads=(0, others[-1].name))))


def composed(kind: str, shape: Shape, *parts: Part) -> Step:
    """Make one step of parts: their tallies add, their constraints all hold."""
    tally = sum((part.step.tally for part in parts), Tally())
    constraints = tuple(constraint for part in parts for constraint in part.step.constraints)
    return Step(kind, shape, tally, parts, constraints)


def frozen(step: Step) -> Step:
    """Tally the params as not trained."""
    return _tallied(step, _frozen)


def shared(step: Step, numbers: Mapping[str, int] | None = None) -> Step:
    """Leave out the params that another layer counts: all, or a number of each sort."""
    if numbers is None:
        return _tallied(step, _without_params)
    counts, left = step.tally.counts, dict(numbers)
    foreign = sorted(name for name in numbers if name not in PARAMETERS or name not in counts)
    if foreign:
        raise ShapeError(f"shared names {', '.join(foreign)}, which the layer does not have")
    constraints = (
        positive(counts[name] - count + 1, f"shared = {{}} of {name}, but the layer has {{}}", count, counts[name])
        for name, count in numbers.items()
    )
    return _tallied(step._replace(constraints=(*step.constraints, *constraints)), lambda tally: _lessened(tally, left))


def _tallied(step: Step, change: Callable[[Tally], Tally]) -> Step:
    """Change the tally of a step, in a composition those of its parts."""
    if not step.parts:
        return step._replace(tally=change(step.tally))
    parts = tuple(part._replace(step=_tallied(part.step, change)) for part in step.parts)
    return step._replace(parts=parts, tally=composed(step.kind, step.shape, *parts).tally)


def _frozen(tally: Tally) -> Tally:
    names = {name: FROZEN.get(name, "frozen") if name in PARAMETERS else name for name in tally.counts}
    return sum((Tally(**{names[name]: count}) for name, count in tally.counts.items()), Tally())


def _without_params(tally: Tally) -> Tally:
    return Tally(**{name: count for name, count in tally.counts.items() if name not in PARAMETERS})


def _lessened(tally: Tally, left: dict[str, int]) -> Tally:
    """Take numbers off a tally, and off what is left to take: as many as there are, where that is known."""
    counts = dict(tally.counts)
    for name in left.keys() & counts.keys():
        own = counts[name]
        taken = min(left[name], own) if isinstance(own, int) else left[name]
        counts[name] = own - taken
        left[name] -= taken
    return Tally(**counts)
