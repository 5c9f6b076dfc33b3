"""Reports of closed forms: of a kind, of two kinds, of a network; and the pattern of kernels."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from flopcount.analyses.closed.kinds import Forms
from flopcount.analyses.closed.networks import AXES, Law
from flopcount.analyses.closed.simplified import Assumption, latex
from flopcount.errors import UsageError
from flopcount.report.expressions import polynomial, spelled, written
from flopcount.report.table import Column, Report, Row, Table

FORMS = (Column("quantity", "quantity"), Column("formula", "formula"))
LAW = (*FORMS, Column("in", "in"))
LETTERS = (Column("letter", "letter"), Column("meaning", "is"))
PATTERN = (Column("filter", "filter", "count"), Column("drawn", "kernels"), Column("kernels", "1: k×k, 0: 1×1"))
LARGEST_PATTERN = 512
LATEX_AXES: Mapping[str, str] = {"α": r"\alpha"}


def kind_report(kind: str, found: Forms) -> Report:
    """Show the closed forms of a kind."""
    return _report(f"{kind}: closed forms", found, {"kind": kind})


def ratio_report(kind: str, over: str, found: Forms) -> Report:
    """Show what a kind costs over what another does."""
    return _report(f"{kind} over {over}: closed forms", found, {"kind": kind, "over": over})


def _report(title: str, found: Forms, facts: Mapping[str, Any]) -> Report:
    rows = tuple(
        Row({"quantity": form.quantity, "formula": written(form.expression), "latex": latex(form.expression)})
        for form in found.forms
    )
    letters = tuple(Row({"letter": spelled(letter), "meaning": meaning}) for letter, meaning in _letters(found))
    lines = tuple(f"where {sentence}" for sentence in map(assumption, found.assumptions))
    tables = (Table("forms", FORMS, rows), *((Table("letters", LETTERS, letters),) if letters else ()))
    return Report(title, tables, lines, facts={**facts, "assumptions": [*map(assumption, found.assumptions)]})


def _letters(found: Forms) -> Iterable[tuple[str, str]]:
    used = {str(letter) for form in found.forms for letter in form.expression.free_symbols}
    used |= {str(letter) for one, _, other in found.assumptions for letter in (one + other).free_symbols}
    return [(letter, meaning) for letter, meaning in found.letters.items() if letter in used and letter != meaning]


def assumption(each: Assumption) -> str:
    """Say what must hold."""
    one, relation, other = each
    words = {"divides": "divides", "equal": "=", "at least": "≥"}
    return f"{written(one)} {words[relation]} {written(other)}"


def law_report(name: str, sentence: str, found: Law, convention: Mapping[str, str] | None = None) -> Report:
    """Show the polynomials of a network."""
    rows = tuple(
        Row({"quantity": quantity, "formula": text, "latex": source, "in": letter})
        for letter, quantity, text, source in _polynomials(found)
    )
    verified = ", ".join(map(str, found.verified))
    facts = {
        "arch": name,
        **({"convention": convention} if convention else {}),
        "in": found.axis,
        "step": str(found.step),
        "offset": str(found.offset),
        "from": str(found.value(found.first)),
        "verified": [*map(str, found.verified)],
    }
    lines = (sentence, _validity(found), f"compared with the exact counts at {AXES[found.axis]} = {verified}")
    return Report(f"{name}: closed forms in {found.axis}", (Table("forms", LAW, rows),), lines, facts=facts)


def _polynomials(found: Law) -> Iterable[tuple[str, str, str, str]]:
    """Write both quantities in the axis and, where that differs, in whole steps."""
    letter = AXES[found.axis]
    pairs = {letter: found.over_axis(), "s": (found.params, found.macs)}
    if found.step == 1 and not found.offset:
        del pairs["s"]
    for each, forms in pairs.items():
        for quantity, form in zip(("params", "MACs"), forms, strict=True):
            source = polynomial(form, LATEX_AXES.get(each, each), latex=True)
            yield each, quantity, polynomial(form, each), source


def _validity(found: Law) -> str:
    letter, first = AXES[found.axis], found.value(found.first)
    if found.step == 1 and not found.offset:
        return f"for every whole {letter} from {first} on"
    offset = f" + {found.offset}" if found.offset else ""
    return f"{letter} = {_times(found.step)}{offset}, for every whole s from {found.first} on: {_examples(found)} …"


def _times(step: Fraction) -> str:
    top = "s" if step.numerator == 1 else f"{step.numerator}·s"
    return top if step.denominator == 1 else f"{top}/{step.denominator}"


def _examples(found: Law) -> str:
    return ", ".join(str(found.value(found.first + more)) for more in range(3)) + ","


def latex_lines(report: Report) -> str:
    """Write the forms of a report as LaTeX equations, what they assume in comments."""
    comments = [f"% {line}" for line in (report.title, *report.lines)]
    rows = [rf"  \text{{{row.cells['quantity']}}} &= {row.cells['latex']}" for row in report.tables[0].rows]
    return "\n".join([*comments, r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]) + "\n"


def pattern_report(size: str, p: int) -> Report:
    """Draw which kernels of a heterogeneous convolution are k×k: in filter i, those at channels c with p | c − i."""
    channels, filters = _sizes(size)
    if channels % p:
        raise UsageError(f"-p {p} does not divide the {channels} channels; choose a divisor of them")
    rows = tuple(_filter(number, channels, p) for number in range(filters))
    lines = (
        f"{channels} channels from left to right, {filters} filters from top to bottom; ■ is k×k, · is 1×1",
        f"1 kernel in {p} is k×k; from filter to filter they move by one channel",
    )
    facts = {"kind": "HetConv", "channels": channels, "filters": filters, "p": p}
    return Report(
        f"HetConv with p = {p}: which kernels are k×k", (Table("pattern", PATTERN, rows),), lines, facts=facts
    )


def _filter(number: int, channels: int, p: int) -> Row:
    large = [(channel - number) % p == 0 for channel in range(channels)]
    drawn = " ".join("■" if each else "·" for each in large)
    return Row({"filter": number + 1, "drawn": drawn, "kernels": "".join("1" if each else "0" for each in large)})


def _sizes(size: str) -> tuple[int, int]:
    parts = size.lower().replace("×", "x").split("x")
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) <= 3]  # noqa: PLR2004  (digits)
    if len(parts) != 2 or len(numbers) != 2 or not all(1 <= each <= LARGEST_PATTERN for each in numbers):  # noqa: PLR2004  (two sizes)
        raise UsageError(
            f"--pattern {size[:60]} is not CHANNELSxFILTERS; write for example --pattern 6x4, "
            f"each at most {LARGEST_PATTERN}"
        )
    return numbers[0], numbers[1]
