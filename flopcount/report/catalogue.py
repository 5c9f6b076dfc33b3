"""What there is: bundled networks, and kinds of layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from flopcount.analyses.counted import Counted
from flopcount.counting.kinds import FORMULAS, description, summary
from flopcount.report.table import Column, Report, Row, Table
from flopcount.report.views import cost_facts, counted_line, inputs_data
from flopcount.schema.arch import Arch
from flopcount.schema.base import Layer, own_fields
from flopcount.schema.layers import kind_named
from flopcount.schema.wording import expected

ARCHS = (
    Column("arch", "network"),
    Column("input", "input", "shape"),
    Column("params", "params", "count"),
    Column("macs", "MACs", "count"),
    Column("description", "description", "prose"),
)
KINDS = (Column("kind", "kind"), Column("summary", "what it is", "prose"))
TEMPLATES = (Column("kind", "template"), Column("summary", "what it is", "prose"))
FIELDS = (
    Column("field", "field"),
    Column("default", "default"),
    Column("takes", "takes", "prose"),
    Column("is", "what it is", "prose"),
)


def archs_report(found: Sequence[tuple[Arch, Counted]]) -> Report:
    """Show the bundled networks, a line each."""
    rows = tuple(
        Row(
            {
                "arch": arch.name,
                "input": inputs_data(result.trace),
                **cost_facts(result.total),
                "description": arch.description,
            }
        )
        for arch, result in found
    )
    title = "The networks that come with flopcount"
    lines = (counted_line(found[0][1].convention), "flopcount NAME shows one, layer by layer") if found else ()
    return Report(title, (Table("archs", ARCHS, rows),), lines)


def kinds_report(templates: Mapping[str, Any]) -> Report:
    """Show the kinds of layers and the bundled templates, a line each."""
    rows = tuple(Row({"kind": kind, "summary": summary(kind)}) for kind in FORMULAS)
    made = tuple(Row({"kind": name, "summary": template.description}) for name, template in templates.items())
    tables = Table("kinds", KINDS, rows), Table("templates", TEMPLATES, made)
    return Report("The kinds of layers", tables, ("flopcount kinds KIND shows one",))


def template_report(name: str, template: Any) -> Report:
    """Show one template: what it is, and what its uses give."""
    rows = (
        *(Row({"field": field, "default": "required"}) for field in template.required),
        *(Row({"field": field, "default": _spelled(value)}) for field, value in template.arguments.items()),
    )
    origin = "a template in archs/variants/compositions.toml, to be copied into the file that uses it"
    facts = {"template": name, "description": template.description}
    return Report(name, (Table("fields", FIELDS[:2], rows),), (template.description, origin), facts=facts)


def kind_report(kind: str) -> Report:
    """Show one kind: what it is, its equations and source, and its fields."""
    model = kind_named(kind)
    required_first = sorted(own_fields(model), key=lambda name: not model.model_fields[name].is_required())
    rows = tuple(_field(model, name) for name in (*required_first, *Layer.model_fields))
    text = description(kind)
    return Report(
        title=kind,
        tables=(Table("fields", FIELDS, rows),),
        lines=tuple(text.split("\n")),
        facts={"kind": kind, "description": text},
    )


def _field(model: type[Layer], name: str) -> Row:
    info = model.model_fields[name]
    default = "required" if info.is_required() else "–" if info.default is None else _spelled(info.default)
    return Row({"field": name, "default": default, "takes": expected(model, name), "is": info.description})


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
