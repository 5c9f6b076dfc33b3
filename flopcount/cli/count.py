"""`flopcount ARCH`: per-layer parameters and MACs."""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click

from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, network_of
from flopcount.cli.options import SORT, Named, complete_arch, device_options, plot_option, raw_output_options, typed
from flopcount.cli.output import DRAWINGS, Output, emit, ending_of, format_of, show
from flopcount.errors import Note, UsageError, by_word
from flopcount.network.network import Network
from flopcount.report.count import check_depth, count_report, cut, folded, sorted_by, summed_by, with_columns
from flopcount.report.table import Table


class View(NamedTuple):
    """Which rows and columns of the main table are shown, or the notation of a drawing."""

    depth: int | None = None
    by: str | None = None
    sort: str | None = None
    top: int | None = None
    columns: str | None = None
    parts: bool = False
    standard: bool = False
    graph: str | None = None


PICTURES = by_word(
    {
        "Graphviz draws it: flopcount ARCH --graph dot | dot -Tsvg -o graph.svg": "svg png pdf html",
        "did you mean 'dot'?": "graphviz gv",
        "did you mean 'mermaid'?": "mmd md",
    }
)
"""Words for a drawing of a network, and what stands for them."""


@click.command("count", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
@device_options
@typed(
    "view",
    View,
    click.option("--depth", type=int, metavar="N", help="Fold blocks to the first N names of each path."),
    click.option("--by", metavar="COLUMN", help="Sum by a column: type, kernel, block, output …"),
    SORT,
    click.option("--top", type=int, metavar="N", help="Show only the first N rows."),
    click.option("--columns", metavar="A,B,…", help="Show only these columns, after the names of the rows."),
    click.option("--parts", is_flag=True, help="Show the parts of composite layers too."),
    click.option("--standard", is_flag=True, help="Compare with standard convolutions, layer by layer and in total."),
    click.option(
        "--graph",
        type=Named([*dict.fromkeys(DRAWINGS.values())], PICTURES),
        help="Draw the network instead, folded by --depth.",
    ),
)
@plot_option
@raw_output_options
def command(arch: str, options: Options, view: View, out: Output) -> None:
    """Count the parameters and MACs of ARCH, layer by layer.

    ARCH is an arch file (TOML or JSON), a model of another tool (PyTorch, ONNX …),
    a bundled network or - for standard input. Layers that replace a standard convolution are compared with it.
    """
    view = view._replace(graph=view.graph or DRAWINGS.get(ending_of(out.output)))
    if view.graph:
        _check_graph(view, out, *(["--on"] if options.on else []))
    out = out if view.graph else out.decided
    result = options.case(_network(arch, options), view.columns, view.sort, view.by).count
    if view.graph:
        from flopcount.report.graph import GRAPHS

        emit(GRAPHS[view.graph](result, view.depth), out.output, result.notes)
        return
    if view.parts and out.fmt != "table":
        how = "always has the parts" if out.fmt == "json" else "cannot show them"
        raise UsageError(f"--parts is for tables; {out.fmt} {how}")
    report = count_report(result, options.changes, standard=view.standard)
    if options.on:
        from flopcount.report.device import on_device, target, with_device

        report = with_device(report, on_device(result, target(options.on)))
    table = report.tables[0]
    for name, step in STEPS.items():
        value = getattr(view, name)
        table = table if value is None else step(table, value)
    show(report._replace(tables=(table, *report.tables[1:])), out, parts=view.parts)


HEADLINE = "mobilenet_v1.toml"
"""The one file whose bundled copy is counted where it does not exist: README and papers name it."""


def _network(arch: str, options: Options) -> Network:
    """Return the network of ARCH."""
    if arch != HEADLINE or os.path.exists(arch):  # noqa: PTH110  (answers to any word)
        return network_of(arch, options)
    name = HEADLINE.removesuffix(".toml")
    note = Note("bundled-file", f"there is no file {HEADLINE} here; this is the bundled network {name}")
    return network_of(name, options).noted(note)


STEPS: Mapping[str, Callable[[Table, Any], Table]] = {
    "depth": folded,
    "by": summed_by,
    "sort": sorted_by,
    "top": cut,
    "columns": with_columns,
}
"""What an option does to the main table, in the order in which they are applied."""


def _check_graph(view: View, out: Output, *others: str) -> None:
    """Refuse options that a graph cannot show."""
    unused = [f"--{name}" for name in ("by", "sort", "top", "columns") if getattr(view, name) is not None]
    unused += others
    unused += ["--plot"] if out.plot is not None else []
    unused += [f"--format {out.fmt}"] if out.fmt not in {"", "table"} else []
    if unused:
        raise UsageError(f"--graph draws the network; {' and '.join(unused)} applies to tables only")
    check_depth(view.depth)
    format_of(out.output, str(view.graph), DRAWINGS)
