"""The layers of Caffe."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.readers.rows import Blame, ImportProblem, Rows, Signal, whole
from flopcount.spec.fields import LARGEST

# Protocol buffers in their text format, as `.prototxt` files have them: names, values, and messages in braces.


DEEPEST = 32
"""Messages nested deeper than this are refused."""

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*|,|;)+)|(?P<mark>[{}<>:\[\]])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[^\s{}<>:\[\]"'\#,;]+)"""
)


class Message(NamedTuple):
    """Fields by name, each with all of its values in the order of the text."""

    fields: dict[str, list["str | Message"]]
    line: int

    def messages(self, name: str) -> list["Message"]:
        """Return the values of a field that are messages."""
        return [value for value in self.fields.get(name, []) if isinstance(value, Message)]

    def message(self, name: str) -> "Message":
        """Return the last message of a field; an empty one where there is none."""
        return next(reversed(self.messages(name)), Message({}, self.line))

    def words(self, name: str) -> list[str]:
        """Return the values of a field that are words, numbers or texts."""
        return [value for value in self.fields.get(name, []) if isinstance(value, str)]

    def word(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next(reversed(self.words(name)), default)


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool = False


def parsed(path: Path, text: str) -> Message:
    """Parse a text."""
    tokens = _tokens(path, text)
    message, closed = _message(path, tokens, 1, 0)
    if closed:
        raise ImportProblem(path, f"line {closed.line}: {closed.text} closes nothing")
    return message


def _tokens(path: Path, text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ImportProblem(
                path, f"line {line}: {text[place : place + 20].split(maxsplit=1)[0]!r} begins a text that does not end"
            )
        part = found.group()
        if found.lastgroup == "text":
            yield _Token(part[1:-1], line, quoted=True)
        elif found.lastgroup != "space":
            yield _Token(part, line)
        line += part.count("\n")
        place = found.end()


def _message(path: Path, tokens: Iterator[_Token], line: int, depth: int) -> tuple[Message, _Token | None]:
    """Read fields up to the brace that closes the message, or to the end of the text."""
    if depth > DEEPEST:
        raise ImportProblem(path, f"line {line}: nested too deep; {DEEPEST} levels are the most")
    message = Message({}, line)
    for token in tokens:
        if token.text in {"}", ">"} and not token.quoted:
            return message, token
        if token.quoted or token.text in {"{", "<", ":", "[", "]"}:
            raise ImportProblem(path, f"line {token.line}: {token.text[:30]!r} stands where the name of a field should")
        message.fields.setdefault(token.text, []).extend(_values(path, tokens, token, depth))
    if depth:
        raise ImportProblem(path, f"line {line}: the message that begins here is not closed; the file is cut off")
    return message, None


def _values(path: Path, tokens: Iterator[_Token], name: _Token, depth: int) -> list[str | Message]:
    token = _next(path, tokens, name)
    if token.text == ":" and not token.quoted:
        token = _next(path, tokens, name)
    if token.text == "[" and not token.quoted:
        return _several(path, tokens, name, depth)
    return [_value(path, tokens, token, depth)]


def _several(path: Path, tokens: Iterator[_Token], name: _Token, depth: int) -> list[str | Message]:
    values: list[str | Message] = []
    while (token := _next(path, tokens, name)).text != "]" or token.quoted:
        values.append(_value(path, tokens, token, depth))
    return values


def _value(path: Path, tokens: Iterator[_Token], token: _Token, depth: int) -> str | Message:
    if token.quoted or token.text not in {"{", "<", "}", ">", ":", "[", "]"}:
        return token.text
    if token.text not in {"{", "<"}:
        raise ImportProblem(path, f"line {token.line}: {token.text!r} stands where a value should")
    message, closed = _message(path, tokens, token.line, depth + 1)
    if closed is None or closed.text != {"{": "}", "<": ">"}[token.text]:
        raise ImportProblem(path, f"line {token.line}: the message that begins here is not closed")
    return message


def _next(path: Path, tokens: Iterator[_Token], name: _Token) -> _Token:
    token = next(tokens, None)
    if token is None:
        raise ImportProblem(path, f"line {name.line}: {name.text[:30]} has no value; the file is cut off")
    return token


# One layer of a Caffe file: its parameters, the blobs it reads, and where its rows go.


Made = Signal | list[Signal]


def numbers(path: Path, message: Message, name: str) -> list[int]:
    """Return the values of a field that are whole numbers."""
    found = message.words(name)
    for text in found:
        if not text.lstrip("-").isdecimal() or not text.isascii() or abs(int(text[:12])) > LARGEST:
            raise ImportProblem(path, f"line {message.line}: {name} = {text[:30]} is not a whole number up to 10⁹")
    return [int(text) for text in found]


class Use(NamedTuple):
    """A layer at work."""

    path: Path
    rows: Rows
    layer: Message
    kind: str
    xs: tuple[Signal, ...]
    held: str
    options: Message

    @classmethod
    def of(cls, path: Path, rows: Rows, layer: Message, kind: str, xs: tuple[Signal, ...], held: str) -> "Use":  # noqa: PLR0917  (they are what a layer is)
        """Find the parameters of a layer: those in its own message, where there is one."""
        own = next((layer.message(key) for key in layer.fields if key.endswith("_param") and _is_own(key, kind)), layer)
        return cls(path, rows, layer, kind, xs, held, own)

    @property
    def name(self) -> str:
        """What the layer is called."""
        return self.layer.word("name") or self.kind

    @property
    def blame(self) -> Blame:
        """What a refusal names."""
        return Blame(self.path, self.name, self.kind)

    @property
    def x(self) -> Signal:
        """The first blob that is read."""
        if not self.xs:
            raise self.problem("reads nothing")
        return self.xs[0]

    def problem(self, what: str) -> ImportProblem:
        """Return a refusal that names the layer."""
        return self.blame.problem(what)

    def row(self, kind: str, *xs: Signal, tail: str = "", **options: Any) -> Signal:
        """Write a row; without a tail it is called as the layer is."""
        name = f"{self.name}_{tail}" if tail else self.name
        found, step = self.rows.add(self.blame, kind, xs, options, name=name, held=self.held)
        return Signal(found, step.shape)

    def number(self, name: str, default: int | None = None) -> int:
        """Return a parameter that is a whole number."""
        found = self.numbers(name)
        if not found and default is None:
            raise self.problem(f"has no {name}")
        return found[-1] if found else int(default or 0)

    def numbers(self, name: str) -> list[int]:
        """Return a parameter that may be given several times."""
        return numbers(self.path, self.options, name)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is true or false."""
        return self.options.word(name, "true" if default else "false").lower() in {"true", "1"}

    def axes(self, name: str, default: int | None, count: int, short: str = "") -> tuple[int, ...]:
        """Return a parameter for each axis: once for all, once for each, or as height and width."""
        short = short or name
        sides = [self.numbers(f"{short}_{letter}") for letter in "hw"]
        if any(sides):
            return tuple(side[-1] if side else int(default or 0) for side in sides)
        found = self.numbers(name)
        if not found and default is None:
            raise self.problem(f"has no {name}")
        found = found or [int(default or 0)]
        return tuple(found if len(found) == count else found[:1] * count)

    def axis(self, name: str, default: int, rank: int) -> int:
        """Return an axis, counted without the batch."""
        found = self.number(name, default)
        place = found + rank if found < 0 else found - 1
        if not 0 <= place < rank:
            raise self.problem(f"{name} = {found} is none of the {rank} axes behind the batch")
        return place


def _is_own(key: str, kind: str) -> bool:
    """Tell whether a message has the parameters of a kind: convolution_param those of Convolution."""
    return key.removesuffix("_param").replace("_", "") == NAMED.get(kind, kind).lower()


NAMED = {
    "Deconvolution": "Convolution",
    "ConvolutionDepthwise": "Convolution",
    "DepthwiseConvolution": "Convolution",
    "Normalize": "Norm",
}
"""Kinds whose parameters stand in the message of another."""


# The layers of Caffe that put blobs together, take them apart or lay them out anew.


def concat(use: Use) -> Made:
    """Write blobs one behind the other."""
    rank = len(use.x.shape.dims)
    axis = use.axis("axis", use.number("concat_dim", 1), rank)
    if len(use.xs) == 1:
        return use.row("Identity", use.x)
    if axis == use.x.shape.channel_axis:
        return use.row("Concat", *use.xs)
    return use.row("Join", *use.xs, axis=axis - rank)


def eltwise(use: Use) -> Made:
    """Write a sum, a product or a maximum."""
    operation = use.options.word("operation", "SUM")
    if operation in {"SUM", "1"}:
        return use.row("Add", *use.xs)
    if operation in {"PROD", "0"}:
        return use.row("Mul", *use.xs)
    return use.row("Elementwise", *use.xs, function="max")


def slices(use: Use) -> Made:
    """Write shares of an axis, of given sizes or equal."""
    rank, count = len(use.x.shape.dims), len(use.layer.words("top"))
    axis = use.axis("axis", use.number("slice_dim", 1), rank)
    full = whole(use.x.shape.dims[axis])
    points = use.numbers("slice_point")
    if not points and (not count or full % count):
        raise use.problem(f"{count} equal shares cannot be made of an axis of size {full}")
    cuts = [0, *points, full] if points else [*range(0, full + 1, full // count)]
    sizes = [after - before for before, after in pairwise(cuts)]
    return [use.row("Take", use.x, tail=f"part{n}", axis=axis - rank, size=size) for n, size in enumerate(sizes, 1)]


def passed(use: Use) -> Made:
    """Hand on what is read, under each name."""
    return [use.x] * max(len(use.layer.words("top")), 1)


def reshape(use: Use) -> Made:
    """Write a reshape; 0 is the size that was there, -1 what is left, and the batch comes first."""
    old = [whole(size) for size in use.x.shape.dims]
    wanted = [int(text) for text in use.options.message("shape").words("dim") if text.lstrip("-").isdecimal()][1:]
    sizes: list[int] = [
        old[place] if size == 0 and place < len(old) else size for place, size in enumerate(wanted)
    ] or [-1]
    known = prod(size for size in sizes if size != -1)
    every = whole(use.x.shape.elements)
    if sizes.count(-1) > 1 or known < 1 or every % known:
        raise use.problem(f"{every} numbers cannot be laid out as {'×'.join(map(str, sizes))}")
    size = [every // known if each == -1 else each for each in sizes]
    return use.row("Reshape", use.x, size=size, axes=len(old), channel_axis=-len(size))


def permute(use: Use) -> Made:
    """Write another order of the axes."""
    order, rank = use.numbers("order"), len(use.x.shape.dims)
    order = [*order, *(axis for axis in range(rank + 1) if axis not in order)]
    if order[0] != 0:
        raise use.problem("does not leave the batch in front; that is not read")
    return use.row("Permute", use.x, order=[axis - 1 - rank for axis in order[1:]], channel_axis=-rank)


def crop(use: Use) -> Made:
    """Write a crop to the size of a second blob, along the axes from a given one on."""
    one, other = use.xs[0].shape, use.xs[-1].shape
    axis = use.axis("axis", 2, len(one.dims))
    size = [*one.dims[:axis], *other.dims[axis:]]
    y = use.x
    for place, (have, want) in enumerate(zip(one.dims, size, strict=True)):
        if whole(have) < whole(want):
            raise use.problem(f"crops an axis of size {have} to {want}")
        if have != want:
            y = use.row(
                "Take", y, tail="" if place == axis else f"axis{place}", axis=place - len(size), size=whole(want)
            )
    return y if y is not use.x else use.row("Identity", use.x)


def _conv(use: Use) -> Made:
    count = len(use.x.shape.spatial)
    channels = whole(use.x.shape.channels)
    wise = use.kind in {"ConvolutionDepthwise", "DepthwiseConvolution"}
    kind = "ConvTranspose" if use.kind == "Deconvolution" else "Conv"
    return use.row(
        kind,
        use.x,
        out_channels=use.number("num_output", channels if wise else None),
        kernel_size=use.axes("kernel_size", None, count, "kernel"),
        stride=use.axes("stride", 1, count),
        padding=use.axes("pad", 0, count),
        dilation=use.axes("dilation", 1, count),
        groups=use.number("group", channels if wise else 1),
        bias=use.flag("bias_term", default=True),
    )


def _linear(use: Use) -> Made:
    if use.number("axis", 1) != 1:
        raise use.problem("multiplies other axes than all behind the batch; that is not read")
    x = use.row("Flatten", use.x, tail="flat") if use.x.shape.spatial else use.x
    return use.row("Linear", x, out_features=use.number("num_output"), bias=use.flag("bias_term", default=True))


def _pool(use: Use) -> Made:
    """Write a pool: the last window may hang over the end, as long as it begins inside."""
    method = use.options.word("pool", "MAX")
    maximum = method in {"MAX", "0"}
    if method not in {"MAX", "AVE", "STOCHASTIC", "0", "1", "2"}:
        raise use.problem(f"pool = {method[:30]} is not known")
    if use.flag("global_pooling", default=False):
        return use.row("GlobalMaxPool" if maximum else "GlobalAvgPool", use.x)
    count = len(use.x.shape.spatial)
    size, stride = use.axes("kernel_size", None, count, "kernel"), use.axes("stride", 1, count)
    floor = use.options.word("round_mode", "CEIL") in {"FLOOR", "1"} or not use.flag("ceil_mode", default=True)
    padding = use.axes("pad", 0, count)
    kind = "MaxPool" if maximum else "AvgPool"
    return use.row(
        kind,
        use.x,
        kernel_size=size,
        stride=None if stride == size else stride,
        padding=padding,
        ceil_mode=not floor,
    )


def _batch_norm(use: Use) -> Made:
    """Write a batch norm, which keeps means, variances and one number they are divided by."""
    y = use.row("BatchNorm", use.x, affine=False)
    return use.row("Constants", y, tail="factor", count=1)


def _scale(use: Use) -> Made:
    if len(use.xs) > 1:
        return use.row("Mul", *use.xs[:2])
    if use.number("axis", 1) != 1 or use.number("num_axes", 1) != 1:
        raise use.problem("scales other axes than the channels; that is not read")
    return use.row("Affine" if use.flag("bias_term", default=False) else "LayerScale", use.x)


def _old_norm(use: Use) -> Made:
    return use.row("BatchNorm", use.x)


def _lrn(use: Use) -> Made:
    return use.row("LocalResponseNorm", use.x, size=use.number("local_size", 5))


def _mvn(use: Use) -> Made:
    return use.row("InstanceNorm", use.x)


def _normalize(use: Use) -> Made:
    """Write a division by the length of a vector, with a scale for each channel or for all of them."""
    if use.flag("channel_shared", default=True):
        y = use.row("RMSNorm", use.x, elementwise_affine=False)
        weight = use.row("Parameter", y, tail="scale", size=[1])
        return use.row("Elementwise", y, weight, tail="scaled", function="mul")
    return use.row("RMSNorm", use.x)


def _relu(use: Use) -> Made:
    slope = use.options.word("negative_slope", "0").rstrip("0.")
    return use.row("Activation", use.x, function="leaky_relu" if slope else "relu")


def _prelu(use: Use) -> Made:
    shared = use.flag("channel_shared", default=False)
    return use.row("PReLU", use.x, num_parameters=1 if shared else whole(use.x.shape.channels))


def _function(name: str) -> Callable[[Use], Made]:
    return lambda use: use.row("Activation", use.x, function=name)


def _element(name: str) -> Callable[[Use], Made]:
    return lambda use: use.row("Elementwise", use.x, function=name)


def _named(kind: str) -> Callable[[Use], Made]:
    return lambda use: use.row(kind, use.x)


def _flat(use: Use) -> Made:
    if use.number("axis", 1) != 1 or use.number("end_axis", -1) != -1:
        raise use.problem("flattens some axes alone; that is not read")
    return use.row("Flatten", use.x)


def _softmax(use: Use) -> Made:
    if use.number("axis", 1) != 1:
        x = use.row("ChannelsLast", use.x, tail="last")
        return use.row("Softmax", x)
    return use.row("Softmax", use.x)


def _shuffle(use: Use) -> Made:
    return use.row("ChannelShuffle", use.x, groups=use.number("group", 1))


def _embed(use: Use) -> Made:
    if use.flag("bias_term", default=True):
        raise use.problem("bias_term gives the table biases; that is not read")
    return use.row("Embedding", use.x, num_embeddings=use.number("input_dim"), embedding_dim=use.number("num_output"))


LAYERS: Mapping[str, Callable[[Use], Made]] = {
    **dict.fromkeys(("Convolution", "Deconvolution", "ConvolutionDepthwise", "DepthwiseConvolution"), _conv),
    "InnerProduct": _linear,
    "Pooling": _pool,
    "BatchNorm": _batch_norm,
    "BN": _old_norm,
    "Scale": _scale,
    "LRN": _lrn,
    "MVN": _mvn,
    "Normalize": _normalize,
    "ReLU": _relu,
    "ReLU6": _function("relu6"),
    "PReLU": _prelu,
    "ELU": _function("elu"),
    "Sigmoid": _function("sigmoid"),
    "TanH": _function("tanh"),
    "Swish": _function("silu"),
    "BNLL": _function("softplus"),
    "AbsVal": _element("abs"),
    "Exp": _element("exp"),
    "Log": _element("log"),
    "Power": _element("pow"),
    "Clip": _element("clip"),
    "Threshold": _element("greater"),
    **dict.fromkeys(("Softmax", "SoftmaxWithLoss"), _softmax),
    "Concat": concat,
    "Eltwise": eltwise,
    "Slice": slices,
    "Split": passed,
    "Flatten": _flat,
    "Dropout": _named("Dropout"),
    "Reshape": reshape,
    "Permute": permute,
    "Crop": crop,
    "ShuffleChannel": _shuffle,
    "Embed": _embed,
}
"""Which function writes the rows of a layer."""

SKIPPED = (
    *("Accuracy", "SigmoidCrossEntropyLoss", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    *("MultinomialLogisticLoss", "SmoothL1Loss", "Silence", "HDF5Output", "ArgMax", "Loss"),
    *("PriorBox", "DetectionOutput", "DetectionEvaluate", "MultiBoxLoss"),
)
"""Layers that measure or decode what a network says; nothing reads them."""
