"""The sizes of a model's inputs: what its file says, or what the command line does."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flopcount.errors import UsageError
from flopcount.importers.foreign import Request
from flopcount.importers.onnx.graph import Wire
from flopcount.importers.onnx.values import Dims
from flopcount.schema.base import LARGEST

COLOURS = 4
"""A last axis of at most so many is taken for the channels of a picture."""


class Sized(NamedTuple):
    """Sizes for each input, the sizes that have names, and what had to be assumed."""

    dims: Mapping[str, Dims]
    names: Mapping[str, int]
    notes: tuple[str, ...]


def sized(inputs: Sequence[Wire], request: Request, title: str) -> Sized:
    """Return the sizes of all inputs; a UsageError says which are open."""
    asked, names = _asked(inputs, request.size, title)
    names = dict(names)
    for wire in inputs:
        _bind(wire, asked.get(wire.name), names, title)
    notes: list[str] = []
    found: dict[str, Dims] = {}
    for wire in inputs:
        dims = asked.get(wire.name) or _declared(wire, names, notes, title)
        if request.batch is not None and dims:
            dims = (request.batch, *dims[1:])
        if any(size < 1 or size > LARGEST for size in dims):
            raise UsageError(f"{title}: the input {wire.name!r} is {_text(dims)}; sizes go from 1 to 10⁹")
        found[wire.name] = dims
    return Sized(found, names, tuple(dict.fromkeys(notes)))


def _asked(inputs: Sequence[Wire], text: str | None, title: str) -> tuple[dict[str, Dims], dict[str, int]]:
    """Read --input: sizes of the first input, or NAME=SIZES for inputs and for sizes that have names."""
    if text is None:
        return {}, {}
    if "=" not in text:
        return {inputs[0].name: _resized(inputs[0], _numbers(text), text)}, {}
    wires = {wire.name: wire for wire in inputs}
    symbols = {size for wire in inputs for size in wire.dims or () if isinstance(size, str) and size}
    asked: dict[str, Dims] = {}
    names: dict[str, int] = {}
    for part in text.split(","):
        name, _, sizes = (word.strip() for word in part.rpartition("="))
        if name in wires:
            asked[name] = _resized(wires[name], _numbers(sizes), text)
        elif name in symbols and len(_numbers(sizes)) == 1:
            names[name] = _numbers(sizes)[0]
        else:
            known = ", ".join([*wires, *sorted(symbols)][:20])
            raise UsageError(f"--input {text[:60]}: {title} has no input or size {name[:50]!r}; it has {known}")
    return asked, names


def _numbers(text: str) -> Dims:
    parts = text.lower().replace("×", "x").split("x")
    if not all(part.isascii() and part.isdecimal() and len(part) <= len(str(LARGEST)) for part in parts):
        raise UsageError(f"--input {text[:60]} is not a size; write 160, 160x128, 3x160x128 or 1x3x160x128")
    return tuple(map(int, parts))


def _resized(wire: Wire, numbers: Dims, text: str) -> Dims:
    """Return an input's sizes: all of them, without the batch, or those of space."""
    declared = wire.dims
    if declared is None or len(numbers) == len(declared):
        return numbers
    batch = declared[0] if declared and isinstance(declared[0], int) and declared[0] > 0 else 1
    if len(numbers) == len(declared) - 1:
        return (batch, *numbers)
    last = _channels_last(declared)
    space, channels = (declared[1:-1], declared[-1]) if last else (declared[2:], declared[1:2] and declared[1])
    numbers = numbers * len(space) if len(numbers) == 1 else numbers
    if len(numbers) == len(space) and isinstance(channels, int):
        return (batch, *numbers, channels) if last else (batch, channels, *numbers)
    raise UsageError(
        f"--input {text[:60]} does not fit the input {wire.name!r}, which is {_text(declared)}; give all sizes"
    )


def _channels_last(declared: Sequence[int | str]) -> bool:
    """Tell a picture with the channels last, as TensorFlow has them."""
    if len(declared) < 3:  # noqa: PLR2004  (a batch, channels and space)
        return False
    last, first = declared[-1], declared[1]
    return isinstance(last, int) and 0 < last <= COLOURS and not (isinstance(first, int) and 0 < first <= COLOURS)


def _bind(wire: Wire, dims: Dims | None, names: dict[str, int], title: str) -> None:
    """Learn what the named sizes of an input are."""
    for name, size in zip(wire.dims or (), dims or (), strict=False):
        if isinstance(name, str) and name and names.setdefault(name, size) != size:
            raise UsageError(f"{title}: {name} is {names[name]} and {size}; give the inputs sizes that agree")


def _declared(wire: Wire, names: Mapping[str, int], notes: list[str], title: str) -> Dims:
    """Return what the file says, with named sizes filled in; an open batch is one."""
    if wire.dims is None:
        raise UsageError(f"{title}: the input {wire.name!r} has no sizes; give them, as in --input 1x3x224x224")
    dims = [names.get(size, size) if isinstance(size, str) else size for size in wire.dims]
    if dims and _is_open(dims[0]):
        notes.append(f"the batch of {title} is open, and counted as 1; --batch gives another")
        dims[0] = 1
    opened = [size for size in dims if _is_open(size)]
    if opened:
        usual = 224 if len(dims) == 4 else 128  # noqa: PLR2004  (a batch of pictures; anything else may be tokens)
        raise UsageError(
            f"{title}: the input {wire.name!r} is {_text(wire.dims)}; give its sizes with --input, "
            f"as in --input {wire.name}={'x'.join(str(usual if _is_open(size) else size) for size in dims)}"
        )
    return tuple(size for size in dims if isinstance(size, int))


def _is_open(size: int | str) -> bool:
    return isinstance(size, str) or size <= 0


def _text(dims: Sequence[int | str]) -> str:
    return "×".join(str(size) or "?" for size in dims)
