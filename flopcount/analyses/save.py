"""A counted network as an arch file: its original text with other values, or written out.

A plain `flopcount FILE` counts the same, layer by layer; otherwise nothing is written.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.case import Case
from flopcount.errors import BadInput, Place, UsageError
from flopcount.formulas.numbers import exact
from flopcount.network.convention import POLICIES
from flopcount.network.network import of_spec, planned
from flopcount.network.plan import Given, Node
from flopcount.network.trace import Trace, options, own
from flopcount.network.transform import carried
from flopcount.readers.nest import Flat, nested
from flopcount.spec.fields import Layer
from flopcount.spec.load import validated
from flopcount.spec.rows import STRUCTURE, Raw
from flopcount.spec.source import Notation
from flopcount.spec.text import named_notation, parsed
from flopcount.spec.write import edited, to_data, to_text

OLD = ("claims", "variants", "space")
"""The keys of a file that do not apply to the saved network."""


class Exchange(NamedTuple):
    """Changes to the file: the paths of layers with another kind, and the given fields."""

    replaced: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = {}


class Saved(NamedTuple):
    """The text of an arch file, whether its templates are written out, and the options to count it with."""

    text: str
    is_written_out: bool
    options: tuple[str, ...]

    @property
    def remarks(self) -> str:
        """What to say after the file's name."""
        out = ", written out, since its rows have different values in each use" if self.is_written_out else ""
        return out + (f"; count it with the same {' and '.join(self.options)}" if self.options else "")


def saved(case: Case, path: str, change: Exchange | None = None) -> Saved:
    """Return a case as an arch file that counts the same; a UsageError says why that is not possible."""
    source = case.plan.spec.source
    if case.plan.spec.foreign:  # its layers have places in the arch file only
        places = {node.path: node.place for node in planned(case.plan.spec).nodes}
        nodes = (node._replace(place=places[node.path]) for node in case.plan.nodes)
        case = case.with_plan(case.plan._replace(nodes=tuple(nodes)))
    notation = named_notation(Path(path)) or source.notation
    asked = tuple(f"--{name} {value}" for name, value in _outside(case).items() if value is not None)
    changed = _changed(case, change or Exchange())
    if changed is not None:
        text = edited(source, changed, notation)
        if not _difference(text, notation, case, path):
            return Saved(text, is_written_out=False, options=asked)
    data = {key: value for key, value in _data(case).items() if key not in {"templates", "arguments"}}
    text = to_text({**data, "layers": written_out(case.trace, case.given, case.plan.spec.arch.defaults)}, notation)
    difference = _difference(text, notation, case, path)
    if difference:
        raise UsageError(f"--save {path}: {difference}; not written")
    return Saved(text, is_written_out=True, options=asked)


def _outside(case: Case) -> dict[str, Any]:
    """Return the options that a file cannot express: the batch, and which parameters count."""
    shape, params = case.trace.input, case.convention.params_name
    batch = exact(shape.dims[0]) if len(shape.dims) > len(case.plan.input) else None
    return {"batch": batch, "params": params if params != POLICIES[0] else None}


def _difference(text: str, notation: Notation, case: Case, path: str) -> str:
    """Count the text of an arch file and describe the difference; empty if there is none."""
    try:
        network = of_spec(validated(parsed(text, notation, path)))
        now = Case(network, batch=_outside(case)["batch"], convention=case.convention).count
    except BadInput as error:
        return f"the file cannot be counted: {error}"
    was = case.count
    if now.total != was.total:
        costs = [f"{each.total.macs} {was.convention.word} and {each.total.params} params" for each in (now, was)]
        return f"the file costs {costs[0]} instead of {costs[1]}"
    # A layer without a name is named after its kind, old or new: what is counted is compared in order.
    ours, theirs = ([*each.trace.counted.values()] for each in (now, was))
    return "" if ours == theirs else "the file has other layers"


def _data(case: Case) -> dict[str, Any]:
    """Return the data of the file with the input that was counted, without keys that do not apply to it."""
    spec, declared = case.plan.spec, case.plan.inputs
    data = deepcopy({key: value for key, value in spec.source.data.items() if key not in OLD})
    parent = data["input"] if isinstance(spec.arch.input, dict) else data
    for name, shape in case.inputs.items():
        parent[name] = [*shape.dims[len(shape.dims) - len(declared[name]) :]]
    return data


def _changed(case: Case, change: Exchange) -> dict[str, Any] | None:
    """Return the data of the file with changed rows; None if a row would need different values for its uses."""
    data = _data(case)
    said, plain = options(case.trace, case.given), options(case.trace, {})
    rows: dict[Place, Raw] = {}
    for node in case.plan.nodes:
        row = at(data, node.place)
        if node.path in change.replaced:
            row = _replaced(row, data.get("defaults", {}), node, change.fields, case.trace)
        names = {*case.plan.spec.changes.get(node.path, ())}
        names |= {name for name, value in case.given.get(node.path, {}).items() if value != plain[node.path][name]}
        row = {**row, **{name: to_data(said[node.path][name]) for name in sorted(names & said[node.path].keys())}}
        if rows.setdefault(node.place, row) != row:
            return None
    for place, row in rows.items():
        at(data, place[:-1])[place[-1]] = row
    return data


def at(data: Any, place: Place) -> Any:
    """Return the data at a place."""
    for key in place:
        data = data[key]
    return data


def _replaced(raw: Raw, defaults: Raw, new: Node, fields: Mapping[str, Any], traced: Trace) -> Raw:
    """Return a row with another kind: shared fields stay, those that would differ are written."""
    names = {*STRUCTURE, *Layer.model_fields, *carried(raw["type"], new.kind)}
    kept = {key: value for key, value in raw.items() if key in names}
    row = {**kept, "type": new.kind, **{name: to_data(value) for name, value in fields.items()}}
    values = {name: to_data(getattr(new.layer, name)) for name in own(type(new.layer))}
    more = {name: value for name, value in values.items() if name not in {*row, *new.computed}}
    more = {name: value for name, value in more.items() if value != _by_default(name, new.layer, defaults)}
    source, left = new.inputs[0], traced.steps[new.path].shape
    read = traced.inputs[source] if source in traced.inputs else traced.steps[source].shape
    if read.channels == left.channels and "out_channels" in more and new.place[0] == "templates":
        more["out_channels"] = "channels"  # which also works in a template
    return {**row, **more}


def _by_default(name: str, layer: Layer, defaults: Raw) -> Any:
    """Return the value that a field has if a row does not set it, as a file has it."""
    return defaults[name] if name in defaults else to_data(type(layer).model_fields[name].default)


def written_out(traced: Trace, given: Given, defaults: Raw) -> list[dict[str, Any]]:
    """Return the layers of a network, each at its path."""
    said = options(traced, given)
    numbers = {node.path: number for number, node in enumerate(traced.plan.nodes)}
    rows = [
        Flat(
            tuple(node.path.split(".")),
            dict(_fields(node.layer, said[node.path], defaults)),
            tuple(numbers.get(path, path) for path in node.inputs),
        )
        for node in traced.plan.nodes
    ]
    return nested(rows, [*traced.inputs])


def _fields(layer: Layer, values: Mapping[str, Any], defaults: Raw) -> Iterator[tuple[str, Any]]:
    """Yield the kind of a layer and the fields that do not follow by default."""
    yield "type", type(layer).__name__
    common = {name: getattr(layer, name) for name in ("scale", "shared", "frozen")}
    for name in (*sorted(values, key=lambda name: not name.startswith("out_")), *common):
        value = to_data({**values, **common}[name])
        if value != _by_default(name, layer, defaults):
            yield name, value
