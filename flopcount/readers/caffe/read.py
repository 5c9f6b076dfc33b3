"""Networks of Caffe: `.prototxt` files, those of training and of deployment, old names and new."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flopcount.formulas.shape import Shape
from flopcount.network.plan import input_shape
from flopcount.readers.base import unknown_problem
from flopcount.readers.caffe.layers import LAYERS, SKIPPED, Message, Use, numbers, parsed
from flopcount.readers.rows import Imported, ImportProblem, ReadOptions, Rows, Signal, whole
from flopcount.spec.text import read_text

MOST_LAYERS = 100_000
"""A file with more layers is refused."""

ENTRIES = ("Input", "Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "WindowData", "AnnotatedData")
"""Layers that read nothing: what enters the network."""

OLD: Mapping[str, str] = {
    "INNER_PRODUCT": "InnerProduct",
    "RELU": "ReLU",
    "PRELU": "PReLU",
    "LRN": "LRN",
    "TANH": "TanH",
    "BNLL": "BNLL",
    "ABSVAL": "AbsVal",
    "MVN": "MVN",
    "IMAGE_DATA": "ImageData",
    "HDF5_DATA": "HDF5Data",
    "ARGMAX": "ArgMax",
}
"""How layers were called before they had names in quotes, where that is not the same in small letters."""


def read(path: Path, request: ReadOptions) -> Imported:
    """Read a network as it is deployed: what only training has is left out."""
    net = parsed(path, read_text(path))
    layers = [layer for layer in (*net.messages("layer"), *net.messages("layers")) if _deployed(layer)]
    if not layers or len(layers) > MOST_LAYERS:
        raise ImportProblem(
            path, f"it has {len(layers)} layers to deploy; a network of Caffe has from 1 to {MOST_LAYERS}"
        )
    entries = [layer for layer in layers if kind_of(layer) in ENTRIES]
    layers = [layer for layer in layers if kind_of(layer) not in ENTRIES]
    unknown = Counter(kind_of(layer) for layer in layers if kind_of(layer) not in {*LAYERS, *SKIPPED})
    if unknown and not request.allow_unknown:
        raise unknown_problem("it has layers", unknown)
    rows, blobs = Rows(), _entered(path, net, entries, layers, request.size)
    inputs = {x.row: [whole(size) for size in x.shape.dims] for x in blobs.values()}
    _walked(path, layers, rows, blobs)
    single = len(inputs) == 1
    data = {"name": _name(net, path), "input": next(iter(inputs.values())) if single else inputs, "layers": rows.data}
    if not rows.data:
        raise ImportProblem(path, "there are no layers behind its inputs")
    return Imported(data, _notes(layers), dict(unknown))


def kind_of(layer: Message) -> str:
    """Return the type of a layer by its present name."""
    kind = layer.word("type")
    return OLD.get(kind) or (
        "".join(part.capitalize() for part in kind.split("_")) if kind.isupper() and "_" in kind else _plain(kind)
    )


def _plain(kind: str) -> str:
    return kind if not kind.isupper() or kind in LAYERS or kind in SKIPPED else kind.capitalize()


def _deployed(layer: Message) -> bool:
    """Tell whether a layer is there outside of training."""
    phases = [rule.word("phase") for rule in layer.messages("include")]
    never = [rule.word("phase") for rule in layer.messages("exclude")]
    return ("TEST" in phases or not any(phases)) and "TEST" not in never


def _notes(layers: Iterable[Message]) -> tuple[str, ...]:
    """Say which layers were left out because they only measure."""
    left = dict.fromkeys(kind_of(layer) for layer in layers if kind_of(layer) in SKIPPED)
    return (f"layers that only measure or decode are left out: {', '.join(left)}",) if left else ()


def _name(net: Message, path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", net.word("name") or path.stem)[:100].lstrip(".+-") or "network"


def _entered(
    path: Path, net: Message, entries: list[Message], layers: list[Message], size: str | None
) -> dict[str, Signal]:
    """Return the blobs that enter, those that a layer reads."""
    shapes: dict[str, tuple[int, ...]] = {}
    dims = numbers(path, net, "input_dim")
    for place, name in enumerate(net.words("input")):
        given = net.messages("input_shape")
        listed = numbers(path, given[place], "dim") if place < len(given) else dims[4 * place : 4 * place + 4]
        shapes[name] = tuple(listed[1:]) or tuple(listed)
    for entry in entries:
        shapes |= dict.fromkeys(entry.words("top"), ()) | _declared(path, entry)
    read_by = {name for layer in layers if kind_of(layer) not in SKIPPED for name in _bottoms(layer)}
    shapes = {name: sizes for name, sizes in shapes.items() if name in read_by}
    if not shapes:
        raise ImportProblem(path, "nothing enters the network: it declares no input that a layer reads")
    first, *_ = shapes
    found: dict[str, Signal] = {}
    for name, sizes in shapes.items():
        if not sizes and (size is None or name != first):
            raise ImportProblem(
                path, "the file does not say how large it is; give --input, as in --input 3x227x227", name
            )
        given_sizes = input_shape(sizes or (3, 1, 1), size if name == first else None).dims[-len(sizes or (3, 1, 1)) :]
        label = "input" if len(shapes) == 1 else _label(name)
        found[name] = Signal(label, Shape(given_sizes))
    return found


def _label(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80].lstrip("-") or "blob"
    return f"{plain}_in" if re.fullmatch(r"input\d*", plain) else plain


def _declared(path: Path, entry: Message) -> dict[str, tuple[int, ...]]:
    """Return the sizes that an input layer says its blobs have; a crop says so of images."""
    tops = entry.words("top")
    shapes = [shape for key in ("input_param", "dummy_data_param") for shape in entry.message(key).messages("shape")]
    if shapes:
        sizes = [tuple(numbers(path, shape, "dim")[1:]) or tuple(numbers(path, shape, "dim")) for shape in shapes]
        return {name: sizes[min(place, len(sizes) - 1)] for place, name in enumerate(tops)}
    crops = [entry.message(key) for key in ("transform_param", "data_param", "image_data_param")]
    crop = [number for message in crops for number in numbers(path, message, "crop_size")]
    return {tops[0]: (3, crop[0], crop[0])} if crop and tops else {}


def _walked(path: Path, layers: list[Message], rows: Rows, blobs: dict[str, Signal]) -> None:
    """Write the rows of all layers; a blob that is written in place has its new value from then on."""
    if len({x.row for x in blobs.values()}) > 1:
        rows.names.taken |= {x.row for x in blobs.values()}
        rows.last = next(iter(blobs.values())).row
    named: set[str] = set()
    for place, layer in enumerate(layers):
        kind = kind_of(layer)
        if kind in SKIPPED:
            continue
        use = Use.of(path, rows, layer, kind, _read(path, blobs, layer), _again(layer, named))
        made: Any = LAYERS[kind](use) if kind in LAYERS else use.row("Identity", use.x)
        made = made if isinstance(made, list) else [made]
        tops = layer.words("top") or [f"layer {place}"]
        if len(made) not in {1, len(tops)}:
            raise use.problem(f"makes {len(made)} blobs and names {len(tops)}")
        blobs |= (
            dict(zip(tops, made * len(tops) if len(made) == 1 else made, strict=True))
            if len(made) > 1
            else dict.fromkeys(tops, made[0])
        )


def _read(path: Path, blobs: Mapping[str, Signal], layer: Message) -> tuple[Signal, ...]:
    missing = [name for name in _bottoms(layer) if name not in blobs]
    if missing:
        what = f"reads {missing[0][:50]!r}, which no layer before it writes"
        raise ImportProblem(path, what, layer.word("name")[:50], kind_of(layer))
    return tuple(blobs[name] for name in _bottoms(layer))


def _bottoms(layer: Message) -> list[str]:
    """Return what a layer reads; of a loss the scores alone, since labels are for training."""
    bottoms = layer.words("bottom")
    return bottoms[:1] if kind_of(layer) == "SoftmaxWithLoss" else bottoms


def _again(layer: Message, named: set[str]) -> str:
    """Tell whether the weights of a layer are those of an earlier one, which have the same name."""
    names = [name for param in layer.messages("param") for name in param.words("name")] or layer.words("param")
    known = bool(names) and named.issuperset(names)
    named.update(names)
    return "shared" if known else ""
