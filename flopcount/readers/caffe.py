"""Caffe networks: `.prototxt` files for training and for deployment, with old and new names."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import Note, Refusal
from flopcount.formulas.shape import Shape
from flopcount.readers.base import (
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
    sanitized,
    sized,
    sizes_asked,
)
from flopcount.spec.fields import LARGEST
from flopcount.spec.text import read_text

DEEPEST = 32
"""Messages nested deeper than this are refused."""

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*|,|;)+)|(?P<mark>[{}<>:\[\]])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[^\s{}<>:\[\]"'\#,;]+)"""
)


class TextMessage(NamedTuple):
    """Fields by name, each with all of its values in order."""

    fields: dict[str, list["str | TextMessage"]]
    line: int

    def messages(self, name: str) -> list["TextMessage"]:
        """Return the values of a field that are messages."""
        return [value for value in self.fields.get(name, []) if isinstance(value, TextMessage)]

    def message(self, name: str) -> "TextMessage":
        """Return the last message of a field, or an empty one."""
        return next(reversed(self.messages(name)), TextMessage({}, self.line))

    def words(self, name: str) -> list[str]:
        """Return the values of a field that are words, numbers or texts."""
        return [value for value in self.fields.get(name, []) if isinstance(value, str)]

    def word(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next(reversed(self.words(name)), default)

    def numbers(self, name: str) -> list[int]:
        """Return the values of a field that are integers."""
        found = self.words(name)
        for text in found:
            if not text.lstrip("-").isdecimal() or not text.isascii() or abs(int(text[:12])) > LARGEST:
                raise Refusal(f"invalid {name} {text[:30]}: expected an integer up to 10⁹", line=self.line)
        return [int(text) for text in found]


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool = False

    def is_mark(self, marks: str) -> bool:
        return not self.quoted and self.text in {*marks}

    def refused(self, what: str) -> Refusal:
        return Refusal(f"{self.text[:30]!r} {what}", line=self.line)


def parsed(text: str) -> TextMessage:
    """Parse the text format of protocol buffers: names, values, and messages in braces."""
    message, closed = _message(_tokens(text), 1, 0)
    if closed:
        raise closed.refused("closes nothing")
    return message


def _tokens(text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _Token(text[place : place + 20].split(maxsplit=1)[0], line).refused("begins a text that does not end")
        part = found.group()
        if found.lastgroup == "text":
            yield _Token(part[1:-1], line, quoted=True)
        elif found.lastgroup != "space":
            yield _Token(part, line)
        line += part.count("\n")
        place = found.end()


def _message(tokens: Iterator[_Token], line: int, depth: int) -> tuple[TextMessage, _Token | None]:
    """Read fields up to the brace that closes the message, or to the end of the text."""
    if depth > DEEPEST:
        raise Refusal(f"messages are nested deeper than {DEEPEST} levels", line=line)
    message = TextMessage({}, line)
    for token in tokens:
        if token.is_mark("}>"):
            return message, token
        if token.quoted or token.is_mark("{<:[]"):
            raise token.refused("is not the name of a field")
        message.fields.setdefault(token.text, []).extend(_values(tokens, token, depth))
    if depth:
        raise Refusal("the message that begins here is not closed; the file is cut off", line=line)
    return message, None


def _values(tokens: Iterator[_Token], name: _Token, depth: int) -> Iterator[str | TextMessage]:
    token = _next(tokens, name)
    if token.is_mark(":"):
        token = _next(tokens, name)
    if not token.is_mark("["):
        yield _value(tokens, token, depth)
        return
    while not (token := _next(tokens, name)).is_mark("]"):
        yield _value(tokens, token, depth)


def _value(tokens: Iterator[_Token], token: _Token, depth: int) -> str | TextMessage:
    if not token.is_mark("{<}>:[]"):
        return token.text
    if not token.is_mark("{<"):
        raise token.refused("is not a value")
    message, closed = _message(tokens, token.line, depth + 1)
    if closed is None or closed.text != {"{": "}", "<": ">"}[token.text]:
        raise token.refused("begins a message that is not closed")
    return message


def _next(tokens: Iterator[_Token], name: _Token) -> _Token:
    for token in tokens:
        return token
    raise name.refused("has no value; the file is cut off")


Made = Signal | list[Signal]

CONVOLUTIONS = ("Convolution", "Deconvolution", "ConvolutionDepthwise", "DepthwiseConvolution")
NAMED = {**dict.fromkeys(CONVOLUTIONS, "Convolution"), "Normalize": "Norm"}
"""Layers whose parameters are in the message of another type."""


@dataclass(slots=True)
class LayerOp(Op):
    """A layer: its message, its type, the blobs it reads, and the message with its parameters."""

    message: TextMessage
    kind: str
    xs: tuple[Signal, ...]
    options: TextMessage

    @property
    def x(self) -> Signal:
        """The first blob."""
        if not self.xs:
            raise self.problem("it has no inputs")
        return self.xs[0]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a parameter: an integer, or a word."""
        text = self.options.word(key)
        return self.options.numbers(key)[-1] if text.lstrip("-").isdecimal() else text or default

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

    def axis(self, key: str, default: int, rank: int) -> int:
        """Return an axis, counted without the batch."""
        found = self.number(key, default)
        place = found + rank if found < 0 else found - 1
        if not 0 <= place < rank:
            raise self.problem(f"{key} = {found} is not one of the {rank} axes after the batch")
        return place


def _op(builder: Builder, message: TextMessage, kind: str, xs: tuple[Signal, ...], held: str) -> LayerOp:
    """Return a layer with its parameters: those in its own message, if there is one."""
    wanted = NAMED.get(kind, kind).lower()
    own = (key for key in message.fields if key.endswith("_param"))
    keys = (key for key in own if key.removesuffix("_param").replace("_", "") == wanted)
    options = next((message.message(key) for key in keys), message)
    name = message.word("name") or kind
    return LayerOp(builder, Origin(name, kind, message.line), name, message, kind, xs, options, held=held)


def _concat(op: LayerOp) -> Made:
    rank = len(op.x.dims)
    axis = op.axis("axis", op.number("concat_dim", 1), rank)
    if len(op.xs) == 1:
        return op.row("Identity", op.x)
    if axis == op.x.shape.channel_axis:
        return op.row("Concat", *op.xs)
    return op.row("Join", *op.xs, axis=axis - rank)


def _eltwise(op: LayerOp) -> Made:
    operation = op.options.word("operation", "SUM")
    kind = {"SUM": "Add", "1": "Add", "PROD": "Mul", "0": "Mul"}.get(operation)
    return op.row(kind, *op.xs) if kind else op.row("Elementwise", *op.xs, function="max")


def _slices(op: LayerOp) -> Made:
    """Add the parts of an axis: cut at given points, or equal."""
    rank, count = len(op.x.dims), len(op.message.words("top"))
    axis = op.axis("axis", op.number("slice_dim", 1), rank)
    full, points = op.x.dims[axis], op.numbers("slice_point")
    if not points and (not count or full % count):
        raise op.problem(f"an axis of size {full} cannot be split into {count} equal parts")
    cuts = [0, *points, full] if points else [*range(0, full + 1, full // count)]
    sizes = [after - before for before, after in pairwise(cuts)]
    return [op.row("Take", op.x, tail=f"part{n}", axis=axis - rank, size=size) for n, size in enumerate(sizes, 1)]


def _reshape(op: LayerOp) -> Made:
    """Add a reshape: 0 keeps a size, -1 takes what is left, and the first size is the batch."""
    old, every = op.x.dims, prod(op.x.dims)
    wanted = op.options.message("shape").numbers("dim")[1:] or [-1]
    sizes = [old[place] if size == 0 and place < len(old) else size for place, size in enumerate(wanted)]
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or known < 1 or every % known:
        raise op.problem(f"{every} elements cannot be reshaped to {'×'.join(map(str, sizes))}")
    size = [every // known if each == -1 else each for each in sizes]
    return op.row("Reshape", op.x, size=size, axes=len(old), channel_axis=-len(size))


def _permute(op: LayerOp) -> Made:
    order, rank = op.numbers("order"), len(op.x.dims)
    order = [*order, *(axis for axis in range(rank + 1) if axis not in order)]
    if order[0] != 0:
        raise op.problem("it moves the batch, which is not supported")
    return op.row("Permute", op.x, order=[axis - 1 - rank for axis in order[1:]], channel_axis=-rank)


def _crop(op: LayerOp) -> Made:
    """Add a crop to the size of a second blob, along a given axis and those after it."""
    one, other = op.xs[0].dims, op.xs[-1].dims
    first, rank, y = op.axis("axis", 2, len(one)), len(one), op.x
    for axis in range(first, rank):
        if one[axis] < other[axis]:
            raise op.problem(f"an axis of size {one[axis]} cannot be cropped to {other[axis]}")
        if one[axis] != other[axis]:
            y = op.row("Take", y, tail=f"axis{axis}" if axis != first else "", axis=axis - rank, size=other[axis])
    return y if y is not op.x else op.row("Identity", op.x)


def _conv(op: LayerOp) -> Made:
    count, is_depthwise = len(op.x.spatial), op.kind in CONVOLUTIONS[2:]
    return op.row(
        "ConvTranspose" if op.kind == "Deconvolution" else "Conv",
        op.x,
        out_channels=op.number("num_output", op.x.channels if is_depthwise else None),
        kernel_size=op.sizes("kernel_size", count, short="kernel"),
        stride=op.sizes("stride", count, 1),
        padding=op.sizes("pad", count, 0),
        dilation=op.sizes("dilation", count, 1),
        groups=op.number("group", op.x.channels if is_depthwise else 1),
        bias=op.flag("bias_term", True),
    )


def _linear(op: LayerOp) -> Made:
    if op.number("axis", 1) != 1:
        raise op.problem("axis is not 1: only a product over all axes after the batch is supported")
    x = op.row("Flatten", op.x, tail="flat") if op.x.spatial else op.x
    return op.row("Linear", x, out_features=op.number("num_output"), bias=op.flag("bias_term", True))


POOLS = {"MAX": "Max", "0": "Max", **dict.fromkeys(("AVE", "STOCHASTIC", "1", "2"), "Avg")}


def _pool(op: LayerOp) -> Made:
    """Add a pool: the last window may extend past the end if it begins inside."""
    method = op.options.word("pool", "MAX")
    if method not in POOLS:
        raise op.invalid("pool", method, "MAX, AVE or STOCHASTIC")
    if op.flag("global_pooling", False):
        return op.row(f"Global{POOLS[method]}Pool", op.x)
    count = len(op.x.spatial)
    size, stride = op.sizes("kernel_size", count, short="kernel"), op.sizes("stride", count, 1)
    rounds_down = op.options.word("round_mode", "CEIL") in {"FLOOR", "1"} or not op.flag("ceil_mode", True)
    return op.row(
        f"{POOLS[method]}Pool",
        op.x,
        kernel_size=size,
        stride=None if stride == size else stride,
        padding=op.sizes("pad", count, 0),
        ceil_mode=not rounds_down,
    )


def _scale(op: LayerOp) -> Made:
    if len(op.xs) > 1:
        return op.row("Mul", *op.xs[:2])
    if op.number("axis", 1) != 1 or op.number("num_axes", 1) != 1:
        raise op.problem("only a scale of the channels is supported")
    return op.row("Affine" if op.flag("bias_term", False) else "LayerScale", op.x)


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
    if op.number("axis", 1) != 1 or op.number("end_axis", -1) != -1:
        raise op.problem("flattening only some axes is not supported")
    return op.row("Flatten", op.x)


def _softmax(op: LayerOp) -> Made:
    return op.row("Softmax", op.x if op.number("axis", 1) == 1 else op.row("ChannelsLast", op.x, tail="last"))


def _embed(op: LayerOp) -> Made:
    if op.flag("bias_term", True):
        raise op.problem("bias_term (a bias of the table) is not supported")
    return op.row("Embedding", op.x, num_embeddings=op.number("input_dim"), embedding_dim=op.number("num_output"))


FUNCTIONS = {"ReLU6": "relu6", "ELU": "elu", "Sigmoid": "sigmoid", "TanH": "tanh", "Swish": "silu", "BNLL": "softplus"}
ELEMENTWISE = {"AbsVal": "abs", "Exp": "exp", "Log": "log", "Power": "pow", "Clip": "clip", "Threshold": "greater"}

LAYERS: Mapping[str, Callable[[LayerOp], Made]] = {
    **dict.fromkeys(CONVOLUTIONS, _conv),
    "InnerProduct": _linear,
    "Pooling": _pool,
    # one number is kept that divides the means and variances
    "BatchNorm": lambda op: op.row("Constants", op.row("BatchNorm", op.x, affine=False), tail="factor", count=1),
    "BN": plain_layer("BatchNorm"),
    "Scale": _scale,
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
    "Flatten": _flat,
    "Dropout": plain_layer("Dropout"),
    "Reshape": _reshape,
    "Permute": _permute,
    "Crop": _crop,
    "ShuffleChannel": lambda op: op.row("ChannelShuffle", op.x, groups=op.number("group", 1)),
    "Embed": _embed,
}
"""The function that adds the nodes of each type of layer."""


MOST_LAYERS = 100_000
"""A file with more layers is refused."""

SKIPPED = (
    *("Accuracy", "SigmoidCrossEntropyLoss", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    *("MultinomialLogisticLoss", "SmoothL1Loss", "Silence", "HDF5Output", "ArgMax", "Loss"),
    *("PriorBox", "DetectionOutput", "DetectionEvaluate", "MultiBoxLoss"),
)
"""Layers that measure or decode the outputs of a network; no layer reads them."""

INPUTS = ("Input", "Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "WindowData", "AnnotatedData")
"""Layers that are inputs of the network."""

_OLD = ("InnerProduct", "ReLU", "PReLU", "LRN", "TanH", "BNLL", "AbsVal", "MVN", "ImageData", "HDF5Data", "ArgMax")
OLD = {**{name.upper(): name for name in _OLD}, "HDF5_DATA": "HDF5Data"}
"""The names of types in old files, if they differ in more than case."""


def read(path: Path) -> Build:
    """Parse a network as it is deployed, without the layers that only training has."""
    net = parsed(read_text(path))
    layers = [layer for layer in (*net.messages("layer"), *net.messages("layers")) if _is_deployed(layer)]
    if not layers or len(layers) > MOST_LAYERS:
        raise Refusal(f"it has {len(layers)} layers to deploy; a Caffe network has 1 to {MOST_LAYERS}")
    name = network_name(net.word("name") or path.stem)
    return partial(_network, name, [each for each in layers if kind_of(each) not in INPUTS], _inputs(net, layers))


def _network(
    name: str, layers: Sequence[TextMessage], sizes: Mapping[str, tuple[int, ...]], options: ReadOptions
) -> ReadResult:
    kinds = [kind_of(layer) for layer in layers]
    unknown = counted_unknown((kind for kind in kinds if kind not in {*LAYERS, *SKIPPED}), options)
    asked = sizes_asked(options.input, [*sizes])
    builder, blobs = Builder(), _entered(sizes, asked)
    batch = batch_asked(options, asked, {name: len(x.dims) for name, x in blobs.items()})
    inputs = {x.path: x.dims for x in blobs.values()}
    builder.names.taken.update(inputs)
    _walk(layers, builder, blobs)
    if not builder.nodes:
        raise Refusal("it has no layers after its inputs")
    left = ", ".join(dict.fromkeys(kind for kind in kinds if kind in SKIPPED))
    notes = (Note("layers-skipped", f"layers that only measure or decode are skipped: {left}"),) if left else ()
    return ReadResult(name, inputs, tuple(builder.nodes), notes, unknown, batch=batch)


def kind_of(layer: TextMessage) -> str:
    """Return the type of a layer by its present name."""
    kind = layer.word("type")
    if kind in OLD or not kind.isupper():
        return OLD.get(kind, kind)
    if "_" in kind:
        return "".join(part.capitalize() for part in kind.split("_"))
    return kind if kind in LAYERS or kind in SKIPPED else kind.capitalize()


def _is_deployed(layer: TextMessage) -> bool:
    phases = [rule.word("phase") for rule in layer.messages("include")]
    never = [rule.word("phase") for rule in layer.messages("exclude")]
    return ("TEST" in phases or not any(phases)) and "TEST" not in never


def _inputs(net: TextMessage, layers: Sequence[TextMessage]) -> Mapping[str, tuple[int, ...]]:
    """Return the sizes of the input blobs that a layer reads."""
    shapes: dict[str, tuple[int, ...]] = {}
    dims, given = net.numbers("input_dim"), net.messages("input_shape")
    for place, name in enumerate(net.words("input")):
        listed = given[place].numbers("dim") if place < len(given) else dims[4 * place : 4 * place + 4]
        shapes[name] = tuple(listed[1:]) or tuple(listed)
    for layer in (each for each in layers if kind_of(each) in INPUTS):
        shapes |= dict.fromkeys(layer.words("top"), ()) | _declared(layer)
    read_by = {name for layer in layers if kind_of(layer) not in SKIPPED for name in _bottoms(layer)}
    shapes = {name: sizes for name, sizes in shapes.items() if name in read_by}
    if not shapes:
        raise Refusal("the network declares no input that a layer reads")
    return shapes


def _declared(layer: TextMessage) -> dict[str, tuple[int, ...]]:
    """Return the sizes of an input layer's blobs; of images, a crop gives the size."""
    tops = layer.words("top")
    shapes = [shape for key in ("input_param", "dummy_data_param") for shape in layer.message(key).messages("shape")]
    if shapes:
        sizes = [tuple(shape.numbers("dim")[1:]) or tuple(shape.numbers("dim")) for shape in shapes]
        return {name: sizes[min(place, len(sizes) - 1)] for place, name in enumerate(tops)}
    crops = [layer.message(key) for key in ("transform_param", "data_param", "image_data_param")]
    crop = [number for message in crops for number in message.numbers("crop_size")]
    return {tops[0]: (3, crop[0], crop[0])} if crop and tops else {}


def _entered(inputs: Mapping[str, tuple[int, ...]], asked: Mapping[str, str]) -> dict[str, Signal]:
    """Return the input blobs, at the requested sizes."""
    found: dict[str, Signal] = {}
    for name, sizes in inputs.items():
        if not sizes and name not in asked:
            how = "3x227x227" if len(inputs) == 1 else f"{name}=3x227x227"
            raise Refusal(f"the file leaves its size open; give it with --input {how}", name)
        label = "input" if len(inputs) == 1 else sanitized(name, "_in")
        found[name] = Signal(label, Shape(sized(sizes or (3, 1, 1), asked.get(name))))
    return found


def _walk(layers: Sequence[TextMessage], builder: Builder, blobs: dict[str, Signal]) -> None:
    """Add the nodes of all layers; a blob that is overwritten has its new value from then on."""
    named: set[str] = set()
    for place, layer in enumerate(layers):
        kind = kind_of(layer)
        if kind in SKIPPED:
            continue
        if missing := [name for name in _bottoms(layer) if name not in blobs]:
            origin = Origin(layer.word("name"), kind, layer.line)
            raise origin.problem(f"reads {missing[0][:50]!r}, which no layer before it writes")
        op = _op(builder, layer, kind, tuple(blobs[name] for name in _bottoms(layer)), _held(layer, named))
        made: Made = LAYERS[kind](op) if kind in LAYERS else op.row("Identity", op.x)
        tops = layer.words("top") or [f"layer {place}"]
        outputs = made if isinstance(made, list) else [made] * len(tops)
        if len(outputs) != len(tops):
            raise op.problem(f"it has {len(outputs)} outputs, and {len(tops)} names for them")
        blobs |= dict(zip(tops, outputs, strict=True))


def _bottoms(layer: TextMessage) -> list[str]:
    """Return what a layer reads; of a loss only the scores, since labels are for training."""
    bottoms = layer.words("bottom")
    return bottoms[:1] if kind_of(layer) == "SoftmaxWithLoss" else bottoms


def _held(layer: TextMessage, named: set[str]) -> str:
    """Return "shared" if the weights are those of an earlier layer, which have the same name."""
    names = [name for param in layer.messages("param") for name in param.words("name")] or layer.words("param")
    known = bool(names) and named.issuperset(names)
    named.update(names)
    return "shared" if known else ""
