"""Operations on tensors, axis by axis, as other tools' graphs have them.

They are for files that are imported; where a kind of layer says the same, that
one is used. Axes are counted from the last one, which is -1, so that a batch in
front changes nothing. `channel_axis` is the axis that is the channels
afterwards: the last one, where it is not given.
"""

from collections.abc import Mapping

from flopcount.errors import ShapeError
from flopcount.formulas.dims import Dim, maximum, product, total
from flopcount.formulas.joins import agreeing, several
from flopcount.formulas.needs import Need, equal, positive
from flopcount.formulas.shape import Shape, render
from flopcount.formulas.step import Step
from flopcount.formulas.tally import Tally

FUNCTIONS: Mapping[str, str] = {
    **dict.fromkeys(("add", "sub"), "add"),
    **dict.fromkeys(("mul", "square"), "mul"),
    **dict.fromkeys(("div", "mod", "reciprocal"), "div"),
    **dict.fromkeys(("equal", "less", "greater", "min", "max", "clip", "and", "or", "not"), "compare"),
    "where": "select",
    **dict.fromkeys(("abs", "neg", "sign"), "sign"),
    **dict.fromkeys(("floor", "ceil", "round", "quantize", "dequantize"), "round"),
    **dict.fromkeys(("exp", "log", "erf", "pow", "sqrt", "sin", "cos", "tan", "atan"), "transcendental"),
}
"""The functions of `Elementwise`, each with the name under which it is tallied."""

_CHAINS = frozenset(("add", "mul", "min", "max"))
"""The functions that take any number of layers, one after the other."""


def _on(dims: tuple[Dim, ...], axis: int) -> int:
    """Return where an axis is, counted from the front."""
    if not -len(dims) <= axis < 0:
        raise ShapeError(f"there is no axis {axis} in {render(dims)}; axes are counted from the last one, which is -1")
    return axis + len(dims)


def _placed(kept: tuple[Dim, ...], sizes: tuple[Dim, ...], channel_axis: int) -> Shape:
    """Return sizes behind axes that are kept, the channels on one of them."""
    return Shape((*kept, *sizes), len(kept) + _on(sizes, channel_axis))


def _kept(x: Shape, axes: int | None) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """Part the axes in front, which stay as they are, from the last ones: all, if no number is given."""
    count = len(x.dims) if axes is None else axes
    if count > len(x.dims):
        raise ShapeError(f"axes = {count}, and {render(x.dims)} has {len(x.dims)}")
    return x.dims[: len(x.dims) - count], x.dims[len(x.dims) - count :]


def reshape(x: Shape, *, size: tuple[Dim, ...], axes: int | None = None, channel_axis: int = -1) -> Step:
    """Reshaping: the same numbers in the same order, `size` in place of the last `axes` axes.

        params = 0
        MACs = 0

    Source: torch.reshape.
    """
    kept, changed = _kept(x, axes)
    text = "{} numbers cannot be made of {}: sizes that a file fixes fit one input"
    fits = equal(product(size), product(changed), text)
    return Step("Reshape", _placed(kept, size, channel_axis), Tally(), needs=(fits,))


def permute(x: Shape, *, order: tuple[int, ...], channel_axis: int | None = None) -> Step:
    """Permutation of the last axes; the channels stay what they are, unless another axis is named.

        params = 0
        MACs = 0

    `order` is about the last axes, as many as it names; what is in front stays there.

    Source: torch.permute.
    """
    if sorted(order) != [*range(-len(order), 0)] or len(order) > len(x.dims):
        raise ShapeError(
            f"order = {[*order]} does not name each of the last axes of {render(x.dims)} once, the last -1"
        )
    kept = len(x.dims) - len(order)
    places = (*range(kept), *(_on(x.dims, axis) for axis in order))
    axis = places.index(x.channel_axis) if channel_axis is None else _on(x.dims, channel_axis)
    return Step("Permute", Shape(tuple(x.dims[place] for place in places), axis), Tally())


def take(x: Shape, *, axis: int, size: Dim = 1, keepdim: bool = True) -> Step:
    """Part of what is along an axis, whichever; where one alone is taken, the axis may go.

        params = 0
        MACs = 0

    Source: torch.index_select.
    """
    place = _on(x.dims, axis)
    if keepdim:
        return Step("Take", Shape((*x.dims[:place], size, *x.dims[place + 1 :]), x.channel_axis), Tally())
    rest = (*x.dims[:place], *x.dims[place + 1 :]) or (1,)
    alone = Need(
        size - 1, "equal", "{} are taken, and an axis goes only where one is: keepdim = true keeps it", (size,)
    )
    return Step("Take", Shape(rest, _left(x.channel_axis, {place}, len(rest))), Tally(), needs=(alone,))


def _left(channel_axis: int, gone: set[int], rank: int) -> int:
    """Return where the channels are once axes are gone; what is nearest, if theirs is."""
    before = channel_axis - sum(place < channel_axis for place in gone)
    return before if before < rank else rank - 1


def expand(x: Shape, *, size: tuple[Dim, ...], axes: int | None = None, channel_axis: int = -1) -> Step:
    """Expansion to larger axes, by copies or a border: `size` in place of the last `axes` axes.

        params = 0
        MACs = 0

    Source: torch.Tensor.expand, torch.nn.functional.pad.
    """
    kept, changed = _kept(x, axes)
    old, new = product(changed), product(size)
    fits = positive(new - old + 1, "{} numbers do not fit into {}: sizes that a file fixes fit one input", old, new)
    return Step("Expand", _placed(kept, size, channel_axis), Tally(), needs=(fits,))


def elementwise(*xs: Shape, function: str) -> Step:
    """Arithmetic on the elements of one or several layers, stretched to one size.

        params = 0
        MACs = 0; one operation per element, or as many as there are layers beyond the first

    Sizes of 1, and axes that are missing in front, are stretched.

    Source: the broadcasting rules of NumPy.
    """
    full = max(xs, key=lambda x: len(x.dims))
    sizes, needs = [*full.dims], list[Need]()
    for x in xs:
        for place, size in enumerate(x.dims, len(sizes) - len(x.dims)):
            text = "{} and {} along an axis cannot be paired: they are to be equal, or one of them 1"
            value = (size - 1) * (sizes[place] - 1) * (size - sizes[place])
            needs.append(Need(value, "equal", text, (size, sizes[place])))
            sizes[place] = maximum(size, sizes[place])
    y = Shape(tuple(sizes), full.channel_axis)
    times = max(len(xs) - 1, 1) if function in _CHAINS else 1
    return Step("Elementwise", y, Tally(**{FUNCTIONS[function]: y.elements * times}), needs=tuple(needs))


def reduce(x: Shape, *, axes: tuple[int, ...], function: str = "mean", keepdim: bool = True) -> Step:  # noqa: ARG001  (any of them reads the same)
    """Reduction along some axes to one number: the mean, sum, maximum or another.

        params = 0
        MACs = 0; elements are tallied as they are read and written

    Source: torch.mean.
    """
    gone = {_on(x.dims, axis) for axis in axes}
    if keepdim:
        y = Shape(tuple(1 if place in gone else size for place, size in enumerate(x.dims)), x.channel_axis)
    else:
        rest = tuple(size for place, size in enumerate(x.dims) if place not in gone) or (1,)
        y = Shape(rest, _left(x.channel_axis, gone, len(rest)))
    return Step("Reduce", y, Tally(reduce_in=x.elements, reduce_out=y.elements))


def parameter(x: Shape, *, size: tuple[Dim, ...], channel_axis: int = -1, trained: bool = True) -> Step:  # noqa: ARG001  (nothing is read)
    """Tensor that the network keeps, learned or not; nothing of the layer above is read.

        params = product of size
        MACs = 0

    Source: torch.nn.Parameter.
    """
    y = _placed((), size, channel_axis)
    return Step("Parameter", y, Tally(parameter=y.elements) if trained else Tally(frozen=y.elements))


def constants(x: Shape, *, count: Dim, trained: bool = False) -> Step:
    """Numbers that the network keeps beside its layers, learned or not; what is read is passed on.

        params = count if trained, else 0, but `count` in total
        MACs = 0

    Source: torch.nn.Module.register_buffer.
    """
    return Step("Constants", x, Tally(parameter=count) if trained else Tally(frozen=count))


def join(*xs: Shape, axis: int) -> Step:
    """Several layers one behind the other along any axis.

        params = 0
        MACs = 0

    Source: torch.cat.
    """
    several("Join", xs)
    place = _on(xs[0].dims, axis)
    needs = agreeing("Join", xs, place)
    sizes = (*xs[0].dims[:place], total(x.dims[place] for x in xs), *xs[0].dims[place + 1 :])
    return Step("Join", Shape(sizes, xs[0].channel_axis), Tally(), needs=needs)


def einsum(*xs: Shape, equation: str) -> Step:
    """Sum of products over the axes that letters name, as in "bij,bjk->bik"; axes in front stay as they are.

        params = 0
        MACs = product of the sizes of all letters, for each layer beyond the first

    Source: numpy.einsum.
    """
    reads, _, writes = equation.replace(" ", "").partition("->")
    terms = reads.split(",")
    if len(terms) != len(xs) or not writes:
        raise ShapeError(f"the equation {equation} does not name the axes of {len(xs)} layers and of what comes out")
    sizes: dict[str, Dim] = {}
    needs: list[Need] = []
    for term, x in zip(terms, xs, strict=True):
        _, named = _kept(x, len(term))
        for letter, size in zip(term, named, strict=True):
            text = f"the axis {letter} of {equation} cannot be both {{}} and {{}}"
            needs.append(equal(sizes.setdefault(letter, size), size, text))
    if not {*writes} <= sizes.keys():
        raise ShapeError(f"the equation {equation} writes an axis that it does not read")
    kept, _ = _kept(xs[0], len(terms[0]))
    y = _placed(kept, tuple(sizes[letter] for letter in writes), -1)
    macs = product(kept) * product(sizes.values()) * max(len(xs) - 1, 1)
    return Step("Einsum", y, Tally(matmul_mac=macs), needs=tuple(needs))


def operation(
    *xs: Shape,
    operator: str,  # noqa: ARG001  (a name, for people)
    size: tuple[Dim, ...],
    axes: int | None = None,
    channel_axis: int = -1,
) -> Step:
    """Operation that is known by what it writes alone, and multiplies nothing.

        params = 0
        MACs = 0; elements are tallied as they are written

    `size` is in place of the last `axes` axes of what is read first.

    Source: operators of ONNX such as TopK, CumSum and ScatterND.
    """
    kept, _ = _kept(xs[0], axes)
    y = _placed(kept, size, channel_axis)
    return Step("Operation", y, Tally(other_out=y.elements))
