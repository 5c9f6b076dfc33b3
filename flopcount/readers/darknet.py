"""Darknet networks: `.cfg` files, with the windows of AlexeyAB's fork; files of the original give the same sizes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import Note, Refusal, suggestion
from flopcount.formulas.shape import Shape
from flopcount.readers.base import (
    ACTIVATIONS,
    Build,
    Builder,
    Op,
    Origin,
    ReadOptions,
    ReadResult,
    Signal,
    Unknowns,
    batch_asked,
    counted_unknown,
    known,
    network_name,
    plain_layer,
    plain_word,
    sized,
    sizes_asked,
)
from flopcount.spec.text import read_text


class Section(NamedTuple):
    """A section of a file: its kind, its options, and the line where it begins."""

    kind: str
    options: Mapping[str, str]
    line: int


@dataclass(slots=True)
class SectionOp(Op):
    """A layer: its section, its number, and the outputs of the layers before it."""

    section: Section
    place: int
    before: Sequence[Signal | None]

    @property
    def x(self) -> Signal:
        """The output of the layer above; before the first layer, the network's input."""
        return known(self.before[-1])

    def image(self, x: Signal) -> Signal:
        """Return an output as a map: a vector is one of a single position."""
        if x.spatial:
            return x
        return self.row("Reshape", x, tail="map", size=[x.channels, 1, 1], channel_axis=-3)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an option: integers if it consists of them, else its text."""
        text = self.section.options.get(key)
        if text is None:
            return default
        try:
            numbers = [int(part) for part in text.split(",")]
        except ValueError:
            return text
        return numbers if len(numbers) > 1 else numbers[0]

    def earlier(self, number: int) -> Signal:
        """Return the output of an earlier layer: counted from 0, or backwards from this one."""
        place = number + self.place if number < 0 else number
        if not 0 <= place < self.place:
            raise self.problem(f"layer {number} is not one of the {self.place} layers before it")
        return known(self.before[place + 1])

    @property
    def normed(self) -> dict[str, Any]:
        """The fields of a batch norm instead of a bias, if there is one."""
        return {"bias": False, "norm": "batch"} if self.number("batch_normalize", 0) else {"bias": True}


FUNCTIONS: Mapping[str, str] = {
    **ACTIVATIONS,
    **dict.fromkeys(("ramp", "revleaky"), "leaky_relu"),
    **dict.fromkeys(("plse", "lhtan", "stair"), "hardtanh"),
    "loggy": "tanh",
}
"""Darknet's functions: each with the name here of the one that costs the same."""

OVER_CHANNELS = ("normalizechannels", "normalizechannelssoftmax", "normalizechannelssoftmaxmaxval")
"""Functions that divide by a sum over the channels, as a softmax does."""


def _function(op: SectionOp, default: str) -> str | None:
    name = str(op.get("activation", default))
    if name != "linear" and plain_word(name) not in {*FUNCTIONS, *OVER_CHANNELS}:
        raise op.problem(f"unknown activation {name[:50]!r}; {suggestion(name, [*FUNCTIONS])}")
    return FUNCTIONS.get(plain_word(name))


def _finished(op: SectionOp, y: Signal) -> Signal:
    """Add what follows the filters or the pool of a section: a function over the channels, and a fixed blur."""
    if plain_word(str(op.get("activation"))) in OVER_CHANNELS:
        y = op.row("Softmax", y, tail="activation")
    if not (kind := op.number("antialiasing", 0)):
        return y
    size, border = (2, 0) if kind == 2 else (3, 1)  # noqa: PLR2004  (Darknet's number of a smaller one)
    fixed = replace(op, held="shared")  # its numbers are the same for every network, and in no file of weights
    stride = _strides(op, moved=True)
    return fixed.row("DepthwiseConv", y, tail="blur", kernel_size=size, stride=stride, padding=border, bias=False)


def _conv(op: SectionOp) -> Signal:
    fields = {**_dilated(op), **op.normed, "stride": _strides(op)}
    if op.number("xnor", 0):
        return _finished(op, op.row("BinaryConv", op.image(op.x), **fields))
    return _finished(op, op.row("Conv", op.image(op.x), **fields, groups=op.number("groups", 1)))


def _transposed(op: SectionOp) -> Signal:
    return op.row("ConvTranspose", op.x, **_window(op), **op.normed)


def _strides(op: SectionOp, *, moved: bool = False) -> tuple[int, int]:
    """Return the strides, which are those of the blur if there is one."""
    if op.number("antialiasing", 0) and not moved:
        return 1, 1
    stride = op.number("stride", 1)
    return op.number("stride_y", stride), op.number("stride_x", stride)


def _window(op: SectionOp, size: int = 1) -> dict[str, Any]:
    """Return what a filter without groups and dilation has."""
    size = op.number("size", size)
    return {
        "out_channels": op.number("filters", 1),
        "kernel_size": size,
        "stride": op.number("stride", 1),
        "padding": size // 2 if op.number("pad", 0) else op.number("padding", 0),
        "activation": _function(op, "logistic"),
    }


def _dilated(op: SectionOp, size: int = 1) -> dict[str, Any]:
    """Return the window of a filter with dilation, of which a filter of size 1 has none."""
    fields = _window(op, size)
    gap = op.number("dilation", 1) if fields["kernel_size"] > 1 else 1
    return {**fields, "dilation": gap, "padding": fields["padding"] * gap}


def _pool(op: SectionOp) -> Signal:
    """Add a pool; its padding is the sum of both sides, by default one less than the kernel."""
    size = op.number("size", op.number("stride", 1))
    if op.number("maxpool_depth", 0):
        deep = [op.number("out_channels", 1), *op.x.spatial]
        return _finished(op, op.row("Operation", op.x, operator="maxpool_depth", size=deep, channel_axis=-len(deep)))
    padding = op.number("padding", size - 1)
    border = (padding // 2, padding - padding // 2)
    kind = "MaxPool" if op.section.kind == "maxpool" else "AvgPool"
    return _finished(op, op.row(kind, op.x, kernel_size=size, stride=_strides(op), padding=(border, border)))


def _connected(op: SectionOp) -> Signal:
    return _dense(op, op.x, op.number("output", 1), default="logistic")


def _dense(op: SectionOp, x: Signal, width: int, tail: str = "", default: str = "linear") -> Signal:
    """Add a linear layer with a bias or a batch norm, and a function."""
    named = f"{tail}_" if tail else ""
    x = op.row("Flatten", x, tail=f"{named}flat") if x.shape.spatial else x
    bias = op.normed["bias"]
    y = op.row("Linear", x, tail=tail, out_features=width, bias=bias)
    y = y if bias else op.row("BatchNorm", y, tail=f"{named}norm")
    return _activated(op, y, default, f"{named}activation")


def _filtered(op: SectionOp, x: Signal, width: int, tail: str = "") -> Signal:
    """Add a convolution of a recurrent section."""
    fields = {**_dilated(op, 3), **op.normed, "out_channels": width, "groups": op.number("groups", 1)}
    return op.row("Conv", op.image(x), tail=tail, **fields)


Filter = Callable[..., Signal]
"""Adds a linear layer or a convolution of a given width."""


def _gates(op: SectionOp, add: Filter, width: int, count: int, tail: str = "") -> Signal:
    """Add one step of a cell: as many filters of the input as of the state, and their sum."""
    x, few = op.x, op.number("bottleneck", 0)
    if few:
        x = add(op, op.row("Concat", x, x, tail="both"), width, "bottleneck")
    inputs = [add(op, x, width, f"input{number}") for number in range(1, count + 1)]
    peeping = 3 if op.number("peephole", 0) else 0
    states = [add(op, inputs[0], width, f"state{number}") for number in range(1, peeping + (0 if few else count) + 1)]
    return op.row("Add", inputs[0], (states or inputs)[-1], tail=tail)


def _cell(add: Filter, count: int) -> Callable[[SectionOp], Signal]:
    """Return the function that adds a recurrent section of `count` gates."""
    return lambda op: _gates(op, add, op.number("output", 1), count)


def _plain_cell(add: Filter, hidden: str) -> Callable[[SectionOp], Signal]:
    """Return the function that adds a recurrent section whose state is hidden: filters make the output of it.

    Where `hidden` is missing, the option of that name gives the size: Darknet itself reads no other for an rnn.
    """

    def cell(op: SectionOp) -> Signal:
        width = op.number("hidden", op.number(hidden, 1))
        return add(op, _gates(op, add, width, 1, "state"), op.number("output", 1))

    return cell


def _activated(op: SectionOp, y: Signal, default: str, tail: str = "activation") -> Signal:
    function = _function(op, default)
    return op.row("Activation", y, tail=tail, function=function) if function else y


def _route(op: SectionOp) -> Signal:
    xs = [op.earlier(number) for number in op.numbers("layers")]
    if not xs:
        raise op.invalid("layers", None, "the numbers of earlier layers")
    groups, index = op.number("groups", 1), op.number("group_id", 0)
    if groups == 1:
        return op.row("Concat", *xs) if len(xs) > 1 else op.row("Identity", xs[0])
    if len(xs) == 1:
        return op.row("Split", xs[0], sections=groups, index=index)
    parts = [op.row("Split", x, tail=f"part{n}", sections=groups, index=index) for n, x in enumerate(xs, 1)]
    return op.row("Concat", *parts)


def _shortcut(op: SectionOp) -> Signal:
    """Add a sum with earlier layers, of the size of the layer above.

    Of a larger map every second position is taken, or every third; what lacks channels or positions adds zeros there.
    """
    channels, xs = op.x.channels, [op.x]
    for place, number in enumerate(op.numbers("from"), 1):
        x = op.earlier(number)
        x = x if x.spatial == op.x.spatial else op.row("Interpolate", x, op.x, tail=f"sampled{place}")
        have = x.channels
        if have < channels:
            x = op.row("PadChannels", x, tail=f"widened{place}", padding=channels - have)
        xs.append(op.row("Slice", x, tail=f"cut{place}", stop=channels) if have > channels else x)
    xs = [_weighed(op, x, place) for place, x in enumerate(xs)]
    return op.row("Add", *xs, activation=_function(op, "linear"))


def _weighed(op: SectionOp, x: Signal, place: int) -> Signal:
    """Multiply what a shortcut adds by learned numbers: one for each layer, or for each of its channels."""
    kind = op.get("weights_type", "none")
    if kind == "none":
        return x
    if kind == "per_channel":
        return op.row("LayerScale", x, tail=f"weighed{place}")
    if kind not in {"per_feature", "per_layer"}:
        raise op.invalid("weights_type", kind, "per_feature, per_channel or none")
    weight = op.row("Parameter", x, tail=f"weight{place}", size=[1])
    return op.row("Elementwise", x, weight, tail=f"weighed{place}", function="mul")


def _implicit(op: SectionOp) -> Signal:
    size = [op.number("filters", 128), op.number("atoms", 1), 1]
    return op.row("Parameter", known(op.before[0]), size=size, channel_axis=-3)


def _spread(kind: str, **fields: str) -> Callable[[SectionOp], Signal]:
    """Return the function that combines the layer above with one number for each channel."""
    return lambda op: op.row(kind, op.x, op.earlier(op.number("from", -1)), **fields)


def _history(op: SectionOp) -> Signal:
    """Concatenate the channels of `history_size` frames."""
    size = [op.x.channels * op.number("history_size", 4), *op.x.spatial]
    return op.row("Expand", op.x, size=size, channel_axis=-len(size))


def _scaled(op: SectionOp) -> Signal:
    return _activated(op, op.row("Mul", op.earlier(op.number("from", -1)), op.x), "linear")


def _upsample(op: SectionOp) -> Signal:
    stride = op.number("stride", 2)
    if stride < 0:
        return op.row("AvgPool", op.x, kernel_size=-stride)
    return op.row("Interpolate", op.x, scale_factor=stride)


def _local(op: SectionOp) -> Signal:
    """Add a local layer, whose padding leaves a map of (size − 1) / stride + 1 whatever the kernel is."""
    fields = _window(op)
    around = fields["kernel_size"] - 1 if op.number("pad", 0) else 0
    border = (around // 2, around - around // 2)
    return op.row("LocallyConnected", op.image(op.x), **{**fields, "padding": (border, border)})


def _reorg(op: SectionOp) -> Signal:
    if extra := op.number("extra", 0):  # a vector of all elements, then zeros
        return op.row("PadChannels", op.row("Flatten", op.x, tail="flat"), padding=extra)
    if op.number("reverse", 0):
        return op.row("PixelShuffle", op.x, upscale_factor=op.number("stride", 1))
    return op.row("PixelUnshuffle", op.x, downscale_factor=op.number("stride", 1))


def _crop(op: SectionOp) -> Signal:
    wanted = (op.number("crop_height", 1), op.number("crop_width", 1))
    have = op.x.spatial
    if len(have) != len(wanted) or any(ours < theirs for ours, theirs in zip(have, wanted, strict=True)):
        raise op.problem(f"cannot crop {'×'.join(map(str, have))} to {wanted[0]}×{wanted[1]}")
    return op.row("Crop", op.x, cropping=tuple((0, ours - theirs) for ours, theirs in zip(have, wanted, strict=True)))


def _activation(op: SectionOp) -> Signal:
    function = _function(op, "linear")
    return op.row("Activation", op.x, function=function) if function else op.row("Identity", op.x)


HEADS = ("yolo", "region", "detection", "Gaussian_yolo", "iseg")
RECURRENT = ("rnn", "gru", "lstm", "crnn", "conv_lstm", "history")

LAYERS: Mapping[str, Callable[[SectionOp], Signal]] = {
    "convolutional": _conv,
    "deconvolutional": _transposed,
    "local": _local,
    "maxpool": _pool,
    "local_avgpool": _pool,
    "avgpool": plain_layer("GlobalAvgPool"),
    "connected": _connected,
    "route": _route,
    "shortcut": _shortcut,
    "scale_channels": _scaled,
    "sam": _scaled,
    "upsample": _upsample,
    "reorg": _reorg,
    "crop": _crop,
    "softmax": plain_layer("Softmax"),
    "batchnorm": plain_layer("BatchNorm"),
    "normalization": lambda op: op.row("LocalResponseNorm", op.x, size=op.number("size", 5)),
    "activation": _activation,
    "logistic": lambda op: op.row("Activation", op.x, function="sigmoid"),
    "dropout": plain_layer("Dropout"),
    "l2norm": plain_layer("RMSNorm", elementwise_affine=False),
    "rnn": _plain_cell(_dense, "output"),
    "gru": _cell(_dense, 3),
    "lstm": _cell(_dense, 4),
    "crnn": _plain_cell(_filtered, "hidden"),
    "conv_lstm": _cell(_filtered, 4),
    "history": _history,
    **dict.fromkeys(("implicit", "implicit_add", "implicit_mul"), _implicit),
    "shift_channels": _spread("Elementwise", function="add"),
    "control_channels": _spread("Elementwise", function="mul"),
    **dict.fromkeys((*HEADS, "cost", "contrastive", "empty", "silence"), plain_layer("Identity")),
}
"""The function that adds the nodes of each kind of section."""


MOST_SECTIONS = 100_000
"""A file with more layers is refused."""

SHORT: Mapping[str, str] = {
    "conv": "convolutional",
    "deconv": "deconvolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
    "conn": "connected",
    "lrn": "normalization",
    "reorg3d": "reorg",
    "local_avg": "local_avgpool",
    "logxent": "logistic",
}
"""Short names of sections."""


def read(path: Path) -> Build:
    """Parse a network."""
    first, *sections = _sections(read_text(path)) or [Section("", {}, 1)]
    if first.kind not in {"net", "network"} or not sections:
        raise Refusal("not a Darknet network, which begins with [net] and continues with layers")
    return partial(_network, path, first, sections)


def _network(path: Path, first: Section, sections: Sequence[Section], options: ReadOptions) -> ReadResult:
    sizes = _input_sizes(first)
    unknown = Unknowns(counted_unknown((each.kind for each in sections if each.kind not in LAYERS), options))
    asked = sizes_asked(options.input, ["input"], path.name)
    batch, sizes = batch_asked(options, asked, {"input": len(sizes)}), sized(sizes, asked.get("input"))
    builder, signals = Builder(), list[Signal | None]([Signal("input", Shape(sizes))])
    fixed = max((place for place, each in enumerate(sections) if each.options.get("stopbackward") == "1"), default=0)
    for place, section in enumerate(sections):
        op = _op(builder, section, place, signals, "frozen" if place < fixed else "")
        add = LAYERS.get(section.kind)
        made = unknown.after(section.kind, builder, partial(add, op)) if add else None
        if made is None and section.kind == "shortcut" and signals[-1]:  # its size is that of the layer above
            made = op.row("Identity", signals[-1])
        signals.append(made)
    builder.hold(signals[:1])
    nodes = tuple(builder.nodes)
    return ReadResult(
        network_name(path.stem), {"input": sizes}, nodes, tuple(_notes(first, sections)), dict(unknown), batch=batch
    )


def _notes(first: Section, sections: Sequence[Section]) -> Iterator[Note]:
    if any(section.kind in HEADS for section in sections):
        yield Note("decoding-uncounted", "decoding the detections (yolo, region) is not counted")
    steps = first.options.get("time_steps", "1")
    if steps != "1" and any(section.kind in RECURRENT for section in sections):
        what = f"one time step is counted, as Darknet's BFLOPs are; --batch {steps[:10]} counts a sequence of the file"
        yield Note("time-steps", what)


def _op(builder: Builder, section: Section, place: int, before: Sequence[Signal | None], held: str = "") -> SectionOp:
    """Return a section with its options."""
    origin = Origin(f"layer {place}", section.kind, section.line)
    held = "shared" if "share_index" in section.options and section.kind == "convolutional" else held
    return SectionOp(builder, origin, f"{section.kind}{place}", section, place, before, held=held)


def _sections(text: str) -> list[Section]:
    """Parse a file: [section], then lines of key=value; # and ; begin comments."""
    found: list[tuple[str, dict[str, str], int]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith("["):
            found.append((line.strip("[] \t"), {}, number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not found:
            raise Refusal(f"neither [section] nor key=value in a section: {line[:50]!r}", line=number)
        found[-1][1][key.strip()] = "".join(value.split())
    if len(found) > MOST_SECTIONS:
        raise Refusal(f"more than {MOST_SECTIONS} layers")
    return [Section(SHORT.get(kind, kind), options, number) for kind, options, number in found]


def _input_sizes(section: Section) -> tuple[int, ...]:
    """Return the input's channels, height and width, or its number of values."""
    op = _op(Builder(), section, 0, ())
    channels, *plane = [op.number(key, 0) for key in ("channels", "height", "width")]
    sizes = [channels or 3, *plane] if channels or any(plane) else [op.number("inputs", 0)]
    if min(sizes) < 1:
        raise op.problem("channels, height and width of the input are missing; give each as an integer from 1")
    return tuple(sizes)
