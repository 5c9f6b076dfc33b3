"""What a row of a Keras model leaves: its shape here, and the order its axes have in Keras."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from flopcount.formulas.shape import Shape
from flopcount.readers.rows import Blame, ImportProblem, Rows, whole
from flopcount.spec.fields import LARGEST


class Tensor(NamedTuple):
    """What a row leaves: its shape here, and which of Keras' axes the channels are."""

    row: str
    shape: Shape
    channel: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes as Keras orders them, without the batch."""
        others = [whole(size) for size in (*self.shape.leading, *self.shape.spatial)]
        return (*others[: self.channel], whole(self.shape.channels), *others[self.channel :])

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape.dims)

    @property
    def copies(self) -> int:
        """How many axes stand before the channels here."""
        return self.shape.channel_axis


def held(sizes: tuple[int, ...], channel: int, copies: int) -> Shape:
    """Return the shape that sizes of Keras have here, with so many axes before the channels."""
    others = (*sizes[:channel], *sizes[channel + 1 :])
    return Shape((*others[:copies], sizes[channel], *others[copies:]), copies)


def order_of(channel: int, copies: int, rank: int) -> list[int]:
    """Return which axes of Keras stand where here."""
    others = [axis for axis in range(rank) if axis != channel]
    return [*others[:copies], channel, *others[copies:]]


# One use of a layer: what it is configured with, what it reads, and the rows it becomes.


class Use(NamedTuple):
    """A call of a layer: its arguments with tensors among them, and where its rows go.

    `outer` axes of a tensor are not for the layer: it is applied to each place of
    them. Where its params are not simply its own they are `held`, "shared" or "frozen".
    The rows are `bare` in a block that has the layer's name already. `wrapped` writes
    the layer inside, where there is one.
    """

    rows: Rows
    blame: Blame
    name: str
    config: Mapping[str, Any]
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]
    held: str = ""
    outer: int = 0
    bare: bool = False
    wrapped: "Callable[[Use], Tensor | list[Tensor]] | None" = None

    @property
    def xs(self) -> tuple[Tensor, ...]:
        """The tensors among the arguments, or among the keywords where no argument is one."""
        return tuple(tensors_in(self.args)) or tuple(tensors_in(self.keywords))

    @property
    def x(self) -> Tensor:
        """The first tensor."""
        xs = self.xs
        if not xs:
            raise self.problem("nothing enters; the file is damaged")
        return xs[0]

    def grouped(self, write: "Callable[..., Tensor | list[Tensor]]", *xs: Tensor) -> "Tensor | list[Tensor]":
        """Write what takes several rows as a block with the layer's name; several outputs stand in line."""
        sources: dict[str, Tensor] = {}
        labels: dict[str, str] = {}
        for x in xs:
            label = labels.setdefault(x.row, f"input{len(labels) + 1}" if labels else "input")
            sources[label] = x
        rows = Rows()
        y = write(self._replace(rows=rows, bare=True), *(x._replace(row=labels[x.row]) for x in xs))
        if not isinstance(y, Tensor):
            return write(self, *xs)
        if len(rows.data) == 1:
            return y._replace(row=self.rows.adopt(self.name, rows.data[0], sources))
        return y._replace(row=self.rows.block(self.name, rows, tuple(sources.values())))

    def inside(self, use: "Use") -> "Tensor | list[Tensor]":
        """Write the layer inside this one, which is a wrapper."""
        if self.wrapped is None:
            raise self.problem("there is no layer inside it; the file is damaged")
        return self.wrapped(use)

    def problem(self, what: str) -> ImportProblem:
        """Return a refusal that names the layer."""
        return self.blame.problem(what)

    def row(self, kind: str, *xs: Tensor, tail: str = "", channel: int | None = None, **options: Any) -> Tensor:
        """Write a row; without a tail it is called as the layer is."""
        name = (tail or kind.lower()) if self.bare else f"{self.name}_{tail}" if tail else self.name
        row, step = self.rows.add(self.blame, kind, xs, options, name=name, held=self.held)
        rank = len(step.shape.dims)
        if channel is None:
            channel = xs[0].channel if rank == xs[0].rank else rank - 1
        return Tensor(row, step.shape, channel)

    def given(self, key: str, default: Any = None) -> Any:
        """Return what the layer is configured with."""
        return self.config.get(key, default)

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001  (a value, as any other)
        """Return a setting that is true or false."""
        value = self.given(key, default)
        if value is not True and value is not False:
            raise self.problem(f"{key} is neither true nor false")
        return value is True

    def word(self, key: str, default: str) -> str:
        """Return a setting that is a word."""
        value = self.given(key, default)
        if not isinstance(value, str):
            raise self.problem(f"{key} is not a word")
        return value.lower()

    def number(self, key: str, default: int | None = None) -> int:
        """Return a setting that is a whole number."""
        return self.checked(key, self.given(key, default))

    def checked(self, key: str, value: Any) -> int:
        """Return a whole number within bounds."""
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
            raise self.problem(f"{key} is not a whole number up to 10⁹")
        return value

    def sizes(self, key: str, count: int, default: Any = None) -> tuple[int, ...]:
        """Return a setting that is one number for each axis."""
        value = self.given(key, default)
        if isinstance(value, int):
            value = [value] * count
        if not isinstance(value, list | tuple) or len(value) != count:
            raise self.problem(f"{key} is not one whole number, nor one for each of {count} axes")
        return tuple(self.checked(key, each) for each in value)

    def axis(self, value: Any, rank: int, what: str = "axis") -> int:
        """Return a place among the axes without the batch; Keras counts the batch, or from the end."""
        found = self.checked(what, value)
        place = found + rank if found < 0 else found - 1 + self.outer
        if not self.outer <= place < rank:
            raise self.problem(f"{what} = {found} is none of the {rank} axes behind the batch")
        return place

    @property
    def channels_first(self) -> bool:
        """Whether the layer takes the channels to be before space."""
        return bool(self.given("data_format") == "channels_first")

    def viewed(self, x: Tensor, channel: int, copies: int) -> Tensor:
        """Return a tensor with the channels on another axis, or before or behind space, which computes nothing."""
        if (x.channel, x.copies) == (channel, copies) or x.rank == 1:
            return x
        known = self.rows.views.get((x.row, channel, copies))
        if known is None:
            known = self.rows.views[x.row, channel, copies] = self._view(x, channel, copies)
        return known

    def _view(self, x: Tensor, channel: int, copies: int) -> Tensor:
        """Write the row by its plain kind, where there is one; it serves all that read it."""
        aside = self._replace(name=x.row, held="", bare=False)
        if channel == x.channel and copies == x.rank - 1:
            return aside.row("ChannelsLast", x, tail="last", channel=channel)
        if channel == x.channel and x.copies == x.rank - 1:
            return aside.row("ChannelsFirst", x, tail="first", channel=channel, axes=x.rank - 1 - copies)
        before, after = order_of(x.channel, x.copies, x.rank), order_of(channel, copies, x.rank)
        order = [before.index(axis) - x.rank for axis in after]
        return aside.row("Permute", x, tail="turned", channel=channel, order=order, channel_axis=copies - x.rank)

    def mapped(self, x: Tensor, axes: int | None = None) -> Tensor:
        """Return a tensor as a map of so many axes of space, the channels where the layer takes them to be."""
        axes = x.rank - 1 if axes is None else axes
        copies = x.rank - 1 - axes
        if copies < 0:
            raise self.problem(f"needs {axes} axes of space, and its input {shown(x)} has not as many")
        return self.viewed(x, copies if self.channels_first else x.rank - 1, copies)

    def vectors(self, x: Tensor) -> Tensor:
        """Return a tensor as vectors along its last axis."""
        return self.viewed(x, x.rank - 1, x.rank - 1)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in what a call is given, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in([*value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)


def shown(x: Tensor) -> str:
    """Write the sizes of a tensor as Keras orders them."""
    return "×".join(map(str, x.sizes))


# The arguments of an operation: settings, keywords, or by place.


def argument(use: Use, place: int, *names: str, default: Any = None) -> Any:
    """Return an argument of a function: a setting, a keyword, or the one at its place."""
    for name in names:
        for source in (use.keywords, use.config):
            if source.get(name) is not None:
                return source[name]
    return use.args[place] if len(use.args) > place else default


def along(use: Use, value: Any, rank: int) -> list[int]:
    """Return the axes an argument names, all where it names none."""
    if value is None:
        return [*range(use.outer, rank)]
    return sorted({use.axis(each, rank) for each in (value if isinstance(value, list) else [value])})


def operands(use: Use) -> list[Tensor]:
    """Return all tensors, by place and by name."""
    return [*tensors_in(use.args), *tensors_in(use.keywords)]
