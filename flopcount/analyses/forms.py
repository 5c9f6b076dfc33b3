"""Two forms of one network: the same computation under other names, or with its norms and activations apart.

Each layer is taken apart into its steps; a norm or an activation that alone reads a step goes with it, and what
changes no number (identity, dropout, flatten) is left out. Two networks are the same but for names if what is then
left can be paired one to one, each with equal facts, sizes and costs, reading what is paired.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

from flopcount.analyses.diff import QUIET, Change, Counted, Item, Status, changes, differences, items, layers_of
from flopcount.case import Count
from flopcount.formulas.numbers import exact, exact_all
from flopcount.formulas.shape import Slide, Window, pads
from flopcount.formulas.step import Step
from flopcount.network.convention import with_params
from flopcount.network.metrics import Cost, combined
from flopcount.network.plan import Node
from flopcount.network.trace import fields as fields_of
from flopcount.network.trace import own
from flopcount.spec.kinds import KINDS, kind_named, reads_several, row_of
from flopcount.spec.units import DEFAULT_METRICS

SILENT = frozenset(name for name, kind in KINDS.items() if kind.buffer == "view") - {"Reshape"}
"""Kinds that change no number, or only how a map is written before a linear layer."""

FOLLOWING = frozenset(name for name, kind in KINDS.items() if kind.in_place and not reads_several(name))
"""Kinds that go with the layer before them: norms and functions of one element."""

GATES = frozenset({"SqueezeExcitation"})
"""Compositions whose parts each read the one before, and the last part the input of the layer too."""

BY_ELEMENT = frozenset({"Activation", "PReLU"})
"""Those of them that are the same over a map and over its elements in a row."""

COMMUTATIVE = frozenset({"Add", "Mul"})
"""Kinds for which the order of what they read makes no difference."""

PLAIN = frozenset(name for name, kind in KINDS.items() if kind.is_plain)
"""Convolutions, with groups or without: one kind here, with `groups` as a fact."""


class Cell(NamedTuple):
    """A step with what is folded into it; `reads` are numbers of cells, or those below zero of the inputs.

    `label` is all that decides whether two cells are equal, but for what they read.
    """

    counted: Counted
    reads: tuple[int, ...]
    folded: tuple[str, ...] = ()
    label: str = ""

    @property
    def shape(self) -> str:
        """What two cells have in common that are probably one, but for a field."""
        return f"{'Conv' if self.counted.item.kind in PLAIN else self.counted.item.kind} {self.counted.item.output}"


class _Part(NamedTuple):
    """A step of a layer: its name in the layer, and whether it goes with the one before."""

    suffix: str
    step: Step
    follows: bool
    is_gate: bool = False
    cost: Cost = Cost()
    kind: str = ""
    facts: Mapping[str, Any] = {}


def cells(result: Count) -> list[Cell]:
    """Return the steps of a network, norms and activations folded into those before them."""
    return [cell._replace(label=_label(*cell.counted)) for cell in _Folding(result).cells]


def _label(item: Item, cost: Cost) -> str:
    plain = "Conv" if item.kind in PLAIN else item.kind
    return f"{plain} {sorted(item.fields.items())} {_long(item.output)} {cost['params']} {cost['macs']}"


class _Folding:
    """One walk over a network in the order of the computation."""

    def __init__(self, result: Count) -> None:
        self.result = result
        self.cells: list[Cell] = []
        self.paths = [*result.trace.inputs]
        self.home = {name: -1 - place for place, name in enumerate(self.paths)}
        self.silent = _silent(result)
        self.readers, self.borders = _readers(result, self.silent)
        self.known: dict[tuple[int, int, int], list[_Part]] = {}  # of equal layers, whose steps are one
        self.words: dict[tuple[int, int], str] = {}
        for (node, step), item in zip(result.trace.items(), items(result.trace, result.case.given), strict=True):
            self._visit(node, step, item)

    def _visit(self, node: Node, step: Step, item: Item) -> None:
        reads = tuple(self.home[name] for name in node.inputs)
        is_sole = len(reads) == 1 and reads[0] >= 0 and self.readers[node.inputs[0]] == 1
        if node.path in self.silent:
            self.home[node.path] = reads[0]
            return
        if node.kind in FOLLOWING and is_sole:
            key = id(node.layer), id(step)
            if key not in self.words:
                self.words[key] = _worded(item, step)
            word, cost = self.words[key], self.result.costs[node.path]
            over = [] if node.kind in BY_ELEMENT else _long(item.output)
            is_flat = over and over != _long(self.cells[reads[0]].counted.item.output)
            self._fold(reads[0], f"{word} of {over}" if is_flat else word, cost, node.path)
            self.home[node.path] = reads[0]
            return
        self._add(node, step, item, reads)

    def _add(self, node: Node, step: Step, item: Item, reads: tuple[int, ...]) -> None:
        key = id(node.layer), id(step), id(self.result.cost(step, node.path))  # by its precision too
        if key not in self.known:
            self.known[key] = self._known(step, item)
        parts, entry = self.known[key], reads
        is_one = sum(not part.follows for part in parts) == 1
        border = self.borders.get(node.inputs[0])
        for part in parts:
            if part.follows:
                self._fold(len(self.cells) - 1, part.step.kind, part.cost)
                continue
            path = node.path if is_one else f"{node.path}.{part.suffix}"
            output = item.output if is_one else exact_all(part.step.shape.dims)
            facts = _bordered(part.facts, border)
            made = Item(path, part.kind, facts, tuple(map(self._named, reads)), output)
            self.cells.append(Cell(Counted(made, part.cost), reads))
            reads = (len(self.cells) - 1,)
            if part.is_gate:
                self._gate(entry)
        self.home[node.path] = last = len(self.cells) - 1
        if is_one and not parts[0].follows:  # what is folded into it is part of the layer, which writes one tensor
            cell = self.cells[last]
            self.cells[last] = cell._replace(counted=cell.counted._replace(cost=self.result.costs[node.path]))

    def _known(self, step: Step, item: Item) -> list[_Part]:
        """Return the parts of a layer with their costs and facts."""
        parts = [*_parts(step)]
        is_one = sum(not part.follows for part in parts) == 1
        kind, fields = (item.kind, item.fields) if is_one else ("", {})
        return [
            part._replace(
                cost=self.result.cost(part.step if len(parts) > 1 else step, item.path),
                kind=kind or part.step.kind,
                facts={**_facts(part.step, fields), "then": ()},
            )
            for part in parts
        ]

    def _gate(self, entry: tuple[int, ...]) -> None:
        """Let the last cell read the input of its layer too."""
        last = self.cells[-1]
        item = last.counted.item._replace(inputs=(*map(self._named, entry), *last.counted.item.inputs))
        self.cells[-1] = last._replace(counted=last.counted._replace(item=item), reads=(*entry, *last.reads))

    def _fold(self, place: int, word: str, cost: Cost, path: str = "") -> None:
        cell = self.cells[place]
        item, before = cell.counted
        is_bias = self.result.convention.folds and word.startswith("BatchNorm") and not any(cost.values())
        fields = item.fields if is_bias else {**item.fields, "then": (*item.fields["then"], word)}
        whole = Cost({**before, **combined([before, cost], [name for name in before if name in cost])})
        folded = (*cell.folded, path) if path else cell.folded
        self.cells[place] = cell._replace(counted=Counted(item._replace(fields=fields), whole), folded=folded)

    def _named(self, place: int) -> str:
        return self.cells[place].counted.item.path if place >= 0 else self.paths[-1 - place]


def _long(sizes: Sequence[int]) -> list[int]:
    """Return the sizes but for ones, which a flattened map does not have."""
    return [size for size in sizes if size != 1]


def _silent(result: Count) -> dict[str, tuple[int, ...]]:
    """Return the layers that change no number, each with the border of zeros that it puts around a map."""
    shapes, found = result.trace.shapes, dict[str, tuple[int, ...]]()
    alone = Counter(name for node in result.trace.plan.nodes for name in node.inputs)
    padded = {
        node.inputs[0]
        for node in result.trace.plan.nodes
        if node.kind in PLAIN and fields_of(node.layer)["padding"] == 0
    }
    for node, step in result.trace.items():
        x = shapes[node.inputs[0]]
        is_flat = node.kind in SILENT or (node.kind == "Reshape" and len(step.shape.dims) == 1)
        is_same = node.kind.endswith("Pool") and x.dims == step.shape.dims and {*step.kernel} <= {1}
        if (is_flat or is_same) and not any(map(result.cost(step).get, DEFAULT_METRICS)):
            found[node.path] = ()
        elif node.kind == "Pad" and node.path in padded and alone[node.path] == 1:
            found[node.path] = tuple(
                exact(before) for before, _ in pads(fields_of(node.layer)["padding"], len(x.spatial))
            )
    return found


def _readers(result: Count, silent: Mapping[str, tuple[int, ...]]) -> tuple[Counter[str], dict[str, tuple[int, ...]]]:
    """Return how many layers read each, seen through those that change no number, and the borders that are read."""
    meant: dict[str, str] = {}
    readers: Counter[str] = Counter()
    for node in result.trace.plan.nodes:
        if node.path in silent:
            meant[node.path] = meant.get(node.inputs[0], node.inputs[0])
        else:
            readers.update(meant.get(name, name) for name in node.inputs)
    readers.update({path: readers[source] for path, source in meant.items()})
    return readers, {path: border for path, border in silent.items() if border}


def _parts(step: Step, suffix: str = "") -> Iterator[_Part]:
    """Yield the steps of a layer that read one another in order; a composition of another form is one step."""
    parts = [*step.parts]
    ends = [parts.pop() for _ in range(len(parts)) if parts[-1].name in {"norm", "activation"}] if parts else []
    if not parts:
        yield _Part(suffix, step, follows=False)
        return
    if len(parts) == 1:
        yield from _parts(parts[0].step, suffix or parts[0].name)
    elif step.kind in GATES or row_of(step).parts == "series":
        for number, part in enumerate(parts):
            if part.name == "gate":
                yield _Part(part.name, part.step, follows=True)
            else:
                gated = step.kind in GATES and number == len(parts) - 1
                yield from (each._replace(is_gate=gated) for each in _parts(part.step, part.name))
    else:
        yield _Part(suffix, step._replace(parts=tuple(parts)), follows=False)
    for part in reversed(ends):
        yield _Part(part.name, part.step, follows=True)


def _worded(item: Item, step: Step) -> str:
    """Return a folded layer in words: its kind, and the fields that are not at their default."""
    known = kind_named(item.kind).model_fields
    given = (f"{name}={value}" for name, value in item.fields.items() if value != known[name].default)
    return " ".join((step.kind, *(each for each in given if not each.startswith("function="))))


def _facts(step: Step, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step does: of a window its geometry, however it is written; otherwise the fields of the layer."""
    has_bias = {"bias": bool(exact(step.tally.counts["bias"]))} if "bias" in step.tally.counts else {}
    if step.slide and step.slide.window:
        return {**_geometry(step.slide.window, step.slide), **has_bias}
    if "weight" in step.tally.counts and not step.parts:
        return has_bias
    if not fields and step.kind in KINDS:
        fields = {
            name: each.default
            for name, each in kind_named(step.kind).model_fields.items()
            if name in own(kind_named(step.kind))
        }
    apart = {"keepdim", "norm", "activation"} - {*_inner(step)}
    return {name: value for name, value in fields.items() if name not in apart}


def _inner(step: Step) -> Iterator[str]:
    """Yield the names of all parts: a norm or an activation among them does not follow the layer."""
    for part in step.parts:
        yield part.name
        yield from _inner(part.step)


def _bordered(facts: Mapping[str, Any], border: tuple[int, ...] | None) -> Mapping[str, Any]:
    """Add a border of zeros, a layer of its own, to the padding of the only layer that reads it."""
    return facts if border is None else {**facts, "padding": _one(border)}


def _geometry(window: Window, slide: Slide) -> dict[str, Any]:
    """Return a window along each axis; its padding is what stands before the map, which says the rest."""
    kernel, stride, dilation = window.moves(len(slide.map))
    is_rounded = window.padding == "valid-round" and {*kernel} != {1}
    padding = (window.padding,) if is_rounded else window.before(slide.map, slide.stops)
    sides = {"kernel_size": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    return {**{name: _one(each) for name, each in sides.items()}, "groups": slide.groups}


def _one(values: tuple[Any, ...]) -> Any:
    """Return one value for all axes, or one for each."""
    return values[0] if len({*values}) == 1 else values


Pairing = dict[int, int]
"""Numbers of cells before → numbers of cells after."""


def isomorphic(before: Sequence[Cell], after: Sequence[Cell]) -> Pairing | None:
    """Pair two networks one to one, cell by cell with all that reads it; None if they differ."""
    if len(before) != len(after):
        return None
    numbers: dict[Any, int] = {}
    marks = [_marks(side, numbers) for side in (before, after)]
    places: dict[Any, list[int]] = defaultdict(list)
    for place in range(len(after) - 1, -1, -1):  # the first is taken first
        places[marks[1][place], _order(after[place], after[place].reads)].append(place)
    pairs: Pairing = {}
    for place, cell in enumerate(before):
        reads = tuple(pairs[each] if each >= 0 else each for each in cell.reads)
        found = places.get((marks[0][place], _order(cell, reads)))
        if not found:
            return None
        pairs[place] = found.pop()
    return pairs


def _order(cell: Cell, reads: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(reads)) if cell.counted.item.kind in COMMUTATIVE else reads


def _marks(side: Sequence[Cell], numbers: dict[Any, int]) -> list[int]:
    """Return a number for each cell that is equal where the cell, all that it follows from and what follows are."""
    readers: list[list[tuple[int, int]]] = [[] for _ in side]
    marks: list[int] = []
    for cell in side:
        key: Any = cell.label, _order(cell, tuple(marks[each] if each >= 0 else each for each in cell.reads))
        marks.append(numbers.setdefault(key, len(numbers)))
    for place in range(len(side) - 1, -1, -1):
        cell = side[place]
        key = marks[place], tuple(sorted(readers[place]))
        marks[place] = mark = numbers.setdefault(key, len(numbers))
        is_one = cell.counted.item.kind in COMMUTATIVE
        for position, source in enumerate(cell.reads):
            if source >= 0:
                readers[source].append((mark, 0 if is_one else position))
    return marks


MOST_STEPS = 500_000
"""The work of an alignment is bounded; what is not aligned by then is added and removed."""


def aligned(before: Sequence[Cell], after: Sequence[Cell]) -> Pairing:
    """Pair the cells of networks that differ, in order: equal ones, those of a kind and size, of a kind, of a cost."""
    keys: tuple[Callable[[Cell], str], ...] = (
        lambda cell: cell.label,
        lambda cell: cell.shape,
        lambda cell: cell.shape.partition(" ")[0],
        lambda cell: str([*filter(None, cell.counted.cost.values())] or cell.shape),
    )
    sides = [[cell.label for cell in side] for side in (before, after)]
    if sides[1] < sides[0]:
        return {old: new for new, old in aligned(after, before).items()}
    left, gaps, pairs = [MOST_STEPS], [(0, len(before), 0, len(after))], Pairing()
    for key in keys:
        ids: dict[str, int] = {}
        one, other = ([ids.setdefault(key(cell), len(ids)) for cell in side] for side in (before, after))
        rest = []
        for a, b, c, d in gaps:
            found = [(a + i, c + j) for i, j in _common(one[a:b], other[c:d], left)]
            pairs |= found
            ends = [(a - 1, c - 1), *found, (b, d)]
            rest += [(i + 1, k, j + 1, m) for (i, j), (k, m) in pairwise(ends) if i + 1 < k and j + 1 < m]
        gaps = rest
    return pairs


def _common(one: Sequence[int], other: Sequence[int], left: list[int]) -> list[tuple[int, int]]:
    """Return the places of a longest common subsequence (Myers, 1986), or those of both ends if that takes too long."""
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    most = min(len(one), len(other)) - start
    end = next((i for i in range(most) if one[-1 - i] != other[-1 - i]), most)
    n, m = len(one) - end, len(other) - end
    middle = _edits(one[start:n], other[start:m], left)
    ends = [(i, i) for i in range(start)], [(n + i, m + i) for i in range(end)]
    return [*ends[0], *((start + i, start + j) for i, j in middle), *ends[1]]


def _edits(one: Sequence[int], other: Sequence[int], left: list[int]) -> list[tuple[int, int]]:
    """Walk along the fewest insertions and removals; empty if they are more than there is work left for."""
    n, m, far = len(one), len(other), {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(n + m + 1) if {*one} & {*other} else ():
        left[0] -= edits + 1
        if left[0] < 0:
            break
        trail.append(far)
        reached: dict[int, int] = {}
        for k in range(-edits, edits + 1, 2):
            before = _from(far, k, edits)
            x = far[before] + (before < k)
            while x < n and x - k < m and one[x] == other[x - k]:
                x += 1
            reached[k] = x
        if reached.get(n - m, -1) >= n:
            return _back(n, m, trail)
        far = reached
    return []


def _from(far: Mapping[int, int], k: int, edits: int) -> int:
    """Return the diagonal from which the farthest way to another leads."""
    is_down = k == -edits or (k != edits and far[k - 1] < far[k + 1])
    return k + 1 if is_down else k - 1


def _back(x: int, y: int, trail: list[dict[int, int]]) -> list[tuple[int, int]]:
    """Return the places that are common, from the trail of a walk."""
    found: list[tuple[int, int]] = []
    for edits in range(len(trail) - 1, -1, -1):
        before = _from(trail[edits], x - y, edits)
        start = trail[edits][before]
        while x > start and y > start - before:
            x, y = x - 1, y - 1
            found.append((x, y))
        x, y = start, start - before
    return found[::-1]


class Resemblance(NamedTuple):
    """How two networks compare: the changes to show, and whether they are the same but for names.

    `renamed` are the paths of layers that differ in their path alone; `folded` are the layers, before and after, that
    are compared with the one before them, by its path. `is_deployed` tells that with batch norms folded, they are the
    same.
    """

    changes: tuple[Change, ...]
    is_same: bool = False
    renamed: tuple[tuple[str, str], ...] = ()
    folded: tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]] = ({}, {})
    is_deployed: bool = False


def compared(before: Count, after: Count) -> Resemblance:
    """Compare two networks by name, or by form if that leaves fewer differences."""
    is_named = 2 * len(before.trace.steps.keys() & after.trace.steps.keys()) > len(after.trace.steps)
    by_name = differences(layers_of(before), layers_of(after)) if is_named else None
    if by_name and not _loud(by_name):
        return Resemblance(by_name, _is_whole(before, after))
    sides = cells(before), cells(after)
    same = isomorphic(*sides) if _is_whole(before, after) else None
    found = _changes(*sides, aligned(*sides) if same is None else same)
    if same is None and (is_named or 2 * _loud(found) > len(found)):  # otherwise names cannot say more
        by_name = by_name or differences(layers_of(before), layers_of(after))
        if _loud(found) >= _loud(by_name):
            return Resemblance(by_name)
    both = ((each.before, each.after) for each in found if each.status == "renamed")
    renamed = tuple((old.item.path, new.item.path) for old, new in both if old and new)
    folded = [{cell.counted.item.path: cell.folded for cell in side if cell.folded} for side in sides]
    return Resemblance(
        found, same is not None, renamed, (folded[0], folded[1]), same is None and _deployed(before, after)
    )


def _loud(found: Sequence[Change]) -> int:
    """Return how many changes are shown by default."""
    return sum(each.status not in QUIET for each in found)


def _is_whole(before: Count, after: Count) -> bool:
    """Tell whether all of both networks is known, and their inputs have the same sizes."""
    shapes = [[(shape.dims, shape.channel_axis) for shape in side.trace.inputs.values()] for side in (before, after)]
    return shapes[0] == shapes[1] and not (before.unknown or after.unknown)


def _deployed(before: Count, after: Count) -> bool:
    """Tell whether two networks are the same once batch norms are folded, if they are not now."""
    steps = chain(before.trace.steps.values(), after.trace.steps.values())
    is_foldable = not before.convention.folds and any("batch_norm" in step.tally.counts for step in steps)
    if not is_foldable or not _is_whole(before, after):
        return False
    rule = with_params(before.convention, "folded")
    one, other = (side.case.at(convention=rule).count for side in (before, after))
    return one.total == other.total and isomorphic(cells(one), cells(other)) is not None


def _changes(before: Sequence[Cell], after: Sequence[Cell], pairs: Pairing) -> tuple[Change, ...]:
    paths = {before[old].counted.item.path: after[new].counted.item.path for old, new in pairs.items()}
    read = {id(cell.counted): cell for side in (before, after) for cell in side}

    def change(old: Counted, new: Counted) -> Change:
        one, other = read[id(old)], read[id(new)]
        reads = tuple(pairs.get(each, len(after)) if each >= 0 else each for each in one.reads)
        names = {**old.item.fields, **new.item.fields}
        fields = {name: (old.item.fields.get(name), new.item.fields.get(name)) for name in names}
        fields = {name: both for name, both in fields.items() if both[0] != both[1]}
        if one.label.partition(" ")[0] != other.label.partition(" ")[0]:
            fields["type"] = (old.item.kind, new.item.kind)
        if _order(one, reads) != _order(other, other.reads):
            fields["reads"] = (old.item.inputs, new.item.inputs)
        status: Status = "changed" if fields or one.label != other.label else "renamed"
        return Change("same" if (status, old.item.path) == ("renamed", new.item.path) else status, old, new, fields)

    return changes([cell.counted for cell in before], [cell.counted for cell in after], paths, change)
