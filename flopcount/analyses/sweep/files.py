"""A candidate of a sweep as an arch file of its own."""

from collections.abc import Mapping

from flopcount.analyses.save import Saved, saved
from flopcount.analyses.sweep.axes import Value
from flopcount.analyses.sweep.run import Space, network, width_of
from flopcount.case import Case
from flopcount.network.plan import input_shapes
from flopcount.network.scale import scaled


def candidate_file(space: Space, values: Mapping[str, Value], path: str) -> Saved:
    """Return a candidate as an arch file; a UsageError says why there is none that counts the same."""
    base = network(space, values)
    x = input_shapes(base.plan.inputs, str(values.get("input", space.size or "")) or None, space.batch)
    width = width_of(space, values)
    given = scaled(base.plan, base.spec.arch.scaling, width) if width else {}
    plan = base.plan._replace(file=base.spec._replace(changes=base.changes))
    return saved(Case.of(plan, x, space.convention, given), path)
