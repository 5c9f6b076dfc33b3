"""Rows whose values may be expressions: the bodies of templates, and their uses."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from flopcount.errors import suggestion
from flopcount.schema.base import Expects, Flag, Layer, Name
from flopcount.schema.expressions import Expression, NotArithmeticError, parse

Raw = Mapping[str, Any]
"""Data as a file gives it, not yet validated."""

SPECIAL = ("in_channels", "channels", "index")
"""Names every template knows: the channels that enter it, those that enter the row, and which repetition it is."""

STRUCTURE = ("type", "name", "after", "repeat", "when", "layers")
"""The keys of a row that are not fields of its kind."""

Number = Annotated[int, Field(strict=True, ge=-(10**9), le=10**9)]
Decimal = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e9, le=1e9)]
Word = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Arguments = Annotated[
    dict[Name, Flag | Number | Decimal | Word],
    Expects("a table of names and values: whole numbers, decimals, true or false, words"),
]


class Row(Layer):
    """A row as it stands in the file; the plan evaluates it once the arguments are known."""

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
    """Say why a text is no expression over known names; nothing, if it is one."""
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
