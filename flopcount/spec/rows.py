"""Rows whose values may be expressions: the bodies of templates, and their uses."""

import re
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from flopcount.errors import Place, Problem, suggestion
from flopcount.formulas.norm import ACTIVATIONS, NORMS
from flopcount.spec.expression import FUNCTIONS, Expression, NotArithmeticError, parse
from flopcount.spec.fields import LARGEST, Flag, Help, Layer, Name, own_fields
from flopcount.spec.kinds import KINDS, kind_named

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
    Help("a table of names and values: whole numbers, decimals, true or false, words"),
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


# Raw data made ready to validate: defaults filled in, rows with expressions set apart.


def prepared(data: Raw) -> Raw:
    """Give each layer the defaults it does not mention, and set rows with expressions apart."""
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
        unknown -= set(own_fields(kind_named(kind))) if kind in KINDS else set()
    return [key for key in defaults if key in unknown]


def used_kinds(layers: object) -> Iterator[str]:
    """Yield the known kinds among raw layers, blocks looked into."""
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            kind = layer.get("type")
            if isinstance(kind, str) and kind in KINDS:
                yield kind
            yield from used_kinds(layer.get("layers"))


class _Preparation:
    """What turns raw rows into those to validate: the file's defaults, and the names of its templates."""

    def __init__(self, data: Raw) -> None:
        defaults, templates = data.get("defaults"), data.get("templates")
        self.defaults: Raw = defaults if isinstance(defaults, Mapping) else {}
        self.templates: Raw = templates if isinstance(templates, Mapping) else {}
        self.narrowed: dict[str, Raw] = {}

    def of(self, kind: object) -> Raw:
        if not isinstance(kind, str) or kind not in KINDS:
            return {}
        if kind not in self.narrowed:
            fields = own_fields(kind_named(kind))
            self.narrowed[kind] = {key: value for key, value in self.defaults.items() if key in fields}
        return self.narrowed[kind]

    def rows(self, layers: object, *, templated: bool) -> Any:
        """Prepare a list of rows; what is not a list is left for validation to refuse."""
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


# What can be wrong with templates and the rows that use them, short of values.


TAKEN = frozenset(
    (*SPECIAL, *FUNCTIONS, *STRUCTURE, *NORMS, *ACTIVATIONS, "none", "same", "valid", "true", "false", "input")
)
"""Names no argument may have: they mean something already."""


class _Signature(NamedTuple):
    required: tuple[str, ...]
    optional: tuple[str, ...]


def row_problems(data: Raw) -> list[Problem]:
    """Return all that is wrong with templates and the rows that use them, in the order of the checks."""
    return [*_Checks(data).problems()]


class _Checks:
    """The templates of a file with their arguments, and the fields its defaults give."""

    def __init__(self, data: Raw) -> None:
        self.layers = data.get("layers")
        self.templates = _table(data, "templates")
        self.variants = _table(data, "variants")
        self.arguments = tuple(_table(data, "arguments"))
        self.defaults = frozenset(_table(data, "defaults"))
        self.signatures = {name: _signature(raw) for name, raw in self.templates.items() if isinstance(raw, Mapping)}

    def problems(self) -> Iterator[Problem]:
        yield from (Problem(("arguments", name), _taken(name)) for name in self.arguments if _unusable(name))
        for name, signature in self.signatures.items():
            yield from _name_problems(name, signature)
        for name, variant in self.variants.items():
            yield from self._variant(name, variant)
        yield from _recursion_problems(self.templates)
        yield from self._list(self.layers, ("layers",), templated=bool(self.arguments))
        for name in self.signatures:
            yield from self._list(self.templates[name].get("layers"), ("templates", name, "layers"), templated=True)

    def _variant(self, name: str, variant: object) -> Iterator[Problem]:
        """Check what a variant gives other values: arguments the file has, defaults that some kind has."""
        raw = variant if isinstance(variant, Mapping) else {}
        for key in _table(raw, "arguments"):
            if key not in self.arguments:
                what = f"the file has no argument {key!r:.50}; {suggestion(str(key)[:50], self.arguments)}"
                yield Problem(("variants", name, "arguments", key), what)
        for key in unknown_defaults(_table(raw, "defaults"), used_kinds(self.layers)):
            yield Problem(("variants", name, "defaults", key), f"no kind of layer has a field {key!r:.50}")

    def _list(self, layers: object, place: Place, *, templated: bool) -> Iterator[Problem]:
        for index, raw in enumerate(layers if isinstance(layers, list) else ()):
            here = (*place, index)
            kind = raw.get("type") if isinstance(raw, Mapping) else None
            if templated or (isinstance(kind, str) and kind in self.signatures):
                found = self._row(raw, templated=templated)
                yield from (Problem((*here, *keys), what, _label(raw, place, index)) for keys, what in found)
            if isinstance(raw, Mapping):
                yield from self._list(raw.get("layers"), (*here, "layers"), templated=templated)

    def _row(self, raw: object, *, templated: bool) -> Iterator[tuple[Place, str]]:
        if not isinstance(raw, Mapping):
            yield (), 'a layer is a table with a type, such as {type = "Flatten"}'
            return
        kind = raw.get("type")
        known = (*KINDS, "Block", *self.signatures)
        if not isinstance(kind, str) or kind not in known:
            yield (), f"unknown type {kind!r:.50}; {suggestion(str(kind)[:50], known)}"
            return
        yield from _structure_problems(raw, kind, templated=templated)
        required, optional = self._fields(kind)
        for key in raw if kind in self.signatures else ():
            if key not in STRUCTURE and not _is_argument(raw[key]):
                yield (key,), f"invalid {key} {raw[key]!r:.50}: expected a number, true or false, or a word"
        for key in raw:
            if key not in (*STRUCTURE, *required, *optional):
                yield (key,), f"unknown key {key!r:.50}; {suggestion(str(key)[:50], [*required, *optional])}"
        for key in required:
            if key not in raw and (kind in self.signatures or key not in self.defaults):
                yield (f"<{key}>",), f"missing field {key}: {kind} requires it"

    def _fields(self, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fields a row of a kind must have, and those it may have."""
        if kind in self.signatures:
            return self.signatures[kind]
        if kind == "Block":
            return (), ()
        fields = kind_named(kind).model_fields
        required = tuple(name for name, info in fields.items() if info.is_required())
        return required, tuple(name for name in fields if name not in required)


def _is_argument(value: object) -> bool:
    return isinstance(value, int | str) or (isinstance(value, float) and abs(value) <= LARGEST)


def _table(data: Raw, key: str) -> Raw:
    table = data.get(key)
    return table if isinstance(table, Mapping) else {}


def _signature(raw: Raw) -> _Signature:
    required, optional = raw.get("required"), raw.get("arguments")
    return _Signature(
        tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else (),
        tuple(optional) if isinstance(optional, Mapping) else (),
    )


def _unusable(name: str) -> bool:
    return name in TAKEN or not name.isidentifier() or iskeyword(name)


def _taken(name: str) -> str:
    why = "the name is taken" if name in TAKEN else "no expression could say the name"
    return f"an argument cannot be called {name}: {why}"


def _name_problems(name: str, signature: _Signature) -> Iterator[Problem]:
    if name in (*KINDS, "Block"):
        yield Problem(("templates", name), f"{name} is a kind of layer already; call the template otherwise")
    for argument in (*signature.required, *signature.optional):
        if _unusable(argument):
            yield Problem(("templates", name), _taken(argument))


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
    layers = raw.get("layers") if isinstance(raw, Mapping) else None
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            if isinstance(layer.get("type"), str):
                yield layer["type"]
            yield from _uses(layer)


def _label(raw: object, place: Place, index: int) -> str:
    name = raw.get("name") or raw.get("type") if isinstance(raw, Mapping) else None
    inside = f"template {place[1]}, " if place[0] == "templates" else ""
    return f"{inside}{name if isinstance(name, str) else f'layer {index + 1}'}"


def _structure_problems(raw: Raw, kind: str, *, templated: bool) -> Iterator[tuple[Place, str]]:
    """Check the keys that all rows share."""
    name, after, repeat = raw.get("name"), raw.get("after"), raw.get("repeat", 1)
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", name)):
        yield ("name",), f"invalid name {name!r:.50}: expected a name made of letters, digits, _ and -"
    if after is not None and not (isinstance(after, list) and after and all(isinstance(each, str) for each in after)):
        yield ("after",), "invalid after: expected a list of names of earlier layers"
    if "repeat" in raw and kind in KINDS:
        yield ("repeat",), f"{kind} has no repeat; put it into a Block that has"
    elif not (isinstance(repeat, int) and not isinstance(repeat, bool)) and not (templated and isinstance(repeat, str)):
        yield ("repeat",), f"invalid repeat {repeat!r:.50}: expected an integer (1 to 10⁹)"
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
