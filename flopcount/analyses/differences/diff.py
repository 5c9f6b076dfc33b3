"""What changed between two networks, layer by layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from flopcount.analyses.counted import Cost, Counted
from flopcount.analyses.differences.inventory import Item, inventory
from flopcount.analyses.differences.matching import Pairs, matched
from flopcount.counting.frames import Given

Status = Literal["added", "removed", "moved", "changed", "renumbered", "same"]
"""What became of a layer; one that is renumbered has no name, and only its number is another."""

QUIET = ("renumbered", "same")
"""What nobody has to look at."""

NOTHING = Cost(0, 0)

GONE = ""
"""The path of a layer that is not there any more."""


class Layer(NamedTuple):
    """A layer as it was counted, and its cost."""

    item: Item
    cost: Cost


class Change(NamedTuple):
    """What became of a layer: as it was, as it is, and the fields that differ."""

    status: Status
    before: Layer | None
    after: Layer | None
    fields: Mapping[str, tuple[Any, Any]] = {}

    @property
    def delta(self) -> Cost:
        """How much more the layer costs now."""
        old, new = (each.cost if each else NOTHING for each in (self.before, self.after))
        return Cost(new.params - old.params, new.macs - old.macs)


def layers_of(result: Counted, given: Given) -> tuple[Layer, ...]:
    """Return the layers of a counted network; `given` is what it was counted with."""
    costs = {path: result.cost(step) for path, step in result.trace.steps.items()}
    return tuple(Layer(item, costs[item.path]) for item in inventory(result.trace, given))


def differences(before: Sequence[Layer], after: Sequence[Layer]) -> tuple[Change, ...]:
    """Return what became of every layer, in the order of the network after; removed ones follow what they followed."""
    pairs = matched([each.item for each in before], [each.item for each in after])
    olds = {each.item.path: each for each in before}
    sources = {new: old for old, new in pairs.paths.items()}
    reads = {**dict.fromkeys(olds, GONE), **pairs.paths}
    removed = _removed(before, after, pairs.paths)
    changes = [*removed.get(-1, ())]
    for place, new in enumerate(after):
        old = olds.get(sources.get(new.item.path, ""))
        change = _change(old, new, pairs, reads) if old else Change("added", None, new)
        changes += [change, *removed.get(place, ())]
    return tuple(changes)


def _removed(before: Sequence[Layer], after: Sequence[Layer], paths: Mapping[str, str]) -> dict[int, list[Change]]:
    """Return what is gone, by the place of the layer it comes behind."""
    places = {each.item.path: place for place, each in enumerate(after)}
    found: dict[int, list[Change]] = {}
    last = -1
    for each in before:
        if each.item.path in paths:
            last = places[paths[each.item.path]]
        else:
            found.setdefault(last, []).append(Change("removed", each, None))
    return found


def _change(old: Layer, new: Layer, pairs: Pairs, reads: Mapping[str, str]) -> Change:
    fields = dict(_fields(old.item, new.item, reads))
    return Change(_status(old, new, pairs, is_other=bool(fields)), old, new, fields)


def _status(old: Layer, new: Layer, pairs: Pairs, *, is_other: bool) -> Status:
    if _is_moved(old.item, new.item, pairs):
        return "moved"
    if is_other or old.item.output != new.item.output or old.cost != new.cost:
        return "changed"
    return "same" if old.item.path == new.item.path else "renumbered"


def _is_moved(old: Item, new: Item, pairs: Pairs) -> bool:
    """Tell whether a layer is called or placed otherwise, and not only counted otherwise among its siblings."""
    if old.path == new.path:
        return False
    is_called = old.is_named or new.is_named or old.path.rpartition(".")[0] != new.path.rpartition(".")[0]
    return is_called or old.path not in pairs.kept


def _fields(old: Item, new: Item, reads: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what differs: the kind, the fields both have, and what the layer reads; `reads` has its new path."""
    if old.kind != new.kind:
        yield "type", (old.kind, new.kind)
    for name, value in old.fields.items():
        if name in new.fields and new.fields[name] != value:
            yield name, (value, new.fields[name])
    if tuple(reads.get(each, each) for each in old.inputs) != new.inputs:
        yield "reads", (old.inputs, new.inputs)
