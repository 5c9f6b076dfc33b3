"""Caffe networks: `.prototxt` files for training and for deployment, with old and new names."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from flopcount.errors import Note, Refusal
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import PARAMETERS
from flopcount.readers.base import (
    Build,
    Builder,
    Origin,
    ReadOptions,
    ReadResult,
    Unknowns,
    batch_asked,
    counted_unknown,
    network_name,
    sanitized,
    sized,
    sizes_asked,
)
from flopcount.readers.caffe.layers import LAYERS, REGIONS, Blob, Made, layer_op
from flopcount.readers.caffe.text import TextMessage, parsed
from flopcount.spec.text import read_text

MOST_LAYERS = 100_000
"""A file with more layers is refused."""

SKIPPED = (
    *("Accuracy", "SigmoidCrossEntropyLoss", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    *("MultinomialLogisticLoss", "SmoothL1Loss", "Silence", "HDF5Output", "ArgMax", "Loss", "TripletLoss"),
    *("DetectionOutput", "DetectionEvaluate", "MultiBoxLoss", "SegAccuracy", "MultiAccuracy", "FocalLoss"),
    *("SoftmaxWithLossOHEM", "SmoothL1LossOHEM", "BoxAnnotatorOHEM"),
)
"""Layers that measure or decode the outputs of a network; of what they write, no size is known."""

ENTRY = "Input"
"""The layer that is an input of the network; those of forks too end in Data, as DenseImageData, and read no blob."""

_OLD = ("InnerProduct", "ReLU", "PReLU", "LRN", "TanH", "BNLL", "AbsVal", "MVN", "ImageData", "HDF5Data", "ArgMax")
OLD = {**{name.upper(): name for name in _OLD}, "HDF5_DATA": "HDF5Data"}
"""The names of types in old files, if they differ in more than case."""

BIASES = ("bias", "norm_bias", "shift", "rnn_bias")
"""The parameters that are the second blob of a layer; the others are the first."""

RECURRENT = ("LSTM", "RNN", "Lstm")
"""Layers of more than two blobs."""

Sizes = tuple[int, ...]


class Net(NamedTuple):
    """A network: its layers without those that only bring data in, and the declared sizes of what enters.

    Sizes are () if the file leaves them open, as those of blobs that unknown layers make: these may be given.
    """

    name: str
    layers: Sequence[TextMessage]
    entries: Mapping[str, Sizes]
    made: frozenset[str]


def read(path: Path) -> Build:
    """Parse a network as it is deployed, without the layers that only training has."""
    net = parsed(read_text(path))
    every = [*net.messages("layer"), *net.messages("layers")]
    if not every and (name := next(filter(None, map(net.word, ("net", "train_net", "test_net"))), "")):
        raise Refusal(f"this is a solver, which names its network: count {name[:200]!r}")
    state = net.message("state")
    tested, trained = ([layer for layer in every if _is_in(layer, phase, state)] for phase in ("TEST", "TRAIN"))
    layers = tested if any(map(_enters, tested)) or net.words("input") or not any(map(_enters, trained)) else trained
    if not layers or len(layers) > MOST_LAYERS:
        raise Refusal(f"it has {len(layers)} layers to deploy; a Caffe network has 1 to {MOST_LAYERS}")
    known = [layer for layer in layers if not _is_input(layer)]
    made = frozenset(top for layer in known if kind_of(layer) not in LAYERS for top in layer.words("top"))
    name = network_name(net.word("name") or path.stem)
    return partial(_network, Net(name, known, _inputs(net, layers), made))


def _is_in(layer: TextMessage, phase: str, state: TextMessage) -> bool:
    """Tell whether a layer is in the network of a phase, at the level and the stages that the file sets."""
    included, excluded = layer.messages("include"), layer.messages("exclude")
    met = (_is_met(rule, phase, state) for rule in included or excluded)
    return any(met) if included else not any(met)


def _is_met(rule: TextMessage, phase: str, state: TextMessage) -> bool:
    if rule.word("phase", phase) not in {phase, PHASES[phase]}:
        return False
    level = sum(state.numbers("level")[-1:])
    low, high = ((rule.numbers(key) or [level])[-1] for key in ("min_level", "max_level"))
    stages = {*state.words("stage")}
    return (
        low <= level <= high and stages.issuperset(rule.words("stage")) and stages.isdisjoint(rule.words("not_stage"))
    )


PHASES = {"TRAIN": "0", "TEST": "1"}
"""The phases with their numbers, which files may write instead."""


def _enters(layer: TextMessage) -> bool:
    return not layer.words("bottom")


def _is_input(layer: TextMessage) -> bool:
    return _enters(layer) and (kind_of(layer) == ENTRY or kind_of(layer).endswith("Data"))


def kind_of(layer: TextMessage) -> str:
    """Return the type of a layer by its present name."""
    kind = layer.word("type")
    if kind in OLD or not kind.isupper():
        return OLD.get(kind, kind)
    if "_" in kind:
        return "".join(part.capitalize() for part in kind.split("_"))
    return kind if kind in LAYERS or kind in SKIPPED else kind.capitalize()


def _inputs(net: TextMessage, layers: Sequence[TextMessage]) -> Mapping[str, Sizes]:
    """Return the sizes of the blobs that enter and that a known layer reads, each with its batch."""
    shapes: dict[str, Sizes] = {}
    dims, given = net.numbers("input_dim"), net.messages("input_shape")
    for place, name in enumerate(net.words("input")):
        listed = given[place].numbers("dim") if place < len(given) else dims[4 * place : 4 * place + 4]
        shapes[name] = _with_batch(listed)
    for layer in filter(_is_input, layers):
        shapes |= dict.fromkeys(layer.words("top"), ()) | _declared(layer)
    read_by = {name for layer in layers if kind_of(layer) in LAYERS for name in _bottoms(layer)}
    return {name: sizes for name, sizes in shapes.items() if name in read_by}


def _with_batch(sizes: Sequence[int]) -> Sizes:
    return tuple(sizes) if len(sizes) != 1 else (1, *sizes)


def _declared(layer: TextMessage) -> dict[str, Sizes]:
    """Return the sizes of an input layer's blobs; of images, a crop or a resize gives the size."""
    tops = layer.words("top")
    shapes = [shape for key in ("input_param", "dummy_data_param") for shape in layer.message(key).messages("shape")]
    if shapes:
        sizes = [_with_batch(shape.numbers("dim")) for shape in shapes]
        return {name: sizes[min(place, len(sizes) - 1)] for place, name in enumerate(tops)}
    memory = layer.message("memory_data_param")
    kept = [memory.numbers(key)[-1] for key in ("channels", "height", "width") if memory.numbers(key)]
    if len(kept) == 3:  # noqa: PLR2004  (an image)
        return {tops[0]: (1, *kept)} if tops else {}
    plane = _plane(layer)
    return {tops[0]: (1, _colors(layer), *plane)} if tops and plane else {}


def _plane(layer: TextMessage) -> Sizes:
    """Return the height and width that the transformation of images leaves, if it is one for all."""
    transform, images = layer.message("transform_param"), layer.message("image_data_param")
    for message in (transform, layer.message("data_param"), images, layer.message("window_data_param")):
        if crop := message.numbers("crop_size"):
            return crop[0], crop[0]
    pairs = ((transform.message("resize_param"), ("height", "width")), (images, ("new_height", "new_width")))
    found = (tuple(number for key in keys for number in message.numbers(key)[:1]) for message, keys in pairs)
    return next((plane for plane in found if len(plane) == 2), ())  # noqa: PLR2004  (both)


def _colors(layer: TextMessage) -> int:
    is_gray = layer.message("transform_param").word("force_gray") == "true"
    return 1 if is_gray or layer.message("image_data_param").word("is_color") == "false" else 3


def _network(net: Net, options: ReadOptions) -> ReadResult:
    asked = sizes_asked(options.input, [*net.entries, *sorted(net.made)] or ["data"])
    layers = [layer for layer in net.layers if not asked.keys() & {*layer.words("top")} & net.made]
    kinds = [kind_of(layer) for layer in layers]
    unknown = Unknowns(counted_unknown((kind for kind in kinds if kind not in {*LAYERS, *SKIPPED}), options))
    if not net.entries and not net.made:
        raise Refusal("the network declares no input that a layer reads")
    builder, (blobs, own) = Builder(), _entered(net, asked, options)
    ranks = {name: len(x.dims) for name, x in blobs.items() if x}
    batch = batch_asked(options, asked, ranks) or (own if own > 1 else None)
    entries = [x for x in blobs.values() if x]
    notes = _notes(kinds, has_sizes=bool(entries))
    entries = entries or [Blob("input", Shape((1,)))]
    builder.names.taken.update(x.path for x in entries)
    _BlobWalk(builder, blobs, unknown, own, allow_unknown=options.allow_unknown).through(layers)
    if unknown:
        builder.hold(entries)
    if not builder.nodes:
        raise Refusal("it has no layers after its inputs")
    used = {path for node in builder.nodes for path in node.inputs}
    inputs = {x.path: x.dims for x in entries if x.path in used}
    return ReadResult(net.name, inputs, tuple(builder.nodes), tuple(notes), dict(unknown), batch=batch)


def _notes(kinds: Sequence[str], *, has_sizes: bool) -> list[Note]:
    left = ", ".join(dict.fromkeys(kind for kind in kinds if kind in SKIPPED))
    notes = [Note("layers-skipped", f"layers that only measure or decode are skipped: {left}")] if left else []
    if not has_sizes:
        notes.append(Note("sizes-unknown", "no input has a known size; give one, as in --input data=3x224x224"))
    return notes


def _entered(net: Net, asked: Mapping[str, str], options: ReadOptions) -> tuple[dict[str, Blob | None], int]:
    """Return the blobs that enter, at the sizes that are asked for, and the batch that they have in common."""
    regions = {_bottoms(layer)[1] for layer in net.layers if kind_of(layer) in REGIONS and len(_bottoms(layer)) > 1}
    names = [*net.entries, *(name for name in asked if name in net.made)]
    batch = max(next((sizes[0] for name, sizes in net.entries.items() if sizes and name not in regions), 1), 1)
    found: dict[str, Blob | None] = {}
    for name in names:
        sizes = net.entries.get(name) or ()
        label = "input" if len(names) == 1 else sanitized(name, "_in")
        if sizes or name in asked:
            found[name] = _entry(label, sizes, asked.get(name), batch, has_regions=name in regions)
        elif options.allow_unknown:
            found[name] = None
        else:
            how = "3x227x227" if len(net.entries) == 1 else f"{name}=3x227x227"
            raise Refusal(f"the file leaves its size open; give it with --input {how}", name)
    return found, batch


def _entry(label: str, sizes: Sizes, text: str | None, batch: int, *, has_regions: bool) -> Blob:
    """Return a blob without the batch; what is left of its first axis, such as regions, stays in front."""
    if min(sizes, default=1) < 1:
        raise Refusal(f"invalid sizes {'×'.join(map(str, sizes))}: expected integers from 1", label)
    first, *rest = sizes or ((batch, 5) if has_regions else (batch, 3, 1, 1))
    if first % batch and first != 1:
        raise Refusal(f"its first size is {first}, and that of the first input {batch}; make them equal", label)
    copies = max(first // batch, 1)
    lead = has_regions or copies > 1
    text = f"{text}x{rest[-1]}" if text and has_regions and text.isdecimal() else text
    return Blob(label, Shape(sized((copies, *rest) if lead else tuple(rest), text)), int(lead))


class _BlobWalk:
    """One walk through the layers; a blob that is overwritten has its new value from then on."""

    def __init__(
        self, builder: Builder, blobs: dict[str, Blob | None], unknown: Unknowns, batch: int, *, allow_unknown: bool
    ) -> None:
        self.builder, self.blobs, self.unknown, self.batch = builder, blobs, unknown, batch
        self.allow_unknown = allow_unknown
        self.named: set[str] = set()

    def through(self, layers: Sequence[TextMessage]) -> None:
        """Add the nodes of all layers; what an unknown layer writes has no size, nor what is made of it."""
        for place, layer in enumerate(layers):
            tops = layer.words("top") or [f"layer {place}"]
            outputs = self._outputs(layer, kind_of(layer), len(tops)) if kind_of(layer) in LAYERS else None
            self.blobs |= dict.fromkeys(tops) if outputs is None else dict(zip(tops, outputs, strict=True))

    def _outputs(self, layer: TextMessage, kind: str, count: int) -> Sequence[Blob] | None:
        origin = Origin(layer.word("name"), kind, layer.line)
        if missing := [name for name in _bottoms(layer) if name not in self.blobs]:
            raise origin.problem(f"reads {missing[0][:50]!r}, which no layer before it writes")
        given = tuple(self.blobs[name] for name in _bottoms(layer))
        op = layer_op(self.builder, layer, given, self._held(layer, origin), batch=self.batch, kind=kind)
        made: Made | None = self.unknown.after(kind, self.builder, partial(LAYERS[kind], op))
        if made is None and self.allow_unknown:
            same = next(filter(None, given), None) if kind == "Eltwise" else None  # all that it reads has one size
            return None if same is None else [op.row("Identity", same)] * count
        if made is None:
            raise op.problem("it reads what a skipped layer writes, of unknown size; count with --allow-unknown")
        outputs = made if isinstance(made, list) else [made] * count
        if len(outputs) != count:
            raise op.problem(f"it has {len(outputs)} outputs, and {count} names for them")
        return outputs

    def _held(self, layer: TextMessage, origin: Origin) -> Mapping[str, str]:
        """Tell for each type of parameter whether it is an earlier layer's, of the same name, or not trained."""
        params = layer.messages("param")
        names = [param.word("name") for param in params] or layer.words("param")
        rates = [param.word("lr_mult", "1") for param in params] or layer.words("blobs_lr")
        pairs = zip_longest(names, rates or ["1"], fillvalue="")
        states = ["shared" if name in self.named else "frozen" if _is_zero(rate) else "" for name, rate in pairs]
        states += [""] * (2 - len(states))
        if kind_of(layer) in RECURRENT and any(states) and len({*states}) > 1:
            raise origin.problem("lr_mult and names that differ between its blobs are not supported")
        self.named.update(filter(None, names))
        return {name: states[name in BIASES] for name in PARAMETERS}


def _is_zero(rate: str) -> bool:
    return bool(rate) and not rate.strip("0.")


def _bottoms(layer: TextMessage) -> list[str]:
    """Return what a layer reads; of a loss only the scores, since labels are for training."""
    bottoms = layer.words("bottom")
    return bottoms[:1] if kind_of(layer) == "SoftmaxWithLoss" else bottoms
