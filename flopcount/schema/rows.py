"""Rows whose values may be expressions: the bodies of templates, and their uses."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from flopcount.errors import Place, Problem, suggestion
from flopcount.schema.base import Expects, Flag, Layer, Name
from flopcount.schema.expressions import FUNCTIONS, Expression, NotArithmeticError, parse
from flopcount.schema.layers import FAMILIES, kind_named

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


class _Signature(NamedTuple):
    required: tuple[str, ...]
    optional: tuple[str, ...]


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


def row_problems(data: Raw) -> list[Problem]:
    """Return all that is wrong with templates and the rows that use them, short of values."""
    templates = data.get("templates")
    templates = templates if isinstance(templates, Mapping) else {}
    signatures = {name: _signature(raw) for name, raw in templates.items() if isinstance(raw, Mapping)}
    found = [*_name_problems(templates), *_recursion_problems(templates)]
    arguments = data.get("arguments")
    names = frozenset((*arguments, *SPECIAL)) if isinstance(arguments, Mapping) and arguments else None
    found += _list_problems(data.get("layers"), ("layers",), names, signatures)
    for name, raw in templates.items():
        if isinstance(raw, Mapping):
            known = frozenset((*signatures[name].required, *signatures[name].optional, *SPECIAL))
            found += _list_problems(raw.get("layers"), ("templates", name, "layers"), known, signatures)
    return found


def _signature(raw: Raw) -> _Signature:
    required, optional = raw.get("required"), raw.get("arguments")
    return _Signature(
        tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else (),
        tuple(optional) if isinstance(optional, Mapping) else (),
    )


def _name_problems(templates: Raw) -> Iterator[Problem]:
    for name, raw in templates.items():
        if name in (*FAMILIES, "Block"):
            yield Problem(("templates", name), f"{name} is a kind of layer already; call the template otherwise")
        signature = _signature(raw) if isinstance(raw, Mapping) else _Signature((), ())
        for argument in (*signature.required, *signature.optional):
            if argument in (*SPECIAL, *FUNCTIONS, *STRUCTURE):
                yield Problem(("templates", name), f"an argument cannot be called {argument}: the name is taken")


def _recursion_problems(templates: Raw) -> Iterator[Problem]:
    """Refuse a template that contains itself, at however many removes."""
    uses = {name: {*_uses(raw)} & {*templates} for name, raw in templates.items()}
    for name in templates:
        seen: set[str] = set()
        pending = {*uses[name]}
        while pending:
            seen |= pending
            pending = {inner for use in pending for inner in uses[use]} - seen
        if name in seen:
            yield Problem(("templates", name), f"the template {name} contains itself; a network has to end")


def _uses(raw: object) -> Iterator[str]:
    for layer in raw.get("layers") or () if isinstance(raw, Mapping) else ():
        if isinstance(layer, Mapping):
            if isinstance(layer.get("type"), str):
                yield layer["type"]
            yield from _uses(layer)


def _list_problems(
    layers: object, place: Place, names: frozenset[str] | None, signatures: Mapping[str, _Signature]
) -> Iterator[Problem]:
    for index, raw in enumerate(layers if isinstance(layers, list) else ()):
        here = (*place, index)
        kind = raw.get("type") if isinstance(raw, Mapping) else None
        if names is not None or (isinstance(kind, str) and kind in signatures):
            for keys, what in _row_problems(raw, names, signatures):
                yield Problem((*here, *keys), what, _label(raw, place, index))
        if isinstance(raw, Mapping):
            yield from _list_problems(raw.get("layers"), (*here, "layers"), names, signatures)


def _label(raw: object, place: Place, index: int) -> str:
    name = raw.get("name") or raw.get("type") if isinstance(raw, Mapping) else None
    inside = f"template {place[1]}, " if place[0] == "templates" else ""
    return f"{inside}{name if isinstance(name, str) else f'layer {index + 1}'}"


def _row_problems(
    raw: object, names: frozenset[str] | None, signatures: Mapping[str, _Signature]
) -> Iterator[tuple[Place, str]]:
    if not isinstance(raw, Mapping):
        yield (), 'a layer is a table with a type, such as {type = "Flatten"}'
        return
    kind = raw.get("type")
    known = (*FAMILIES, "Block", *signatures)
    if not isinstance(kind, str) or kind not in known:
        yield (), f"unknown type {kind!r:.50}; {suggestion(str(kind)[:50], known)}"
        return
    yield from _structure_problems(raw, kind, templated=names is not None)
    required, optional = _fields(kind, signatures)
    for key in raw:
        if key not in (*STRUCTURE, *required, *optional):
            yield (key,), f"unknown key {key!r:.50}; {suggestion(str(key)[:50], [*required, *optional])}"
    for key in required:
        if key not in raw:
            yield (f"<{key}>",), f"{key} is missing; {kind} needs it"


def _fields(kind: str, signatures: Mapping[str, _Signature]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields a row of a kind must have, and those it may have."""
    if kind in signatures:
        return signatures[kind]
    if kind == "Block":
        return (), ()
    fields = {name: info for name, info in kind_named(kind).model_fields.items() if name not in Layer.model_fields}
    required = tuple(name for name, info in fields.items() if info.is_required())
    return required, tuple(name for name in fields if name not in required)


def _structure_problems(raw: Raw, kind: str, *, templated: bool) -> Iterator[tuple[Place, str]]:
    """Check the keys that all rows share."""
    name, after, repeat = raw.get("name"), raw.get("after"), raw.get("repeat", 1)
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name)):
        yield ("name",), f"name = {name!r:.50} is not possible; it takes letters, digits, _ and -"
    if after is not None and not (isinstance(after, list) and after and all(isinstance(each, str) for each in after)):
        yield ("after",), "after takes a list of the names of earlier layers"
    if "repeat" in raw and kind in FAMILIES:
        yield ("repeat",), f"{kind} has no repeat; put it into a Block that has"
    elif not (isinstance(repeat, int) and not isinstance(repeat, bool)) and not (templated and isinstance(repeat, str)):
        yield ("repeat",), f"repeat = {repeat!r:.50} is not possible; it takes a whole number from 1 to 10⁹"
    if "when" in raw and not (templated and isinstance(raw["when"], bool | str)):
        yield ("when",), "when takes true, false or a comparison of arguments, in templates only"
    if "layers" in raw and kind != "Block":
        yield ("layers",), f"{kind} has no layers inside; a Block has"
    if kind == "Block" and not (isinstance(raw.get("layers"), list) and raw["layers"]):
        yield ("layers",), "layers is missing or empty; a Block has at least one"
    for key in ("when", "repeat"):
        if isinstance(raw.get(key), str):
            yield from _expression_problems(raw[key], key)


def _expression_problems(text: str, key: str) -> Iterator[tuple[Place, str]]:
    try:
        parse(text)
    except NotArithmeticError as error:
        yield (key,), f"{key} = {text!r:.80}: {error}"


def is_expression(value: object) -> bool:
    """Tell whether a value is, or holds, an expression."""
    if isinstance(value, list):
        return any(map(is_expression, value))
    return isinstance(value, Expression)
