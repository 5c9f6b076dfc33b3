"""`flopcount verify [ARCH…]`: published figures, recomputed."""

from pathlib import Path

import click

from flopcount.analyses.explain import verdicts
from flopcount.cli.options import complete_arch, output_options
from flopcount.cli.output import Output, show
from flopcount.errors import Broken, UsageError
from flopcount.network.network import of_spec
from flopcount.report.explain import errata_report, verification_report
from flopcount.spec.load import files, load_base


@click.command("verify")
@click.argument("archs", nargs=-1, metavar="[ARCH]…", shell_complete=complete_arch)
@click.option("--errata", is_flag=True, help="Show only known errata, and why the figures are wrong.")
@output_options
def command(archs: tuple[str, ...], out: Output, *, errata: bool) -> None:
    """Recompute the published figures in arch files (default: all bundled ones).

    A claim holds if the exact count prints as in the source. The exit code is 1
    if a claim neither holds nor is a known erratum.
    """
    references = archs or tuple(str(path) for path in files().values())
    for reference in archs:
        _check_arch(reference)
    bases = map(load_base, references)
    found = [verdict for spec, variant in bases for verdict in verdicts(of_spec(spec), variant)]
    show(errata_report(found) if errata else verification_report(found), out)
    differ = sum(verdict.status == "differs" for verdict in found)
    if differ:
        raise Broken(f"{differ} of {len(found)} published figures differ from the exact count")


def _check_arch(reference: str) -> None:
    """Refuse a model of another tool, which has no claims."""
    from flopcount.readers.load import parser_of

    if parser_of(Path(reference)):
        hint = "flopcount import makes an arch file of it, which takes [[claims]]"
        raise UsageError(f"{reference}: a model of another tool has no published figures; {hint}")
