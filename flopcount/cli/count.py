"""`flopcount ARCH`: what a network costs, layer by layer."""

from typing import Any

import click

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of
from flopcount.cli.options import complete_arch, count_options, output_options, plot_option, view_options
from flopcount.cli.output import emit, show
from flopcount.errors import UsageError
from flopcount.report.count import count_report
from flopcount.report.table import Report


@click.command("count")
@click.argument("arch", shell_complete=complete_arch)
@count_options
@view_options
@click.option("--graph", type=click.Choice(("mermaid", "dot")), help="Draw the network instead, folded by --depth.")
@plot_option
@output_options
def command(arch: str, fmt: str, output: str | None, plot: str | None, **options: Any) -> None:
    """Count the parameters and MACs of ARCH, layer by layer.

    ARCH is an arch file (TOML or JSON), a model of another tool (ONNX, Keras …),
    a bundled network or - for standard input. Layers that stand for a standard convolution are compared with it.
    """
    view = {name: options.pop(name) for name in ("depth", "by", "sort", "top", "columns", "parts", "graph")}
    result = count_of(arch, Options(**options))
    if view["parts"] and fmt != "table":
        raise UsageError(
            f"--parts is for tables; {fmt} {'has the parts anyway' if fmt == 'json' else 'has no place for them'}"
        )
    if view["graph"]:
        _check_graph({**view, "plot": plot}, fmt)
        emit(_graph(result, view["graph"], view["depth"]), output)
        return
    changes = Options(**options).changes
    report = count_report(result.case.name, result.case.plan.description, result, changes)
    show(_shaped(report, view, result.convention.unit), fmt, output, parts=view["parts"], plot=plot)


def _check_graph(view: dict[str, Any], fmt: str) -> None:
    """Refuse what a graph has no place for."""
    unused = [f"--{name}" for name in ("by", "sort", "top", "columns", "plot") if view[name] is not None]
    unused += [f"--format {fmt}"] if fmt != "table" else []
    if unused:
        raise UsageError(f"--graph draws the network; {' and '.join(unused)} is for tables")
    if view["depth"] is not None and view["depth"] < 1:
        raise UsageError(f"--depth {view['depth']} is not possible; it counts from 1")


def _graph(result: Count, notation: str, depth: int | None) -> str:
    from flopcount.report import graph

    return graph.mermaid(result, depth) if notation == "mermaid" else graph.dot(result, depth)


def _shaped(report: Report, view: dict[str, Any], unit: str) -> Report:
    """Apply the view's options to the main table, in the order that makes sense."""
    chosen = {name: view[name] for name in ("depth", "by", "sort", "top", "columns") if view[name] is not None}
    if not chosen:
        return report
    from flopcount.report import count as shaping
    from flopcount.report.table import in_macs

    steps = {
        "depth": shaping.folded,
        "by": shaping.summed_by,
        "sort": shaping.sorted_by,
        "top": shaping.cut,
        "columns": shaping.with_columns,
    }
    table = report.tables[0]
    for name, value in in_macs(chosen, unit).items():
        table = steps[name](table, value)  # type: ignore[operator]
    return report._replace(tables=(table, *report.tables[1:]))
