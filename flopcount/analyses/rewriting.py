"""The arch file of a network with other convolutions: the old text with some rows changed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.analyses.counted import Cost, counted
from flopcount.analyses.whatif import Alternative
from flopcount.counting.nodes import Node
from flopcount.counting.plan import Plan, overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.counting.trace import Trace, own
from flopcount.errors import BadInput, FileError, Place, Problem, UsageError
from flopcount.files.settings import Setting, by_layer
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
    notation = spec.source.notation
    if Path(path).suffix.lower() in {".toml", ".json"} and Path(path).suffix.lower() != f".{notation}":
        raise UsageError(f"--save {path}: the network is written in {notation}; give a name that ends in .{notation}")
    document = _document(spec)
    variant = words.variant or _variant(spec, document)
    changed = _changed(spec, old, found, document)
    for place, row in changed.items():
        _put(document, place, row)
    document.pop("claims", None)
    text = document.as_string() if notation == "toml" else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    _check(text, spec, found, words._replace(variant=variant), path)
    return text


def _document(spec: Spec) -> Any:
    """Parse the text once more, so that it can be written as it was."""
    if spec.source.notation == "json":
        return json.loads(spec.source.text)
    try:
        import tomlkit
    except ImportError:
        raise UsageError("--save of a TOML file needs tomlkit; install flopcount[save]") from None
    return tomlkit.parse(spec.source.text)


def _variant(spec: Spec, document: Raw) -> str | None:
    """Return the variant a bundled name stands for, which the arch is then called by."""
    name = spec.arch.name
    return name if name != document.get("name") and name in document.get("variants", {}) else None


def _changed(spec: Spec, old: Plan, found: Alternative, document: Any) -> dict[Place, Raw]:
    """Return the new rows by their places; a row is changed only if all its uses are, and alike."""
    uses: dict[Place, list[tuple[Node, Node]]] = {}
    for before, after in zip(old.nodes, found.counted.trace.plan.nodes, strict=True):
        uses.setdefault(before.place, []).append((before, after))
    replaced = {*found.replaced}
    rows: dict[Place, Raw] = {}
    for place, pairs in uses.items():
        if any(before.path in replaced for before, _ in pairs):
            old_row, defaults = _at(document, place), document.get("defaults", {})
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


def _at(document: Any, place: Iterable[str | int]) -> Any:
    for key in place:
        document = document[key]
    return document


def _row(raw: Raw, defaults: Raw, new: Node, found: Alternative) -> Raw:
    """Return a row with the new kind: what it says and the kind has is kept, what would differ is written."""
    kind = kind_named(new.kind)
    given = {name: _written(value) for name, value in found.target.fields.items()}
    kept = {key: value for key, value in raw.items() if key in KEPT or key in own(kind)}
    if new.kind == "Conv":
        kept.pop("groups", None)
    row = {**kept, "type": new.kind, **given}
    more = {name: _written(getattr(new.layer, name)) for name in own(kind) if not _follows(name, row, defaults, new)}
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
    value = defaults[name] if name in defaults else _written(info.default)
    return bool(value == _written(getattr(new.layer, name)))


def _written(value: Any) -> Any:
    """Return a value as a file has it: lists, and a word for nothing."""
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    return "none" if value is None else value


def _put(document: Any, place: Place, row: Raw) -> None:
    """Exchange a row: keys that stay keep their place and their comments."""
    *around, last = place
    rows = _at(document, around)
    old = rows[last]
    if hasattr(old, "as_string") and type(old).__name__ == "InlineTable":
        rows[last] = _inline(old, row)
        return
    for key in [key for key in old if key not in row]:
        del old[key]
    for key, value in row.items():
        if key not in old or old[key] != value:
            old[key] = value


def _inline(old: Any, row: Raw) -> Any:
    """Write a table on one line, spaced as the old one is."""
    import tomlkit

    space = " " if old.as_string().startswith("{ ") else ""
    pairs = (f"{key} = {tomlkit.item(value).as_string().strip()}" for key, value in row.items())
    return tomlkit.parse(f"row = {{{space}{', '.join(pairs)}{space}}}")["row"]


def _check(text: str, spec: Spec, found: Alternative, words: Words, path: str) -> None:
    """Load and count what would be written; it has to cost what was printed."""
    try:
        total = _recounted(text, spec, found, words, path)
    except BadInput as error:
        raise UsageError(f"--save {path}: what would be written cannot be counted: {error}") from None
    if total != found.counted.total:
        macs = f"{total.macs} {found.counted.convention.word}"
        what = f"{macs} and {total.params} params in place of {found.counted.total.macs} and"
        raise UsageError(f"--save {path}: what would be written has {what} {found.counted.total.params}; not written")


def _recounted(text: str, spec: Spec, found: Alternative, words: Words, path: str) -> Cost:
    again = validated(parsed(text, spec.source.notation, path), words.settings, words.variant)
    network = overridden(plan(again.arch), by_layer(words.settings))
    given: Mapping[str, Mapping[str, Any]] = {}
    if words.width:
        given = scaled(network, again.arch.scaling, width_ratio(words.width))
    return counted(network, found.counted.trace.inputs, found.counted.convention, given).total
