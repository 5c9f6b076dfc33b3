"""A Keras model as a graph, whichever version of Keras wrote it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, NamedTuple, TypeVar

from flopcount.errors import Refusal
from flopcount.readers.keras.old import modern

MOST_CALLS = 100_000
"""A model with more calls of layers is refused."""


class Ref(NamedTuple):
    """One tensor: which output of which call of which layer; `sizes` if the file records them."""

    layer: str
    call: int
    output: int
    sizes: tuple[Any, ...] | None = None


class LayerCall(NamedTuple):
    """One use of a layer: arguments as Keras was given them, with a `Ref` for each tensor.

    Keras 3 writes arguments with tensors inside; Keras 2 lists tensors, each with the keywords of the call.
    """

    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = {}

    def refs(self) -> Iterator[Ref]:
        """Yield the tensors among the arguments, in order."""
        yield from parts([*self.args, *self.keywords.values()], Ref)


Part = TypeVar("Part")


def parts(value: Any, kind: type[Part]) -> Iterator[Part]:
    """Yield all of a class in nested data, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, Mapping):
        yield from parts([*value.values()], kind)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from parts(each, kind)


def replaced(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return nested data with some parts changed; `change` returns None for those that stay."""
    found = change(value)
    if found is not None:
        return found
    if isinstance(value, Mapping):
        return {key: replaced(each, change) for key, each in value.items()}
    return [replaced(each, change) for each in value] if isinstance(value, list | tuple) else value


def decoded(value: Any) -> Any:
    """Put a `Ref` in place of each tensor that Keras 3 wrote, slices and lists in place of theirs."""
    return replaced(value, _special)


def _special(value: Any) -> Any:
    """Return the meaning of a table that stands for something JSON has no word for; None for other data."""
    kind, config = (value.get("class_name"), value.get("config")) if isinstance(value, Mapping) else (None, None)
    if kind == "__tuple__":
        return decoded(value.get("items", config or []))
    table = config if isinstance(config, Mapping) else {}
    if kind == "__keras_tensor__":
        ref, sizes = tensors_in(table.get("keras_history")), table.get("shape")
        return ref._replace(sizes=tuple(sizes)) if isinstance(ref, Ref) and isinstance(sizes, list) else ref
    if kind in ("__numpy__", "__tensor__"):
        return table.get("value")
    if kind == "__slice__":
        return slice(*(table.get(key) for key in ("start", "stop", "step")))
    return ... if kind == "__ellipsis__" else None


_ENTRY = 3
"""A tensor in Keras 2: layer, call, output, and from 2.2 on the keywords of the call."""


def tensors_in(value: Any) -> Any:
    """Put a `Ref` in place of each [layer, call, output] that Keras 2 wrote."""
    return replaced(value, _ref)


def _ref(value: Any) -> Ref | None:
    if not isinstance(value, list) or len(value) < _ENTRY or not isinstance(value[0], str):
        return None
    name, call, output = value[:_ENTRY]
    return Ref(name, call, output) if _is_index(call) and _is_index(output) else None


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_CALLS


def listed(node: list[Any]) -> LayerCall:
    """Read a call as Keras 2 lists it: one tensor, or several that are one argument together."""
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    for entry in [node] if node and isinstance(node[0], str) else node:
        if isinstance(entry, list) and len(entry) > _ENTRY and isinstance(entry[_ENTRY], Mapping):
            keywords |= tensors_in(entry[_ENTRY])
        constant = isinstance(entry, list) and len(entry) >= _ENTRY and entry[0] == "_CONSTANT_VALUE"
        args.append(entry[2] if constant else tensors_in(entry))
    return LayerCall(tuple(args) if len(args) == 1 else (args,), keywords)


WRAPPERS = ("TimeDistributed", "SpectralNormalization")
"""Layers around another layer, of any class."""


class LayerConfig(NamedTuple):
    """One layer: `model` if it is one, `foreign` if a user registered its class, `wrapped` for a layer inside it."""

    name: str
    kind: str
    module: str
    config: Mapping[str, Any]
    calls: tuple[LayerCall, ...]
    model: "LayerGraph | None" = None
    built: Any = None
    foreign: bool = False
    wrapped: "LayerConfig | None" = None


class LayerGraph(NamedTuple):
    """Layers by name, in the order of the file, and the tensors that enter and leave."""

    name: str
    layers: Mapping[str, LayerConfig]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]


def graph_of(data: Mapping[str, Any]) -> LayerGraph:
    """Return the graph of a file, of TensorFlow.js too; a model without one cannot be read."""
    for key in ("modelTopology", "model_config"):
        inner = data.get(key)
        data = inner if isinstance(inner, Mapping) else data
    if "class_name" not in data and ("node" in data or "library" in data):
        hint = "convert the Keras model to a layers model (tfjs_layers_model), or to ONNX"
        raise Refusal(f"it is a graph model of TensorFlow.js, of operations without their layers; {hint}")
    is_old = "module" not in data and not str(data.get("keras_version", "1")).startswith(("2", "3", "tfjs"))
    found = _Reader().model(modern(data) if is_old else data)
    if found is None:
        what = "is written without its graph, as a subclassed model is; build it of layers and export that"
        raise Refusal(f"{str(data.get('class_name'))[:50]} {what}")
    return found


class _Reader:
    """Reads one file."""

    def __init__(self) -> None:
        self.calls = 0

    def model(self, entry: Mapping[str, Any]) -> LayerGraph | None:
        """Read a model; None if the entry is a plain layer."""
        config = entry.get("config")
        if isinstance(config, list):  # Keras before 2.2.3 wrote a Sequential as a list
            config = {"layers": config}
        rows = config.get("layers") if isinstance(config, Mapping) else None
        if not isinstance(config, Mapping) or not isinstance(rows, list):
            return None
        name = str(config.get("name") or entry.get("name") or "model")
        return (self._functional if "output_layers" in config else self._sequential)(name, config, rows)

    def _functional(self, name: str, config: Mapping[str, Any], rows: list[Any]) -> LayerGraph:
        layers = self._named([self._layer(row, self._calls(row)) for row in rows])
        ends = (tensors_in(config.get(key)) for key in ("input_layers", "output_layers"))
        inputs, outputs = (tuple(parts(each, Ref)) for each in ends)
        if not outputs:
            raise Refusal(f"the model {name[:50]} names no output")
        return _shifted(LayerGraph(name, layers, inputs, outputs))

    def _sequential(self, name: str, config: Mapping[str, Any], rows: list[Any]) -> LayerGraph:
        if not rows:
            raise Refusal(f"the model {name[:50]} has no layers")
        first = self._layer(rows[0], ())
        if first.kind != "InputLayer":
            inner = next((layer.config for layer in first.model.layers.values()), {}) if first.model else {}
            kept = (first.config.get("batch_input_shape"), config.get("build_input_shape"), first.built)
            sizes = next(filter(None, (*kept, inner.get("batch_input_shape"), inner.get("batch_shape"))), None)
            rows = [{"class_name": "InputLayer", "config": {"name": "input", "batch_shape": sizes}}, *rows]
        layers: list[LayerConfig] = []
        for row in rows:
            before = (LayerCall((Ref(layers[-1].name, 0, 0),)),) if layers else ()
            layers.append(self._layer(row, before))
        ends = Ref(layers[0].name, 0, 0), Ref(layers[-1].name, 0, 0)
        return LayerGraph(name, self._named(layers), (ends[0],), (ends[1],))

    def _named(self, layers: list[LayerConfig]) -> Mapping[str, LayerConfig]:
        named = {layer.name: layer for layer in layers}
        if len(named) < len(layers):
            raise Refusal("two layers have the same name; export the model again")
        return named

    def _layer(self, row: Any, calls: tuple[LayerCall, ...]) -> LayerConfig:
        self.calls += max(len(calls), 1)
        if self.calls > MOST_CALLS:
            raise Refusal(f"more than {MOST_CALLS} layers, the most that flopcount reads")
        if not isinstance(row, Mapping) or not isinstance(row.get("class_name"), str):
            raise Refusal("a layer has no class_name; the file is damaged")
        config = row.get("config")
        model = self.model(row)
        if not isinstance(config, Mapping):
            if model is None:
                raise Refusal("it has no config; the file is damaged", row["class_name"][:50])
            config = {}
        name = str(row.get("name") or config.get("name") or row["class_name"])
        built = row.get("build_config")
        sizes = built.get("input_shape") if isinstance(built, Mapping) else None
        registered, module = str(row.get("registered_name") or ""), str(row.get("module") or "")
        foreign = ">" in registered and not registered.startswith(("keras", "Keras")) and not module
        inner = config.get("layer") if row["class_name"] in WRAPPERS else None
        wrapped = None if inner is None else self._layer(inner, ())
        return LayerConfig(name, row["class_name"], module, config, calls, model, sizes, foreign, wrapped)

    def _calls(self, row: Any) -> tuple[LayerCall, ...]:
        nodes = row.get("inbound_nodes") if isinstance(row, Mapping) else None
        if nodes is None:
            return ()
        if not isinstance(nodes, list):
            raise Refusal("inbound_nodes is not a list; the file is damaged", _title(row))
        return tuple(self._call(node, _title(row)) for node in nodes)

    def _call(self, node: Any, name: str) -> LayerCall:
        if isinstance(node, Mapping) and "args" in node:
            args, keywords = decoded(node["args"]), decoded(node.get("kwargs") or {})
            if not isinstance(args, list) or not isinstance(keywords, Mapping):
                raise Refusal("a call has no list of arguments; the file is damaged", name)
            return LayerCall(tuple(args), keywords)
        if isinstance(node, Mapping):  # a model that was called with a table of tensors
            node = [*node.values()]
        if not isinstance(node, list):
            raise Refusal("a call is neither a table nor a list; the file is damaged", name)
        return listed(node)


def _title(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or row.get("class_name"))[:50]


def _shifted(model: LayerGraph) -> LayerGraph:
    """Count the calls of inner models from 0, where an old Keras counted their making as the first."""
    refs = [ref for layer in model.layers.values() for call in layer.calls for ref in call.refs()]
    highest: dict[str, int] = {}
    for ref in [*refs, *model.outputs]:
        highest[ref.layer] = max(highest.get(ref.layer, 0), ref.call)
    shifts = {
        name: highest[name] - len(layer.calls) + 1
        for name, layer in model.layers.items()
        if layer.model is not None and layer.calls and highest.get(name, 0) >= len(layer.calls)
    }
    return _moved(model, shifts) if shifts else model


def _moved(model: LayerGraph, shifts: Mapping[str, int]) -> LayerGraph:
    def moved(value: Any) -> Any:
        return replaced(
            value,
            lambda ref: (
                ref._replace(call=max(ref.call - shifts.get(ref.layer, 0), 0)) if isinstance(ref, Ref) else None
            ),
        )

    layers = {
        name: layer._replace(calls=tuple(LayerCall(tuple(moved(args)), moved(words)) for args, words in layer.calls))
        for name, layer in model.layers.items()
    }
    return model._replace(layers=layers, outputs=tuple(moved(model.outputs)))


class Turn(NamedTuple):
    """One call of one layer, the `number`-th of it."""

    layer: LayerConfig
    number: int

    @property
    def call(self) -> LayerCall:
        """The call; an input layer has none of its own."""
        return self.layer.calls[self.number] if self.layer.calls else LayerCall()


def turns(model: LayerGraph) -> Iterator[Turn]:
    """Yield the calls after those they read, otherwise in the order of the file; refuse cycles."""
    found = [Turn(layer, number) for layer in model.layers.values() for number in range(max(len(layer.calls), 1))]
    places = {(turn.layer.name, turn.number): place for place, turn in enumerate(found)}
    readers: dict[int, list[int]] = defaultdict(list)
    missing: list[int] = []
    for place, turn in enumerate(found):
        sources = {_place(places, ref, turn.layer.name) for ref in turn.call.refs()}
        missing.append(len(sources))
        for source in sources:
            readers[source].append(place)
    ready = [place for place, count in enumerate(missing) if not count]
    while ready:
        place = heappop(ready)
        yield found[place]
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    if any(missing):
        names = [turn.layer.name[:50] for turn, count in zip(found, missing, strict=True) if count]
        more = ", …" if len(names) > 5 else ""  # noqa: PLR2004  (enough to find the circle)
        raise Refusal(f"layers form a cycle: {', '.join(names[:5])}{more}")


def _place(places: dict[tuple[str, int], int], ref: Ref, reader: str) -> int:
    place = places.get((ref.layer, ref.call))
    if place is None:
        raise Refusal(f"reads call {ref.call} of {ref.layer[:50]!r}, which does not exist", reader[:50])
    return place
