"""Closed forms as text: products in the order people write them, powers raised."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from flopcount.analyses.formula.kinds import Forms
from flopcount.analyses.formula.networks import AXES, CostPolynomial
from flopcount.analyses.formula.symbols import latex, library
from flopcount.errors import UsageError, plain
from flopcount.network.metrics import METRICS
from flopcount.report import escape
from flopcount.report.table import Column, Line, Report, Row, Table

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FIRST = ("M", "N", "D", "k", "k_1", "k_2", "t", "g", "p")
"""The letters that come first in a product, in this order."""
PLACES = ("n", "T", "H", "W")
"""The letters that come last: where a product is done."""


def written(expression: Any) -> str:
    """Return an expression in symbols on one line."""
    if expression.is_Add:
        return _sum([*expression.as_ordered_terms()])
    if expression.is_Mul or expression.is_Pow:
        return _product(expression)
    if expression.func in (functions := _functions()):
        return functions[expression.func].format(", ".join(map(written, expression.args)))
    return spelled(str(expression)) if expression.is_Symbol else str(expression).replace("-", "−")


@cache
def _functions() -> Mapping[Any, str]:
    """Return how functions of expressions are written."""
    sympy = library()
    names = {sympy.Max: "max({})", sympy.Min: "min({})", sympy.Abs: "abs({})"}
    return {**names, sympy.floor: "⌊{}⌋", sympy.ceiling: "⌈{}⌉"}


def spelled(name: str) -> str:
    """Return a symbol: r₁ for r_1."""
    stem, line, number = name.rpartition("_")
    return stem + number.translate(LOWERED) if line and number.isdecimal() else name


def _sum(terms: Sequence[Any]) -> str:
    first, *others = sorted(terms, key=lambda term: term.could_extract_minus_sign())
    signed = (f" − {written(-term)}" if term.could_extract_minus_sign() else f" + {written(term)}" for term in others)
    return written(first) + "".join(signed)


def _product(expression: Any) -> str:
    """Return numerator / denominator, factors in their usual order."""
    coefficient, rest = expression.as_coeff_Mul()
    factors = list(rest.args) if rest.is_Mul else [rest] if rest != 1 else []
    below = [factor for factor in factors if _is_below(factor)]
    above = [factor for factor in factors if not _is_below(factor)]
    coefficient, above = _turned(coefficient, above)
    top = [_factor(factor) for factor in sorted(above, key=_rank)]
    bottom = [_factor(1 / factor) for factor in sorted(below, key=_rank)]
    if abs(coefficient.p) != 1 or not top:
        top.insert(0, str(abs(coefficient.p)))
    if coefficient.q != 1:
        bottom.insert(0, str(coefficient.q))
    below_line = "·".join(bottom) if len(bottom) <= 1 else f"({'·'.join(bottom)})"
    return ("−" if coefficient < 0 else "") + "·".join(top) + (f"/{below_line}" if bottom else "")


def _turned(coefficient: Any, factors: list[Any]) -> tuple[Any, list[Any]]:
    """Write (H + 1 − k) for −(k − H − 1)."""
    result = []
    for factor in factors:
        terms = factor.args if factor.is_Add else ()
        turn = 2 * sum(term.could_extract_minus_sign() for term in terms) > len(terms)
        coefficient, factor = (-coefficient, -factor) if turn else (coefficient, factor)  # noqa: PLW2901  (turned)
        result.append(factor)
    return coefficient, result


def _is_below(factor: Any) -> bool:
    return bool(factor.is_Pow) and factor.args[1].could_extract_minus_sign()


def _factor(factor: Any) -> str:
    base, exponent = factor.as_base_exp()
    text = f"({written(base)})" if base.is_Add else written(base)
    return text if exponent == 1 else text + str(exponent).translate(RAISED)


def _rank(factor: Any) -> tuple[int, str]:
    """Order factors: channels, kernel, other letters, sums, places."""
    name = str(factor.as_base_exp()[0])
    if name in FIRST:
        return FIRST.index(name), name
    if name in PLACES:
        return 300 + PLACES.index(name), name
    return (100, name) if name.isidentifier() else (200, name)


def polynomial(coefficients: Sequence[Fraction], letter: str, *, latex: bool = False) -> str:
    """Return a polynomial, the highest power first."""
    text = ""
    for power, each in reversed([*enumerate(coefficients)]):
        if each:
            sign = (" - " if each < 0 else " + ") if text else ("-" if each < 0 else "")
            text += sign + _term(abs(each), power, letter, latex=latex)
    return (text or "0") if latex else (text or "0").replace("-", "−")


def _term(size: Fraction, power: int, letter: str, *, latex: bool) -> str:
    raised = "" if power == 1 else f"^{{{power}}}" if latex else str(power).translate(RAISED)
    number = rf"\frac{{{size.numerator}}}{{{size.denominator}}}" if latex and size.denominator > 1 else str(size)
    if not power:
        return number
    return f"{letter}{raised}" if size == 1 else f"{number}{' ' if latex else '·'}{letter}{raised}"


FORMS = (Column("quantity", "quantity"), Column("formula", "formula", "prose"))
LAW = (*FORMS, Column("in", "in"))
LETTERS = (Column("letter", "letter"), Column("meaning", "is", "prose"))
PATTERN = (Column("filter", "filter", "count"), Column("drawn", "kernels", "prose"))
MARKS = (Column("kernels", "1: k×k, 0: 1×1"),)
LARGEST_PATTERN = 512
LATEX_AXES: Mapping[str, str] = {"α": r"\alpha"}


def forms_report(found: Forms, kind: str, over: str | None = None) -> Report:
    """Return the closed forms of a kind, or of its cost divided by that of another."""
    rows = tuple(
        Row({"quantity": form.quantity, "formula": written(form.expression), "latex": latex(form.expression)})
        for form in found.forms
    )
    letters = tuple(Row({"letter": spelled(letter), "meaning": meaning}) for letter, meaning in _letters(found))
    words = {"divides": "divides", "equal": "=", "at least": "≥"}
    assumptions = [f"{written(one)} {words[relation]} {written(other)}" for one, relation, other in found.assumptions]
    tables = (Table("forms", FORMS, rows), *((Table("letters", LETTERS, letters),) if letters else ()))
    facts = {"kind": kind, **({"over": over} if over else {}), "assumptions": assumptions}
    title = f"{kind} over {over}: closed forms" if over else f"{kind}: closed forms"
    return Report(title, tables, tuple(Line("text", f"where {each}") for each in assumptions), facts=facts)


def _letters(found: Forms) -> Iterable[tuple[str, str]]:
    used = {str(letter) for form in found.forms for letter in form.expression.free_symbols}
    used |= {str(letter) for one, _, other in found.assumptions for letter in (one + other).free_symbols}
    return [(letter, meaning) for letter, meaning in found.letters.items() if letter in used and letter != meaning]


def law_report(name: str, counted: Line, found: CostPolynomial, convention: Mapping[str, str] | None = None) -> Report:
    """Return the polynomials of a network."""
    rows = tuple(
        Row({"quantity": quantity, "formula": text, "latex": source, "in": letter})
        for letter, quantity, text, source in _polynomials(found, (convention or {}).get("word", "MACs"))
    )
    verified = ", ".join(map(str, found.verified))
    facts = {
        "arch": name,
        **({"convention": convention} if convention else {}),
        "in": found.axis,
        "step": str(found.step),
        "offset": str(found.offset),
        "from": str(found.value(found.first)),
        "to": None if found.last is None else str(found.value(found.last)),
        "verified": [*map(str, found.verified)],
    }
    lines = (_validity(found), f"compared with the exact counts at {AXES[found.axis]} = {verified}")
    shown = (counted, *(Line("text", each) for each in lines))
    return Report(f"{name}: closed forms in {found.axis}", (Table("forms", LAW, rows),), shown, facts=facts)


def _polynomials(found: CostPolynomial, word: str) -> Iterable[tuple[str, str, str, str]]:
    """Yield the metrics in the axis and, if that differs, in whole steps."""
    in_steps = {} if found.step == 1 and not found.offset else {"s": found.forms}
    for each, forms in ({AXES[found.axis]: found.over_axis()} | in_steps).items():
        for name, form in forms.items():
            source = polynomial(form, LATEX_AXES.get(each, each), latex=True)
            yield each, word if name == "macs" else METRICS[name].title, polynomial(form, each), source


def _validity(found: CostPolynomial) -> str:
    letter, first = AXES[found.axis], found.value(found.first)
    if found.step == 1 and not found.offset:
        end = "on" if found.last is None else f"to {found.value(found.last)}"
        return f"for every whole {letter} from {first} {end}"
    top = "s" if found.step.numerator == 1 else f"{found.step.numerator}·s"
    times = top if found.step.denominator == 1 else f"{top}/{found.step.denominator}"
    offset = f" + {found.offset}" if found.offset else ""
    examples = ", ".join(str(found.value(found.first + more)) for more in range(3))
    end = "on" if found.last is None else f"to {found.last}"
    return f"{letter} = {times}{offset}, for every whole s from {found.first} {end}: {examples}, …"


def latex_lines(report: Report) -> str:
    """Return the forms of a report as LaTeX equations, with their assumptions as comments."""
    comments = [f"% {plain(str(line))}" for line in (report.title, *report.lines)]
    rows = [
        rf"  \text{{{escape.latex(row.cells['quantity'])}}} &= {row.cells['latex']}" for row in report.tables[0].rows
    ]
    return "\n".join([*comments, r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]) + "\n"


def pattern_report(size: str, p: int) -> Report:
    """Draw which kernels of a heterogeneous convolution are k×k: in filter i, those at channels c with p | c − i."""
    channels, filters = _sizes(size)
    if channels % p:
        raise UsageError(f"-p {p} does not divide the {channels} channels; choose a divisor of them")
    marks = ["".join("01"[(channel - number) % p == 0] for channel in range(channels)) for number in range(filters)]
    rows = (
        Row({"filter": at, "drawn": " ".join(mark.translate({48: "·", 49: "■"})), "kernels": mark})
        for at, mark in enumerate(marks, 1)
    )
    lines = (
        f"{channels} channels from left to right, {filters} filters from top to bottom; ■ is k×k, · is 1×1",
        f"1 kernel in {p} is k×k; from filter to filter they move by one channel",
    )
    return Report(
        f"HetConv with p = {p}: which kernels are k×k",
        (Table("pattern", PATTERN, tuple(rows), more=MARKS),),
        tuple(Line("text", each) for each in lines),
        facts={"kind": "HetConv", "channels": channels, "filters": filters, "p": p},
    )


def _sizes(size: str) -> tuple[int, int]:
    parts = size.lower().replace("×", "x").split("x")
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) <= 3]  # noqa: PLR2004  (digits)
    if len(parts) != 2 or len(numbers) != 2 or not all(1 <= each <= LARGEST_PATTERN for each in numbers):  # noqa: PLR2004  (two sizes)
        hint = f"write for example --pattern 6x4, each at most {LARGEST_PATTERN}"
        raise UsageError(f"--pattern {size[:60]} is not CHANNELSxFILTERS; {hint}")
    return numbers[0], numbers[1]
