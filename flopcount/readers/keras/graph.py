"""A Keras model as a graph, whichever version of Keras wrote it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from flopcount.errors import Refusal

# The calls of layers, as each version of Keras writes them.
#
# Keras 3 writes the arguments of a call with tensors inside; Keras 2 lists the
# tensors of a call, each with the call's keywords. Both become a `LayerCall`.


MOST_CALLS = 100_000
"""A model with more calls of layers is refused."""


class Ref(NamedTuple):
    """One tensor: which output of which call of which layer; `sizes` where the file records them."""

    layer: str
    call: int
    output: int
    sizes: tuple[Any, ...] | None = None


class LayerCall(NamedTuple):
    """One use of a layer: arguments as Keras was given them, with a `Ref` for each tensor."""

    args: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = {}

    def refs(self) -> Iterator[Ref]:
        """Yield the tensors among the arguments, in order."""
        yield from refs_in([*self.args, *self.keywords.values()])


def refs_in(value: Any) -> Iterator[Ref]:
    """Yield the tensors in what a call is given, in order."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        yield from refs_in([*value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from refs_in(each)


def decoded(value: Any) -> Any:
    """Put a `Ref` in place of each tensor that Keras 3 wrote, slices and lists in place of theirs."""
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = str(value.get("class_name")), value.get("config")
    if not kind.startswith("__") or kind not in SPECIAL:
        return {key: decoded(each) for key, each in value.items()}
    if kind == "__tuple__":
        return decoded(value.get("items", config or []))
    return SPECIAL[kind](config if isinstance(config, Mapping) else {})


def _recorded(config: Mapping[str, Any]) -> Any:
    history, sizes = config.get("keras_history"), config.get("shape")
    ref = tensors_in(history)
    return ref._replace(sizes=tuple(sizes)) if isinstance(ref, Ref) and isinstance(sizes, list) else ref


_ENTRY = 3
"""A tensor in Keras 2: layer, call, output, and from 2.2 on the keywords of the call."""


def tensors_in(value: Any) -> Any:
    """Put a `Ref` in place of each [layer, call, output] that Keras 2 wrote."""
    if isinstance(value, Mapping):
        return {key: tensors_in(each) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) >= _ENTRY and isinstance(value[0], str) and all(_index(each) for each in value[1:_ENTRY]):
        return Ref(value[0], value[1], value[2])
    return [tensors_in(each) for each in value]


def _index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_CALLS


def listed(node: list[Any]) -> LayerCall:
    """Read a call as Keras 2 lists it: one tensor, or several that are one argument together."""
    entries = [node] if node and isinstance(node[0], str) else node
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, list) and len(entry) > _ENTRY and isinstance(entry[_ENTRY], Mapping):
            keywords |= tensors_in(entry[_ENTRY])
        constant = isinstance(entry, list) and len(entry) >= _ENTRY and entry[0] == "_CONSTANT_VALUE"
        args.append(entry[2] if constant else tensors_in(entry))
    return LayerCall(tuple(args[:1]) if len(args) == 1 else (args,), keywords)


def _slice(config: Mapping[str, Any]) -> slice:
    return slice(*(config.get(key) for key in ("start", "stop", "step")))


SPECIAL: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "__keras_tensor__": _recorded,
    "__numpy__": lambda config: config.get("value"),
    "__tensor__": lambda config: config.get("value"),
    "__slice__": _slice,
    "__tuple__": lambda _: [],
    "__ellipsis__": lambda _: ...,
}
"""How Keras 3 writes what JSON has no word for."""


WRAPPERS = ("TimeDistributed", "SpectralNormalization")
"""Layers around another layer, of any class."""


class LayerConfig(NamedTuple):
    """One layer: its name and class, what it is configured with, and its calls; `model` where it is one itself.

    A `foreign` one has a class that somebody registered with Keras; a wrapper has another one inside.
    """

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
    """Layers by name, in the order of the file, and which tensors enter and leave."""

    name: str
    layers: Mapping[str, LayerConfig]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]


def graph_of(data: Mapping[str, Any]) -> LayerGraph:
    """Make the graph of what a file holds; a model without one cannot be read."""
    inner = data.get("model_config")
    found = _Reader().model(inner if isinstance(inner, Mapping) else data)
    if found is None:
        kind = str(data.get("class_name"))[:50]
        raise Refusal(
            f"{kind} is written without its graph, as a subclassed model is; build it of layers and export that"
        )
    return found


class _Reader:
    """Reads one file."""

    def __init__(self) -> None:
        self.calls = 0

    def model(self, entry: Mapping[str, Any]) -> LayerGraph | None:
        """Read a model, or answer None where an entry is a plain layer."""
        config = entry.get("config")
        if isinstance(config, list):  # Keras before 2.2.3 wrote a Sequential so
            config = {"layers": config}
        rows = config.get("layers") if isinstance(config, Mapping) else None
        if not isinstance(config, Mapping) or not isinstance(rows, list):
            return None
        name = str(config.get("name") or entry.get("name") or "model")
        if "output_layers" in config:
            return self._functional(name, config, rows)
        return self._sequential(name, config, rows)

    def _functional(self, name: str, config: Mapping[str, Any], rows: list[Any]) -> LayerGraph:
        layers = self._named([self._layer(row, self._calls(row)) for row in rows])
        inputs, outputs = (self._ends(config.get(key)) for key in ("input_layers", "output_layers"))
        if not outputs:
            raise Refusal(f"the model {name[:50]} names no output")
        return _shifted(LayerGraph(name, layers, inputs, outputs))

    def _sequential(self, name: str, config: Mapping[str, Any], rows: list[Any]) -> LayerGraph:
        if not rows:
            raise Refusal(f"the model {name[:50]} has no layers")
        first = self._layer(rows[0], ())
        if first.kind != "InputLayer":
            sizes = first.config.get("batch_input_shape") or config.get("build_input_shape") or first.built
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
            raise Refusal(f"more than {MOST_CALLS} layers; that is more than flopcount reads")
        if not isinstance(row, Mapping) or not isinstance(row.get("class_name"), str):
            raise Refusal("a layer has no class_name; the file is damaged")
        config = row.get("config")
        model = self.model(row)
        if not isinstance(config, Mapping):
            config = {}
            if model is None:
                raise Refusal("there is no config; the file is damaged", row["class_name"][:50])
        name = str(row.get("name") or config.get("name") or row["class_name"])
        built = row.get("build_config")
        sizes = built.get("input_shape") if isinstance(built, Mapping) else None
        registered = str(row.get("registered_name") or "")
        foreign = ">" in registered and not registered.startswith(("keras", "Keras")) and not row.get("module")
        module = str(row.get("module") or "")
        inner = config.get("layer") if row["class_name"] in WRAPPERS else None
        wrapped = None if inner is None else self._layer(inner, ())
        return LayerConfig(name, row["class_name"], module, config, calls, model, sizes, foreign, wrapped)

    def _calls(self, row: Any) -> tuple[LayerCall, ...]:
        nodes = row.get("inbound_nodes") if isinstance(row, Mapping) else None
        if nodes is None:
            return ()
        if not isinstance(nodes, list):
            raise Refusal("inbound_nodes is not a list; the file is damaged", _called(row))
        return tuple(self._call(node, _called(row)) for node in nodes)

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

    def _ends(self, value: Any) -> tuple[Ref, ...]:
        return tuple(refs_in(tensors_in(value)))


def _called(row: Mapping[str, Any]) -> str:
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
    def move(value: Any) -> Any:
        if isinstance(value, Ref):
            return value._replace(call=max(value.call - shifts.get(value.layer, 0), 0))
        if isinstance(value, Mapping):
            return {key: move(each) for key, each in value.items()}
        return [move(each) for each in value] if isinstance(value, list | tuple) else value

    layers = {
        name: layer._replace(
            calls=tuple(LayerCall(tuple(move(call.args)), move(call.keywords)) for call in layer.calls)
        )
        for name, layer in model.layers.items()
    }
    return model._replace(layers=layers, outputs=tuple(move(model.outputs)))


# The calls of a model in an order in which each finds what it reads.


_NONE = LayerCall()


class Turn(NamedTuple):
    """One call of one layer, the `number`-th of it."""

    layer: LayerConfig
    number: int

    @property
    def call(self) -> LayerCall:
        """The call; an input layer has none of its own."""
        return self.layer.calls[self.number] if self.layer.calls else _NONE


def turns(model: LayerGraph) -> Iterator[Turn]:
    """Yield the calls, those of the file's first layers first; refuse circles and tensors that nothing makes."""
    found = [Turn(layer, number) for layer in model.layers.values() for number in range(max(len(layer.calls), 1))]
    places = {(turn.layer.name, turn.number): place for place, turn in enumerate(found)}
    readers: dict[int, list[int]] = defaultdict(list)
    missing: dict[int, int] = {}
    for place, turn in enumerate(found):
        sources = {_place(places, ref, turn.layer.name) for ref in turn.call.refs()}
        missing[place] = len(sources)
        for source in sources:
            readers[source].append(place)
    yield from _sorted(found, readers, missing)


def _sorted(found: list[Turn], readers: dict[int, list[int]], missing: dict[int, int]) -> Iterator[Turn]:
    ready = [place for place, count in missing.items() if not count]
    heapify(ready)
    done = 0
    while ready:
        place = heappop(ready)
        done += 1
        yield found[place]
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader)
    if done < len(found):
        names = [found[place].layer.name[:50] for place, count in missing.items() if count]
        more = ", …" if len(names) > 5 else ""  # noqa: PLR2004  (enough to find the circle)
        raise Refusal(f"layers wait for each other in a circle: {', '.join(names[:5])}{more}")


def _place(places: dict[tuple[str, int], int], ref: Ref, reader: str) -> int:
    place = places.get((ref.layer, ref.call))
    if place is None:
        raise Refusal(f"reads call {ref.call} of {ref.layer[:50]!r}, which is not there", reader[:50])
    return place
