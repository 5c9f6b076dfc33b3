"""Patch by patch: the first layers run once for each part of the map that the last of them writes (MCUNetV2).

Each patch computes the regions that its part depends on, so what overlaps is computed again (Lin et al., 2021).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from flopcount.case import Case, Count
from flopcount.errors import UsageError, suggestion
from flopcount.formulas.numbers import Dim, exact
from flopcount.formulas.numbers import product as multiplied
from flopcount.formulas.shape import Slide, Window, pads, per_axis, render
from flopcount.formulas.step import Step
from flopcount.network.arena import AFTER, is_series, leaves_of
from flopcount.network.memory import Life, Style
from flopcount.network.plan import Node
from flopcount.network.trace import fields
from flopcount.spec.kinds import KINDS, row_of

Region = tuple[tuple[int, int], ...]
"""The first place and the place after the last, along each axis of space."""

MOST_PATCHES = 10_000


class Patched(NamedTuple):
    """What it takes to run the first layers patch by patch.

    `first` is the peak while they run, with the whole input and the whole map that they write; `rest` that of the
    layers after them. `macs` are those of the first layers; `again` is how many more their patches take.
    """

    path: str
    grid: tuple[int, ...]
    layers: int
    before: int
    first: int
    rest: int
    macs: int
    again: int
    largest: Region

    @property
    def peak(self) -> int:
        """The peak of the whole network."""
        return max(self.first, self.rest)


def parsed_patch(text: str) -> tuple[tuple[int, ...], str]:
    """Read 2x2:LAYER: the patches along each axis, and the last layer that runs patch by patch."""
    sizes, _, path = text.partition(":")
    numbers = sizes.lower().replace("×", "x").split("x")
    if not path or not all(each.isdecimal() and len(each) < 6 and int(each) for each in numbers):  # noqa: PLR2004
        raise UsageError(f"--patch {text[:60]}: write the patches and the last layer of them, as in 2x2:layer1.conv2")
    return tuple(map(int, numbers)), path


def patched(case: Case, text: str) -> Patched:
    """Return what running the first layers patch by patch takes.

    Raises UsageError if the patches do not divide the map, or a layer needs all of what it reads.
    """
    grid, path = parsed_patch(text)
    stage = _Stage(case.count, path)
    parts = [*stage.parts(grid, text)]
    regions = [stage.needed(part) for part in parts]
    macs, done = stage.macs, sum(stage.work(each) for each in parts)
    first = max(map(stage.peak, regions))
    largest = max(regions, key=lambda each: sum(map(_area, each.values())))
    rest = max((size for name, size in stage.alive.items() if name not in stage.steps), default=0)
    before = max(stage.alive.values(), default=0)
    shown = next((largest[name] for name in stage.inputs if name in largest), ())
    return Patched(path, grid, len(stage.nodes), before, first, rest, macs, done - macs, shown)


class _Stage:
    """The layers up to one, which alone is read by those after them."""

    def __init__(self, count: Count, path: str) -> None:
        traced = count.trace
        inside = [name for name in traced.steps if name == path or name.startswith(f"{path}.")]
        if not inside:
            raise UsageError(f"--patch: there is no layer {path[:60]!r}; {suggestion(path, [*traced.steps])}")
        path = inside[-1]  # of a block, its last layer
        self.path, self.shapes, self.tensors = path, traced.shapes, count.tensors
        self.lifetimes = count.lifetimes(Style())
        self.alive = {name: exact(size) for name, size in self.lifetimes.alive.items()}
        self.nodes = _before(traced.plan.nodes, path)
        self.steps = {node.path: traced.steps[node.path] for node in self.nodes}
        self.inputs = [*traced.inputs]
        self.rule = count.convention
        self._check([node for node in traced.plan.nodes if node.path not in self.steps])

    def _check(self, others: Sequence[Node]) -> None:
        """Refuse layers that others read too: these need whole maps."""
        for node in others:
            inner = next((name for name in node.inputs if name in self.steps and name != self.path), None)
            if inner is not None:
                what = f"{node.path} reads {inner}, which would be in patches; name a layer that alone is read after it"
                raise UsageError(f"--patch: {what}")

    def parts(self, grid: Sequence[int], text: str) -> Iterator[Region]:
        """Yield the parts of the map that the last layer writes."""
        sizes = tuple(map(exact, self.shapes[self.path].spatial))
        is_along = len(sizes) == len(grid)
        if not is_along or any(size % parts for size, parts in zip(sizes, grid, strict=True)):
            why = ", which the patches do not divide" if is_along else "; give the patches along each of its axes"
            shown = f"{render(sizes)}{why}" if sizes else "no map"
            raise UsageError(f"--patch {text[:60]}: {self.path} writes {shown}")
        if multiplied(grid) > MOST_PATCHES:  # type: ignore[operator]  # of integers
            raise UsageError(f"--patch {text[:60]}: more than {MOST_PATCHES:,} patches")
        steps = [size // parts for size, parts in zip(sizes, grid, strict=True)]
        for places in product(*map(range, grid)):
            yield tuple((at * step, (at + 1) * step) for at, step in zip(places, steps, strict=True))

    def needed(self, part: Region) -> dict[str, Region]:
        """Return the region of each tensor that a part of the last follows from."""
        found = {self.path: part}
        for node in reversed(self.nodes):
            if node.path not in found:  # nothing in the stage reads it
                continue
            *_, (_, region) = _walked(node, self.steps[node.path], found[node.path])
            for name in node.inputs:
                found[name] = _hull(found.get(name), region)
        return found

    @property
    def macs(self) -> int:
        """The MACs of the layers on whole maps."""
        return sum(exact(self.rule.macs_of(step)) for step in self.steps.values())

    def work(self, part: Region) -> int:
        """Return the MACs of one patch."""
        regions = self.needed(part)
        named = ((node, regions[node.path]) for node in self.nodes if node.path in regions)
        return sum(self._work(leaf, at) for node, region in named for leaf, at in _leaves(node, self.steps, region))

    def _work(self, leaf: Step, region: Region) -> int:
        return exact(self.rule.macs_of(leaf)) * _area(region) // exact(multiplied(leaf.shape.spatial))

    def peak(self, regions: Mapping[str, Region]) -> int:
        """Return the most bytes alive during a patch: whole inputs, the whole map it is for, and its own regions."""
        numbers = {node.path: number for number, node in enumerate(self.nodes)}
        held = {name: owner for name, owner in self.lifetimes.held.items() if name in numbers}
        output = held[self.path]
        inputs = sum(exact(self.tensors[name].size) for name in self.inputs if name in regions)
        whole = exact(self.tensors[self.path].size)
        lives = [*self._lives(numbers, held, regions)]
        alive = [0] * len(self.nodes)
        for life in lives:
            if life.name != output:
                for at in range(life.first, life.last + 1):
                    alive[at] += exact(life.tensor.size)
        return inputs + whole + max(alive, default=0)

    def _lives(
        self, numbers: Mapping[str, int], held: Mapping[str, str], regions: Mapping[str, Region]
    ) -> Iterator[Life]:
        """Yield the tensors of the stage, each with the elements of its region."""
        last: dict[str, int] = {}
        writer: dict[str, str] = {}
        for node in self.nodes:
            for name in node.inputs:
                if name in held:
                    last[held[name]] = numbers[node.path]
            if KINDS[node.kind].buffer != "view":
                writer[held[node.path]] = node.path
        for owner, name in writer.items():
            if owner in numbers and name in regions:
                shape = self.shapes[name]
                elements = exact(shape.channels) * exact(multiplied(shape.leading)) * _area(regions[name])
                tensor = self.tensors[name]._replace(elements=elements)
                yield Life(owner, tensor, numbers[owner], last.get(owner, numbers[owner]))


def _before(nodes: Sequence[Node], path: str) -> list[Node]:
    """Return the layers that one follows from, and it."""
    needed, found = {path}, []
    for node in reversed(nodes):
        if node.path in needed:
            found.append(node)
            needed.update(node.inputs)
    return found[::-1]


def _area(region: Region) -> int:
    return exact(multiplied(tuple(last - first for first, last in region)))


def _hull(one: Region | None, other: Region) -> Region:
    if one is None:
        return other
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


def _leaves(node: Node, steps: Mapping[str, Step], region: Region) -> Iterator[tuple[Step, Region]]:
    """Yield the parts of a layer from the last, each with the region that it writes."""
    *found, _ = [(steps[node.path], region), *_walked(node, steps[node.path], region)]
    leaves = [leaf for _, leaf in leaves_of(steps[node.path])][::-1]
    yield from zip(leaves, (each for _, each in found), strict=False)


def _walked(node: Node, step: Step, region: Region) -> Iterator[tuple[Step, Region]]:
    """Yield the parts of a layer from the last, each with the region that it reads for a region of the layer."""
    if not is_series(step):
        raise UsageError(f"--patch: {node.path} ({node.kind}) {_why(step)}; name a layer before it")
    for name, leaf in [*leaves_of(step)][::-1]:
        region = region if name in AFTER else _read(leaf, node, region)
        yield leaf, region


def _why(step: Step) -> str:
    """Say why a layer whose parts do not follow each other cannot run patch by patch."""
    if any(row_of(leaf).sees == "all" for leaf in step.leaves()):
        return "needs all of the map, which no patch has"
    return "has parts that read the same map, which patches do not follow"


def _read(leaf: Step, node: Node, region: Region) -> Region:
    """Return the region that a layer, or a part of one, reads for a region that it writes."""
    if KINDS[node.kind].sees == "place":
        return region
    if node.kind == "Pad":
        window = Window(1, 1, fields(node.layer)["padding"])
        return _slid(Slide(window, _inside(node, leaf), leaf.shape.spatial), region)
    if leaf.kind == "ConvTranspose" or leaf.slide is None or leaf.slide.window is None:
        raise UsageError(f"--patch: {node.path} ({node.kind}) needs all of what it reads; name a layer before it")
    if leaf.slide.window.padding == "valid-round" and multiplied(leaf.slide.window.kernel(len(region))) != 1:
        raise UsageError(f'--patch: {node.path} has padding = "valid-round", whose maps have no place; name another')
    return _slid(leaf.slide, region)


def _inside(node: Node, leaf: Step) -> tuple[Dim, ...]:
    """Return the map that a border goes around."""
    sizes = leaf.shape.spatial
    borders = pads(fields(node.layer)["padding"], len(sizes))
    return tuple(size - sum(border) for size, border in zip(sizes, borders, strict=True))


def _slid(slide: Slide, region: Region) -> Region:
    """Return the region under a window that stops at each place of a region."""
    window = slide.window
    assert window is not None  # noqa: S101  (for the type checker)
    count = len(region)
    sizes, stops = (tuple(map(exact, each)) for each in (slide.map, slide.stops))
    moves = (window.kernel_size, window.stride, window.dilation)
    kernel, stride, dilation = (tuple(map(exact, per_axis(each, count, "patch"))) for each in moves)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    before = _padding(window.padding, sizes, stops, extents, stride)
    found = []
    for (first, last), size, extent, step, pad in zip(region, sizes, extents, stride, before, strict=True):
        low = min(max(first * step - pad, 0), size)
        found.append((low, max(min((last - 1) * step - pad + extent, size), low)))
    return tuple(found)


def _padding(
    padding: object, sizes: Sequence[int], stops: Sequence[int], extents: Sequence[int], stride: Sequence[int]
) -> list[int]:
    """Return the padding before each axis."""
    if isinstance(padding, str):
        missing = [(n - 1) * s + e - size for n, s, e, size in zip(stops, stride, extents, sizes, strict=True)]
        return [max(each, 0) // 2 if padding == "same" else 0 for each in missing]
    return [exact(pad) for pad, _ in pads(padding, len(sizes))]  # type: ignore[arg-type]  # no word
