"""`flopcount compare A B …`: totals side by side; `flopcount diff A B`: what changed, layer by layer."""

from pathlib import Path

import click

from flopcount.analyses.forms import compared
from flopcount.case import load_bytes
from flopcount.cli.help import Documented
from flopcount.cli.loading import Options, count_of, expanded
from flopcount.cli.options import complete_arch, count_options, device_options, output_options, plot_option
from flopcount.cli.output import Output, show
from flopcount.errors import UsageError
from flopcount.report.compare import Version, comparison_report, diff_report


@click.command("compare", cls=Documented)
@click.argument("archs", nargs=-1, metavar="A B …", shell_complete=complete_arch)
@device_options
@plot_option
@output_options
def compare(archs: tuple[str, ...], options: Options, out: Output) -> None:
    """Compare networks: totals side by side, with ratios to the first.

    A and B are as for count; a folder stands for all networks in it, and a pattern ('archs/*.toml')
    for the files that match. If all have the same maps, layer for layer, the layers are
    compared too. The options apply to every network.
    """
    if not archs:
        raise UsageError("nothing to compare; name networks A B …, as in flopcount compare resnet18 resnet34")
    archs = expanded(archs)
    results = [count_of(arch, options) for arch in archs]
    for each in results:
        each.case.check_varied("a comparison")
    names = [result.case.name for result in results]
    told = [arch if names.count(name) > 1 else name for arch, name in zip(archs, names, strict=True)]
    report = comparison_report([*zip(told, results, strict=True)])
    if options.on:
        from flopcount.report.device import compared as on_one
        from flopcount.report.device import on_device, target

        device = target(options.on)
        report = on_one(report, [on_device(each, device) for each in results])
    show(report, out)


@click.command("diff", cls=Documented)
@click.argument("before", metavar="A", required=False, shell_complete=complete_arch)
@click.argument("after", metavar="B", required=False, shell_complete=complete_arch)
@click.option("--all", "everything", is_flag=True, help="Also show unchanged layers.")
@count_options
@output_options
def diff(before: str | None, after: str | None, options: Options, out: Output, *, everything: bool) -> None:
    """Show what changed from A to B: layers added, removed, moved and changed, with costs.

    A and B are files, bundled networks, or REF:path for a file in git, such as
    HEAD:archs/net.toml. The options apply to both.
    """
    if before is None or after is None:
        is_file = before is not None and before != "-" and Path(before).exists()
        words = f"HEAD:{before} {before}" if is_file else f"{before or 'resnet18'} model.onnx"
        raise UsageError(f"diff compares two networks, or a file with an earlier version; as in flopcount diff {words}")
    if before == after == "-":
        raise UsageError("standard input can be one of the two, not both")
    old, new = _version(before, options), _version(after, options)
    show(diff_report(old, new, compared(old[1], new[1]), everything=everything), out)


def _version(reference: str, options: Options) -> Version:
    """Return one side, counted."""
    from flopcount.spec.git import content_in, revision

    at = revision(reference)
    if at is None:
        result = count_of(reference, options)
    else:
        content = content_in(*at, Path.cwd())
        result = options.case(
            load_bytes(content, ":".join(at), allow_unknown=options.allow_unknown, values=options.values)
        ).count
    result.case.check_varied("a comparison")
    return reference, result
