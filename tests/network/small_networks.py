"""Networks for the tests of counting: small ones made in place, and the bundled ones."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flopcount.case import Case, Count
from flopcount.formulas.step import Step
from flopcount.network.convention import convention
from flopcount.network.network import Network
from flopcount.network.plan import Plan, plan
from flopcount.spec.arch import Arch
from flopcount.spec.load import load, setting

ORACLES = Path(__file__).parent.parent / "oracles"

Row = Mapping[str, Any]


def row(kind: str, **fields: Any) -> Row:
    """Make a row of an arch file."""
    return {"type": kind, **fields}


def network(size: Sequence[int], *layers: Row, **keys: Any) -> Plan:
    """Plan a network of these layers."""
    return plan(Arch.model_validate({"input": [*size], "layers": [*layers], **keys}))


def bundled(name: str, *settings: str) -> Plan:
    """Plan a bundled network, with changes as `--set` takes them."""
    return plan(load(name, [setting(text) for text in settings]).arch)


def count(net: Plan, size: str | None = None, batch: int | None = None, params: str = "trainable") -> Count:
    """Count a network under the default convention."""
    return Case(Network.of(net), input=size, batch=batch, convention=convention(params)).count


def one(size: Sequence[int], layer: Row) -> Step:
    """Return the step of a network of one layer."""
    (step,) = count(network(size, layer)).trace.steps.values()
    return step


def cost(size: Sequence[int], *layers: Row, **keys: Any) -> tuple[int, int]:
    """Return the params and MACs of a network of these layers."""
    total = count(network(size, *layers, **keys)).total
    return total.params, total.macs


def oracle(name: str) -> dict[str, Any]:
    """Read recorded figures."""
    figures: dict[str, Any] = json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8"))
    return figures


def number(case: Case, name: str) -> int:
    """Return what a convention counts."""
    return case.at(convention=convention(macs=name)).count.total.macs
