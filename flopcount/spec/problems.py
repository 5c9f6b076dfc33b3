"""What is wrong with a file, as one sentence for each mistake: what pydantic finds, and what only the whole shows."""

from collections.abc import Iterator, Mapping
from itertools import islice
from keyword import iskeyword
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from flopcount.errors import (
    MOST_TOLD,
    UNSOUGHT,
    UNTOLD,
    Place,
    Problem,
    SpecError,
    UsageError,
    plain,
    suggestion,
)
from flopcount.formulas.norm import ACTIVATIONS, NORMS
from flopcount.spec.arch import ENTRY, Arch, Room, checked_type, class_named
from flopcount.spec.expression import FUNCTIONS, NotArithmeticError, parse
from flopcount.spec.familiar import field_hint, one_each, value_hint
from flopcount.spec.fields import (
    LARGEST,
    OPTIONS,
    Layer,
    Tables,
    choices,
    help_of,
    inner_help,
    invalid,
    missing,
    shown,
    unknown,
)
from flopcount.spec.kinds import KINDS, kind_named, parameters
from flopcount.spec.rows import SPECIAL, STRUCTURE, Raw, table_in


def validated(data: Raw) -> Arch:
    """Validate the data of an arch file; a SpecError carries all that is wrong with it."""
    room, found = Room(), list[Problem]()
    try:
        arch = Arch.model_validate(data, context=room)
    except ValidationError as error:
        found = [*table_problems(error, Arch, data), *[UNTOLD] * room.untold]
    templated = _Templates(data).problems() if {"templates", "arguments", "variants"} & data.keys() else iter(())
    places = {problem.place for problem in found}
    for problems in (_default_problems(table_in(data, "defaults")), _name_problems(data), templated):
        others = {each.place: each for each in islice(problems, MOST_TOLD)}
        found += [each for place, each in others.items() if place not in places]
        places |= others.keys()
        # a template has a hint to find for every row, so its other problems are not sought
        found += [UNSOUGHT for _ in islice(problems, 1)] if problems is templated else [UNTOLD for _ in problems]
    if found:
        raise SpecError(_placed(data, found))
    return arch


_TABLES = ("defaults", "arguments", "scaling", "written", "templates")
"""The tables of a file in which keys of the file itself end up that are written below them."""


def _placed(data: Raw, found: list[Problem]) -> list[Problem]:
    """Return one problem for each mistake: a key that is missing may only be in the wrong place."""
    absent = [name for name in ("input", "layers") if name not in data]
    layers = data.get("layers") if absent else None
    rows = enumerate(layers if isinstance(layers, list) else ())
    inside: list[tuple[Place, Any]] = [((name,), table_in(data, name)) for name in _TABLES if absent]
    for place, table in (*inside, *((("layers", number), raw) for number, raw in rows)):
        if isinstance(table, Mapping) and any(name in table for name in absent):
            keys = [name for name in Arch.model_fields if name in table and name not in data]
            above = f"[{place[0]}]" if len(place) == 1 else "[[layers]]"
            what = f"keys below {above} belong to that table; move {' and '.join(keys)} above {above}"
            gone = {(*place, key) for key in keys} | {(key,) for key in keys}
            rest = [each for each in found if each.place not in gone]
            return [Problem((*place, keys[0]), what, code="misplaced-key"), *rest]
    return one_each(found)


class _Table(NamedTuple):
    """A table inside the data: where it is, its model, its data, and the names that lead to it."""

    place: Place
    model: type[BaseModel]
    raw: Any
    path: tuple[str, ...] = ()

    def problem(self, keys: Place, what: str, code: str) -> Problem:
        """Return a problem with what some keys lead to."""
        return Problem((*self.place, *keys), what, ".".join(self.path), code=code)


def layer_problems(error: ValidationError, model: type[Layer], raw: Raw) -> dict[str, str]:
    """Translate all that is wrong with a single layer: a sentence for each field."""
    return {str(problem.place[0]): problem.what for problem in table_problems(error, model, raw) if problem.place}


def table_problems(error: ValidationError, model: type[BaseModel], raw: object, base: Place = ()) -> list[Problem]:
    """Translate what is wrong with a table, one problem for each place; `base` is where the table stands.

    The first are told, in the order of the keys in the data.
    """
    details, found = error.errors(include_url=False), dict[Place, Problem]()
    if len(details) > MOST_TOLD and isinstance(raw, Mapping):
        order = {key: number for number, key in enumerate(raw)}
        details.sort(key=lambda detail: order.get(detail["loc"][0], -1) if detail["loc"] else -1)
    rest = iter(details)
    while len(found) < MOST_TOLD and (detail := next(rest, None)):
        problem = _problem(detail, model, raw)
        found.setdefault(problem.place, problem._replace(place=(*base, *problem.place)))
    return [*one_each(found.values()), *[UNTOLD for _ in rest]]


def _problem(detail: ErrorDetails, model: type[BaseModel], root: Any) -> Problem:
    """Translate an error in the innermost table that its location leads into."""
    table, rest = _Table((), model, root), detail["loc"]
    while rest and (inner := _entered(table, rest)):
        table, rest = inner
    inside = detail.get("ctx", {}).get("place")
    if inside is not None:
        keys, what, code = (*_present(table.raw, rest), *inside), detail["msg"], detail["type"]
        if code == "unknown-type" and (templates := table_in(root, "templates")):  # it may name one of them, too
            from flopcount.spec.translation import kind_hint

            kind = str(_at(table.raw, keys)["type"])[:50]
            what = f"unknown type {kind!r}; {kind_hint(kind, [*templates, *KINDS], _at(table.raw, keys))}"
        return table.problem(keys, what, code)
    if detail["type"] == "string_unicode" and not rest:  # the key itself, with half a character
        return table.problem((str(detail["input"]),), f"unknown key {shown(detail['input'])}", "unknown-key")
    if not rest:
        return table.problem((), f"invalid {shown(table.raw)}: expected a table", "invalid-value")
    return _field(detail, table, rest, root)


def _field(detail: ErrorDetails, table: _Table, rest: Place, root: Any) -> Problem:
    """Say what is wrong with a field of a table, or with a value inside the table that it is."""
    field, fields = str(rest[0]), _fields(table.model)
    if field not in fields:
        return table.problem((field,), unknown(field, [*fields]), "unknown-key")
    words = help_of(fields[field]).words
    if detail["type"] == "missing":
        return table.problem((field,), missing(field, words), "missing-field")
    if (
        table.place
        and not (isinstance(table.raw, Mapping) and field in table.raw)
        and field in table_in(root, "defaults")
    ):
        what = invalid(field, detail["input"], words)
        return Problem(("defaults", field), what, "defaults", code="invalid-value")
    keys, annotation = _present(table.raw, rest), fields[field].annotation
    for _ in keys[1:]:
        annotation = _values(annotation)
        words = inner_help(annotation).words
    if len(keys) > 1 and rest[len(keys) :] == ("[key]",):
        what = f"invalid key {shown(keys[-1])}: expected a name made of letters, digits, _ and -"
        return table.problem(keys, what, "invalid-key")
    what = invalid(".".join(map(str, keys)), _at(table.raw, keys), words)
    hint = value_hint(_at(table.raw, keys), choices(annotation), is_number=help_of(fields[field]).is_number)
    if keys == ("after",) and isinstance(table.raw["after"], str):
        hint = f"write after = [{shown(table.raw['after'])}]"
    return table.problem(keys, f"{what}; {hint}" if hint else what, "invalid-value")


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by key."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _present(data: Any, keys: Place) -> Place:
    """Return the keys that lead somewhere in the data; the first always counts."""
    count = 1
    while count < len(keys) and _has(_at(data, keys[:count]), keys[count]):
        count += 1
    return keys[:count]


def _has(data: object, key: str | int) -> bool:
    """Tell whether a table has a key, or a list of tables a number."""
    if isinstance(data, list) and isinstance(key, int) and 0 <= key < len(data):
        return isinstance(data[key], Mapping)
    return isinstance(data, Mapping) and key in data


def _values(annotation: Any) -> Any:
    """Return the type of the values of a table."""
    parts = (annotation, *get_args(annotation))
    return next((get_args(part)[1] for part in parts if get_origin(part) in {dict, Mapping}), None)


def _entered(table: _Table, loc: Place) -> tuple[_Table, Place] | None:
    """Return the table that a location leads into, one step down."""
    field, *rest = loc
    info = _fields(table.model).get(str(field))
    model = _model_inside(info.annotation) if info else None
    if info is None or model is None:
        return None
    data, place = _at(table.raw, (field,)), (*table.place, field)
    if isinstance(data, list | tuple) or (isinstance(data, Mapping) and _values(info.annotation)):
        if not rest or rest[1:] == ["[key]"]:
            return None
        key, *rest = rest
        data, place = _at(data, (key,)), (*place, key)
    elif rest and isinstance(rest[0], int):  # one table where a list of them may stand
        rest = rest[1:]
    elif not rest:
        return None
    name: tuple[str, ...]
    if model is Layer:
        name, kind = (label(data, int(place[-1]) + 1),), _at(data, ("type",))
        model = class_named(kind) if isinstance(kind, str) and (kind in KINDS or kind == "Block") else model
    else:
        name = (str(place[-1]),) if _values(info.annotation) else ()
    return _Table(place, model, data, (*table.path, *name)), tuple(rest)


def _at(data: Any, place: Place) -> Any:
    try:
        for key in place:
            data = data[key]
    except (KeyError, IndexError, TypeError):
        return None
    return data


def _model_inside(annotation: object) -> type[BaseModel] | None:
    """Return the model of the tables in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    notes = (note.model() for note in getattr(annotation, "__metadata__", ()) if isinstance(note, Tables))
    found = (_model_inside(part) for part in getattr(annotation, "__args__", ()))
    return next((each for each in (*notes, *found) if each), None)


_COMMON = ("stride", "padding", "dilation", "groups", "bias", "norm", "activation", "ceil_mode")
"""The defaults that a misspelled one is compared with."""


def label(raw: object, position: int) -> str:
    """Return the name of a layer: its own, or its kind and position."""
    if not isinstance(raw, Mapping):
        return f"layer {position}"
    name, kind = raw.get("name"), raw.get("type")
    if isinstance(name, str):
        return plain(name[:100])
    return f"{kind}{position}" if isinstance(kind, str) and (kind in KINDS or kind == "Block") else f"layer {position}"


def _default_problems(defaults: Raw, place: Place = ("defaults",)) -> Iterator[Problem]:
    """Refuse defaults that no kind of layer has."""
    for key in [key for key in defaults if key not in OPTIONS]:
        what = f"no kind of layer has a field {shown(key)}; {field_hint(str(key)[:50], _COMMON)}"
        yield Problem((*place, key), what, code="unknown-default")


def _name_problems(data: Raw, place: Place = (), path: str = "") -> Iterator[Problem]:
    """Refuse a layer with the name of an earlier sibling, in blocks too."""
    layers = data.get("layers")
    seen: dict[str, int] = {ENTRY: -1}
    for index, layer in enumerate(layers if isinstance(layers, list) else ()):
        name = label(layer, index + 1)
        if name in seen:
            holder = f"layer {seen[name] + 1} here" if seen[name] >= 0 else "the input of the network or block"
            what = f"the name is already taken by {holder}; choose another"
            yield Problem((*place, "layers", index, "name"), what, f"{path}{name}", code="name-taken")
        seen.setdefault(name, index)
        if isinstance(layer, Mapping) and "layers" in layer:
            yield from _name_problems(layer, (*place, "layers", index), f"{path}{name}.")


_WORDS = ("none", "same", "valid", "true", "false", "input")
TAKEN = frozenset((*SPECIAL, *FUNCTIONS, *STRUCTURE, *NORMS, *ACTIVATIONS, *_WORDS))
"""The names no argument may have: they already mean something."""

_ARGUMENT = "a number, true or false, or a word"


class _Templates:
    """The templates of a file with their arguments."""

    def __init__(self, data: Raw) -> None:
        self.data = data
        self.templates = table_in(data, "templates")
        self.arguments = tuple(table_in(data, "arguments"))
        self.signatures = {name: _signature(raw) for name, raw in self.templates.items() if isinstance(raw, Mapping)}

        self.types = dict.fromkeys((*KINDS, "Block", *self.signatures))

    def problems(self) -> Iterator[Problem]:
        yield from _argument_problems(self.arguments, ("arguments",))
        for name, (required, optional) in self.signatures.items():
            if name in KINDS or name == "Block":
                what = f"{name} is already a kind of layer; choose another name for the template"
                yield Problem(("templates", name), what, code="name-taken")
            yield from (each._replace(place=("templates", name)) for each in _argument_problems((*required, *optional)))
        for name, variant in table_in(self.data, "variants").items():
            for key in [key for key in table_in(variant, "arguments") if key not in self.arguments]:
                what = f"the file has no argument {key!r:.50}; {suggestion(str(key)[:50], self.arguments)}"
                yield Problem(("variants", name, "arguments", key), what, code="unknown-argument")
            yield from _default_problems(table_in(variant, "defaults"), ("variants", name, "defaults"))
        yield from _recursion_problems(self.templates)
        yield from self._rows(self.data.get("layers"), ("layers",), templated=bool(self.arguments))
        for name in self.signatures:
            yield from self._rows(self.templates[name].get("layers"), ("templates", name, "layers"), templated=True)

    def _rows(self, layers: object, place: Place, *, templated: bool) -> Iterator[Problem]:
        for index, raw in enumerate(layers if isinstance(layers, list) else ()):
            here = (*place, index)
            kind = raw.get("type") if isinstance(raw, Mapping) else None
            if templated or (isinstance(kind, str) and kind in self.signatures):
                inside = f"template {place[1]}, " if place[0] == "templates" else ""
                said = raw.get("name") or kind if isinstance(raw, Mapping) else None
                name = f"{inside}{said if isinstance(said, str) else f'layer {index + 1}'}"
                for problem in self._row(raw, templated=templated):
                    at = problem.place if problem.place[:1] == ("defaults",) else (*here, *problem.place)
                    yield problem._replace(place=at, layer=problem.layer or name)
            if isinstance(raw, Mapping):
                yield from self._rows(raw.get("layers"), (*here, "layers"), templated=templated)

    def _row(self, raw: Any, *, templated: bool) -> Iterator[Problem]:
        try:
            kind = checked_type(raw, self.types)
        except PydanticCustomError as error:
            yield Problem((), error.message(), code=error.type)
            return
        yield from _structure_problems(raw, kind, templated=templated)
        if kind in KINDS:
            yield from self._values(raw, kind)
        else:
            yield from self._arguments(raw, kind)

    def _values(self, raw: Raw, kind: str) -> Iterator[Problem]:
        """Check the fields of a kind with its model, except those that an expression may give."""
        model = class_named(kind)
        defaults = {key: value for key, value in table_in(self.data, "defaults").items() if key in parameters(kind)}
        fields = {**defaults, **{key: value for key, value in raw.items() if key not in STRUCTURE}}
        known = {key: value for key, value in fields.items() if key not in model.model_fields or not _is_open(value)}
        for problem in _model_problems(model, known):
            key = problem.place[0]
            if key in defaults and key not in raw:
                yield problem._replace(place=("defaults", key), layer="defaults")
            elif problem.code != "missing-field" or key not in fields:
                yield problem

    def _arguments(self, raw: Raw, kind: str) -> Iterator[Problem]:
        """Check the arguments of a template; a block has none."""
        required, optional = self.signatures.get(kind, ((), ()))
        for key, value in raw.items():
            if key in STRUCTURE:
                continue
            if key not in (*required, *optional):
                yield Problem((key,), unknown(key, [*required, *optional]), code="unknown-key")
            elif not (isinstance(value, int | str) or (isinstance(value, float) and abs(value) <= LARGEST)):
                yield Problem((key,), invalid(key, value, _ARGUMENT), code="invalid-value")
        for key in required:
            if key not in raw:
                yield Problem((key,), missing(key, _ARGUMENT), code="missing-field")


def _model_problems(model: type[BaseModel], raw: Raw) -> list[Problem]:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        return table_problems(error, model, raw)
    return []


def _is_open(value: object) -> bool:
    """Tell whether a value is text, or holds some: it may be an expression."""
    return isinstance(value, str) or (isinstance(value, list) and any(map(_is_open, value)))


def _signature(raw: Raw) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the required and the optional arguments of a template."""
    required, optional = raw.get("required"), raw.get("arguments")
    return (
        tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else (),
        tuple(optional) if isinstance(optional, Mapping) else (),
    )


def _argument_problems(names: tuple[str, ...], place: Place = ()) -> Iterator[Problem]:
    """Refuse names that mean something already, or that no expression can contain."""
    for name in names:
        if name in TAKEN:
            yield Problem((*place, name), f"an argument cannot be named {name}: the name is taken", code="name-taken")
        elif not name.isidentifier() or iskeyword(name):
            what = f"an argument cannot be named {name}: expressions cannot contain the name"
            yield Problem((*place, name), what, code="invalid-name")


def _recursion_problems(templates: Raw) -> Iterator[Problem]:
    """Refuse a template that uses itself, directly or through others."""
    uses = {name: {*_uses(raw)} & templates.keys() for name, raw in templates.items()}
    for name in _without_ends(_without_ends(uses)):
        yield Problem(("templates", name), f"template {name} is recursive", code="recursive-template")


def _without_ends(uses: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return a graph without what never leads to a cycle, and turned around: twice, and cycles are left."""
    users: dict[str, set[str]] = {name: set() for name in uses}
    for name, inner in uses.items():
        for each in inner:
            users[each].add(name)
    left = {name: len(inner) for name, inner in uses.items()}
    ends = [name for name, count in left.items() if not count]
    for end in ends:  # it grows
        for user in users[end]:
            left[user] -= 1
            ends += [user] * (not left[user])
    gone = {*ends}
    return {name: users[name] - gone for name in uses if name not in gone}


def _uses(raw: object) -> Iterator[str]:
    layers = _at(raw, ("layers",))
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            if isinstance(layer.get("type"), str):
                yield layer["type"]
            yield from _uses(layer)


def _structure_problems(raw: Raw, kind: str, *, templated: bool) -> Iterator[Problem]:
    """Check the keys that all rows share."""
    yield from _model_problems(Layer, {key: raw[key] for key in ("name", "after") if key in raw})
    for key, what in _misplaced(raw, kind, templated=templated):
        yield Problem((key,), what, code="invalid-value")
    for key in ("when", "repeat"):
        if templated and isinstance(raw.get(key), str):
            try:
                parse(raw[key])
            except NotArithmeticError as error:
                yield Problem((key,), f"{key} = {raw[key]!r:.80}: {error}", code="not-arithmetic")


def _misplaced(raw: Raw, kind: str, *, templated: bool) -> Iterator[tuple[str, str]]:
    repeat = raw.get("repeat", 1)
    if type(repeat) is not int and not (templated and isinstance(repeat, str)):
        yield "repeat", invalid("repeat", repeat, "an integer (1 to 10⁹)")
    if "when" in raw and not (templated and isinstance(raw["when"], bool | str)):
        yield "when", "invalid when: expected true, false or a comparison of arguments, in templates only"
    if "layers" in raw and kind != "Block":
        yield "layers", f"{kind} has no layers inside; only a Block has"
    if kind == "Block" and not (isinstance(raw.get("layers"), list) and raw["layers"]):
        yield "layers", missing("layers", "a list of layers, at least one")


def set_fields(kind: str, values: Mapping[str, Any], stand_ins: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of --set as a kind has them, beside stand-ins for others; a UsageError says what is wrong."""
    model, given = kind_named(kind), {**stand_ins, **values}
    try:
        layer = model.model_validate(given)
    except ValidationError as error:
        found = layer_problems(error, model, given).values()
        raise UsageError("\n".join(f"--set {what}" for what in found)) from None
    return {name: getattr(layer, name) for name in values}
