"""The bundled networks, counted for the tests of the zoo."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flopcount.case import Count
from flopcount.cli.loading import Options, count_of
from flopcount.formulas.step import Step

ORACLES = Path(__file__).parent.parent / "oracles"


def counted(name: str, **options: Any) -> Count:
    """Count a bundled network; the options are those of the command line."""
    return count_of(name, Options(**options))


def leaves(result: Count) -> Iterator[Step]:
    """Yield the innermost steps, in the order of the computation."""
    for step in result.trace.steps.values():
        yield from step.leaves()


def oracle(name: str) -> dict[str, Any]:
    """Read recorded figures."""
    figures: dict[str, Any] = json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8"))
    return figures
