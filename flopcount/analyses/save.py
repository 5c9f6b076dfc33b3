"""A counted network as an arch file: the text it comes from with other values, or written out.

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
from flopcount.network.plan import Given, Node, Plan
from flopcount.network.substitute import carried
from flopcount.network.trace import Trace, options, own
from flopcount.readers.nest import Flat, nested
from flopcount.spec.fields import Layer
from flopcount.spec.load import validated
from flopcount.spec.rows import STRUCTURE, Raw
from flopcount.spec.source import Notation
from flopcount.spec.text import named_notation, parsed
from flopcount.spec.write import edited, to_data, to_text

OLD = ("claims", "variants", "space")
"""The keys of a file that are about another network than the one that is saved."""

KEPT = (*STRUCTURE, *Layer.model_fields)
"""The keys of a row that are not about its kind."""


class Change(NamedTuple):
    """What is other than in the file: the paths of layers with another kind, and the fields that were asked for."""

    replaced: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = {}


UNCHANGED = Change()
"""Every layer has the kind that the file says."""


class Saved(NamedTuple):
    """The text of an arch file, whether its templates are written out, and the options to count it with."""

    text: str
    is_written_out: bool
    options: tuple[str, ...]


def saved(case: Case, path: str, change: Change = UNCHANGED) -> Saved:
    """Return a case as an arch file that counts the same; a UsageError says why there is none."""
    source = case.plan.spec.source
    if case.plan.spec.foreign:
        case = case.with_plan(_with_places(case.plan))
    notation = named_notation(Path(path)) or source.notation
    asked = tuple(f"--{name} {value}" for name, value in _outside(case).items() if value is not None)
    changed = _changed(case, change)
    if changed is not None:
        text = edited(source, changed, notation)
        if not _difference(text, notation, case, path):
            return Saved(text, is_written_out=False, options=asked)
    text = to_text(_written_out(case), notation)
    difference = _difference(text, notation, case, path)
    if difference:
        raise UsageError(f"--save {path}: {difference}; not written")
    return Saved(text, is_written_out=True, options=asked)


def _with_places(plan: Plan) -> Plan:
    """Return the layers of a model with their places in its arch file."""
    places = {node.path: node.place for node in planned(plan.spec).nodes}
    return plan._replace(nodes=tuple(node._replace(place=places[node.path]) for node in plan.nodes))


def _outside(case: Case) -> dict[str, Any]:
    """Return the options for what a file cannot say: how many inputs are counted together, which parameters count."""
    shape, params = case.trace.input, case.convention.params_name
    batch = exact(shape.dims[0]) if shape.channel_axis else None
    return {"batch": batch, "params": params if params != POLICIES[0] else None}


def _difference(text: str, notation: Notation, case: Case, path: str) -> str:
    """Count the text of an arch file and say what is different; empty if nothing is."""
    try:
        network = of_spec(validated(parsed(text, notation, path)))
        now = Case(network, batch=_outside(case)["batch"], convention=case.convention).count
    except BadInput as error:
        return f"the file cannot be counted: {error}"
    was = case.count
    if now.total != was.total:
        costs = [f"{each.total.macs} {was.convention.word} and {each.total.params} params" for each in (now, was)]
        return f"the file costs {costs[0]} instead of {costs[1]}"
    return "" if _layers(now.trace) == _layers(was.trace) else "the file has other layers"


def _layers(traced: Trace) -> list[Any]:
    """Return all that is counted, layer by layer; a layer without a name is named after its kind, old or new."""
    return [(step.shape.dims, step.tally.counts) for step in traced.steps.values()]


def _data(case: Case) -> dict[str, Any]:
    """Return the data of the file with the input that was counted, without what is about another network."""
    spec, declared = case.plan.spec, case.plan.inputs
    data = deepcopy({key: value for key, value in spec.source.data.items() if key not in OLD})
    parent = data["input"] if isinstance(spec.arch.input, dict) else data
    for name, shape in case.inputs.items():
        parent[name] = [*shape.dims[len(shape.dims) - len(declared[name]) :]]
    return data


def _changed(case: Case, change: Change) -> dict[str, Any] | None:
    """Return the data of the file with changed rows; None if a row would have to say different things for its uses."""
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
    """Return a row with another kind: what the kind shares with the old one stays, what would differ is written."""
    names = {*KEPT, *carried(raw["type"], new.kind)}
    kept = {key: value for key, value in raw.items() if key in names}
    row = {**kept, "type": new.kind, **{name: to_data(value) for name, value in fields.items()}}
    own_names = own(type(new.layer))
    more = {name: to_data(getattr(new.layer, name)) for name in own_names if not _follows(name, row, defaults, new)}
    if "out_channels" in more and new.place[0] == "templates" and _keeps_channels(new, traced):
        more["out_channels"] = "channels"
    return {**row, **more}


def _keeps_channels(node: Node, traced: Trace) -> bool:
    """Tell whether a layer leaves as many channels as it reads, which a row of a template can say."""
    source = node.inputs[0]
    read = traced.inputs[source] if source in traced.inputs else traced.steps[source].shape
    return bool(read.channels == traced.steps[node.path].shape.channels)


def _follows(name: str, row: Raw, defaults: Raw, new: Node) -> bool:
    """Tell whether a field has its value without being written."""
    if name in row or name in new.computed:
        return True
    info = type(new.layer).model_fields[name]
    if name not in defaults and info.is_required():
        return False
    value = defaults[name] if name in defaults else to_data(info.default)
    return bool(value == to_data(getattr(new.layer, name)))


def _written_out(case: Case) -> dict[str, Any]:
    """Return the data of a file without templates: every layer in its blocks, every expression a number."""
    data = {key: value for key, value in _data(case).items() if key not in {"templates", "arguments"}}
    return {**data, "layers": written_out(case.trace, case.given, case.plan.spec.arch.defaults)}


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
    model = type(layer).model_fields
    for name in sorted(values, key=lambda name: not name.startswith("out_")):
        value = to_data(values[name])
        if value != (defaults[name] if name in defaults else to_data(model[name].default)):
            yield name, value
    for name in ("scale", "shared", "frozen"):
        if getattr(layer, name) != model[name].default:
            yield name, to_data(getattr(layer, name))
