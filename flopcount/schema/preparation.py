"""Raw data made ready to validate: defaults filled in, rows with expressions set apart."""

from collections.abc import Iterator, Mapping
from typing import Any

from flopcount.schema.base import own_fields
from flopcount.schema.layers import FAMILIES, kind_named
from flopcount.schema.rows import Raw, Row, row


def prepared(data: Raw) -> Raw:
    """Give each layer the defaults it does not mention, and set rows with expressions apart."""
    preparation = _Preparation(data)
    bodies = {name: preparation.body(raw) for name, raw in preparation.templates.items()}
    layers = preparation.rows(data.get("layers"), templated=bool(data.get("arguments")))
    return {**data, **({"templates": bodies} if bodies else {}), **({"layers": layers} if "layers" in data else {})}


def unknown_defaults(defaults: Raw, used: Iterator[str]) -> list[str]:
    """Return the keys of `defaults` that no kind has; the kinds in use are asked first."""
    unknown = set(defaults)
    for kind in (*dict.fromkeys(used), *FAMILIES):
        if not unknown:
            break
        unknown -= set(own_fields(kind_named(kind))) if kind in FAMILIES else set()
    return [key for key in defaults if key in unknown]


def used_kinds(layers: object) -> Iterator[str]:
    """Yield the known kinds among raw layers, blocks looked into."""
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, Mapping):
            kind = layer.get("type")
            if isinstance(kind, str) and kind in FAMILIES:
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
        if not isinstance(kind, str) or kind not in FAMILIES:
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
