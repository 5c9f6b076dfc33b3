"""The walk over a Keras model: each call becomes rows, each inner model a block."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flopcount.importers.foreign import Imported, ImportProblem, Request, listed, unknown_problem
from flopcount.importers.keras.calls import MOST_CALLS, Ref
from flopcount.importers.keras.graph import Layer, Model
from flopcount.importers.keras.inputs import entered, inputs_read
from flopcount.importers.keras.kinds import shown_kind, unknown_layers, writer
from flopcount.importers.keras.order import Turn, turns
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use, shown, tensors_in
from flopcount.importers.rows import Blame, Rows

Outputs = dict[tuple[str, int], list[Tensor]]


def network(path: Path, model: Model, request: Request) -> Imported:
    """Turn a model into the data of an arch file."""
    unknown = Counter(unknown_layers(model))
    if unknown and not request.allow_unknown:
        raise unknown_problem(path, "it has layers", unknown)
    rows = Rows()
    sizes, tensors, notes = entered(path, model, rows, request.size)
    walk = _Walk(path, checked=request.size is None)
    walk.through(model, _Scene(rows), tensors)
    if not rows.data:
        raise ImportProblem(path, "the model has no layers behind its inputs")
    sizes, unread = inputs_read(sizes, rows.data)
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", model.name)[:100].lstrip(".+-") or "model"
    data = {"name": name, "input": sizes, "layers": rows.data}
    return Imported(data, (*notes, *unread, *walk.notes()), dict(unknown))


class _Scene:
    """Where the rows of a model go, and what holds for all of its layers."""

    def __init__(
        self, rows: Rows, prefix: str = "", outer: int = 0, *, frozen: bool = False, again: bool = False
    ) -> None:
        self.rows, self.prefix, self.outer = rows, prefix, outer
        self.frozen, self.again = frozen, again


class _Walk:
    """One walk: which layers were met already, and how much may still be met."""

    def __init__(self, path: Path, *, checked: bool) -> None:
        self.path, self.checked = path, checked
        self.met: set[int] = set()
        self.shared: Counter[str] = Counter()
        self.left = MOST_CALLS

    def notes(self) -> tuple[str, ...]:
        """Say whose weights are used more than once."""
        times = {name: count + 1 for name, count in self.shared.items()}
        return (f"weights that are used more than once are counted once: {listed(times)}",) if times else ()

    def through(self, model: Model, scene: _Scene, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Walk a model, and return what leaves it."""
        made: Outputs = {(name, 0): [x] for name, x in inputs.items()}
        recorded = _recorded(model)
        for turn in turns(self.path, model):
            self.left -= 1
            if self.left < 0:
                raise ImportProblem(self.path, f"more than {MOST_CALLS} layers, inner models unrolled")
            if turn.layer.kind == "InputLayer" and turn.layer.model is None:
                continue
            place = (turn.layer.name, turn.number)
            made[place] = self._made(turn, scene, made, recorded)
            if self.checked and not scene.outer:
                self._check(turn.layer, made[place], [recorded.get((*place, n)) for n in range(len(made[place]))])
        return [self._found(made, ref, model.name) for ref in model.outputs]

    def _found(self, made: Outputs, ref: Ref, reader: str) -> Tensor:
        outputs = made.get((ref.layer, ref.call), [])
        if ref.output >= len(outputs):
            what = f"reads output {ref.output} of {ref.layer[:50]!r}, which has {len(outputs)}"
            raise ImportProblem(self.path, what, reader[:50])
        return outputs[ref.output]

    def _made(
        self, turn: Turn, scene: _Scene, made: Outputs, recorded: Mapping[tuple[str, int, int], tuple[Any, ...]]
    ) -> list[Tensor]:
        layer = turn.layer
        args, keywords = (self._filled(value, made, layer.name) for value in (list(turn.call.args), turn.call.keywords))
        again = scene.again or id(layer) in self.met
        frozen = scene.frozen or layer.config.get("trainable") is False
        self.met.add(id(layer))
        before = len(scene.rows.data)
        use = Use(
            scene.rows,
            Blame(self.path, layer.name, shown_kind(layer)),
            scene.prefix + layer.name,
            layer.config,
            tuple(args),
            keywords,
            "shared" if again else "frozen" if frozen else "",
            scene.outer,
        )
        found = self._written(layer, use, recorded.get((layer.name, turn.number, 0)))
        if again and not scene.again and _holds(scene.rows.data[before:]):
            self.shared[layer.name] += 1
        return found if isinstance(found, list) else [found]

    def _filled(self, value: Any, made: Outputs, reader: str) -> Any:
        """Put tensors in place of the references to them."""
        if isinstance(value, Ref):
            return self._found(made, value, reader)
        if isinstance(value, Mapping):
            return {key: self._filled(each, made, reader) for key, each in value.items()}
        return [self._filled(each, made, reader) for each in value] if isinstance(value, list | tuple) else value

    def _written(self, layer: Layer, use: Use, recorded: tuple[Any, ...] | None) -> Tensor | list[Tensor]:
        """Write one layer, whatever it is: a model, a wrapper, a class that is known or one that is not."""
        if layer.model is not None:
            return self._inner(layer.model, use)
        _unchanged(use)
        write = writer(layer)
        if write is None:
            return _left_out(layer, use, recorded)
        inner = layer.wrapped
        if inner is None:
            return write(use)
        frozen = inner.config.get("trainable") is False

        def inside(given: Use) -> Tensor | list[Tensor]:
            blame = Blame(self.path, f"{layer.name}.{inner.name}", shown_kind(inner))
            held = given.held or ("frozen" if frozen else "")
            return self._written(inner, given._replace(blame=blame, config=inner.config, wrapped=None, held=held), None)

        return write(use._replace(wrapped=inside))

    def _inner(self, model: Model, use: Use) -> list[Tensor]:
        """Write an inner model as a block; one with several outputs in line, under names that begin with its own."""
        xs = list(tensors_in(use.args)) or list(tensors_in(use.keywords))
        names = [ref.layer for ref in model.inputs]
        if len(xs) != len(names):
            raise use.problem(f"{len(xs)} tensors enter a model that has {len(names)} inputs")
        flags = {"frozen": use.held == "frozen", "again": use.held == "shared"}
        if len(model.outputs) != 1:
            scene = _Scene(use.rows, f"{use.name}_", use.outer, **flags)
            return self.through(model, scene, dict(zip(names, xs, strict=True)))
        rows = Rows()
        labels = ["input", *(f"input{place}" for place in range(2, len(xs) + 1))]
        inside = {name: x._replace(row=label) for name, x, label in zip(names, xs, labels, strict=True)}
        (y,) = self.through(model, _Scene(rows, "", use.outer, **flags), inside)
        if y.row != rows.last or not rows.data:
            y = use._replace(rows=rows, name="output").row("Identity", y)
        return [y._replace(row=use.rows.block(use.name, rows, tuple(xs)))]

    def _check(self, layer: Layer, made: list[Tensor], recorded: list[tuple[Any, ...] | None]) -> None:
        """Hold each output to the sizes that the file records for it."""
        for x, sizes in zip(made, recorded, strict=True):
            if sizes is None or len(sizes) < 2:  # noqa: PLR2004  (one number for each sample has no axes)
                continue
            wanted = sizes[1:]
            if len(wanted) != x.rank or any(
                (size is not None and size != ours) for size, ours in zip(wanted, x.sizes, strict=True)
            ):
                what = f"leaves {shown(x)}, and the file says {'×'.join(map(str, wanted))[:80]}; export the model again"
                raise ImportProblem(self.path, what, layer.name[:50], shown_kind(layer))


def _unchanged(use: Use) -> None:
    """Refuse a layer that keeps more numbers than its class says: low-rank additions, scales of a quantisation."""
    policy = use.given("dtype")
    if use.given("lora_rank"):
        raise use.problem("lora_rank adds weights beside its own; export the model without them")
    if isinstance(policy, Mapping) and "Quantized" in str(policy.get("class_name")):
        raise use.problem("it is quantised, with scales beside its weights; export the model before it is quantised")


def _holds(rows: list[dict[str, Any]]) -> bool:
    """Tell whether any of some rows has params that another counts."""
    return any(row.get("shared") or _holds(row.get("layers", [])) for row in rows)


def _recorded(model: Model) -> Mapping[tuple[str, int, int], tuple[Any, ...]]:
    """Return the sizes that readers of a tensor say it has."""
    refs = (ref for layer in model.layers.values() for call in layer.calls for ref in call.refs())
    return {(ref.layer, ref.call, ref.output): ref.sizes for ref in refs if ref.sizes is not None}


def _left_out(layer: Layer, use: Use, recorded: tuple[Any, ...] | None) -> Tensor:
    """Write a layer that is not known: what leaves it has the sizes the file records, or those of what enters."""
    sizes = [*use.x.sizes] if not recorded or None in recorded[1:] or len(recorded) < 2 else [*recorded[1:]]  # noqa: PLR2004
    return use.row("Operation", use.x, operator=shown_kind(layer), size=sizes, channel=len(sizes) - 1)
