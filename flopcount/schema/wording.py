"""How values and fields are written in a sentence about them."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flopcount.errors import plain, suggestion
from flopcount.schema.base import Expects

LONGEST = 60
"""Characters of a bad value that a message shows."""


def shown(value: object) -> str:
    """Write a value as a file would, shortened where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a number of about 10^{int(value.bit_length() * 0.30103)}"
    try:
        written = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
        text = plain(f'"{value}"' if isinstance(value, str) else written)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def expected(model: type[BaseModel], field: str) -> str:
    """Return the words for what a field takes: those nearest to the field."""
    info = model.model_fields[field]
    words = [note.words for note in info.metadata if isinstance(note, Expects)]
    return words[-1] if words else _inner_words(info.annotation)


def _inner_words(annotation: object) -> str:
    """Look for the words inside an optional annotation."""
    for part in getattr(annotation, "__args__", ()):
        for note in getattr(part, "__metadata__", ()):
            if isinstance(note, Expects):
                return note.words
    return "another value"


def field_sentence(field: str, model: type[BaseModel], raw: Mapping[str, Any], detail: ErrorDetails) -> str:
    """Say what is wrong with a field of a table that is no layer."""
    name = next((name for name, info in model.model_fields.items() if info.alias == field), field)
    if name not in model.model_fields:
        return f"unknown key {shown(field)}; {suggestion(field, [*model.model_fields])}"
    if detail["type"] == "missing":
        return f"{field} is missing; give {field} = {expected(model, name)}"
    return f"{field} = {shown(raw.get(field))} is not possible; it takes {expected(model, name)}"
