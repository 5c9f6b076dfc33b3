"""A candidate of a sweep as an arch file of its own, which a plain count finds to cost the same."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from flopcount.analyses.expand import expanded
from flopcount.analyses.sweep.axes import Value
from flopcount.analyses.sweep.run import Space, network, width_of
from flopcount.case import Case, Cost
from flopcount.errors import BadInput, Place, UsageError
from flopcount.network.convention import POLICIES
from flopcount.network.plan import Given, Node, input_shapes, plan
from flopcount.network.scale import scaled
from flopcount.network.trace import Trace, options, trace
from flopcount.spec.load import Spec, validated
from flopcount.spec.rows import Raw
from flopcount.spec.text import parsed
from flopcount.spec.write import at, bring, bring_entry, document, put, text, with_layers
from flopcount.spec.write import written_documents as written

OLD = ("claims", "variants", "space")
"""The keys of a file that are about another network than the candidate."""


class Saved(NamedTuple):
    """The text of an arch file, whether templates are written out in it, and with which options it counts the same."""

    text: str
    is_expanded: bool
    options: tuple[str, ...]


class _Candidate(NamedTuple):
    """A candidate as it was walked: the file with its settings, and what came from outside of it."""

    spec: Spec
    traced: Trace
    given: Given
    changes: Mapping[str, Collection[str]]
    cost: Cost
    space: Space


def candidate_file(space: Space, values: Mapping[str, Value], path: str) -> Saved:
    """Return a candidate as an arch file; a UsageError says why there is none that counts the same."""
    document(space.spec.source, path)
    found = _walked(space, values)
    rows = _rows(found)
    if rows is not None:
        kept = _text(found, rows, path)
        if _cost(kept, found, path) == found.cost:
            return Saved(kept, is_expanded=False, options=_asked(found))
    spelled = _spelled(found, path)
    cost = _cost(spelled, found, path)
    if cost != found.cost:
        what = f"{cost.macs} MACs and {cost.params} params in place of {found.cost.macs} and {found.cost.params}"
        raise UsageError(f"--save {path}: what would be written has {what}; not written")
    return Saved(spelled, is_expanded=True, options=_asked(found))


def _walked(space: Space, values: Mapping[str, Value]) -> _Candidate:
    base = network(space, values)
    x = input_shapes(base.plan.inputs, str(values.get("input", space.size or "")) or None, space.batch)
    width = width_of(space, values)
    given = scaled(base.plan, base.spec.arch.scaling, width) if width else {}
    cost = Case.of(base.plan, x, space.convention, given).count.total
    traced = trace(base.plan, x, given)
    changes = {path: {*names} for path, names in base.changes.items()}
    for path, fields in options(traced, {}).items():
        other = {name for name, value in given.get(path, {}).items() if value != fields[name]}
        changes[path] = changes.get(path, set()) | other
    return _Candidate(base.spec, traced, given, changes, cost, space)


def _rows(found: _Candidate) -> dict[Place, Raw] | None:
    """Return what changes in rows of the file, by place; None where the uses of a row differ in it."""
    said = options(found.traced, found.given)
    uses: dict[Place, list[Node]] = {}
    for node in found.traced.plan.nodes:
        uses.setdefault(node.place, []).append(node)
    rows: dict[Place, Raw] = {}
    for place, nodes in uses.items():
        names = sorted({name for each in nodes for name in found.changes.get(each.path, ())})
        first = {name: said[nodes[0].path][name] for name in names}
        if any({name: said[each.path][name] for name in names} != first for each in nodes):
            return None
        rows |= {place: {name: written(value) for name, value in first.items()}} if first else {}
    return rows


def _changed(found: _Candidate, path: str) -> Any:
    """Return the document with the settings that address the file, and the candidate's input."""
    data = document(found.spec.source, path)
    bring(data, {key: value for key, value in found.spec.source.data.items() if key not in OLD})
    first, shape = next(iter(found.traced.inputs.items()))
    sizes = [*shape.dims[shape.channel_axis :]]
    place = ("input", first) if isinstance(found.spec.arch.input, dict) else ("input",)
    *around, last = place
    bring_entry(at(data, around), last, sizes)
    return data


def _text(found: _Candidate, rows: Mapping[Place, Raw], path: str) -> str:
    data = _changed(found, path)
    for place, row in rows.items():
        put(data, place, {**at(data, place), **row})
    return text(data)


def _spelled(found: _Candidate, path: str) -> str:
    """Write the network out, without what only templates need."""
    data = _changed(found, path)
    for key in ("templates", "arguments"):
        if key in data:
            del data[key]
    return with_layers(data, expanded(found.spec.arch, found.traced, found.given))


def _cost(content: str, found: _Candidate, path: str) -> Cost:
    """Load and count what would be written, with nothing but a batch from outside."""
    try:
        again = validated(parsed(content, found.spec.source.notation, path))
        made = plan(again.arch)
        x = input_shapes(made.inputs, None, _batch(found))
        return Case.of(made, x, found.space.convention).count.total
    except BadInput as error:
        raise UsageError(f"--save {path}: what would be written cannot be counted: {error}") from None


def _batch(found: _Candidate) -> int | None:
    shape = found.traced.input
    return int(str(shape.dims[0])) if shape.channel_axis else None


def _asked(found: _Candidate) -> tuple[str, ...]:
    """Return what a file cannot say: how many inputs at once, which parameters count."""
    params, many = found.space.convention.params_name, _batch(found)
    asked = (("--batch", many), ("--params", params if params != POLICIES[0] else None))
    return tuple(f"{name} {value}" for name, value in asked if value is not None)
