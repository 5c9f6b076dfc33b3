"""What must hold for a formula to make sense, as conditions with a sentence each."""

from typing import Literal, NamedTuple

from flopcount.formulas.dims import Dim, remainder


class Need(NamedTuple):
    """A condition on one number, and the sentence to say where it fails.

    Where shapes are not equal, nothing is known of what follows; where something
    does not divide, the shapes still are. Ints raise the sentence, arrays turn the condition into a mask, symbols
    print it as an assumption; so the sentence is put together only on demand.
    """

    value: Dim
    relation: Literal["zero", "equal", "positive"]
    text: str
    terms: tuple[Dim, ...]

    def sentence(self) -> str:
        """Return the sentence with its numbers."""
        return self.text.format(*self.terms)


def divides(divisor: Dim, whole: Dim, text: str) -> Need:
    """Need `divisor` to divide `whole`; the text is given both, in this order."""
    return Need(remainder(whole, divisor), "zero", text, (divisor, whole))


def equal(one: Dim, other: Dim, text: str) -> Need:
    """Need two numbers to agree; the text is given both."""
    return Need(one - other, "equal", text, (one, other))


def positive(value: Dim, text: str, *terms: Dim) -> Need:
    """Need a number to be at least 1."""
    return Need(value, "positive", text, terms)
