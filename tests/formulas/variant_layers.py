"""Single layers as a file would give them, for the tests of convolution variants."""

from typing import Any

from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.network.convention import convention
from flopcount.network.trace import fields
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import formula, kind_named

Map = Shape((16, 14, 14))


def layer(kind: str, **options: Any) -> Layer:
    """Make a layer as a file would, without biases where it can have some."""
    model = kind_named(kind)
    return model.model_validate({**({"bias": False} if "bias" in model.model_fields else {}), **options})


def made(kind: str, x: Shape = Map, **options: Any) -> Step:
    """Evaluate the formula of a kind, without biases where it can have some."""
    return formula(kind)(x, **fields(layer(kind, **options)))


def cost(step: Step) -> tuple[object, object]:
    """Return params and MACs."""
    counting = convention()
    return counting.params_of(step), counting.macs_of(step)


def count(step: Step, name: str) -> int:
    """Return one count of a step on ints."""
    found = step.tally.counts[name]
    assert isinstance(found, int)
    return found
