"""`flopcount lock`: what every network costs, in a file that is reviewed like the code."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flopcount.cli.check import destinations, write
from flopcount.cli.output import emit, write_whole
from flopcount.errors import Broken, UsageError

if TYPE_CHECKING:
    from flopcount.analyses.budgets.check import Outcome
    from flopcount.analyses.budgets.lock import LockPlace, Survey
    from flopcount.spec.lock import Lock


LONGEST = 1000
"""Characters a reason may have."""


@click.command("lock")
@click.argument("files", nargs=-1, metavar="[FILES…]")
@click.option("--config", metavar="FILE", help="The configuration, instead of the nearest flopcount.toml upwards.")
@click.option(
    "--check", "is_check", is_flag=True, help="Write nothing; exit with 1 if the lock file is not up to date."
)
@click.option("--allow-increase", "allowed", metavar="ID", multiple=True, help="Let a network cost more than locked.")
@click.option(
    "--reason", "reasons", metavar="TEXT", multiple=True, help="Why: kept in the lock file. One, or one each."
)
@click.option(
    "--format", "formats", metavar="FORMAT[=FILE]", multiple=True, help="With --check: as flopcount check has it."
)
def command(
    files: tuple[str, ...],
    config: str | None,
    *,
    is_check: bool,
    allowed: tuple[str, ...],
    reasons: tuple[str, ...],
    formats: tuple[str, ...],
) -> int:
    """Write what every network costs to flopcount.lock.

    FILES are as for flopcount check; with some, only their rows are renewed.
    What costs less is written; what costs more is refused unless it is allowed,
    with a reason.
    """
    from flopcount.analyses.budgets.check import setup
    from flopcount.analyses.budgets.lock import held, lock_place, survey
    from flopcount.spec.lock import read_lock

    if formats and not is_check:
        raise UsageError(f"--format {formats[0]}: what is written is the lock file; give --check too")
    chosen = destinations(formats)
    permissions = _permissions(allowed, reasons, is_check=is_check)
    around = setup(Path.cwd(), config)
    place = lock_place(around)
    lock = read_lock(*place)
    found = survey(around, files, lock, place.path.parent)
    if is_check:
        outcome = held(found, lock, place.title)
        write(outcome, chosen)
        return outcome.exit_code
    if found.unread:
        write(_unread(found), chosen)
        return 2
    words = [*files, *(("--config", config) if config else ())]
    _renew(found, lock, permissions, place, words)
    return 0


def _permissions(allowed: Sequence[str], reasons: Sequence[str], *, is_check: bool) -> dict[str, str]:
    """Pair what may rise with the reasons: one for all, or one for each."""
    if is_check and (allowed or reasons):
        raise UsageError("--check writes nothing, so --allow-increase and --reason are for a run without it")
    if not allowed and reasons:
        raise UsageError("--reason says why something may cost more; give --allow-increase ID too")
    if not all(reason.strip() and reason.isprintable() for reason in reasons) or len(" ".join(reasons)) > LONGEST:
        raise UsageError(f"--reason takes a line of text, up to {LONGEST} characters")
    if allowed and len(reasons) not in {1, len(allowed)}:
        raise UsageError(
            f"--allow-increase is given {len(allowed)} times and --reason {len(reasons)} times; "
            "give one reason for all, or one for each"
        )
    return dict(zip(allowed, [*reasons] * (len(allowed) if len(reasons) == 1 else 1), strict=True))


def _unread(found: "Survey") -> "Outcome":
    from flopcount.analyses.budgets.check import Outcome

    return Outcome(found.files, found.unread, notes=("nothing was locked",))


def _renew(
    found: "Survey", lock: "Lock", permissions: dict[str, str], place: "LockPlace", words: Sequence[str]
) -> None:
    """Write the lock file anew, if it may be and has to be."""
    from flopcount.analyses.budgets.lock import renewed
    from flopcount.report.catalogue import refusal, renewal_line
    from flopcount.spec.lock import written

    renewal = renewed(found, lock, permissions)
    if renewal.refused:
        raise Broken(refusal(renewal, place.title, words))
    if not renewal.is_same or lock.source is None:
        is_dos = lock.source is not None and "\r\n" in lock.source.text
        text = written(renewal.rows)
        way_out = "check the folder, and that it may be written to"
        write_whole(Path(place.title), text.replace("\n", "\r\n") if is_dos else text, way_out)
    emit(renewal_line(renewal, place.title), None)
