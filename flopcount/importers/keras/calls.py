"""The calls of layers, as each version of Keras writes them.

Keras 3 writes the arguments of a call with tensors inside; Keras 2 lists the
tensors of a call, each with the call's keywords. Both become a `Call`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

MOST_CALLS = 100_000
"""A model with more calls of layers is refused."""


class Ref(NamedTuple):
    """One tensor: which output of which call of which layer; `sizes` where the file records them."""

    layer: str
    call: int
    output: int
    sizes: tuple[Any, ...] | None = None


class Call(NamedTuple):
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


def listed(node: list[Any]) -> Call:
    """Read a call as Keras 2 lists it: one tensor, or several that are one argument together."""
    entries = [node] if node and isinstance(node[0], str) else node
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, list) and len(entry) > _ENTRY and isinstance(entry[_ENTRY], Mapping):
            keywords |= tensors_in(entry[_ENTRY])
        constant = isinstance(entry, list) and len(entry) >= _ENTRY and entry[0] == "_CONSTANT_VALUE"
        args.append(entry[2] if constant else tensors_in(entry))
    return Call(tuple(args[:1]) if len(args) == 1 else (args,), keywords)


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
