"""`flopcount check FILES`: networks compared with the budgets in arch files and in the project's configuration."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flopcount.cli.output import emit, write_whole
from flopcount.errors import FileError, UsageError, plain

if TYPE_CHECKING:
    from flopcount.analyses.budgets.check import Outcome


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILES…]")
@click.option("--base", metavar="REF", help="Measure changes against the merge base with this git ref.")
@click.option("--config", metavar="FILE", help="Configuration (default: the nearest flopcount.toml upwards).")
@click.option("--input", "size", metavar="SIZE", help="Input size of all files, instead of that of the configuration.")
@click.option(
    "--format",
    "formats",
    metavar="FORMAT[=FILE]",
    multiple=True,
    help="Output format, repeatable: text, json, markdown, github, gitlab, junit, sarif, openmetrics or benchmark.",
)
def command(
    files: tuple[str, ...], base: str | None, config: str | None, size: str | None, formats: tuple[str, ...]
) -> int:
    """Check that networks are within their budgets.

    FILES are files, folders or patterns ('archs/**/*.toml'), by default those of
    the configuration. Exit code 0: all limits hold (there may be warnings);
    1: a limit is broken; 2: something could not be checked.
    """
    from flopcount.analyses.budgets.check import outcome, setup

    chosen = destinations(formats)
    result = outcome(setup(Path.cwd(), config, size), files, base)
    write(result, chosen)
    return result.exit_code


def destinations(formats: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return the requested formats, each with its file; None is standard output."""
    chosen = [_format(each) for each in formats or ("text",)]
    paths = [path and os.path.realpath(path) for _, path in chosen]
    if paths.count(None) > 1:
        raise UsageError("--format: two formats cannot share standard output; give FORMAT=FILE for all but one")
    if len({*paths}) < len(paths):
        raise UsageError("--format: two formats cannot share a file; give each its own")
    return chosen


def write(result: "Outcome", chosen: list[tuple[str, str | None]]) -> None:
    """Write a check in every requested format; all are rendered before the first is written."""
    from flopcount.report.check_formats import rendered

    texts = [(rendered(result, name), path) for name, path in chosen]
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and {"github", "markdown"} & {name for name, _ in chosen}:
        _append(Path(summary), rendered(result, "markdown"))
    for text, path in sorted(texts, key=lambda each: each[1] is None):
        if path is None:
            emit(text, None)
        else:
            write_whole(Path(path), text, "choose another FORMAT=FILE")


def _append(path: Path, text: str) -> None:
    """Append to the summary of the step."""
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(str(path), f"the step summary cannot be written: {reason}") from None


def _format(text: str) -> tuple[str, str | None]:
    """Read FORMAT or FORMAT=FILE."""
    from flopcount.report.check_formats import RENDERERS

    name, equals, path = text.partition("=")
    if name not in RENDERERS or (equals and not path) or "\0" in path:
        raise UsageError(f"--format {plain(text[:100])}: expected one of {', '.join(RENDERERS)}, or FORMAT=FILE")
    return name, None if path in {"", "-"} else path
