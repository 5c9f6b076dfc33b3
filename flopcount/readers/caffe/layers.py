"""Layers of Caffe: how each type becomes rows, with its own parameters and those of well-known forks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any

from flopcount.readers.base import Builder, Held, Op, Origin, Signal, known, plain_layer
from flopcount.readers.caffe.text import TextMessage


@dataclass(frozen=True, slots=True)
class Blob(Signal):
    """A blob without its first axis, the batch; `lead` axes stand for that one, such as regions of an image."""

    lead: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes after the first axis of Caffe."""
        return self.dims[self.lead :]


Made = Blob | list[Blob]

CONVOLUTIONS = ("Convolution", "Deconvolution", "ConvolutionDepthwise", "DepthwiseConvolution")
NAMED = {**dict.fromkeys(CONVOLUTIONS, "Convolution"), "Normalize": "Norm"}
"""Layers whose parameters are in the message of another type."""


@dataclass(slots=True)
class LayerOp(Op):
    """A layer: its message, its type, the blobs it reads, and the message with its parameters.

    A blob is None if its size is unknown. `batch` is that of the file.
    """

    message: TextMessage
    kind: str
    given: tuple[Blob | None, ...]
    options: TextMessage
    batch: int

    @property
    def xs(self) -> tuple[Blob, ...]:
        """All blobs that it reads."""
        return tuple(map(known, self.given))

    @property
    def x(self) -> Blob:
        """The first blob."""
        if not self.given:
            raise self.problem("it has no inputs")
        return known(self.given[0])

    @property
    def rank(self) -> int:
        """The number of axes after the batch."""
        return len(self.x.sizes)

    @property
    def plane(self) -> tuple[int, int]:
        """The height and width of the first blob."""
        if len(self.x.spatial) != 2:  # noqa: PLR2004  (a plane)
            raise self.problem(f"it needs a map of two axes; its input has {len(self.x.spatial)}")
        height, width = self.x.spatial
        return height, width

    def row(self, kind: str, *xs: Signal, tail: str = "", lead: int | None = None, **fields: Any) -> Blob:
        """Add a node; `lead` is as in the first blob, unless it is given."""
        name = f"{self.name}_{tail}" if tail else self.name
        y = self.builder.add(self.origin, kind, xs, fields, name=name, held=self.held)
        return Blob(y.path, y.shape, getattr(xs[0], "lead", 0) if lead is None else lead)

    def reshaped(self, size: list[int], tail: str = "", channel: int | None = None, grown: int = 0) -> Blob:
        """Add a reshape of what is after the first axis; the channels go first unless it is said."""
        axis = grown - len(size) if channel is None else channel
        lead = self.x.lead + grown
        return self.row("Reshape", self.x, tail=tail, lead=lead, size=size, axes=self.rank, channel_axis=axis)

    def vectors(self, axis: int = 0) -> Blob:
        """Return the first blob with the axes from one on as channels, and those before it as copies."""
        x, sizes = self.x, self.x.sizes
        if axis == 0 and x.shape.channel_axis == x.lead:
            return self.row("Flatten", x, tail="flat") if x.spatial else x
        if axis == x.shape.channel_axis - x.lead == len(sizes) - 1:
            return x
        return self.reshaped([*sizes[:axis], prod(sizes[axis:])], tail="flat", channel=-1)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a parameter: an integer, or a word."""
        text = self.options.word(key)
        return self.options.numbers(key)[-1] if text.removeprefix("-").isdecimal() else text or default

    def numbers(self, key: str) -> list[int]:
        """Return all values of a parameter."""
        return self.options.numbers(key)

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001  (a value like any other)
        """Return a parameter that is true or false."""
        return self.options.word(key, str(default)).lower() in {"true", "1"}

    def sizes(self, key: str, count: int, default: Any = None, short: str = "") -> tuple[int, ...]:
        """Return a parameter for each axis: once for all, once for each, or as height and width."""
        sides = [self.numbers(f"{short or key}_{letter}") for letter in "hw"]
        if any(sides):
            return tuple(side[-1] if side else int(default or 0) for side in sides)
        found = self.numbers(key) or [self.number(key, default)]
        return tuple(found if len(found) == count else found[:1] * count)

    def axis(self, key: str, default: int) -> int:
        """Return an axis, counted without the batch."""
        found = self.number(key, default)
        place = found + self.rank if found < 0 else found - 1
        if not 0 <= place < self.rank:
            raise self.problem(f"{key} = {found} is not one of the {self.rank} axes after the batch")
        return place

    def only(self, *keys: str) -> None:
        """Refuse parameters beside those named, which would make another layer."""
        for key in self.options.fields.keys() - {*keys}:
            raise self.problem(f"{key[:50]} is not supported")


def layer_op(
    builder: Builder, message: TextMessage, xs: tuple[Blob | None, ...], held: Held, *, kind: str, batch: int
) -> LayerOp:
    """Return a layer with its parameters: those in its own message, if there is one."""
    wanted = NAMED.get(kind, kind).lower()
    own = (key for key in message.fields if key.endswith("_param"))
    keys = (key for key in own if key.removesuffix("_param").replace("_", "") == wanted)
    options = next((message.message(key) for key in keys), message)
    name = message.word("name") or kind
    origin = Origin(name, kind, message.line)
    return LayerOp(builder, origin, name, message, kind, xs, options, batch, held=held)


def _concat(op: LayerOp) -> Made:
    axis = op.axis("axis", op.number("concat_dim", 1))
    if len(op.xs) == 1:
        return op.row("Identity", op.x)
    if axis == op.x.shape.channel_axis - op.x.lead:
        return op.row("Concat", *op.xs)
    return op.row("Join", *op.xs, axis=axis - op.rank)


OPERATIONS = {**dict.fromkeys(("PROD", "0"), "Mul"), **dict.fromkeys(("SUM", "1"), "Add")}


def _eltwise(op: LayerOp) -> Made:
    operation = op.options.word("operation", "SUM")
    if operation in {"MAX", "2"}:
        return op.row("Elementwise", *op.xs, function="max")
    if operation not in OPERATIONS:
        raise op.invalid("operation", operation, "PROD, SUM or MAX")
    return op.row(OPERATIONS[operation], *op.xs)


def _slices(op: LayerOp) -> Made:
    """Add the parts of an axis: cut at given points, or equal."""
    axis, count = op.axis("axis", op.number("slice_dim", 1)), len(op.message.words("top"))
    full, points = op.x.sizes[axis], op.numbers("slice_point")
    if not points and (not count or full % count):
        raise op.problem(f"an axis of size {full} cannot be split into {count} equal parts")
    cuts = [0, *points, full] if points else [*range(0, full + 1, full // count)]
    sizes = [after - before for before, after in pairwise(cuts)]
    return [op.row("Take", op.x, tail=f"part{n}", axis=axis - op.rank, size=size) for n, size in enumerate(sizes, 1)]


def _reshape(op: LayerOp) -> Made:
    """Add a reshape: 0 keeps a size, -1 takes what is left, and the first size is the batch."""
    batch = op.batch * prod(op.x.dims[: op.x.lead])
    old, first = [batch, *op.x.sizes], op.number("axis", 0)
    first, count = first + len(old) + 1 if first < 0 else first, op.number("num_axes", -1)
    wanted = op.options.message("shape").numbers("dim")
    inner = [old[first + n] if size == 0 and first + n < len(old) else size for n, size in enumerate(wanted)]
    new = [*old[:first], *inner, *(old[first + count :] if count >= 0 else [])]
    new, total = (new if len(new) > 1 else [batch, -1]), prod(old)
    left = total // max(prod(size for size in new if size != -1), 1)
    sizes = [left if size == -1 else size for size in new]
    if new.count(-1) > 1 or min(sizes) < 1 or prod(sizes) != total:
        shown = "×".join(str(size) for size in new[1:])
        raise op.problem(f"{prod(op.x.sizes)} elements cannot be reshaped to {shown}")
    return _rebatched(op, sizes, batch)


def _rebatched(op: LayerOp, sizes: list[int], batch: int) -> Made:
    """Add a reshape; a larger first axis is one of copies, and a smaller one takes from the axis after it."""
    first, second, *rest = sizes
    if first == batch:
        return op.reshaped([second, *rest])
    if first % batch == 0:
        return op.reshaped([first // batch, second, *rest], grown=1)
    if second * first % batch:
        raise op.problem(f"a batch of {batch} cannot become one of {first}")
    return op.reshaped([second * first // batch, *rest])


def _permute(op: LayerOp) -> Made:
    order, rank = op.numbers("order"), op.rank
    order = [*order, *(axis for axis in range(rank + 1) if axis not in order)]
    if order[0] != 0:
        raise op.problem("it moves the batch, which is not supported")
    return op.row("Permute", op.x, order=[axis - 1 - rank for axis in order[1:]], channel_axis=-rank)


def _crop(op: LayerOp) -> Made:
    """Add a crop to the size of a second blob, along a given axis and those after it."""
    one, other = op.xs[0].sizes, op.xs[-1].sizes
    first, rank, y = op.axis("axis", 2), op.rank, op.x
    if len(other) != rank:
        raise op.problem(f"a blob of {rank} axes cannot be cropped to one of {len(other)}")
    for axis in range(first, rank):
        if one[axis] < other[axis]:
            raise op.problem(f"an axis of size {one[axis]} cannot be cropped to {other[axis]}")
        if one[axis] != other[axis]:
            y = op.row("Take", y, tail=f"axis{axis}" if axis != first else "", axis=axis - rank, size=other[axis])
    return y if y is not op.x else op.row("Identity", op.x)


def _conv(op: LayerOp) -> Made:
    """Add a convolution; of several blobs each goes through the same filters."""
    again = replace(op, held="shared")
    others = [_filtered(again, x, f"{number}") for number, x in enumerate(op.xs[1:], 2)]
    return [_filtered(op, op.x), *others] if others else _filtered(op, op.x)


def _filtered(op: LayerOp, x: Blob, tail: str = "") -> Blob:
    count, is_depthwise = len(x.spatial), op.kind in CONVOLUTIONS[2:]
    if not count:
        raise op.problem("it needs a map; its input has no spatial axes")
    if op.number("axis", 1) != 1:
        raise op.problem("only an axis of 1 is supported")
    return op.row(
        "ConvTranspose" if op.kind == "Deconvolution" else "Conv",
        x,
        tail=tail,
        out_channels=op.number("num_output", x.channels if is_depthwise else None),
        kernel_size=op.sizes("kernel_size", count, short="kernel"),
        stride=op.sizes("stride", count, 1),
        padding=op.sizes("pad", count, 0),
        dilation=op.sizes("dilation", count, 1),
        groups=op.number("group", x.channels if is_depthwise else 1),
        bias=op.flag("bias_term", True),
    )


def _linear(op: LayerOp) -> Made:
    x = op.vectors(op.axis("axis", 1))
    return op.row("Linear", x, out_features=op.number("num_output"), bias=op.flag("bias_term", True))


def _recurrent(op: LayerOp) -> Made:
    """Add a recurrent layer over the steps of a sequence, which are Caffe's first axis, for each sequence beside it."""
    if op.flag("expose_hidden", False):
        raise op.problem("expose_hidden is not supported")
    options = op.message.message("recurrent_param") if op.kind != "Lstm" else op.options
    width, kind = (options.numbers("num_output") or [0])[-1], "RNN" if op.kind == "RNN" else "LSTM"
    x = op.vectors(min(1, op.rank - 1))
    if x.shape.channel_axis == x.lead:
        x = op.row("Reshape", x, tail="one", size=[1, x.channels], axes=1)
    y = op.row(kind, x, hidden_size=width, recurrent_bias=False)
    if len(op.given) > 2 and op.kind != "Lstm":  # noqa: PLR2004  (a blob that is the same at each step)
        gates = width * (4 if kind == "LSTM" else 1)
        static = replace(op, given=op.given[2:3])
        static.row("Linear", static.vectors(), tail="static", out_features=gates, bias=False)
    return op.row("Linear", y, tail="out", out_features=width) if kind == "RNN" else y


POOLS = {"MAX": "Max", "0": "Max", **dict.fromkeys(("AVE", "STOCHASTIC", "1", "2"), "Avg")}


def _pool(op: LayerOp) -> Made:
    """Add a pool: the last window may extend past the end if it begins inside."""
    method = op.options.word("pool", "MAX")
    if method not in POOLS:
        raise op.invalid("pool", method, "MAX, AVE or STOCHASTIC")
    if op.flag("global_pooling", False):
        return op.row(f"Global{POOLS[method]}Pool", op.x)
    kind, count = f"{POOLS[method]}Pool", len(op.x.spatial)
    size, stride = op.sizes("kernel_size", count, short="kernel"), op.sizes("stride", count, 1)
    pad, steps = op.sizes("pad", count, 0), None if stride == size else stride
    rounds_down = op.options.word("round_mode", "CEIL") in {"FLOOR", "1"} or not op.flag("ceil_mode", True)
    leaps = not any(pad) and any(step > side for step, side in zip(stride, size, strict=True))
    if rounds_down or not (leaps or any(2 * edge > side for edge, side in zip(pad, size, strict=True))):
        return op.row(kind, op.x, kernel_size=size, stride=steps, padding=pad, ceil_mode=not rounds_down)
    border = tuple(_border(*axis, padded=any(pad)) for axis in zip(op.x.spatial, size, stride, pad, strict=True))
    return op.row(kind, op.row("Pad", op.x, tail="border", padding=border), kernel_size=size, stride=steps)


def _border(have: int, size: int, step: int, pad: int, *, padded: bool) -> tuple[int, int]:
    """Return the border that Caffe's windows reach: without padding, the last may even begin after the end."""
    last = -((size - have - 2 * pad) // step) * step
    last -= step if padded and last >= have + pad else 0
    return pad, max(last + size - have - pad, 0)


def _batch_norm(op: LayerOp) -> Made:
    """Add the batch norm of a fork: that of SegNet has no means and variances, and for inference it is a scale."""
    op = replace(op, held="frozen") if op.flag("frozen", False) else op
    if op.options.word("bn_mode") in {"INFERENCE", "1"}:
        return op.row("Affine", op.x)
    return op.row("BatchNorm", op.x, track_running_stats=not {"bn_mode", "shift_filler"} & op.options.fields.keys())


def _scale(op: LayerOp) -> Made:
    """Add a scale, and a shift if there is one: given by a second blob, or learned for some axes."""
    if len(op.given) > 1:
        y = op.row("Mul", *op.xs[:2])
        if not op.flag("bias_term", False):
            return y
        if op.number("axis", 1) != 1:
            raise op.problem("bias_term beside a second blob is supported for an axis of 1 only")
        return _learned(op, y, "add", "shift", len(op.xs[1].sizes) + 1)
    if op.number("axis", 1) == op.number("num_axes", 1) == 1 and op.x.shape.channel_axis == op.x.lead:
        return op.row("Affine" if op.flag("bias_term", False) else "LayerScale", op.x)
    y = _learned(op, op.x, "mul", "scale")
    return _learned(op, y, "add", "shift") if op.flag("bias_term", False) else y


def _bias(op: LayerOp) -> Made:
    if len(op.given) < 2:  # noqa: PLR2004  (a blob to add)
        return _learned(op, op.x, "add", "shift")
    x, y = op.xs[:2]
    first = op.number("axis", 1) - 1  # that of the batch is the first of both
    size = [1] * max(first, 0) + [*y.sizes] if first >= 0 else [*y.sizes]
    fitted = [*size, *[1] * (op.rank - len(size))]
    y = y if fitted == [*y.sizes] else replace(op, given=(y,)).reshaped(fitted, tail="shift")
    return op.row("Elementwise", x, y, function="add")


def _learned(op: LayerOp, x: Blob, function: str, tail: str, count: int | None = None) -> Blob:
    """Combine a blob with learned numbers, one for each place of some axes."""
    count = op.number("num_axes", 1) if count is None else count
    axis = op.axis("axis", 1) if count else op.rank  # one number, whatever the axis
    last = op.rank if count == -1 else axis + count
    size = [one if axis <= place < last else 1 for place, one in enumerate(x.sizes)]
    weight = op.row("Parameter", x, tail=tail, lead=0, size=size[axis:] or [1], channel_axis=-1)
    return op.row("Elementwise", x, weight, tail=f"{tail}ed" if tail == "shift" else "", function=function)


def _axpy(op: LayerOp) -> Made:
    """Add a blob to another that is scaled channel by channel."""
    factor, x, y = op.xs
    return op.row("Add", op.row("Mul", x, factor, tail="scaled"), y)


def _normalize(op: LayerOp) -> Made:
    """Add a division by the length of a vector, with one scale or a scale for each channel."""
    if not op.flag("channel_shared", True):
        return op.row("RMSNorm", op.x)
    y = op.row("RMSNorm", op.x, elementwise_affine=False)
    return op.row("Elementwise", y, op.row("Parameter", y, tail="scale", size=[1]), tail="scaled", function="mul")


def _relu(op: LayerOp) -> Made:
    slope = op.options.word("negative_slope", "0").rstrip("0.")
    return op.row("Activation", op.x, function="leaky_relu" if slope else "relu")


def _flat(op: LayerOp) -> Made:
    first, last, sizes = op.axis("axis", 1), op.axis("end_axis", -1), op.x.sizes
    if first == 0 and last == op.rank - 1 and op.x.shape.channel_axis == op.x.lead:
        return op.row("Flatten", op.x)
    return op.reshaped([*sizes[:first], prod(sizes[first : last + 1]), *sizes[last + 1 :]])


def _softmax(op: LayerOp) -> Made:
    axis = op.axis("axis", 1)
    if axis == op.x.shape.channel_axis - op.x.lead:
        return op.row("Softmax", op.x)
    if axis != op.rank - 1:
        raise op.problem("only a softmax over the channels or the last axis is supported")
    return op.row("Softmax", op.row("ChannelsLast", op.x, tail="last"))


def _embed(op: LayerOp) -> Made:
    count = op.number("num_output")
    y = op.row("Embedding", op.x, num_embeddings=op.number("input_dim"), embedding_dim=count)
    biased = op.flag("bias_term", True)
    return op.row("Constants", y, tail="bias", count=count, trained=True) if biased else y


def _tile(op: LayerOp) -> Made:
    axis, sizes = op.axis("axis", 1), [*op.x.sizes]
    sizes[axis] *= op.number("tiles")
    return op.row("Expand", op.x, size=sizes, axes=op.rank, channel_axis=-op.rank)


def _reduction(op: LayerOp) -> Made:
    axes = [*range(op.axis("axis", 0) - op.rank, 0)]
    return op.row("Reduce", op.x, axes=axes, function="sum", keepdim=False)


def _pyramid(op: LayerOp) -> Made:
    """Add the maxima of grids of 1, 2×2, 4×4 … windows, one after the other."""
    height = op.number("pyramid_height")
    if not 1 <= height <= 10:  # noqa: PLR2004  (a grid of 512×512)
        raise op.invalid("pyramid_height", height, "an integer from 1 to 10")
    return op.row("Operation", op.x, operator="SPP", size=[op.x.channels * (4**height - 1) // 3], axes=op.rank)


def _interpolated(op: LayerOp) -> Made:
    """Add a resize: by a factor less one step at the end, to a given size, or to that of a second blob."""
    if len(op.given) > 1:
        return op.row("Interpolate", *op.xs[:2], mode="bilinear")
    border, sizes = op.number("pad_beg", 0) + op.number("pad_end", 0), []
    given = [op.number("height", 0), op.number("width", 0)]
    shrink, zoom = op.number("shrink_factor", 0), op.number("zoom_factor", 0)
    if not all(given) and not shrink and not zoom:
        raise op.problem("it needs a height and a width, a zoom_factor or a shrink_factor")
    for size, wanted in zip(op.plane, given, strict=True):
        steps = size + border - 1
        if all(given) and bool(shrink) == bool(zoom):
            sizes.append(wanted)
        else:
            sizes.append(steps // max(shrink, 1) * max(zoom, 1) + 1)
    return op.row("Interpolate", op.x, size=sizes, mode="bilinear")


def _upsampled(op: LayerOp) -> Made:
    """Add an enlargement, whether by copies or to the places that a pool took its maxima from."""
    scale = op.sizes("scale", 2, 2)
    given = [(op.numbers(f"upsample_{letter}") or [0])[-1] for letter in "hw"]
    less = [op.flag(f"pad_out_{letter}", False) for letter in "hw"]
    sides = zip(op.plane, scale, given, less, strict=True)
    size = [want or have * factor - cut for have, factor, want, cut in sides]
    return op.row("Interpolate", op.x, size=size)


def _bordered(op: LayerOp) -> Made:
    return op.row(
        "Pad", op.x, padding=tuple(tuple(op.number(f"pad_{side}", 0) for side in pair) for pair in ("ud", "lr"))
    )


def _reorganized(op: LayerOp) -> Made:
    stride = op.number("stride", 2)
    if op.flag("reverse", False):
        return op.row("PixelShuffle", op.x, upscale_factor=stride)
    return op.row("PixelUnshuffle", op.x, downscale_factor=stride)


PRIORS = ("min_size", "max_size", "aspect_ratio", "flip", "clip", "variance", "img_size", "img_h", "img_w", "step")


def _priors(op: LayerOp) -> Made:
    """Add the boxes at each position, and their variances: a box for each size and ratio of sides."""
    op.only(*PRIORS, "step_h", "step_w", "offset")
    ratios = {Fraction(1)}
    for text in op.options.words("aspect_ratio"):
        ratio = _decimal(op, text)
        if ratio not in ratios:
            ratios |= {ratio, 1 / ratio} if op.flag("flip", True) else {ratio}
    boxes = len(ratios) * len(op.options.words("min_size")) + len(op.options.words("max_size"))
    size = [2, 4 * boxes * prod(op.x.spatial)]
    return op.row("Operation", op.x, operator=op.kind, size=size, axes=op.rank, channel_axis=-2)


def _decimal(op: LayerOp, text: str) -> Fraction:
    digits = text.replace(".", "", 1)
    found = Fraction(text) if digits.isdecimal() and digits.isascii() and len(text) < 20 else Fraction(0)  # noqa: PLR2004
    if not found:
        raise op.invalid("aspect_ratio", text, "a number above 0")
    return found


REGIONS: Mapping[str, Callable[[LayerOp], list[int]]] = {
    **dict.fromkeys(
        ("ROIPooling", "ROIAlign"), lambda op: [op.x.channels, op.number("pooled_h"), op.number("pooled_w")]
    ),
    **dict.fromkeys(
        ("PSROIPooling", "PSROIAlign"), lambda op: [op.number("output_dim"), *[op.number("group_size")] * 2]
    ),
}
"""Layers that make a map for each region of an image: its sizes."""


def _regions(op: LayerOp) -> Made:
    """Add a map for each region; of regions that an unknown layer makes there is at least one."""
    rois = op.given[1] if len(op.given) > 1 else None
    count = prod(rois.dims[: rois.lead]) if rois else 1
    size, xs = [count, *REGIONS[op.kind](op)], [op.x, *([rois] if rois else [])]
    channels = -len(size) + 1
    return op.row(
        "Operation", *xs, lead=op.x.lead + 1, operator=op.kind, size=size, axes=op.rank, channel_axis=channels
    )


FUNCTIONS = {"ReLU6": "relu6", "ELU": "elu", "Sigmoid": "sigmoid", "TanH": "tanh", "Swish": "silu", "BNLL": "softplus"}
FUNCTIONS |= {"Mish": "mish", **dict.fromkeys(("HSwish", "Hardswish", "HardSwish"), "hardswish")}
FUNCTIONS |= dict.fromkeys(("HSigmoid", "HardSigmoid"), "hardsigmoid")
ELEMENTWISE = {"AbsVal": "abs", "Exp": "exp", "Log": "log", "Power": "pow", "Clip": "clip", "Threshold": "greater"}

LAYERS: Mapping[str, Callable[[LayerOp], Made]] = {
    **dict.fromkeys(CONVOLUTIONS, _conv),
    "InnerProduct": _linear,
    "Pooling": _pool,
    # one number is kept that divides the means and variances
    "BatchNorm": lambda op: op.row("Constants", op.row("BatchNorm", op.x, affine=False), tail="factor", count=1),
    "BN": _batch_norm,
    "Scale": _scale,
    "Bias": _bias,
    "Axpy": _axpy,
    "LRN": lambda op: op.row("LocalResponseNorm", op.x, size=op.number("local_size", 5)),
    "MVN": plain_layer("InstanceNorm"),
    "Normalize": _normalize,
    "ReLU": _relu,
    "PReLU": lambda op: op.row("PReLU", op.x, num_parameters=1 if op.flag("channel_shared", False) else op.x.channels),
    **{kind: plain_layer("Activation", function=function) for kind, function in FUNCTIONS.items()},
    **{kind: plain_layer("Elementwise", function=function) for kind, function in ELEMENTWISE.items()},
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), _softmax),
    "Concat": _concat,
    "Eltwise": _eltwise,
    "Slice": _slices,
    "Split": lambda op: [op.x] * max(len(op.message.words("top")), 1),
    "Tile": _tile,
    "Reduction": _reduction,
    "SPP": _pyramid,
    "Interp": _interpolated,
    "Upsample": _upsampled,
    "Reorg": _reorganized,
    "PixelShuffle": lambda op: op.row("PixelShuffle", op.x, upscale_factor=op.number("upscale_factor")),
    "Pad": _bordered,
    **dict.fromkeys(("RNN", "LSTM", "Lstm"), _recurrent),
    "PriorBox": _priors,
    **dict.fromkeys(REGIONS, _regions),
    "Flatten": _flat,
    "Dropout": plain_layer("Dropout"),
    "Reshape": _reshape,
    "Permute": _permute,
    "Crop": _crop,
    "ShuffleChannel": lambda op: op.row("ChannelShuffle", op.x, groups=op.number("group", 1)),
    "Embed": _embed,
}
"""The function that adds the nodes of each type of layer."""
