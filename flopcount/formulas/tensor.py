"""Layers that combine several others, split one, or move its elements."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import prod

from flopcount.errors import ShapeError
from flopcount.formulas.norm import activation as activated
from flopcount.formulas.numbers import Axes, Dim, exact_div, maximum, product, total
from flopcount.formulas.shape import Constraint, Pads, Shape, either, equal, pads, per_axis, positive, render, shares
from flopcount.formulas.step import Part, Product, Step, Tally, composed


def several(kind: str, xs: tuple[Shape, ...]) -> None:
    """Refuse a single input."""
    if len(xs) < 2:  # noqa: PLR2004  (two are several)
        raise ShapeError(f'{kind} reads two or more layers; name them, as in after = ["a", "b"]')


def axis_name(x: Shape, axis: int) -> str:
    """Return the name of the elements along an axis, for a sentence."""
    if axis == x.channel_axis:
        return "channels"
    if axis > x.channel_axis:
        return f"positions along spatial axis {axis - x.channel_axis - 1}"
    return "tokens" if axis == x.channel_axis - 1 else f"copies along axis {axis}"


def agreeing(kind: str, xs: tuple[Shape, ...], free: int | None = None) -> tuple[Constraint, ...]:
    """Constrain all inputs to have one shape, except along the free axis."""
    first, *others = xs
    for x in others:
        if len(x.dims) != len(first.dims) or x.channel_axis != first.channel_axis:
            what = f"{render(first.dims)} and {render(x.dims)}"
            raise ShapeError(f"{kind} reads layers of the same layout, but {what} differ")
    text = f"{kind} reads layers of equal sizes, but these have {{}} and {{}} "
    return tuple(
        equal(size, x.dims[axis], text + axis_name(first, axis))
        for x in others
        for axis, size in enumerate(first.dims)
        if axis != free
    )


def add(*xs: Shape, activation: str | None = None) -> Step:
    """Addition of two or more layers of one shape, element by element.

        params = 0
        MACs = 0; one addition per element for each layer beyond the first

    Source: He et al., Deep residual learning, CVPR 2016, eq. 1.
    """
    several("Add", xs)
    added = Step("Add", xs[0], Tally(add=xs[0].elements * (len(xs) - 1)), constraints=agreeing("Add", xs))
    if activation is None:
        return added
    return composed("Add", xs[0], Part("add", added), Part("activation", activated(xs[0], function=activation)))


def mul(*xs: Shape) -> Step:
    """Multiplication of the first layer by others, which may have sizes of 1 or no spatial axes.

        params = 0
        MACs = 0; one multiplication per element for each layer beyond the first

    Source: Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 4.
    """
    several("Mul", xs)
    constraints = tuple(constraint for x in xs[1:] for constraint in _stretching(xs[0], x))
    return Step("Mul", xs[0], Tally(mul=xs[0].elements * (len(xs) - 1)), constraints=constraints)


def _stretching(full: Shape, x: Shape) -> Iterator[Constraint]:
    """Require each size of x to be 1, or that of the full shape."""
    if x.channel_axis != full.channel_axis or (x.spatial and len(x.dims) != len(full.dims)):
        raise ShapeError(f"Mul cannot broadcast {render(x.dims)} to {render(full.dims)}; name the larger layer first")
    for axis, (size, wanted) in enumerate(zip(x.dims, full.dims, strict=False)):
        text = f"Mul broadcasts sizes of 1 only, not {{0}} to {{1}} {axis_name(full, axis)}"
        yield either(size, 1, wanted, text)


def concat(*xs: Shape, axis: str | int = "channels") -> Step:
    """Concatenation of layers, along the channels by default.

    Source: Huang et al., Densely connected convolutional networks, CVPR 2017, eq. 2.
    """
    several("Concat", xs)
    return _joined("Concat", xs, _along(xs[0], axis))


def _joined(kind: str, xs: tuple[Shape, ...], place: int) -> Step:
    constraints = agreeing(kind, xs, place)
    return Step(kind, _replaced(xs[0], place, total(x.dims[place] for x in xs)), Tally(), constraints=constraints)


def _replaced(x: Shape, place: int, size: Dim) -> Shape:
    """Return a shape with another size along one axis."""
    return Shape((*x.dims[:place], size, *x.dims[place + 1 :]), x.channel_axis)


def _along(x: Shape, axis: str | int) -> int:
    """Return the index of the axis among all axes."""
    if axis == "channels":
        return x.channel_axis
    found = x.channel_axis - 1 if isinstance(axis, str) else x.channel_axis + 1 + axis
    if not 0 <= found < len(x.dims):
        raise ShapeError(f"there is no axis {axis} in {render(x.dims)} to concatenate along")
    return found


def slice_(x: Shape, *, start: Dim = 0, stop: Dim | None = None) -> Step:
    """Slice: the channels from `start` to before `stop`.

    Source: torch.narrow.
    """
    end = x.channels if stop is None else stop
    some = positive(end - start, "the slice from {} to {} has no channels", start, end)
    inside = positive(x.channels - end + 1, "the slice ends at {}, but there are {} channels", end, x.channels)
    return Step("Slice", x.resized(channels=end - start), Tally(), constraints=(some, inside))


def split_(x: Shape, *, sections: Dim, index: Dim = 0) -> Step:
    """Split: one of `sections` equal shares of the channels.

    Source: Ma et al., ShuffleNet V2, ECCV 2018, figure 3.
    """
    fits = shares("sections", sections, x.channels)
    inside = positive(sections - index, "no share {} among {}; shares are numbered from 0", index, sections)
    return Step("Split", x.resized(channels=exact_div(x.channels, sections)), Tally(), constraints=(fits, inside))


def pad_channels(x: Shape, *, padding: Dim) -> Step:
    """Additional channels of zeros, as in a shortcut without weights.

    Source: He et al., Deep residual learning, CVPR 2016, section 4.1, option A.
    """
    return Step("PadChannels", x.resized(channels=x.channels + padding), Tally())


def flatten(x: Shape) -> Step:
    """Lay out the channels and all of space as one vector; a batch stays.

    Source: torch.nn.Flatten.
    """
    return Step("Flatten", x.resized(product((x.channels, *x.spatial)), ()), Tally())


def identity(x: Shape, *, contiguous: bool = False, detached: bool = False) -> Step:  # noqa: ARG001  (for training)
    """Identity: the output is the input, or a copy in the order of its axes; no gradient passes if `detached`.

    Source: torch.nn.Identity, torch.Tensor.detach.
    """
    return Step("Identity", x, Tally())


def dropout(x: Shape, *, p: float = 0.5, whole_channels: bool = False) -> Step:
    """Dropout of elements or channels during training; no effect at inference.

    Source: Srivastava et al., Dropout, JMLR 2014; of channels: Tompson et al., CVPR 2015, torch.nn.Dropout2d.
    """
    return Step("Dropout", x, Tally(), keeps=(product((*x.leading, x.channels)),) if whole_channels and p else None)


def channel_shuffle(x: Shape, *, groups: Dim) -> Step:
    """Distribute the channels of `groups` groups evenly over all groups.

    Source: Zhang et al., ShuffleNet, CVPR 2018, figure 1.
    """
    fits = shares("groups", groups, x.channels)
    return Step("ChannelShuffle", x, Tally(), constraints=(fits,))


def pad(x: Shape, *, padding: Dim | Pads) -> Step:
    """Add a border around space.

    Source: torch.nn.ZeroPad2d.
    """
    pairs = pads(padding, len(x.spatial))
    sizes = tuple(size + before + after for size, (before, after) in zip(x.spatial, pairs, strict=True))
    return Step("Pad", x.resized(spatial=sizes), Tally())


def crop(x: Shape, *, cropping: Dim | Pads) -> Step:
    """Cut a border off space.

    Source: keras.layers.Cropping2D.
    """
    pairs = pads(cropping, len(x.spatial), "cropping")
    sizes = tuple(size - before - after for size, (before, after) in zip(x.spatial, pairs, strict=True))
    text = "output would be empty: cropping removes all of an axis of size {}; crop less"
    constraints = tuple(positive(left, text, size) for left, size in zip(sizes, x.spatial, strict=True))
    return Step("Crop", x.resized(spatial=sizes), Tally(), constraints=constraints)


def token_rows(x: Shape, what: str) -> None:
    """Refuse anything but a sequence of tokens with the channels last."""
    if x.spatial or not x.leading:
        text = f"expects tokens with the channels last, got {render(x.dims)}"
        raise ShapeError(f"{what} {text}; add a ToTokens before it")


def channels_last(x: Shape) -> Step:
    """Put the channels after space, so that each position is a vector of channels.

    Source: torch.permute, as in ConvNeXt (Liu et al., CVPR 2022).
    """
    dims = (*x.leading, *x.spatial, x.channels)
    return Step("ChannelsLast", Shape(dims, len(dims) - 1), Tally())


def channels_first(x: Shape, *, axes: int = 2) -> Step:
    """Put the channels before the last `axes` axes, which become spatial axes.

    Source: torch.permute, as in ConvNeXt (Liu et al., CVPR 2022).
    """
    if x.spatial or len(x.leading) < axes:
        text = f"needs {axes} axes before the channels, but {render(x.dims)} has fewer"
        raise ShapeError(f"ChannelsFirst {text}")
    kept = len(x.leading) - axes
    return Step("ChannelsFirst", Shape((*x.leading[:kept], x.channels, *x.leading[kept:]), kept), Tally())


def to_tokens(x: Shape) -> Step:
    """Make each position of a map a token: space becomes one axis, before the channels.

    Source: Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, section 3.1.
    """
    if not x.spatial:
        raise ShapeError(f"ToTokens needs a feature map, but {render(x.dims)} has no spatial axes")
    dims = (*x.leading, product(x.spatial), x.channels)
    return Step("ToTokens", Shape(dims, len(dims) - 1), Tally())


def to_map(x: Shape, *, size: Axes) -> Step:
    """Lay tokens out as a map of a given size; one number stands for a square.

    Source: torch.reshape.
    """
    token_rows(x, "ToMap")
    sizes = per_axis(size, len(size) if isinstance(size, tuple) else 2, "size")
    fits = equal(product(sizes), x.leading[-1], "a map of {} positions cannot be made of {} tokens")
    y = Shape((*x.leading[:-1], x.channels, *sizes), len(x.leading) - 1)
    return Step("ToMap", y, Tally(), constraints=(fits,))


def transpose(x: Shape) -> Step:
    """Exchange tokens and channels, so that what follows mixes the tokens.

    Source: Tolstikhin et al., MLP-Mixer, NeurIPS 2021, figure 1.
    """
    token_rows(x, "Transpose")
    return Step("Transpose", Shape((*x.leading[:-1], x.channels, x.leading[-1]), x.channel_axis), Tally())


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
    """Return the index of an axis, counted from the first."""
    if not -len(dims) <= axis < 0:
        raise ShapeError(f"there is no axis {axis} in {render(dims)}; axes are counted from the last one, which is -1")
    return axis + len(dims)


def _placed(kept: tuple[Dim, ...], sizes: tuple[Dim, ...], channel_axis: int) -> Shape:
    """Return sizes after axes that are kept, the channels on one of them."""
    return Shape((*kept, *sizes), len(kept) + _on(sizes, channel_axis))


def _kept(x: Shape, axes: int | None) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """Separate the last axes (by default, all) from those before them, which stay unchanged."""
    count = len(x.dims) if axes is None else axes
    if count > len(x.dims):
        raise ShapeError(f"axes = {count}, but {render(x.dims)} has {len(x.dims)}")
    return x.dims[: len(x.dims) - count], x.dims[len(x.dims) - count :]


def reshape(x: Shape, *, size: tuple[Dim, ...], axes: int | None = None, channel_axis: int = -1) -> Step:
    """Reshaping: the same numbers in the same order, `size` in place of the last `axes` axes.

    Source: torch.reshape.
    """
    kept, changed = _kept(x, axes)
    text = "{} elements cannot be made of {}: sizes fixed in a file fit one input only"
    fits = equal(product(size), product(changed), text)
    return Step("Reshape", _placed(kept, size, channel_axis), Tally(), constraints=(fits,))


def permute(x: Shape, *, order: tuple[int, ...], channel_axis: int | None = None) -> Step:
    """Permutation of the last axes; the channel axis moves along, unless `channel_axis` names another.

    `order` applies to the last axes, as many as it names; those before them stay.

    Source: torch.permute.
    """
    if sorted(order) != [*range(-len(order), 0)] or len(order) > len(x.dims):
        text = f"order = {[*order]} has to name each of the last axes of {render(x.dims)} once; the last is -1"
        raise ShapeError(text)
    kept = len(x.dims) - len(order)
    places = (*range(kept), *(_on(x.dims, axis) for axis in order))
    axis = places.index(x.channel_axis) if channel_axis is None else _on(x.dims, channel_axis)
    return Step("Permute", Shape(tuple(x.dims[place] for place in places), axis), Tally())


def take(x: Shape, *, axis: int, size: Dim = 1, keepdim: bool = True) -> Step:
    """Select any elements along an axis; an axis with one element left may be dropped.

    Source: torch.index_select.
    """
    place = _on(x.dims, axis)
    if keepdim:
        return Step("Take", _replaced(x, place, size), Tally())
    rest = (*x.dims[:place], *x.dims[place + 1 :]) or (1,)
    alone = equal(size, 1, "{} elements are selected, but only an axis of one can be dropped; set keepdim = true")
    return Step("Take", Shape(rest, _left(x.channel_axis, {place}, len(rest))), Tally(), constraints=(alone,))


def _left(channel_axis: int, gone: set[int], rank: int) -> int:
    """Return the channel axis after some axes are dropped; the nearest one if it is dropped itself."""
    before = channel_axis - sum(place < channel_axis for place in gone)
    return before if before < rank else rank - 1


def expand(x: Shape, *, size: tuple[Dim, ...], axes: int | None = None, channel_axis: int = -1) -> Step:
    """Expansion to larger axes, by copies or a border: `size` in place of the last `axes` axes.

    Source: torch.Tensor.expand, torch.nn.functional.pad.
    """
    kept, changed = _kept(x, axes)
    old, new = product(changed), product(size)
    fits = positive(new - old + 1, "{} elements do not fit into {}: sizes fixed in a file fit one input only", old, new)
    return Step("Expand", _placed(kept, size, channel_axis), Tally(), constraints=(fits,))


def elementwise(*xs: Shape, function: str) -> Step:
    """Arithmetic on the elements of one or several layers, broadcast to one size.

        params = 0
        MACs = 0; one operation per element, or as many as there are layers beyond the first

    Sizes of 1 and missing axes in front are broadcast.

    Source: the broadcasting rules of NumPy.
    """
    full = max(xs, key=lambda x: len(x.dims))
    sizes, constraints = [*full.dims], list[Constraint]()
    for x in xs:
        for place, size in enumerate(x.dims, len(sizes) - len(x.dims)):
            constraints.append(_paired(size, sizes[place]))
            sizes[place] = maximum(size, sizes[place])
    y = Shape(tuple(sizes), full.channel_axis)
    times = max(len(xs) - 1, 1) if function in _CHAINS else 1
    return Step("Elementwise", y, Tally(**{FUNCTIONS[function]: y.elements * times}), constraints=tuple(constraints))


def _paired(size: Dim, other: Dim) -> Constraint:
    """Require two sizes to be equal, or one of them to be 1."""
    text = "sizes {} and {} of an axis cannot be broadcast: they have to be equal, or one of them 1"
    return Constraint((size - 1) * (other - 1) * (size - other), "equal", text, (size, other))


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
    """Tensor stored in the network, learned or not; it reads no layer.

        params = product of size
        MACs = 0

    Source: torch.nn.Parameter.
    """
    y = _placed((), size, channel_axis)
    return Step("Parameter", y, Tally(parameter=y.elements) if trained else Tally(frozen=y.elements))


def constants(x: Shape, *, count: Dim, trained: bool = False) -> Step:
    """Numbers stored in the network beside its layers, learned or not; the input passes unchanged.

        params = count if trained, else 0, but `count` in total
        MACs = 0

    Source: torch.nn.Module.register_buffer.
    """
    return Step("Constants", x, Tally(parameter=count) if trained else Tally(frozen=count))


def join(*xs: Shape, axis: int) -> Step:
    """Concatenation of layers along any axis.

    Source: torch.cat.
    """
    several("Join", xs)
    return _joined("Join", xs, _on(xs[0].dims, axis))


def einsum(*xs: Shape, equation: str, scaled: bool = False) -> Step:
    """Sum of products over axes named by letters, as in "bij,bjk->bik"; axes in front stay as they are.

        params = 0
        MACs = product of the sizes of all letters of a pair of layers, for each layer beyond the first

    Layers are multiplied pairwise from the left: what the product keeps, by the next. What one of a pair alone
    sums is summed before. A letter twice in a layer takes the diagonal; dots stand for the axes without a letter.
    Factors that are scaled before, as in attention, are copies, which training keeps.

    Source: numpy.einsum; torch.einsum without opt_einsum.
    """
    terms, out = named_axes(equation, [len(x.dims) for x in xs])
    sizes, constraints = dict[str, Dim](), list[Constraint]()
    for name, size in ((name, size) for term, x in zip(terms, xs, strict=True) for name, size in zip(term, x.dims)):  # noqa: B905  (named_axes makes them equal)
        known = sizes.setdefault(name, size)
        text = f"the axis {name} of {equation} cannot be both {{}} and {{}}"
        constraints.append(equal(known, size, text) if name.isalpha() else _paired(known, size))
        sizes[name] = known if name.isalpha() else maximum(known, size)
    y = Shape(tuple(sizes[name] for name in out) or (1,), max(len(out) - 1, 0))
    left: AbstractSet[str] = frozenset(terms[0])
    products = list[Product]()
    for place, right in enumerate(terms[1:], 2):
        later = {*out}.union(*terms[place:])
        both = multiplied(left, {*right}, later)
        products.append(Product(product(sizes[name] for name in sorted(both)), (tuple(range(place - 1)), (place - 1,))))
        left = both & later
    tally = Tally(matmul_mac=total(each.macs for each in products))
    keeps = tuple(x.elements for x in xs) if scaled else None
    return Step("Einsum", y, tally, constraints=tuple(constraints), products=tuple(products), keeps=keeps)


def multiplied(left: AbstractSet[str], right: AbstractSet[str], later: AbstractSet[str]) -> AbstractSet[str]:
    """Return the axes of a product of two layers; what one of them alone has and nothing reads later is summed."""
    return left & (right | later) | right & (left | later)


def named_axes(equation: str, ranks: Sequence[int]) -> tuple[list[Sequence[str]], Sequence[str]]:
    """Return the names of the axes of each layer and of what comes out: letters, or numbers from the last for dots."""
    reads, arrow, writes = "".join(equation.split()).partition("->")
    parts = [text.partition("...") if "..." in text else ("", "", text) for text in reads.split(",")]
    plain = "".join(before + after for before, _, after in parts)
    is_known = {*writes.replace("...", "", 1)} <= {*plain} and not any(writes.count(each) > 1 for each in plain)
    if len(parts) != len(ranks) or (plain and not plain.isalpha()) or not is_known:
        raise ShapeError(f"the equation {equation} does not name the axes of {len(ranks)} layers and of the output")
    terms, most = list[Sequence[str]](), 0
    for (before, _, after), rank in zip(parts, ranks, strict=True):
        count = rank - len(before) - len(after)
        if count < 0 or (count and "..." in reads and not _):
            raise ShapeError(f"the equation {equation} does not fit a layer with {rank} axes")
        terms.append((*before, *map(str, range(-count, 0)), *after))
        most = max(most, count)
    if not arrow:
        writes = f"...{''.join(sorted(each for each in {*plain} if plain.count(each) == 1))}"
    start, dots, end = writes.partition("...") if "..." in writes else ("", "" if "..." in reads else "...", writes)
    return terms, (*start, *(map(str, range(-most, 0)) if dots else ()), *end)


MOST_ORDERED = 8
"""The most layers of a sum of products whose cheapest order is looked for."""


def cheapest(equation: str, dims: Sequence[tuple[int, ...]]) -> int:
    """Return the MACs of the cheapest order of a sum of products: all pairs of all sets of layers."""
    terms, out = named_axes(equation, [*map(len, dims)])
    pairs = zip((name for term in terms for name in term), (size for each in dims for size in each), strict=True)
    sizes, last = dict(sorted(pairs, key=lambda pair: pair[1])), (1 << len(terms)) - 1
    read = [
        {name for place, term in enumerate(terms) if each >> place & 1 for name in term} for each in range(last + 1)
    ]
    kept, best = [names & ({*out} | read[last ^ each]) for each, names in enumerate(read)], [0] * (last + 1)
    for each in range(1, last + 1):
        splits = [part for part in range(1, each) if part | each == each and part < each ^ part]
        costs = (
            best[part] + best[each ^ part] + prod(sizes[name] for name in kept[part] | kept[each ^ part])
            for part in splits
        )
        best[each] = min(costs, default=0)
    return best[last]


def operation(
    *xs: Shape,
    operator: str,  # noqa: ARG001  (a name, for people)
    size: tuple[Dim, ...],
    axes: int | None = None,
    channel_axis: int = -1,
) -> Step:
    """Operation without multiplications, described by its output only.

        params = 0
        MACs = 0; elements are tallied as they are written

    `size` replaces the last `axes` axes of the first input.

    Source: operators of ONNX such as TopK, CumSum and ScatterND.
    """
    y = _placed(_kept(xs[0], axes)[0], size, channel_axis)
    return Step("Operation", y, Tally(other_out=y.elements))
