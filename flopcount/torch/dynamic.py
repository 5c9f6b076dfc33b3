"""Sizes that stay open: their names as torch.export takes them, and the symbols that it makes of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from flopcount.errors import UsageError, plain, suggestion


class NamedSymbol(NamedTuple):
    """A symbol of a program, the name that the caller gave to it, and whether the caller gave a range too."""

    name: str
    symbol: Any
    has_range: bool


class Dynamic:
    """The open sizes of the arguments of a call, which are `given` by name.

    `dynamic` has them by the argument's name, or in the order of the arguments; a table of axes stands for all
    tensors. A name is one size wherever it stands. `attempts` are what torch.export takes, to be tried in this order:
    with ranges that it finds, then with the names alone, as older versions need.
    """

    def __init__(self, given: Mapping[str, Any], dynamic: Any) -> None:
        self._known, self._leaves = dict[str, Any](), list[Mapping[int, Any]]()
        self.attempts: Sequence[dict[str, Any] | None] = (None,)
        if dynamic:
            sizes = _by_name(given, dynamic)
            shapes = {name: self._filled(name, value, sizes.get(name)) for name, value in given.items()}
            self.attempts = [self._with(shapes, Dim.AUTO), self._with(shapes, None)]

    def symbols(self, program: ExportedProgram) -> Iterator[NamedSymbol]:
        """Yield the names that the caller gave, each with a symbol of a program; several may have one name."""
        specs = (spec for spec in program.graph_signature.input_specs if spec.kind is InputKind.USER_INPUT)
        metas = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
        for spec, sizes in zip(specs, self._leaves, strict=False):
            for axis, size in sizes.items():
                found, name = metas[spec.arg.name].shape[axis], _name(size)
                symbols = [] if isinstance(found, int) else [*found.node.expr.free_symbols]
                if isinstance(size, str) and not symbols:
                    raise UsageError(f"{name}, axis {axis} of {spec.arg.name}, {_FIXED.format(found)}")
                if name and len(symbols) == 1:
                    yield NamedSymbol(name, symbols[0], has_range=not isinstance(size, str))

    def _with(self, shapes: Any, automatic: Any) -> Any:
        """Return open sizes in which each name is a size that torch.export finds out, or one of its own."""
        if isinstance(shapes, str):
            return automatic or self._known.setdefault(shapes, Dim(shapes))
        if isinstance(shapes, dict):
            return {key: self._with(each, automatic) for key, each in shapes.items()}
        return type(shapes)(self._with(each, automatic) for each in shapes) if type(shapes) in {list, tuple} else shapes

    def _filled(self, name: str, value: Any, sizes: Any) -> Any:
        """Return the open sizes of one argument, with None for all inside that has none."""
        if isinstance(value, torch.Tensor):
            self._leaves.append(_axes_of(name, value, sizes or {}))
            return self._leaves[-1] or None
        if isinstance(value, Mapping):
            inside = sizes or {}
            return {key: self._filled(name, each, inside.get(key)) for key, each in value.items()}
        if type(value) in {list, tuple}:
            inside = [*(sizes or ())][: len(value)]
            inside += [None] * (len(value) - len(inside))
            return type(value)(self._filled(name, *pair) for pair in zip(value, inside, strict=True))
        self._leaves += [{} for _ in pytree.tree_leaves(value)]
        return sizes or pytree.tree_map(lambda _: None, value)


_FIXED = "is always {} in the code, so it cannot be open; leave it out of dynamic"


def _axes_of(name: str, value: torch.Tensor, sizes: Any) -> dict[int, Any]:
    """Return the open sizes of a tensor by axis, counted from the first."""
    rank, found = value.dim(), dict[int, Any]()
    for axis, size in sizes.items() if isinstance(sizes, Mapping) else enumerate(sizes):
        if not isinstance(axis, int) or not -rank <= axis < rank:
            raise UsageError(f"dynamic names axis {plain(str(axis)[:20])} of {name}, which has {rank} axes")
        if isinstance(size, str) and not size.isidentifier():
            raise UsageError(f"dynamic: {plain(repr(size)[:60])} is no name; write letters, digits and _")
        if isinstance(size, str) and value.shape[axis] <= 1:
            what = f"{name} has {value.shape[axis]} along {size}, which torch.export would keep fixed"
            raise UsageError(f"{what}; give an example of 2 or more")
        if size is not None:
            found[axis % rank] = size
    return found


def _name(size: Any) -> str:
    return size if isinstance(size, str) else str(getattr(getattr(size, "root", size), "__name__", ""))


def _by_name(given: Mapping[str, Any], dynamic: Any) -> dict[str, Any]:
    """Return the open sizes of each argument."""
    if isinstance(dynamic, Sequence) and not isinstance(dynamic, str):
        return dict(zip(given, dynamic, strict=False))
    if not isinstance(dynamic, Mapping):
        raise UsageError(
            f"dynamic is {plain(repr(dynamic)[:60])}; name the open sizes: dynamic={{'x': {{0: 'batch'}}}}"
        )
    if all(isinstance(key, int) for key in dynamic):
        return {name: pytree.tree_map(lambda each: _axes(each, dynamic), value) for name, value in given.items()}
    if unknown := next((name for name in dynamic if name not in given), None):
        what = f"dynamic names {plain(repr(unknown)[:60])}, which is no argument that is given"
        raise UsageError(f"{what}; {suggestion(str(unknown), [*given])}")
    return dict(dynamic)


def _axes(value: Any, axes: Mapping[int, Any]) -> Any:
    """Return those of the axes that a tensor has."""
    if not isinstance(value, torch.Tensor):
        return None
    return {axis: size for axis, size in axes.items() if -value.dim() <= axis < value.dim()}
