"""A network written out: templates become blocks, repetitions are spelled, expressions are numbers.

Every layer keeps its path and reads what it read. It is what a file says when no
row of a template can, because its uses differ.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.network.plan import INPUT
from flopcount.network.trace import Trace, options
from flopcount.spec.arch import Arch, Block, called, kind_of
from flopcount.spec.fields import Layer
from flopcount.spec.kinds import kind_named
from flopcount.spec.rows import Raw, Row
from flopcount.spec.write import written_documents as written


def expanded(arch: Arch, traced: Trace, given: Mapping[str, Mapping[str, Any]]) -> list[Raw]:
    """Return the rows of a network as it was walked."""
    said = options(traced, given)
    rows = {node.path: _fields(node.layer, said[node.path], arch.defaults) for node in traced.plan.nodes}
    return _Writing(arch, rows, frozenset(_around(rows))).rows(arch.layers, "", {})


def _around(paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths of all groups."""
    for path in paths:
        while "." in path:
            path = path.rpartition(".")[0]  # noqa: PLW2901  (from inside out)
            yield path


def _fields(layer: Layer, values: Mapping[str, Any], defaults: Raw) -> Raw:
    """Return what a row has to say beside its name and what it reads."""
    model = kind_named(type(layer).__name__).model_fields
    usual = {name: defaults.get(name, written(model[name].default)) for name in values}
    names = sorted(values, key=lambda name: not name.startswith("out_"))
    said = {name: value for name in names if (value := written(values[name])) != usual[name]}
    scale = {} if layer.scale == model["scale"].default else {"scale": layer.scale}
    return {"type": type(layer).__name__, **said, **scale}


class _Writing(NamedTuple):
    """What is known while rows are written: the file, what each layer says, the paths of groups."""

    arch: Arch
    layers: Mapping[str, Raw]
    groups: frozenset[str]

    def rows(self, layers: tuple[Layer, ...], prefix: str, meant: dict[str, str]) -> list[Raw]:
        """Write a list of rows; `meant` says what is read in the place of rows that do not exist."""
        found: list[Raw] = []
        current = above = INPUT
        for position, layer in enumerate(layers, 1):
            name = called(layer, position)
            reads = [meant.get(each, each) for each in layer.after] if layer.after else [current]
            row = self._row(layer, prefix + name, len(reads), meant)
            if row is None:
                meant[name] = reads[0]
                current = reads[0] if self._is_group(layer) else current
                continue
            after = {} if reads == [above] else {"after": reads}
            kind, rest = row["type"], {key: value for key, value in row.items() if key != "type"}
            found.append({"type": kind, "name": name, **after, **rest})
            current = above = name
        return found

    def _row(self, layer: Layer, path: str, entries: int, meant: dict[str, str]) -> Raw | None:
        """Write a layer or a group; None where there is none."""
        if path in self.layers:
            return self.layers[path]
        if path not in self.groups:
            return None
        group, known = self._inside(layer)
        outer = {} if known else meant
        if not (_may_repeat(layer) and f"{path}.1" in self.groups):
            return {"type": "Block", "layers": self.rows(group, f"{path}.", dict(outer))}
        return {"type": "Block", "layers": [*self._repeated(group, path, entries, outer)]}

    def _repeated(self, group: tuple[Layer, ...], path: str, entries: int, outer: Mapping[str, str]) -> Iterator[Raw]:
        """Write each repetition, which reads the one before, and what else enters."""
        others = [f"{INPUT}{number}" for number in range(2, entries + 1)]
        index = 1
        while f"{path}.{index}" in self.groups:
            above = str(index - 1) if index > 1 else INPUT
            after = {"after": [above, *others]} if others else {}
            layers = self.rows(group, f"{path}.{index}.", dict(outer))
            yield {"type": "Block", "name": str(index), **after, "layers": layers}
            index += 1

    def _is_group(self, layer: Layer) -> bool:
        return kind_of(layer) == "Block" or kind_of(layer) in self.arch.templates

    def _inside(self, layer: Layer) -> tuple[tuple[Layer, ...], bool]:
        """Return the rows of a group, and whether it is a template, which knows no names of those around it."""
        template = self.arch.templates.get(kind_of(layer))
        if template is not None:
            return template.layers, True
        return (layer.layers if isinstance(layer, Block | Row) else ()), False


def _may_repeat(layer: Layer) -> bool:
    return isinstance(layer, Block | Row) and layer.repeat != 1
