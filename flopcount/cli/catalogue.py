"""`flopcount archs`, `kinds`, `conventions` and `schema`: what flopcount knows."""

import json
from collections.abc import Mapping
from typing import Any

import click

from flopcount.cli.help import Documented
from flopcount.cli.options import (
    SORT,
    complete_arch,
    complete_convention,
    complete_device,
    complete_kind,
    output_options,
    plot_option,
)
from flopcount.cli.output import Output, emit, format_of, show
from flopcount.errors import UsageError, plain
from flopcount.network.convention import described, mac_conventions
from flopcount.network.metrics import Cost
from flopcount.report import catalogue
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import ROOT, bundled, load
from flopcount.spec.text import notation_of, parsed, read_text
from flopcount.spec.units import DEFAULT_METRICS

LOCK = ROOT / "flopcount.lock"
"""The recorded costs of the bundled networks; `make test` checks that they are current."""


@click.command("archs", cls=Documented)
@click.argument("pattern", required=False, shell_complete=complete_arch)
@SORT
@click.option("--top", type=int, metavar="N", help="Show only the first N rows.")
@plot_option
@output_options
def archs(pattern: str | None, sort: str | None, top: int | None, out: Output) -> None:
    """List the bundled networks, each at its own input.

    With a PATTERN those whose name matches it (mobilenet*), or contains it (mobile).
    """
    from flopcount.report.count import cut, sorted_by

    found = _listed(pattern)
    if not found:
        raise UsageError(f"no bundled network is named like {plain(str(pattern)[:60])!r}; flopcount archs lists all")
    report = catalogue.archs_report(found)
    table = report.tables[0]
    table = table if sort is None else sorted_by(table, sort)
    show(report._replace(tables=(table if top is None else cut(table, top),)), out)


def _listed(pattern: str | None) -> list[catalogue.Listed]:
    """Return the bundled networks with the costs recorded of them, those of a pattern if there is one."""
    from fnmatch import fnmatchcase

    from flopcount.spec.project import read_lock

    wanted = pattern or ""
    wanted = wanted if {"*", "?", "["} & {*wanted} else f"*{wanted}*"

    rows = {row.id: row for row in read_lock(LOCK, str(LOCK)).rows}
    files: dict[str, Mapping[str, Any]] = {}
    found = []
    for name, (path, variant) in bundled().items():
        if not fnmatchcase(name, wanted):
            continue
        key = path.relative_to(ROOT).as_posix()
        if key not in files:
            text = read_text(path)
            files[key] = parsed(text, notation_of(path, text), str(path)).data
        said = {**files[key], **(files[key]["variants"][variant] if variant else {})}
        row = rows[f"{key} --variant {variant}" if variant else key]
        cost = Cost({name: getattr(row, name) for name in DEFAULT_METRICS})
        found.append(catalogue.Listed(name, said["input"], cost, said["description"], row.notes))
    return found


@click.command("kinds", cls=Documented)
@click.argument("kind", required=False, shell_complete=complete_kind)
@output_options
def kinds(kind: str | None, out: Output) -> None:
    """List the kinds of layers, or show one: its fields, equations and source."""
    templates = load("compositions").arch.templates
    if kind is None:
        show(catalogue.kinds_report(templates), out)
    elif kind in templates:
        show(catalogue.template_report(kind, templates[kind]), out)
    elif kind in KINDS:
        show(catalogue.kind_report(kind), out)
    else:
        from flopcount.spec.translation import kind_hint

        raise UsageError(f"no kind is named {plain(kind[:60])!r}; {kind_hint(kind, [*KINDS, *templates])}")


@click.command("conventions", cls=Documented)
@click.argument("name", required=False, shell_complete=complete_convention)
@output_options
def conventions(name: str | None, out: Output) -> None:
    """List the conventions, or show one: the weight of each operation.

    NAME is one of them, or a file of your own: my.toml, my.toml:NAME.
    """
    if name is None:
        show(catalogue.conventions_report([*map(described, mac_conventions())]), out)
    else:
        show(catalogue.convention_report(described(name)), out)


@click.command("hardware", cls=Documented)
@click.argument("name", required=False, shell_complete=complete_device)
@output_options
def hardware(name: str | None, out: Output) -> None:
    """List the devices that --on knows, or show one: each number with its source.

    NAME is one of them, or a file of your own: my.toml.
    """
    from flopcount.report.device import device_report, hardware_report
    from flopcount.spec.hardware import profile, profiles

    report = hardware_report([*map(profile, profiles())]) if name is None else device_report(profile(name, "hardware"))
    show(report, out)


@click.command("schema", cls=Documented)
@click.option(
    "--of",
    "subject",
    type=click.Choice(("arch", "config")),
    default="arch",
    show_default=True,
    help="Of arch files, or of flopcount.toml.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file (atomically) instead of standard output.")
def schema(subject: str, output: str | None) -> None:
    """Print the JSON Schema of arch files, for editors and validators.

    An arch file that starts with `#:schema URL` (TOML), or has a "$schema"
    key (JSON), is checked and completed by editors that know JSON Schema.
    """
    from flopcount.spec.json_schema import arch_schema, configuration_schema

    format_of(output, "json", {".json": "json"})
    found = arch_schema() if subject == "arch" else configuration_schema()
    emit(json.dumps(found, indent=1, ensure_ascii=False) + "\n", output)
