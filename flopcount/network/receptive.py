"""Receptive fields: what one position of a map sees of the input, axis by axis, through branches.

After Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks, Distill 2019. Along an axis
a window of extent k and stride s on a map whose positions are j apart turns a field of size r that starts at u into one
of size r + (k − 1)·j that starts at u − p·j, with positions s·j apart; p is the padding before the map. Of several
branches the largest field counts. They are aligned if their strides and the centers of their fields agree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from flopcount.errors import Note
from flopcount.formulas.numbers import Dim
from flopcount.formulas.shape import PerAxis, Shape, Slide, pads, per_axis
from flopcount.formulas.step import Step
from flopcount.network.plan import Node
from flopcount.network.trace import Trace
from flopcount.spec.kinds import KINDS, row_of

Number: TypeAlias = int | Fraction

UNKNOWN: Mapping[str, str] = {
    "OctaveConv": "its two maps differ in size, and each sees the other",
    "WindowAttention": "its windows do not slide, and the tokens of one may lie apart, as those of a grid do",
}
"""Why positions see regions of other shapes than a window, by the kind."""


class Reach(NamedTuple):
    """The field of a position along an axis: `base` + `more` positions of the input, `jump` from one to the next.

    `more` is what windows on an enlarged map add, whole multiples of `grain`, the jump before. The first position
    starts at `start`; None for a jump or a start that differs between branches or positions.
    """

    base: Number = 1
    jump: Number | None = 1
    start: Number | None = 0
    more: Number = 0
    grain: Number = 0

    @property
    def size(self) -> int:
        """The positions of the input that are seen."""
        more = -(-self.more // self.grain) * self.grain if self.grain else self.more
        return int(self.base + more)

    @property
    def center(self) -> Number | None:
        """Twice the center of the field of the first position."""
        return None if self.start is None else 2 * self.start + self.size - 1

    def slid(self, extent: Number, stride: Number = 1, before: Number | None = 0) -> "Reach | None":
        """Return the field after a window; None if it needs a jump that is not known."""
        if self.jump is None:
            return self if extent == stride == 1 else None
        grown = (extent - 1) * self.jump
        start = None if self.start is None or before is None else self.start - before * self.jump
        wide = self._replace(jump=self.jump * stride, start=start)
        return wide._replace(more=self.more + grown) if self.grain else wide._replace(base=self.base + grown)

    def enlarged(self, factor: Number, kernel: Number) -> "Reach | None":
        """Return the field on a map that a kernel makes `factor` times finer."""
        if self.jump is None:
            return None
        is_new = not self.grain or self.jump > self.grain
        found = self._replace(base=self.size, more=0, grain=self.jump) if is_new else self
        jump = Fraction(self.jump) / factor
        return found._replace(jump=jump, start=None, more=found.more + (kernel - factor) * jump)


class Seen(NamedTuple):
    """What the positions of a tensor see: a field per axis, or none; `whole` if all of the input as well.

    If that is unknown, `lost` is the layer from which on; `apart` if fields have been joined whose strides or centers
    differ.
    """

    axes: tuple[Reach, ...] = ()
    whole: bool = False
    lost: str = ""
    apart: bool = False


NOTHING = Seen()
"""What a parameter sees."""

_LOST = Seen(lost="?")


def joined(several: Iterable[Seen]) -> Seen:
    """Return what is seen through any of several branches: the largest field along each axis."""
    found = [each for each in dict.fromkeys(several) if each != NOTHING]
    lost = next((each for each in found if each.lost), None)
    if lost or not found:
        return lost or NOTHING
    whole, local = any(each.whole for each in found), [each for each in found if each.axes]
    apart = any(each.apart for each in found)
    axes = tuple(map(_largest, zip(*(each.axes for each in local), strict=False))) if local else ()
    differ = any(field.jump is None or field.start is None for field in axes) and len(local) > 1
    return Seen(axes, whole, "", apart or differ)


def _largest(fields: Sequence[Reach]) -> Reach:
    largest = max(fields, key=lambda field: field.size)
    jump = largest.jump if len({field.jump for field in fields}) == 1 else None
    aligned = jump is not None and len({field.center for field in fields}) == 1
    return largest._replace(jump=jump, start=largest.start if aligned else None)


def _whole(seen: Seen) -> Seen:
    return seen if seen.lost else Seen(whole=True)


def _each(seen: Seen, after: Iterable[Reach | None]) -> Seen:
    """Return what is seen after each field changed; lost if one of them is not known."""
    found = tuple(after)
    known = tuple(field for field in found if field is not None)
    return seen._replace(axes=known) if len(known) == len(found) else _LOST


class ReceptiveFields:
    """The receptive field of every layer of a network, in order."""

    def __init__(self, traced: Trace) -> None:
        self.traced, self.shapes = traced, traced.shapes
        self.extents = traced.input.spatial
        self.seen: dict[str, Seen] = {
            name: Seen((Reach(),) * len(shape.spatial)) if len(shape.spatial) == len(self.extents) else NOTHING
            for name, shape in traced.inputs.items()
        }
        for node, step in traced.items():
            found = self._of(node, step)
            self.seen[node.path] = found._replace(lost=node.path) if found.lost == "?" else found

    @cached_property
    def last(self) -> str:
        """The path of the last feature map: the last layer whose positions have neighbors; empty if there is none."""
        paths = reversed([node.path for node in self.traced.plan.nodes])
        return next((path for path in paths if self._is_map(path)), "")

    def size(self, path: str) -> PerAxis | None:
        """Return the positions that are seen along each axis: of the whole input, at least its size."""
        seen = self.seen.get(path, NOTHING)
        if seen.lost or not (seen.axes or seen.whole):
            return None
        whole = [int(size) for size in self.extents] if seen.whole else [0] * len(seen.axes)  # type: ignore[arg-type]
        sizes = [field.size for field in seen.axes] or whole
        return PerAxis(max(pair) for pair in zip(sizes, whole, strict=True)) if sizes else None

    def stride(self, path: str) -> PerAxis | None:
        """Return the distance between neighbors in the input; 0 if all see the same."""
        return self._along(path, lambda field: field.jump)

    def offset(self, path: str) -> PerAxis | None:
        """Return where the field of the first position starts; padding is before 0."""
        seen = self.seen[path]
        return None if seen.whole and seen.axes else self._along(path, lambda field: field.start)

    def _along(self, path: str, what: Any) -> PerAxis | None:
        seen = self.seen[path]
        if seen.whole and not seen.axes and not seen.lost and self.extents:
            return PerAxis(0 for _ in self.extents)
        found = [what(field) for field in seen.axes] if not seen.lost else []
        return PerAxis(found) if found and None not in found else None

    def notes(self) -> Iterator[Note]:
        """Yield what qualifies the field of the last feature map."""
        seen = self.seen.get(self.last, NOTHING)
        if seen.lost:
            kind = self.traced.steps[seen.lost].kind
            why = UNKNOWN.get(kind, "its positions see no window of the input")
            yield Note("receptive-lost", f"the receptive field is not known from {seen.lost} ({kind}) on: {why}")
        elif seen.apart:
            text = "branches differ in the strides or centers of their fields: the largest field is given"
            yield Note("receptive-apart", f"{self.last}: {text}, and no stride or offset where they differ")
        elif seen.whole:
            text = "a branch sees the whole input: the receptive field is the largest of the other branches"
            yield Note("receptive-whole", f"{self.last}: {text}, at least the size of the input")

    def _is_map(self, path: str) -> bool:
        shape, seen = self.shapes[path], self.seen[path]
        sizes = self._map(shape)
        return bool(sizes) and bool(seen.axes or seen.lost)

    def _map(self, shape: Shape) -> tuple[Dim, ...] | None:
        """Return the sizes of the map that a tensor is, after its channels or before them; None if it is none."""
        count = len(self.extents)
        if shape.spatial:
            return shape.spatial if len(shape.spatial) == count else None
        return shape.leading[-count:] if 0 < count <= len(shape.leading) else None

    def _of(self, node: Node, step: Step) -> Seen:
        if KINDS[node.kind].buffer == "none":
            return NOTHING
        seen = joined(self.seen[name] for name in node.inputs)
        if seen.lost or seen == NOTHING:
            return seen
        found = self._through(step, seen, self.shapes[node.inputs[0]], node)
        before = getattr(node.layer, "padding", 0) if node.kind == "Pad" else 0
        before = _negated(getattr(node.layer, "cropping", 0)) if node.kind == "Crop" else before
        if not found.axes or not isinstance(before, int | tuple) or node.kind not in {"Pad", "Crop"}:
            return found
        axes = zip(found.axes, pads(before, len(found.axes)), strict=True)
        return _each(found, (field.slid(1, 1, pair[0]) for field, pair in axes))  # type: ignore[arg-type]

    def _through(self, step: Step, seen: Seen, x: Shape, node: Node | None = None) -> Seen:
        """Return what the output of a step sees, if its input sees so much."""
        kind = row_of(step)
        if kind.sees == "other":
            return _LOST
        if kind.sees == "all" or not seen.axes:
            return _whole(seen)
        if step.parts:
            through = self._beside if kind.parts == "beside" else self._chained
            return self._res2(step, seen, x) if step.kind == "Res2Conv" else through(step, seen, x)
        if step.slide is not None and len(step.slide.map) == len(seen.axes):
            return _slid(step, step.slide, seen)
        return self._without_window(step, seen, x, node)

    def _chained(self, step: Step, seen: Seen, x: Shape) -> Seen:
        for part in step.parts:
            seen = seen if seen.lost else self._through(part.step, seen, x)
            x = part.step.shape
        return seen

    def _beside(self, step: Step, seen: Seen, x: Shape) -> Seen:
        """Join the parts with windows and those that see all; what is read too if no part has a window."""
        parts = [
            part.step
            for part in step.parts
            if any(leaf.slide or row_of(leaf).sees == "all" for leaf in part.step.leaves())
        ]
        found = [self._through(part, seen, x) for part in parts]
        return joined([*found, *([] if any(each.axes for each in found) else [seen])])

    def _res2(self, step: Step, seen: Seen, x: Shape) -> Seen:
        """Follow the share that passes all convolutions of a stage; those of a first stage are not added."""
        leaf = next(step.leaves())
        width = step.shape.channels - leaf.shape.channels
        is_first = any(part.name == "pool" for part in step.parts)
        for _ in range(1 if is_first else int(leaf.shape.channels // width)):  # type: ignore[arg-type]
            seen = self._through(leaf, seen, x)
        return seen

    def _without_window(self, step: Step, seen: Seen, x: Shape, node: Node | None) -> Seen:
        before, after = self._map(x), self._map(step.shape)
        if step.kind == "Interpolate" and before and after:
            mode = next(
                (name for name in step.tally.counts if name.startswith("interpolate_") and name[12:] != "in"), ""
            )
            return _each(seen, map(_resized, seen.axes, before, after, [_TAPS.get(mode[12:], 1)] * len(after)))
        if step.kind in {"PixelShuffle", "PixelUnshuffle", "Neighbours"} and before and after:
            return _each(seen, map(_rearranged, seen.axes, before, after))
        if before and after and before != after:
            return self._other_map(step, seen, after)
        if before and not after:
            return self._flattened(step, seen, before)
        if node is not None and node.kind == "Permute" and before and not _keeps_order(node, len(before)):
            return _LOST
        return seen if before == after else _LOST

    def _other_map(self, step: Step, seen: Seen, after: tuple[Dim, ...]) -> Seen:
        if all(size == 1 for size in after) or step.kind == "Reduce":
            return _whole(seen)
        if row_of(step).sees == "moved":
            is_known = step.kind in {"Pad", "Crop"}
            return seen if is_known else seen._replace(axes=tuple(each._replace(start=None) for each in seen.axes))
        return _LOST

    def _flattened(self, step: Step, seen: Seen, before: tuple[Dim, ...]) -> Seen:
        """Return what is seen of a map that is no map any more: positions in a row keep what they see."""
        row = 1
        for size in before:
            row = row * int(size)  # type: ignore[arg-type]
        others = [size for at, size in enumerate(step.shape.dims) if at != step.shape.channel_axis]
        keeps = step.kind in {"ToTokens", "Reshape", "Permute"} and row in step.shape.dims and bool(others)
        return seen if keeps else _whole(seen)


_TAPS: Mapping[str, int] = {"linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
"""The positions along an axis that a mode of interpolation reads for one that it writes."""


def _keeps_order(node: Node, count: int) -> bool:
    """Tell whether a permutation leaves the axes of the map in their order."""
    order = [axis % len(node.layer.order) for axis in node.layer.order]  # type: ignore[attr-defined]
    return [axis for axis in order if axis >= len(order) - count] == [*range(len(order) - count, len(order))]


def _negated(value: Any) -> Any:
    return tuple(map(_negated, value)) if isinstance(value, tuple) else -value if isinstance(value, int) else None


def _slid(step: Step, slide: Slide, seen: Seen) -> Seen:
    """Return what is seen after a window, an adaptive pool or a transposed convolution."""
    window = slide.window
    if window is None:
        return (
            _whole(seen)
            if all(stops == 1 for stops in slide.stops)
            else _each(seen, map(_adapted, seen.axes, slide.map, slide.stops))
        )
    count = len(seen.axes)
    kernel, stride = window.kernel(count), per_axis(window.stride, count, "stride")
    dilation = per_axis(window.dilation, count, "dilation")
    extents: list[Any] = [gap * (size - 1) + 1 for size, gap in zip(kernel, dilation, strict=True)]
    if step.kind == "ConvTranspose":
        return _each(
            seen, (f.enlarged(s, k) if s != 1 else f.slid(k, 1, None) for f, k, s in _rows(seen, extents, stride))
        )
    if isinstance(window.padding, str):
        same = window.padding == "same"
        axes = zip(slide.map, slide.stops, extents, stride, strict=True)
        before = [max((o - 1) * s + k - n, 0) // 2 if same else 0 for n, o, k, s in axes]
    else:
        before = [pad for pad, _ in pads(window.padding, count)]
    rows = zip(_rows(seen, extents, stride), before, strict=True)
    return _each(seen, (field.slid(k, s, pad) for (field, k, s), pad in rows))


def _rows(seen: Seen, extents: Sequence[Any], stride: Sequence[Any]) -> Iterator[tuple[Reach, Any, Any]]:
    return zip(seen.axes, extents, stride, strict=True)


def _adapted(field: Reach, size: Any, stops: Any) -> Reach | None:
    """Return the field after windows from ⌊i·size/stops⌋ to ⌈(i + 1)·size/stops⌉, the largest of them."""
    if size % stops == 0:
        return field.slid(size // stops, size // stops)
    extent = max(-(-(at + 1) * size // stops) - at * size // stops for at in range(stops))
    return field.slid(extent, Fraction(size, stops), None)


def _resized(field: Reach, before: Any, after: Any, taps: int) -> Reach | None:
    """Return the field on a map of another size, for each of whose positions some of the old are read."""
    if before == after:
        return field
    factor = Fraction(after, before)
    return field.enlarged(factor, factor * taps) if factor > 1 else field.slid(taps, 1 / factor, None)


def _rearranged(field: Reach, before: Any, after: Any) -> Reach | None:
    """Return the field where channels become positions or the other way round."""
    if after >= before:
        return field.enlarged(Fraction(after, before), Fraction(after, before))
    return field.slid(-(-before // after), -(-before // after))
