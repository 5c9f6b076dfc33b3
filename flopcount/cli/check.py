"""`flopcount check FILES`: networks compared with their budgets; `flopcount lock`: their costs, recorded in a file."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flopcount.cli.help import Documented
from flopcount.cli.loading import trained
from flopcount.cli.options import TRAINING_OPTION, TRAINING_OPTIONS, VALUES
from flopcount.cli.output import emit, format_of, screen_of, tell, write_whole
from flopcount.errors import Broken, FileError, Note, UsageError, plain, reason, suggestion
from flopcount.spec.budget import LIMITED
from flopcount.spec.training import Training
from flopcount.spec.units import LOCKED, METRICS

if TYPE_CHECKING:
    from flopcount.analyses.budgets.check import Outcome, Setup
    from flopcount.analyses.budgets.lock import Inventory, LockPlace
    from flopcount.spec.project import Lock

LONGEST = 1000
"""The most characters of a reason."""


def about_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `check` and `lock` have in common: which files, how they are read, and formats."""
    options: tuple[Callable[..., Any], ...] = (
        click.argument("files", nargs=-1, metavar="[FILES…]"),
        click.option("--config", metavar="FILE", help="Configuration (default: the nearest flopcount.toml upwards)."),
        click.option("--input", "size", metavar="SIZE", help="Input size for all files; overrides the configuration."),
        VALUES,
        TRAINING_OPTION,
        *TRAINING_OPTIONS,
        click.option(
            "--format",
            "formats",
            metavar="FORMAT[=FILE]",
            multiple=True,
            help="Output format, repeatable: text, json, markdown, github, gitlab, junit, sarif, "
            "openmetrics, benchmark or html.",
        ),
        click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for the maximum of each metric."""
    for metric in reversed(LIMITED):
        about = METRICS[metric].removeprefix("most ")
        name = f"--max-{metric.replace('_', '-')}"
        command = click.option(name, f"max_{metric}", metavar="VALUE", help=f"Most {about}, in every file.")(command)
    return command


@click.command("check", cls=Documented)
@about_files
@click.option("--base", metavar="REF", help="Measure changes against the merge base with this git ref.")
@click.option("--lock", "locked", is_flag=True, help="Compare with the lock file too, in the same report.")
@limits
def check(files: tuple[str, ...], base: str | None, *, locked: bool, **options: Any) -> int:
    """Check that networks are within their limits.

    FILES are files, folders or patterns ('archs/**/*.toml'), by default those of
    the configuration. Exit code 0: all limits hold (there may be warnings);
    1: a limit is broken; 2: something could not be checked.
    """
    from flopcount.analyses.budgets.check import outcome

    chosen = destinations(options["formats"], options["output"])
    maxima = {metric: text for metric in LIMITED if (text := options[f"max_{metric}"]) is not None}
    around = _around(options, maxima)
    result = outcome(around, files, base)
    if locked:
        from flopcount.analyses.budgets.lock import with_lock

        result = with_lock(result, around, files)
    write(result, chosen)
    return result.exit_code


def _around(options: Mapping[str, Any], maxima: Mapping[str, str] | None = None) -> "Setup":
    """Return where a command runs, and what its options say for all files."""
    from flopcount.analyses.budgets.check import setup

    training = trained({name: options[name] for name in Training._fields}, is_asked=options["training"])
    return setup(Path.cwd(), options["config"], options["size"], options["values"], maxima, training=training)


def destinations(formats: Sequence[str], output: str | None = None) -> list[tuple[str, str | None]]:
    """Return the requested formats, each with its file; None is standard output, or the file of -o."""
    if output is not None and not formats:
        formats = (format_of(output, endings=ENDINGS, default="text"),)
    found = [_format(each) for each in formats or ("text",)]
    chosen = [(name, path or (None if output == "-" else output)) for name, path in found]
    for name, path in found:
        if output is not None and path is None:
            format_of(output, name, ENDINGS)
    paths = [path and os.path.realpath(path) for _, path in chosen]
    if paths.count(None) > 1:
        raise UsageError("--format: two formats cannot share standard output; give FORMAT=FILE for all but one")
    if len({*paths}) < len(paths):
        raise UsageError("--format: two formats cannot share a file; give each its own")
    return chosen


ENDINGS: Mapping[str, str] = {".json": "json", ".html": "html", ".md": "markdown", ".sarif": "sarif", ".xml": "junit"}
"""The format of a check by the ending of its file."""


def write(result: "Outcome", chosen: list[tuple[str, str | None]]) -> None:
    """Write a check in every requested format; all are rendered before the first is written."""
    from flopcount.report.check_formats import rendered

    screen = screen_of(sys.stdout)
    texts = [(rendered(result, name, *([] if path else [screen])), name, path) for name, path in chosen]
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and {"github", "markdown"} & {name for name, _ in chosen}:
        step = rendered(result, "markdown")
        try:
            with Path(summary).open("a", encoding="utf-8", newline="\n") as file:
                file.write(step)
        except OSError as error:
            raise FileError(summary, f"the step summary cannot be written: {reason(error)}") from None
    for text, name, path in sorted(texts, key=lambda each: each[2] is None):
        if path is None:
            emit(text, None, for_people=name == "text")
        else:
            write_whole(Path(path), text, "choose another FORMAT=FILE")


def _format(text: str) -> tuple[str, str | None]:
    """Read FORMAT or FORMAT=FILE."""
    from flopcount.report.check_formats import RENDERERS

    name, equals, path = text.partition("=")
    name = "text" if name == "table" else name
    if name not in RENDERERS or (equals and not path) or "\0" in path:
        raise UsageError(f"--format {plain(text[:100])}: expected one of {', '.join(RENDERERS)}, or FORMAT=FILE")
    return name, None if path in {"", "-"} else path


def _check_locked(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return the metrics to lock."""
    del ctx, param
    names = tuple(each.strip() for each in value.split(",")) if value else ()
    if lost := next((name for name in names if name not in LOCKED), None):
        raise UsageError(f"--metrics {plain(lost[:60])}: not a metric that can be locked; {suggestion(lost, LOCKED)}")
    return names


@click.command("lock", cls=Documented)
@about_files
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Compare and write nothing; the exit code is 1 if the lock file is outdated.",
)
@click.option("--allow-increase", "allowed", metavar="ID", multiple=True, help="Accept a higher cost for this network.")
@click.option(
    "--reason", "reasons", metavar="TEXT", multiple=True, help="The reason, kept in the lock file: one for all or each."
)
@click.option(
    "--metrics",
    metavar="A,B,…",
    callback=_check_locked,
    help="Also record these metrics, such as peak,arena; later runs keep them.",
)
def lock(
    files: tuple[str, ...],
    *,
    is_check: bool,
    allowed: tuple[str, ...],
    reasons: tuple[str, ...],
    metrics: tuple[str, ...],
    **options: Any,
) -> int:
    """Record every network's cost in flopcount.lock; increases fail --check.

    FILES as for check; if given, only their rows are updated. Lower costs are
    written; higher ones are refused unless they are allowed, with a reason.
    """
    from flopcount.analyses.budgets.check import Outcome
    from flopcount.analyses.budgets.lock import compared, inventory, lock_place
    from flopcount.spec.project import read_lock

    for option, given in (("--format", options["formats"]), ("-o", options["output"])):
        if given and not is_check:
            raise UsageError(f"{option}: requires --check, since the lock file has one format")
    chosen = destinations(options["formats"], options["output"])
    permissions = _permissions(allowed, reasons, is_check=is_check)
    around = _around(options)
    place = lock_place(around)
    lock = read_lock(*place)
    found = inventory(around, files, lock, place.path.parent, metrics)
    if is_check:
        outcome = compared(found, lock, place.title)
        write(outcome, chosen)
        return outcome.exit_code
    if found.unread:
        write(Outcome(found.files, found.unread, notes=(Note("nothing-locked", "nothing was locked"),)), chosen)
        return 2
    given = {"--config": options["config"], "--input": options["size"]}
    given |= {"--metrics": ",".join(metrics)}
    words = [*files, *(word for pair in given.items() if pair[1] for word in pair)]
    words += str(around.training).split() if around.training else []
    _renew(
        found, lock, permissions, place, [*words, *(word for each in options["values"] for word in ("--value", each))]
    )
    return 0


def _permissions(allowed: Sequence[str], reasons: Sequence[str], *, is_check: bool) -> dict[str, str]:
    """Pair the ids that may cost more with the reasons: one for all, or one each."""
    if is_check and (allowed or reasons):
        raise UsageError("--check writes nothing; --allow-increase and --reason are for a run without it")
    if not allowed and reasons:
        raise UsageError("--reason requires --allow-increase ID")
    if not all(reason.strip() and reason.isprintable() for reason in reasons) or len(" ".join(reasons)) > LONGEST:
        raise UsageError(f"--reason takes a line of text, up to {LONGEST} characters")
    if allowed and len(reasons) not in {1, len(allowed)}:
        times = f"--allow-increase is given {len(allowed)} times and --reason {len(reasons)} times"
        raise UsageError(f"{times}; give one reason for all, or one for each")
    return dict(zip(allowed, [*reasons] * (len(allowed) if len(reasons) == 1 else 1), strict=True))


def _renew(
    found: "Inventory", lock: "Lock", permissions: dict[str, str], place: "LockPlace", words: Sequence[str]
) -> None:
    """Update the lock file unless a cost rises that is not allowed to."""
    from flopcount.analyses.budgets.lock import renewed
    from flopcount.report.catalogue import refusal, renewal_line
    from flopcount.report.table import Line
    from flopcount.spec.project import written

    renewal = renewed(found, lock, permissions)
    if renewal.refused:
        raise Broken(refusal(renewal, place.title, words))
    if not renewal.is_same or lock.source is None:
        is_dos = lock.source is not None and "\r\n" in lock.source.text
        text = written(renewal.rows).replace("\n", "\r\n" if is_dos else "\n")
        write_whole(Path(place.title), text, "check that the folder exists and is writable")
    tell([Line("text", renewal_line(renewal, place.title)), *found.notes])
