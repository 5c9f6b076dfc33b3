"""customSmallerIsBetter JSON, which draws what networks cost over time."""

import json
from collections.abc import Iterator
from typing import Any

from flopcount.analyses.budgets.checks import Outcome
from flopcount.report.check_json import counts


def render(outcome: Outcome) -> str:
    """Write two values for each network and point."""
    return (
        json.dumps([entry for each in outcome.files for row in counts(each) for entry in _entries(row)], indent=2)
        + "\n"
    )


def _entries(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = " ".join(filter(None, (row["path"], row["point"], "" if row["counted"] == "trainable" else row["counted"])))
    for metric, unit in (("params", "parameters"), ("macs", "MACs")):
        yield {"name": f"{name}: {metric}", "unit": unit, "value": row[metric], "extra": f"input {row['input']}"}
