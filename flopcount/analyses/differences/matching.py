"""Which layer of one network is which of another: by name, by place in the order, by what they are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flopcount.analyses.differences.inventory import Item

LEAST = 0.5
"""Layers that have less than this in common are not the same layer."""

FARTHEST = 100
"""Layers of a kind are compared where their places among those of the kind differ by no more."""

MOST_ALIGNED = 3000
"""Longer blocks are not aligned, which takes time that grows with the square of the length."""

Key = str | tuple[str, ...] | None
"""What layers are paired by; None keeps a layer out."""


class Pairs(NamedTuple):
    """Paths before → paths after; `kept` are those before that are where they were in the order of the others."""

    paths: Mapping[str, str]
    kept: frozenset[str]


def matched(before: Sequence[Item], after: Sequence[Item]) -> Pairs:
    """Pair the layers of two networks; the other way round, the pairs are the same.

    A name is what people call a layer, so layers of one name are one layer. A
    layer without a name is called by its place, which changes with every layer
    above it: its fields and its place in the order say more. Then comes what has
    moved, with the fields it had; then what has its old path; then what is alike.
    """
    named = _paired(before, after, lambda item: item.path if item.is_named else None)
    aligned = {**named, **_aligned(before, after, named)}
    pairs = dict(aligned)
    rules: tuple[Callable[[Item], Key], ...] = (
        lambda item: (item.path, _content(item)),
        lambda item: (_tail(item.path), _content(item)) if "." in item.path else None,
        _content,
        lambda item: item.path,
    )
    for rule in rules:
        pairs |= _paired(*_left(before, after, pairs), rule)
    pairs |= _alike(*_left(before, after, pairs))
    same = {old for old, new in pairs.items() if old == new}
    return Pairs(pairs, frozenset(aligned) | same)


def _left(before: Sequence[Item], after: Sequence[Item], pairs: Mapping[str, str]) -> tuple[list[Item], list[Item]]:
    """Return the layers that have no counterpart yet."""
    taken = {*pairs.values()}
    return [item for item in before if item.path not in pairs], [item for item in after if item.path not in taken]


def _content(item: Item) -> str:
    """Return what a layer is, apart from its path and what it reads."""
    return f"{item.kind} {sorted(item.fields.items())}"


def _tail(path: str) -> str:
    return path.partition(".")[2]


def _paired(before: Iterable[Item], after: Iterable[Item], key: Callable[[Item], Key]) -> dict[str, str]:
    """Pair what has the same key, the first with the first."""
    groups: dict[Key, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for item in items:
            groups[key(item)][side].append(item.path)
    return {old: new for key, group in groups.items() if key is not None for old, new in zip(*group, strict=False)}


def _aligned(before: Sequence[Item], after: Sequence[Item], named: Mapping[str, str]) -> dict[str, str]:
    """Pair layers of one block that have the same fields and come in the same order, between those that have names."""
    blocks: dict[str, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for item in items:
            blocks[item.path.rpartition(".")[0]][side].append(item)
    return {old: new for block in blocks.values() for old, new in _aligned_block(*block) if old not in named}


def _aligned_block(before: Sequence[Item], after: Sequence[Item]) -> Iterator[tuple[str, str]]:
    if max(len(before), len(after)) <= MOST_ALIGNED:
        sides = ([f"={item.path}" if item.is_named else _content(item) for item in side] for side in (before, after))
        yield from ((before[i].path, after[j].path) for i, j in _common(*sides))


def _common(one: list[str], other: list[str]) -> list[tuple[int, int]]:
    """Return the places of what two sequences have in common, in order; the same whichever comes first."""
    from difflib import SequenceMatcher

    turned = other < one
    first, second = (other, one) if turned else (one, other)
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    places = [(block.a + k, block.b + k) for block in blocks for k in range(block.size)]
    return [(j, i) for i, j in places] if turned else places


class _Likeness(NamedTuple):
    """How little two layers have in common, and how far apart they are: the best pair is the least."""

    unlike: float
    distance: int
    place: int
    before: str
    after: str


def _alike(before: Iterable[Item], after: Iterable[Item]) -> dict[str, str]:
    """Pair layers of a kind that are alike, the most alike first."""
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    for each in sorted(_likenesses(before, after)):
        if each.before not in pairs and each.after not in taken:
            pairs[each.before] = each.after
            taken.add(each.after)
    return pairs


def _likenesses(before: Iterable[Item], after: Iterable[Item]) -> Iterable[_Likeness]:
    kinds: dict[str, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for item in items:
            kinds[item.kind][side].append(item)
    for olds, news in kinds.values():
        for i, old in enumerate(olds):
            for j, new in enumerate(news[max(0, i - FARTHEST) : i + FARTHEST + 1], max(0, i - FARTHEST)):
                unlike = 1 - likeness(old, new)
                if unlike <= 1 - LEAST:
                    yield _Likeness(unlike, abs(i - j), i + j, old.path, new.path)


def likeness(one: Item, other: Item) -> float:
    """Return the part of what can be said of two layers of a kind that is the same: fields, output, last name."""
    facts = [bool(one.fields.get(name) == value) for name, value in other.fields.items()]
    facts += [one.output == other.output, one.path.rpartition(".")[2] == other.path.rpartition(".")[2]]
    return sum(facts) / len(facts)
