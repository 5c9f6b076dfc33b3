"""`flopcount ARCH`: per-layer parameters and MACs."""

from typing import Any

import click

from flopcount.cli.loading import Options, case_of
from flopcount.cli.options import complete_arch, count_options, output_options, plot_option, view_options
from flopcount.cli.output import emit, show
from flopcount.errors import UsageError
from flopcount.report.cost import metrics_in
from flopcount.report.count import GRAPHS, check_depth, count_report
from flopcount.report.table import Report


@click.command("count")
@click.argument("arch", shell_complete=complete_arch)
@count_options
@view_options
@click.option("--graph", type=click.Choice([*GRAPHS]), help="Draw the network instead, folded by --depth.")
@plot_option
@output_options
def command(arch: str, fmt: str, output: str | None, plot: str | None, **options: Any) -> None:
    """Count the parameters and MACs of ARCH, layer by layer.

    ARCH is an arch file (TOML or JSON), a model of another tool (ONNX, Keras …),
    a bundled network or - for standard input. Layers that replace a standard convolution are compared with it.
    """
    view = {name: options.pop(name) for name in ("depth", "by", "sort", "top", "columns", "parts", "graph")}
    metrics = metrics_in(view["columns"], view["sort"], view["by"])
    result = case_of(arch, Options(**options)).at(metrics=metrics).count
    if view["parts"] and fmt != "table":
        raise UsageError(
            f"--parts is for tables; {fmt} {'always has the parts' if fmt == 'json' else 'cannot show them'}"
        )
    if view["graph"]:
        _check_graph({**view, "plot": plot}, fmt)
        emit(GRAPHS[view["graph"]](result, view["depth"]), output)
        return
    changes = Options(**options).changes
    report = count_report(result, changes)
    show(_shaped(report, view), fmt, output, parts=view["parts"], plot=plot)


def _check_graph(view: dict[str, Any], fmt: str) -> None:
    """Refuse options that a graph cannot show."""
    unused = [f"--{name}" for name in ("by", "sort", "top", "columns", "plot") if view[name] is not None]
    unused += [f"--format {fmt}"] if fmt != "table" else []
    if unused:
        raise UsageError(f"--graph draws the network; {' and '.join(unused)} applies to tables only")
    check_depth(view["depth"])


def _shaped(report: Report, view: dict[str, Any]) -> Report:
    """Apply the options of the view to the main table: fold, sum, sort, cut, choose columns."""
    chosen = {name: view[name] for name in ("depth", "by", "sort", "top", "columns") if view[name] is not None}
    if not chosen:
        return report
    from flopcount.report import count as shaping

    steps = {
        "depth": shaping.folded,
        "by": shaping.summed_by,
        "sort": shaping.sorted_by,
        "top": shaping.cut,
        "columns": shaping.with_columns,
    }
    table = report.tables[0]
    for name, value in chosen.items():
        table = steps[name](table, value)  # type: ignore[operator]
    return report._replace(tables=(table, *report.tables[1:]))
