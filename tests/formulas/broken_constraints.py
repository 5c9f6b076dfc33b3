"""Which constraints of a step fail."""

from flopcount.formulas.step import Step


def broken(step: Step) -> list[str]:
    """Return the sentences of the constraints that fail, for a step on ints."""
    return [constraint.sentence() for constraint in step.constraints if constraint.is_broken]
