"""Changes to a spec from outside: KEY=VALUE."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.errors import Place, UsageError, plain, suggestion
from flopcount.files.texts import DEEPEST, deeper
from flopcount.schema.arch import Arch, Block, called, kind_of
from flopcount.schema.base import Layer
from flopcount.schema.rows import Row

FILE_KEYS = frozenset(Arch.model_fields)
"""An address that starts with one of these leads into the file; any other is a layer's path."""


class Setting(NamedTuple):
    """One change: an address and the values it may take (one, where nothing is compared)."""

    text: str
    address: str
    values: tuple[Any, ...]

    @property
    def value(self) -> object:
        """The only value; several are for commands that compare."""
        if len(self.values) > 1:
            raise UsageError(f"--set {self.text}: several values are several networks; give one value here")
        return self.values[0]

    @property
    def in_file(self) -> bool:
        """Whether the address leads into the file rather than to a layer's path."""
        return self.address.split(".")[0] in FILE_KEYS


def setting(text: str) -> Setting:
    """Parse KEY=VALUE; commas outside brackets and quotes separate alternatives."""
    address, equals, values = text.partition("=")
    if not equals or not address.strip() or not values.strip():
        raise UsageError(f"--set {plain(text[:200])}: not KEY=VALUE; write for example --set defaults.padding=same")
    found = Setting(plain(text[:200]), address.strip(), tuple(map(value, alternatives(values))))
    if deeper(found.values, DEEPEST) or found.address.count(".") > DEEPEST:
        raise UsageError(f"--set {found.text}: nested too deep; {DEEPEST} levels are the most")
    return found


def value(text: str) -> object:
    """Read a value as TOML would; anything else is a string."""
    try:
        return tomllib.loads(f"v = {text}")["v"] if "\n" not in text else text
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text.strip()


def alternatives(text: str) -> list[str]:
    """Split at the commas that are outside brackets and quotes."""
    parts, depth, quote, escaped = [""], 0, "", False
    for char in text:
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and quote == '"' and not escaped
        elif char in "\"'":
            quote = char
        depth += (char in "[{") - (char in "]}") if not quote else 0
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def changed(data: Mapping[str, Any], settings: Iterable[Setting]) -> tuple[Mapping[str, Any], dict[Place, str]]:
    """Return the data with the settings that address the file, and the places they changed."""
    places: dict[Place, str] = {}
    inside = [each for each in settings if each.in_file]
    if not inside:
        return data, places
    from copy import deepcopy

    result = deepcopy(dict(data))
    for each in inside:
        _check_clear(data, each)
        places[_put(result, each)] = f"--set {each.text}"
    return result, places


def _check_clear(data: Mapping[str, Any], each: Setting) -> None:
    """Refuse an address that could be a key of the file or a layer of the same name."""
    key, dot, _ = each.address.partition(".")
    layers = data.get("layers")
    named = (layer.get("name") for layer in layers if isinstance(layer, Mapping)) if isinstance(layers, list) else ()
    first = each.address.split(".")[1] if dot else ""
    arguments = data.get("arguments")
    if key == "arguments" and not (isinstance(arguments, Mapping) and first in arguments):
        known = [*arguments] if isinstance(arguments, Mapping) else []
        raise UsageError(f"--set {each.text}: the file has no argument {first[:50]!r}; {suggestion(first[:50], known)}")
    if dot and key in named:
        raise UsageError(f"--set {each.text}: {key} is a key of the file and a layer; give the layer as layers.N")


def _put(data: dict[str, Any], each: Setting) -> Place:
    """Follow an address and put the value there."""
    *steps, last = each.address.split(".")
    place: Place = ()
    inner: Any = data
    for step in steps:
        inner, key = _inside(inner, step, each)
        place = (*place, key)
    if isinstance(inner, dict):
        inner[last] = each.value
        return (*place, last)
    _, key = _inside(inner, last, each)
    inner[key] = each.value
    return (*place, key)


def _inside(data: object, step: str, each: Setting) -> tuple[Any, str | int]:
    """Take one step: a key into a table (made where missing), a number from 0 into a list."""
    if isinstance(data, dict):
        return data.setdefault(step, {}), step
    if not isinstance(data, list):
        raise UsageError(f"--set {each.text}: there is nothing inside the value before {step[:50]!r}")
    if not (step.isascii() and step.isdecimal() and len(step) <= 9 and int(step) < len(data)):  # noqa: PLR2004  (10⁹)
        raise UsageError(f"--set {each.text}: {step[:50]!r} is not one of the {len(data)} entries; they count from 0")
    return data[int(step)], int(step)


def addressed(arch: Arch, settings: Iterable[Setting]) -> list[Setting]:
    """Return the settings; what names a block or a use of a template by its path gets its address in the file."""
    groups = group_addresses(arch)
    return [each if each.in_file else _inside_group(each, groups) for each in settings]


def group_addresses(arch: Arch) -> dict[str, str]:
    """Return the addresses of blocks and uses of templates by path."""
    return dict(_groups(arch.layers, arch, "", "layers"))


def _inside_group(each: Setting, groups: Mapping[str, str]) -> Setting:
    path, _, field = each.address.rpartition(".")
    return each._replace(address=f"{groups[path]}.{field}") if path in groups else each


def _groups(layers: tuple[Layer, ...], arch: Arch, prefix: str, place: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the address of each row of the file that stands for several layers."""
    for index, layer in enumerate(layers):
        path, address = f"{prefix}{called(layer, index + 1)}", f"{place}.{index}"
        if kind_of(layer) == "Block" or kind_of(layer) in arch.templates:
            yield path, address
        if isinstance(layer, Block | Row):
            yield from _groups(layer.layers, arch, f"{path}.", f"{address}.layers")


def by_layer(settings: Iterable[Setting]) -> dict[str, dict[str, Any]]:
    """Return the settings that address layers, as path → field → value."""
    result: dict[str, dict[str, Any]] = {}
    for each in settings:
        if not each.in_file:
            path, dot, field = each.address.rpartition(".")
            if not dot:
                raise UsageError(f"--set {each.text}: no key of an arch file; {suggestion(field, sorted(FILE_KEYS))}")
            result.setdefault(path, {})[field] = each.value
    return result
