"""What changed between two networks, layer by layer."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from flopcount.case import Count
from flopcount.formulas.numbers import exact_all
from flopcount.network.metrics import Cost
from flopcount.network.plan import Given
from flopcount.network.trace import Memo, Trace, settled
from flopcount.spec.kinds import kind_named

VERSION = 1
"""The version of the canonical form that is hashed."""


class Item(NamedTuple):
    """A layer as it was counted: `fields` are the arguments of its formula, computed and scaled."""

    path: str
    kind: str
    fields: Mapping[str, Any]
    inputs: tuple[str, ...]
    output: tuple[int, ...]

    @property
    def is_named(self) -> bool:
        """Whether the layer has a name of its own; otherwise its path ends with its kind and its place."""
        last = self.path.rpartition(".")[2]
        return not (last.startswith(self.kind) and last.removeprefix(self.kind).isdecimal())


def items(traced: Trace, given: Given | None = None) -> Iterator[Item]:
    """Yield every layer of a network in computation order; `given` are the values of a width."""
    shapes = traced.shapes
    memo: Memo = {}
    repeated: dict[int, Mapping[str, Any]] = {}  # the fields of a repeated layer are one table
    for node, step in traced.items():
        is_fixed = not node.computed and node.path not in (given or {})
        fields = (is_fixed and repeated.get(id(node.layer))) or settled(node, given or {}, shapes, memo)
        if is_fixed:
            repeated[id(node.layer)] = fields
        yield Item(node.path, node.kind, fields, node.inputs, exact_all(step.shape.dims))


def fingerprint(traced: Trace, given: Given | None = None) -> str:
    """Return the hash of what was counted: the inputs, and each layer's path, kind, fields, connections and output.

    Default fields are left out: whether a file writes them makes no difference, nor do fields that later versions add.
    """
    inputs = {name: exact_all(shape.dims) for name, shape in traced.inputs.items()}
    counted = {"version": VERSION, "inputs": inputs, "layers": [_canonical(item) for item in items(traced, given)]}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"sha256:{sha256(text.encode('ascii')).hexdigest()}"


def _canonical(item: Item) -> list[Any]:
    known = kind_named(item.kind).model_fields
    fields = {name: value for name, value in item.fields.items() if name not in known or known[name].default != value}
    return [item.path, item.kind, fields, item.inputs, item.output]


LEAST = 0.5
"""The least similarity of two layers that are matched."""

FARTHEST = 100
"""The largest difference of places, among the layers of a kind, at which two layers are compared."""

MOST_COMPARED = 200_000
"""Pairs of layers of a kind that are compared; in larger networks they must be nearer to each other."""

MOST_ALIGNED = 3000
"""Longer blocks are not aligned, since the time is quadratic in the length."""

Key = str | tuple[str, ...] | None
"""The key by which layers are paired; None leaves a layer out."""

_Sides = tuple[list[Item], list[Item]]
"""Layers before, layers after."""


class Pairs(NamedTuple):
    """Paths before → paths after; `kept` are the paths before that kept their place in the order."""

    paths: Mapping[str, str]
    kept: frozenset[str]


def matched(before: Sequence[Item], after: Sequence[Item]) -> Pairs:
    """Pair the layers of two networks; the result is symmetric.

    Layers of one name are the same. The path of an unnamed layer changes with every layer inserted above it, so fields
    and order count more. Then follow layers that moved with the same fields, with the same path, and similar ones.
    """
    content = _contents()
    named = _paired(before, after, lambda item: item.path if item.is_named else None)
    aligned = {**named, **_aligned(before, after, named, content)}
    pairs = dict(aligned)
    rules: tuple[Callable[[Item], Key], ...] = (
        lambda item: (item.path, content(item)),
        lambda item: (item.path.partition(".")[2], content(item)) if "." in item.path else None,
        content,
        lambda item: item.path,
    )
    for rule in rules:
        pairs |= _paired(*_unpaired(before, after, pairs), rule)
    pairs |= _similar(*_unpaired(before, after, pairs))
    return Pairs(pairs, frozenset(aligned) | {old for old, new in pairs.items() if old == new})


def _unpaired(before: Sequence[Item], after: Sequence[Item], pairs: Mapping[str, str]) -> tuple[list[Item], list[Item]]:
    """Return the layers without a counterpart so far."""
    taken = {*pairs.values()}
    return [item for item in before if item.path not in pairs], [item for item in after if item.path not in taken]


def _contents() -> Callable[[Item], str]:
    """Return a function for the kind and fields of a layer as text, which is made once for all repetitions."""
    known: dict[int, tuple[Item, str]] = {}  # the item keeps the id of its fields

    def content(item: Item) -> str:
        found = known.get(id(item.fields))
        if found is None or found[0].kind != item.kind:
            found = known[id(item.fields)] = (item, f"{item.kind} {sorted(item.fields.items())}")
        return found[1]

    return content


def _grouped(before: Iterable[Item], after: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, _Sides]:
    """Group the layers of both networks by a key."""
    groups: dict[Key, _Sides] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for item in items:
            groups[key(item)][side].append(item)
    return groups


def _paired(before: Iterable[Item], after: Iterable[Item], key: Callable[[Item], Key]) -> dict[str, str]:
    """Pair layers with the same key, in order."""
    groups = _grouped(before, after, key)
    pairs = (pair for name, group in groups.items() if name is not None for pair in zip(*group, strict=False))
    return {old.path: new.path for old, new in pairs}


def _aligned(
    before: Sequence[Item], after: Sequence[Item], named: Mapping[str, str], content: Callable[[Item], str]
) -> dict[str, str]:
    """Pair unnamed layers of a block that have the same fields in the same order, between named ones."""
    blocks = _grouped(before, after, lambda item: item.path.rpartition(".")[0])
    return {old: new for block in blocks.values() for old, new in _aligned_block(*block, content) if old not in named}


def _aligned_block(
    before: Sequence[Item], after: Sequence[Item], content: Callable[[Item], str]
) -> Iterator[tuple[str, str]]:
    if max(len(before), len(after)) <= MOST_ALIGNED:
        sides = ([f"={item.path}" if item.is_named else content(item) for item in side] for side in (before, after))
        yield from ((before[i].path, after[j].path) for i, j in _common(*sides))


def _common(one: list[str], other: list[str]) -> list[tuple[int, int]]:
    """Return the places of the common subsequence of two sequences; the result is symmetric."""
    from difflib import SequenceMatcher

    if one == other or not {*one} & {*other}:
        return [*zip(range(len(one)), range(len(other)), strict=True)] if one == other else []
    turned = other < one
    first, second = (other, one) if turned else (one, other)
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    places = [(block.a + k, block.b + k) for block in blocks for k in range(block.size)]
    return [(j, i) for i, j in places] if turned else places


def _similar(before: Iterable[Item], after: Iterable[Item]) -> dict[str, str]:
    """Pair similar layers of a kind, the most similar and nearest first."""
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    for *_, old, new in sorted(_candidates(before, after)):
        if old not in pairs and new not in taken:
            pairs[old] = new
            taken.add(new)
    return pairs


def _candidates(before: Iterable[Item], after: Iterable[Item]) -> Iterator[tuple[float, int, int, str, str]]:
    """Yield the dissimilarity, the distance, the place and the paths of pairs of layers."""
    for olds, news in _grouped(before, after, lambda item: item.kind).values():
        far = min(FARTHEST, MOST_COMPARED // max(len(olds), len(news)))
        for i, old in enumerate(olds):
            for j, new in enumerate(news[max(0, i - far) : i + far + 1], max(0, i - far)):
                unlike = 1 - similarity(old, new)
                if unlike <= 1 - LEAST:
                    yield unlike, abs(i - j), i + j, old.path, new.path


def similarity(one: Item, other: Item) -> float:
    """Return the share of fields, output and last name that two layers of a kind have in common."""
    facts = [bool(one.fields.get(name) == value) for name, value in other.fields.items()]
    facts += [one.output == other.output, one.path.rpartition(".")[2] == other.path.rpartition(".")[2]]
    return sum(facts) / len(facts)


Status = Literal["added", "removed", "moved", "changed", "renumbered", "same", "renamed"]
"""The change of a layer; `renumbered` is an unnamed layer of which only the number changed.

`renamed` is one of which only the path differs, where networks are compared by form.
"""

QUIET = ("renumbered", "same", "renamed")
"""Statuses that are hidden by default."""


class Counted(NamedTuple):
    """A layer as it was counted, and its cost."""

    item: Item
    cost: Cost


class Change(NamedTuple):
    """The change of a layer: before, after, and the fields that differ."""

    status: Status
    before: Counted | None
    after: Counted | None
    fields: Mapping[str, tuple[Any, Any]] = {}

    @property
    def delta(self) -> Cost:
        """The difference in cost."""
        old, new = (each.cost if each else Cost() for each in (self.before, self.after))
        return Cost({name: new.get(name, 0) - old.get(name, 0) for name in {**old, **new}})


def layers_of(result: Count) -> tuple[Counted, ...]:
    """Return the layers of a network with their costs."""
    return tuple(Counted(item, result.costs[item.path]) for item in items(result.trace, result.case.given))


def differences(before: Sequence[Counted], after: Sequence[Counted]) -> tuple[Change, ...]:
    """Return the changes of all layers in the order of the new network; removed ones follow their predecessor."""
    pairs = matched([each.item for each in before], [each.item for each in after])
    reads = {**dict.fromkeys((each.item.path for each in before), ""), **pairs.paths}  # a removed layer has no path
    return changes(before, after, pairs.paths, lambda old, new: _change(old, new, pairs, reads))


def changes(
    before: Sequence[Counted],
    after: Sequence[Counted],
    paths: Mapping[str, str],
    change: Callable[[Counted, Counted], Change],
) -> tuple[Change, ...]:
    """Return the changes of layers that are paired by their paths, in the order of the new network, and the others."""
    olds = {each.item.path: each for each in before}
    sources = {new: old for old, new in paths.items()}
    removed = _removed(before, after, paths)
    found = [*removed.get(-1, ())]
    for place, new in enumerate(after):
        old = olds.get(sources.get(new.item.path, ""))
        found += [change(old, new) if old else Change("added", None, new), *removed.get(place, ())]
    return tuple(found)


def _removed(before: Sequence[Counted], after: Sequence[Counted], paths: Mapping[str, str]) -> dict[int, list[Change]]:
    """Return removed layers by the place of the layer that they follow."""
    places = {each.item.path: place for place, each in enumerate(after)}
    found: dict[int, list[Change]] = {}
    last = -1
    for each in before:
        if each.item.path in paths:
            last = places[paths[each.item.path]]
        else:
            found.setdefault(last, []).append(Change("removed", each, None))
    return found


def _change(old: Counted, new: Counted, pairs: Pairs, reads: Mapping[str, str]) -> Change:
    fields = dict(_fields(old.item, new.item, reads))
    status: Status = "same" if old.item.path == new.item.path else "renumbered"
    if _is_moved(old.item, new.item, pairs):
        status = "moved"
    elif fields or old.item.output != new.item.output or old.cost != new.cost:
        status = "changed"
    return Change(status, old, new, fields)


def _is_moved(old: Item, new: Item, pairs: Pairs) -> bool:
    """Tell whether a layer has another name or place, and not only another number among its siblings."""
    if old.path == new.path:
        return False
    is_named = old.is_named or new.is_named or old.path.rpartition(".")[0] != new.path.rpartition(".")[0]
    return is_named or old.path not in pairs.kept


def _fields(old: Item, new: Item, reads: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what differs: the kind, common fields, and what the layer reads; `reads` maps old to new paths."""
    if old.kind != new.kind:
        yield "type", (old.kind, new.kind)
    for name, value in old.fields.items():
        if name in new.fields and new.fields[name] != value:
            yield name, (value, new.fields[name])
    if tuple(reads.get(each, each) for each in old.inputs) != new.inputs:
        yield "reads", (old.inputs, new.inputs)
