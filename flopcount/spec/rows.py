"""Rows whose values may be expressions: the bodies of templates, and their uses."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import Field

from flopcount.errors import suggestion
from flopcount.spec.expression import Expression, NotArithmeticError, parse
from flopcount.spec.fields import LARGEST, Flag, Help, Layer, Name
from flopcount.spec.kinds import KINDS, parameters

Raw = Mapping[str, Any]
"""Data as a file gives it, not yet validated."""

SPECIAL = ("in_channels", "channels", "index")
"""The names every template knows: the channels of its input, those of the row's input, and the repetition."""

STRUCTURE = ("type", "name", "after", "repeat", "when", "layers")
"""The keys of a row that are not fields of its kind."""

Number = Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)]
Decimal = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e9, le=1e9)]
Word = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Arguments = Annotated[
    dict[Name, Flag | Number | Decimal | Word],
    Help("a table of names and values: integers, decimals, true or false, words"),
]


def table_in(data: object, key: str) -> Raw:
    """Return a table inside some data; an empty one if there is none."""
    found = data.get(key) if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


class LayerRow(Layer):
    """A row as the file has it; the plan evaluates it when the arguments are known."""

    type: str
    repeat: Any = 1
    when: Any = True
    fields: Mapping[str, Any] = {}
    layers: tuple["LayerRow", ...] = ()


def row(raw: Raw, defaults: Raw, layers: tuple[LayerRow, ...]) -> LayerRow:
    """Take a row apart; nothing is checked here."""
    fields = {key: value for key, value in raw.items() if key not in STRUCTURE}
    after = raw.get("after")
    return LayerRow.model_construct(
        type=str(raw.get("type")),
        name=raw.get("name"),
        after=tuple(after) if isinstance(after, list) else None,
        repeat=raw.get("repeat", 1),
        when=raw.get("when", True),
        fields={**defaults, **fields},
        layers=layers,
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


def prepared(data: Raw) -> Raw:
    """Give each layer the defaults it does not mention, and set rows with expressions apart."""
    defaults, templates = table_in(data, "defaults"), table_in(data, "templates")

    @cache
    def defaults_of(kind: str) -> Raw:
        known = parameters(kind) if kind in KINDS else {}
        return {key: value for key, value in defaults.items() if key in known}

    def rows(layers: object, *, templated: bool) -> Any:
        return [one(each, templated=templated) for each in layers] if isinstance(layers, list) else layers

    def one(layer: object, *, templated: bool) -> object:
        if not isinstance(layer, Mapping):
            return layer
        kind, inner = layer.get("type"), rows(layer.get("layers"), templated=templated)
        given = defaults_of(kind) if isinstance(kind, str) else {}
        if templated or (isinstance(kind, str) and kind in templates):
            known = tuple(each for each in inner if isinstance(each, LayerRow)) if isinstance(inner, list) else ()
            return row(layer, given, known)
        return {**given, **layer, **({"layers": inner} if kind == "Block" and "layers" in layer else {})}

    bodies = {
        name: {**raw, "layers": rows(raw.get("layers"), templated=True)} if isinstance(raw, Mapping) else raw
        for name, raw in templates.items()
    }
    layers = rows(data.get("layers"), templated=bool(data.get("arguments")))
    return {**data, **({"templates": bodies} if bodies else {}), **({"layers": layers} if "layers" in data else {})}
