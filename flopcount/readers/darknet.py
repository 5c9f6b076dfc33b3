"""Darknet networks: `.cfg` files, with the windows of AlexeyAB's fork; files of the original give the same sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    batch_asked,
    counted_unknown,
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
    before: Sequence[Signal]

    @property
    def x(self) -> Signal:
        """The output of the layer above; before the first layer, the network's input."""
        return self.before[-1]

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
        return self.before[place + 1]

    @property
    def normed(self) -> dict[str, Any]:
        """The fields of a batch norm instead of a bias, if there is one."""
        return {"bias": False, "norm": "batch"} if self.number("batch_normalize", 0) else {"bias": True}


def _function(op: SectionOp, default: str) -> str | None:
    name = str(op.get("activation", default))
    if name != "linear" and plain_word(name) not in ACTIVATIONS:
        raise op.problem(f"unknown activation {name[:50]!r}; {suggestion(name, [*ACTIVATIONS])}")
    return ACTIVATIONS.get(plain_word(name))


def _conv(op: SectionOp) -> Signal:
    size, dilation = op.number("size", 1), op.number("dilation", 1)
    pad = size // 2 if op.number("pad", 0) else op.number("padding", 0)
    fields = {**_window(op), **op.normed, "padding": pad * dilation, "dilation": dilation, "stride": _strides(op)}
    if op.number("xnor", 0):
        return op.row("BinaryConv", op.x, **fields)
    return op.row("Conv", op.x, **fields, groups=op.number("groups", 1))


def _transposed(op: SectionOp) -> Signal:
    fields = {**_window(op), **op.normed}
    return op.row("ConvTranspose", op.x, **{**fields, "padding": fields["padding"] or op.number("padding", 0)})


def _strides(op: SectionOp) -> tuple[int, int]:
    stride = op.number("stride", 1)
    return op.number("stride_y", stride), op.number("stride_x", stride)


def _window(op: SectionOp) -> dict[str, Any]:
    """Return what a filter without groups and dilation has."""
    size = op.number("size", 1)
    return {
        "out_channels": op.number("filters", 1),
        "kernel_size": size,
        "stride": op.number("stride", 1),
        "padding": size // 2 if op.number("pad", 0) else 0,
        "activation": _function(op, "logistic"),
    }


def _pool(op: SectionOp) -> Signal:
    """Add a pool; its padding is the sum of both sides, by default one less than the kernel."""
    stride = op.number("stride", 1)
    size = op.number("size", stride)
    padding = op.number("padding", size - 1)
    border = (padding // 2, padding - padding // 2)
    kind = "MaxPool" if op.section.kind == "maxpool" else "AvgPool"
    return op.row(kind, op.x, kernel_size=size, stride=_strides(op), padding=(border, border))


def _connected(op: SectionOp) -> Signal:
    x = op.row("Flatten", op.x, tail="flat") if op.x.shape.spatial else op.x
    bias = op.normed["bias"]
    y = op.row("Linear", x, out_features=op.number("output", 1), bias=bias)
    return _activated(op, y if bias else op.row("BatchNorm", y, tail="norm"), "logistic")


def _activated(op: SectionOp, y: Signal, default: str) -> Signal:
    function = _function(op, default)
    return op.row("Activation", y, tail="activation", function=function) if function else y


def _route(op: SectionOp) -> Signal:
    xs = [op.earlier(number) for number in op.numbers("layers")]
    groups, index = op.number("groups", 1), op.number("group_id", 0)
    if groups == 1:
        return op.row("Concat", *xs) if len(xs) > 1 else op.row("Identity", xs[0])
    if len(xs) == 1:
        return op.row("Split", xs[0], sections=groups, index=index)
    parts = [op.row("Split", x, tail=f"part{n}", sections=groups, index=index) for n, x in enumerate(xs, 1)]
    return op.row("Concat", *parts)


def _shortcut(op: SectionOp) -> Signal:
    """Add a sum with earlier layers: fewer channels are filled with zeros, of more the first are taken."""
    if op.section.options.get("weights_type", "none") != "none":
        raise op.problem("weights_type (a weighted sum) is not supported")
    channels, xs = op.x.channels, [op.x]
    for place, number in enumerate(op.numbers("from"), 1):
        x = op.earlier(number)
        have = x.channels
        if have < channels:
            x = op.row("PadChannels", x, tail=f"widened{place}", padding=channels - have)
        xs.append(op.row("Slice", x, tail=f"cut{place}", stop=channels) if have > channels else x)
    return op.row("Add", *xs, activation=_function(op, "linear"))


def _scaled(op: SectionOp) -> Signal:
    return _activated(op, op.row("Mul", op.earlier(op.number("from", -1)), op.x), "linear")


def _upsample(op: SectionOp) -> Signal:
    stride = op.number("stride", 2)
    if stride < 0:
        return op.row("AvgPool", op.x, kernel_size=-stride)
    return op.row("Interpolate", op.x, scale_factor=stride)


def _reorg(op: SectionOp) -> Signal:
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


skipped: Callable[[SectionOp], Signal] = plain_layer("Identity")
"""Adds what computes nothing or is unknown."""

HEADS = ("yolo", "region", "detection", "Gaussian_yolo")

LAYERS: Mapping[str, Callable[[SectionOp], Signal]] = {
    "convolutional": _conv,
    "deconvolutional": _transposed,
    "local": lambda op: op.row("LocallyConnected", op.x, **_window(op)),
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
    **dict.fromkeys((*HEADS, "cost", "empty", "silence"), skipped),
}
"""The function that adds the nodes of each kind of section."""


MOST_SECTIONS = 100_000
"""A file with more layers is refused."""

UNREAD = frozenset(("antialiasing", "maxpool_depth", "assisted_excitation"))
"""Options that change what a layer does; they are refused."""

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
    return partial(_network, path, _input_sizes(first), sections)


def _network(path: Path, sizes: tuple[int, ...], sections: Sequence[Section], options: ReadOptions) -> ReadResult:
    unknown = counted_unknown((section.kind for section in sections if section.kind not in LAYERS), options)
    asked = sizes_asked(options.input, ["input"], path.name)
    batch, sizes = batch_asked(options, asked, {"input": len(sizes)}), sized(sizes, asked.get("input"))
    builder, signals = Builder(), [Signal("input", Shape(sizes))]
    for place, section in enumerate(sections):
        op = _op(builder, section, place, signals)
        for key in UNREAD & section.options.keys():
            if section.options[key] != "0":
                raise op.problem(f"{key} makes it another kind of layer, which is not supported")
        signals.append(LAYERS.get(section.kind, skipped)(op))
    undecoded = Note("decoding-uncounted", "decoding the detections (yolo, region) is not counted")
    notes = (undecoded,) if any(section.kind in HEADS for section in sections) else ()
    nodes = tuple(builder.nodes)
    return ReadResult(network_name(path.stem), {"input": sizes}, nodes, notes, unknown, batch=batch)


def _op(builder: Builder, section: Section, place: int, before: Sequence[Signal]) -> SectionOp:
    origin = Origin(f"layer {place}", section.kind, section.line)
    held = "shared" if "share_index" in section.options and section.kind == "convolutional" else ""
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
