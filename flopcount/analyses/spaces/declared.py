"""The axes a file declares in its table `space`, and names that stand for several layers."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from flopcount.analyses.sweeps.axes import Axis, axis, setting_axis
from flopcount.counting.plan import plan
from flopcount.counting.trace import fields
from flopcount.errors import UsageError, plain, suggestion
from flopcount.files.settings import Setting, group_addresses, value
from flopcount.schema.arch import Arch, kind_of

_OPTIONS = frozenset({"input", "width"})


def declared(arch: Arch) -> tuple[Axis, ...]:
    """Return the axes of a file's table `space`, in their order; a UsageError names the key that is wrong."""
    return tuple(_axis(name, values) for name, values in _flat(arch.space, ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys with dots between them, however TOML nests them."""
    for key, values in table.items():
        if isinstance(values, Mapping):
            yield from _flat(values, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", values


def _axis(name: str, values: object) -> Axis:
    what = f"[space] {plain(name[:100])}"
    if values in ([], ""):
        raise UsageError(f'{what}: it has no values; write a list, or a range such as "128:224:32"')
    if "." not in name and name not in _OPTIONS:
        raise UsageError(f"{what}: no axis has this name; write input, width, or a layer and its field: conv1.stride")
    listed = values if isinstance(values, list) else [values]
    if len(listed) == 1 and isinstance(listed[0], str) and name in _OPTIONS and "x" not in listed[0]:
        return axis(name, what, listed[0])
    split = [part for each in listed for part in (_parts(each) if isinstance(each, str) else [each])]
    return setting_axis(Setting(what, name, tuple(split)), what)


def _parts(text: str) -> list[object]:
    """Return the values of a text: those of a list `3,5,7`, or the text."""
    parts = [part.strip() for part in text.split(",")]
    return [part if ":" in part else value(part) for part in parts]


def spread(arch: Arch, axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the axes; a path with * or ? gives each layer it fits, and that has the field, an axis of its own."""
    found = [one for each in axes for one in _spread(arch, each)]
    names = [each.name for each in found]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UsageError(f"{plain(twice)}: two axes have this name; give all values of an axis together")
    return tuple(found)


def _spread(arch: Arch, each: Axis) -> Iterator[Axis]:
    path, _, field = each.name.rpartition(".")
    if not {"*", "?"} & {*path}:
        yield each
        return
    known = _fields(arch)
    fitting = [layer for layer, names in known.items() if fnmatchcase(layer, path) and field in names]
    if not fitting:
        raise UsageError(
            f"{plain(each.name[:100])}: no layer with {plain(field[:50])!r} has such a path; "
            f"{suggestion(path.strip('*?.'), [*known])}"
        )
    yield from (each._replace(name=f"{layer}.{field}") for layer in fitting)


def _fields(arch: Arch) -> dict[str, frozenset[str]]:
    """Return what can be said of every layer and every use of a template, by path."""
    found = {node.path: frozenset(fields(node.layer)) for node in plan(arch).nodes}
    for path, address in group_addresses(arch).items():
        template = arch.templates.get(kind_of(_row(arch, address)))
        found[path] = frozenset(template.names if template else ("repeat",))
    return found


def _row(arch: Arch, address: str) -> Any:
    """Follow an address such as layers.2.layers.0 to its row."""
    row: Any = arch
    for step in address.split("."):
        row = row[int(step)] if step.isdecimal() else getattr(row, step)
    return row
