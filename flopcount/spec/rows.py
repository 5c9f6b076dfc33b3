"""Rows whose values may be expressions: the bodies of templates, and their uses."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from flopcount.errors import suggestion
from flopcount.spec.expression import Expression, NotArithmeticError, parse
from flopcount.spec.fields import Flag, Help, Layer, Name
from flopcount.spec.kinds import KINDS, parameters

Raw = Mapping[str, Any]
"""Data as a file gives it, not yet validated."""

SPECIAL = ("in_channels", "channels", "index")
"""The names every template knows: the channels of its input, those of the row's input, and the repetition."""

STRUCTURE = ("type", "name", "after", "repeat", "when", "layers")
"""The keys of a row that are not fields of its kind."""

Number = Annotated[int, Field(strict=True, ge=-(10**9), le=10**9)]
Decimal = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e9, le=1e9)]
Word = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Arguments = Annotated[
    dict[Name, Flag | Number | Decimal | Word],
    Help("a table of names and values: integers, decimals, true or false, words"),
]


class Row(Layer):
    """A row as the file has it; the plan evaluates it when the arguments are known."""

    type: str
    repeat: Any = 1
    when: Any = True
    fields: Mapping[str, Any] = {}
    layers: tuple["Row", ...] = ()
    templated: bool = False


def row(raw: Raw, defaults: Raw, layers: tuple[Row, ...], *, templated: bool) -> Row:
    """Take a row apart; nothing is checked here."""
    fields = {key: value for key, value in raw.items() if key not in STRUCTURE}
    after = raw.get("after")
    return Row.model_construct(
        type=str(raw.get("type")),
        name=raw.get("name"),
        after=tuple(after) if isinstance(after, list) else None,
        repeat=raw.get("repeat", 1),
        when=raw.get("when", True),
        fields={**defaults, **fields},
        layers=layers,
        templated=templated,
    )


def expressed(value: object, names: frozenset[str]) -> object:
    """Turn the strings in a value that are arithmetic over known names into expressions."""
    if isinstance(value, list):
        return [expressed(each, names) for each in value]
    if not isinstance(value, str):
        return value
    try:
        parsed = parse(value)
    except NotArithmeticError:
        return value
    return parsed if parsed.names <= names else value


def not_expressed(text: str, names: frozenset[str]) -> str:
    """Say why a text is not an expression over known names; empty if it is one."""
    try:
        unknown = sorted(parse(text).names - names)
    except NotArithmeticError as error:
        return f"as an expression, {error}"
    return f"{unknown[0]!r} is not known here; {suggestion(unknown[0], sorted(names))}" if unknown else ""


def is_expression(value: object) -> bool:
    """Tell whether a value is, or holds, an expression."""
    if isinstance(value, list):
        return any(map(is_expression, value))
    return isinstance(value, Expression)


# Raw data made ready to validate: defaults filled in, rows with expressions set apart.


def prepared(data: Raw) -> Raw:
    """Give each layer the defaults it does not set, and set rows with expressions apart."""
    preparation = _Preparation(data)
    bodies = {name: preparation.body(raw) for name, raw in preparation.templates.items()}
    layers = preparation.rows(data.get("layers"), templated=bool(data.get("arguments")))
    return {**data, **({"templates": bodies} if bodies else {}), **({"layers": layers} if "layers" in data else {})}


def unknown_defaults(defaults: Raw, used: Iterator[str]) -> list[str]:
    """Return the keys of `defaults` that no kind has; the kinds in use are asked first."""
    unknown = set(defaults)
    for kind in (*dict.fromkeys(used), *KINDS):
        if not unknown:
            break
        unknown -= parameters(kind).keys() if kind in KINDS else set()
    return [key for key in defaults if key in unknown]


def used_kinds(layers: object) -> Iterator[str]:
    """Yield the known kinds among raw layers, including those in blocks."""
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            kind = layer.get("type")
            if isinstance(kind, str) and kind in KINDS:
                yield kind
            yield from used_kinds(layer.get("layers"))


class _Preparation:
    """The defaults of a file and the names of its templates, applied to raw rows."""

    def __init__(self, data: Raw) -> None:
        defaults, templates = data.get("defaults"), data.get("templates")
        self.defaults: Raw = defaults if isinstance(defaults, Mapping) else {}
        self.templates: Raw = templates if isinstance(templates, Mapping) else {}
        self.narrowed: dict[str, Raw] = {}

    def of(self, kind: object) -> Raw:
        if not isinstance(kind, str) or kind not in KINDS:
            return {}
        if kind not in self.narrowed:
            fields = parameters(kind)
            self.narrowed[kind] = {key: value for key, value in self.defaults.items() if key in fields}
        return self.narrowed[kind]

    def rows(self, layers: object, *, templated: bool) -> Any:
        """Prepare a list of rows; validation refuses anything else."""
        if not isinstance(layers, list):
            return layers
        return [self.row(layer, templated=templated) for layer in layers]

    def body(self, template: object) -> object:
        if not isinstance(template, Mapping):
            return template
        return {**template, "layers": self.rows(template.get("layers"), templated=True)}

    def row(self, layer: object, *, templated: bool) -> object:
        if not isinstance(layer, Mapping):
            return layer
        kind = layer.get("type")
        inner = self.rows(layer.get("layers"), templated=templated)
        if templated or (isinstance(kind, str) and kind in self.templates):
            known = tuple(each for each in inner if isinstance(each, Row)) if isinstance(inner, list) else ()
            return row(layer, self.of(kind), known, templated=templated)
        if kind == "Block":
            return {**layer, "layers": inner} if "layers" in layer else layer
        return {**self.of(kind), **layer}
