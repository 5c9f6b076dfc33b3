"""Published figures, recomputed: which hold, which are known to be wrong, which differ."""

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from pydantic import ValidationError

from flopcount.analyses.counted import Cost, Counted, cost, counted, summed
from flopcount.counting.conventions import Convention, convention, mac_conventions
from flopcount.counting.inputs import input_shapes
from flopcount.counting.plan import overridden, plan
from flopcount.counting.scaling import scaled, width_ratio
from flopcount.counting.trace import Trace
from flopcount.errors import FileError, Problem, ShapeError, SpecError, UsageError, sentences, suggestion
from flopcount.files.settings import setting
from flopcount.files.specs import Spec, pointed, validated
from flopcount.formulas.step import Step
from flopcount.schema.extras import Claim, With
from flopcount.schema.problems import model_problems

Status = Literal["holds", "erratum", "differs"]

UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
"""What a printed figure is in; B is billion."""

_FIGURE = re.compile(r"([0-9][0-9_,]*)(?:\.([0-9]+))? ?([kKMGBT%]?)")


class Verdict(NamedTuple):
    """One published figure beside the exact count."""

    arch: str
    claim: Claim
    quantity: Literal["params", "macs"]
    claimed: str
    exact: int
    whole: int
    status: Status


def verdicts(spec: Spec, variant: str | None = None) -> Iterator[Verdict]:
    """Recompute the claims of an arch file: all of them, or those about one of its variants."""
    results = cache(lambda key: _counted(spec, *key))
    for index, raw in enumerate(spec.arch.claims):
        claim = _claim(raw, index, spec)
        if variant not in {None, claim.with_.variant}:
            continue
        key = (claim.with_, None if claim.input is None else str(claim.input), claim.convention, claim.counts)
        try:
            yield from _judged(claim, results(key))
        except SpecError as error:
            raise FileError(pointed(error.problems, spec.source, {})) from None
        except (UsageError, FileError, ShapeError) as error:
            what = "; ".join(sentences(str(error)))
            raise FileError(pointed([Problem(("claims", index), what, "claim")], spec.source, {})) from None


def _claim(raw: object, index: int, spec: Spec) -> Claim:
    try:
        claim = Claim.model_validate(raw)
    except ValidationError as error:
        found = model_problems(error, Claim, raw)
        problems = [Problem(("claims", index, field), what) for field, what in found.items()]
        raise FileError(pointed(problems, spec.source, {})) from None
    if claim.counts not in mac_conventions():
        what = f"counts = {claim.counts!r} is not known; {suggestion(claim.counts, mac_conventions())}"
        raise FileError(pointed([Problem(("claims", index, "counts"), what)], spec.source, {}))
    if claim.params is None and claim.macs is None:
        what = "a claim has params or macs, as its source prints them"
        raise FileError(pointed([Problem(("claims", index), what)], spec.source, {}))
    return claim


def _counted(spec: Spec, change: With, size: str | None, params: str, counts: str) -> tuple[str, Counted]:
    """Count the network as a claim has it changed."""
    if change.variant or change.set:
        spec = validated(spec.source, [setting(text) for text in change.set], change.variant)
    network = overridden(plan(spec.arch), spec.changes)
    given = scaled(network, spec.arch.scaling, width_ratio(str(change.width))) if change.width else {}
    result = counted(network, input_shapes(network.inputs, size), convention(params, counts), given)
    return spec.arch.name, result


def _judged(claim: Claim, named: tuple[str, Counted]) -> Iterator[Verdict]:
    name, result = named
    traced = result.standard if claim.with_.standard and result.standard else result.trace
    part, whole = _part(claim, traced, result.convention), summed(traced, result.convention)
    rules = {"params": claim.params_rule or claim.rule, "macs": claim.rule}
    for quantity in ("params", "macs"):
        claimed = getattr(claim, quantity)
        if claimed is not None:
            exact, total = getattr(part, quantity), getattr(whole, quantity)
            holds = prints_as(exact, total, str(claimed), rules[quantity])
            status: Status = "holds" if holds else "erratum" if claim.erratum else "differs"
            yield Verdict(name, claim, quantity, str(claimed), exact, total, status)


def _part(claim: Claim, traced: Trace, rule: Convention) -> Cost:
    """Return the cost of the part of a network that a claim is about."""
    steps = [*traced.steps.values()] if claim.path is None else [*_at(claim.path, traced)]
    if claim.leaves is not None:
        steps = [leaf for step in steps for leaf in step.leaves() if label(leaf) == claim.leaves]
    if not steps:
        raise UsageError(f"there is no layer, block or label {claim.leaves or claim.path!r} in this network")
    costs = [cost(step, rule) for step in steps]
    return Cost(sum(each.params for each in costs), sum(each.macs for each in costs))


def _at(path: str, traced: Trace) -> Iterator[Step]:
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
    """Tell whether an exact count prints as a source has it; a rounded tie may go either way."""
    match = _FIGURE.fullmatch(claimed)
    if match is None:
        return False
    digits, decimals, unit = match[1].replace(",", "").replace("_", ""), match[2] or "", match[3]
    printed = int(digits + decimals)
    value = Fraction(exact * 100, whole or 1) if unit == "%" else Fraction(exact, UNITS[unit])
    value *= 10 ** len(decimals)
    return _RULES[rule or ("round" if unit or decimals else "exact")](value, printed)


_RULES: Mapping[str, Callable[[Fraction, int], bool]] = {
    "exact": lambda value, printed: value == printed,
    "round": lambda value, printed: abs(value - printed) <= Fraction(1, 2),
    "truncate": lambda value, printed: value // 1 == printed,
    "ceil": lambda value, printed: -(-value // 1) == printed,
}
