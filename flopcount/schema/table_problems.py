"""What is wrong with a table that has tables inside: a place and a sentence for each field."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flopcount.errors import Place, Problem
from flopcount.schema.wording import field_sentence, shown

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
        return Problem(here, f"{shown(spot.raw)} is not possible; it takes a table")
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
