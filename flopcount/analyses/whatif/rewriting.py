"""The arch file of a network with other convolutions: the old text with some rows changed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.analyses.counted import Cost, counted
from flopcount.analyses.substitute import carried
from flopcount.analyses.whatif.alternatives import Alternative
from flopcount.analyses.writing.documents import at, document, put, text, written
from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan, overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.counting.trace import Trace, own
from flopcount.errors import BadInput, FileError, Place, Problem, UsageError
from flopcount.files.settings import Setting
from flopcount.files.specs import Spec, pointed, validated
from flopcount.files.texts import parsed
from flopcount.schema.base import Layer
from flopcount.schema.layers import kind_named
from flopcount.schema.rows import STRUCTURE, Raw

KEPT = (*STRUCTURE, *Layer.model_fields)
"""The keys of a row that are not about its kind."""


class Words(NamedTuple):
    """What the command line says beside the replacement: the file is counted with the same."""

    settings: Sequence[Setting] = ()
    variant: str | None = None
    width: str | None = None


def rewritten(spec: Spec, old: Plan, found: Alternative, words: Words, path: str) -> str:
    """Return the text of the new arch file; a BadInput says why there is none that counts as `found` does."""
    if not found.replaced:
        raise UsageError(f"--save {path}: no layer was replaced, so there is nothing to save")
    data = document(spec.source, path)
    variant = words.variant or _variant(spec, data)
    changed = _changed(spec, old, found, data)
    for place, row in changed.items():
        put(data, place, row)
    data.pop("claims", None)
    content = text(data)
    _check(content, spec, found, words._replace(variant=variant), path)
    return content


def _variant(spec: Spec, data: Raw) -> str | None:
    """Return the variant a bundled name stands for, which the arch is then called by."""
    name = spec.arch.name
    return name if name != data.get("name") and name in data.get("variants", {}) else None


def _changed(spec: Spec, old: Plan, found: Alternative, data: Any) -> dict[Place, Raw]:
    """Return the new rows by their places; a row is changed only if all its uses are, and alike."""
    uses: dict[Place, list[tuple[Node, Node]]] = {}
    for before, after in zip(old.nodes, found.counted.trace.plan.nodes, strict=True):
        uses.setdefault(before.place, []).append((before, after))
    replaced = {*found.replaced}
    rows: dict[Place, Raw] = {}
    for place, pairs in uses.items():
        if any(before.path in replaced for before, _ in pairs):
            old_row, defaults = at(data, place), data.get("defaults", {})
            each = [_row(old_row, defaults, after, found) for _, after in pairs]
            _check_alike(spec, place, pairs, each, replaced)
            rows[place] = each[0]
    return rows


def _check_alike(
    spec: Spec, place: Place, pairs: Sequence[tuple[Node, Node]], rows: Sequence[Raw], replaced: set[str]
) -> None:
    kept = [before.path for before, _ in pairs if before.path not in replaced]
    other = [before.path for (before, _), row in zip(pairs, rows, strict=True) if row != rows[0]]
    if kept:
        done = next(before.path for before, _ in pairs if before.path in replaced)
        what = f"this row cannot be saved: {done} in it is replaced, and {kept[0]} is not; replace all of its uses"
    elif other:
        what = f"this row cannot be saved: {pairs[0][0].path} and {other[0]} in it would become different ones"
    else:
        return
    raise FileError(pointed([Problem(place, what)], spec.source, {}))


def _row(raw: Raw, defaults: Raw, new: Node, found: Alternative) -> Raw:
    """Return a row with the new kind: what it says and the kind has is kept, what would differ is written."""
    kind = kind_named(new.kind)
    given = {name: written(value) for name, value in (found.target.fields if found.target else {}).items()}
    names = {*KEPT, *carried(raw["type"], new.kind)}
    kept = {key: value for key, value in raw.items() if key in names}
    row = {**kept, "type": new.kind, **given}
    more = {name: written(getattr(new.layer, name)) for name in own(kind) if not _follows(name, row, defaults, new)}
    if "out_channels" in more and new.place[0] == "templates" and _keeps_channels(new, found.counted.trace):
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
    model: type[Layer] = type(new.layer)
    info = model.model_fields[name]
    if name not in defaults and info.is_required():
        return False
    value = defaults[name] if name in defaults else written(info.default)
    return bool(value == written(getattr(new.layer, name)))


def _check(content: str, spec: Spec, found: Alternative, words: Words, path: str) -> None:
    """Load and count what would be written; it has to cost what was printed."""
    try:
        total = _recounted(content, spec, found, words, path)
    except BadInput as error:
        raise UsageError(f"--save {path}: what would be written cannot be counted: {error}") from None
    if total != found.counted.total:
        macs = f"{total.macs} {found.counted.convention.word}"
        what = f"{macs} and {total.params} params in place of {found.counted.total.macs} and"
        raise UsageError(f"--save {path}: what would be written has {what} {found.counted.total.params}; not written")


def _recounted(content: str, spec: Spec, found: Alternative, words: Words, path: str) -> Cost:
    again = validated(parsed(content, spec.source.notation, path), words.settings, words.variant)
    network = overridden(plan(again.arch), again.changes)
    given: Mapping[str, Mapping[str, Any]] = {}
    if words.width:
        given = scaled(network, again.arch.scaling, width_ratio(words.width))
    return counted(network, found.counted.trace.inputs, found.counted.convention, given).total
