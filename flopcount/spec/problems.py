"""What pydantic says is wrong, as one sentence per field in the words of the file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flopcount.errors import Place, Problem, plain, suggestion
from flopcount.spec.arch import ENTRY, Arch, class_named
from flopcount.spec.fields import Layer, expected, shown
from flopcount.spec.kinds import KINDS
from flopcount.spec.rows import Raw, row_problems, unknown_defaults, used_kinds

# What is wrong with a table that has tables inside: a place and a sentence for each field.


COMPLETE = "sentence"
"""The type of an error whose message is the whole sentence."""


class _Spot(NamedTuple):
    """A table inside the data: where it is, its class, and what the file says there."""

    place: Place
    model: type[BaseModel]
    raw: Any


def table_problems(error: ValidationError, model: type[BaseModel], raw: object, base: Place = ()) -> list[Problem]:
    """Translate all that is wrong with a table; `base` is where it stands in its file."""
    found: dict[Place, Problem] = {}
    for detail in error.errors(include_url=False):
        problem = table_problem(detail, model, raw)
        found.setdefault(problem.place, problem._replace(place=(*base, *problem.place)))
    return [*found.values()]


def table_problem(detail: ErrorDetails, model: type[BaseModel], raw: object, base: Place = ()) -> Problem:
    """Translate one thing that is wrong; its location begins with `base`, where the table stands."""
    loc = detail["loc"][len(base) :]
    *_, spot = _followed(loc, model, raw)
    rest, here = loc[len(spot.place) :], (*base, *spot.place)
    if detail["type"] == COMPLETE:
        return Problem((*here, *rest[:1], *detail["ctx"]["place"]), detail["msg"])
    if not rest:
        return Problem(here, f"invalid {shown(spot.raw)}: expected a table")
    table = spot.raw if isinstance(spot.raw, Mapping) else {}
    place = here if detail["type"] == "missing" else (*here, rest[0])
    return Problem(place, field_sentence(str(rest[0]), spot.model, table, detail))


def _followed(loc: Place, model: type[BaseModel], raw: object) -> Iterator[_Spot]:
    """Yield the tables a location leads through, from the outermost."""
    spot = _Spot((), model, raw)
    yield spot
    while len(loc) > len(spot.place):
        field = str(loc[len(spot.place)])
        info = spot.model.model_fields.get(field)
        inner = _model_inside(info.annotation) if info else None
        if inner is None:
            return
        length = len(spot.place) + 1
        data = _entry(spot.raw, field)
        if isinstance(data, list | tuple) or (isinstance(data, Mapping) and _is_dict(spot.model, field)):
            if len(loc) <= length:
                return
            data = _entry(data, loc[length])
            length += 1
        if length > len(loc):
            return
        spot = _Spot(loc[:length], inner, data)
        yield spot


def _entry(data: Any, key: str | int) -> Any:
    try:
        return data[key]
    except (KeyError, IndexError, TypeError):
        return None


def _is_dict(model: type[BaseModel], field: str) -> bool:
    return str(model.model_fields[field].annotation).startswith("dict[")


def _model_inside(annotation: object) -> type[BaseModel] | None:
    """Return the class of the tables that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_inside(part) for part in getattr(annotation, "__args__", ()))
    return next((each for each in found if each), None)


SAID_BETTER = frozenset({"defaults", "names", "rows"})
"""Errors that the raw data tells more about."""


def label(raw: object, position: int) -> str:
    """Return what a layer is called: its name, or its kind and position."""
    if not isinstance(raw, Mapping):
        return f"layer {position}"
    name, kind = raw.get("name"), raw.get("type")
    if isinstance(name, str):
        return plain(name[:100])
    return f"{kind}{position}" if isinstance(kind, str) and kind in (*KINDS, "Block") else f"layer {position}"


def all_problems(error: ValidationError, data: Raw) -> list[Problem]:
    """Translate all that is wrong with an arch, one problem per field."""
    found: dict[Place, Problem] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] not in SAID_BETTER:
            problem = _problem(detail, data)
            found.setdefault(problem.place, problem)
    return [*found.values(), *default_problems(data), *name_problems(data), *row_problems(data)]


def model_problems(error: ValidationError, model: type[BaseModel], raw: object) -> dict[str, str]:
    """Translate the errors of a table that is no layer: a sentence for each field."""
    table = raw if isinstance(raw, Mapping) else {}
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        field = str(detail["loc"][0]) if detail["loc"] else ""
        found.setdefault(field, field_sentence(field, model, table, detail))
    return found


def layer_problems(error: ValidationError, model: type[Layer], raw: Raw) -> dict[str, str]:
    """Translate the errors of a single layer: a sentence for each field."""
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        field = detail["loc"][0]
        found.setdefault(str(field), _sentence(detail, model, field, raw))
    return found


def default_problems(data: Raw) -> list[Problem]:
    """Return a problem for each default that no kind of layer could take."""
    defaults = data.get("defaults")
    if not isinstance(defaults, Mapping):
        return []
    unknown = unknown_defaults(defaults, used_kinds(data.get("layers")))
    known = ("stride", "padding", "dilation", "groups", "bias", "norm", "activation", "ceil_mode")
    return [
        Problem(("defaults", key), f"no kind of layer has a field {shown(key)}; {suggestion(str(key), known)}")
        for key in unknown
    ]


def name_problems(data: Raw, key: str = "layers", place: Place = (), path: str = "") -> list[Problem]:
    """Return a problem for each layer that is called like an earlier sibling, blocks looked into."""
    found: list[Problem] = []
    seen: dict[str, int] = {ENTRY: -1}
    layers = data.get(key)
    for index, layer in enumerate(layers if isinstance(layers, list) else ()):
        here = (*place, key, index)
        name = label(layer, index + 1)
        full = f"{path}.{name}" if path else name
        if name in seen:
            holder = f"layer {seen[name] + 1} here" if seen[name] >= 0 else "what enters the network or block"
            what = f"the name is already taken by {holder}; give each its own"
            found.append(Problem((*here, "name"), what, full))
        seen.setdefault(name, index)
        if isinstance(layer, Mapping):
            found += name_problems(layer, key, here, full)
    return found


_TABLES = ("templates", "variants", "scaling", "budget")
"""The keys whose tables have classes of their own, made only for files that have them."""


def _table_problem(detail: ErrorDetails, data: Raw) -> Problem:
    """Say what is wrong with a field of a template, a variant, the scaling or a budget."""
    key, *rest = detail["loc"]
    nested = key in {"templates", "variants"} or (rest and isinstance(rest[0], int))
    base: Place = (key, rest[0]) if nested else (key,)
    inner: Any = data
    for step in base:
        inner = inner[step]
    problem = table_problem(detail, _class(str(key)), inner, base)
    return problem._replace(layer=str(base[1]) if key in {"templates", "variants"} else "")


def _class(key: str) -> type[BaseModel]:
    """Return the class of the tables under a key."""
    from flopcount.spec import arch as extras
    from flopcount.spec import budget

    classes: dict[str, type[BaseModel]] = {
        "templates": extras.Template,
        "variants": extras.Variant,
        "scaling": extras.Scaling,
        "budget": budget.Budget,
    }
    return classes[key]


def _problem(detail: ErrorDetails, data: Raw) -> Problem:
    """Find the layer an error is in, then say what is wrong with which of its fields."""
    if _is_inside_table(detail):
        return _table_problem(detail, data)
    place, path, model, raw = _innermost(detail["loc"], data)
    if detail["type"] == "string_unicode" and len(detail["loc"]) == len(place):  # the key itself, with half a character
        return Problem((*place, str(detail["input"])), f"unknown key {shown(detail['input'])}", path)
    kind, templates = raw.get("type"), data.get("templates")
    if detail["type"] == "layer" and isinstance(templates, Mapping) and isinstance(kind, str) and place:
        return Problem(place, f"unknown type {kind[:50]!r}; {suggestion(kind[:50], [*templates, *KINDS])}", path)
    field = detail["loc"][len(place)] if len(detail["loc"]) > len(place) else None
    what = _sentence(detail, model, field, raw)
    defaults = data.get("defaults")
    if isinstance(field, str) and field not in raw and isinstance(defaults, Mapping) and field in defaults and place:
        return Problem(("defaults", field), what, "defaults")
    inside = isinstance(field, str) and field in raw
    return Problem((*place, field) if inside and field is not None else (*place, *_missing(detail)), what, path)


def _is_inside_table(detail: ErrorDetails) -> bool:
    key, *rest = detail["loc"] or ("",)
    return key in _TABLES and (len(rest) > 1 if key in {"templates", "variants"} else bool(rest) or key == "budget")


def _missing(detail: ErrorDetails) -> Place:
    """Keep two missing fields of one layer apart; no such place is in the file, so it reads as the layer's."""
    return detail["loc"][-1:] if detail["type"] == "missing" else ()


def _innermost(loc: Place, data: Raw) -> tuple[Place, str, type[BaseModel], Raw]:
    """Follow a location down to the innermost layer it names: its place, path, class and raw data."""
    place: Place = ()
    path: list[str] = []
    model: type[BaseModel] = Arch
    raw = data
    while len(loc) > len(place) + 1 and loc[len(place)] == "layers" and isinstance(loc[len(place) + 1], int):
        index = loc[len(place) + 1]
        layer = raw["layers"][index]
        path.append(label(layer, int(index) + 1))
        place = (*place, "layers", index)
        if not isinstance(layer, Mapping):
            return place, ".".join(path), Layer, {}
        raw = layer
        kind = raw.get("type")
        model = class_named(kind) if isinstance(kind, str) and kind in (*KINDS, "Block") else Layer
    return place, ".".join(path), model, raw


def _sentence(detail: ErrorDetails, model: type[BaseModel], field: str | int | None, raw: Raw) -> str:
    if detail["type"] == "layer" or not isinstance(field, str):
        return detail["msg"]
    if detail["type"] == "missing":
        return f"missing field {field}: expected {expected(model, field)}"
    if field not in model.model_fields and field != "$schema":
        known = [*model.model_fields] if model is not Arch else [f for f in model.model_fields if f != "schema_"]
        return f"unknown key {shown(field)}; {suggestion(field, known)}"
    value: Any = raw.get(field, detail["input"])
    words = expected(model, "schema_" if field == "$schema" else field)
    if isinstance(value, Sequence) and not value and not isinstance(value, str):
        return f"{field} is empty: expected {words}"
    return f"invalid {field} {shown(value)}: expected {words}"


def field_sentence(field: str, model: type[BaseModel], raw: Mapping[str, Any], detail: ErrorDetails) -> str:
    """Say what is wrong with a field of a table that is no layer."""
    name = next((name for name, info in model.model_fields.items() if info.alias == field), field)
    if name not in model.model_fields:
        return f"unknown key {shown(field)}; {suggestion(field, [*model.model_fields])}"
    if detail["type"] == "missing":
        return f"missing field {field}: expected {expected(model, name)}"
    return f"invalid {field} {shown(raw.get(field))}: expected {expected(model, name)}"
