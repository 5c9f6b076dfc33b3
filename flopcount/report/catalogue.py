"""What there is: bundled networks, and kinds of layers."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from flopcount.analyses.budgets.lock import Raise, Renewal
from flopcount.errors import Note, plain
from flopcount.network.convention import ENTRIES, EVERYTHING, Convention, Described, convention
from flopcount.network.implementation import CALL_STYLES
from flopcount.network.metrics import Cost
from flopcount.report.cost import convention_line, costs
from flopcount.report.table import Column, Line, Report, Row, Table, plural
from flopcount.spec.fields import Layer, expected, own_fields
from flopcount.spec.kinds import KINDS, description, kind_named, summary
from flopcount.spec.units import pair, percent
from flopcount.spec.write import to_value

ALL_KINDS = (Column("kind", "kind"), Column("summary", "what it is", "prose"))
TEMPLATES = (Column("kind", "template"), Column("summary", "what it is", "prose"))
DEFAULTS = (Column("field", "field"), Column("default", "default"))
FIELDS = (*DEFAULTS, Column("takes", "takes", "prose"), Column("is", "what it is", "prose"))


class Listed(NamedTuple):
    """A bundled network with its recorded cost, and the notes that qualify it."""

    name: str
    input: Any
    cost: Cost
    description: str
    notes: tuple[str, ...] = ()


def archs_report(found: Sequence[Listed]) -> Report:
    """Return the bundled networks, one per row."""
    shown = costs(rule := convention())
    rows = tuple(
        Row({"arch": each.name, "input": each.input, **shown.values(each.cost), "description": each.description})
        for each in found
    )
    columns = (Column("arch", "network"), Column("input", "input", "shape"), *shown.columns())
    table = Table("archs", (*columns, Column("description", "description", "prose")), rows)
    lines = (convention_line(rule), Line("text", "flopcount NAME shows one, layer by layer"))
    notes = tuple(Note("recorded", f"{each.name}: {note}") for each in found for note in each.notes)
    return Report("Bundled networks", (table,), lines, notes)


def kinds_report(templates: Mapping[str, Any]) -> Report:
    """Show the kinds of layers and the bundled templates, a line each."""
    rows = tuple(Row({"kind": kind, "summary": summary(kind)}) for kind in KINDS)
    made = tuple(Row({"kind": name, "summary": template.description}) for name, template in templates.items())
    tables = Table("kinds", ALL_KINDS, rows), Table("templates", TEMPLATES, made)
    return Report("The kinds of layers", tables, (Line("text", "flopcount kinds KIND shows one"),))


def template_report(name: str, template: Any) -> Report:
    """Show one template: what it is, and what its uses give."""
    defaults = dict.fromkeys(template.required, "required") | template.arguments
    rows = tuple(Row({"field": field, "default": _spelled(value)}) for field, value in defaults.items())
    origin = "a template in archs/variants/compositions.toml, to be copied into the file that uses it"
    facts = {"template": name, "description": template.description}
    lines = (Line("text", template.description), Line("text", origin))
    return Report(name, (Table("fields", DEFAULTS, rows),), lines, facts=facts)


def kind_report(kind: str) -> Report:
    """Show one kind: what it is, its equations and source, and its fields."""
    model = kind_named(kind)
    required_first = sorted(own_fields(model), key=lambda name: not model.model_fields[name].is_required())
    rows = tuple(_field(model, name) for name in required_first)
    text, row = description(kind), row_of(kind)
    lines = tuple(Line("text", each) for each in (*text.split("\n"), f"a row to copy: {row}"))
    caption = f"every layer also takes {', '.join(Layer.model_fields)}"
    every = (*rows, *(_field(model, name) for name in Layer.model_fields))
    facts = {"kind": kind, "description": text, "row": row, "fields": [each.data() for each in every]}
    return Report(kind, (Table("", FIELDS, rows, caption=caption),), lines, facts=facts)


SAMPLES: Mapping[str, Any] = {
    "out_channels": 64,
    "kernel_size": 3,
    "kernel_sizes": [3, 5],
    "groups": 4,
    "PyConv.groups": [1, 4],
    "p": 2,
    **dict.fromkeys(("upscale_factor", "downscale_factor", "sections", "blocks", "padding", "cropping"), 2),
    **dict.fromkeys(("rank", "rank_in", "rank_out", "squeeze_channels", "num_groups"), 16),
    **dict.fromkeys(("num_heads", "num_experts", "scales"), 4),
    **dict.fromkeys(("hidden_size", "hidden_features", "embedding_dim"), 256),
    **{key: [64, 14, 14] for key in ("Expand.size", "Operation.size", "Reshape.size", "Parameter.size")},
    "size": 7,
    "window_size": 7,
    "output_size": 1,
    "out_features": 1000,
    "num_embeddings": 30_000,
    "count": 100,
    "function": "relu",
    "Elementwise.function": "add",
    "operator": "Custom",
    "equation": "bij,bjk->bik",
    "active_pairs": 512,
    "order": [-1, -2],
    "axes": [-1],
    "axis": -1,
}
"""A value for each field that a kind requires: by its name, or by kind and name."""


def row_of(kind: str) -> str:
    """Return a row of an arch file with the fields that a kind requires."""
    model = kind_named(kind)
    required = (name for name in own_fields(model) if model.model_fields[name].is_required())
    return to_value({"type": kind, **{name: SAMPLES.get(f"{kind}.{name}") or SAMPLES[name] for name in required}})


def _field(model: type[Layer], name: str) -> Row:
    info = model.model_fields[name]
    default = "required" if info.is_required() else "–" if info.default is None else _spelled(info.default)
    return Row({"field": name, "default": default, "takes": expected(model, name), "is": info.description})


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


ALL = (
    Column("convention", "convention"),
    Column("headline", "its number"),
    Column("per_mac", "a MAC counts", "count"),
    Column("params", "params"),
    Column("version", "version"),
    Column("about", "what it is", "prose"),
)
WEIGHTS = (
    Column("entry", "what happens"),
    Column("weight", "weight", "count"),
    Column("what", "how often", "prose"),
    Column("note", "note", "prose"),
)
EXCEPTIONS = (Column("where", "where"), *WEIGHTS[:2], Column("what", "that is", "prose"))
_PARAMS = (Column("entry", "parameters"), *WEIGHTS[1:])
_BATCH = {
    "divided": "divided by the batch",
    "times params": "for each input of a batch, parameters too",
    "counted": "all inputs of a batch count",
}


def conventions_report(found: Iterable[Described]) -> Report:
    """Show all conventions, a line each."""
    rows = tuple(Row(_line(each)) for each in found)
    lines = (
        Line("text", "flopcount conventions NAME shows its weights, flopcount ARCH --convention NAME applies it"),
        Line("text", "1 MAC = 2 FLOPs; if a tool labels MACs as FLOPs, its number is reproduced under the label MACs"),
    )
    return Report("Conventions: what is counted", (Table("conventions", ALL, rows),), lines)


def _line(each: Described) -> dict[str, object]:
    rule = each.rule
    return {
        "convention": rule.name,
        "headline": rule.headline,
        "per_mac": 2 if rule.unit == "FLOP" else 1,
        "params": rule.params_name,
        "version": each.version,
        "about": each.about or rule.counts,
    }


def convention_report(each: Described) -> Report:
    """Show one convention: what it weighs, and where it makes exceptions."""
    rule = each.rule
    weights, params = (
        tuple(
            Row({"entry": name, "weight": weight, "what": ENTRIES[name], "note": each.notes.get(name, "")})
            for name, weight in part.weights.items()
        )
        for part in (rule.operations, rule.parameters)
    )
    tables = [Table("weights", WEIGHTS, weights), Table("params", _PARAMS, params)]
    if exceptions := tuple(_exceptions(rule)):
        tables.append(Table("exceptions", EXCEPTIONS, exceptions))
    line = {"name" if key == "convention" else key: value for key, value in _line(each).items()}
    facts = {**line, "source": each.source, "batch": rule.batch, "folds": rule.folds}
    title = f"{rule.name}: {each.about or rule.counts}"
    return Report(title, tuple(tables), tuple(Line("text", line) for line in _lines(each)), facts=facts)


def _lines(each: Described) -> Iterable[str]:
    rule = each.rule
    yield f"counted: {rule.counts}; not counted: {rule.leaves_out}"
    yield f"params: {rule.params_counts}"
    unit = f"{'2 FLOPs' if rule.unit == 'FLOP' else '1'} per MAC"
    folds = "; batch norms are folded first" if rule.folds else ""
    yield f"its number: {rule.headline}, {unit}; {_BATCH[rule.batch]}{folds}"
    if each.source:
        yield f"source: {each.source}{f', version {each.version}' if each.version else ''}"


def _exceptions(rule: Convention) -> Iterable[Row]:
    """Yield what is weighed otherwise for a kind, or for a way of writing."""
    kinds = ((f"kind {kind}", weights, "") for kind, weights in rule.operations.kinds.items())
    written = ((f"written: {way}", weights, CALL_STYLES[way]) for way, weights in rule.operations.written.items())
    for where, weights, what in (*kinds, *written):
        others = "all else" if EVERYTHING in weights and len(weights) > 1 else "everything"
        for name, weight in weights.items():
            entry = others if name == EVERYTHING else name
            yield Row({"where": where, "entry": entry, "weight": weight, "what": what})


def renewal_line(renewal: Renewal, title: str) -> str:
    """Say how many rows there are, and how they came about."""
    rows = plural(len(renewal.rows), "network")
    if renewal.is_same:
        return f"{title}: {rows}, as they were"
    raised = len(renewal.raised)
    numbers = {"new": len(renewal.added), "changed": len(renewal.changed) - raised, "raised": raised}
    numbers["removed"] = len(renewal.removed)
    found = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    return f"{title}: {rows}: {found}"


def refusal(renewal: Renewal, title: str, arguments: Sequence[str]) -> str:
    """Say what costs more than is locked, and the command that would allow it; `arguments` are those of this one."""
    lines = [f"{plain(each.after.id)}: {rise(each)}" for each in renewal.refused]
    options = [word for each in renewal.refused for word in ("--allow-increase", each.after.id)]
    hint = f'{plain(shlex.join(["flopcount", "lock", *arguments, *options]))} --reason "why"'
    return "\n".join((*lines, f"{title}: this is more than is locked, so nothing was written; to allow it: {hint}"))


def rise(each: Raise) -> str:
    """Write what rose, from what to what: `macs 4.089G → 4.2G (+2.71%)`."""
    found = []
    for metric in each.metrics:
        before, after = getattr(each.before, metric), getattr(each.after, metric)
        growth = percent(Fraction((after - before) * 100, before) if before else None)
        text = f"{metric} {' → '.join(pair(before, after, metric))} ({'+' if before else ''}{growth})"
        found += [text] if after > before else []
    return ", ".join(found)
