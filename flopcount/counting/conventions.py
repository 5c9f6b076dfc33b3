"""What counts: integer weights over a tally, applied last.

flopcount's own ways to count are the rows of conventions.toml. Those of other
counters are a file each, in the folder counters, and are read when they are named.
"""

from pathlib import Path

from flopcount.counting.rules import POLICIES, Convention, own_convention, own_conventions, with_params

__all__ = ["COUNTERS", "POLICIES", "Convention", "convention", "mac_conventions"]

COUNTERS = Path(__file__).parent / "counters"
"""The conventions of other counters: a file for each, called as it is."""


def mac_conventions() -> list[str]:
    """Return the names of what may be counted as a MAC: flopcount's own, then those of other counters."""
    return [*own_conventions(), *sorted(path.stem for path in COUNTERS.glob("*.toml"))]


def convention(params: str | None = None, macs: str = "macs") -> Convention:
    """Return a convention by its name, or from a file: `my.toml`, `my.toml:name`.

    Parameters are counted by a policy: the default one or, where another counter is
    named, as that counter does.
    """
    if macs in own_conventions():
        found = own_convention(macs)
    else:
        from flopcount.counting.convention_files import described

        found = described(macs, COUNTERS).rule
    return found if params is None else with_params(found, params)
