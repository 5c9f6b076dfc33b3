"""Published and measured figures: which hold, and the terms between one number and another."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from pydantic import ValidationError

from flopcount.case import Case, Count
from flopcount.errors import BadInput, FileError, Note, Problem, ShapeError, UsageError, suggestion
from flopcount.formulas.numbers import exact
from flopcount.formulas.step import Step
from flopcount.network.convention import POLICIES, Convention, convention, mac_conventions
from flopcount.network.metrics import METRICS, combined
from flopcount.network.network import Network
from flopcount.network.trace import Trace
from flopcount.spec.claim import Claim, With
from flopcount.spec.load import Spec
from flopcount.spec.problems import table_problems
from flopcount.spec.source import located
from flopcount.spec.units import COUNTS, printed

Status = Literal["holds", "erratum", "differs"]


class Verdict(NamedTuple):
    """One published figure and the exact count."""

    arch: str
    claim: Claim
    quantity: str
    claimed: str
    exact: int
    whole: int
    status: Status
    notes: tuple[Note, ...] = ()


def verdicts(network: Network, variant: str | None = None) -> Iterator[Verdict]:
    """Recompute the claims of an arch file: all of them, or those about one of its variants."""
    spec = network.plan.spec
    results = cache(lambda change, size, rule, metrics: _counted(network, change, size, convention(*rule), metrics))
    for index, raw in enumerate(spec.arch.claims):
        claim = _claim(raw, index, spec)
        if variant not in {None, claim.with_.variant}:
            continue
        metrics = tuple(name for name, _ in _quantities(claim))
        size = None if claim.input is None else str(claim.input)
        rule = claim.convention, claim.counts
        try:
            yield from _judged(claim, results(claim.with_, size, rule, metrics))
        except (UsageError, FileError, ShapeError) as error:
            what = "; ".join(message.text for message in error.messages)
            raise located([Problem(("claims", index), what, "claim")], spec.source) from None


def _claim(raw: object, index: int, spec: Spec) -> Claim:
    try:
        claim = Claim.model_validate(raw)
    except ValidationError as error:
        raise located(table_problems(error, Claim, raw, ("claims", index)), spec.source) from None
    if claim.counts not in mac_conventions():
        what = f"counts = {claim.counts!r} is not known; {suggestion(claim.counts, mac_conventions())}"
        raise located([Problem(("claims", index, "counts"), what)], spec.source)
    if not any(_quantities(claim)):
        what = f"a claim needs {', '.join(METRICS)}: at least one, as its source prints it"
        raise located([Problem(("claims", index), what)], spec.source)
    return claim


def _counted(network: Network, change: With, size: str | None, rule: Convention, metrics: Sequence[str]) -> Count:
    """Count the network as a claim changes it."""
    width = change.width or None
    case = Case(network, input=size, width=width, variant=change.variant, settings=change.set, convention=rule)
    return case.at(metrics=metrics).count


def _quantities(claim: Claim) -> Iterator[tuple[str, str]]:
    """Yield the metrics that a claim is about, each with its figure."""
    yield from ((name, str(value)) for name in METRICS if (value := getattr(claim, name)) is not None)


def _judged(claim: Claim, result: Count) -> Iterator[Verdict]:
    traced = result.standard if claim.with_.standard and result.standard else result.trace
    steps, whole = _part(claim, traced), result.total
    if traced is result.standard and result.standard_total:
        whole = result.standard_total
    is_part = claim.path is not None or claim.leaves is not None
    part = combined(map(result.cost, steps), result.case.metrics) if is_part else whole
    for name, claimed in _quantities(claim):
        if name not in part:
            raise UsageError(f"{result.case.name}: {name} is a number of the whole network; claim it without a part")
        rule = claim.params_rule or claim.rule if name == "params" else claim.rule
        holds = prints_as(part[name], whole[name], claimed, rule)
        status: Status = "holds" if holds else "erratum" if claim.erratum else "differs"
        yield Verdict(result.case.name, claim, name, claimed, part[name], whole[name], status, result.notes)


def _part(claim: Claim, traced: Trace) -> list[Step]:
    """Return the part of a network that a claim is about."""
    steps = [*traced.steps.values()] if claim.path is None else [*_claims_at(claim.path, traced)]
    if claim.leaves is not None:
        steps = [leaf for step in steps for leaf in step.leaves() if label(leaf) == claim.leaves]
    if not steps:
        raise UsageError(f"there is no layer, block or label {claim.leaves or claim.path!r} in this network")
    return steps


def _claims_at(path: str, traced: Trace) -> Iterator[Step]:
    """Yield the step at a path, the steps of the block there, or the part of a composite."""
    for where, step in traced.steps.items():
        if where == path or where.startswith(f"{path}."):
            yield step
        elif path.startswith(f"{where}."):
            yield from _inner(step, path.removeprefix(f"{where}.").split("."))


def _inner(step: Step, names: list[str]) -> Iterator[Step]:
    for part in step.parts:
        if part.name == names[0]:
            yield from _inner(part.step, names[1:]) if names[1:] else [part.step]


def label(step: Step) -> str:
    """Return the kind of a step with the size of its kernel, such as `Conv 1×1`."""
    return f"{step.kind} {'×'.join(map(str, step.kernel))}" if step.kernel else step.kind


def prints_as(exact: int, whole: int, claimed: str, rule: str | None) -> bool:
    """Tell whether an exact count prints as the source has it; ties may be rounded either way."""
    found = printed(claimed)
    if found is None or found.exponent is not None or found.unit not in {*COUNTS, "%"}:
        return False
    value = Fraction(exact * 100, whole or 1) if found.unit == "%" else Fraction(exact, COUNTS[found.unit])
    rule = rule or ("round" if found.unit or found.decimals else "exact")
    return _RULES[rule](value * 10**found.decimals, found.digits)


_RULES: Mapping[str, Callable[[Fraction, int], bool]] = {
    "exact": lambda value, printed: value == printed,
    "round": lambda value, printed: abs(value - printed) <= Fraction(1, 2),
    "truncate": lambda value, printed: value // 1 == printed,
    "ceil": lambda value, printed: -(-value // 1) == printed,
}

WORDS: dict[str, str] = {"exact": "exactly", "round": "rounded", "truncate": "truncated", "ceil": "rounded up"}

_UNIT = re.compile(r"\s*(?:FLOPs?|FLOPS|MACs?|mult-?adds?|multiply-adds?|MAdds?|params|parameters)$", re.IGNORECASE)


class Figure(NamedTuple):
    """A figure as printed, and its approximate value."""

    text: str
    value: int

    def printed(self, exact: int) -> str | None:
        """Return the rule by which a number prints as this figure; None if it does not."""
        rules = ["exact"] if self.text.isdecimal() else [rule for rule in _RULES if rule != "exact"]
        return next((rule for rule in rules if prints_as(exact, exact, self.text, rule)), None)


class ClaimedFigure(NamedTuple):
    """A figure, and the convention that it is attributed to, if any."""

    convention: str | None
    figure: Figure


def parse_claimed(text: str) -> ClaimedFigure:
    """Read NAME=FIGURE or FIGURE."""
    name, equals, words = text.rpartition("=")
    return ClaimedFigure(name.strip() if equals else None, figure(words, f"--with {text[:80]}"))


def figure(text: str, where: str) -> Figure:
    """Read a figure."""
    found = printed(_UNIT.sub("", text.strip()).upper())
    if found is None or found.exponent is not None or found.unit not in COUNTS:
        raise UsageError(f"{where}: {text[:60]!r} is not a figure; write e.g. 4133742592, 4.13G or thop=4.13G")
    if not found.digits:
        raise UsageError(f"{where}: a figure of 0 matches nothing; give the number that the counter prints")
    shown = Decimal(found.digits).scaleb(-found.decimals)
    return Figure(f"{shown:f}{found.unit}", int(found.number * COUNTS[found.unit]))


AFFINE = "_affine"
"""The suffix of the entries for scale and shift of a normalization; without it they name the normalization."""


class Term(NamedTuple):
    """An operation that two conventions weigh differently: `was` and `now`.

    `times` is how often the second counts it, in how many `layers`; `why` is a kind, call style or folded batch norms.
    """

    entry: str
    times: int
    was: int
    now: int
    amount: int
    layers: int
    why: str = ""


def terms(one: Count, other: Count) -> list[Term]:
    """Return the terms that lead from one number to the other, the largest first; they add up to the difference."""
    found: dict[tuple[str, int, int, str], Term] = {}
    for key, term in _differences(_undivided(one), _undivided(other)):
        old = found.get(key, term._replace(times=0, amount=0, layers=0))
        found[key] = term._replace(times=old.times + term.times, amount=old.amount + term.amount, layers=old.layers + 1)
    merged = _merged([term for term in found.values() if term.amount])
    return sorted([*merged, *_divided(one, -1), *_divided(other, 1)], key=lambda term: -abs(term.amount))


def _undivided(one: Count) -> Count:
    """Return the count of the whole batch."""
    return Count(one.case, one.trace, one.convention._replace(divisor=1))


def _differences(one: Count, other: Count) -> Iterator[tuple[tuple[str, int, int, str], Term]]:
    was, now = one.convention.operations, other.convention.operations
    leaves = ((leaf for step in each.trace.steps.values() for leaf in step.leaves()) for each in (one, other))
    for before, after in zip(*leaves, strict=True):
        weights, weights2 = was.at(before), now.at(after)
        counts, counts2 = was.counts(before), now.counts(after)
        for entry in {**counts, **counts2}:
            pair = weights.get(entry, 0), weights2.get(entry, 0)
            old, new = exact(counts.get(entry, 0)), exact(counts2.get(entry, 0))
            if pair == (0, 0) or not (old or new):
                continue
            is_folded = before.tally.counts.get(entry) != after.tally.counts.get(entry)
            why = _why(one.convention, other.convention, after, entry, is_folded=is_folded)
            yield (entry, *pair, why), Term(entry, new or old, *pair, new * pair[1] - old * pair[0], 1, why)


def _why(one: Convention, other: Convention, leaf: Step, entry: str, *, is_folded: bool) -> str:
    """Name the exception under which an entry is weighed, if any."""
    if is_folded:
        return "batch norms folded"
    plain = (one.operations.weights.get(entry, 0), other.operations.weights.get(entry, 0))
    found = (one.operations.at(leaf).get(entry, 0), other.operations.at(leaf).get(entry, 0))
    if plain == found:
        return ""
    manners = leaf.call_style in one.operations.written or leaf.call_style in other.operations.written
    return f"written: {leaf.call_style}" if manners else f"in {leaf.kind}"


def _merged(found: Sequence[Term]) -> Iterator[Term]:
    """Merge a normalization with its scale and shift if they have the same elements."""
    rest = {(term.entry, term.why, term.times): term for term in found}
    for term in found:
        if term.entry.endswith(AFFINE) and (term.entry.removesuffix(AFFINE), term.why, term.times) in rest:
            continue
        more = rest.get((term.entry + AFFINE, term.why, term.times))
        sums = {name: getattr(term, name) + getattr(more, name) for name in ("was", "now", "amount")} if more else {}
        yield term._replace(**sums)


def _divided(one: Count, sign: int) -> Iterator[Term]:
    """Yield the term for a convention that counts one input of a batch."""
    if one.convention.divisor != 1:
        amount = sign * (one.total.macs - _undivided(one).total.macs)
        yield Term("batch", one.convention.divisor, 1, 1, amount, 0, "divided by the batch")


SIZES = (128, 160, 192, 224, 240, 256, 288, 299, 320, 331, 384, 416, 448, 480, 512, 600, 608, 640)
"""Usual input sizes."""

MOST_COPIES = 1024
MOST_RECOUNTED = 5000
"""Layers of a network for which a figure is looked for at other inputs too."""

NEAREST = 5


class Explanation(NamedTuple):
    """A possible origin of a number: a convention, the changes, how it prints, and the notes that qualify it."""

    convention: str
    change: str
    number: int
    rule: str
    notes: tuple[Note, ...] = ()


def identify(
    figure: Figure, case: Case, relatives: Callable[[], Mapping[str, Case]], names: Sequence[str] | None = None
) -> list[Explanation]:
    """Return the simplest origins of a figure: which counter printed it, for which network.

    It is compared with each number as it is, doubled and halved, with batch norms folded, for a batch, at other inputs
    and, last, with those of the `relatives`, which are loaded only then. `names` are the conventions, by default all.
    """
    found = next(filter(None, map(list, _searches(figure, case, relatives, names))), [])
    groups: dict[tuple[str, int], list[Explanation]] = {}
    for each in found:
        groups.setdefault((each.change, each.number), []).append(each)
    return [same[0]._replace(convention=", ".join(each.convention for each in same)) for same in groups.values()]


def is_large(case: Case) -> bool:
    """Tell whether a network has too many layers to be counted at many inputs."""
    return len(case.plan.nodes) > MOST_RECOUNTED


def _searches(
    figure: Figure, case: Case, relatives: Callable[[], Mapping[str, Case]], names: Sequence[str] | None
) -> Iterator[Iterator[Explanation]]:
    """Yield the searches for a figure, the simplest first."""
    totals = numbers(case, names)
    yield _plain(figure, totals)
    yield _params(figure, case)
    yield _scaled(figure, totals)
    yield _plain(figure, numbers(case, names, folds=True), "batch norms folded")
    yield _copies(figure, totals)
    if is_large(case):
        return
    yield _resized(figure, case, names)
    others = ((name, other, numbers(other, names)) for name, other in relatives().items())
    yield (
        each._replace(notes=other.notes)
        for name, other, numbers_of in others
        for each in _plain(figure, numbers_of, f"of {name}")
    )


def numbers(case: Case, names: Sequence[str] | None = None, *, folds: bool = False) -> dict[str, int]:
    """Return the number of each convention for a network, always with batch norms folded if it `folds`."""
    rules = {name: convention(macs=name) for name in names or mac_conventions()}
    _ = case.trace  # walked once for all conventions
    return {
        name: case.at(convention=rule._replace(folds=folds or rule.folds)).count.total.macs
        for name, rule in rules.items()
    }


def nearest(figure: Figure, totals: Mapping[str, int]) -> list[str]:
    """Return the conventions with the nearest numbers."""
    return sorted(totals, key=lambda name: abs(totals[name] - figure.value))[:NEAREST]


def _plain(figure: Figure, totals: Mapping[str, int], change: str = "") -> Iterator[Explanation]:
    for name, number in totals.items():
        if rule := figure.printed(number):
            yield Explanation(name, change, number, rule)


def _params(figure: Figure, case: Case) -> Iterator[Explanation]:
    numbers = {policy: case.at(convention=convention(policy)).count.total.params for policy in POLICIES}
    for policy, number in numbers.items():
        if policy != "active" or number != numbers["trainable"]:
            yield from _plain(figure, {"macs": number}, f"the params, as --params {policy} counts them")


def _scaled(figure: Figure, totals: Mapping[str, int]) -> Iterator[Explanation]:
    yield from _plain(figure, {name: 2 * number for name, number in totals.items()}, "doubled, as FLOPs")
    even = {name: number // 2 for name, number in totals.items() if number % 2 == 0}
    yield from _plain(figure, even, "halved, as MACs")


def _copies(figure: Figure, totals: Mapping[str, int]) -> Iterator[Explanation]:
    """Try batches: an exact figure that is a multiple of a number."""
    for name, number in totals.items():
        copies = figure.value // number if number else 0
        if 1 < copies <= MOST_COPIES and copies * number == figure.value and figure.printed(figure.value) == "exact":
            yield Explanation(name, f"a batch of {copies}", figure.value, "exact")


def _resized(figure: Figure, case: Case, names: Sequence[str] | None) -> Iterator[Explanation]:
    x = case.trace.input
    for size in SIZES:
        if x.spatial and any(size != each for each in x.spatial):
            dims = x.resized(spatial=(size,) * len(x.spatial)).dims
            batch = exact(dims[0]) if x.channel_axis == 1 else case.batch
            with suppress(BadInput):  # the network does not take this input
                other = case.at(input="x".join(map(str, dims[x.channel_axis :])), batch=batch)
                for each in _plain(figure, numbers(other, names), f"--input {size}"):
                    yield each._replace(notes=other.notes)
