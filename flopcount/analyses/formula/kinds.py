"""The cost of a kind in symbols: its own formula, applied to letters instead of numbers."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from flopcount.analyses.formula.symbols import Assumption, assumptions, library, symbol, tidy
from flopcount.case import WEIGHTS
from flopcount.errors import UsageError, suggestion
from flopcount.formulas.backward import graded
from flopcount.formulas.numbers import Dim, Expr, Graph, needed
from flopcount.formulas.shape import Shape
from flopcount.formulas.step import Step
from flopcount.network.convention import convention
from flopcount.network.metrics import METRICS, Site
from flopcount.spec.fields import LARGEST, help_of, option, own_fields
from flopcount.spec.kinds import KINDS, formula, kind_named
from flopcount.spec.problems import set_fields
from flopcount.spec.units import DEFAULT_METRICS, GRADED

MEANINGS: Mapping[str, str] = {
    "M": "input channels",
    "D": "channels",
    "H": "height",
    "W": "width",
    "T": "frames",
    "n": "rows or tokens",
    "k": "columns of the first",
    "m": "columns of the second",
}
"""The meaning of the letters of sizes."""

LAST = frozenset({"M", "D", "k"})
"""The letters of channels that are the last axis."""

LETTER = re.compile(r"[A-Za-z](_\d)?")
"""A letter that may be set in place of a number; it may have an index."""


class Use(NamedTuple):
    """The arguments of a formula: shapes and options, of numbers and letters."""

    kind: str
    inputs: tuple[Shape, ...]
    options: Mapping[str, Any]

    def step(self, **changes: Any) -> Step:
        """Call the formula."""
        return formula(self.kind)(*self.inputs, **{**self.options, **changes})


class Form(NamedTuple):
    """A quantity by its name, and the expression for it."""

    quantity: str
    expression: Any


class Forms(NamedTuple):
    """Closed forms, the meaning of their letters, and their assumptions."""

    forms: tuple[Form, ...]
    letters: Mapping[str, str]
    assumptions: tuple[Assumption, ...]


class Letters(Graph):
    """The letters of a question."""

    def of(self, name: str) -> Expr:
        """Return a letter, which stands for a number from 1 on."""
        return self.variable(name, 1, LARGEST)


def use(kind: str, settings: Mapping[str, Any], letters: Letters, *, volume: bool = False) -> Use:
    """Return the arguments of the formula of a kind: letters, except for options that are set.

    A letter set for a number is that letter. Padding is "same" by default: at stride 1 the positions are the map's.
    """
    volume = volume or kind == "Conv2Plus1D"
    named = {**_required(kind, letters, volume=volume), **_letters(kind, settings, letters)}
    options = {**named, **_checked(kind, settings, named)}
    if "padding" in own_fields(kind_named(kind)):
        options.setdefault("padding", "same")
    return Use(kind, _inputs(kind, options, letters, volume=volume), options)


def _inputs(kind: str, options: Mapping[str, Any], letters: Letters, *, volume: bool) -> tuple[Shape, ...]:
    if kind == "Einsum":
        terms = options["equation"].partition("->")[0].split(",")
        return tuple(Shape(tuple(map(letters.of, term)), len(term) - 1) for term in terms)
    sizes = KINDS["Conv2Plus1D" if volume else kind].reads
    axis = len(sizes) - 1 if sizes[-1] in LAST else len(sizes) if kind == "Embedding" else 0
    x = Shape(tuple(map(letters.of, sizes)), axis)
    if kind == "MatMul":
        return x, Shape((letters.of("k"), letters.of("m")), 1)
    return (x, x) if kind in {"Add", "Mul", "Concat", "Join"} else (x,)


def _required(kind: str, letters: Letters, *, volume: bool) -> dict[str, Any]:
    """Return a letter for every option that has to be given."""
    model = kind_named(kind)
    names = [name for name in own_fields(model) if model.model_fields[name].is_required()]
    spelled = {name: option(kind, name).letter or name for name in names}
    found: dict[str, Any] = {name: letters.of(letter) for name, letter in spelled.items()}
    if volume and "kernel_size" in found:
        found["kernel_size"] = (letters.of("t"), letters.of("k"), letters.of("k"))
    if "kernel_sizes" in found:
        several = [name for name in names if name in {"kernel_sizes", "groups"}]
        found |= {name: tuple(letters.of(f"{spelled[name]}_{place}") for place in (1, 2)) for name in several}
    return {**found, **{name: _shown(name, value, letters) for name, value in KINDS[kind].example.items()}}


def _shown(name: str, value: Any, letters: Letters) -> Any:
    """Return symbols for the letters of sizes and factors."""
    if name == "size":
        return tuple(map(letters.of, value))
    return letters.of(value) if name == "scale_factor" else value


def _letters(kind: str, settings: Mapping[str, Any], letters: Letters) -> dict[str, Any]:
    """Return the settings that name a letter: letters where a number is expected."""
    model = kind_named(kind)
    named = {name: each for name, each in settings.items() if isinstance(each, str) and LETTER.fullmatch(each)}
    fields = ((name, model.model_fields.get(name)) for name in named)
    return {name: letters.of(named[name]) for name, field in fields if field and help_of(field).is_number}


def _checked(kind: str, settings: Mapping[str, Any], letters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are values, validated as if a file had them."""
    known = own_fields(kind_named(kind))
    for name in settings.keys() - {*known}:
        raise UsageError(f"--set {name}: {kind} has no such option; {suggestion(name, known)}")
    values = {name: value for name, value in settings.items() if value != str(letters.get(name))}
    return set_fields(kind, values, {name: _number(value) for name, value in letters.items()})


def _number(value: Any) -> Any:
    """Replace a letter by 1, so that only given values are validated."""
    return tuple(map(_number, value)) if isinstance(value, tuple) else value if isinstance(value, str | int) else 1


def kind_forms(kind: str, settings: Mapping[str, Any], *, training: bool = False) -> Forms:
    """Return weights, parameters and MACs of a kind, in training with those of the gradients of all that it reads."""
    chosen = use(kind, settings, Letters())
    step = chosen.step()
    step = graded(step, ["computed"] * len(chosen.inputs)) if training else step
    found = counts(step, DEFAULT_METRICS + GRADED if training else DEFAULT_METRICS)
    return Forms(tuple(map(Form, found, tidy([*found.values()], step))), meanings(chosen), assumptions(step))


def ratio_forms(kind: str, over: str, settings: Mapping[str, Any]) -> Forms:
    """Return the cost of a kind divided by that of another that replaces the same convolution."""
    one, other = _pair(kind, over, settings)
    steps = one.step(), other.step()
    if any(tidy([a - b for a, b in zip(*(step.shape.dims for step in steps), strict=True)], *steps)):
        raise UsageError(f"{kind} and {over} have different output maps, so neither can replace the other")
    names = ("weights", "MACs")
    parts, wholes = (tidy([counts(step)[name] for name in names], *steps) for step in steps)
    quotients = zip(names, parts, wholes, strict=True)
    forms = tuple(Form(name, _quotient(part, whole, over, name)) for name, part, whole in quotients)
    return Forms(forms, {**meanings(other), **meanings(one)}, assumptions(*steps))


def _pair(kind: str, over: str, settings: Mapping[str, Any]) -> tuple[Use, Use]:
    """Apply both kinds to one input, with the output channels of the one that cannot set them."""
    for name in (kind, over):
        if not (KINDS[name].replaces_conv or KINDS[name].keeps_map):
            raise UsageError(f"{name} does not replace a convolution; compare two kinds of convolutions")
    known = {name: {*own_fields(kind_named(name))} for name in (kind, over)}
    for name in settings.keys() - known[kind] - known[over]:
        raise UsageError(f"--set {name}: neither {kind} nor {over} has this option")
    volume = "Conv2Plus1D" in known
    letters = Letters()
    uses = [
        use(name, {each: settings[each] for each in settings.keys() & known[name]}, letters, volume=volume)
        for name in (kind, over)
    ]
    for place, name in enumerate((kind, over)):
        if "out_channels" not in known[name] and "out_channels" in uses[1 - place].options:
            same = {"out_channels": uses[place].step().shape.channels}
            uses[1 - place] = uses[1 - place]._replace(options={**uses[1 - place].options, **same})
    return uses[0], uses[1]


def _quotient(part: Any, whole: Any, over: str, name: str) -> Any:
    """Divide; write a sum of simple terms where there is one, by powers of the kernel, and else a product."""
    sympy = library()
    if whole == 0:
        raise UsageError(f"{over} has no {name} to compare with")
    found = sympy.factor(sympy.cancel(part / whole))
    top, bottom = sympy.fraction(found)
    if bottom.has(sympy.Add) or (found.has(sympy.floor, sympy.ceiling) and not top.is_Add):
        return found
    return sympy.collect(sympy.expand(found), symbol("k") ** -2)


def counts(step: Step, metrics: tuple[str, ...] = DEFAULT_METRICS) -> dict[str, Dim]:
    """Return weights, parameters and MACs as the formula has them."""
    weights = (count for name, count in step.tally.counts.items() if name in WEIGHTS)
    rows = (METRICS[name] for name in metrics)
    return {"weights": sum(weights), **{row.title: row.of(Site(step, convention())) for row in rows}}


def meanings(chosen: Use) -> dict[str, str]:
    """Return what each letter means: a size of the input or an option."""
    named = {} if chosen.kind == "Einsum" else MEANINGS
    found = {str(size): named.get(str(size), "axis") for x in chosen.inputs for size in x.dims}
    for name, value in chosen.options.items():
        for each in value if isinstance(value, tuple) else (value,):
            for letter in sorted(str(node) for node in needed([each]) if node.op == "variable"):
                found.setdefault(letter, name)
    return found
