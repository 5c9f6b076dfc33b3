"""From one counter's number to another's, term by term."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flopcount.analyses.counted import batched, summed
from flopcount.counting.conventions import Convention
from flopcount.counting.trace import Trace
from flopcount.formulas.step import Step

AFFINE = "_affine"
"""What the entries of a scale and a shift end in; the norms they belong to are called likewise."""


class Side(NamedTuple):
    """A network as one convention counts it."""

    rule: Convention
    trace: Trace

    @property
    def total(self) -> int:
        """What it comes to, in the unit of the convention."""
        return summed(self.trace, self.rule).macs

    @property
    def undivided(self) -> "Side":
        """The same for all inputs of a batch together."""
        return self._replace(rule=self.rule._replace(divisor=1))


class Term(NamedTuple):
    """One thing that happens and that two conventions weigh otherwise.

    `times` is how often it happens, as the second sees it, in so many `layers`;
    `was` and `now` are the weights. `why` says under what exception: a kind, a manner
    of writing, or that batch norms were folded.
    """

    entry: str
    times: int
    was: int
    now: int
    amount: int
    layers: int
    why: str = ""


def side(traced: Trace, rule: Convention) -> Side:
    """See a network as a convention does, batch norms folded if it says so."""
    if rule.folds:
        from flopcount.counting.folding import folded

        return Side(batched(rule, traced), folded(traced))
    return Side(batched(rule, traced), traced)


def terms(one: Side, other: Side) -> list[Term]:
    """Return what leads from one number to the other, the largest first; the amounts add up to the difference."""
    found: dict[tuple[str, int, int, str], Term] = {}
    for key, term in _differences(one.undivided, other.undivided):
        before = found.get(key)
        found[key] = term if before is None else _added(before, term)
    merged = [*_merged({key: term for key, term in found.items() if term.amount})]
    return sorted([*merged, *_divided(one, -1), *_divided(other, 1)], key=lambda term: -abs(term.amount))


def _differences(one: Side, other: Side) -> Iterator[tuple[tuple[str, int, int, str], Term]]:
    for before, after in zip(_leaves(one.trace), _leaves(other.trace), strict=True):
        was, now = one.rule.operations, other.rule.operations
        weights, weights2 = was.at(before), now.at(after)
        counts, counts2 = was.counts(before), now.counts(after)
        for entry in {**counts, **counts2}:
            pair = weights.get(entry, 0), weights2.get(entry, 0)
            old, new = _whole(counts, entry), _whole(counts2, entry)
            if pair == (0, 0) or not (old or new):
                continue
            is_folded = before.tally.counts.get(entry) != after.tally.counts.get(entry)
            why = _why(one.rule, other.rule, after, entry, is_folded=is_folded)
            yield (entry, *pair, why), Term(entry, new or old, *pair, new * pair[1] - old * pair[0], 1, why)


def _leaves(traced: Trace) -> Iterator[Step]:
    for step in traced.steps.values():
        yield from step.leaves()


def _whole(counts: Mapping[str, object], entry: str) -> int:
    count = counts.get(entry, 0)
    return count if isinstance(count, int) else 0


def _why(one: Convention, other: Convention, leaf: Step, entry: str, *, is_folded: bool) -> str:
    """Say under what exception an entry is weighed, if under one."""
    if is_folded:
        return "batch norms folded"
    plain = (one.operations.weights.get(entry, 0), other.operations.weights.get(entry, 0))
    found = (one.operations.at(leaf).get(entry, 0), other.operations.at(leaf).get(entry, 0))
    if plain == found:
        return ""
    manners = leaf.manner in one.operations.written or leaf.manner in other.operations.written
    return f"written: {leaf.manner}" if manners else f"in {leaf.kind}"


def _added(one: Term, other: Term) -> Term:
    return one._replace(times=one.times + other.times, amount=one.amount + other.amount, layers=one.layers + 1)


def _merged(found: Mapping[tuple[str, int, int, str], Term]) -> Iterator[Term]:
    """Put a norm and its scale and shift together where they are of the same elements."""
    rest = {(term.entry, term.why, term.times): term for term in found.values()}
    for term in found.values():
        if term.entry.endswith(AFFINE) and (term.entry.removesuffix(AFFINE), term.why, term.times) in rest:
            continue
        more = rest.get((term.entry + AFFINE, term.why, term.times))
        yield term if more is None else _together(term, more)


def _together(term: Term, more: Term) -> Term:
    return term._replace(was=term.was + more.was, now=term.now + more.now, amount=term.amount + more.amount)


def _divided(one: Side, sign: int) -> Iterator[Term]:
    """Say what a convention leaves out that counts one input of a batch."""
    batch = one.rule.divisor
    if batch != 1:
        whole = one.undivided.total
        amount = one.total - whole
        yield Term("batch", batch, 1, 1, sign * amount, 0, "divided by the batch")
