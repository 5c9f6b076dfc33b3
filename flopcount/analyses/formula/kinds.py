"""What a kind costs in symbols: its own formula, called with letters instead of numbers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.errors import UsageError, suggestion
from flopcount.formulas.numbers import Dim, remainder
from flopcount.formulas.shape import Constraint, Shape
from flopcount.formulas.step import Step
from flopcount.network.convention import convention
from flopcount.spec.fields import Layer, help_of, option, own_fields
from flopcount.spec.kinds import KINDS, formula, kind_named

# The letters of closed forms: which stands for what, and what else a formula is called with.


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
"""What the letters of sizes mean."""

LAST = frozenset({"M", "D", "k"})
"""The letters of channels that are the last axis."""


# Expressions in symbols, made simple by what must hold for them.


Assumption = tuple[Any, str, Any]
"""Two expressions and what holds between them: divides, equals, or is at least."""


def library() -> Any:
    """Import SymPy, or say plainly that it is missing."""
    try:
        import sympy
    except ImportError:
        raise UsageError("formula needs sympy; install flopcount[formula]") from None
    return sympy


def latex(expression: Any) -> str:
    """Write an expression in LaTeX."""
    written: str = library().latex(expression)
    return written


def symbol(name: str) -> Any:
    """Return the symbol of a positive whole number."""
    return library().Symbol(name, integer=True, positive=True)


def tidy(expression: Any, *steps: Step) -> Any:
    """Simplify under the constraints of the steps: exact divisions are not rounded, maxima are maxima; then factor."""
    return library().factor(settled(expression, *steps))


def settled(expression: Any, *steps: Step) -> Any:
    """Write exact divisions without floors, and larger and smaller ones by their names."""
    sympy = library()
    quotients = [whole / divisor for divisor, whole in divisions(steps)]

    def exact(argument: Any, rounded: Any) -> Any:
        terms = sympy.Add.make_args(sympy.expand(argument))
        return argument if all(_is_whole(term, quotients) for term in terms) else rounded

    found = sympy.sympify(expression).replace(sympy.floor, lambda x: exact(x, _extreme(x)))
    found = found.replace(sympy.ceiling, lambda x: exact(x, sympy.ceiling(x)))
    return found.replace(_is_raised, _raised)


def _is_raised(expression: Any) -> bool:
    """Tell whether an expression is a whole number and a maximum or minimum."""
    number, rest = expression.as_coeff_Add()
    return bool(number.is_Integer and number != 0) and _is_extreme(rest)


def _is_extreme(expression: Any) -> bool:
    return expression.func in {library().Max, library().Min}


def _raised(expression: Any) -> Any:
    """Add a whole number inside of maxima and minima: 2 + max(2, x − 2) is max(4, x)."""
    number, rest = expression.as_coeff_Add()
    return rest.func(*(_raised(each + number) for each in rest.args)) if _is_extreme(rest) else expression


def _is_whole(term: Any, quotients: list[Any]) -> bool:
    return bool(term.is_integer) or any((term / quotient).is_integer for quotient in quotients)


def _extreme(argument: Any) -> Any:
    """Recognise the maximum and the minimum of two numbers: half of their sum and distance."""
    sympy = library()
    distances = [term for term in sympy.Add.make_args(argument) if term.has(sympy.Abs)]
    if len(distances) == 1:
        sign, inner = distances[0].as_coeff_Mul()
        rest, half = argument - distances[0], sympy.Rational(1, 2)
        if isinstance(inner, sympy.Abs) and abs(sign) == half:
            both = [sympy.expand(rest + inner.args[0] / 2), sympy.expand(rest - inner.args[0] / 2)]
            return sympy.Max(*both) if sign == half else sympy.Min(*both)
    return sympy.floor(argument)


def divisions(steps: tuple[Step, ...]) -> list[tuple[Any, Any]]:
    """Return divisor and whole of all that is needed to divide evenly."""
    return [_terms(constraint) for step in steps for constraint in step.constraints if _is_division(constraint)]


def _terms(constraint: Constraint) -> tuple[Any, Any]:
    sympy = library()
    return sympy.sympify(constraint.terms[0]), sympy.sympify(constraint.terms[1])


def _is_division(constraint: Constraint) -> bool:
    """Tell a constraint of an exact division from another of a number that is zero."""
    if constraint.relation != "divides":
        return False
    divisor, whole = _terms(constraint)
    return bool(constraint.value == remainder(whole, divisor))


def assumptions(*steps: Step) -> tuple[Assumption, ...]:
    """Return what must hold and does not follow from the letters being positive whole numbers."""
    found = [each for step in steps for constraint in step.constraints for each in _assumed(constraint, steps)]
    return tuple(dict.fromkeys(found))


def _assumed(constraint: Constraint, steps: tuple[Step, ...]) -> Iterator[Assumption]:
    sympy = library()
    value = sympy.factor(settled(constraint.value, *steps))
    if constraint.relation == "positive":
        _refuse(constraint, fails=value.is_positive is False)
        if not value.is_positive:
            yield _sides(value - 1)
    elif _is_division(constraint):
        _refuse(constraint, fails=bool(sympy.sympify(constraint.value).is_number) and constraint.value != 0)
        divisor, whole = (settled(term, *steps) for term in _terms(constraint))
        if divisor != 1 and not (whole / divisor).is_integer:
            yield divisor, "divides", whole
    elif value != 0:
        _refuse(constraint, fails=bool(value.is_number))
        yield value, "equal", sympy.Integer(0)


def _sides(value: Any) -> Assumption:
    """Write that a value is not negative without minus signs."""
    sympy = library()
    terms = sympy.Add.make_args(sympy.expand(value))
    taken = [-term for term in terms if term.could_extract_minus_sign()]
    return value + sympy.Add(*taken), "at least", sympy.Add(*taken)


def _refuse(constraint: Constraint, *, fails: bool) -> None:
    if fails:
        raise UsageError(constraint.sentence())


LETTER = re.compile(r"[A-Za-z](_\d)?")
"""What may be set in place of a number: a letter, which may have an index."""


class Use(NamedTuple):
    """What a formula is called with: shapes and options of numbers and symbols."""

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
    """Closed forms, what the letters in them mean, and what must hold for them."""

    forms: tuple[Form, ...]
    letters: Mapping[str, str]
    assumptions: tuple[tuple[Any, str, Any], ...]


def use(kind: str, settings: Mapping[str, Any], *, volume: bool = False) -> Use:
    """Return what the formula of a kind is called with: letters, but for what is set.

    A letter set for a number is that letter. Padding is "same" unless it is set, so
    that at stride 1 the positions are those of the map.
    """
    letters = {**_required(kind, volume=volume or kind == "Conv2Plus1D"), **_letters(kind, settings)}
    options = {**letters, **_checked(kind, settings, letters)}
    if "padding" in own_fields(kind_named(kind)):
        options.setdefault("padding", "same")
    return Use(kind, _inputs(kind, options, volume=volume), options)


def _inputs(kind: str, options: Mapping[str, Any], *, volume: bool) -> tuple[Shape, ...]:
    if kind == "Einsum":
        terms = options["equation"].partition("->")[0].split(",")
        return tuple(Shape(tuple(map(symbol, term)), len(term) - 1) for term in terms)
    sizes = KINDS["Conv2Plus1D" if volume else kind].reads
    axis = len(sizes) - 1 if sizes[-1] in LAST else len(sizes) if kind == "Embedding" else 0
    x = Shape(tuple(map(symbol, sizes)), axis)
    if kind == "MatMul":
        return x, Shape((symbol("k"), symbol("m")), 1)
    return (x, x) if kind in {"Add", "Mul", "Concat", "Join"} else (x,)


def _required(kind: str, *, volume: bool) -> dict[str, Any]:
    """Return a letter for every option that has to be given."""
    model = kind_named(kind)
    names = [name for name in own_fields(model) if model.model_fields[name].is_required()]
    found: dict[str, Any] = {name: symbol(_letter(kind, name)) for name in names}
    if volume and "kernel_size" in found:
        found["kernel_size"] = (symbol("t"), symbol("k"), symbol("k"))
    if "kernel_sizes" in found:
        several = [name for name in names if name in {"kernel_sizes", "groups"}]
        found |= {name: (symbol(f"{_letter(kind, name)}_1"), symbol(f"{_letter(kind, name)}_2")) for name in several}
    return {**found, **{name: _shown(name, value) for name, value in KINDS[kind].example.items()}}


def _letter(kind: str, name: str) -> str:
    """Return the letter of an option, or else its name."""
    return option(kind, name).letter or name


def _shown(name: str, value: Any) -> Any:
    """Return symbols for the letters of sizes and factors."""
    if name == "size":
        return tuple(map(symbol, value))
    return symbol(value) if name == "scale_factor" else value


def _letters(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that name a letter: letters where a number is expected."""
    model = kind_named(kind)
    return {
        name: symbol(value)
        for name, value in settings.items()
        if isinstance(value, str) and LETTER.fullmatch(value) and _takes_number(model, name)
    }


def _takes_number(model: type[Layer], name: str) -> bool:
    return name in model.model_fields and help_of(model, name).is_number


def _checked(kind: str, settings: Mapping[str, Any], letters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are values, validated as if a file had them."""
    from pydantic import ValidationError

    model = kind_named(kind)
    for name in settings.keys() - {*own_fields(model)}:
        raise UsageError(f"--set {name}: {kind} has no such option; {suggestion(name, own_fields(model))}")
    values = {name: value for name, value in settings.items() if value != str(letters.get(name))}
    stand_ins = {name: _number(value) for name, value in letters.items()}
    try:
        layer = model.model_validate({**stand_ins, **values})
    except ValidationError as error:
        from flopcount.spec.problems import layer_problems

        found = layer_problems(error, model, {**stand_ins, **values}).values()
        raise UsageError("\n".join(f"--set {what}" for what in found)) from None
    return {name: getattr(layer, name) for name in values}


def _number(value: Any) -> Any:
    """Put 1 in the place of a letter: what is validated is what is set."""
    if isinstance(value, tuple):
        return tuple(map(_number, value))
    return value if isinstance(value, (str, int)) else 1


def kind_forms(kind: str, settings: Mapping[str, Any]) -> Forms:
    """Return weights, parameters and MACs of a kind."""
    chosen = use(kind, settings)
    step = chosen.step()
    forms = tuple(Form(name, tidy(count, step)) for name, count in counts(step).items())
    return Forms(forms, meanings(chosen), assumptions(step))


def ratio_forms(kind: str, over: str, settings: Mapping[str, Any]) -> Forms:
    """Return what a kind costs over what another does that stands for the same convolution."""
    one, other = _pair(kind, over, settings)
    steps = one.step(), other.step()
    _check_same(kind, over, steps)
    parts, wholes = (counts(step) for step in steps)
    forms = tuple(
        Form(name, _quotient(tidy(parts[name], *steps), tidy(wholes[name], *steps), over, name))
        for name in ("weights", "MACs")
    )
    return Forms(forms, {**meanings(other), **meanings(one)}, assumptions(*steps))


def _pair(kind: str, over: str, settings: Mapping[str, Any]) -> tuple[Use, Use]:
    """Use both kinds on one input, with as many output channels as the one that cannot choose them."""
    for name in (kind, over):
        if not (KINDS[name].replaces_conv or KINDS[name].keeps_map):
            raise UsageError(f"{name} does not stand for a convolution; compare two kinds of convolutions")
    known = {name: {*own_fields(kind_named(name))} for name in (kind, over)}
    for name in settings.keys() - known[kind] - known[over]:
        raise UsageError(f"--set {name}: neither {kind} nor {over} has such an option")
    volume = "Conv2Plus1D" in known
    uses = [
        use(name, {each: settings[each] for each in settings.keys() & known[name]}, volume=volume)
        for name in (kind, over)
    ]
    for place, name in enumerate((kind, over)):
        if "out_channels" not in known[name] and "out_channels" in uses[1 - place].options:
            same = {"out_channels": uses[place].step().shape.channels}
            uses[1 - place] = uses[1 - place]._replace(options={**uses[1 - place].options, **same})
    return uses[0], uses[1]


def _check_same(kind: str, over: str, steps: tuple[Step, Step]) -> None:
    sizes = zip(steps[0].shape.dims, steps[1].shape.dims, strict=True)
    if any(tidy(one - other, *steps) != 0 for one, other in sizes):
        raise UsageError(f"{kind} and {over} do not leave the same map, so they cannot stand for each other")


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


def counts(step: Step) -> dict[str, Dim]:
    """Return weights, parameters and MACs as the formula has them."""
    every = convention()
    weights = (count for name, count in step.tally.counts.items() if name in {"weight", "rnn_weight"})
    return {"weights": sum(weights), "params": every.params(step.tally), "MACs": every.macs(step.tally)}


def meanings(chosen: Use) -> dict[str, str]:
    """Return what each letter means: a size of the input or an option."""
    named = {} if chosen.kind == "Einsum" else MEANINGS
    found = {str(size): named.get(str(size), "axis") for x in chosen.inputs for size in x.dims}
    for name, value in chosen.options.items():
        for each in value if isinstance(value, tuple) else (value,):
            for letter in sorted(map(str, getattr(each, "free_symbols", ()))):
                found.setdefault(letter, name)
    return found
