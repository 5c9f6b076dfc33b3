"""A space: a network with what is fixed, and the axes along which it varies."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from flopcount.analyses.sweep.axes import Axis, Value, axis, in_words, is_several, setting_axis, words
from flopcount.analyses.sweep.join import Joined
from flopcount.case import Case
from flopcount.errors import UsageError, plain, suggestion
from flopcount.network.convention import Convention
from flopcount.network.network import Network, Where, planned
from flopcount.network.plan import Plan, plan
from flopcount.network.trace import fields
from flopcount.spec.arch import Arch, kind_of
from flopcount.spec.load import Setting, Spec, group_addresses, setting, validated, value
from flopcount.spec.units import DEFAULT_METRICS

OPTIONS = frozenset({"input", "width", "batch"})
"""The axes that are options of a case; all others are settings."""

MOST_READ = 1000
"""A file of another tool is read again for at most this many inputs and batches."""


class Space(NamedTuple):
    """The case with all fixed options, the axes along which it varies, and columns that were not counted."""

    case: Case
    axes: tuple[Axis, ...]
    joined: Joined | None = None

    @property
    def plan(self) -> Plan:
        """The layers of the network as the file and the fixed options have them."""
        return self.case.plan

    @property
    def spec(self) -> Spec:
        """The file of the network."""
        return self.case.plan.spec

    @property
    def convention(self) -> Convention:
        """The convention."""
        return self.case.convention

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of a candidate: those that are asked for, MACs, parameters."""
        asked = [name for name in self.case.metrics if name not in DEFAULT_METRICS]
        return (*asked, *(name for name in reversed(DEFAULT_METRICS) if name in self.case.metrics))

    @property
    def reread(self) -> frozenset[str]:
        """The axes at each of whose values the file is read again: of models of other tools."""
        return frozenset({"input", "batch"}) if self.spec.foreign else frozenset()

    def fixed(self) -> Iterator[Axis]:
        """Yield what does not vary as axes of one value; an input that is not one number for all axes is left out."""
        case, named = self.case, {each.name for each in self.axes}
        sizes = {size for shape in case.inputs.values() for size in shape.spatial}
        options: dict[str, Any] = {"width": case.width or 1, "batch": case.batch or 1}
        options |= {"input": sizes.pop()} if len(sizes) == 1 else {}
        options |= {each.address: each.value for each in case.settings}
        for name in options.keys() - named:
            found = options[name]
            yield setting_axis(Setting(name, name, (value(found) if isinstance(found, str) else found,)))

    def at(self, values: Mapping[str, Value]) -> Case:
        """Return the case in which some axes have a value."""
        changes: dict[str, Any] = {name: in_words(values[name]) for name in ("input", "width") if name in values}
        if "batch" in values:
            changes["batch"] = values["batch"]
        settings = [as_setting(name, each) for name, each in values.items() if name not in OPTIONS]
        return self.case.at(**changes, settings=(*self.case.settings, *settings))


def as_setting(name: str, each: Value) -> Setting:
    """Return the setting that gives an axis a value."""
    return Setting(f"{name}={in_words(each)}", name, (each,))


class Words(NamedTuple):
    """The options of a command line that a space is made of, as they were written."""

    size: str | None = None
    batch: str | None = None
    width: str | None = None
    variant: str | None = None
    settings: tuple[str, ...] = ()


def grid(network: Network, said: Words, **counted: Any) -> Space:
    """Separate axes from fixed options, options before the file; `counted` are convention and metrics of the case."""
    settings = [setting(text) for text in said.settings]
    varied = [each for each in settings if len(each.values) > 1 or (isinstance(each.value, str) and ":" in each.value)]
    fixed = tuple(each for each in settings if each not in varied)
    size, batch, width = (None if text and is_several(text) else text for text in (said.size, said.batch, said.width))
    first = said.size.replace(":", ",").partition(",")[0] if said.size and not size else size
    where, known = _read(network, Where(size, _whole(batch), said.variant, fixed), first)
    made = settled(network, variant=said.variant, foreign=known.spec.foreign)
    if known.unknown:
        raise UsageError("the network has skipped operators, and a grid cannot compare lower bounds; count it instead")
    axes = [*_option_axes(said), *map(setting_axis, varied)]
    given = {name for name, text in (("input", said.size), ("width", said.width), ("batch", said.batch)) if text}
    named = {each.name for each in axes} | {each.address for each in fixed} | given
    declared_axes = [each for each in spread(known.spec.arch, declared(known.spec.arch)) if each.name not in named]
    axes = [*spread(known.spec.arch, axes), *declared_axes]
    if not axes:
        raise UsageError("nothing varies; give a list or a range such as --input 96:320:32 or --width 0.5,0.75,1")
    case = Case(made, input=where.input, batch=_whole(batch), width=width, settings=fixed, **counted)
    case.check_varied("a grid")
    return Space(case, tuple(axes))


def _read(network: Network, where: Where, first: str | None) -> tuple[Where, Plan]:
    """Read a network; one whose sizes are open is read at the first of those that are listed."""
    try:
        return where, network.at(where).plan
    except UsageError:
        if where.input is not None or first is None:
            raise
        where = where._replace(input=first)
        return where, network.at(where).plan


def settled(network: Network, *, variant: str | None = None, foreign: bool = False) -> Network:
    """Return a network that is read again for an input or batch if it is of another tool, never for settings."""
    return Network(network.title, partial(_settled, network, variant, foreign))


def _settled(network: Network, variant: str | None, foreign: bool, where: Where) -> Plan:  # noqa: FBT001  (as it is given)
    point = (where.input, where.batch) if foreign else (None, None)
    known = network.at(Where(*point, variant)).plan
    if not where.settings:
        return known
    made = planned(validated(known.spec.source, where.settings)._replace(foreign=known.spec.foreign))
    return made._replace(notes=known.notes, unknown=known.unknown, sized=known.sized, batch=known.batch)


def _whole(batch: str | None) -> int | None:
    if batch is None:
        return None
    try:
        return int(batch)
    except ValueError:
        raise UsageError(f"--batch {plain(batch[:60])} is not an integer; write 8, 1,2,4 or 1:8") from None


def _option_axes(said: Words) -> Iterator[Axis]:
    """Make axes of --input, --width and --batch, in this order; sizes such as 160x128 are words."""
    if said.size and is_several(said.size):
        is_words = "x" in said.size.lower() or "×" in said.size
        option, parts = f"--input {said.size}", tuple(part.strip() for part in said.size.split(","))
        yield words("input", option, parts) if is_words else axis("input", option, said.size)
    for name, text in (("width", said.width), ("batch", said.batch)):
        if text and is_several(text):
            yield axis(name, f"--{name} {text}", text)


# The axes a file declares in its table `space`, and names that stand for several layers.


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
        raise UsageError(f'{what}: no values; give a list, or a range such as "128:224:32"')
    if "." not in name and name not in OPTIONS:
        raise UsageError(f"{what}: unknown axis; write input, width, or a layer and its field, such as conv1.stride")
    listed = values if isinstance(values, list) else [values]
    if len(listed) == 1 and isinstance(listed[0], str) and name in OPTIONS and "x" not in listed[0]:
        return axis(name, what, listed[0])
    split = [part for each in listed for part in (_parts(each) if isinstance(each, str) else [each])]
    return setting_axis(Setting(what, name, tuple(split)), what)


def _parts(text: str) -> list[object]:
    """Return the values of a text: those of a list `3,5,7`, or the text."""
    return [part if ":" in part else value(part) for part in map(str.strip, text.split(","))]


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
    """Return the fields of every layer and the arguments of every use of a template, by path."""
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
