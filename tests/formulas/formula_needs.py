"""Which needs of a step fail."""

from flopcount.formulas.step import Step


def broken(step: Step) -> list[str]:
    """Return the sentences of the needs that fail, for a step on ints."""
    return [
        need.sentence()
        for need in step.needs
        if isinstance(need.value, int) and (need.value != 0 if need.relation != "positive" else need.value < 1)
    ]
