"""`flopcount check FILES`: budgets in arch files and in the project's configuration, held against the counts."""

from pathlib import Path

import click

from flopcount.cli.output import emit
from flopcount.errors import UsageError

FORMATS = ("text", "json", "markdown", "github", "gitlab", "junit", "sarif", "openmetrics", "benchmark")


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILES…]")
@click.option("--base", metavar="REF", help="Limits on changes are against the merge base with this git ref.")
@click.option("--config", metavar="FILE", help="The configuration, instead of the nearest flopcount.toml upwards.")
@click.option(
    "--format",
    "formats",
    metavar="FORMAT[=FILE]",
    multiple=True,
    help=f"How to write the result, any number of times: {', '.join(FORMATS)}.",
)
def command(files: tuple[str, ...], base: str | None, config: str | None, formats: tuple[str, ...]) -> int:
    """Check that networks are within their budgets.

    FILES are arch files, folders or patterns ('archs/**/*.toml'); those of the
    configuration where there are none. Exit code 0: all limits hold (warnings
    included); 1: a limit is broken; 2: something could not be checked.
    """
    from flopcount.analyses.checks import outcome, setup
    from flopcount.report.findings import rendered

    chosen = [_format(each) for each in formats or ("text",)]
    result = outcome(setup(Path.cwd(), config), files, base)
    for name, path in chosen:
        emit(rendered(result, name), path)
    return result.exit_code


def _format(text: str) -> tuple[str, str | None]:
    """Read FORMAT or FORMAT=FILE."""
    name, equals, path = text.partition("=")
    if name not in FORMATS or (equals and not path):
        raise UsageError(
            f"--format {text[:100]}: it is one of {', '.join(FORMATS)}, each with =FILE if it is for a file"
        )
    return name, path or None
