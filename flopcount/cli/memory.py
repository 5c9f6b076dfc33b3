"""`flopcount memory ARCH`: the bytes alive layer by layer, the peak, and what would lower it."""

from typing import NamedTuple

import click

from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, case_of
from flopcount.cli.options import complete_arch, count_options, output_options_with, plot_option, typed
from flopcount.cli.output import Output, emit, show
from flopcount.errors import UsageError


class Ways(NamedTuple):
    """Other ways to run a network: in the best order, or its first layers patch by patch."""

    reorder: bool = False
    patch: str | None = None


@click.command("memory", cls=Documented)
@click.argument("arch", shell_complete=complete_arch)
@typed(
    "ways",
    Ways,
    click.option("--reorder", is_flag=True, help="Run the layers in an order with the least peak."),
    click.option(
        "--patch",
        metavar="2x2:LAYER",
        help="Run the layers up to LAYER patch by patch, with so many patches along each axis.",
    ),
)
@count_options
@plot_option
@output_options_with("tflm")
def command(arch: str, ways: Ways, options: Options, out: Output) -> None:
    """Show the bytes of the tensors alive while ARCH runs, layer by layer, and the peak.

    It names the tensors of the peak, and what would lower it: each change is counted.
    --format tflm prints the plan of TensorFlow Lite Micro's arena.
    """
    from flopcount.analyses.memory.curve import peak_of
    from flopcount.analyses.memory.lower import lowered
    from flopcount.analyses.memory.patch import patched
    from flopcount.analyses.memory.reorder import reordered
    from flopcount.report.memory import TOTALS, Memory, memory_report, tflm_lines

    if ways.reorder and ways.patch:
        raise UsageError("--reorder and --patch are two ways to run a network; name one")
    if out.fmt == "tflm" and (ways.reorder or ways.patch or out.plot):
        raise UsageError("--format tflm prints the plan of the file's order; omit --reorder, --patch and --plot")
    if options.training:
        raise UsageError("--training: this is about the forward pass; flopcount ARCH --training shows what is saved")
    base = case_of(arch, options)
    base = base.at(metrics=tuple(dict.fromkeys((*base.metrics, *TOTALS))))
    if out.fmt == "tflm":
        emit("".join(f"{line}\n" for line in tflm_lines(base.count)), out.output, base.notes)
        return
    count, notes = base.count, base.count.notes  # kept, so that all that follows shares it
    order = reordered(base) if ways.reorder else None
    case = order.case if order else base
    patch = patched(base, ways.patch) if ways.patch else None
    count = case.count
    found = Memory(peak_of(case), lowered(base), order, patch)
    report = memory_report(count, found, options.changes)
    show(report._replace(notes=tuple(dict.fromkeys((*notes, *report.notes)))), out)
