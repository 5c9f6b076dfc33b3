"""Keras models: what `model.to_json()` writes, or a `.keras` archive around it; no weight is read, and no code run."""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.errors import Note, Refusal, UsageError, reason
from flopcount.formulas.bits import NAMED
from flopcount.formulas.numbers import exact_all
from flopcount.formulas.step import PARAMETERS
from flopcount.network.inputs import input_shape
from flopcount.readers.base import (
    ACTIVATIONS,
    OPERATORS,
    Build,
    Builder,
    Origin,
    ReadOptions,
    ReadResult,
    Unknowns,
    batch_asked,
    counted_unknown,
    known,
    network_name,
    occurrences,
    plain_layer,
    plain_word,
    sanitized,
    sizes_asked,
    unpacked,
)
from flopcount.readers.keras import attention_rnn, context, layers, ops
from flopcount.readers.keras.context import CallOp, FeatureMap, Made, Writer, axis_order, shape_of
from flopcount.readers.keras.graph import MOST_CALLS, LayerConfig, LayerGraph, Ref, Turn, graph_of, replaced, turns
from flopcount.spec.fields import LARGEST
from flopcount.spec.text import DEEPEST, deeper, read_text

MEMBER = "config.json"
"""The configuration in an archive; nothing else in it is opened."""

MOST_MEMBERS = 10_000
"""An archive with more members is refused; Keras writes a handful."""

MOST_UNPACKED = 16 * 2**20
"""Largest configuration in an archive; those that Keras writes have up to a few megabytes."""

MOST_VALUES = 1_000_000
"""Most tables, lists and values in a model."""


def read_json(path: Path) -> Build:
    """Parse a model from JSON."""
    return parsed(read_text(path))


def read_archive(path: Path) -> Build:
    """Parse a model from a `.keras` archive: one member, of bounded size, never written anywhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive)
    except IsADirectoryError:
        raise Refusal("this is a folder; name a .keras file in it") from None
    except OSError as error:
        raise Refusal(f"{reason(error)}; check the path") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError):
        what = "not a .keras archive, which is a zip file that contains config.json; save the model again"
        raise Refusal(what) from None
    return parsed(text)


def _member(archive: zipfile.ZipFile) -> str:
    """Unpack the configuration, up to the allowed size whatever size the archive declares."""
    if len(archive.namelist()) > MOST_MEMBERS:
        raise Refusal(f"more than {MOST_MEMBERS} members; Keras did not write this archive")
    if archive.namelist().count(MEMBER) > 1:
        raise Refusal(f"it contains several {MEMBER}; save the model again")
    if MEMBER not in archive.namelist():
        raise Refusal(f"it contains no {MEMBER}; save the model with model.save('NAME.keras')")
    return unpacked(archive, MEMBER, MOST_UNPACKED).decode("utf-8")


def parsed(text: str) -> Build:
    """Parse the JSON of a model."""
    if sum(map(text.count, "{[,")) > MOST_VALUES:  # a table in memory takes 30 times its text
        raise Refusal(f"it has more than {MOST_VALUES} tables, lists and values; no Keras model needs as many")
    try:
        data = json.loads(text)
        if isinstance(data, str):  # `json.dump(model.to_json(), file)` wraps it once more
            data = json.loads(data)
    except json.JSONDecodeError as error:
        raise Refusal(f"not JSON: {error.msg}; export the model again", line=error.lineno) from None
    except RecursionError:
        raise Refusal(_DEEP) from None
    except ValueError:
        raise Refusal("a number has too many digits; sizes go up to 10⁹") from None
    if not isinstance(data, dict):
        raise Refusal(f"a Keras model is a table with class_name and config, not a {type(data).__name__}")
    if deeper(data, DEEPEST):
        raise Refusal(_DEEP)
    return partial(_network, graph_of(data))


_DEEP = f"nested deeper than {DEEPEST} levels"

MOST_AXES = 8
"""An input with more axes after the batch is refused."""


_SEPARABLE = layers.convolution("DepthSepConv", out_channels="filters", depth_multiplier="depth_multiplier")
_IDENTITY = plain_layer("Identity")
_RELU: Writer = lambda op: op.row("Activation", op.x, function=layers.rectified(op.config))  # noqa: E731


def _nd(*names: str) -> Iterator[str]:
    """Yield a class for each number of spatial axes."""
    return (f"{name}{count}D" for name in names for count in (1, 2, 3))


LAYERS: Mapping[str, Writer] = {
    **dict.fromkeys(_nd("Conv", "Convolution"), layers.convolution("Conv", out_channels="filters", groups="groups")),
    **dict.fromkeys(_nd("DepthwiseConv"), layers.convolution("DepthwiseConv", depth_multiplier="depth_multiplier")),
    **dict.fromkeys(_nd("SeparableConv", "SeparableConvolution"), _SEPARABLE),
    **{f"{name}Transpose": layers.transposed for name in _nd("Conv", "Convolution")},
    **dict.fromkeys(_nd("LocallyConnected"), layers.convolution("LocallyConnected", out_channels="filters")),
    **dict.fromkeys(_nd("ConvLSTM"), lambda op: op.grouped(attention_rnn.conv_lstm, op.mapped(op.x, op.space))),
    **dict.fromkeys(_nd("MaxPooling", "MaxPool", "AveragePooling", "AvgPool"), layers.pool),
    **dict.fromkeys(_nd("GlobalMaxPooling", "GlobalMaxPool", "GlobalAveragePooling", "GlobalAvgPool"), layers.pool),
    **dict.fromkeys(_nd("AdaptiveMaxPooling", "AdaptiveAveragePooling"), layers.pool),
    **dict.fromkeys(_nd("ZeroPadding"), layers.border("Pad", "padding")),
    **dict.fromkeys(_nd("Cropping"), layers.border("Crop", "cropping")),
    **dict.fromkeys(_nd("UpSampling"), layers.upsample),
    "Resizing": layers.resize,
    **dict.fromkeys(("CenterCrop", "RandomCrop"), context.center_crop),
    "Dense": layers.dense,
    "EinsumDense": layers.einsum_dense,
    "Embedding": layers.embedding,
    **dict.fromkeys(("CategoryEncoding", "Discretization", "Hashing"), layers.encoded),
    **dict.fromkeys(("StringLookup", "IntegerLookup"), layers.encoded),
    "ReversibleEmbedding": layers.reversible_embedding,
    "LayerScale": layers.layer_scale,
    "CustomScaleLayer": ops.scaled_sum,
    **dict.fromkeys(("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1"), layers.batch_norm),
    "LayerNormalization": layers.layer_norm,
    "RMSNormalization": layers.rms_norm,
    "GroupNormalization": layers.group_norm,
    "UnitNormalization": layers.unit_norm,
    "Normalization": layers.data_norm,
    "Rescaling": layers.rescale,
    "SpectralNormalization": lambda op: op.grouped(ops.spectral, op.x),
    "TimeDistributed": ops.time_distributed,
    "Activation": lambda op: layers.applied(op, op.x, layers.function_name(op.get("activation"))),
    **dict.fromkeys(("ReLU", "ThresholdedReLU"), _RELU),
    "LeakyReLU": plain_layer("Activation", function="leaky_relu"),
    "ELU": plain_layer("Activation", function="elu"),
    "Softmax": layers.softmax,
    "PReLU": layers.prelu,
    **{
        name: ops.combination(OPERATORS[name.lower()]) for name in ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
    },
    "Average": lambda op: op.row("Elementwise", ops.combined(op, op.xs, "add"), function="div", tail="mean"),
    "Concatenate": ops.concatenate,
    "Dot": ops.dot,
    "Reshape": context.reshape,
    "Flatten": context.flatten,
    "Permute": context.permute,
    "RepeatVector": context.repeat_vector,
    **dict.fromkeys(("Dropout", *_nd("SpatialDropout"), "AlphaDropout", "GaussianDropout"), context.dropout),
    "StochasticDepth": plain_layer("StochasticDepth"),
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization", "Masking", "Identity"), _IDENTITY),
    **dict.fromkeys(("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation"), _IDENTITY),
    **dict.fromkeys(("RandomContrast", "RandomBrightness", "RandomColorJitter", "RandomHue"), _IDENTITY),
    **dict.fromkeys(("RandomSaturation", "RandomSharpness", "RandomShear", "RandomGaussianBlur"), _IDENTITY),
    **dict.fromkeys(("RandomGrayscale", "RandomPosterization", "RandomInvert", "RandomErasing"), _IDENTITY),
    **dict.fromkeys(("RandomPerspective", "RandomElasticTransform", "RandomColorDegeneration"), _IDENTITY),
    **dict.fromkeys(("RandAugment", "AugMix", "MixUp", "CutMix"), _IDENTITY),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), attention_rnn.recurrent),
    "RNN": attention_rnn.wrapped_cell,
    "Bidirectional": attention_rnn.bidirectional,
    "MultiHeadAttention": attention_rnn.multihead,
    **dict.fromkeys(("GroupedQueryAttention", "GroupQueryAttention"), attention_rnn.grouped),
    "Attention": attention_rnn.attention,
    "AdditiveAttention": lambda op: op.grouped(attention_rnn.additive, *attention_rnn.query_value_key(op)),
}
"""The function that adds the nodes of each class."""

OPERATIONS: Mapping[str, Writer] = {
    **dict.fromkeys(("identity", "cast", "copy", "stopgradient", "castlike", "convert", "ensureshape"), _IDENTITY),
    **dict.fromkeys(("flip", "reverse", "roll", "zeroslike", "oneslike", "fulllike"), _IDENTITY),
    **{name: ops.element(function) for name, function in OPERATORS.items()},
    **{name: partial(ops.activation, name=name) for name in ACTIVATIONS},
    **{name: partial(ops.reduced, function=function) for name, function in ops.REDUCTIONS.items()},
    "reshape": context.reshape,
    **dict.fromkeys(("transpose", "permutedims"), context.permute),
    "swapaxes": ops.swap_axes,
    "moveaxis": ops.move_axis,
    **dict.fromkeys(("concatenate", "concat", "concatv2"), ops.concatenate),
    "stack": ops.stack,
    "expanddims": ops.expand_dims,
    "squeeze": ops.squeeze,
    **dict.fromkeys(("ravel", "flatten"), lambda op: context.reshaped(op, op.x, [prod(op.x.sizes)])),
    **dict.fromkeys(("resize", "resizeimages"), layers.resize),
    "depthtospace": ops.shuffle("PixelShuffle", "upscale_factor"),
    "spacetodepth": ops.shuffle("PixelUnshuffle", "downscale_factor"),
    "pad": ops.expansion(lambda size, pair: size + pair[0] + pair[-1], "pad_width", "paddings", kept=([0, 0], 0)),
    "tile": ops.expansion(lambda size, times: size * times[0], "repeats", "multiples", "reps", kept=(1,)),
    "broadcastto": ops.expansion(lambda _, wanted: wanted[0], "shape"),
    "split": ops.split,
    **dict.fromkeys(("unstack", "unpack"), ops.unstack),
    "getitem": ops.get_item,
    **dict.fromkeys(("softmax", "logsoftmax"), layers.softmax),
    **dict.fromkeys(("matmul", "batchmatmul", "batchmatmulv2"), ops.matmul),
    "einsum": ops.einsum_of,
    "dotproductattention": ops.attention,
    "maxpool": ops.pooled("Max"),
    "averagepool": ops.pooled("Average"),
}
"""The function that adds each operation, by its plain name; a later entry wins."""


def shown_kind(layer: LayerConfig) -> str:
    """Return the class of a layer for messages, with its function if the class says little."""
    function = layer.config.get("function")
    return f"{layer.kind} {str(function)[:50]}" if isinstance(function, str) and "Op" in layer.kind else layer.kind[:50]


def writer(layer: LayerConfig) -> Writer | None:
    """Return the function that adds a layer; None if it is unknown, such as a class of another package."""
    if layer.kind in {"TFOpLambda", "SlicingOpLambda"}:
        return OPERATIONS.get(plain_word(str(layer.config.get("function"))))
    if layer.kind == "TensorFlowOpLayer":
        node = layer.config.get("node_def")
        name = node.get("op") if isinstance(node, Mapping) else layer.config.get("name")
        return OPERATIONS.get(plain_word(str(name)))
    if ".ops" in layer.module:
        return OPERATIONS.get(plain_word(layer.kind))
    known = not layer.foreign and layer.module.partition(".")[0] in {"", "keras", "tf_keras", "tensorflow"}
    return LAYERS.get(layer.kind) if known else None


def unknown_layers(layers: Iterable[LayerConfig]) -> Iterator[str]:
    """Yield the class of each layer that is not known, those of inner models too."""
    for layer in layers:
        if layer.model is not None:
            yield from unknown_layers(layer.model.layers.values())
        elif layer.kind != "InputLayer" and writer(layer) is None:
            yield shown_kind(layer)
        elif layer.wrapped is not None:
            yield from unknown_layers((layer.wrapped,))


class InputLayer(NamedTuple):
    """An input of a model: its sizes as Keras orders them without the batch, None if they are open."""

    name: str
    sizes: tuple[int | None, ...]
    channel: int
    batch: int | None = None


def _entered(model: LayerGraph, builder: Builder, text: str | None) -> tuple[dict[str, FeatureMap], list[Note]]:
    """Return the feature map of each input layer, and the notes on their sizes."""
    entries = _input_layers(model)
    asked = sizes_asked(text, [entry.name for entry in entries], "the model")
    found: dict[str, FeatureMap] = {}
    notes: list[Note] = []
    first: tuple[int, ...] = ()
    for entry in entries:
        if first and None in entry.sizes and entry.name not in asked:
            sizes = _after(entry, entries[0], first)
            notes = [Note("open-sizes", "open sizes of other inputs are those of the first input")]
        else:
            sizes = _sized(entry, asked.get(entry.name))
        first = first or sizes
        label = "input" if len(entries) == 1 else builder.names.fresh(sanitized(entry.name))
        found[entry.name] = FeatureMap(label, shape_of(sizes, entry.channel, 0), entry.channel)
    return found, notes


def _input_layers(model: LayerGraph) -> list[InputLayer]:
    """Return the input layers, in the order of the model's inputs."""
    every = [layer.name for layer in model.layers.values() if layer.kind == "InputLayer"]
    named = [ref.layer for ref in model.inputs if ref.layer in every]
    is_first = _channels_first(model.layers.values())
    found = [_input_layer(model.layers[name], is_first) for name in dict.fromkeys([*named, *every])]
    if not found:
        raise Refusal("the model has no input layer")
    return found


def _input_layer(layer: LayerConfig, is_first: bool) -> InputLayer:  # noqa: FBT001
    config, sizes = layer.config, layer.config.get("shape")
    sizes = [None, *sizes] if isinstance(sizes, list) else sizes
    sizes = config.get("batch_shape") or config.get("batch_input_shape") or sizes
    if not isinstance(sizes, list | tuple):
        raise Refusal("the file does not say its shape; build the model before exporting it", layer.name)
    numbers = [each for each in sizes if each is not None]
    valid = all(isinstance(each, int) and not isinstance(each, bool) and 1 <= each <= LARGEST for each in numbers)
    if not valid or not 1 <= len(sizes) <= MOST_AXES + 1:
        raise Refusal(f"invalid shape {str(sizes)[:80]}: expected a list of sizes from 1 to 10⁹", layer.name[:50])
    batch, *sizes = sizes
    sizes = tuple(sizes) or (1,)
    return InputLayer(layer.name, sizes, 0 if is_first or len(sizes) == 1 else len(sizes) - 1, batch)


def _fixed_batch(entries: Iterable[InputLayer]) -> int | None:
    """Return the batch that the file fixes, if it is not 1; it is one for all inputs."""
    found = {entry.batch for entry in entries} - {None, 1}
    if len(found) > 1:
        raise Refusal(f"its inputs have different batches: {', '.join(map(str, sorted(map(str, found))))}")
    return next(iter(found), None)


def _channels_first(layers: Iterable[LayerConfig]) -> bool:
    """Tell whether any layer takes the channels to be before space."""
    return any(
        layer.config.get("data_format") == "channels_first"
        or _channels_first(layer.model.layers.values() if layer.model else [layer.wrapped] if layer.wrapped else [])
        for layer in layers
    )


def _sized(entry: InputLayer, text: str | None) -> tuple[int, ...]:
    """Return the sizes of an input, as Keras orders them."""
    rank, channel = len(entry.sizes), entry.channel
    order = axis_order(channel, 0, rank)
    sizes = entry.sizes
    if text is not None:
        declared = tuple(sizes[axis] or LARGEST + 1 for axis in order)
        given = exact_all(input_shape(declared, text).dims)[-rank:]
        asked = [given[order.index(axis)] for axis in range(rank)]
        if asked[channel] != sizes[channel] == given[-1]:
            raise UsageError(f"--input {text[:60]} has the channels last; give them first, as in 3x224x224")
        sizes = tuple(ours if ours <= LARGEST else theirs for ours, theirs in zip(asked, sizes, strict=True))
    if None in sizes:
        raise Refusal(_open(sizes), entry.name[:50])
    return tuple(each or 1 for each in sizes)


def _open(sizes: Sequence[int | None]) -> str:
    """Return the sentence on open sizes, with the option that gives them."""
    shown = "×".join("?" if each is None else str(each) for each in sizes)
    *spatial, channels = sizes
    example = "224" if channels is not None else "x".join(["3", *["224"] * len(spatial)])
    return f"the file leaves sizes open: {shown}; give them with --input {example if spatial else 128}"


def _after(entry: InputLayer, first: InputLayer, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of a further input, open ones as the first input has them."""
    if len(entry.sizes) != len(sizes):
        what = f"the file leaves its sizes open, and {first.name[:50]} has other axes; give --input {entry.name}=SIZE"
        raise Refusal(what, entry.name)
    return tuple(theirs or ours for theirs, ours in zip(entry.sizes, sizes, strict=True))


Outputs = dict[tuple[str, int], list[FeatureMap | None] | None]
"""The outputs of each call: (layer, number) → one by one; None if an unknown layer makes them."""

Recorded = dict[tuple[str, int, int], tuple[Any, ...]]
"""The sizes that readers of a tensor say it has."""


def _network(model: LayerGraph, options: ReadOptions) -> ReadResult:
    """Return a model as flat nodes."""
    unknown = Unknowns(counted_unknown(unknown_layers(model.layers.values()), options))
    builder = Builder()
    entries, notes = _entered(model, builder, options.input)
    walk = _Walk(unknown, is_checked=options.input is None)
    walk.through(model, Scene(builder), entries)
    if unknown:
        builder.hold(entries.values())
    if not builder.nodes:
        raise Refusal("the model has no layers after its inputs")
    read = {path for node in builder.nodes for path in node.inputs}
    inputs = {x.path: exact_all(x.shape.dims) for x in entries.values()}
    kept = {path: dims for path, dims in inputs.items() if path in read}
    left = ", ".join(path for path in inputs if path not in read)
    notes += [Note("inputs-unused", f"no layer computes with the inputs {left}: they are omitted")] if left else []
    name = network_name(model.name, "model")
    batch = batch_asked(options, sizes_asked(options.input, [*entries]), {key: x.rank for key, x in entries.items()})
    batch = batch or _fixed_batch(_input_layers(model))
    return ReadResult(name, kept, tuple(builder.nodes), (*notes, *walk.notes()), dict(unknown), batch=batch)


@dataclass(slots=True)
class Scene:
    """Where the nodes of a model go, and what is true of all its layers."""

    builder: Builder
    prefix: str = ""
    outer: int = 0
    frozen: bool = field(default=False, kw_only=True)
    again: bool = field(default=False, kw_only=True)


class _Walk:
    """One walk: which layers it has visited, and how many calls it may still visit."""

    def __init__(self, unknown: Unknowns, *, is_checked: bool) -> None:
        self.unknown, self.is_checked = unknown, is_checked
        self.visited: set[int] = set()
        self.shared: Counter[str] = Counter()
        self.left = MOST_CALLS

    def notes(self) -> list[Note]:
        """Return the note on weights that are used more than once."""
        times = occurrences({name: count + 1 for name, count in self.shared.items()})
        return [Note("shared-weights", f"weights that are used more than once are counted once: {times}")] * bool(times)

    def through(self, model: LayerGraph, scene: Scene, inputs: Mapping[str, FeatureMap]) -> list[FeatureMap | None]:
        """Walk a model, and return its outputs."""
        outputs: Outputs = {(name, 0): [x] for name, x in inputs.items()}
        recorded = _recorded(model)
        hinted = _hinted(model) | recorded if self.is_checked else {}
        for turn in turns(model):
            self.left -= 1
            if self.left < 0:
                raise Refusal(f"more than {MOST_CALLS} layers, inner models unrolled")
            if turn.layer.kind == "InputLayer" and turn.layer.model is None:
                continue
            place = (turn.layer.name, turn.number)
            call = partial(self._called, turn, scene, outputs, hinted)
            made = self.unknown.after(shown_kind(turn.layer), scene.builder, call)
            outputs[place] = made = made or _as_others(turn, scene, outputs)
            if made and self.is_checked and not scene.outer:
                _check(turn.layer, made, [recorded.get((*place, n)) for n in range(len(made))])
        return [_found(outputs, ref, model.name) for ref in model.outputs]

    def _called(self, turn: Turn, scene: Scene, outputs: Outputs, recorded: Recorded) -> list[FeatureMap | None] | None:
        """Add one call of a layer, and return its outputs; None if their sizes are not known."""
        layer = turn.layer
        args, keywords = (_filled(value, outputs, layer.name) for value in turn.call)
        again = scene.again or id(layer) in self.visited
        frozen = scene.frozen or layer.config.get("trainable") is False
        self.visited.add(id(layer))
        before = len(scene.builder.nodes)
        origin, name = Origin(layer.name, shown_kind(layer)), scene.prefix + layer.name
        held = "shared" if again else "frozen" if frozen else ""
        op = CallOp(scene.builder, origin, name, layer.config, tuple(args), keywords, held=held, outer=scene.outer)
        found = self._added(layer, op, recorded.get((layer.name, turn.number, 0)))
        if bits := _bits(layer.config.get("dtype")):
            made = (node if node.bits else node._replace(bits=bits) for node in scene.builder.nodes[before:])
            scene.builder.nodes[before:] = made
        if again and not scene.again and any(node.layer.shared for node in scene.builder.nodes[before:]):
            self.shared[layer.name] += 1
        return [*found] if isinstance(found, list) else None if found is None else [found]

    def _added(self, layer: LayerConfig, op: CallOp, recorded: tuple[Any, ...] | None) -> Any:
        """Add one layer, whatever it is: a model, a wrapper, a known class or an unknown one."""
        if layer.model is not None:
            return self._inner(layer.model, op)
        _refuse_additions(op)
        write, inner = writer(layer), layer.wrapped
        if write is None:
            return _skipped(layer, op, recorded)
        if inner is None:
            return write(op)
        origin = Origin(f"{layer.name}.{inner.name}", shown_kind(inner))
        frozen = "frozen" if inner.config.get("trainable") is False else ""

        def inside(given: CallOp) -> Made:
            changed = given.having(origin=origin, config=inner.config, wrapped=None, held=given.held or frozen)
            made: Made = known(self._added(inner, changed, None))
            return made

        return write(op.having(wrapped=inside))

    def _inner(self, model: LayerGraph, op: CallOp) -> list[FeatureMap | None]:
        """Add an inner model as a block; one with several outputs has its name before the names of its layers."""
        xs, names = op.xs, [ref.layer for ref in model.inputs]
        if len(xs) != len(names):
            raise op.problem(f"{len(xs)} tensors enter a model that has {len(names)} inputs")
        inputs = dict(zip(names, xs, strict=True))
        flags = {"frozen": op.held == "frozen", "again": op.held == "shared"}
        if len(model.outputs) != 1:
            return self.through(model, Scene(op.builder, f"{op.name}_", op.outer, **flags), inputs)
        start, block = len(op.builder.nodes), op.builder.block(op.name, xs)
        (y,) = self.through(model, Scene(block, "", op.outer, **flags), inputs)
        if y is None:
            return [y]
        if len(block.nodes) == start or y.path != block.nodes[-1].path:
            y = op.having(builder=block, name="output").row("Identity", y)
        op.builder.close(block)
        return [y]


ALIKE = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")


def _as_others(turn: Turn, scene: Scene, outputs: Outputs) -> list[FeatureMap | None] | None:
    """Return the output of a sum that reads an unknown size: that of a map beside it, in which no axis is stretched."""
    others = [_found(outputs, ref, turn.layer.name) for ref in turn.call.refs() if turn.layer.kind in ALIKE]
    for x in others:
        if x is not None and x.rank > 2 and min(x.sizes) > 1:  # noqa: PLR2004  (a map)
            origin = Origin(turn.layer.name, turn.layer.kind)
            return [CallOp(scene.builder, origin, scene.prefix + turn.layer.name, {}, (), {}).row("Identity", x)]
    return None


def _found(outputs: Outputs, ref: Ref, reader: str) -> FeatureMap | None:
    found = outputs.get((ref.layer, ref.call), [])
    if found is None:
        return None
    if ref.output >= len(found):
        raise Refusal(f"reads output {ref.output} of {ref.layer[:50]!r}, which has {len(found)}", reader[:50])
    return found[ref.output]


def _filled(value: Any, outputs: Outputs, reader: str) -> Any:
    """Put feature maps in place of the references to them."""
    return replaced(value, lambda part: known(_found(outputs, part, reader)) if isinstance(part, Ref) else None)


def _check(layer: LayerConfig, outputs: list[FeatureMap | None], recorded: list[tuple[Any, ...] | None]) -> None:
    """Compare each output with the sizes that the file records for it."""
    for x, sizes in zip(outputs, recorded, strict=True):
        if x is None or sizes is None or len(sizes) < 2:  # noqa: PLR2004  (one number for each sample has no axes)
            continue
        wanted = sizes[1:]
        if len(wanted) != x.rank or any(size not in (None, ours) for size, ours in zip(wanted, x.sizes, strict=True)):
            what = f"its output is {x}, and the file says {'×'.join(map(str, wanted))[:80]}; export the model again"
            raise Refusal(what, layer.name[:50], shown_kind(layer))


def _refuse_additions(op: CallOp) -> None:
    """Refuse a layer that keeps more numbers than its class says: low-rank additions, scales of a quantization."""
    policy = op.get("dtype")
    if op.get("lora_rank"):
        raise op.problem("lora_rank adds weights; export the model without them")
    if isinstance(policy, Mapping) and "Quantized" in str(policy.get("class_name")):
        raise op.problem("it is quantized, with scales beside its weights; export the model before quantizing it")


def _bits(policy: Any) -> Mapping[str, int]:
    """Return the bits of a policy such as float16, or mixed_float16, which keeps weights of 32; none if all have 32."""
    config = policy.get("config") if isinstance(policy, Mapping) else None
    name = str(config.get("name") if isinstance(config, Mapping) else policy)
    bits = NAMED.get(name.removeprefix("mixed_"), 32)
    if bits == 32 or name.startswith(("int", "uint")):  # noqa: PLR2004  (not the types of what a layer computes)
        return {}
    return {"activation": bits, **({} if name.startswith("mixed_") else dict.fromkeys(PARAMETERS, bits))}


def _hinted(model: LayerGraph) -> Recorded:
    """Return the sizes that a Lambda names, and those of the one tensor that a layer was built for."""
    named = ((layer, layer.config.get("output_shape")) for layer in model.layers.values() if layer.kind == "Lambda")
    given = [(layer, sizes) for layer, sizes in named if isinstance(sizes, list)]
    shapes: Recorded = {(each.name, n, 0): (None, *sizes) for each, sizes in given for n in range(len(each.calls))}
    built = ((layer.built, [ref for call in layer.calls for ref in call.refs()]) for layer in model.layers.values())
    single = [(refs[0], tuple(sizes)) for sizes, refs in built if isinstance(sizes, list) and len(refs) == 1]
    return shapes | {(ref.layer, ref.call, ref.output): sizes for ref, sizes in single}


def _recorded(model: LayerGraph) -> Recorded:
    refs = (ref for layer in model.layers.values() for call in layer.calls for ref in call.refs())
    return {(ref.layer, ref.call, ref.output): ref.sizes for ref in refs if ref.sizes is not None}


def _skipped(layer: LayerConfig, op: CallOp, recorded: tuple[Any, ...] | None) -> FeatureMap | None:
    """Add an unknown layer: its output has the sizes that the file records, which hold at its own input alone."""
    sizes = [*recorded[1:]] if recorded else []
    if not sizes or op.outer or not all(isinstance(size, int) and size > 0 for size in sizes):
        return None
    return op.row("Operation", op.x, operator=shown_kind(layer), size=sizes, channel=len(sizes) - 1)
