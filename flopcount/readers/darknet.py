"""One layer of a Darknet file: what its section says, what it may read, and where its row goes."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.formulas.shape import Shape
from flopcount.network.plan import input_shape
from flopcount.readers.base import Blame, Imported, ImportProblem, Request, Rows, Signal, unknown_problem, whole
from flopcount.spec.fields import LARGEST
from flopcount.spec.text import read_text


class Section(NamedTuple):
    """One section of a file: what it is called, what it says, and at which line it begins."""

    kind: str
    options: Mapping[str, str]
    line: int


class Use(NamedTuple):
    """One layer: its section, what stands before it, and where its row goes."""

    path: Path
    rows: Rows
    section: Section
    place: int
    before: Sequence[Signal]

    @property
    def blame(self) -> Blame:
        """What a refusal names."""
        return Blame(self.path, f"layer {self.place} at line {self.section.line}", self.section.kind)

    @property
    def x(self) -> Signal:
        """What the layer above leaves; the network's input stands before the first."""
        return self.before[-1]

    def problem(self, what: str) -> ImportProblem:
        """Return a refusal that names the layer."""
        return self.blame.problem(what)

    def number(self, key: str, default: int) -> int:
        """Return an option that is a whole number."""
        return self.numbers(key, str(default))[0]

    def numbers(self, key: str, default: str | None = None) -> list[int]:
        """Return an option that is a list of whole numbers."""
        text = self.section.options.get(key, default)
        try:
            found = [int(part) for part in (text or "").split(",")]
        except ValueError:
            raise self.problem(f"{key} = {str(text)[:50]!r} is not a whole number") from None
        if any(abs(number) > LARGEST for number in found):
            raise self.problem(f"{key} is larger than 10⁹")
        return found

    def earlier(self, number: int) -> Signal:
        """Return what an earlier layer leaves: counted from 0, or backwards from this one."""
        place = number + self.place if number < 0 else number
        if not 0 <= place < self.place:
            raise self.problem(f"layer {number} is none of the {self.place} before it")
        return self.before[place + 1]

    def row(self, kind: str, *xs: Signal, tail: str = "", held: str = "", **options: Any) -> Signal:
        """Write a row, called by the section's kind and the number Darknet prints."""
        name = f"{self.section.kind}{self.place}{tail and '_'}{tail}"
        found, step = self.rows.add(self.blame, kind, xs, options, name=name, held=held)
        return Signal(found, step.shape)


# The layers of Darknet.
#
# The windows are those of the fork that most files are written for; on files of
# the original they give the same sizes.


FUNCTIONS: Mapping[str, str | None] = {
    "linear": None,
    "leaky": "leaky_relu",
    "logistic": "sigmoid",
    "swish": "silu",
    "hard_mish": "mish",
    "relie": "leaky_relu",
    "hardtan": "hardtanh",
    **{name: name for name in ("relu", "relu6", "mish", "elu", "selu", "tanh", "gelu")},
}
"""The functions of Darknet, each with the name it has here."""


def _function(use: Use, default: str) -> str | None:
    name = use.section.options.get("activation", default)
    if name not in FUNCTIONS:
        raise use.problem(f"activation = {name[:50]!r} is not known; known are {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]


def _conv(use: Use) -> Signal:
    size, dilation = use.number("size", 1), use.number("dilation", 1)
    pad = size // 2 if use.number("pad", 0) else use.number("padding", 0)
    normed, stride = use.number("batch_normalize", 0) != 0, use.number("stride", 1)
    kind = "BinaryConv" if use.number("xnor", 0) else "Conv"
    groups: dict[str, Any] = {} if kind == "BinaryConv" else {"groups": use.number("groups", 1)}
    return use.row(
        kind,
        use.x,
        held="shared" if "share_index" in use.section.options else "",
        out_channels=use.number("filters", 1),
        kernel_size=size,
        stride=(use.number("stride_y", stride), use.number("stride_x", stride)),
        padding=pad * dilation,
        dilation=dilation,
        bias=not normed,
        norm="batch" if normed else None,
        activation=_function(use, "logistic"),
        **groups,
    )


def _transposed(use: Use) -> Signal:
    size, normed = use.number("size", 1), use.number("batch_normalize", 0) != 0
    return use.row(
        "ConvTranspose",
        use.x,
        out_channels=use.number("filters", 1),
        kernel_size=size,
        stride=use.number("stride", 1),
        padding=size // 2 if use.number("pad", 0) else use.number("padding", 0),
        bias=not normed,
        norm="batch" if normed else None,
        activation=_function(use, "logistic"),
    )


def _local(use: Use) -> Signal:
    size = use.number("size", 1)
    pad, stride = (size // 2 if use.number("pad", 0) else 0), use.number("stride", 1)
    filters, function = use.number("filters", 1), _function(use, "logistic")
    return use.row(
        "LocallyConnected",
        use.x,
        out_channels=filters,
        kernel_size=size,
        stride=stride,
        padding=pad,
        activation=function,
    )


def _pool(use: Use) -> Signal:
    """Write a pool; its padding is that of both sides together, one less than the kernel if nothing is said."""
    stride = use.number("stride", 1)
    size = use.number("size", stride)
    padding = use.number("padding", size - 1)
    strides = (use.number("stride_y", stride), use.number("stride_x", stride))
    border = (padding // 2, padding - padding // 2)
    kind = "MaxPool" if use.section.kind == "maxpool" else "AvgPool"
    return use.row(kind, use.x, kernel_size=size, stride=strides, padding=(border, border))


def _global(use: Use) -> Signal:
    return use.row("GlobalAvgPool", use.x)


def _connected(use: Use) -> Signal:
    x = use.row("Flatten", use.x, tail="flat") if use.x.shape.spatial else use.x
    normed = use.number("batch_normalize", 0) != 0
    y = use.row("Linear", x, out_features=use.number("output", 1), bias=not normed)
    y = use.row("BatchNorm", y, tail="norm") if normed else y
    function = _function(use, "logistic")
    return use.row("Activation", y, tail="activation", function=function) if function else y


def _route(use: Use) -> Signal:
    xs = [use.earlier(number) for number in use.numbers("layers")]
    groups, index = use.number("groups", 1), use.number("group_id", 0)
    if groups == 1:
        return use.row("Concat", *xs) if len(xs) > 1 else use.row("Identity", xs[0])
    if len(xs) == 1:
        return use.row("Split", xs[0], sections=groups, index=index)
    parts = [use.row("Split", x, tail=f"part{n}", sections=groups, index=index) for n, x in enumerate(xs, 1)]
    return use.row("Concat", *parts)


def _shortcut(use: Use) -> Signal:
    """Write a sum with earlier layers; one with fewer channels gets zeros, of more the first are taken."""
    if use.section.options.get("weights_type", "none") != "none":
        raise use.problem("weights_type gives the sum weights; that is not read")
    channels, xs = whole(use.x.shape.channels), [use.x]
    for place, number in enumerate(use.numbers("from"), 1):
        x = use.earlier(number)
        have = whole(x.shape.channels)
        if have < channels:
            x = use.row("PadChannels", x, tail=f"widened{place}", padding=channels - have)
        xs.append(use.row("Slice", x, tail=f"cut{place}", stop=channels) if have > channels else x)
    return use.row("Add", *xs, activation=_function(use, "linear"))


def _scaled(use: Use) -> Signal:
    y = use.row("Mul", use.earlier(use.number("from", -1)), use.x)
    function = _function(use, "linear")
    return use.row("Activation", y, tail="activation", function=function) if function else y


def _upsample(use: Use) -> Signal:
    stride = use.number("stride", 2)
    if stride < 0:
        return use.row("AvgPool", use.x, kernel_size=-stride)
    return use.row("Interpolate", use.x, scale_factor=stride)


def _reorg(use: Use) -> Signal:
    if use.number("reverse", 0):
        return use.row("PixelShuffle", use.x, upscale_factor=use.number("stride", 1))
    return use.row("PixelUnshuffle", use.x, downscale_factor=use.number("stride", 1))


def _crop(use: Use) -> Signal:
    wanted = (use.number("crop_height", 1), use.number("crop_width", 1))
    have = [whole(size) for size in use.x.shape.spatial]
    if len(have) != len(wanted) or any(ours < theirs for ours, theirs in zip(have, wanted, strict=True)):
        raise use.problem(f"cannot crop {'×'.join(map(str, have))} to {wanted[0]}×{wanted[1]}")
    return use.row("Crop", use.x, cropping=tuple((0, ours - theirs) for ours, theirs in zip(have, wanted, strict=True)))


def _softmax(use: Use) -> Signal:
    return use.row("Softmax", use.x)


def _norm(use: Use) -> Signal:
    return use.row("BatchNorm", use.x)


def _neighbours(use: Use) -> Signal:
    return use.row("LocalResponseNorm", use.x, size=use.number("size", 5))


def _activation(use: Use) -> Signal:
    function = _function(use, "linear")
    return use.row("Activation", use.x, function=function) if function else use.row("Identity", use.x)


def _logistic(use: Use) -> Signal:
    return use.row("Activation", use.x, function="sigmoid")


def _dropout(use: Use) -> Signal:
    return use.row("Dropout", use.x)


def passed(use: Use) -> Signal:
    """Write what computes nothing, or is not known."""
    return use.row("Identity", use.x)


HEADS = ("yolo", "region", "detection", "Gaussian_yolo")

LAYERS: Mapping[str, Callable[[Use], Signal]] = {
    "convolutional": _conv,
    "deconvolutional": _transposed,
    "local": _local,
    "maxpool": _pool,
    "local_avgpool": _pool,
    "avgpool": _global,
    "connected": _connected,
    "route": _route,
    "shortcut": _shortcut,
    "scale_channels": _scaled,
    "sam": _scaled,
    "upsample": _upsample,
    "reorg": _reorg,
    "crop": _crop,
    "softmax": _softmax,
    "batchnorm": _norm,
    "normalization": _neighbours,
    "activation": _activation,
    "logistic": _logistic,
    "dropout": _dropout,
    **dict.fromkeys((*HEADS, "cost", "empty", "silence"), passed),
}
"""Which function writes the rows of a section."""


# Networks of Darknet: `.cfg` files, section by section.


MOST_SECTIONS = 100_000
"""A file with more layers is refused."""

UNREAD = frozenset(("antialiasing", "maxpool_depth", "assisted_excitation"))
"""Options that change what a layer does, and are refused."""

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
"""Other words for the same section."""


def read(path: Path, request: Request) -> Imported:
    """Read a network."""
    first, *sections = _sections(path, read_text(path)) or [Section("", {}, 1)]
    if first.kind not in {"net", "network"} or not sections:
        raise ImportProblem(path, "this is no network of Darknet, which begins with [net] and goes on with layers")
    unknown = Counter(section.kind for section in sections if section.kind not in LAYERS)
    if unknown and not request.allow_unknown:
        raise unknown_problem(path, "it has layers", unknown)
    rows, entry = Rows(), _entry(path, first)
    shape = input_shape(entry, request.size)
    signals = [Signal("input", Shape(shape.dims[-len(entry) :]))]
    for place, section in enumerate(sections):
        use = Use(path, rows, section, place, signals)
        for key in UNREAD & section.options.keys():
            if section.options[key] != "0":
                raise use.problem(f"{key} makes another layer of it; that is not read")
        signals.append(LAYERS.get(section.kind, passed)(use))
    heads = any(section.kind in HEADS for section in sections)
    notes = ("what decodes the detections (yolo, region) is not counted",) if heads else ()
    dims = [whole(size) for size in signals[0].shape.dims]
    data = {"name": _name(path), "input": dims, "layers": rows.data}
    return Imported(data, notes, dict(unknown))


def _name(path: Path) -> str:
    """Return a name for the network: that of its file."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", path.stem)[:100].lstrip(".+-") or "network"


def _sections(path: Path, text: str) -> list[Section]:
    """Take a file apart: [section], then lines of key=value; # and ; begin comments."""
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
            raise ImportProblem(path, f"line {number} is neither [section] nor key=value within one: {line[:50]!r}")
        found[-1][1][key.strip()] = "".join(value.split())
    if len(found) > MOST_SECTIONS:
        raise ImportProblem(path, f"more than {MOST_SECTIONS} layers")
    return [Section(SHORT.get(kind, kind), options, number) for kind, options, number in found]


def _entry(path: Path, section: Section) -> tuple[int, ...]:
    """Return what enters: channels, height and width, or so many numbers."""
    use = Use(path, Rows(), section, 0, ())
    sizes = [use.number(key, 0) for key in ("channels", "height", "width")]
    if any(sizes):
        sizes[0] = sizes[0] or 3
    else:
        sizes = [use.number("inputs", 0)]
    if min(sizes) < 1:
        raise use.problem("[net] does not say channels, height and width; give each as a number from 1")
    return tuple(sizes)
